"""Five test images as the eye sees them: the original, the best candidate's, and JPEG2000's.

A rule chooses them, not a person: by the PSNR of the block KLT at the same ratio the best, the
quartiles, the median and the worst. That is the same for every architecture, so that their
reconstructions of the same images stand side by side.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from models.coding.classical import encode_jpeg2000, to_8_bit
from models.coding.latent_codec import LatentCoder
from models.coding.quantiser_steps import Transform
from models.metrics.reconstruction import psnr_db
from tune.evaluation.images import ImageSet
from tune.trial.spec import TrialSpec

RULES = (
    ("best", 1.0),
    ("upper_quartile", 0.75),
    ("median", 0.5),
    ("lower_quartile", 0.25),
    ("worst", 0.0),
)


def choose_images(scores_db: NDArray[np.float64]) -> dict[str, int]:
    """Return the position of the image of each rule, by score; ties by position.

    >>> choose_images(np.array([3.0, 1.0, 5.0, 2.0, 4.0]))
    {'best': 2, 'upper_quartile': 4, 'median': 0, 'lower_quartile': 3, 'worst': 1}
    """
    order = np.argsort(scores_db, kind="stable")
    return {rule: int(order[round(share * (len(order) - 1))]) for rule, share in RULES}


def picture_rows(
    spec: TrialSpec,
    transform: Transform,
    coder: LatentCoder,
    images: ImageSet,
    chosen: Mapping[str, int],
) -> list[dict[str, Any]]:
    """Return the pictures table of a promotion.

    Args:
        spec: The run whose pictures are shown.
        transform: Its model.
        coder: Its finest one: quantisation costs next to nothing there.
        images: The test images.
        chosen: Positions in them, by rule.
    """
    rows = []
    for rule, position in chosen.items():
        x = images.pixels[position, 0]
        code = coder.encode(transform.encode(torch.from_numpy(x)[None, None])[0])
        x_hat = transform.decode(coder.decode(code)[None])[0, 0].clamp(0, 1).numpy()
        shared = {
            "study": spec.study,
            "ratio": spec.model.ratio,
            "image": images.names[position],
            "chosen_as": rule,
        }
        rows.append({**shared, "source": "original", "run": None, **_picture(x)})
        rows.append(
            {
                **shared,
                "source": spec.model.arch,
                "run": spec.name,
                **_picture(x_hat, x, len(code)),
            }
        )
        coded = encode_jpeg2000(to_8_bit(x), len(code))
        if coded is not None:  # it may be unable to get as small
            jpeg = _picture(coded.decoded, x, coded.num_bytes)
            rows.append({**shared, "source": "jpeg2000", "run": None, **jpeg})
    return rows


def _picture(
    decoded: NDArray[np.float32],
    original: NDArray[np.float32] | None = None,
    num_bytes: int | None = None,
) -> dict[str, Any]:
    height_px, width_px = decoded.shape
    score_db = None
    if original is not None:
        pair = (torch.from_numpy(image)[None, None] for image in (decoded, original))
        score_db = float(psnr_db(*pair))
    return {
        "height_px": height_px,
        "width_px": width_px,
        "pixels": to_8_bit(decoded).tobytes(),
        "psnr_db": score_db,
        "rate_bpp": None if num_bytes is None else 8 * num_bytes / decoded.size,
    }
