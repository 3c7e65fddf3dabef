"""Every example in a docstring does what it says."""

import doctest
import importlib
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
MODULES = [
    ".".join(path.relative_to(REPOSITORY).with_suffix("").parts)
    for package in ("analysis", "benchmarks", "data", "models", "tune")
    for path in sorted((REPOSITORY / package).rglob("*.py"))
    if ">>>" in path.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_of_a_module_hold(module):
    failed, _ = doctest.testmod(importlib.import_module(module))
    assert failed == 0
