"""Studies whose folders were renamed or copied."""

import json
import os
import shutil
from pathlib import Path

import pytest

from tune.tables.files import find_tables, read_columns, read_table, write_table
from tune.tables.originals import copy_sentences, current_name, find_copies, given_name

TABLE = "dimensions"
ROW = {
    "dimension": "learning_rate",
    "kind": "float",
    "low": 1e-4,
    "high": 1e-2,
    "is_log": True,
    "choices": "",
    "unit": "1",
}


@pytest.fixture
def results(tmp_path) -> Path:
    return tmp_path


def make(results: Path, name: str, worker: str = "w-1", rows: int = 1) -> Path:
    """A study as its first session leaves it."""
    folder = results / name
    (folder / "tables").mkdir(parents=True)
    (folder / "manifest.json").write_text("{}")
    line = {"op_code": 0, "worker_id": worker, "study_name": name, "directions": [2]}
    (folder / "journal").write_text(json.dumps(line) + "\n{}\n")
    row = {"study": name, **ROW}
    write_table(folder / "tables", TABLE, [row] * rows)
    return folder


def test_a_copy_is_one_whatever_was_written_to_either_since(results):
    folder = make(results, "search")
    shutil.copytree(folder, results / "a_backup")
    with (folder / "journal").open("a") as journal:
        journal.write("{}\n")
    assert find_copies(results) == {"a_backup": "search"}
    assert copy_sentences(results) == ["left out study a_backup: it is a copy of search"]


def test_studies_of_equal_names_and_different_processes_are_no_copies(results):
    make(results, "one", worker="w-1")
    make(results, "two", worker="w-2")
    assert find_copies(results) == {}


def test_where_the_original_was_renamed_the_older_folder_is_it(results):
    folder = make(results, "search")
    folder = folder.rename(results / "renamed")
    shutil.copytree(folder, results / "another")
    assert find_copies(results) == {"another": "renamed"}


def test_a_study_is_found_by_the_name_that_it_had(results):
    make(results, "search").rename(results / "renamed")
    assert given_name(results / "renamed") == "search"
    assert current_name(results, "search") == "renamed"
    assert current_name(results, "unknown") == "unknown"
    make(results, "search", worker="w-2")
    assert current_name(results, "search") == "search"


@pytest.mark.parametrize("text", ["", "{", "[1]\n", "7\n", '{"study_name": "x"}\n', "\xff"])
def test_a_journal_without_a_beginning_names_nobody(results, text):
    for name in ("one", "two"):
        (results / name).mkdir()
        (results / name / "journal").write_text(text, encoding="latin-1")
    assert find_copies(results) == {}
    assert given_name(results / "one") == "one"


def test_no_results_have_no_copies(results):
    assert find_copies(results / "none") == {}


def test_tables_of_a_renamed_study_have_its_name_of_now(results):
    make(results, "search").rename(results / "renamed")
    assert list(read_table(results, TABLE)["study"]) == ["renamed"]
    (path,) = find_tables(results, TABLE)
    assert read_columns(path, TABLE, ["study"]) == {"study": ["renamed"]}


def test_rows_of_a_copy_count_only_where_it_is_asked_for(results):
    shutil.copytree(make(results, "search", rows=2), results / "copy")
    assert list(read_table(results, TABLE)["study"]) == ["search", "search"]
    assert list(read_table(results, TABLE, "copy")["study"]) == ["copy", "copy"]


@pytest.mark.parametrize("name", ["[16x] search", "a*", "b?c", "{d}"])
def test_names_are_no_patterns(results, name):
    make(results, name)
    make(results, "other", worker="w-2")
    assert list(read_table(results, TABLE, name)["study"]) == [name]


def test_lines_that_nobody_else_has_are_not_parsed(results, monkeypatch):
    make(results, "one", worker="w-1")
    make(results, "two", worker="w-2")
    monkeypatch.setattr("tune.tables.originals.json.loads", pytest.fail)
    assert find_copies(results) == {}


def test_a_folder_that_cannot_be_looked_into_names_nobody(results):
    folder = make(results, "search")
    if os.geteuid() == 0:
        (folder / "journal").unlink()
        (folder / "journal").mkdir()
    else:
        (folder / "journal").chmod(0)
    assert given_name(folder) == "search"
