"""Settings as a TOML file and flags have them."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tune.config.search import SearchConfig
from tune.config.settings import Setting, format_toml, read_toml_file, read_values
from tune.errors import UsageError

SETTINGS = {"value": Setting("a value", name="value", none_word="all")}

texts = st.text(st.characters(exclude_categories=["Cs"]))
numbers = st.one_of(
    st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False)
)


@given(st.one_of(texts, numbers, st.lists(texts, max_size=3)))
def test_a_written_value_is_read_back_equal(
    tmp_path_factory: pytest.TempPathFactory, value: object
) -> None:
    path = tmp_path_factory.mktemp("toml") / "file.toml"
    path.write_text(format_toml({"value": value}, SETTINGS), encoding="utf-8", newline="")
    assert read_toml_file(path) == {"value": value}


def test_none_is_written_as_its_word_and_left_out_without_one() -> None:
    assert format_toml({"value": None}, SETTINGS) == 'value = "all"\n'
    assert format_toml({"value": None}, {"value": Setting("a value")}) == ""


def test_a_file_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"found '.*absent.toml' \(No such file or directory\)"):
        read_toml_file(tmp_path / "absent.toml")


def test_a_byte_order_mark_is_no_setting(tmp_path: Path) -> None:
    (tmp_path / "marked.toml").write_bytes(b"\xef\xbb\xbfarch = 'baseline'\n")
    assert read_toml_file(tmp_path / "marked.toml") == {"arch": "baseline"}


@pytest.mark.parametrize("content", [b"trials = ", b"\xff\xfe", b"trials = 1\ntrials = 2\n"])
def test_a_file_that_is_not_toml_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "broken.toml").write_bytes(content)
    with pytest.raises(UsageError, match="a configuration file must be TOML"):
        read_toml_file(tmp_path / "broken.toml")


def test_a_text_that_no_file_of_settings_can_hold_is_refused() -> None:
    raw = {"data": os.fsdecode(b"corpus/caf\xe9")}
    with pytest.raises(UsageError, match="data must be UTF-8, found corpus/caf%E9: rename"):
        read_values(SearchConfig, raw, "the command")
