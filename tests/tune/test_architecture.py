"""The map of docs/ARCHITECTURE.md, the folders and the import contracts say the same."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PACKAGES = ("tune", "models", "analysis")
PUBLIC = {"tune.tables", "models.training", "models.footprint"}
"""Rooms whose door gives public names, lazily."""

DOORS = [
    path for package in PACKAGES for path in sorted((REPOSITORY / package).glob("*/__init__.py"))
]


def floors_of_map(package: str) -> list[set[str]]:
    """The rooms of a package as its table has them, from the top floor down."""
    text = (REPOSITORY / "docs" / "ARCHITECTURE.md").read_text(encoding="utf-8")
    table = text.partition(f"### {package}\n")[2].partition("\n#")[0]
    floors: dict[int, set[str]] = {}
    for floor, room in re.findall(r"^\| (\d+) \| `(\w+)` \|", table, re.MULTILINE):
        floors.setdefault(int(floor), set()).add(room)
    assert sorted(floors, reverse=True) == list(floors)
    return list(floors.values())


def floors_of_contract(package: str) -> list[set[str]]:
    """The rooms of a package as import-linter enforces them, from the top floor down."""
    settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    (contract,) = (
        contract
        for contract in settings["tool"]["importlinter"]["contracts"]
        if contract.get("containers") == [package]
    )
    assert contract["exhaustive"]
    return [set(layer.split(" | ")) for layer in contract["layers"]]


def rooms_on_disk(package: str) -> set[str]:
    """Folders and modules of a package, its door aside."""
    folder = REPOSITORY / package
    rooms = {path.parent.name for path in folder.glob("*/__init__.py")}
    return rooms | {path.stem for path in folder.glob("*.py") if path.stem != "__init__"}


@pytest.mark.parametrize("package", PACKAGES)
def test_the_map_has_the_floors_that_are_enforced(package):
    assert floors_of_map(package) == floors_of_contract(package)


@pytest.mark.parametrize("package", PACKAGES)
def test_every_room_is_on_the_map(package):
    assert set().union(*floors_of_map(package)) == rooms_on_disk(package)


@pytest.mark.parametrize("package", PACKAGES)
def test_tests_lie_in_the_rooms_that_they_test(package):
    tested = {path.parent.name for path in (REPOSITORY / "tests" / package).glob("*/*.py")}
    assert tested <= rooms_on_disk(package)


@pytest.mark.parametrize("door", DOORS, ids=lambda path: f"{path.parts[-3]}.{path.parts[-2]}")
def test_a_door_says_where_to_start_and_imports_nothing(door):
    tree = ast.parse(door.read_text(encoding="utf-8"))
    words = ast.get_docstring(tree)
    assert words is not None
    assert len(words.splitlines()) <= 10
    starts = re.findall(r"`(\w+\.py)`", words)
    assert starts
    assert all((door.parent / name).is_file() for name in starts)
    if f"{door.parts[-3]}.{door.parts[-2]}" not in PUBLIC:
        assert len(tree.body) == 1


def test_no_room_is_a_bag():
    names = {path.stem for package in PACKAGES for path in (REPOSITORY / package).rglob("*.py")}
    assert not names & {"utils", "util", "common", "helpers", "misc", "base", "shared"}


@pytest.mark.parametrize("package", PACKAGES)
def test_no_file_repeats_the_name_of_its_room(package):
    for path in (REPOSITORY / package).glob("*/*.py"):
        words = path.stem.split("_")
        assert len(words) == 1 or path.parent.name not in words, path


@pytest.mark.slow
def test_rooms_below_the_trial_load_neither_torch_nor_ray_nor_optuna():
    code = (
        "import importlib, pkgutil, sys\n"
        "for name in ('errors', 'outcomes', 'space', 'tables', 'statistics', 'config'):\n"
        "    room = importlib.import_module(f'tune.{name}')\n"
        "    for module in pkgutil.iter_modules(getattr(room, '__path__', [])):\n"
        "        if module.name != '__main__':\n"
        "            importlib.import_module(f'{room.__name__}.{module.name}')\n"
        "    print(name, *{'torch', 'ray', 'optuna'} & set(sys.modules))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPOSITORY
    )
    assert done.stdout.split() == ["errors", "outcomes", "space", "tables", "statistics", "config"]
