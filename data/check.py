"""What was understood of scenes, and why, so that a person sees a misreading at a glance.

Pure text from what `corpus.json` holds; `data.prepare --check` prints it and keeps no corpus.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from data.info import HISTOGRAM_MARGIN_DB, Bounds, CorpusInfo, SourceRecord
from data.splits import SPLITS

BARS = " ▁▂▃▄▅▆▇█"
NUM_NAMED = 3


def describe_families(info: CorpusInfo) -> str:
    """Return a block per group and polarisation, then what was left out."""
    families: dict[tuple[str, str], list[SourceRecord]] = {}
    for record in info.sources:
        families.setdefault((record.group, record.polarisation), []).append(record)
    bounds = {(b.group, b.polarisation): b for b in info.bounds}
    blocks = [_block(key, records, bounds.get(key)) for key, records in sorted(families.items())]
    return "\n\n".join([*blocks, describe_left_out(info.left_out, len(info.sources))])


def count_left_out(left_out: Sequence[tuple[str, str]], num_images: int) -> str:
    """Say in one line how many files are used and how many are not."""
    num_other = sum(reason.startswith("no image") for _, reason in left_out)
    num_rasters = len(left_out) - num_other
    rasters = f", {num_rasters} of them rasters" if num_rasters else ""
    return (
        f"Used {num_images} image(s), left out {len(left_out)} file(s){rasters} (--check says why)."
    )


def describe_left_out(left_out: Sequence[tuple[str, str]], num_images: int) -> str:
    """Say how many files are not used, by reason, each with examples."""
    reasons: dict[str, list[str]] = {}
    for name, reason in left_out:
        reasons.setdefault(reason, []).append(PurePosixPath(name).name)
    lines = [
        f"  {len(names)} {reason}: {', '.join(names[:NUM_NAMED])}"
        + (f" and {len(names) - NUM_NAMED} more" if len(names) > NUM_NAMED else "")
        for reason, names in sorted(reasons.items())
    ]
    heading = f"Used {num_images} image(s), left out {len(left_out)} file(s)"
    return "\n".join([heading + (":" if lines else "."), *lines])


def histogram_line(bounds: Bounds) -> str:
    """Draw the training pixels of a family, with the decibels at both ends.

    >>> histogram_line(Bounds("g", "vv", -20.0, 0.0, (0, 1, 4, 2)))
    '-28 dB  ▂█▄ 8 dB'
    """
    most = max(bounds.histogram, default=0)
    if not most:
        return "none counted"
    top = len(BARS) - 1
    bars = "".join(BARS[-(-top * count // most)] for count in bounds.histogram)
    low_db, high_db = bounds.low_db - HISTOGRAM_MARGIN_DB, bounds.high_db + HISTOGRAM_MARGIN_DB
    return f"{low_db:.0f} dB {bars} {high_db:.0f} dB"


def _block(key: tuple[str, str], records: Sequence[SourceRecord], bounds: Bounds | None) -> str:
    group, polarisation = key
    lines = [
        f"{group}, {polarisation}",
        f"  images     {len(records)}, for example {PurePosixPath(records[0].name).name}",
        f"  units      {_count(f'{r.units} by {r.units_reason}' for r in records)}",
        f"  values     {_count(r.dtype for r in records)}",
        f"  no data    {_no_data(records)}",
        f"  passes     {_passes(records)}",
        f"  patches    {_patches(records)}",
    ]
    if bounds is None:
        return "\n".join([*lines, "  bounds     none: no patch was kept"])
    lines.append(f"  bounds     {bounds.low_db:.2f} to {bounds.high_db:.2f} dB")
    return "\n".join([*lines, f"  histogram  {histogram_line(bounds)}"])


def _count(words: Iterable[str]) -> str:
    counted = Counter(words)
    return ", ".join(word if len(counted) == 1 else f"{n} {word}" for word, n in counted.items())


def _no_data(records: Sequence[SourceRecord]) -> str:
    shares = [r.invalid_fraction for r in records if r.invalid_fraction is not None]
    mean = f"{sum(shares) / len(shares):.1%} of the pixels" if shares else "no patch fits"
    implausible = sum(r.num_implausible_px for r in records)
    more = f", of them {implausible} with values that no radar measures" if implausible else ""
    return f"{mean}, told by {_count(_told(r) for r in records)}{more}"


def _told(record: SourceRecord) -> str:
    return "zero and NaN alone" if record.mask_source == "none" else record.mask_source


def _passes(records: Sequence[SourceRecord]) -> str:
    of_split = {split: sorted({r.pass_id for r in records if r.split == split}) for split in SPLITS}
    return "; ".join(
        f"{split} {len(passes)}" + (f" ({', '.join(passes[:NUM_NAMED])})" if passes else "")
        for split, passes in of_split.items()
    )


def _patches(records: Sequence[SourceRecord]) -> str:
    kept = sum(r.num_patches for r in records)
    dropped, constant = sum(r.num_dropped for r in records), sum(r.num_constant for r in records)
    return f"{kept} kept, {dropped} with too few valid pixels, {constant} constant"
