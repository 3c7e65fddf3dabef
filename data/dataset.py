"""The corpus on disk and how patches are read from it.

    corpus/s1/
      corpus.json      what it is: bounds, sources with hashes, options, fingerprints (`data.info`)
      index.parquet    one row per patch: scene, pass, place, split, and where its codes are
      arrays/          one .npy of (N, P, P) uint16 codes per scene and polarisation

`builder` writes this folder, `Corpus` opens it, `PatchSet` reads normalised patches of one split.
Batches for training are in `batches`.

Legend: n patches asked for, N patches of the set, P patch side, c crop side.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from data.array_files import OpenArrays, find_data
from data.calibration import CODE_OFFSET_DB, CODE_STEP_DB
from data.errors import DataError
from data.info import INFO_FILE, CorpusInfo, broken_corpus, read_info
from data.splits import SPLITS, TRAIN, nested_order

if TYPE_CHECKING:
    import pandas as pd

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

            with (path / INDEX_FILE).open("rb") as file:  # Arrow does not take every name
                index = pd.read_parquet(file)
        except (OSError, ValueError) as error:
            raise broken_corpus(path, f"its {INDEX_FILE} cannot be read") from error
        if missing := [column for column in INDEX_COLUMNS if column not in index]:
            raise broken_corpus(path, f"its {INDEX_FILE} lacks {' and '.join(missing)}")
        if len(index) == 0:
            raise DataError(
                f"a corpus holds patches, and {path} has none: run `python -m data.prepare SCENES "
                "--out OTHER_FOLDER`"
            )
        if index["split"].value_counts().to_dict() != {
            k: v for k, v in info.num_patches.items() if v
        }:
            raise broken_corpus(path, f"its {INDEX_FILE} and {INFO_FILE} count different patches")
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
            raise DataError(f"a split is one of {', '.join(SPLITS)}, found {split!r}")
        if not 0 < fraction <= 1:
            raise DataError(f"a data fraction lies above 0 and up to 1, found {fraction}")
        if fraction != 1 and split != TRAIN:
            raise DataError(
                f"a data fraction applies to train only, found {fraction} for {split}: "
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


def _check_arrays(path: Path, index: "pd.DataFrame", patch_px: int) -> None:
    """Compare the size of each array file with the rows that the index says it has."""
    for name, num_patches in index["array"].value_counts().items():
        file = path / str(name)
        if not file.is_file():
            raise broken_corpus(path, f"{name} is missing")
        try:
            start = find_data(file)
        except ValueError as error:
            raise broken_corpus(path, f"{name} has no header") from error
        if file.stat().st_size < start + int(num_patches) * patch_px**2 * 2:
            raise broken_corpus(path, f"{name} is too short")
