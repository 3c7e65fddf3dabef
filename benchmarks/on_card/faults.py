"""Stage 6: a trial that allocates too much, a worker that is killed, a stranger on the card.

Two searches of equal trials at the same time: one left alone, one sabotaged. In a rehearsal the
exhausted memory is simulated, because a CPU has no cap.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd

from benchmarks.on_card.context import Context
from benchmarks.on_card.rows import Row
from benchmarks.on_card.searches import EQUAL_TRIALS, Search, run_search
from tests.sabotage import sabotaged
from tune.card.device import Card, measure_card
from tune.outcomes import Outcome

GREEDY, KILLED = 1, 2
"""Numbers of the trials that go wrong; the others are their neighbours."""

NUM_TRIALS = 4

SABOTAGE = f"""
import signal

def before(session, epoch):
    if session.trial_number == {GREEDY} and epoch == 2:
        allocate_too_much()
    if session.trial_number == {KILLED} and epoch == 2 and once("killed"):
        os.kill(os.getpid(), signal.SIGKILL)

def allocate_too_much():
    import torch
    if not torch.cuda.is_available():
        raise torch.OutOfMemoryError("CUDA out of memory, rehearsed")
    total_bytes = torch.cuda.get_device_properties(0).total_memory
    torch.empty(total_bytes // 2, dtype=torch.uint8, device="cuda")

on_every_epoch(before)
"""
"""Half of the card is more than a share of it, and small enough to be free."""

OWN = "a trial that needs more than it reserved ends alone, as out of memory"
NEIGHBOURS = "its neighbours' scores stay what they are without it, to the last bit"
FREED = "after a worker was killed its trial goes on, and all memory is free at the end"
STRANGER = "a process of others that holds memory is named, and what it holds is not reserved"

TOLERANCE_MIB = 64.0
PATIENCE_S = 5.0
HEADROOM = 0.1
STRANGER_MIB = 1024
STRANGER_CODE = (
    "import sys, torch; "
    f"held = torch.zeros({STRANGER_MIB} * 2**20, dtype=torch.uint8, device='cuda'); "
    "print('held', flush=True); sys.stdin.read()"
)


def measure(context: Context) -> Iterator[Row]:
    """Yield a row per fault, the quickest first."""
    yield _stranger() if context.device == "cuda" else _untold("a stranger", STRANGER)
    free_before_mib = measure_card(context.device).free_mib
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        ThreadPoolExecutor(2) as both,
    ):
        wrong = both.submit(_search, context, Path(folder) / "wrong", sabotage=True)
        alone = both.submit(_search, context, Path(folder) / "alone", sabotage=False)
        yield out_of_memory(wrong.result().trials)
        yield neighbours(alone.result().epochs, wrong.result().epochs)
        lost_mib = _lost_mib(context.device, free_before_mib)
        yield freed(wrong.result().trials, lost_mib, context.device)


def _lost_mib(device: str, free_before_mib: float) -> float:
    """Return what is missing of the free memory once the processes that end have ended."""
    deadline_s = time.monotonic() + PATIENCE_S
    while True:
        lost_mib = free_before_mib - measure_card(device).free_mib
        if lost_mib <= TOLERANCE_MIB or time.monotonic() > deadline_s:
            return lost_mib
        time.sleep(0.5)


def out_of_memory(trials: pd.DataFrame) -> Row:
    """Return how the greedy trial ended, and whether it alone ran out."""
    ended = trials.set_index("trial_number")["outcome"]
    ran_out = [number for number, end in ended.items() if end == Outcome.OUT_OF_MEMORY.value]
    return _row("a greedy trial", f"out of memory: trials {ran_out}", OWN, ran_out == [GREEDY])


def neighbours(alone: pd.DataFrame, wrong: pd.DataFrame) -> Row:
    """Return how far the scores of the other trials lie from those of the search left alone."""
    keys = ["trial_number", "epoch"]
    scores = ["train_loss", "val_loss", "val_psnr_db"]
    both = alone.merge(wrong, on=keys, suffixes=("", "_wrong"))
    both = both[both["trial_number"] != GREEDY]
    largest = max(float((both[name] - both[f"{name}_wrong"]).abs().max()) for name in scores)
    wanted = alone[alone["trial_number"] != GREEDY]
    is_whole = len(both) == len(wanted) > 0
    found = f"{len(both)} of {len(wanted)} epochs there, largest difference {largest:.3g}"
    return _row("neighbours", found, NEIGHBOURS, is_whole and largest == 0.0)


def freed(trials: pd.DataFrame, lost_mib: float, device: str) -> Row:
    """Return what is missing of the free memory, and what became of the killed worker's trial."""
    ended = trials.set_index("trial_number").loc[KILLED, "outcome"]
    goes_on = ended == Outcome.COMPLETED.value
    is_free = device == "cpu" or lost_mib <= TOLERANCE_MIB  # a machine's memory is never still
    found = f"its trial {ended}, {lost_mib:.0f} MiB less are free"
    return _row("kill -9 of a worker", found, FREED, goes_on and is_free)


def _search(context: Context, folder: Path, *, sabotage: bool) -> Search:
    flags = [
        "--arch", "baseline", "--ratio", "16", *EQUAL_TRIALS, "--trials", str(NUM_TRIALS),
        "--max-concurrent", str(2 if context.is_rehearsal else NUM_TRIALS), "--epochs", "3",
        "--warmup-epochs", "0", "--batch-size", "8", "--precision", "fp32", "--val-images", "16",
        "--base-channels", "4" if context.is_rehearsal else "16",
        "--crop-px", "32" if context.is_rehearsal else "64",
        "--data-fraction", "0.02" if context.is_rehearsal else "0.5",
    ]  # fmt: skip
    folder.mkdir()
    environment = sabotaged(folder, SABOTAGE) if sabotage else {}
    return run_search(context, folder / "results", "study", flags, environment)


def _stranger() -> Row:
    before = measure_card("cuda")
    command = [sys.executable, "-c", STRANGER_CODE]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as stranger:
        assert stranger.stdout is not None
        stranger.stdout.readline()
        now = measure_card("cuda")
        stranger.communicate()
    return stranger_row(before, now)


def stranger_row(before: Card, now: Card) -> Row:
    """Return whether a card that somebody began to use is measured so.

    Processes are told apart by who is new: a driver may number them as another system does.
    """
    new = {holder.pid for holder in now.holders} - {holder.pid for holder in before.holders}
    left_mib = before.usable_mib(HEADROOM) - now.usable_mib(HEADROOM)
    named = f"named is process {', '.join(map(str, new))}" if new else "the driver names nobody new"
    found = f"{named}, {left_mib:.0f} MiB less can be reserved"
    is_respected = left_mib >= (1 - HEADROOM) * STRANGER_MIB
    return _row("a stranger", found, STRANGER, bool(new) and is_respected)


def _row(fault: str, found: str, claim: str, holds: bool) -> Row:
    return Row("Faults", {"fault": fault, "found": found}, claim, holds)


def _untold(fault: str, claim: str) -> Row:
    return Row("Faults", {"fault": fault, "found": "needs a card"}, claim, holds=None)
