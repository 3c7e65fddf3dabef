"""The shapes by name, and how to write them: everything is computed before anything is written.

Loads nothing heavy, so that `--help` can list the shapes.
"""

import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from tune.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from analysis.frames import Frames


@dataclass(frozen=True)
class Shape:
    """One shape.

    Attributes:
        name: What `--as` calls it.
        holds: What it holds, for the help.
        module: Name of the package that it is written with; empty where ours suffice.
        requirement: What pip installs for it: the extra of that name in pyproject.toml.
    """

    name: str
    holds: str
    module: str = ""
    requirement: str = ""


@dataclass(frozen=True)
class Export:
    """One shape of a results folder, computed and not yet written.

    Attributes:
        count: How many things it has; 0 where the tables have nothing for it.
        lacks: What the tables would need, in one sentence.
        write: Writes it into a folder and returns what was written, in one line or two.
    """

    count: int
    lacks: str
    write: Callable[[Path], str]


SHAPES = (
    Shape("tables", "every table as CSV"),
    Shape("images", "scores of every test image, networks and codecs alike, in one CSV"),
    Shape("compressai", "a rate-distortion curve per architecture and codec, as CompressAI's JSON"),
    Shape(
        "mlflow", "trials and promoted runs in an MLflow store", "mlflow", "mlflow-skinny>=3.17,<4"
    ),
    Shape("wandb", "trials and promoted runs as offline W&B runs", "wandb", "wandb>=0.31,<1"),
)
PLAIN = tuple(shape.name for shape in SHAPES if not shape.module)
"""Names of those that need no further package."""


def read_names(text: str) -> tuple[Shape, ...]:
    """Return the shapes that a list with commas names, each once.

    Raises:
        UsageError: If a name is none of a shape.
    """
    known = {shape.name: shape for shape in SHAPES}
    names = dict.fromkeys(word.strip() for word in text.split(","))
    for name in names:
        if name not in known:
            raise UsageError(
                f"--as takes {', '.join(known)}, found {name!r}{did_you_mean(name, known)}"
            )
    return tuple(known[name] for name in names)


def require_packages(shapes: Sequence[Shape]) -> None:
    """Check that every shape's package is installed, without importing it.

    Raises:
        UsageError: If one is not; the sentence has the command that installs it here.
    """
    for shape in shapes:
        if shape.module and not _is_installed(shape.module):
            command = [sys.executable, "-m", "pip", "install", shape.requirement]
            raise UsageError(
                f"--as {shape.name} needs the package {shape.module}, found none in this "
                f"environment: {shlex.join(command)}"
            )


def _is_installed(module: str) -> bool:
    """Whether a package can be imported; a mere folder of that name, such as ./wandb, is none."""
    spec = find_spec(module)
    return spec is not None and spec.origin is not None


def compute_exports(frames: "Frames", shapes: Sequence[Shape]) -> dict[str, Export]:
    """Return the shapes of a results folder by name, in the order asked for."""
    return {shape.name: _compute(frames, shape.name) for shape in shapes}


def _compute(frames: "Frames", name: str) -> Export:
    if name == "tables":
        from analysis.exports.tables import export_tables

        return export_tables(frames)
    if name == "images":
        from analysis.exports.images import export_images

        return export_images(frames)
    if name == "compressai":
        from analysis.exports.benchmark import export_benchmark

        return export_benchmark(frames)
    if name == "mlflow":
        from analysis.exports.mlflow_store import export_mlflow

        return export_mlflow(frames)
    from analysis.exports.wandb_runs import export_wandb

    return export_wandb(frames)
