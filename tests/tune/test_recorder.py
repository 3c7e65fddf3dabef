"""The books of a study: what is kept, what goes away, and how often tables are written."""

from types import SimpleNamespace

import pytest

from tune.outcomes import Outcome
from tune.recorder import BEST_KEPT, FLUSH_CEILING_S, FLUSH_FLOOR_S, FLUSH_RATIO, Recorder
from tune.tables import read_table


@pytest.fixture
def recorder(study_folder, study_facts) -> Recorder:
    return Recorder(study_folder, study_facts)


@pytest.fixture
def run_to_end(recorder, study_folder, make_record, make_epoch):
    """Begin a trial with a checkpoint, record its scores and end it."""

    def run(number, scores_db, outcome=Outcome.COMPLETED):
        checkpoint = study_folder.checkpoints / f"{number}.pt"
        record = make_record(number, outcome=None, checkpoint=checkpoint)
        recorder.begin(record)
        for epoch, score_db in enumerate(scores_db, start=1):
            recorder.add_epoch(number, make_epoch(epoch, score_db))
            checkpoint.touch()
        if outcome is not None:
            recorder.end(number, outcome, None)

    return run


def kept(study_folder) -> set[str]:
    return {path.stem for path in study_folder.checkpoints.iterdir()}


def test_checkpoints_of_the_best_few_ended_trials_stay(run_to_end, study_folder):
    for number, score_db in enumerate([20.0, 23.0, 21.0, 22.0, 19.0]):
        run_to_end(number, [score_db])
    assert BEST_KEPT == 3
    assert kept(study_folder) == {"1", "2", "3"}


def test_a_running_trial_keeps_its_checkpoint_however_bad(run_to_end, study_folder):
    run_to_end(0, [10.0], outcome=None)
    for number in range(1, 5):
        run_to_end(number, [20.0 + number])
    assert kept(study_folder) == {"0", "2", "3", "4"}


def test_a_crashed_trial_among_the_best_keeps_its_checkpoint(run_to_end, study_folder):
    run_to_end(0, [30.0], outcome=Outcome.DIVERGED)
    for number in range(1, 4):
        run_to_end(number, [20.0 + number])
    assert "0" in kept(study_folder)


def test_a_traceback_is_a_file_named_by_its_trial(recorder, study_folder, make_record):
    record = make_record(7, outcome=None)
    recorder.begin(record)
    recorder.end(7, Outcome.FAILED, "RuntimeError: größer", "Traceback …\nRuntimeError: größer")
    (file,) = study_folder.errors.iterdir()
    assert file.name == f"{record.spec.name}.txt"
    assert file.read_text(encoding="utf-8") == "Traceback …\nRuntimeError: größer"


def test_without_a_traceback_there_is_no_folder_of_errors(recorder, study_folder, make_record):
    recorder.begin(make_record(0, outcome=None))
    recorder.end(0, Outcome.DIVERGED, "train loss is nan in epoch 1")
    assert not study_folder.errors.exists()


def test_tables_can_be_read_from_the_first_trial_on(recorder, study_folder, make_record):
    recorder.begin(make_record(0, outcome=None))
    results = study_folder.path.parent
    assert len(read_table(results, "trials")) == 1
    assert read_table(results, "trials")["outcome"].isna().all()
    assert read_table(results, "epochs").empty
    assert read_table(results, "rungs").empty


@pytest.fixture
def clock(monkeypatch):
    """A clock that only moves when told; it replaces the recorder's."""
    clock = SimpleNamespace(now_s=100.0)
    monkeypatch.setattr("tune.recorder.time", SimpleNamespace(monotonic=lambda: clock.now_s))
    return clock


@pytest.fixture
def written(monkeypatch, clock):
    """The tables written so far; writing the three of one flush takes `written.cost_s`."""
    written = SimpleNamespace(names=[], cost_s=0.0)

    def write_table(_folder, name, _rows):
        written.names.append(name)
        clock.now_s += written.cost_s / 3

    monkeypatch.setattr("tune.recorder.write_table", write_table)
    return written


@pytest.mark.parametrize(
    ("cost_s", "wait_s"),
    [
        (0.0, FLUSH_FLOOR_S),
        (0.9 * FLUSH_FLOOR_S / FLUSH_RATIO, FLUSH_FLOOR_S),
        (0.03, 0.03 * FLUSH_RATIO),
        (1.1 * FLUSH_CEILING_S / FLUSH_RATIO, FLUSH_CEILING_S),
        (60.0, FLUSH_CEILING_S),
    ],
)
def test_the_next_flush_waits_in_proportion_to_the_last_one_within_bounds(
    cost_s, wait_s, recorder, make_record, make_epoch, clock, written
):
    written.cost_s = cost_s
    recorder.begin(make_record(0, outcome=None))
    assert written.names == ["trials", "epochs", "rungs"]
    clock.now_s += wait_s - 0.001
    recorder.add_epoch(0, make_epoch(1, 20.0))
    assert len(written.names) == 3
    clock.now_s += 0.002
    recorder.add_epoch(0, make_epoch(2, 20.0))
    assert len(written.names) == 6


def test_a_flush_at_the_end_never_waits(recorder, make_record, clock, written):
    recorder.begin(make_record(0, outcome=None))
    recorder.flush()
    assert len(written.names) == 6
