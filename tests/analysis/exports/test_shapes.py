"""Names of shapes, and the packages that they need."""

import shlex
import sys
import tomllib
from pathlib import Path

import pytest

from analysis.exports.shapes import PLAIN, SHAPES, compute_exports, read_names, require_packages
from tune.errors import UsageError

PYPROJECT = Path(__file__).parents[3] / "pyproject.toml"


def shape(name):
    return next(one for one in SHAPES if one.name == name)


def test_names_are_read_with_commas_and_blanks_and_each_once():
    assert [one.name for one in read_names("mlflow, tables,mlflow")] == ["mlflow", "tables"]


@pytest.mark.parametrize("text", ["", "csv", "tables,", "tables;mlflow"])
def test_an_unknown_name_is_told_with_the_known_ones(text):
    with pytest.raises(UsageError, match="--as takes tables, images, compressai, mlflow, wandb"):
        read_names(text)


def test_the_default_shapes_need_no_further_package():
    assert PLAIN == ("tables", "images", "compressai")
    require_packages([shape(name) for name in PLAIN])


@pytest.mark.parametrize("name", ["mlflow", "wandb"])
def test_an_absent_package_is_told_with_the_command_that_installs_it_here(name, monkeypatch):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UsageError, match=f"--as {name} needs the package {name}") as caught:
        require_packages([shape(name)])
    command = shlex.split(str(caught.value).partition("environment: ")[2])
    assert command == [sys.executable, "-m", "pip", "install", shape(name).requirement]


def test_a_folder_that_is_only_named_like_a_package_is_none(tmp_path, monkeypatch):
    """W&B itself leaves a folder `wandb` in the place where it is used."""
    (tmp_path / "wandb").mkdir()
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.delitem(sys.modules, "wandb", raising=False)
    with pytest.raises(UsageError, match="needs the package wandb"):
        require_packages([shape("wandb")])


@pytest.mark.parametrize("name", ["mlflow", "wandb"])
def test_the_extra_of_a_shape_installs_what_its_sentence_says(name):
    project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]
    assert project["optional-dependencies"][name] == [shape(name).requirement]


@pytest.mark.slow
def test_plain_shapes_come_in_the_order_asked_for(recorded):
    asked = [shape("compressai"), shape("tables")]
    assert list(compute_exports(recorded, asked)) == ["compressai", "tables"]
