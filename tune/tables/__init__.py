"""Every column of every table, and the files that readers can open at any time.

`from tune.tables import read_table` is the public reader; `python -m tune.tables` prints
docs/TABLES.md. Knows only the words for errors. Start with `schemas.py`, the tables by name;
`files.py` reads and writes them.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tune.tables.files import (
        find_tables,
        read_columns,
        read_readable_tables,
        read_table,
        write_table,
    )
    from tune.tables.schemas import SCHEMA_VERSION, SCHEMAS

_HOMES = {
    "SCHEMAS": "schemas",
    "SCHEMA_VERSION": "schemas",
    "find_tables": "files",
    "read_columns": "files",
    "read_readable_tables": "files",
    "read_table": "files",
    "write_table": "files",
}
__all__ = [
    "SCHEMAS",
    "SCHEMA_VERSION",
    "find_tables",
    "read_columns",
    "read_readable_tables",
    "read_table",
    "write_table",
]


def __getattr__(name: str) -> object:
    """Return a public name from its module, which is loaded when it is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
