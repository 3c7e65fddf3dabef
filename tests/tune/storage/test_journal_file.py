"""The file of a journal: whole lines, torn ends, and a disk that is full for a while."""

import errno
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.storages.journal import JournalFileBackend

from tune.storage.journal_file import JournalFile, NoSpaceError, cut_torn_end, examine_journal

LINES = [b'{"op_code":0}\n', b'{"op_code":4,"n":1}\n', b'{"op_code":8,"text":"a\\nb"}\n']
WHOLE = b"".join(LINES)


@given(st.integers(0, len(WHOLE)))
def test_whatever_is_cut_off_the_end_the_whole_lines_before_it_stay(length):
    content = WHOLE[:length]
    state = examine_journal(content)
    assert WHOLE.startswith(content[: state.whole_bytes])
    assert content[: state.whole_bytes].splitlines(keepends=True) == LINES[: state.num_lines]
    assert state.whole_bytes + state.torn_bytes == length
    assert not state.is_damaged_inside


@pytest.mark.parametrize("end", [b"\0" * 40, b"\0" * 40 + b"\n", b"[1]\n", b'{"op_code"\n'])
def test_what_is_no_line_at_the_end_is_torn(end):
    state = examine_journal(WHOLE + end)
    assert (state.whole_bytes, state.torn_bytes) == (len(WHOLE), len(end))


def test_damage_before_whole_lines_is_told_from_a_torn_end():
    state = examine_journal(LINES[0] + b"\0\0\n" + LINES[1] + LINES[2])
    assert state.is_damaged_inside
    assert (state.num_lines, state.lines_after) == (1, 2)


def test_a_torn_end_is_cut_off_with_the_lock_of_its_writer(tmp_path):
    path = tmp_path / "journal"
    path.write_bytes(WHOLE + b'{"op_co')
    (tmp_path / "journal.lock").symlink_to(path)
    assert cut_torn_end(path) == 7
    assert path.read_bytes() == WHOLE
    assert not (tmp_path / "journal.lock").is_symlink()


def test_a_journal_that_is_damaged_inside_is_left_as_it_is(tmp_path):
    path = tmp_path / "journal"
    content = LINES[0] + b"\0\0\n" + LINES[1]
    path.write_bytes(content)
    assert cut_torn_end(path) > 0
    assert path.read_bytes() == content


@pytest.fixture
def fill(monkeypatch):
    """Make the next writes leave half a line and fail for want of space."""

    def fill(num_times: int) -> None:
        append, left = JournalFileBackend.append_logs, [num_times]

        def append_logs(self, logs):
            if left[0] == 0:
                return append(self, logs)
            left[0] -= 1
            with Path(self._file_path).open("ab") as file:
                file.write(b'{"half')
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(JournalFileBackend, "append_logs", append_logs)
        monkeypatch.setattr("tune.storage.journal_file.RETRY_S", 0.0)

    return fill


def test_a_writer_waits_for_space_and_says_so_once(tmp_path, fill):
    said: list[str] = []
    file = JournalFile(tmp_path / "journal", said.append)
    fill(3)
    file.append_logs([{"op_code": 0}])
    assert json.loads(file.path.read_text()) == {"op_code": 0}
    assert len(said) == 1
    assert "the search waits" in said[0]


def test_a_writer_gives_up_waiting_when_it_is_asked_to_end(tmp_path, fill):
    file = JournalFile(tmp_path / "journal", should_give_up=lambda: True)
    fill(1)
    with pytest.raises(NoSpaceError):
        file.append_logs([{"op_code": 0}])
    assert file.path.read_bytes() == b""


def test_another_error_is_not_waited_out(tmp_path):
    file = JournalFile(tmp_path / "journal")
    file.path.unlink()
    file.path.mkdir()
    with pytest.raises(IsADirectoryError):
        file.append_logs([{"op_code": 0}])
