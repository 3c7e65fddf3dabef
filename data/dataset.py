"""The corpus on disk and how patches are read from it.

    corpus/s1/
      corpus.json      what it is: bounds, sources with hashes, options, fingerprints (`CorpusInfo`)
      index.parquet    one row per patch: scene, pass, place, split, and where its codes are
      arrays/          one .npy of (N, P, P) uint16 codes per scene and polarisation

`builder` writes this folder, `Corpus` opens it, `PatchSet` reads normalised patches of one split.
Batches for training are in `batches`.

Legend: n patches asked for, N patches of the set, P patch side, c crop side.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from data.array_files import OpenArrays, find_data
from data.calibration import CODE_OFFSET_DB, CODE_STEP_DB
from data.errors import DataError
from data.splits import SPLITS, TRAIN, nested_order
from data.stamp import CorpusStamp

if TYPE_CHECKING:
    import pandas as pd

CORPUS_VERSION = 1
INFO_FILE = "corpus.json"
INDEX_FILE = "index.parquet"
ARRAYS_FOLDER = "arrays"

INDEX_COLUMNS = (
    "scene",
    "pass",
    "polarisation",
    "group",
    "row_px",
    "col_px",
    "valid_fraction",
    "mean_db",
    "split",
    "array",
    "array_row",
)


@dataclass(frozen=True)
class Bounds:
    """Clip bounds of one group and polarisation, fitted on its training patches.

    Attributes:
        group: Gain family.
        polarisation: "vv", "vh", "hh", "hv" or "unknown".
        low_db: 1st percentile, normalised to 0.
        high_db: 99th percentile, normalised to 1.
    """

    group: str
    polarisation: str
    low_db: float
    high_db: float


@dataclass(frozen=True)
class SourceRecord:
    """What the corpus remembers of one image.

    Attributes:
        name: The file's path below the given folder.
        band: Band in the file, counted from 1.
        sha256: Of the file.
        scene: Name of the acquisition.
        pass_id: Orbit pass, the unit of splitting.
        polarisation: "vv", "vh", "hh", "hv" or "unknown".
        group: Gain family.
        split: "train", "val" or "test".
        units: "amplitude", "intensity" or "db".
        units_reason: Where the units were taken from.
        product: Name of the Sentinel-1 product, "" where unknown.
        height_px: Rows.
        width_px: Columns.
        dtype: Type of the stored values.
        nodata: The file's mark of missing pixels, if any.
        full_scale: The value that means 0 dB.
        num_patches: Patches kept.
        num_dropped: Patches dropped because too few of their pixels are valid.
        array: The file of codes below the corpus folder, "" when no patch was kept.
        array_sha256: Of its codes.
    """

    name: str
    band: int
    sha256: str
    scene: str
    pass_id: str
    polarisation: str
    group: str
    split: str
    units: str
    units_reason: str
    product: str
    height_px: int
    width_px: int
    dtype: str
    nodata: float | None
    full_scale: float
    num_patches: int
    num_dropped: int
    array: str
    array_sha256: str


@dataclass(frozen=True)
class CorpusInfo:
    """`corpus.json` as a value.

    Attributes:
        name: What people call the corpus.
        version: Format of the folder.
        patch_px: Patch side P.
        is_synthetic: True when no pixel was measured; reports say so.
        bounds: Clip bounds by group and polarisation.
        fingerprint: Of sources, options and split: the same inputs give the same 16 hex digits.
        split_fingerprint: Of which patch, with which content, is in which split.
        num_patches: Patches by split.
        attribution: The sentence to publish with what is made from the scenes, "" if none is known.
        options: The options of `data.prepare` that made it.
        sources: What is known of each image.
    """

    name: str
    version: int
    patch_px: int
    is_synthetic: bool
    bounds: tuple[Bounds, ...]
    fingerprint: str
    split_fingerprint: str
    num_patches: Mapping[str, int]
    attribution: str
    options: Mapping[str, Any]

    @property
    def stamp(self) -> CorpusStamp:
        """The corpus's identity."""
        return CorpusStamp(self.is_synthetic, self.name, self.fingerprint, self.split_fingerprint)

    sources: tuple[SourceRecord, ...]


class Corpus:
    """An opened corpus folder.

    Attributes:
        path: The folder.
        info: What `corpus.json` says.
        index: The patch index, one row per patch.
    """

    def __init__(self, path: Path, info: CorpusInfo, index: "pd.DataFrame") -> None:
        self.path = path
        self.info = info
        self.index = index

    @classmethod
    def open(cls, path: Path | str) -> "Corpus":
        """Open a corpus and check that it is whole.

        Args:
            path: The folder that `data.prepare` wrote.

        Returns:
            The corpus.

        Raises:
            DataError: When it is missing, empty, of another version or damaged.

        Example:
            >>> Corpus.open("corpus/s1").info.num_patches["train"]  # doctest: +SKIP
            1042
        """
        path = Path(path)
        info = read_info(path)
        try:
            import pandas as pd

            index = pd.read_parquet(path / INDEX_FILE)
        except (OSError, ValueError) as error:
            raise _broken(path, f"its {INDEX_FILE} cannot be read") from error
        if missing := [column for column in INDEX_COLUMNS if column not in index]:
            raise _broken(path, f"its {INDEX_FILE} lacks {' and '.join(missing)}")
        if len(index) == 0:
            raise DataError(
                f"a corpus holds patches, and {path} has none: run `python -m data.prepare SCENES "
                "--out OTHER_FOLDER`"
            )
        if index["split"].value_counts().to_dict() != {
            k: v for k, v in info.num_patches.items() if v
        }:
            raise _broken(path, f"its {INDEX_FILE} and {INFO_FILE} count different patches")
        _check_arrays(path, index, info.patch_px)
        return cls(path, info, index)

    def patches(self, split: str, *, fraction: float = 1.0, seed: int = 0) -> "PatchSet":
        """Select the patches of a split.

        Args:
            split: "train", "val" or "test".
            fraction: Share of the training patches, in (0, 1]; at least one patch. With the same
                seed a smaller share is contained in a larger one. Validation and test are whole.
            seed: Decides which training patches a fraction holds.

        Returns:
            The patches in the order of the index.

        Raises:
            DataError: Unknown or empty split, a fraction outside (0, 1] or of another split.
        """
        if split not in SPLITS:
            raise DataError(f"a split is one of {', '.join(SPLITS)}, and {split!r} was asked for")
        if not 0 < fraction <= 1:
            raise DataError(f"a data fraction lies above 0 and up to 1, and it is {fraction}")
        if fraction != 1 and split != TRAIN:
            raise DataError(
                f"a data fraction applies to train only, and {fraction} was asked of {split}: "
                "validation and test are the same at every fidelity"
            )
        rows = self.index[self.index["split"] == split]
        if len(rows) == 0:
            raise DataError(
                f"{self.path} has no {split} patches: prepare it with another split file"
            )
        if fraction < 1:
            images = rows["array"].astype("category").cat.codes.to_numpy()
            order = nested_order(images.astype(np.int64), seed)
            rows = rows.iloc[np.sort(order[: max(1, round(fraction * len(rows)))])]
        return PatchSet(self.path, rows, self.info)


class PatchSet:
    """Patches of one split, read from disk when asked for. Picklable; each process opens its files.

    Attributes:
        patch_px: Patch side P.
        low_db: (N,) low bound of each patch: the dB value of 0.
        range_db: (N,) high minus low bound of each patch: the dB value of an error of 1.
    """

    def __init__(self, path: Path, rows: "pd.DataFrame", info: CorpusInfo) -> None:
        names = rows["array"].astype("category").cat
        self.patch_px = info.patch_px
        self._files = tuple(path.resolve() / name for name in names.categories)
        self._file_of = names.codes.to_numpy(np.int32)
        self._array_row = rows["array_row"].to_numpy(np.int64)
        self._place_px = rows[["row_px", "col_px"]].to_numpy(np.int32)
        first = rows.drop_duplicates("array").set_index("array").loc[list(names.categories)]
        self._image_names = tuple((first["scene"] + "/" + first["polarisation"]).tolist())
        bounds = {(b.group, b.polarisation): b for b in info.bounds}
        of_file = [bounds[key] for key in zip(first["group"], first["polarisation"], strict=True)]
        low = np.array([b.low_db for b in of_file])[self._file_of]
        high = np.array([b.high_db for b in of_file])[self._file_of]
        self.low_db: NDArray[np.float32] = low.astype(np.float32)
        self.range_db: NDArray[np.float32] = (high - low).astype(np.float32)
        # [0, 1] = code * gain + shift: decibels are never computed on the way.
        self._gain = (CODE_STEP_DB / (high - low)).astype(np.float32)
        self._shift = ((CODE_OFFSET_DB - low) / (high - low)).astype(np.float32)
        self._arrays = OpenArrays()

    def __len__(self) -> int:
        return len(self._array_row)

    def image_ids(self) -> list[str]:
        """Name every patch: `<scene>/<polarisation>/<row_px>_<col_px>`, the same in every run."""
        return [
            f"{self._image_names[file]}/{row_px}_{col_px}"
            for file, (row_px, col_px) in zip(self._file_of, self._place_px, strict=True)
        ]

    def read(self, positions: NDArray[np.int64]) -> NDArray[np.float32]:
        """Read whole patches.

        Args:
            positions: (n,) positions in this set, in any order, repeats allowed.

        Returns:
            (n, P, P) values in [0, 1], clipped to the bounds; invalid pixels are 0.

        Raises:
            DataError: When a file of the corpus is shorter than the index says.
        """
        corner = np.zeros((len(positions), 2), np.int64)
        return self.read_crops(positions, corner, self.patch_px)

    def read_crops(
        self, positions: NDArray[np.int64], corners_px: NDArray[np.int64], crop_px: int
    ) -> NDArray[np.float32]:
        """Read a square of each patch; only the rows it covers are fetched.

        Args:
            positions: (n,) positions in this set, in any order, repeats allowed.
            corners_px: (n, 2) first row and column of the square inside its patch.
            crop_px: Side c of the square.

        Returns:
            (n, c, c) values in [0, 1], clipped to the bounds; invalid pixels are 0.

        Raises:
            DataError: When a file of the corpus is shorter than the index says.
        """
        files, array_rows = self._file_of[positions], self._array_row[positions]
        row_bytes = 2 * self.patch_px
        starts = (array_rows * self.patch_px + corners_px[:, 0]) * row_bytes
        on_disk = np.lexsort((starts, files))
        for i in on_disk:
            self._arrays.announce(self._files[files[i]], int(starts[i]), crop_px * row_bytes)
        codes = np.empty((len(positions), crop_px, crop_px), np.uint16)
        rows = np.empty((crop_px, self.patch_px), np.uint16)
        for i in on_disk:
            self._arrays.read_into(rows, self._files[files[i]], int(starts[i]))
            column = corners_px[i, 1]
            codes[i] = rows[:, column : column + crop_px]
        values: NDArray[np.float32] = codes * self._gain[positions, None, None]
        values += self._shift[positions, None, None]
        np.clip(values, 0.0, 1.0, out=values)
        return values


def read_info(path: Path) -> CorpusInfo:
    """Read and check `corpus.json`.

    Args:
        path: A corpus folder.

    Returns:
        Its content.

    Raises:
        DataError: When it is missing, of another version or damaged.
    """
    file = path / INFO_FILE
    if not file.is_file():
        raise DataError(
            f"a corpus is a folder with {INFO_FILE}, and {path} has none: make one with "
            f"`python -m data.prepare SCENES --out {path}`"
        )
    try:
        fields = json.loads(file.read_text(encoding="utf-8"))
        version = fields["version"]
        if version == CORPUS_VERSION:
            bounds = tuple(Bounds(**bound) for bound in fields.pop("bounds"))
            sources = tuple(SourceRecord(**source) for source in fields.pop("sources"))
            return CorpusInfo(bounds=bounds, sources=sources, **_known_fields(fields))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _broken(path, f"its {INFO_FILE} cannot be read") from error
    raise DataError(
        f"this version of sar-tune reads corpora of version {CORPUS_VERSION}, and {path} has "
        f"version {version}: prepare it again into another folder"
    )


def _known_fields(fields: dict[str, Any]) -> dict[str, Any]:
    """Drop what describes the encoding for other readers: `calibration` fixes it per version."""
    fields.pop("encoding")
    return fields


def _check_arrays(path: Path, index: "pd.DataFrame", patch_px: int) -> None:
    """Compare the size of each array file with the rows that the index says it has."""
    for name, num_patches in index["array"].value_counts().items():
        file = path / str(name)
        if not file.is_file():
            raise _broken(path, f"{name} is missing")
        try:
            start = find_data(file)
        except ValueError as error:
            raise _broken(path, f"{name} has no header") from error
        if file.stat().st_size < start + int(num_patches) * patch_px**2 * 2:
            raise _broken(path, f"{name} is too short")


def _broken(path: Path, reason: str) -> DataError:
    return DataError(
        f"a corpus must be complete, and {path} is not ({reason}): prepare it again into another "
        "folder, or delete this one first"
    )
