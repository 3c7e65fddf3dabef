"""The examples run, and what docs/REPORT.md shows in Python and SQL does what it says."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).parent.parent.parent
PAGE = REPOSITORY / "docs" / "REPORT.md"
EXAMPLES = sorted((REPOSITORY / "examples").glob("*.py"))


def snippets() -> list[str]:
    return re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture
def beside_results(recorded_results, tmp_path, monkeypatch):
    """A working folder that has the recorded tables as ray_results."""
    (tmp_path / "ray_results").symlink_to(recorded_results)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_runs_and_writes_a_figure(path, beside_results):
    done = subprocess.run(
        [sys.executable, path],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(REPOSITORY), "PATH": ""},
    )
    assert done.returncode == 0, done.stderr
    assert [file.suffix for file in beside_results.iterdir() if file.is_file()] == [".html"]


def test_an_example_has_about_ten_lines():
    assert EXAMPLES
    for path in EXAMPLES:
        code = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        assert len(code) <= 12


@pytest.mark.parametrize("number", range(len(snippets())))
def test_a_snippet_of_the_page_runs(number, beside_results):
    names: dict[str, object] = {}
    exec(snippets()[number], names)  # our own page
    assert "found" not in names or len(names["found"]) > 0  # type: ignore[arg-type]


def test_the_page_shows_all_three_ways_to_read():
    text = " ".join(snippets())
    assert all(library in text for library in ("pandas", "duckdb", "polars"))
