"""A small results folder of studies of bytes, in which every answer is known.

EVERY NUMBER IS MADE UP. An architecture needs `NEEDS` of the bytes that JPEG2000 needs at equal
PSNR, at every rate, so that its BD-rate is known. Steps beside the trained ones are `WEAKER_DB`
worse than a model that was trained for their rate.
"""

import math
from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path

import numpy as np

from tests.recorded.make import (
    CORPUS,
    START,
    Row,
    dimensions,
    images,
    jpeg2000_psnr_db,
    row,
    scores,
    write_files,
)
from tune.tables.files import write_table

NEEDS = {"baseline": 1.1, "attention": 0.8, "linear": 0.9}
HOURS = {"baseline": 2.0, "attention": 6.0, "linear": 1.0}
WEAKER_DB = 0.2
RATIOS = (4, 8, 16, 32, 64)
SCALES = {0.7: 1.3, 1.0: 1.0, 1.4: 0.75}
"""What a factor on the steps makes of the rate."""

SHARED = {"crop_px": 256, "split_fingerprint": "5b" * 8, "val_images": 8}


def psnr_of(arch: str, rate_bpp: float) -> float:
    """PSNR of a model that was trained for a rate."""
    return jpeg2000_psnr_db(rate_bpp / NEEDS[arch])


def write_promotion(
    results: Path, arch: str, ratio: int, seeds: Iterable[int] = (0, 1, 2), off: float = 1.0
) -> None:
    """Write the tables of a promotion of one candidate; its rates miss the target by a factor."""
    study = f"{arch}_full_{8 / ratio:g}bpp_cr{ratio}x_20260301_000000"
    pictured = images()[:12]
    known: Row = {"study": study, "arch": arch, "ratio": ratio, "base_channels": 32}
    runs: list[Row] = []
    test: list[Row] = []
    for seed in seeds:
        run = known | {"run": f"{study}_c1_s{seed}", "candidate": "c1", "seed": seed}
        luck_db = 0.02 * (seed - 1)
        level_db = psnr_of(arch, off * 8 / ratio) + luck_db
        trained = {"train_s": 3600 * HOURS[arch], "best_val_psnr_db": level_db, "rank": 1}
        trained |= {"rate": "bytes", "rate_target_bpp": 8 / ratio, "outcome": "completed"}
        runs.append(row("runs", **run | CORPUS | SHARED | trained))
        for number, image in enumerate(pictured):
            hard_db = 0.3 * math.sin(number)
            facts = run | CORPUS | image | {"rate_target_bpp": 8 / ratio}
            test.append(row("test", **facts | scores(image, level_db + 1 + hard_db)))
            for scale, factor in SCALES.items():
                rate_bpp = off * 8 / ratio * factor
                psnr_db = psnr_of(arch, rate_bpp) - WEAKER_DB * (scale != 1) + luck_db + hard_db
                coded = {"rate_bpp": rate_bpp, "quantiser_step": 0.1 * scale + 0.001 * seed}
                coded |= {"step_scale": scale, "estimate_bpp": 0.99 * rate_bpp}
                test.append(row("test", **facts | coded | scores(image, psnr_db)))
    verdict = {"place": 1, "verdict": "best", "num_seeds": len(runs), "p_best": 1.0}
    verdict |= {"candidate": "c1", "val_psnr_db": psnr_of(arch, 8 / ratio)}
    write(
        results / study,
        {
            "runs": runs,
            "test": test,
            "verdicts": [row("verdicts", **known_of(known) | CORPUS | verdict)],
            "codecs": codecs(study, pictured),
        },
    )


def known_of(known: Row) -> Row:
    """What a verdict has of a run's identity."""
    return {name: known[name] for name in ("study", "arch", "ratio")}


def codecs(study: str, pictured: list[Row]) -> list[Row]:
    """JPEG2000 at five rates, HEVC and AVIF with 0.95 and 0.9 of its bytes, block KLT with 1.05."""
    needs = {"jpeg2000": 1.0, "hevc_intra": 0.95, "avif": 0.9, "block_klt": 1.05}
    return [
        row(
            "codecs",
            study=study,
            **CORPUS,
            codec=codec,
            ratio=ratio,
            **image,
            rate_bpp=8 / ratio,
            **scores(image, jpeg2000_psnr_db(8 / ratio / need) + 0.3 * math.sin(number)),
        )
        for number, image in enumerate(pictured)
        for codec, need in needs.items()
        for ratio in RATIOS
    ]


def write_search(results: Path, arch: str, ratio: int, num_trials: int = 4) -> None:
    """Write the tables of a finished search."""
    study = f"{arch}_quick_{8 / ratio:g}bpp_cr{ratio}x_20260228_000000"
    trials, epochs = [], []
    for number in range(num_trials):
        trial: Row = {"study": study, "trial": f"{study}_t{number:03d}", "trial_number": number}
        best_db = psnr_of(arch, 8 / ratio) - 0.1 * number
        facts = {"arch": arch, "ratio": ratio, "rate": "bytes", "rate_target_bpp": 8 / ratio}
        facts |= {"learning_rate": 1e-3, "base_channels": 32, "warmup_epochs": 1, "max_epochs": 3}
        facts |= {"proposed_by": "searcher" if number else "hand_set", "outcome": "completed"}
        facts |= {"best_val_psnr_db": best_db, "best_val_ssim": 0.6, "best_epoch": 3}
        trials.append(row("trials", **trial | CORPUS | SHARED | facts | {"epochs_finished": 3}))
        for epoch in (1, 2, 3):
            scored = {"epoch": epoch, "val_psnr_db": best_db - 0.5 * (3 - epoch)}
            scored |= {"rate_bpp": 8 / ratio * (1 + 0.1 / epoch), "multiplier": 0.01 * epoch}
            scored |= {"recorded_at": START + timedelta(seconds=len(epochs))}
            epochs.append(row("epochs", **trial | scored | {"rate_target_bpp": 8 / ratio}))
    lines = [
        row(
            "references",
            study=study,
            **CORPUS,
            split="val",
            crop_px=256,
            ratio=ratio,
            reference=name,
            psnr_db=jpeg2000_psnr_db(8 / ratio / need),
            num_images=8,
        )
        | {"rate": "bytes", "rate_bpp": 8 / ratio}
        for name, need in (("jpeg2000", 1.0), ("block_klt", 1.05))
    ]
    tables = {"trials": trials, "epochs": epochs, "references": lines}
    write(results / study, tables | {"dimensions": dimensions(study)})


def write(folder: Path, tables: Mapping[str, list[Row]]) -> None:
    """Write tables and the files beside them."""
    (folder / "tables").mkdir(parents=True)
    for name, rows in tables.items():
        write_table(folder / "tables", name, rows)
    write_files(folder, ["tune.search"], folder.name.split("_")[0])


def make_bytes(results: Path, archs: Iterable[str] = tuple(NEEDS)) -> None:
    """Write a search and promotions at five ratios of each architecture."""
    for arch in archs:
        write_search(results, arch, 16)
        for ratio in RATIOS:
            write_promotion(results, arch, ratio)


def exact_percent(arch: str) -> float:
    """BD-rate of an architecture against JPEG2000, by construction."""
    return float(np.round(100 * (NEEDS[arch] - 1), 6))
