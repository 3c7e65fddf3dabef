"""Kills nodes of a cluster under a search, again and again, and checks that nothing was lost.

A trial may lose its node once and continues; who loses a second one has failed, as the search's
rules say. Scores are compared with those of an uninterrupted training, to the last bit.
"""

import random
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.chaos import checks
from tests.chaos.harness import LIMIT_S, Running, start
from tests.sabotage import sabotaged
from tests.tiny_corpus import build_tiny_corpus
from tests.tune.engine.clusters import PLAIN, LocalCluster, local_cluster
from tune.scheduling.conductor import MAX_FAILURES
from tune.storage.history import TrialHistory
from tune.storage.journal import StudyJournal

FLAGS = (
    "--no-dashboard", "--arch", "baseline", "--ratio", "16", "--crop-px", "32", "--batch-size", "8",
    "--precision", "fp32", "--data-fraction", "1", "--epochs", "4", "--searcher", "random",
    "--scheduler", "none", "--name", "study",
)  # fmt: skip

NUM_NODES = 2
KILLS_PER_STUDY = 6
TRIALS_PER_KILL = 2
"""So that few trials lose a second node."""

SLOW = """
def before(session, epoch):
    time.sleep(0.4)

on_every_epoch(before)
"""


@dataclass(frozen=True)
class Kill:
    """A node that was killed.

    Attributes:
        num_trained: Epochs that had begun to be trained by then.
        study: Number of the study.
    """

    num_trained: int
    study: int


def print_report(count: int, seed: int) -> bool:
    """Kill `count` nodes, print what became of every study, return whether nothing was lost."""
    print("| study | nodes killed | trials | lost a worker | failed | complaints |")  # noqa: T201
    print("|---|---|---|---|---|---|", flush=True)  # noqa: T201
    rng, killed, complaints = random.Random(seed), 0, []
    with tempfile.TemporaryDirectory() as folder, local_cluster() as cluster:
        corpus = build_tiny_corpus(Path(folder) / "corpus")
        number = 0
        while killed < count:
            cwd = Path(folder) / f"study{number}"
            cwd.mkdir()
            num_kills = run_study(cluster, cwd, corpus, min(KILLS_PER_STUDY, count - killed), rng)
            cluster.kill_all()
            trials, found = judge(cwd)
            lost = sum(bool(trial.failures) for trial in trials)
            failed = sum(len(trial.failures) >= MAX_FAILURES for trial in trials)
            row = (number, num_kills, len(trials), lost, failed, len(found))
            print(f"| {' | '.join(map(str, row))} |", flush=True)  # noqa: T201
            complaints += [f"- study {number}: {sentence}" for sentence in found]
            killed += num_kills
            number += 1
    print()  # noqa: T201
    print("\n".join(complaints) or f"{killed} of {killed} nodes lost, nothing with them")  # noqa: T201
    return not complaints


def run_study(
    cluster: LocalCluster, cwd: Path, corpus: Path, num_kills: int, rng: random.Random
) -> int:
    """Run one search and kill a node now and then; another one joins. Return how many died."""
    variables = sabotaged(cwd, SLOW)
    nodes = [cluster.add(variables) for _ in range(NUM_NODES)]
    words = ["tune.search", *FLAGS, "--data", str(corpus), "--address", cluster.address]
    running = start([*words, "--trials", str(TRIALS_PER_KILL * num_kills)], cwd, PLAIN)
    killed = 0
    while killed < num_kills:
        before = num_trained(cwd)
        pause = rng.randint(1, 5)
        if not running.wait(LIMIT_S, lambda: num_trained(cwd) >= before + pause):  # noqa: B023
            break
        cluster.kill(nodes.pop(rng.randrange(len(nodes))))
        killed += 1
        nodes.append(cluster.add(variables))
    finish(running, cwd)
    return killed


def finish(running: Running, cwd: Path) -> None:
    """Wait for the end of a search and note its exit code."""
    running.wait(LIMIT_S)
    done = running.done()
    (cwd / "code").write_text(str(done.code))


def num_trained(cwd: Path) -> int:
    """Return how many epochs began to be trained."""
    path = cwd / "trained"
    return len(path.read_text().splitlines()) if path.exists() else 0


def judge(cwd: Path) -> tuple[tuple[TrialHistory, ...], list[str]]:
    """Return the trials of a finished study and what is wrong with it, in words."""
    folder = cwd / "ray_results" / "study"
    trials = StudyJournal.open(folder / "journal").trials()
    return trials, list(_complaints(cwd, folder, trials))


def _complaints(cwd: Path, folder: Path, trials: tuple[TrialHistory, ...]) -> Iterator[str]:
    has_failed = any(len(trial.failures) >= MAX_FAILURES for trial in trials)
    if (code := int((cwd / "code").read_text())) != has_failed:
        yield f"exit code {code}"
    num_epochs = checks.plan_of(folder).config.epochs
    for trial in trials:
        epochs = [result.epoch for result, _ in trial.epochs]
        if epochs != list(range(1, len(epochs) + 1)):
            yield f"t{trial.number:03d} has epochs {epochs}"
        is_whole = len(epochs) == num_epochs
        if is_whole == (len(trial.failures) >= MAX_FAILURES):
            yield f"t{trial.number:03d} has {len(epochs)} epochs and {len(trial.failures)} failures"
    yield from checks.has_the_epochs_of_an_uninterrupted_training(
        StudyJournal.open(folder / "journal"), checks.reference_of(folder)
    )
    lines = (cwd / "trained").read_text().splitlines()
    losses = {trial.number: len(trial.failures) for trial in trials}
    for line, times in Counter(lines).items():
        if times > 1 + losses[int(line.split()[0])]:
            yield f"trial and epoch {line} were trained {times} times"
