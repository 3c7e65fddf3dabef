"""Measurements that are kept in a file."""

from pathlib import Path

import pytest

from models.kept import kept


def test_what_is_kept_is_not_measured_again(tmp_path):
    file = tmp_path / "new folder" / "kept.json"
    first = kept(file, "a card", lambda: {"gain": 1.5})
    assert kept(file, "a card", lambda: {"gain": 2.0}) == first == {"gain": 1.5}


def test_each_key_has_its_own(tmp_path):
    file = tmp_path / "kept.json"
    kept(file, "a card", lambda: {"gain": 1.5})
    assert kept(file, "another card", lambda: {"gain": 2.0}) == {"gain": 2.0}
    assert kept(file, "a card", dict) == {"gain": 1.5}


def test_what_others_measured_meanwhile_stays(tmp_path):
    file = tmp_path / "kept.json"

    def measure() -> dict[str, float]:
        kept(file, "another card", lambda: {"gain": 2.0})
        return {"gain": 1.5}

    kept(file, "a card", measure)
    assert kept(file, "another card", dict) == {"gain": 2.0}
    assert [path.name for path in tmp_path.iterdir()] == ["kept.json"]


def test_of_two_that_write_at_the_same_time_neither_fails(tmp_path, monkeypatch):
    file, replace = tmp_path / "kept.json", Path.replace

    def replace_after_another(draft: Path, target: Path) -> Path:
        monkeypatch.setattr(Path, "replace", replace)
        kept(file, "another card", lambda: {"gain": 2.0})
        return replace(draft, target)

    monkeypatch.setattr(Path, "replace", replace_after_another)
    assert kept(file, "a card", lambda: {"gain": 1.5}) == {"gain": 1.5}
    assert kept(file, "a card", dict) == {"gain": 1.5}
    assert [path.name for path in tmp_path.iterdir()] == ["kept.json"]


@pytest.mark.parametrize("damaged", ["", "{", "[1]", "\x00"])
def test_a_damaged_file_is_measured_anew(tmp_path, damaged):
    file = tmp_path / "kept.json"
    file.write_text(damaged)
    assert kept(file, "a card", lambda: {"gain": 1.5}) == {"gain": 1.5}
    assert kept(file, "a card", dict) == {"gain": 1.5}
