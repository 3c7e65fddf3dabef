"""Tables as CSV are the tables."""

from dataclasses import replace

import pandas as pd
import pytest

from analysis.exports.tables import export_tables
from analysis.frames import TABLES
from tune.tables.schemas import SCHEMAS


@pytest.fixture(scope="module")
def written(recorded, tmp_path_factory):
    out = tmp_path_factory.mktemp("tables")
    export_tables(recorded).write(out)
    return out / "tables"


def read_back(path, like):
    """A CSV as a frame of the types of another."""
    times = [name for name in like if str(like[name].dtype).startswith("datetime")]
    types = {name: like[name].dtype for name in like if name not in times}
    schema = {column.name: column for column in SCHEMAS[path.stem].columns}
    texts = [name for name in like if schema[name].type == "string"]
    frame = pd.read_csv(
        path,
        dtype=types,
        keep_default_na=False,
        na_values={name: [""] for name in like if name not in texts or schema[name].nullable},
    )
    for name in times:
        read = pd.to_datetime(frame[name], utc=True, format="ISO8601")
        frame[name] = read.astype(like[name].dtype)
    return frame


@pytest.mark.parametrize("name", TABLES)
def test_a_csv_reads_back_as_its_table(written, recorded, name):
    table = getattr(recorded, name)
    if table.empty:
        assert not (written / f"{name}.csv").exists()
        return
    like = table.drop(columns="pixels", errors="ignore")
    pd.testing.assert_frame_equal(read_back(written / f"{name}.csv", like), like)


def test_a_table_of_an_earlier_export_disappears_and_other_files_stay(recorded, tmp_path):
    export_tables(recorded).write(tmp_path)
    (tmp_path / "tables" / "mine.csv").write_text("mine", encoding="utf-8")
    searches = replace(recorded, test=recorded.test.iloc[:0])
    export = export_tables(searches)
    export.write(tmp_path)
    names = {path.stem for path in (tmp_path / "tables").iterdir()}
    assert "mine" in names
    assert "test" not in names
    assert len(names) == export.count + 1
