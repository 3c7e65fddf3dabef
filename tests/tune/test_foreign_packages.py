"""Packages of a user that are called like ours, where a command is started or on PYTHONPATH."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a folder, with this project on its path."""
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def theirs(tmp_path) -> Path:
    """A folder whose packages raise as soon as they are imported."""
    for name in ("data", "models"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(f"raise RuntimeError('their {name}')")
    return tmp_path


@pytest.mark.parametrize("command", ["tune.search", "tune.status", "analysis.report"])
def test_a_command_imports_our_packages(command, theirs):
    done = run(theirs, "-m", command, "--help")
    assert (done.returncode, done.stderr) == (0, "")


def test_the_report_imports_our_tune(tmp_path):
    (tmp_path / "tune").mkdir()
    (tmp_path / "tune" / "__init__.py").write_text("raise RuntimeError('their tune')")
    done = run(tmp_path, "-m", "analysis.report", "--help")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_package_that_was_imported_before_ours_is_named(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "__init__.py").write_text("")
    done = run(tmp_path, "-c", "import data, tune")
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: sar-tune needs its own package 'data'")
    assert str(tmp_path / "data" / "__init__.py") in last


def test_the_path_is_left_as_it_was(tmp_path):
    code = "import sys; before = list(sys.path); import analysis, tune; assert sys.path == before"
    assert run(tmp_path, "-c", code).returncode == 0
