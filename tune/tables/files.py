"""Write and read the Parquet tables of studies, checked against their schemas.

A table is one file, `<study>/tables/<name>.parquet`, replaced as a whole: a reader sees the old
rows or the new ones, never half a file. Column names, types and the schema's version are checked
on both sides. What the columns mean is in `tune.tables.schemas`; `python -m tune.tables` prints it
as docs/TABLES.md.
"""

import os
import sys
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from numbers import Integral, Real
from operator import attrgetter, itemgetter
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from data.text import as_text
from tune.errors import UsageError
from tune.tables.columns import Column, TableSchema
from tune.tables.docs import describe_tables
from tune.tables.originals import find_copies
from tune.tables.parquet import ARROW_TYPES, arrow_schema, read_file
from tune.tables.replacement import replace_parquet
from tune.tables.schemas import SCHEMAS

if TYPE_CHECKING:  # a status of a thousand studies has no time to load it
    import pandas as pd

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
    table = pa.Table.from_arrays(arrays, schema=arrow_schema(schema))
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
    tables = [read_file(path, schema) for path in find_tables(results, name, study)]
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
            tables.append(read_file(path, schema))
        except UsageError as error:
            sentences.append(f"left out study {as_text(path.parent.parent.name)}: {error}")
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
    table = read_file(path, SCHEMAS[name], columns)
    return {column: table[column].to_pylist() for column in columns}


def find_tables(
    results: Path | str,
    name: str,
    study: str | None = None,
    copies: Collection[str] | None = None,
) -> list[Path]:
    """Return the files of a table in a results folder, in the order of the studies' names.

    A copy of a study is left out, unless it is the one that is asked for.

    Args:
        results: The folder of all studies; it need not exist.
        name: A key of SCHEMAS.
        study: Name of the only study to look into.
        copies: The copies of `find_copies`, of whoever has them already; None finds them.
    """
    if study is not None:
        return [
            path for path in [Path(results) / study / "tables" / f"{name}.parquet"] if path.exists()
        ]
    copies = find_copies(results) if copies is None else copies
    folders = list(Path(results).iterdir()) if Path(results).is_dir() else []
    folders.sort(key=attrgetter("name"))
    # Not by a pattern, which looks into every folder: a status has a thousand of them.
    paths = (one / f"tables/{name}.parquet" for one in folders if one.name not in copies)
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
        array = _make_array(column, values)
    except (pa.ArrowInvalid, OverflowError) as error:
        raise ValueError(f"{name} takes {column.type} values, found one beyond: {error}") from error
    if array.null_count and not column.nullable:
        raise ValueError(f"{name} needs a value in every row, found none in some")
    if column.type == "float64" and pc.any(pc.is_nan(array)).as_py():
        raise ValueError(f"{name} takes numbers or None, found NaN")
    return array


def _make_array(column: Column, values: Sequence[Any]) -> pa.Array:
    try:
        return pa.array(values, ARROW_TYPES[column.type])
    except UnicodeEncodeError:  # the name of a folder, or a path in a reason
        texts = [None if value is None else as_text(value) for value in values]
        return pa.array(texts, ARROW_TYPES[column.type])


def _check_types(name: str, column: Column, values: Sequence[Any]) -> None:
    """Refuse what Arrow would convert in silence: 3.5 to 3, True to 1.0, local time to UTC."""
    for found in set(map(type, values)) - {NoneType}:
        is_flag = issubclass(found, bool) and column.type != "bool"
        if is_flag or not issubclass(found, _PYTHON_TYPES[column.type]):
            raise ValueError(f"{name} takes {column.type} values, found a {found.__name__}")
    if column.type == "timestamp" and any(value and value.tzinfo is None for value in values):
        raise ValueError(f"{name} takes times with a time zone, found one without")


def _to_frame(schema: TableSchema, tables: Sequence[pa.Table]) -> "pd.DataFrame":
    import pandas as pd

    whole = pa.concat_tables([arrow_schema(schema).empty_table(), *tables])
    return pd.DataFrame(
        {column.name: _to_series(whole[column.name], column) for column in schema.columns}
    )


def _to_series(values: pa.ChunkedArray, column: Column) -> "pd.Series[Any]":
    import pandas as pd

    nullable_types = {pa.int32(): pd.Int32Dtype(), pa.int64(): pd.Int64Dtype()}
    has_nullable_type = column.nullable and ARROW_TYPES[column.type] in nullable_types
    series: pd.Series[Any] = values.to_pandas(
        types_mapper=nullable_types.get if has_nullable_type else None
    )
    return series


if __name__ == "__main__":
    sys.stdout.write(describe_tables())
