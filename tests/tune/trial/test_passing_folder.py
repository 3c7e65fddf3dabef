"""Hidden folders that go with their process, and never with somebody else's."""

import subprocess
import sys
from pathlib import Path

import pytest

from tune.trial.passing_folder import make_passing_folder

MAKE_AND_DIE = """
import os, sys
from pathlib import Path
from tune.trial.passing_folder import make_passing_folder
print(make_passing_folder(Path(sys.argv[1]), "draft"), flush=True)
os._exit(0)
"""


def made_by_a_killed_process(place: Path, *before: str) -> Path:
    """A folder whose process is dead; `before` is a command that ran it."""
    command = [*before, sys.executable, "-c", MAKE_AND_DIE, str(place)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return Path(done.stdout.strip())


def test_the_folder_of_a_killed_process_goes_with_the_next_of_its_kind(tmp_path):
    dead = made_by_a_killed_process(tmp_path)
    make_passing_folder(tmp_path, "another")
    assert dead.is_dir()
    own = make_passing_folder(tmp_path, "draft")
    assert not dead.exists()
    make_passing_folder(tmp_path, "draft")
    assert own.is_dir()


def test_a_process_of_a_container_is_not_taken_for_dead(tmp_path):
    """In another container of this machine, which may share its name, ids mean other processes."""
    container = ("unshare", "--pid", "--fork")
    if subprocess.run([*container, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody make a container")
    inside = made_by_a_killed_process(tmp_path, *container, "--mount-proc")
    make_passing_folder(tmp_path, "draft")
    assert inside.is_dir()
