"""What a table is made of: columns and schemas, and the columns that several tables share."""

from dataclasses import dataclass
from typing import Literal

ColumnType = Literal["string", "bool", "int32", "int64", "float64", "timestamp", "binary"]


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        name: Name in the file.
        type: Type of the values; a timestamp has microseconds and is in UTC.
        doc: What it holds, in one sentence.
        unit: Unit of the values; "" for names, flags and times.
        nullable: Whether a value may be missing; the sentence says when.
        is_added: Whether it came later than its table: files without it are read too.
        before: What it holds in their rows.
        came_with: Column that came with it: a file that has that one lacks this only by damage.
    """

    name: str
    type: ColumnType
    doc: str
    unit: str = ""
    nullable: bool = False
    is_added: bool = False
    before: str | bool | None = None
    came_with: str | None = None


@dataclass(frozen=True)
class TableSchema:
    """One table.

    Attributes:
        name: Name of the file, without its ending.
        row: What one row is.
        columns: The columns, in the order of the file.
    """

    name: str
    row: str
    columns: tuple[Column, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names, in order."""
        return tuple(column.name for column in self.columns)


STUDY = Column("study", "string", "Name of the study, which is the name of its folder.")

TRIAL = (
    STUDY,
    Column("trial", "string", "Name of the trial: the study's with the trial's number."),
    Column(
        "trial_number", "int32", "Number of the trial in its study, as they were suggested.", "1"
    ),
)

CORPUS = (
    Column("corpus", "string", "Name of the corpus."),
    Column(
        "is_synthetic",
        "bool",
        "Whether the pixels are generated; such scores say nothing about real scenes.",
    ),
    Column(
        "corpus_fingerprint",
        "string",
        "Fingerprint of the corpus; scores compare only where it is equal.",
    ),
)

RATE = Column(
    "rate",
    "string",
    "What the study's ratio counts: bytes of an 8-bit image and its code, or elements of image and "
    "latent; scores compare only where it is equal.",
    is_added=True,
    before="elements",
)
RATE_TARGET = Column(
    "rate_target_bpp",
    "float64",
    "Rate that it was trained for, 8 / ratio; missing where latents are not quantised in training.",
    "bit/px",
    nullable=True,
    is_added=True,
)
OBJECTIVE = Column(
    "objective",
    "string",
    "Validation score that the study maximises: psnr, ssim or ms_ssim; studies compare only where "
    "it is equal.",
    is_added=True,
    before="psnr",
)
LINEAR_PATH = Column(
    "linear_path",
    "bool",
    "Whether a linear path stands beside the network.",
    is_added=True,
    before=False,
)
