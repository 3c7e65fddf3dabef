"""A cell's recorded truth as one small Parquet file: a row per training and epoch.

What is the same in every row (label, ranges, hand-set point, length) is in the file's metadata.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tune.errors import UsageError
from tune.simulation.truth import Configuration, Curve, Truth, values_of
from tune.space.dimension import Dimension, format_range
from tune.space.ranges import parse_range

KEY = b"sar-tune truth"
COLUMNS = ("configuration", "seed", "is_diverged", "epoch", "val_psnr_db", "epoch_s")


def write_truth(truth: Truth, path: Path, facts: Mapping[str, Any]) -> None:
    """Write a truth as a Parquet file; `facts` say where it comes from."""
    rows: dict[str, list[Any]] = {name: [] for name in COLUMNS}
    rows |= {dimension.name: [] for dimension in truth.dimensions}
    for one in truth.configurations:
        for seed, curve in enumerate(one.curves):
            # A training that diverged in its first epoch has one row, without a score.
            for index in range(max(1, len(curve.scores_db))):
                has_score = index < len(curve.scores_db)
                rows["configuration"].append(one.name)
                rows["seed"].append(seed)
                rows["is_diverged"].append(curve.is_diverged)
                rows["epoch"].append(index + 1)
                rows["val_psnr_db"].append(curve.scores_db[index] if has_score else None)
                rows["epoch_s"].append(curve.epochs_s[index] if has_score else None)
                for dimension in truth.dimensions:
                    rows[dimension.name].append(one.values[dimension.name])
    said = {
        **facts,
        "label": truth.label,
        "max_epochs": truth.max_epochs,
        "ranges": [format_range(dimension) for dimension in truth.dimensions],
        "hand_set": truth.hand_set,
    }
    table = pa.table(rows).replace_schema_metadata({KEY: json.dumps(said).encode()})
    pq.write_table(table, path, compression="zstd")


def read_truth(path: Path) -> Truth:
    """Return what a file holds.

    Raises:
        UsageError: If it is no such file.
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
    dimensions = tuple(parse_range(text) for text in said["ranges"])
    return Truth(
        label=said["label"],
        max_epochs=said["max_epochs"],
        dimensions=dimensions,
        configurations=_configurations(table.to_pylist(), dimensions),
        hand_set=said["hand_set"],
    )


def _configurations(
    rows: Sequence[Mapping[str, Any]], dimensions: Sequence[Dimension]
) -> tuple[Configuration, ...]:
    trainings: dict[str, dict[int, list[Mapping[str, Any]]]] = {}
    for row in rows:
        trainings.setdefault(row["configuration"], {}).setdefault(row["seed"], []).append(row)
    return tuple(
        Configuration(
            name,
            values_of(next(iter(seeds.values()))[0], dimensions),
            tuple(_curve(epochs) for epochs in seeds.values()),
        )
        for name, seeds in trainings.items()
    )


def _curve(rows: Sequence[Mapping[str, Any]]) -> Curve:
    scored = [row for row in sorted(rows, key=_epoch) if row["val_psnr_db"] is not None]
    return Curve(
        tuple(row["val_psnr_db"] for row in scored),
        tuple(row["epoch_s"] for row in scored),
        rows[0]["is_diverged"],
    )


def _epoch(row: Mapping[str, Any]) -> int:
    return int(row["epoch"])
