"""Commands as a person types them: a shell takes them apart as they were put together."""

import shlex

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
