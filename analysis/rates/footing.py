"""What scores were measured on: only scores of equal footing are drawn together.

PSNR depends on the bounds that 0 and 1 stand for, and every score on the pixels and the crop. A
corpus may have several groups of images with bounds of their own, so a test set splits into
footings.
"""

from dataclasses import dataclass

import pandas as pd

COLUMNS = (
    "corpus",
    "is_synthetic",
    "corpus_fingerprint",
    "crop_px",
    "group",
    "polarisation",
    "low_db",
    "high_db",
)


@dataclass(frozen=True, order=True)
class Footing:
    """What test scores were measured on.

    Attributes:
        corpus: Name of the corpus.
        is_synthetic: Whether its pixels are generated.
        corpus_fingerprint: Of patches, bounds and index.
        crop_px: Side of the images.
        group: Sensor group.
        polarisation: Of the images.
        low_db: Backscatter that 0 stands for.
        high_db: Backscatter that 1 stands for.
    """

    corpus: str
    is_synthetic: bool
    corpus_fingerprint: str
    crop_px: int
    group: str
    polarisation: str
    low_db: float
    high_db: float

    @property
    def range_db(self) -> float:
        """Width of the bounds."""
        return self.high_db - self.low_db

    @property
    def words(self) -> str:
        """What to print on a figure."""
        kind = "SYNTHETIC corpus" if self.is_synthetic else "corpus"
        return (
            f"{kind} {self.corpus} ({self.corpus_fingerprint[:8]}), {self.group} "
            f"{self.polarisation.upper()}, {self.crop_px} px, bounds [{self.low_db:g}, "
            f"{self.high_db:g}] dB"
        )


def split_by_footing(*tables: pd.DataFrame) -> dict[Footing, tuple[pd.DataFrame, ...]]:
    """Return the rows of tables by footing, the footing with the most images first.

    Args:
        tables: Such as test and codecs, with the columns of COLUMNS. The first decides which
            footings there are, and has `image` too.
    """
    parts: list[dict[Footing, pd.DataFrame]] = [
        {_footing(rows): rows for _, rows in table.groupby(list(COLUMNS), sort=True, observed=True)}
        for table in tables
    ]
    order = sorted(parts[0], key=lambda footing: (-parts[0][footing]["image"].nunique(), footing))
    return {
        footing: tuple(
            part.get(footing, table.iloc[:0]) for part, table in zip(parts, tables, strict=True)
        )
        for footing in order
    }


def _footing(rows: pd.DataFrame) -> Footing:
    row = rows.iloc[0]
    return Footing(
        corpus=str(row["corpus"]),
        is_synthetic=bool(row["is_synthetic"]),
        corpus_fingerprint=str(row["corpus_fingerprint"]),
        crop_px=int(row["crop_px"]),
        group=str(row["group"]),
        polarisation=str(row["polarisation"]),
        low_db=float(row["low_db"]),
        high_db=float(row["high_db"]),
    )
