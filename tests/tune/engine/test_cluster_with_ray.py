"""The same command on a Ray cluster of several raylets, and what becomes of it when they fail."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.harness import Running, start
from tests.sabotage import sabotaged
from tests.tune.engine.clusters import PLAIN, LocalCluster, local_cluster, wait_for
from tune.storage.journal import StudyJournal
from tune.tables.files import read_table

FLAGS = [
    "--arch", "baseline", "--ratio", "16", "--crop-px", "32", "--batch-size", "8", "--precision",
    "fp32", "--data-fraction", "1", "--searcher", "random", "--scheduler", "none",
    "--name", "study",
]  # fmt: skip

LIMIT_S = 200.0

SLOW = """
def before(session, epoch):
    time.sleep(float(os.environ.get("EPOCH_S", "0")))

on_every_epoch(before)
"""

pytestmark = pytest.mark.ray


@pytest.fixture(scope="module")
def corpus(tiny_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(tiny_corpus, tmp_path_factory.mktemp("shared") / "corpus"))


@pytest.fixture(scope="module")
def head() -> Iterator[LocalCluster]:
    """A head that outlives a test; starting one takes longer than a search."""
    with local_cluster() as cluster:
        yield cluster


@pytest.fixture
def cluster(head: LocalCluster) -> Iterator[LocalCluster]:
    """A cluster to which a test adds nodes of its own."""
    yield head
    head.kill_all()


def hooks(cwd: Path, epoch_s: float) -> dict[str, str]:
    """Variables of nodes on which an epoch takes some time and leaves a line in `trained`."""
    return sabotaged(cwd, SLOW) | {"EPOCH_S": str(epoch_s)}


def search(cluster: LocalCluster, cwd: Path, corpus: Path, *flags: str) -> Running:
    words = ["tune.search", *FLAGS, "--data", str(corpus), "--address", cluster.address, *flags]
    return start(words, cwd, PLAIN)


def trained(cwd: Path) -> list[tuple[int, int]]:
    """Return (trial, epoch) in the order in which they began to be trained."""
    path = cwd / "trained"
    lines = path.read_text().splitlines() if path.exists() else []
    return [(int(number), int(epoch)) for number, epoch in (line.split() for line in lines)]


def outcomes(cwd: Path) -> Counter[str]:
    return Counter(read_table(cwd / "ray_results", "trials", "study")["outcome"])


def epochs(cwd: Path) -> list[tuple[int, int]]:
    frame = read_table(cwd / "ray_results", "epochs", "study")
    return sorted(zip(frame["trial_number"], frame["epoch"], strict=True))


@pytest.mark.nightly
def test_trials_run_on_every_node_and_nothing_of_ours_stays(cluster, tmp_path, corpus):
    for _ in range(2):
        cluster.add(hooks(tmp_path, 0.3))
    running = search(cluster, tmp_path, corpus, "--trials", "4", "--epochs", "2")
    running.wait(LIMIT_S)
    done = running.done()
    assert done.code == 0, done.output + done.errors
    assert outcomes(tmp_path) == {"completed": 4}
    assert epochs(tmp_path) == [(t, e) for t in range(4) for e in (1, 2)]
    journal = StudyJournal.open(tmp_path / "ray_results" / "study" / "journal")
    raylets = {trial.spec.placement.raylet for trial in journal.trials()}
    assert len(raylets) == 2
    wait_for(lambda: not cluster.busy_workers())
    assert running.survivors() == ()


def test_trials_of_a_node_that_dies_go_on_elsewhere_from_their_checkpoints(
    cluster, tmp_path, corpus
):
    doomed = cluster.add(hooks(tmp_path, 0.5))
    running = search(cluster, tmp_path, corpus, "--trials", "2", "--epochs", "6")
    assert running.wait(LIMIT_S, lambda: len(trained(tmp_path)) > 2), running.done()
    cluster.add(hooks(tmp_path, 0.5))
    cluster.kill(doomed)
    running.wait(LIMIT_S)
    done = running.done()
    assert done.code == 0, done.output + done.errors
    assert outcomes(tmp_path) == {"completed": 2}
    assert epochs(tmp_path) == [(t, e) for t in range(2) for e in range(1, 7)]
    again = [one for one, times in Counter(trained(tmp_path)).items() if times > 1]
    assert len(again) <= 1  # the epoch that it died in
    wait_for(lambda: not cluster.busy_workers())
    assert running.survivors() == ()


@pytest.mark.nightly
def test_a_node_that_joins_is_used(cluster, tmp_path, corpus):
    cluster.add(hooks(tmp_path, 1.0))
    running = search(cluster, tmp_path, corpus, "--trials", "3", "--epochs", "8")
    assert running.wait(LIMIT_S, lambda: len(trained(tmp_path)) > 1), running.done()
    cluster.add(hooks(tmp_path, 1.0))
    running.wait(LIMIT_S)
    done = running.done()
    assert done.code == 0, done.output + done.errors
    assert "has joined the cluster" in done.output
    assert outcomes(tmp_path) == {"completed": 3}
    journal = StudyJournal.open(tmp_path / "ray_results" / "study" / "journal")
    assert len({trial.spec.placement.raylet for trial in journal.trials()}) == 2


@pytest.mark.nightly
def test_when_the_head_dies_the_same_command_resumes_on_another_cluster(tmp_path, corpus):
    with local_cluster() as cluster:
        cluster.add(hooks(tmp_path, 0.5))
        running = search(cluster, tmp_path, corpus, "--trials", "2", "--epochs", "5")
        assert running.wait(LIMIT_S, lambda: len(trained(tmp_path)) > 2), running.done()
        cluster.kill_head()
        running.wait(LIMIT_S)
        done = running.done()
        assert done.code == 130, done.output + done.errors
    with local_cluster() as cluster:
        cluster.add(hooks(tmp_path, 0.0))
        running = search(cluster, tmp_path, corpus, "--trials", "2", "--epochs", "5")
        running.wait(LIMIT_S)
        done = running.done()
        assert done.code == 0, done.output + done.errors
    assert outcomes(tmp_path) == {"completed": 2}
    assert epochs(tmp_path) == [(t, e) for t in range(2) for e in range(1, 6)]


@pytest.mark.nightly
def test_when_the_driver_is_killed_none_of_its_actors_stays(cluster, tmp_path, corpus):
    cluster.add(hooks(tmp_path, 1.0))
    running = search(cluster, tmp_path, corpus, "--trials", "2", "--epochs", "9")
    assert running.wait(LIMIT_S, lambda: len(trained(tmp_path)) > 1), running.done()
    assert cluster.busy_workers()
    running.process.kill()
    running.process.wait()
    wait_for(lambda: not cluster.busy_workers(), limit_s=60)


@pytest.mark.nightly
def test_no_epoch_is_trained_twice_when_a_node_that_stalled_goes_on(cluster, tmp_path, corpus):
    stalled = cluster.add(hooks(tmp_path, 0.5))
    running = search(cluster, tmp_path, corpus, "--trials", "1", "--epochs", "5")
    assert running.wait(LIMIT_S, lambda: len(trained(tmp_path)) > 2), running.done()
    processes = cluster.stall(stalled)
    before = len(trained(tmp_path))
    cluster.add(hooks(tmp_path, 0.5))
    assert running.wait(LIMIT_S, lambda: len(trained(tmp_path)) > before), running.done()
    for process in processes:
        process.send_signal(signal.SIGCONT)
    running.wait(LIMIT_S)
    done = running.done()
    assert done.code == 0, done.output + done.errors
    assert outcomes(tmp_path) == {"completed": 1}
    assert epochs(tmp_path) == [(0, epoch) for epoch in range(1, 6)]
    again = [one for one, times in Counter(trained(tmp_path)).items() if times > 1]
    assert len(again) <= 1  # the epoch in which it stalled


@pytest.mark.nightly
def test_two_drivers_share_a_cluster(cluster, tmp_path, corpus):
    cluster.add(hooks(tmp_path, 0.7), num_cpus=2)
    first = search(cluster, tmp_path, corpus, "--trials", "6", "--epochs", "4")
    assert first.wait(LIMIT_S, lambda: len(trained(tmp_path)) > 1), first.done()
    other = tmp_path / "other"
    other.mkdir()
    second = search(cluster, other, corpus, "--trials", "2", "--epochs", "2")
    second.wait(LIMIT_S)
    assert second.done().code == 0, second.done()
    assert first.process.poll() is None  # it did not wait for the first one's end
    first.wait(LIMIT_S)
    assert first.done().code == 0, first.done()
    assert outcomes(other) == {"completed": 2}
    assert outcomes(tmp_path) == {"completed": 6}


OTHER_JOB = """
import sys, time
import ray


@ray.remote(num_cpus=1, label_selector={"ray.io/node-id": sys.argv[2]})
def work():
    time.sleep(300)

ray.init(address=sys.argv[1], log_to_driver=False)
end = work.remote()
print("begun", flush=True)
ray.get(end)
"""


@pytest.fixture
def other_job(cluster):
    """Start a job of somebody else that takes the only slot of a node."""
    with ExitStack() as running:

        def begin(node: Any) -> None:
            words = [sys.executable, "-c", OTHER_JOB, cluster.address, node.node_id]
            job = running.enter_context(
                subprocess.Popen(words, env=os.environ | PLAIN, stdout=subprocess.PIPE)
            )
            running.callback(job.kill)
            assert job.stdout is not None
            assert job.stdout.readline() == b"begun\n"
            time.sleep(5)  # until the task has its reservation

        yield begin


@pytest.mark.nightly
def test_trials_go_where_another_job_leaves_room(cluster, tmp_path, corpus, other_job):
    nodes = [cluster.add(hooks(tmp_path, 0.3)) for _ in range(2)]
    other_job(nodes[0])
    running = search(cluster, tmp_path, corpus, "--trials", "3", "--epochs", "2")
    running.wait(LIMIT_S)
    done = running.done()
    assert done.code == 0, done.output + done.errors
    journal = StudyJournal.open(tmp_path / "ray_results" / "study" / "journal")
    assert {trial.spec.placement.raylet for trial in journal.trials()} == {nodes[1].node_id}


@pytest.mark.nightly
def test_a_promotion_trains_on_the_nodes_and_comes_to_its_verdicts(cluster, tmp_path, corpus):
    for _ in range(2):
        cluster.add(hooks(tmp_path, 0.3))
    running = search(cluster, tmp_path, corpus, "--trials", "2", "--epochs", "2")
    running.wait(LIMIT_S)
    assert running.done().code == 0, running.done()
    words = [
        "tune.promote", "--address", cluster.address, "--top", "1", "--seeds", "2", "--epochs", "2",
        "--test-images", "2",
    ]  # fmt: skip
    promotion = start(words, tmp_path, PLAIN)
    promotion.wait(LIMIT_S)
    done = promotion.done()
    assert done.code == 0, done.output + done.errors
    runs = read_table(tmp_path / "ray_results", "runs")
    assert Counter(runs["outcome"]) == {"completed": 4}
    assert set(read_table(tmp_path / "ray_results", "verdicts")["num_seeds"]) == {2}
    assert set(read_table(tmp_path / "ray_results", "test")["run"]) == set(runs["run"])
    wait_for(lambda: not cluster.busy_workers())
    assert promotion.survivors() == ()
