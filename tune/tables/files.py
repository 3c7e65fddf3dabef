"""Write and read the Parquet tables of studies, checked against their schemas.

A table is one file, `<study>/tables/<name>.parquet`, replaced as a whole: a reader sees the old
rows or the new ones, never half a file. Column names, types and the schema's version are checked
on both sides. What the columns mean is in `tune.tables.schemas`; `python -m tune.tables` prints it
as docs/TABLES.md.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from numbers import Integral, Real
from operator import itemgetter
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from tune.errors import UsageError
from tune.tables.columns import STUDY, Column, TableSchema
from tune.tables.docs import describe_tables
from tune.tables.originals import find_copies
from tune.tables.replacement import replace_parquet
from tune.tables.schemas import SCHEMA_VERSION, SCHEMAS

if TYPE_CHECKING:  # a status of a thousand studies has no time to load it
    import pandas as pd

_VERSION_KEY = b"sar_tune.schema_version"
_TABLE_KEY = b"sar_tune.table"
_ARROW_TYPES: Mapping[str, pa.DataType] = {
    "string": pa.string(),
    "bool": pa.bool_(),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "float64": pa.float64(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "binary": pa.binary(),
}

_PYTHON_TYPES: Mapping[str, type] = {
    "string": str,
    "bool": bool,
    "int32": Integral,
    "int64": Integral,
    "float64": Real,
    "timestamp": datetime,
    "binary": bytes,
}
_NAMES = {name: frozenset(schema.names) for name, schema in SCHEMAS.items()}


def write_table(folder: Path | str, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Replace a table of a study by these rows, atomically.

    Args:
        folder: The study's `tables` folder.
        name: A key of SCHEMAS.
        rows: One mapping per row with every column of the schema as a key, in any order.

    Raises:
        ValueError: If a row lacks a column or has another one, or a value does not suit its
            column: wrong type, NaN, or None where a value is needed. The table stays as it was.
    """
    schema = SCHEMAS[name]
    columns = zip(schema.columns, _to_columns(schema, rows), strict=True)
    arrays = [_to_array(schema, column, values) for column, values in columns]
    table = pa.Table.from_arrays(arrays, schema=_arrow_schema(schema))
    replace_parquet(Path(folder) / f"{name}.parquet", table)


def read_table(results: Path | str, name: str, study: str | None = None) -> "pd.DataFrame":
    """Return a table of all studies in a results folder, or of one, as a typed frame.

    Column names and types never depend on the rows: whole numbers that may be missing are
    pandas' nullable integers, missing floats are NaN.

    Args:
        results: The folder of all studies, such as "ray_results"; it need not exist.
        name: A key of SCHEMAS.
        study: Name of the only study to read.

    Returns:
        The rows in the order of the studies' names; an empty frame where there are none.

    Raises:
        UsageError: If a file was written with another version of the schema, or is no table.

    Example:
        >>> read_table("no_results_yet", "rungs").empty
        True
    """
    schema = SCHEMAS[name]
    tables = [_read_file(path, schema) for path in find_tables(results, name, study)]
    return _to_frame(schema, tables)


def read_readable_tables(
    results: Path | str, name: str, study: str | None = None
) -> "tuple[pd.DataFrame, list[str]]":
    """Return a table of all studies whose file can be read, and a sentence about each other one.

    For whoever looks at many studies at once: a torn file of one must not hide the others.
    """
    schema = SCHEMAS[name]
    tables, sentences = [], []
    for path in find_tables(results, name, study):
        try:
            tables.append(_read_file(path, schema))
        except UsageError as error:
            sentences.append(f"left out study {path.parent.parent.name}: {error}")
    return _to_frame(schema, tables), sentences


def read_columns(path: Path, name: str, columns: Sequence[str]) -> dict[str, list[Any]]:
    """Return some columns of one table file as lists, missing values as None; fast, without pandas.

    Args:
        path: One of `find_tables`.
        name: A key of SCHEMAS.
        columns: Names of its columns.

    Raises:
        UsageError: If the file was written with another version of the schema, or is no table.
    """
    table = _read_file(path, SCHEMAS[name], columns)
    return {column: table[column].to_pylist() for column in columns}


def find_tables(results: Path | str, name: str, study: str | None = None) -> list[Path]:
    """Return the files of a table in a results folder, in the order of the studies' names.

    A copy of a study is left out, unless it is the one that is asked for.
    """
    if study is not None:
        return [
            path for path in [Path(results) / study / "tables" / f"{name}.parquet"] if path.exists()
        ]
    copies = find_copies(results)
    folders = sorted(Path(results).iterdir()) if Path(results).is_dir() else []
    # Not by a pattern, which looks into every folder: a status has a thousand of them.
    paths = (one / "tables" / f"{name}.parquet" for one in folders if one.name not in copies)
    # Unlike that of a Path, this one says no of a folder that may not be looked into.
    return [path for path in paths if os.path.exists(path)]  # noqa: PTH110


def _to_columns(schema: TableSchema, rows: Sequence[Mapping[str, Any]]) -> list[Sequence[Any]]:
    """Return the values by column; one pass over the rows, because a search writes often."""
    pick = itemgetter(*schema.names)
    for row in rows:
        if row.keys() != _NAMES[schema.name]:
            missing = sorted(_NAMES[schema.name] - row.keys())
            unknown = sorted(row.keys() - _NAMES[schema.name])
            raise ValueError(
                f"a row of {schema.name} has exactly the columns of docs/TABLES.md, found one "
                f"with {unknown} too many and {missing} missing: name each column once"
            )
    return list(zip(*map(pick, rows), strict=True)) if rows else [()] * len(schema.columns)


def _to_array(schema: TableSchema, column: Column, values: Sequence[Any]) -> pa.Array:
    import pyarrow.compute as pc  # slow to load, and only writing needs it

    name = f"{schema.name}.{column.name}"
    _check_types(name, column, values)
    try:
        array = pa.array(values, _ARROW_TYPES[column.type])
    except (pa.ArrowInvalid, OverflowError) as error:
        raise ValueError(f"{name} takes {column.type} values, found one beyond: {error}") from error
    if array.null_count and not column.nullable:
        raise ValueError(f"{name} needs a value in every row, found none in some")
    if column.type == "float64" and pc.any(pc.is_nan(array)).as_py():
        raise ValueError(f"{name} takes numbers or None, found NaN")
    return array


def _check_types(name: str, column: Column, values: Sequence[Any]) -> None:
    """Refuse what Arrow would convert in silence: 3.5 to 3, True to 1.0, local time to UTC."""
    for found in set(map(type, values)) - {NoneType}:
        is_flag = issubclass(found, bool) and column.type != "bool"
        if is_flag or not issubclass(found, _PYTHON_TYPES[column.type]):
            raise ValueError(f"{name} takes {column.type} values, found a {found.__name__}")
    if column.type == "timestamp" and any(value and value.tzinfo is None for value in values):
        raise ValueError(f"{name} takes times with a time zone, found one without")


def _arrow_schema(schema: TableSchema) -> pa.Schema:
    """Return the file's schema; each column carries its sentence and unit along."""
    return pa.schema(
        [
            pa.field(
                column.name,
                _ARROW_TYPES[column.type],
                nullable=column.nullable,
                metadata={"description": column.doc, "unit": column.unit},
            )
            for column in schema.columns
        ],
        metadata={_TABLE_KEY: schema.name, _VERSION_KEY: str(SCHEMA_VERSION)},
    )


def _read_file(path: Path, schema: TableSchema, columns: Sequence[str] | None = None) -> pa.Table:
    # One open file for footer and rows: the path may lead to a newer file a moment later.
    with path.open("rb") as file:
        try:
            parquet = pq.ParquetFile(file)
        except pa.ArrowInvalid as error:
            raise UsageError(
                f"a table must be a Parquet file, found {str(path)!r} which is none ({error}): "
                f"python -m tune.doctor {path.parent.parent.name} --repair writes it again"
            ) from error
        there = parquet.schema_arrow  # made anew at each access
        found = (there.metadata or {}).get(_VERSION_KEY, b"none").decode()
        if found != str(SCHEMA_VERSION):
            raise UsageError(
                f"tables must have schema version {SCHEMA_VERSION}, found {found} in "
                f"{str(path)!r}: read it with the release that wrote it or move the study away"
            )
        names_there, names_wanted = set(there.names), frozenset(columns or schema.names)
        wanted = [column for column in schema.columns if column.name in names_wanted]
        absent = [column for column in wanted if column.name not in names_there]
        lacking = [one for one in absent if not one.is_added or one.came_with in names_there]
        if lacking:
            names = ", ".join(sorted(column.name for column in lacking))
            raise UsageError(
                f"tables must have the columns of docs/TABLES.md, found {str(path)!r} lacking "
                f"{names}: read it with the release that wrote it or move it away"
            )
        try:
            present = [column.name for column in wanted if column not in absent]
            # A few columns are small: threads cost more than they gain.
            table = parquet.read(columns=present, use_threads=columns is None)
            if STUDY.name in present:  # the folder may have been renamed since
                position, study = present.index(STUDY.name), path.parents[1].name
                names = pa.array([study] * len(table), _ARROW_TYPES[STUDY.type])
                table = table.set_column(position, STUDY.name, names)
            for column in absent:
                values = pa.array([column.before] * len(table), _ARROW_TYPES[column.type])
                table = table.append_column(column.name, values)
            if columns is not None:
                return table
            return table.select(list(schema.names)).cast(_arrow_schema(schema))
        except (OSError, ValueError) as error:  # Arrow's own errors are ValueErrors
            raise UsageError(
                f"the rows of a table must be readable, found {str(path)!r} torn inside ({error}): "
                f"python -m tune.doctor {path.parent.parent.name} --repair writes it again"
            ) from error


def _to_frame(schema: TableSchema, tables: Sequence[pa.Table]) -> "pd.DataFrame":
    import pandas as pd

    whole = pa.concat_tables([_arrow_schema(schema).empty_table(), *tables])
    return pd.DataFrame(
        {column.name: _to_series(whole[column.name], column) for column in schema.columns}
    )


def _to_series(values: pa.ChunkedArray, column: Column) -> "pd.Series[Any]":
    import pandas as pd

    nullable_types = {pa.int32(): pd.Int32Dtype(), pa.int64(): pd.Int64Dtype()}
    has_nullable_type = column.nullable and _ARROW_TYPES[column.type] in nullable_types
    series: pd.Series[Any] = values.to_pandas(
        types_mapper=nullable_types.get if has_nullable_type else None
    )
    return series


if __name__ == "__main__":
    sys.stdout.write(describe_tables())
