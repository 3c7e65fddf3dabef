"""The pages tell the truth: their commands parse, their links lead somewhere, their ranges hold."""

import importlib.util
import re
import shlex
from argparse import Namespace
from pathlib import Path

import pytest

import data.prepare
import tune.promote
import tune.search
import tune.status
import tune.train
from tune.config.machine import Machine
from tune.config.resolve import resolve, search_flags
from tune.space.dimension import format_range
from tune.space.dimensions import DIMENSIONS

REPOSITORY = Path(__file__).parents[2]
DOCS = REPOSITORY / "docs"
PAGES = [REPOSITORY / "README.md", *sorted(DOCS.glob("*.md"))]
MAINS = {
    "data.prepare": data.prepare.main,
    "tune.promote": tune.promote.main,
    "tune.search": tune.search.main,
    "tune.status": tune.status.main,
    "tune.train": tune.train.main,
}

COMMAND = re.compile(r"python -m ([\w.]+)([^`\n#>|]*)")
LINK = re.compile(r"\]\(([^)#:]+)[^):]*\)")


def commands(page: Path) -> list[tuple[str, list[str]]]:
    """Every `python -m MODULE ...` of a page, as module and arguments; "..." means anything."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    found = [(match[1], match[2].split(";")[0]) for match in COMMAND.finditer(text)]
    return [(module, shlex.split(rest)) for module, rest in found if " ..." not in rest]


ALL_COMMANDS = [
    pytest.param(module, arguments, id=f"{page.name}: {module} {' '.join(arguments)}")
    for page in PAGES
    for module, arguments in commands(page)
]
SEARCHES = [
    pytest.param(arguments, id=" ".join(arguments))
    for module, arguments in commands(DOCS / "TUNING.md")
    if module == "tune.search" and "--help" not in arguments
]


@pytest.fixture
def parse_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands parse their arguments and do nothing else."""
    monkeypatch.setattr(data.prepare, "_prepare", lambda args: None)
    monkeypatch.setattr(tune.search, "search", lambda arguments, command: 0)
    monkeypatch.setattr(tune.train, "train", lambda arguments, command: 0)
    monkeypatch.setattr(tune.promote, "promote", lambda arguments, command: 0)
    monkeypatch.setattr(tune.status, "show_status", lambda results, as_json: 0)
    monkeypatch.setattr(tune.status, "watch_status", lambda results, interval_s: 0)


@pytest.mark.parametrize(("module", "arguments"), ALL_COMMANDS)
@pytest.mark.usefixtures("parse_only")
def test_every_command_of_the_pages_parses(module, arguments):
    if module not in MAINS:
        assert importlib.util.find_spec(module) is not None
    elif "--help" in arguments:
        with pytest.raises(SystemExit, match="0"):
            MAINS[module](arguments)
    else:
        assert MAINS[module](arguments) == 0


@pytest.mark.parametrize("arguments", SEARCHES)
def test_every_search_of_the_tuning_page_resolves_to_a_configuration(arguments, monkeypatch):
    def resolve_only(parsed: Namespace, command: list[str]) -> int:
        resolve(search_flags(parsed), {}, Machine("cpu", 2))
        return 0

    monkeypatch.setattr(tune.search, "search", resolve_only)
    assert tune.search.main(arguments) == 0


@pytest.mark.parametrize("name", DIMENSIONS)
def test_the_tuning_page_has_every_dimension_with_its_built_in_range(name):
    row = f"| `{name}` | `{format_range(DIMENSIONS[name])}`"
    assert row in (DOCS / "TUNING.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_relative_link_of_a_page_leads_to_a_file(page):
    links = LINK.findall(page.read_text(encoding="utf-8"))
    missing = [link for link in links if not (page.parent / link).exists()]
    assert missing == []


def test_the_readme_names_every_page():
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    assert [page.name for page in DOCS.glob("*.md") if f"docs/{page.name}" not in readme] == []
