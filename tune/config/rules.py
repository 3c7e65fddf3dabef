"""The rules that a configuration must keep beside the limits of each setting.

Each check raises a `UsageError` that says the rule, the value found and what to do.
"""

import re
from collections.abc import Mapping

from data.stamp import CorpusStamp
from models.registry import ARCHITECTURES, max_rate_bpp
from models.shapes import RATIOS, REDUCTION, nominal_channels, target_bpp
from models.training.objective import MIN_MS_SSIM_PX
from tune.config.settings import Setting, check_limits
from tune.errors import UsageError, did_you_mean
from tune.space.ranges import SearchSpace

MAX_NAME = 200
"""Characters of a study's name: file systems allow 255, and files of trials add to it."""


def check_architecture(arch: str) -> None:
    """Refuse an architecture that is not in the registry."""
    if arch not in ARCHITECTURES:
        raise UsageError(
            f"arch must be one of {', '.join(ARCHITECTURES)} or all, found "
            f"{arch!r}{did_you_mean(arch, ARCHITECTURES)}"
        )


def check_ratio(ratio: int) -> None:
    """Refuse a ratio that the service does not compare, or that no latent can have."""
    known = ", ".join(map(str, RATIOS))
    if ratio in RATIOS:
        return
    channels = REDUCTION**2 / ratio if ratio > 0 else 0.0
    if not channels.is_integer():
        raise UsageError(
            f"ratio must leave a whole number of latent channels, {REDUCTION**2} / ratio, found "
            f"{ratio} which leaves {channels:.2f}: choose one of {known}"
        )
    raise UsageError(f"ratio must be one of {known} or all, found {ratio}: choose one of these")


def check_name(name: str | None) -> None:
    """Refuse a study's name that is no plain name of a folder."""
    if name is not None and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise UsageError(
            "name must begin with a letter or digit and have only letters, digits, dots, dashes "
            f"and underscores, found {name!r}: rename it"
        )
    if name is not None and len(name) > MAX_NAME:
        raise UsageError(
            f"name must have at most {MAX_NAME} characters, found {len(name)}: shorten it"
        )


def check_crop(crop_px: int | None) -> None:
    """Refuse crops that the latent does not divide evenly."""
    if crop_px is not None and crop_px % REDUCTION:
        below = crop_px // REDUCTION * REDUCTION
        raise UsageError(
            f"crop_px must be a multiple of {REDUCTION}, found {crop_px}: "
            f"use {below} or {below + REDUCTION}"
        )


def check_objective(objective: str, crop_px: int | None) -> None:
    """Refuse MS-SSIM of images that have none; None stands for patches whose side is not known."""
    if objective == "ms_ssim" and crop_px is not None and crop_px < MIN_MS_SSIM_PX:
        least = -(-MIN_MS_SSIM_PX // REDUCTION) * REDUCTION
        raise UsageError(
            f"the objective ms_ssim needs images above {MIN_MS_SSIM_PX - 1} px, found crops of "
            f"{crop_px} px: use --crop-px {least} or more, or --objective ssim"
        )


def check_ranges(space: SearchSpace, settings: Mapping[str, Setting]) -> None:
    """Refuse ranges that reach values which the setting itself would refuse."""
    for dimension in space.dimensions:
        for value in dimension.ends:
            check_limits(settings[dimension.name], value)


def check_latent_channels(rate: str, ratio: int, latent_channels: int, space: SearchSpace) -> None:
    """Refuse latent channels, fixed or searched, that do not suit what the ratio counts."""
    nominal = nominal_channels(ratio)
    searched = [int(value) for value in space.ends_of("latent_channels")]
    if rate == "elements":
        if searched:
            raise UsageError(
                f"latent_channels are {REDUCTION**2} / ratio where the ratio counts elements, "
                "found --tune latent_channels: leave it out, or search with --rate bytes"
            )
        if latent_channels != nominal:
            raise UsageError(
                f"latent_channels must be {REDUCTION**2} / ratio = {nominal} where the ratio "
                f"counts elements, found {latent_channels}: leave it out, or search with --rate "
                "bytes"
            )
    fewest = min(searched, default=latent_channels)
    if fewest < nominal:
        raise UsageError(
            f"{fewest} latent channels reach rates up to {max_rate_bpp(fewest):g} bit per pixel, "
            f"found --ratio {ratio}, which is {target_bpp(ratio):g}: take {nominal} channels "
            "or more, or a larger ratio"
        )


def check_path(arch: str, linear_path: str) -> None:
    """Refuse to take the path from what is nothing else."""
    if linear_path == "off" and not ARCHITECTURES[arch].has_network:
        raise UsageError(
            f"{arch} is the linear path alone, found --linear-path off: leave it out, or choose an "
            "architecture with a network"
        )


def check_epochs(epochs: int, warmup_epochs: int, grace_epochs: int, space: SearchSpace) -> None:
    """Refuse a warmup, fixed or searched, or a grace period that is longer than the training."""
    longest = max(warmup_epochs, *(int(value) for value in space.ends_of("warmup_epochs")), 0)
    if longest > epochs:
        raise UsageError(
            f"warmup_epochs must not exceed epochs, found {longest} and {epochs}: "
            "shorten the warmup or raise --epochs"
        )
    if grace_epochs > epochs:
        raise UsageError(
            f"grace_epochs must not exceed epochs, found {grace_epochs} and {epochs}: "
            "lower --grace-epochs or raise --epochs"
        )


def check_same_corpus(
    corpus_fingerprint: str,
    split_fingerprint: str,
    found: CorpusStamp,
    place: str,
    *,
    who: str = "a study",
    next_step: str = "bring the old one back, or start anew with --new",
) -> None:
    """Refuse a corpus that is not the one that a study was planned on.

    Args:
        corpus_fingerprint: Of the corpus that it was planned on.
        split_fingerprint: Of that one's split.
        found: The corpus that there is.
        place: Its folder.
        who: Who keeps to a corpus.
        next_step: What to do.

    Raises:
        UsageError: With the two fingerprints that differ.
    """
    for what, planned, now in (
        ("corpus", corpus_fingerprint, found.corpus_fingerprint),
        ("split", split_fingerprint, found.split_fingerprint),
    ):
        if planned != now:
            raise UsageError(
                f"{who} keeps its {what}, planned with fingerprint {planned}, found {now} in "
                f"{place!r}: {next_step}"
            )
