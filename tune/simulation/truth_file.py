"""A cell's recorded truth as one small Parquet file: a row per training and epoch.

What is the same in every row (label, ranges, hand-set point, length, where it comes from) is in the
file's metadata.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from models.training.objective import OBJECTIVES
from tune.errors import UsageError
from tune.simulation.truth import Configuration, Curve, Truth, values_of
from tune.space.dimension import Dimension
from tune.space.ranges import parse_range

KEY = b"sar-tune truth"


def write_truth(path: Path, rows: Sequence[Mapping[str, Any]], facts: Mapping[str, Any]) -> None:
    """Write recorded trainings.

    Args:
        path: The file.
        rows: One per training and epoch: `configuration`, `seed`, `is_diverged`, `epoch`,
            `epoch_s`, the column of an objective or more, and the value of every dimension. A
            training that diverged in its first epoch has one row without scores.
        facts: `label`, `max_epochs`, `ranges` (as `--range` takes them), `hand_set`, and what else
            a reader should know.
    """
    names = list(rows[0])
    table = pa.table({name: [row[name] for row in rows] for name in names})
    table = table.replace_schema_metadata({KEY: json.dumps(dict(facts)).encode()})
    pq.write_table(table, path, compression="zstd")


def read_truth(path: Path, objective: str = "psnr") -> Truth:
    """Return what a file holds.

    Raises:
        UsageError: If it is no such file, or lacks what is maximised.
    """
    try:
        table = pq.read_table(path)
        said = json.loads((table.schema.metadata or {})[KEY])
    except (OSError, pa.ArrowInvalid, KeyError, ValueError) as error:
        raise UsageError(
            f"--truth takes a file of recorded curves, found {str(path)!r} which is none "
            f"({type(error).__name__}): name one of benchmarks/truth, or replay your own studies "
            "with --results"
        ) from error
    column = OBJECTIVES[objective].column
    if column not in table.column_names:
        known = [one.name for one in OBJECTIVES.values() if one.column in table.column_names]
        raise UsageError(
            f"--objective must be one that was recorded ({', '.join(known)}), found {objective!r} "
            f"for {str(path)!r}: name another one, or record again"
        )
    dimensions = tuple(parse_range(text) for text in said["ranges"])
    return Truth(
        label=said["label"],
        max_epochs=said["max_epochs"],
        dimensions=dimensions,
        configurations=_configurations(table.to_pylist(), dimensions, column),
        hand_set=said["hand_set"],
        objective=objective,
    )


def _configurations(
    rows: Sequence[Mapping[str, Any]], dimensions: Sequence[Dimension], column: str
) -> tuple[Configuration, ...]:
    trainings: dict[str, dict[int, list[Mapping[str, Any]]]] = {}
    for row in rows:
        trainings.setdefault(row["configuration"], {}).setdefault(row["seed"], []).append(row)
    return tuple(
        Configuration(
            name,
            values_of(next(iter(seeds.values()))[0], dimensions),
            tuple(_curve(epochs, column) for epochs in seeds.values()),
        )
        for name, seeds in trainings.items()
    )


def _curve(rows: Sequence[Mapping[str, Any]], column: str) -> Curve:
    scored = [row for row in sorted(rows, key=_epoch) if row[column] is not None]
    return Curve(
        tuple(row[column] for row in scored),
        tuple(row["epoch_s"] for row in scored),
        rows[0]["is_diverged"],
    )


def _epoch(row: Mapping[str, Any]) -> int:
    return int(row["epoch"])
