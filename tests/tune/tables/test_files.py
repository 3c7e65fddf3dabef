import dataclasses
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.training.epoch_result import EpochResult
from tune.errors import UsageError
from tune.outcomes import Outcome
from tune.tables.columns import Column, TableSchema
from tune.tables.docs import describe_tables
from tune.tables.files import read_columns, read_table, write_table
from tune.tables.schemas import SCHEMA_VERSION, SCHEMAS

REPOSITORY = Path(__file__).parents[3]
NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
SAMPLES = {
    "string": "text",
    "bool": True,
    "int32": 3,
    "int64": 2**40,
    "float64": 0.5,
    "timestamp": NOW,
    "binary": b"\x00\xff",
}
VALUES = {
    "string": st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
    "bool": st.booleans(),
    "int32": st.integers(-(2**31), 2**31 - 1),
    "int64": st.integers(-(2**63), 2**63 - 1),
    "float64": st.floats(allow_nan=False),
    "timestamp": st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),
    "binary": st.binary(max_size=5),
}


def sample_row(name: str, **changes: Any) -> dict[str, Any]:
    return {column.name: SAMPLES[column.type] for column in SCHEMAS[name].columns} | changes


def rows_of(schema: TableSchema) -> st.SearchStrategy[list[dict[str, Any]]]:
    values = {
        column.name: st.none() | VALUES[column.type] if column.nullable else VALUES[column.type]
        for column in schema.columns
    }
    return st.lists(st.fixed_dictionaries(values), max_size=3)


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Two studies with two epochs each, a folder without tables, and a file."""
    for study in ("study_a", "study_b"):
        tables = tmp_path / study / "tables"
        tables.mkdir(parents=True)
        rows = [sample_row("epochs", study=study, epoch=epoch) for epoch in (1, 2)]
        write_table(tables, "epochs", rows)
    (tmp_path / "study_without_tables").mkdir()
    (tmp_path / "README.md").write_text("not a study")
    return tmp_path


@pytest.mark.parametrize("name", SCHEMAS)
@settings(max_examples=15)  # rows have fifty columns
@given(data=st.data())
def test_rows_are_read_back_as_they_were_written(
    tmp_path_factory: pytest.TempPathFactory, name: str, data: st.DataObject
) -> None:
    rows = data.draw(rows_of(SCHEMAS[name]))
    tables = tmp_path_factory.mktemp("study")
    write_table(tables, name, rows)
    assert pq.read_table(tables / f"{name}.parquet").to_pylist() == rows


@pytest.mark.parametrize("name", SCHEMAS)
def test_types_do_not_depend_on_the_rows(tmp_path: Path, name: str) -> None:
    empty = read_table(tmp_path, name)
    tables = tmp_path / "study" / "tables"
    tables.mkdir(parents=True)
    missing = {column.name: None for column in SCHEMAS[name].columns if column.nullable}
    for rows in ([], [sample_row(name)], [sample_row(name, **missing)]):
        write_table(tables, name, rows)
        frame = read_table(tmp_path, name)
        pd.testing.assert_series_equal(frame.dtypes, empty.dtypes)
        assert tuple(frame.columns) == SCHEMAS[name].names


def test_all_studies_are_read_in_order_and_folders_without_tables_are_passed_over(
    results: Path,
) -> None:
    frame = read_table(results, "epochs")
    assert list(frame["study"]) == ["study_a", "study_a", "study_b", "study_b"]
    assert list(read_table(results, "epochs", study="study_b")["study"]) == ["study_b"] * 2


def test_a_results_folder_that_does_not_exist_has_no_rows(tmp_path: Path) -> None:
    assert read_table(tmp_path / "absent", "trials").empty


def test_a_results_folder_may_have_a_name_that_is_no_utf8(tmp_path: Path) -> None:
    tables = tmp_path / os.fsdecode(b"caf\xe9") / "study" / "tables"
    tables.mkdir(parents=True)
    write_table(tables, "epochs", [sample_row("epochs", study="study")])
    assert len(read_table(tables.parents[1], "epochs")) == 1


def test_a_study_whose_name_is_no_utf8_is_read_with_that_as_text(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9")
    tables = tmp_path / name / "tables"
    tables.mkdir(parents=True)
    write_table(tables, "epochs", [sample_row("epochs", study=name, trial=name)])
    frame = read_table(tmp_path, "epochs")
    assert (*frame["study"], *frame["trial"]) == ("caf%E9", "caf%E9")


def test_missing_values_stay_missing_and_whole_numbers_whole(tmp_path: Path) -> None:
    (tmp_path / "study" / "tables").mkdir(parents=True)
    rows = [sample_row("trials", best_epoch=None, outcome=None), sample_row("trials", best_epoch=7)]
    write_table(tmp_path / "study" / "tables", "trials", rows)
    frame = read_table(tmp_path, "trials")
    assert list(frame["outcome"].isna()) == [True, False]
    assert list(frame["best_epoch"].isna()) == [True, False]
    assert frame["best_epoch"][1] == 7


def test_an_outcome_is_written_as_its_value(tmp_path: Path) -> None:
    write_table(tmp_path, "trials", [sample_row("trials", outcome=Outcome.OUT_OF_MEMORY)])
    assert pq.read_table(tmp_path / "trials.parquet")["outcome"].to_pylist() == ["out_of_memory"]


def test_numpy_scalars_are_written_as_their_values(tmp_path: Path) -> None:
    row = sample_row("epochs", epoch=np.int64(2), val_psnr_db=np.float32(20.5))
    write_table(tmp_path, "epochs", [row])
    table = pq.read_table(tmp_path / "epochs.parquet")
    assert (table["epoch"].to_pylist(), table["val_psnr_db"].to_pylist()) == ([2], [20.5])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"epoch": 1.0}, "epochs.epoch takes int32 values, found a float"),
        ({"epoch": True}, "epochs.epoch takes int32 values, found a bool"),
        ({"epoch": 2**31}, "epochs.epoch takes int32 values, found one beyond"),
        ({"train_loss": True}, "epochs.train_loss takes float64 values, found a bool"),
        ({"train_loss": "1"}, "epochs.train_loss takes float64 values, found a str"),
        ({"train_loss": None}, "epochs.train_loss needs a value in every row"),
        ({"train_loss": float("nan")}, "epochs.train_loss takes numbers or None, found NaN"),
        ({"study": 3}, "epochs.study takes string values, found a int"),
        ({"recorded_at": datetime(2026, 1, 2)}, "times with a time zone, found one without"),
        ({"recorded_at": 5}, "epochs.recorded_at takes timestamp values, found a int"),
        ({"val_pnsr_db": 1.0}, "with ['val_pnsr_db'] too many"),
    ],
)
def test_a_value_that_does_not_suit_its_column_is_refused_and_the_table_stays(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    write_table(tmp_path, "epochs", [sample_row("epochs")])
    before = (tmp_path / "epochs.parquet").read_bytes()
    with pytest.raises(ValueError) as refusal:  # noqa: PT011
        write_table(tmp_path, "epochs", [sample_row("epochs"), sample_row("epochs", **changes)])
    assert said in str(refusal.value)
    assert (tmp_path / "epochs.parquet").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["epochs.parquet"]


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_row_without_a_column_is_refused(tmp_path: Path, name: str) -> None:
    row = sample_row(name)
    del row["study"]
    with pytest.raises(ValueError, match=r"\['study'\] missing"):
        write_table(tmp_path, name, [row])


def test_a_table_of_another_version_is_refused_with_its_name(results: Path) -> None:
    path = results / "study_a" / "tables" / "epochs.parquet"
    table = pq.read_table(path)
    other = {**table.schema.metadata, b"sar_tune.schema_version": b"999"}
    pq.write_table(table.replace_schema_metadata(other), path)
    with pytest.raises(UsageError, match=rf"version {SCHEMA_VERSION}, found 999 in '.*study_a"):
        read_table(results, "epochs")


def test_a_table_of_somebody_else_is_refused(results: Path) -> None:
    pq.write_table(pa.table({"x": [1]}), results / "study_a" / "tables" / "epochs.parquet")
    with pytest.raises(UsageError, match=rf"version {SCHEMA_VERSION}, found none in"):
        read_table(results, "epochs")


def test_a_file_that_is_no_parquet_is_refused(results: Path) -> None:
    (results / "study_a" / "tables" / "epochs.parquet").write_bytes(b"PAR1 no more")
    with pytest.raises(UsageError, match="a table must be a Parquet file, found"):
        read_table(results, "epochs")


def drop_columns(path: Path, names: Sequence[str]) -> None:
    """Write a table file again without some columns, as an earlier release did."""
    pq.write_table(pq.read_table(path).drop_columns(list(names)), path)


ADDED = {
    name: [column for column in schema.columns if column.is_added]
    for name, schema in SCHEMAS.items()
    if any(column.is_added for column in schema.columns)
}


@pytest.mark.parametrize("name", ADDED)
def test_a_file_without_added_columns_is_read_with_what_they_were_before(
    tmp_path: Path, name: str
) -> None:
    tables = tmp_path / "old" / "tables"
    tables.mkdir(parents=True)
    write_table(tables, name, [sample_row(name), sample_row(name)])
    whole = read_table(tmp_path, name)
    drop_columns(tables / f"{name}.parquet", [column.name for column in ADDED[name]])
    old = read_table(tmp_path, name)
    pd.testing.assert_series_equal(old.dtypes, whole.dtypes)
    for column in ADDED[name]:
        found = [None if pd.isna(value) else value for value in old[column.name]]
        assert found == [column.before] * 2
        assert read_columns(tables / f"{name}.parquet", name, [column.name]) == {
            column.name: [column.before] * 2
        }
    kept = [column for column in whole.columns if column not in {one.name for one in ADDED[name]}]
    pd.testing.assert_frame_equal(old[kept], whole[kept])


def test_old_and_new_files_are_read_together(results: Path) -> None:
    drop_columns(results / "study_a" / "tables" / "epochs.parquet", ["rate_bpp", "multiplier"])
    frame = read_table(results, "epochs")
    assert list(frame["rate_bpp"].isna()) == [True, True, False, False]


@pytest.mark.parametrize("name", ADDED)
def test_an_added_column_says_what_it_was_or_may_be_missing(name: str) -> None:
    assert all(column.nullable == (column.before is None) for column in ADDED[name])


def test_a_file_without_an_ordinary_column_is_refused_with_its_name(results: Path) -> None:
    drop_columns(results / "study_a" / "tables" / "epochs.parquet", ["val_ssim", "rate_bpp"])
    with pytest.raises(UsageError, match=r"columns of docs/TABLES\.md, found .* lacking val_ssim:"):
        read_table(results, "epochs")


def test_a_file_with_an_objective_and_without_the_column_that_came_with_it_is_refused(
    tmp_path: Path,
) -> None:
    tables = tmp_path / "study" / "tables"
    tables.mkdir(parents=True)
    write_table(tables, "trials", [sample_row("trials")])
    drop_columns(tables / "trials.parquet", ["best_val_ms_ssim"])
    with pytest.raises(UsageError, match="lacking best_val_ms_ssim:"):
        read_table(tmp_path, "trials")


def read_with_pandas(results: Path) -> int:
    return sum(
        len(pd.read_parquet(path)) for path in sorted(results.glob("*/tables/epochs.parquet"))
    )


def read_with_polars(results: Path) -> int:
    import polars as pl

    return pl.read_parquet(results / "*/tables/epochs.parquet").height


def read_with_duckdb(results: Path) -> int:
    import duckdb

    query = f"select count(*), sum(val_psnr_db) from '{results}/*/tables/epochs.parquet'"
    row = duckdb.connect().execute(query).fetchone()
    assert row is not None
    return int(row[0])


def read_with_ours(results: Path) -> int:
    return len(read_table(results, "epochs"))


READERS = [read_with_pandas, read_with_polars, read_with_duckdb, read_with_ours]


@pytest.mark.parametrize("read", READERS)
def test_every_library_reads_all_studies_with_a_glob(
    results: Path, read: Callable[[Path], int]
) -> None:
    assert read(results) == 4


@pytest.mark.slow
@pytest.mark.parametrize("read", READERS)
def test_a_reader_survives_a_replacement_at_any_moment_of_its_reading(
    results: Path, read: Callable[[Path], int]
) -> None:
    tables = results / "study_a" / "tables"
    rows = [sample_row("epochs", epoch=epoch, val_psnr_db=epoch / 7) for epoch in range(500)]
    start_s = time.perf_counter()
    read(results)
    reading_s = time.perf_counter() - start_s

    def replace(delay_s: float, count: int) -> None:
        time.sleep(delay_s)
        write_table(tables, "epochs", rows[:count])

    for step in range(40):
        writer = threading.Thread(target=replace, args=(reading_s * step / 40, step * 37 % 500))
        writer.start()
        num_rows = read(results) - 2  # the other study's
        assert num_rows in {2 if step == 0 else (step - 1) * 37 % 500, step * 37 % 500}
        writer.join()


def test_the_epochs_table_has_every_result_of_an_epoch() -> None:
    names = set(SCHEMAS["epochs"].names)
    fields = {field.name for field in dataclasses.fields(EpochResult)}
    assert names - fields == {"study", "trial", "trial_number", "recorded_at"}
    assert fields - names == {"is_last"}


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_column_has_one_sentence(name: str) -> None:
    for column in SCHEMAS[name].columns:
        assert column.doc.endswith("."), column.name
        assert ". " not in column.doc, column.name
        assert "|" not in column.doc, column.name


def named_unit(column: Column) -> str:
    """The unit that a column's name ends in; its own where it names none."""
    endings = {"_db": "dB", "_mib": "MiB", "_px": "px", "per_s": "1/s", "_s": "s"}
    return next((unit for end, unit in endings.items() if column.name.endswith(end)), column.unit)


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_unit_in_a_name_is_the_unit_of_the_column(name: str) -> None:
    columns = SCHEMAS[name].columns
    assert {c.name: c.unit for c in columns} == {c.name: named_unit(c) for c in columns}


def test_the_tables_page_is_the_generated_one() -> None:
    page = (REPOSITORY / "docs" / "TABLES.md").read_text(encoding="utf-8")
    assert page == describe_tables(), "run: python -m tune.tables > docs/TABLES.md"


def test_tables_load_neither_torch_nor_ray() -> None:
    code = "import sys, tune.tables; print(*{'torch', 'ray', 'optuna'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
