"""Trials share a declared card: real Ray, real trials on the CPU, and a card that only pretends."""

import os
import subprocess
import sys

import pandas as pd
import pytest

from tests.sabotage import sabotaged
from tune.tables.files import read_table

pytestmark = [pytest.mark.ray, pytest.mark.nightly]

PRETEND = """
import sys
from tune.card import calibration, device
from models.footprint.calibration import MeasuredMemory

# Contexts of 2000 MiB: a third of the 7200 MiB that can be reserved, so that three fit.
device.measure_card = lambda name: device.Card("cuda", "pretend", 8192.0, 8000.0)
calibration.measure_in_child = lambda card, *asked: MeasuredMemory(1.0, 2000.0)

if __name__ == "__main__":
    from tune.search import main

    sys.exit(main(sys.argv[1:]))
"""


TOGETHER = """
def before(session, epoch):
    deadline_s = time.monotonic() + 120
    while num_begun() < 3:
        assert time.monotonic() < deadline_s, "three trials never ran side by side"
        time.sleep(0.05)
    time.sleep(0.5)

def num_begun():
    return len({line.split()[0] for line in (STATE / "trained").read_text().splitlines()})

on_every_epoch(before)
"""
"""The first three trials wait for each other, and no trial is over in less than 1.5 s."""


@pytest.fixture(scope="module")
def trials(tiny_corpus, tmp_path_factory) -> pd.DataFrame:
    """The trials of a finished search on the pretended card, at most four side by side."""
    cwd = tmp_path_factory.mktemp("packed")
    (cwd / "pretend.py").write_text(PRETEND)
    done = subprocess.run(
        [
            sys.executable, "pretend.py", "--no-dashboard", "--data", str(tiny_corpus), "--arch",
            "baseline", "--crop-px", "32", "--batch-size", "8", "--precision", "fp32",
            "--data-fraction", "1", "--trials", "5", "--epochs", "3", "--scheduler", "none",
            "--max-concurrent", "4",
        ],
        cwd=cwd, env={**os.environ, **sabotaged(cwd, TOGETHER)}, capture_output=True, text=True,
        timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return read_table(cwd / "ray_results", "trials")


def test_every_trial_books_the_class_that_its_prediction_needs(trials):
    assert list(trials["gpu_fraction"]) == [0.3333] * 5
    assert (trials["predicted_peak_mib"] < 20).all()


def test_no_more_run_side_by_side_than_the_card_holds(trials):
    assert list(trials["outcome"]) == ["completed"] * 5
    beside = [len(text.split(",")) if text else 0 for text in trials["concurrent_with"]]
    for moment in trials["started_at"]:
        runs = (trials["started_at"] <= moment) & (moment < trials["ended_at"])
        assert trials.loc[runs, "gpu_fraction"].sum() <= 1
    assert max(beside) >= 2


def test_a_trial_that_found_no_room_waited_for_it(trials):
    assert (trials["wait_s"] > 1).any()
