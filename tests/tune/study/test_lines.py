"""Reference lines that are computed beside the trials of a study."""

import errno
import threading
from types import SimpleNamespace

import pytest

from data.dataset import Corpus
from models.registry import ModelConfig
from tune.evaluation.references import Reference, reference_lines
from tune.study import lines
from tune.study.lines import lines_beside_trials, read_lines
from tune.tables.files import write_table

MODEL = ModelConfig("baseline", 16, 8)


@pytest.fixture
def plan(tiny_corpus):
    return SimpleNamespace(
        corpus=Corpus.open(tiny_corpus),
        config=SimpleNamespace(ratio=16, rate="elements"),
        model_config=lambda _values: MODEL,
        crop_px=32,
        val_images=4,
    )


@pytest.fixture
def beside(plan, study_folder):
    """Enter the block, with what is said and whether the search is interrupted."""

    def enter(said, is_interrupted=lambda: False, *, has_epoch=True):
        epoch = threading.Event()
        if has_epoch:
            epoch.set()
        return lines_beside_trials(plan, study_folder, said.append, epoch, is_interrupted)

    return enter


@pytest.fixture
def endless(monkeypatch):
    """A computation that would never end by itself; it tells when it has begun."""
    begun = threading.Event()

    def compute(*arguments):
        begun.set()
        while True:
            arguments[-1]()

    monkeypatch.setattr(lines, "reference_lines", compute)
    return begun


def test_they_are_those_of_the_corpus_and_are_written_by_the_end(plan, beside, study_folder):
    with beside([]):
        pass
    assert read_lines(study_folder) == tuple(reference_lines(plan.corpus, MODEL, 32, 4))


def test_a_study_computes_them_once(beside, study_folder, monkeypatch):
    with beside([]):
        pass
    first = read_lines(study_folder)
    monkeypatch.setattr(lines, "reference_lines", lambda *_: [])
    with beside([]):
        pass
    assert read_lines(study_folder) == first


def test_an_interrupted_search_does_not_wait_for_them(beside, endless, study_folder):
    is_interrupted = threading.Event()
    said: list[str] = []
    with beside(said, is_interrupted.is_set):
        assert endless.wait(30)
        is_interrupted.set()
    assert (said, read_lines(study_folder)) == ([], ())


def test_a_signal_while_it_waits_for_them_leaves_them_out(beside, endless, study_folder):
    is_interrupted = threading.Event()

    class Said(list[str]):
        def append(self, sentence: str) -> None:
            super().append(sentence)
            is_interrupted.set()

    said = Said()
    with beside(said, is_interrupted.is_set):
        assert endless.wait(30)
    assert said == [
        "all trials have ended; reference lines are still computed: Ctrl-C leaves them out"
    ]
    assert read_lines(study_folder) == ()


def test_what_ends_the_search_ends_them(beside, endless):
    def search() -> None:
        with beside([]):
            assert endless.wait(30)
            raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        search()


def test_an_error_of_theirs_is_raised_when_the_trials_have_ended(beside, monkeypatch):
    def fail(*_arguments: object) -> list[Reference]:
        raise ValueError("no training patch")

    monkeypatch.setattr(lines, "reference_lines", fail)
    has_ended = False
    with pytest.raises(ValueError, match="no training patch"), beside([]):
        has_ended = True
    assert has_ended


@pytest.fixture
def full_disk(monkeypatch):
    """Let so many writes of a table find no space."""

    def fill(num_writes: int) -> None:
        left = [num_writes]

        def write(*arguments: object) -> None:
            left[0] -= 1
            if left[0] >= 0:
                raise OSError(errno.ENOSPC, "no space left")
            write_table(*arguments)

        monkeypatch.setattr(lines, "write_table", write)

    return fill


@pytest.mark.parametrize("num_writes", [0, 1, 2])
def test_a_disk_that_is_full_for_a_while_costs_no_lines(
    beside, study_folder, full_disk, num_writes
):
    full_disk(num_writes)
    said: list[str] = []
    with beside(said):
        pass
    assert bool(read_lines(study_folder)) == (num_writes < 2)
    assert ("no space left" in " ".join(said)) == (num_writes == 2)


def test_they_do_not_delay_the_first_epoch(beside, endless):
    is_interrupted = threading.Event()
    with beside([], is_interrupted.is_set, has_epoch=False):
        assert not endless.wait(2 * lines.POLL_S)
        is_interrupted.set()
    assert not endless.is_set()


def test_a_search_without_any_epoch_has_them_too(plan, beside, study_folder):
    with beside([], has_epoch=False):
        pass
    assert read_lines(study_folder)
