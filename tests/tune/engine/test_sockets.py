"""Where Ray's sockets fit, against what the system accepts."""

import os
import socket
from contextlib import closing
from pathlib import Path

import pytest

from tune.engine.sockets import MAX_SOCKET_BYTES, longest_path_bytes, socket_place
from tune.errors import UsageError

PID = 1_234_567
"""As long as process numbers of Linux become."""


def folder_of(num_bytes: int, parent: Path, letter: str = "x") -> Path:
    """A folder whose path, with Ray's longest socket in it, has so many bytes."""
    missing = num_bytes - longest_path_bytes(parent / "_", PID) + 1
    return parent / (letter * (missing // len(letter.encode())))


@pytest.mark.parametrize(("num_bytes", "is_bound"), [(107, True), (108, False)])
def test_the_limit_is_what_the_system_binds(num_bytes, is_bound, tmp_path):
    name = "s" * (num_bytes - len(os.fsencode(tmp_path)) - 1)
    with closing(socket.socket(socket.AF_UNIX)) as one:
        if is_bound:
            one.bind(str(tmp_path / name))
        else:
            with pytest.raises(OSError, match="too long"):
                one.bind(str(tmp_path / name))


@pytest.mark.parametrize(("num_bytes", "is_kept"), [(107, True), (108, False)])
def test_a_folder_is_kept_as_long_as_the_whole_path_fits(num_bytes, is_kept):
    place, short = folder_of(num_bytes, Path("/")), Path("/tmp")
    assert longest_path_bytes(place, PID) == num_bytes
    found = socket_place_of_any(place, short)
    assert found == (place if is_kept else short)


def socket_place_of_any(*places: Path) -> Path:
    """Where sockets go if every folder could be written."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.access", lambda *_: True)
        return socket_place(places, PID)


def test_letters_outside_ascii_count_with_their_bytes():
    place = folder_of(106, Path("/"), letter="ü")
    assert longest_path_bytes(place, PID) in {106, 105}
    assert longest_path_bytes(Path(f"{place}ü"), PID) > MAX_SOCKET_BYTES - 1


def test_a_folder_that_does_not_exist_is_passed_over(tmp_path):
    assert socket_place((Path("/nowhere"), Path("/tmp")), PID) == Path("/tmp")


def test_without_a_place_the_sentence_names_those_that_were_tried():
    deep = folder_of(120, Path("/"))
    with pytest.raises(
        UsageError, match=r"x \(13 bytes too long\), /nowhere \(cannot be written\)"
    ):
        socket_place((deep, Path("/nowhere")), PID)
