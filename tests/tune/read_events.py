"""Events and tables as a script has them."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from tune.terminal.json_text import json_text


def named(events: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    """Return the fields of the events of one name."""
    return [
        {field: value for field, value in event.items() if field != "event"}
        for event in events
        if event["event"] == name
    ]


def table_rows(study: Path, name: str) -> Any:
    """Return the rows of a table as a script would have them in JSON."""
    return json.loads(json_text(pq.read_table(study / "tables" / f"{name}.parquet").to_pylist()))
