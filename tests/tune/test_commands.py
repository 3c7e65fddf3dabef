"""Commands as a person types them: a shell takes them apart as they were put together."""

import os
import shlex
import subprocess

import pytest

from tests.tune.terminal.consoles import NASTY
from tune.commands import typed


@pytest.mark.parametrize("name", NASTY)
def test_a_shell_reads_every_word_back(name):
    line = typed("tune.doctor", name, "--repair")
    assert shlex.split(line) == ["python", "-m", "tune.doctor", name, "--repair"]


@pytest.mark.parametrize("results", NASTY)
def test_a_results_folder_is_named(results):
    line = typed("tune.status", results=results)
    assert shlex.split(line) == ["python", "-m", "tune.status", "--results", results]


def test_the_default_results_folder_is_not_named():
    assert typed("tune.status", results="ray_results") == "python -m tune.status"


def test_bash_reads_a_name_back_that_is_no_utf8():
    name = b"it's caf\xe9 \\ 1\xff9"
    line = typed("tune.status", os.fsdecode(name)).removeprefix("python -m tune.status ")
    assert line.isascii()
    done = subprocess.run(["bash", "-c", f"printf %s {line}"], capture_output=True, check=True)
    assert done.stdout == name
