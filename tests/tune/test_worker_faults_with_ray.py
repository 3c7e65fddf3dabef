"""Workers that are killed, hang, raise, or run out of memory."""

from pathlib import Path

import pandas as pd
import pytest

from tests.chaos.harness import Done, short_folder
from tests.tune.faulty_searches import begin, finish, table, trained

pytestmark = pytest.mark.ray

WORKERS = """
import resource, signal

def before(session, epoch):
    number = session.trial_number
    if number == 0 and epoch == 2:
        time.sleep(10_000)
    if number == 1 and epoch == 2 and once("hung"):
        time.sleep(10_000)
    if number == 2 and epoch == 2:
        raise RuntimeError("boom")
    if number == 3 and epoch == 3:
        next(session.model.parameters()).data.fill_(float("nan"))
    if number == 4 and epoch == 2:
        allocate_too_much()
    if number == 5 and epoch == 3 and once("killed"):
        os.kill(os.getpid(), signal.SIGKILL)
    if number == 6 and epoch == 2:
        os.kill(os.getpid(), signal.SIGKILL)

def allocate_too_much():
    import torch
    limits = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 2**28, limits[1]))
    try:
        torch.zeros(2**31, dtype=torch.uint8)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)

def impatient():
    import tune.scheduling.watchdog
    tune.scheduling.watchdog.Watchdog.__init__.__defaults__ = (3, 20.0)

on_every_epoch(before)
in_driver(impatient)
"""
"""Seven trials that go wrong, each in its own way; those that hang come first, to save time."""


@pytest.fixture(scope="module")
def workers(tiny_corpus, tmp_path_factory) -> tuple[Path, Done]:
    """A finished study whose first seven of eight trials go wrong: its folder and its end."""
    cwd = tmp_path_factory.mktemp("workers")
    with short_folder() as temporary:
        flags = ("--trials", "8", "--epochs", "4", "--max-concurrent", "4")
        done = finish(begin(cwd, temporary, tiny_corpus, *flags, faults=WORKERS))
        assert list(temporary.iterdir()) == []
    return cwd, done


def trial(cwd: Path, number: int) -> "pd.Series":
    return table(cwd, "trials").set_index("trial_number").loc[number]


def test_a_killed_worker_s_trial_goes_on_once_from_its_last_finished_epoch(workers):
    found = trial(workers[0], 5)
    assert (found["outcome"], found["failures"], found["epochs_finished"]) == ("completed", 1, 4)
    epochs = [epoch for number, epoch in trained(workers[0]) if number == 5]
    assert epochs == [1, 2, 3, 3, 4]


def test_a_trial_whose_worker_is_killed_again_has_failed_and_says_why(workers):
    found = trial(workers[0], 6)
    assert (found["outcome"], found["failures"], found["epochs_finished"]) == ("failed", 2, 1)
    assert found["reason"].startswith("the worker process died")


def test_a_trial_that_raises_has_failed_at_once_and_its_traceback_is_kept(workers):
    found = trial(workers[0], 2)
    assert (found["outcome"], found["failures"], found["epochs_finished"]) == ("failed", 0, 1)
    assert found["reason"] == "RuntimeError: boom"
    kept = (workers[0] / "ray_results/study/errors/study_t002.txt").read_text()
    assert "in train_epoch" in kept
    assert kept.endswith("RuntimeError: boom")


def test_a_trial_with_a_loss_of_nan_has_diverged_and_keeps_the_epochs_before(workers):
    found = trial(workers[0], 3)
    assert (found["outcome"], found["epochs_finished"]) == ("diverged", 2)
    assert found["reason"] == "train loss is nan in epoch 3"
    assert found["best_epoch"] in {1, 2}


def test_a_failed_allocation_is_out_of_memory(workers):
    found = trial(workers[0], 4)
    assert (found["outcome"], found["failures"], found["epochs_finished"]) == (
        "out_of_memory",
        0,
        1,
    )


def test_a_hanging_trial_is_killed_and_goes_on_once(workers):
    found = trial(workers[0], 1)
    assert (found["outcome"], found["failures"], found["epochs_finished"]) == ("completed", 1, 4)
    assert "t001  the worker hung" in workers[1].output


def test_a_trial_that_hangs_again_has_failed_and_says_so(workers):
    found = trial(workers[0], 0)
    assert (found["outcome"], found["failures"], found["epochs_finished"]) == ("failed", 2, 1)
    assert found["reason"].startswith("the worker hung: no epoch for")


def test_faults_of_trials_touch_no_other_trial_and_end_with_1(workers):
    assert (trial(workers[0], 7)["outcome"], trial(workers[0], 7)["failures"]) == ("completed", 0)
    assert workers[1].code == 1
    assert workers[1].errors == ""
