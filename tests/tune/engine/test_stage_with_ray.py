"""A search on machines that see neither its corpus nor its results."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from data.dataset import Corpus
from models.training.checkpoint import load_checkpoint
from tests.tiny_corpus import build_tiny_corpus
from tests.tune.engine.clusters import LocalCluster, local_cluster, wait_for
from tests.tune.engine.machines import NO_MACHINES, Lab, can_unshare, lab
from tests.tune.engine.test_cluster_with_ray import (
    LIMIT_S,
    epochs,
    hooks,
    outcomes,
    search,
    trained,
)
from tune.storage.stage import CORPORA
from tune.tables.files import read_table

pytestmark = [
    pytest.mark.ray,
    pytest.mark.nightly,
    pytest.mark.skipif(not can_unshare(), reason=NO_MACHINES),
]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Where the driver works; no machine sees it."""
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def corpus(home: Path) -> Path:
    return build_tiny_corpus(home / "corpus")


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """What machines and tests see: which epochs were trained."""
    folder = tmp_path / "state"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def head() -> Iterator[LocalCluster]:
    """A head on the driver's machine; it trains nothing."""
    with local_cluster() as cluster:
        yield cluster


@pytest.fixture
def machines(head: LocalCluster, home: Path, tmp_path: Path) -> Iterator[Lab]:
    with lab(tmp_path, head.address, home) as machines:
        yield machines


def files(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Each file below a folder: when it was written, and its content."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in found}


def copies(output: str) -> list[str]:
    return sorted(line for line in output.splitlines() if line.startswith("copying the corpus"))


@pytest.mark.timeout(500)
def test_corpora_are_copied_once_and_all_that_is_learnt_lies_at_the_driver(
    head, machines, home, corpus, state
):
    variables = hooks(state, 0.2)
    one, two = (machines.add(name, variables) for name in ("lab-1", "lab-2"))
    flags = ("--trials", "2", "--epochs", "2", "--stage", str(machines.scratch))
    running = search(head, home, corpus, *flags)
    running.wait(LIMIT_S)
    done = running.done()
    assert done.code == 0, done.output + done.errors
    assert copies(done.output) == [
        f"copying the corpus (1 MiB) to node {name}" for name in ("lab-1", "lab-2")
    ]
    assert outcomes(home) == {"completed": 2}
    assert epochs(home) == [(t, e) for t in range(2) for e in (1, 2)]
    trials = read_table(home / "ray_results", "trials", "study")
    assert set(trials["host"]) == {"lab-1", "lab-2"}
    for number, score_db in zip(trials["trial_number"], trials["best_val_psnr_db"], strict=True):
        path = home / "ray_results" / "study" / "checkpoints" / f"study_t{number:03d}.pt"
        assert load_checkpoint(path).metadata["val_psnr_db"] == score_db

    fingerprint = Corpus.open(corpus).info.fingerprint
    for machine in (one, two):
        wait_for(lambda there=machine.scratch: [*there.iterdir()] == [there / CORPORA])
        copy = machine.scratch / CORPORA / fingerprint
        assert Corpus.open(copy).info == Corpus.open(corpus).info
    before = files(one.scratch) | files(two.scratch)

    again = search(head, home, corpus, *flags, "--more-trials", "1")
    again.wait(LIMIT_S)
    done = again.done()
    assert done.code == 0, done.output + done.errors
    assert copies(done.output) == []
    assert outcomes(home) == {"completed": 3}
    wait_for(lambda: not [*one.scratch.glob(".*"), *two.scratch.glob(".*")])
    assert files(one.scratch) | files(two.scratch) == before


@pytest.mark.timeout(500)
def test_a_trial_of_a_machine_that_dies_goes_on_from_what_was_delivered(
    head, machines, home, corpus, state
):
    variables = hooks(state, 1.0)
    doomed = machines.add("lab-1", variables)
    stage = ("--stage", str(machines.scratch))
    running = search(head, home, corpus, "--trials", "1", "--epochs", "5", *stage)
    assert running.wait(LIMIT_S, lambda: len(trained(state)) > 2), running.done()
    doomed.kill()
    machines.add("lab-2", variables)
    running.wait(LIMIT_S)
    done = running.done()
    assert done.code == 0, done.output + done.errors
    assert "copying the corpus (1 MiB) to node lab-2" in done.output
    assert outcomes(home) == {"completed": 1}
    assert epochs(home) == [(0, epoch) for epoch in range(1, 6)]
    again = [one for one, times in Counter(trained(state)).items() if times > 1]
    assert len(again) <= 1, trained(state)  # the epoch that it died in
    best = home / "ray_results" / "study" / "checkpoints" / "study_t000.pt"
    score_db = read_table(home / "ray_results", "trials", "study")["best_val_psnr_db"].iloc[0]
    assert load_checkpoint(best).metadata["val_psnr_db"] == score_db
