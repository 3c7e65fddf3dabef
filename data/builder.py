"""A plan in, a corpus folder out: cut image by image, then moved into place.

The folder is made under a hidden name beside its place and renamed at the end, so a corpus is whole
or absent. The same plan always gives the same codes and fingerprints.

What is decided before a pixel is read lives in `plan`, cutting in `patches`, and the opposite
direction, reading a corpus, in `dataset`.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from data.calibration import (
    CODE_OFFSET_DB,
    CODE_STEP_DB,
    INVALID_CODE,
    NUM_CODES,
    count_codes,
    fit_bounds_db,
)
from data.dataset import ARRAYS_FOLDER, INDEX_COLUMNS, INDEX_FILE
from data.errors import DataError
from data.info import (
    CORPUS_VERSION,
    HISTOGRAM_BINS,
    HISTOGRAM_MARGIN_DB,
    INFO_FILE,
    Bounds,
    CorpusInfo,
    SourceRecord,
)
from data.leaks import TwinPatches
from data.patches import PatchRow, cut_patches
from data.plan import Advance, CorpusPlan, digest, fingerprint
from data.plausibility import Census
from data.scenes import open_rows
from data.sources import Source
from data.splits import SPLITS, TRAIN, VAL

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass
class _Tally:
    """What accumulates while images are cut."""

    columns: dict[str, list[Any]] = field(
        default_factory=lambda: {name: [] for name in INDEX_COLUMNS}
    )
    histograms: dict[tuple[str, str], NDArray[np.int64]] = field(default_factory=dict)
    records: list[SourceRecord] = field(default_factory=list)
    twins: TwinPatches = field(default_factory=TwinPatches)


def build_corpus(
    plan: CorpusPlan, hashes: Mapping[str, str], out: Path, advance: Advance
) -> CorpusInfo:
    """Cut all images and write the corpus, whole or not at all.

    Args:
        plan: What to build.
        hashes: SHA-256 by source name.
        out: The folder to make; it must not exist or be empty.
        advance: Called with the pixels of each block of rows done.

    Returns:
        What `corpus.json` says.

    Raises:
        DataError: A file is damaged, holds no valid pixel, shares patches with one of another
            split, or the patches do not allow bounds.
    """
    with _whole_folder(out) as folder:
        tally = _Tally()
        for source in plan.sources:
            _cut_source(plan, source, hashes[source.name], folder, tally, advance)
        tally.twins.refuse()
        info = _describe(plan, hashes, tally)
        _write_index(folder / INDEX_FILE, tally)
        _write_info(folder / INFO_FILE, info)
    return info


@contextmanager
def _whole_folder(out: Path) -> Iterator[Path]:
    """Give a folder to fill that takes the place of `out` when all went well, else vanishes."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DataError(f"a corpus is made in a new folder, and {out} exists: give another --out")
    out = out.absolute()
    folder = out.parent / f".{out.name}.{os.getpid()}.part"
    new_parents = [parent for parent in out.parents if not parent.exists()]
    try:
        folder.mkdir(parents=True)
        yield folder
        folder.replace(out)
    except OSError as error:
        # Trouble with reading scenes is a DataError already; what is left concerns this folder.
        raise DataError(
            f"the corpus folder must be writable, and {out} is not ({error.strerror}): give "
            "another --out or make room"
        ) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        for parent in new_parents:
            if parent.is_dir() and not any(parent.iterdir()):
                parent.rmdir()


def _cut_source(
    plan: CorpusPlan, source: Source, sha256: str, folder: Path, tally: _Tally, advance: Advance
) -> None:
    """Cut one image into its array file and add its patches to the tally."""
    options, split = plan.options, plan.split_of(source)
    array = f"{ARRAYS_FOLDER}/{source.scene}_{source.polarisation}.npy"
    file = folder / array
    file.parent.mkdir(parents=True, exist_ok=True)
    content, num_kept, num_seen, num_constant, num_valid_px, num_rows = hashlib.sha256(), *[0] * 5
    census = Census(source.units, source.facts.full_scale)
    with open_rows(source.path, source.band) as read_rows, file.open("wb") as stored:
        _write_header(stored, 0, options.patch_px)
        for row in cut_patches(
            read_rows,
            source.facts,
            source.units,
            patch_px=options.patch_px,
            stride_px=options.stride_px(split),
            min_valid_fraction=options.min_valid_fraction,
            census=census,
        ):
            stored.write(row.codes.data)
            content.update(row.codes.data)
            _add_row(tally, source, split, array, row, num_kept)
            num_kept += len(row.codes)
            num_seen += row.num_seen
            num_constant += row.num_constant
            num_valid_px += row.num_valid_px
            advance((row.row_px + options.patch_px - num_rows) * source.facts.width_px)
            num_rows = row.row_px + options.patch_px
        stored.seek(0)
        _write_header(stored, num_kept, options.patch_px)
    advance((source.facts.height_px - num_rows) * source.facts.width_px)
    census.check(source.name, source.units_reason)
    if num_seen and not num_valid_px:
        raise DataError(
            f"a scene must hold valid pixels, and all of {source.name} are zero, negative, NaN, "
            f"implausible or nodata when read as {source.units}: check the file and --units, or "
            "leave it out"
        )
    if not num_kept:
        file.unlink()
        array = ""
    counts = {
        "num_patches": num_kept,
        "num_dropped": num_seen - num_kept - num_constant,
        "num_constant": num_constant,
        "num_implausible_px": census.num_implausible_px,
    }
    num_px = num_seen * options.patch_px**2
    invalid_fraction = 1 - num_valid_px / num_px if num_px else None
    record = _record(source, split, sha256, counts, array, content.hexdigest())
    tally.records.append(replace(record, invalid_fraction=invalid_fraction))


def _record(
    source: Source,
    split: str,
    sha256: str,
    counts: Mapping[str, int],
    array: str,
    array_sha256: str,
) -> SourceRecord:
    return SourceRecord(
        name=source.name,
        band=source.band,
        sha256=sha256,
        scene=source.scene,
        pass_id=source.pass_id,
        polarisation=source.polarisation,
        group=source.group,
        split=split,
        units=source.units,
        units_reason=source.units_reason,
        product=source.product,
        height_px=source.facts.height_px,
        width_px=source.facts.width_px,
        dtype=source.facts.dtype,
        nodata=source.facts.nodata,
        mask_source=source.facts.mask_source,
        full_scale=source.facts.full_scale,
        array=array,
        array_sha256=array_sha256,
        **counts,
    )


def _write_header(file: BinaryIO, num_patches: int, patch_px: int) -> None:
    """Write the .npy header; NumPy pads it so that its length does not depend on the count."""
    shape = (num_patches, patch_px, patch_px)
    np.lib.format.write_array_header_1_0(
        file, {"descr": "<u2", "fortran_order": False, "shape": shape}
    )


def _add_row(
    tally: _Tally, source: Source, split: str, array: str, row: PatchRow, num_before: int
) -> None:
    count = len(row.codes)
    constant = {
        "scene": source.scene,
        "pass": source.pass_id,
        "polarisation": source.polarisation,
        "group": source.group,
        "row_px": row.row_px,
        "split": split,
        "array": array,
    }
    for name, value in constant.items():
        tally.columns[name].extend([value] * count)
    tally.twins.add(source.name, split, row.codes)
    tally.columns["col_px"].extend(row.col_px.tolist())
    tally.columns["valid_fraction"].extend(row.valid_fraction.tolist())
    tally.columns["mean_db"].extend(row.mean_db.tolist())
    tally.columns["array_row"].extend(range(num_before, num_before + count))
    if split == TRAIN:
        family = (source.group, source.polarisation)
        tally.histograms.setdefault(family, np.zeros(NUM_CODES, np.int64))
        tally.histograms[family] += count_codes(row.codes)


def _describe(plan: CorpusPlan, hashes: Mapping[str, str], tally: _Tally) -> CorpusInfo:
    num_patches = {split: tally.columns["split"].count(split) for split in SPLITS}
    num_constant = sum(record.num_constant for record in tally.records)
    num_dropped = sum(record.num_dropped for record in tally.records)
    left_out = f" ({num_constant} constant ones were left out)" if num_constant else ""
    if num_dropped:
        left_out += f", {num_dropped} have too few valid pixels"
    for split in (TRAIN, VAL):
        if not num_patches[split]:
            raise DataError(
                f"a corpus needs {split} patches, and of {sum(num_patches.values())} kept patches "
                f"none is one{left_out}: change the split file, the scenes or "
                "--min-valid-fraction"
            )
    return CorpusInfo(
        name=plan.name,
        version=CORPUS_VERSION,
        patch_px=plan.options.patch_px,
        is_synthetic=plan.synthetic is not None,
        bounds=_fit_bounds(tally),
        fingerprint=fingerprint(plan, hashes),
        split_fingerprint=_split_fingerprint(plan, tally),
        num_patches=num_patches,
        attribution=plan.attribution,
        options=plan.stored_options(),
        sources=tuple(tally.records),
        left_out=tuple((left.name, left.reason) for left in plan.left_out),
    )


def _fit_bounds(tally: _Tally) -> tuple[Bounds, ...]:
    """Fit the bounds of every group and polarisation that kept a patch."""
    families = sorted({(r.group, r.polarisation) for r in tally.records if r.num_patches})
    for group, polarisation in families:
        if (group, polarisation) not in tally.histograms:
            raise DataError(
                "clip bounds are fitted on training patches, and group "
                f"{group} ({polarisation}) has none: give it a training scene or leave it out"
            )
    return tuple(_bounds_of(*family, tally.histograms[family]) for family in families)


def _bounds_of(group: str, polarisation: str, histogram: NDArray[np.int64]) -> Bounds:
    low_db, high_db = fit_bounds_db(histogram)
    edges_db = np.linspace(
        low_db - HISTOGRAM_MARGIN_DB, high_db + HISTOGRAM_MARGIN_DB, HISTOGRAM_BINS + 1
    )
    edges = np.clip((edges_db - CODE_OFFSET_DB) / CODE_STEP_DB, 1, NUM_CODES).round().astype(int)
    below = np.concatenate([[0], np.cumsum(histogram)])[edges]
    return Bounds(group, polarisation, low_db, high_db, tuple(int(n) for n in np.diff(below)))


def _split_fingerprint(plan: CorpusPlan, tally: _Tally) -> str:
    """Fingerprint which patch is in which split, and the codes that the patches hold."""
    names = ("scene", "polarisation", "row_px", "col_px", "split")
    patches = list(zip(*(tally.columns[name] for name in names), strict=True))
    contents = [(r.scene, r.polarisation, r.array_sha256) for r in tally.records]
    return digest([CORPUS_VERSION, plan.options.patch_px, patches, contents])


def _index_schema() -> "pa.Schema":
    import pyarrow as pa

    types = {
        "row_px": pa.int32(),
        "col_px": pa.int32(),
        "valid_fraction": pa.float32(),
        "mean_db": pa.float32(),
        "array_row": pa.int32(),
    }
    return pa.schema([(name, types.get(name, pa.string())) for name in INDEX_COLUMNS])


def _write_index(path: Path, tally: _Tally) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with path.open("wb") as file:  # whose folder may have a name that Arrow does not take
        pq.write_table(pa.table(tally.columns, schema=_index_schema()), file)


def _write_info(path: Path, info: CorpusInfo) -> None:
    encoding = {
        "dtype": "uint16",
        "offset_db": CODE_OFFSET_DB,
        "step_db": CODE_STEP_DB,
        "invalid_code": INVALID_CODE,
    }
    text = json.dumps(asdict(info) | {"encoding": encoding}, indent=1, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")
