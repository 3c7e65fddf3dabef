import json
import shutil

import pytest

from tests.analysis.made_of_bytes import write_search
from tests.recorded.make import row
from tune.results import standings
from tune.results.known_searches import FILE
from tune.results.standings import read_searches
from tune.storage.folder import StudyFolder
from tune.storage.history import Budget
from tune.study.opening import note_budget
from tune.tables.files import find_tables, read_table, write_table


@pytest.fixture
def reads(monkeypatch):
    """Count the tables that are opened."""
    opened = []
    read_columns = standings.read_columns

    def counted(path, *arguments):
        opened.append(path)
        return read_columns(path, *arguments)

    monkeypatch.setattr(standings, "read_columns", counted)
    return opened


def change_outcome(results, outcome: str | None) -> None:
    """Write the only search's trials again, the last one with another outcome."""
    (path,) = find_tables(results, "trials")
    frame = read_table(results, "trials").astype(object)
    rows = frame.where(frame.notna(), None).to_dict("records")
    write_table(
        path.parent, "trials", [*rows[:-1], row("trials", **(rows[-1] | {"outcome": outcome}))]
    )


def test_a_finished_search_is_read_once_and_seen_the_same_again(tmp_path, reads):
    write_search(tmp_path, "attention", 16)
    first = read_searches(tmp_path)
    assert len(reads) == 1
    assert read_searches(tmp_path) == first
    assert len(reads) == 1


def test_a_search_that_is_written_again_is_read_again(tmp_path):
    write_search(tmp_path, "attention", 16)
    ((before,), _) = read_searches(tmp_path)
    change_outcome(tmp_path, None)
    ((after,), _) = read_searches(tmp_path)
    assert (before.num_open, after.num_open) == (0, 1)


def test_an_open_search_is_not_kept(tmp_path, reads):
    write_search(tmp_path, "attention", 16)
    change_outcome(tmp_path, "interrupted")
    read_searches(tmp_path)
    read_searches(tmp_path)
    assert len(reads) == 2


def test_an_extended_search_has_its_new_trials_to_come(tmp_path):
    write_search(tmp_path, "attention", 16)
    ((before,), _) = read_searches(tmp_path)
    note_budget(StudyFolder(tmp_path / before.study), Budget(before.num_ended + 5, None))
    ((after,), _) = read_searches(tmp_path)
    assert after.num_planned == before.num_ended + 5


def test_a_renamed_search_has_its_new_name(tmp_path):
    write_search(tmp_path, "attention", 16)
    ((before,), _) = read_searches(tmp_path)
    (tmp_path / before.study).rename(tmp_path / "renamed")
    ((after,), _) = read_searches(tmp_path)
    assert after.study == "renamed"


def test_a_removed_search_is_forgotten(tmp_path):
    write_search(tmp_path, "attention", 16)
    ((view,), _) = read_searches(tmp_path)
    shutil.rmtree(tmp_path / view.study)
    assert read_searches(tmp_path) == ([], [])
    assert json.loads((tmp_path / FILE).read_text())["searches"] == {}


@pytest.mark.parametrize("text", ["", "[]", "{", '{"stated": ["another release"], "searches": 3}'])
def test_a_file_that_cannot_be_used_is_done_without(tmp_path, text):
    write_search(tmp_path, "attention", 16)
    expected = read_searches(tmp_path)
    (tmp_path / FILE).write_text(text)
    assert read_searches(tmp_path) == expected


def test_a_folder_that_cannot_be_written_is_read_each_time(tmp_path, monkeypatch, reads):
    write_search(tmp_path, "attention", 16)
    (tmp_path / FILE).mkdir()  # nothing can take its place, for whatever user
    expected = read_searches(tmp_path)
    assert read_searches(tmp_path) == expected
    assert len(reads) == 2
    assert [path.name for path in tmp_path.glob("*.tmp")] == []
