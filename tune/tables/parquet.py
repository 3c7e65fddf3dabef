"""One table's Parquet file: opened once, checked against its schema, read."""

import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from data.text import as_text
from tune.commands import typed
from tune.errors import UsageError
from tune.tables.columns import STUDY, Column, TableSchema
from tune.tables.schemas import SCHEMA_VERSION

ARROW_TYPES: Mapping[str, pa.DataType] = {
    "string": pa.string(),
    "bool": pa.bool_(),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "float64": pa.float64(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "binary": pa.binary(),
}
_VERSION_KEY = b"sar_tune.schema_version"
_TABLE_KEY = b"sar_tune.table"


def arrow_schema(schema: TableSchema) -> pa.Schema:
    """Return the file's schema; each column carries its sentence and unit along."""
    return pa.schema(
        [
            pa.field(
                column.name,
                ARROW_TYPES[column.type],
                nullable=column.nullable,
                metadata={"description": column.doc, "unit": column.unit},
            )
            for column in schema.columns
        ],
        metadata={_TABLE_KEY: schema.name, _VERSION_KEY: str(SCHEMA_VERSION)},
    )


def read_file(path: Path, schema: TableSchema, columns: Sequence[str] | None = None) -> pa.Table:
    """Return the rows of a file `<results>/<study>/tables/<name>.parquet`.

    Args:
        path: The file.
        schema: What it has to be.
        columns: Names of the columns to read, which come in the schema's order; None for all, which
            come with the schema's types.

    Raises:
        UsageError: If it is no table, torn, of another version, or lacks a column.
    """
    # One open file for footer and rows: the path may lead to a newer file a moment later. Arrow's
    # own file is read faster than Python's, and takes a name that is no UTF-8 as bytes alone.
    with pa.OSFile(os.fsencode(path)) as file:
        # What a ParquetFile is made of: that one looks for columns inside of columns first.
        reader = pq.ParquetReader()
        try:
            # A few columns are small: reading ahead and threads cost more than they gain.
            reader.open(file, pre_buffer=columns is None)
        except pa.ArrowInvalid as error:
            raise UsageError(
                f"a table must be a Parquet file, found {str(path)!r} which is none ({error}): "
                f"{_repair(path)} writes it again"
            ) from error
        # The Arrow schema has it too, and takes a third of the time that opening takes.
        found = (reader.metadata.metadata or {}).get(_VERSION_KEY, b"none").decode()
        if found != str(SCHEMA_VERSION):
            raise UsageError(
                f"tables must have schema version {SCHEMA_VERSION}, found {found} in "
                f"{str(path)!r}: read it with the release that wrote it or move the study away"
            )
        names = frozenset(columns or schema.names)
        wanted = [column for column in schema.columns if column.name in names]
        positions = {parts[0]: index for index, parts in enumerate(reader.column_paths)}
        _check_there(path, wanted, positions)
        there = [positions[column.name] for column in wanted if column.name in positions]
        try:
            table = _complete(path, reader.read_all(there, use_threads=columns is None), wanted)
            return table if columns is not None else table.cast(arrow_schema(schema))
        except (OSError, ValueError) as error:  # Arrow's own errors are ValueErrors
            raise UsageError(
                f"the rows of a table must be readable, found {str(path)!r} torn inside ({error}): "
                f"{_repair(path)} writes it again"
            ) from error


def _check_there(path: Path, wanted: Sequence[Column], there: Collection[str]) -> None:
    """Refuse a file that lacks more than what was added to its table since."""
    absent = (column for column in wanted if column.name not in there)
    lacking = [one.name for one in absent if not one.is_added or one.came_with in there]
    if lacking:
        raise UsageError(
            f"tables must have the columns of docs/TABLES.md, found {str(path)!r} lacking "
            f"{', '.join(sorted(lacking))}: read it with the release that wrote it or move it away"
        )


def _complete(path: Path, table: pa.Table, wanted: Sequence[Column]) -> pa.Table:
    """Return a table with the name that its study has now, and with what was added since."""
    present = table.column_names
    if STUDY.name in present:  # the folder may have been renamed since
        study = pa.array([as_text(path.parents[1].name)] * len(table), ARROW_TYPES[STUDY.type])
        table = table.set_column(present.index(STUDY.name), STUDY.name, study)
    if len(present) == len(wanted):
        return table
    for column in wanted:
        if column.name not in present:
            values = pa.array([column.before] * len(table), ARROW_TYPES[column.type])
            table = table.append_column(column.name, values)
    return table.select([column.name for column in wanted])


def _repair(path: Path) -> str:
    """Return the command that writes a study's tables again."""
    study = path.parent.parent
    return typed("tune.doctor", study.name, "--repair", results=study.parent)
