"""Exports only ever go where nothing of another's can be lost."""

import pytest

from analysis.exports.folder import MARKER, check_folder, claim_folder
from tune.errors import UsageError


def test_a_new_an_empty_and_an_earlier_folder_may_be_used(tmp_path):
    check_folder(tmp_path / "new")
    check_folder(tmp_path)
    claim_folder(tmp_path)
    (tmp_path / "images.csv").write_text("", encoding="utf-8")
    check_folder(tmp_path)


def test_a_folder_with_files_of_another_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("mine", encoding="utf-8")
    with pytest.raises(UsageError, match="found other files in"):
        check_folder(tmp_path)


def test_a_file_is_refused(tmp_path):
    path = tmp_path / "file"
    path.write_text("mine", encoding="utf-8")
    with pytest.raises(UsageError, match="--out must be a folder, found the file"):
        check_folder(path)


def test_checking_writes_nothing(tmp_path):
    check_folder(tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == []


def test_claiming_twice_gives_the_same_bytes(tmp_path):
    claim_folder(tmp_path / "a" / "b")
    before = (tmp_path / "a" / "b" / MARKER).read_bytes()
    claim_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b" / MARKER).read_bytes() == before
