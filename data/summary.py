"""What `data.prepare` says about a corpus: pure text, made from its plan or its `corpus.json`."""

from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from data.info import CorpusInfo, SourceRecord
from data.patches import MIN_SPREAD_DB
from data.plan import CorpusPlan
from data.splits import NUM_WARNED, SPLITS

_HEADINGS = ("group", "pol", "images", "units", "taken from", *SPLITS)
_IS_NUMBER = (False, False, True, False, False, True, True, True, True, True)


def table_of_plan(plan: CorpusPlan) -> str:
    """Tabulate the images and patches of a plan by group and polarisation."""
    families: dict[tuple[str, ...], list[tuple[str, int]]] = {}
    for s in plan.sources:
        key = (s.group, s.polarisation, s.units, s.units_reason)
        families.setdefault(key, []).append((plan.split_of(s), plan.num_patches(s)))
    rows = [_row(family, patches) for family, patches in sorted(families.items())]
    return _align([_HEADINGS, *rows])


def table_of_corpus(info: CorpusInfo) -> str:
    """Tabulate what was kept and dropped, and the clip bounds, by group and polarisation."""
    families: dict[tuple[str, ...], list[SourceRecord]] = {}
    for r in info.sources:
        families.setdefault((r.group, r.polarisation, r.units, r.units_reason), []).append(r)
    bounds = {(b.group, b.polarisation): f"{b.low_db:.2f} to {b.high_db:.2f}" for b in info.bounds}
    rows = [
        (
            *_row(family, [(r.split, r.num_patches) for r in records]),
            str(sum(r.num_dropped for r in records)),
            bounds.get((family[0], family[1]), "none"),
        )
        for family, records in sorted(families.items())
    ]
    return _align([(*_HEADINGS, "dropped", "bounds, dB"), *rows])


def _row(family: tuple[str, ...], patches: Sequence[tuple[str, int]]) -> tuple[str, ...]:
    group, polarisation, units, reason = family
    counts = [str(sum(count for where, count in patches if where == split)) for split in SPLITS]
    return (group, polarisation, str(len(patches)), units, reason, *counts)


def _align(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            cell.rjust(width) if is_number else cell.ljust(width)
            for cell, width, is_number in zip(row, widths, _IS_NUMBER, strict=False)
        ).rstrip()
        for row in rows
    ]
    return "\n".join(lines)


def describe_losses(info: CorpusInfo) -> list[str]:
    """Say which pixels did not become patches, and why."""
    num_dropped = sum(r.num_dropped for r in info.sources)
    num_seen = num_dropped + sum(r.num_patches + r.num_constant for r in info.sources)
    least = info.options["min_valid_fraction"]
    lines = [
        f"Dropped {num_dropped} of {num_seen} patches: less "
        f"than {least:.0%} valid pixels (zero, negative, NaN or nodata)"
        + _name_one([r for r in info.sources if r.num_dropped])
    ]
    constant = [r for r in info.sources if r.num_constant]
    if constant:
        lines.append(
            f"Dropped as constant: {sum(r.num_constant for r in constant)} patches whose valid "
            f"pixels spread less than {MIN_SPREAD_DB} dB, without speckle" + _name_one(constant)
        )
    implausible = [r for r in info.sources if r.num_implausible_px]
    if implausible:
        num_px = sum(r.num_implausible_px for r in implausible)
        lines.append(
            f"Made invalid: {num_px} pixels with values that no radar measures"
            + _name_one(implausible)
        )
    small = [r for r in info.sources if min(r.height_px, r.width_px) < info.patch_px]
    if small:
        lines.append("Smaller than one patch, so without any" + _name_one(small))
    cut = [r for r in info.sources if _edge_pixels(r, info.patch_px)]
    if cut:
        share = sum(_edge_pixels(r, info.patch_px) for r in cut) / sum(
            r.height_px * r.width_px for r in info.sources
        )
        lines.append(
            f"Left over at the right and bottom edges, narrower than a patch: {share:.1%} of pixels"
            + _name_one(cut)
        )
    lines.append(
        "Bounds are the 1st and 99th percentile of the training patches; 0 dB is a pixel value of "
        "1, in a PNG the full scale."
    )
    return lines


def _edge_pixels(record: SourceRecord, patch_px: int) -> int:
    """Count the pixels beyond the last whole patch, of images that hold one."""
    rows, columns = record.height_px // patch_px, record.width_px // patch_px
    num_cut = rows * columns * patch_px**2
    return record.height_px * record.width_px - num_cut if num_cut else 0


def describe_small(plan: CorpusPlan) -> list[str]:
    """Name the images of a plan that are smaller than a patch, in no line when there are none."""
    small = [s.name for s in plan.sources if s.short_side_px < plan.options.patch_px]
    if not small:
        return []
    more = len(small) - NUM_WARNED
    named = ", ".join([*small[:NUM_WARNED], *([f"{more} more"] if more > 0 else [])])
    return [f"Smaller than one patch, so in no split unless listed: {len(small)} ({named})."]


def warn_of_lost_images(info: CorpusInfo) -> list[str]:
    """Name each image that lost all its patches to invalid pixels, and its split."""
    lost = [r for r in info.sources if r.num_dropped and not r.num_patches]
    named = [
        f"{r.name} ({r.split}) gave no patch: each of its {r.num_dropped} has too many invalid "
        "pixels; check its units and nodata value."
        for r in lost[:NUM_WARNED]
    ]
    more = len(lost) - len(named)
    return [*named, f"{more} more image(s) gave no patch for the same reason."] if more else named


def _name_one(records: Iterable[SourceRecord]) -> str:
    names = [PurePosixPath(record.name).name for record in records]
    if not names:
        return "."
    return f" ({len(names)} image(s), for example {names[0]})."


def describe_size(path: Path, info: CorpusInfo) -> str:
    """Say how many patches and bytes a corpus folder holds, and its fingerprints."""
    num_bytes = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    num_patches = sum(info.num_patches.values())
    per_pixel = num_bytes / (num_patches * info.patch_px**2)
    return (
        f"{num_patches} patches of {info.patch_px} px, {num_bytes / 1e6:.1f} MB "
        f"({per_pixel:.3f} bytes per pixel), fingerprint {info.fingerprint}, split "
        f"{info.split_fingerprint}"
    )
