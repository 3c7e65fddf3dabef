"""Every table as a CSV file, with the columns of docs/TABLES.md.

Pixels are left out: bytes have no place in a CSV, and the Parquet file has them.
"""

from pathlib import Path

import pandas as pd

from analysis.csv_files import csv_files
from analysis.exports.own_files import write_own
from analysis.exports.shapes import Export
from analysis.frames import TABLES, Frames
from tune.tables.schemas import SCHEMAS

FOLDER = "tables"


def export_tables(frames: Frames) -> Export:
    """Return the tables that have rows, to be written as tables/NAME.csv."""
    tables = {name: _without_bytes(frames, name) for name in TABLES}
    tables = {name: table for name, table in tables.items() if not table.empty}

    def write(out: Path) -> str:
        write_own(out, {FOLDER: csv_files(FOLDER, tables)}, adopts=True)
        return f"{len(tables)} CSV files in {out / FOLDER}"

    return Export(len(tables), "rows in any table", write)


def _without_bytes(frames: Frames, name: str) -> pd.DataFrame:
    table: pd.DataFrame = getattr(frames, name)
    return table[[one.name for one in SCHEMAS[name].columns if one.type != "binary"]]
