"""Stage 2: the tests in `tests/gpu`, which compare the card with the CPU.

In a rehearsal they run on the CPU, which says that the tests themselves work.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator

from benchmarks.on_card.context import Context
from benchmarks.on_card.machine import REPOSITORY
from benchmarks.on_card.rows import Row
from benchmarks.on_card.telling import MARK

CLAIM = "the card computes what the CPU computes, and the same twice"
REHEARSE = "SAR_TUNE_GPU_TESTS_ON_CPU"
REHEARSED = ("-k", "baseline or micro")
FAILED_TESTS = 1
"""Pytest's exit status when tests failed; above it, it could not run them."""


def measure(context: Context) -> Iterator[Row]:
    """Yield a row per test, as soon as it has ended."""
    environment = os.environ | ({REHEARSE: "1"} if context.is_rehearsal else {})
    command = [
        sys.executable, "-m", "pytest", "tests/gpu", "-s", "-W", "default",
        "-p", "no:cacheprovider", "-p", "benchmarks.on_card.telling",
        *(REHEARSED if context.is_rehearsal else ()),
    ]  # fmt: skip
    with subprocess.Popen(
        command,
        cwd=REPOSITORY,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    ) as tests:
        assert tests.stdout is not None
        for line in tests.stdout:
            print(line, end="")
            if line.startswith(MARK):
                yield row_of(line.removeprefix(MARK))
    if tests.returncode > FAILED_TESTS:
        raise RuntimeError(f"pytest ended with {tests.returncode}, see the log")


def row_of(told: str) -> Row:
    """Return the row of a line that the plugin told."""
    found = json.loads(told)
    name = found["test"].rsplit("::", 1)[-1].removeprefix("test_").replace("_", " ")
    holds = None if found["found"] == "skipped" else found["found"] == "passed"
    figures = {"test": name, "found": found["found"], "why": found["why"][:160]}
    return Row("The tests", figures, CLAIM, holds)
