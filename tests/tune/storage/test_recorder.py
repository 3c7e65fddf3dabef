"""The reserves of a study: what is kept, what goes away, and how often tables are written."""

import errno
import os
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tune.outcomes import Outcome
from tune.storage.folder import StudyFolder
from tune.storage.journal import StudyJournal
from tune.storage.recorder import BEST_KEPT, FLUSH_CEILING_S, FLUSH_FLOOR_S, FLUSH_RATIO, Recorder
from tune.tables.files import read_table
from tune.trial.checkpoint_files import newest_file, previous_file
from tune.trial.clock import StudyClock
from tune.trial.lease import LeaseLostError, check_lease, take_lease


@pytest.fixture
def recorder(study_folder, study_facts, journal) -> Recorder:
    return Recorder(study_folder, study_facts, journal, StudyClock())


@pytest.fixture
def begin(recorder, make_record):
    """Hand out a trial whose checkpoint lies in a given file."""

    def begin(number, checkpoint=None):
        while len(recorder.journal.trials()) <= number:
            recorder.journal.study.ask()
        return recorder.begin(make_record(number, checkpoint=checkpoint).spec)

    return begin


@pytest.fixture
def run_to_end(recorder, study_folder, begin, make_epoch):
    """Begin a trial with checkpoints, record its scores and end it."""

    def run(number, scores_db, outcome=Outcome.COMPLETED):
        checkpoint = study_folder.checkpoints / f"{number}.pt"
        begin(number, checkpoint)
        for epoch, score_db in enumerate(scores_db, start=1):
            recorder.add_epoch(number, make_epoch(epoch, score_db))
            for path in (checkpoint, newest_file(checkpoint), previous_file(checkpoint)):
                path.touch()
        if outcome is not None:
            recorder.end(number, outcome, None)

    return run


def kept(study_folder) -> set[str]:
    return {path.name.removesuffix(".pt") for path in study_folder.checkpoints.iterdir()}


def test_checkpoints_of_the_best_few_ended_trials_stay(run_to_end, study_folder):
    for number, score_db in enumerate([20.0, 23.0, 21.0, 22.0, 19.0]):
        run_to_end(number, [score_db])
    assert BEST_KEPT == 3
    assert kept(study_folder) == {"1", "2", "3"}


def test_a_running_trial_keeps_its_checkpoint_however_bad(run_to_end, study_folder):
    run_to_end(0, [10.0], outcome=None)
    for number in range(1, 5):
        run_to_end(number, [20.0 + number])
    assert kept(study_folder) == {"0", "0.newest", "0.previous", "2", "3", "4"}


def test_an_interrupted_trial_keeps_what_it_goes_on_from(run_to_end, study_folder):
    run_to_end(0, [10.0], outcome=Outcome.INTERRUPTED)
    for number in range(1, 5):
        run_to_end(number, [20.0 + number])
    assert {"0", "0.newest", "0.previous"} < kept(study_folder)


def test_a_crashed_trial_among_the_best_keeps_its_checkpoint(run_to_end, study_folder):
    run_to_end(0, [30.0], outcome=Outcome.DIVERGED)
    for number in range(1, 4):
        run_to_end(number, [20.0 + number])
    assert "0" in kept(study_folder)


def test_a_traceback_is_a_file_named_by_its_trial(recorder, study_folder, begin):
    record = begin(7)
    recorder.end(7, Outcome.FAILED, "RuntimeError: größer", "Traceback …\nRuntimeError: größer")
    (file,) = study_folder.errors.iterdir()
    assert file.name == f"{record.spec.name}.txt"
    assert file.read_text(encoding="utf-8") == "Traceback …\nRuntimeError: größer"


def test_a_reason_may_name_a_path_that_is_no_utf8(recorder, study_folder, begin):
    begin(0)
    reason = "OSError: no such file: " + os.fsdecode(b"caf\xe9")
    recorder.end(0, Outcome.FAILED, reason, f"Traceback ...\n{reason}")
    recorder.flush()
    (row,) = read_table(study_folder.path.parent, "trials").to_dict("records")
    assert row["reason"] == "OSError: no such file: caf%E9"
    (file,) = study_folder.errors.iterdir()
    assert file.read_text(encoding="utf-8").endswith("caf\\udce9")


def test_without_a_traceback_there_is_no_folder_of_errors(recorder, study_folder, begin):
    begin(0)
    recorder.end(0, Outcome.DIVERGED, "train loss is nan in epoch 1")
    assert not study_folder.errors.exists()


def test_tables_can_be_read_from_the_first_trial_on(recorder, study_folder, begin):
    begin(0)
    results = study_folder.path.parent
    assert len(read_table(results, "trials")) == 1
    assert read_table(results, "trials")["outcome"].isna().all()
    assert read_table(results, "epochs").empty
    assert read_table(results, "rungs").empty


@pytest.fixture
def clock(monkeypatch):
    """A clock that only moves when told; it replaces the recorder's."""
    clock = SimpleNamespace(now_s=100.0)
    monkeypatch.setattr(
        "tune.storage.recorder.time", SimpleNamespace(monotonic=lambda: clock.now_s)
    )
    return clock


@pytest.fixture
def written(monkeypatch, clock):
    """The tables written so far; writing the three of one flush takes `written.cost_s`."""
    written = SimpleNamespace(names=[], cost_s=0.0)

    def write_table(_folder, name, _rows):
        written.names.append(name)
        clock.now_s += written.cost_s / 3

    monkeypatch.setattr("tune.storage.recorder.write_table", write_table)
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
    cost_s, wait_s, recorder, begin, make_epoch, clock, written
):
    written.cost_s = cost_s
    begin(0)
    assert written.names == ["trials", "epochs", "rungs"]
    clock.now_s += wait_s - 0.001
    recorder.add_epoch(0, make_epoch(1, 20.0))
    assert len(written.names) == 3
    clock.now_s += 0.002
    recorder.add_epoch(0, make_epoch(2, 20.0))
    assert len(written.names) == 6


def test_an_epoch_that_is_told_again_is_no_news(recorder, begin, make_epoch):
    begin(0)
    assert recorder.add_epoch(0, make_epoch(1, 20.0))
    assert not recorder.add_epoch(0, make_epoch(1, 25.0))
    assert [epoch.val_psnr_db for epoch in recorder.trials[0].epochs] == [20.0]


def test_without_space_the_old_tables_stand_and_it_is_said_once(
    recorder, begin, study_folder, monkeypatch
):
    begin(0)
    before = read_table(study_folder.path.parent, "trials")

    def write_table(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("tune.storage.recorder.write_table", write_table)
    said = []
    recorder.say = said.append
    recorder.flush()
    recorder.flush()
    assert len(said) == 1
    assert "no space left for the tables" in said[0]
    assert read_table(study_folder.path.parent, "trials").equals(before)


def test_a_flush_at_the_end_never_waits(recorder, begin, clock, written):
    begin(0)
    recorder.flush()
    assert len(written.names) == 6


def test_an_ended_trial_keeps_no_lease_so_that_nobody_can_write_it(
    recorder, run_to_end, study_folder
):
    files = [study_folder.checkpoints / f"{number}.pt" for number in (0, 1)]
    for number, best in enumerate(files):
        run_to_end(number, [20.0], outcome=None)
        take_lease(best, 1)
    recorder.end(0, Outcome.COMPLETED, None)
    with pytest.raises(LeaseLostError):
        check_lease(files[0], 1)
    check_lease(files[1], 1)


def test_an_attempt_is_numbered_by_session_and_by_how_often_it_was_scheduled(
    recorder, begin, journal
):
    journal.begin_session(["search"], recorder.clock.now())
    begin(0)
    begin(1)
    numbers = [recorder.next_attempt(number).attempt for number in (0, 0, 1)]
    assert numbers == [10_001, 10_002, 10_001]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
@given(st.lists(st.sampled_from(["lost", "put back", "session"]), max_size=12))
def test_no_attempt_has_the_number_of_one_before_it(
    tmp_path_factory, study_facts, make_record, happenings
):
    """Whatever happens between two attempts, and wherever a session dies."""
    folder = StudyFolder(tmp_path_factory.mktemp("study"))
    folder.tables.mkdir()
    folder.checkpoints.mkdir()
    journal = StudyJournal.create(folder.journal, "study")
    recorder = Recorder(folder, study_facts, journal, StudyClock())
    journal.begin_session([], recorder.clock.now())
    journal.study.ask()
    recorder.begin(make_record(0).spec)
    attempts = [recorder.next_attempt(0).attempt]
    for what in happenings:
        if what == "lost":
            recorder.add_failure(0, "the worker process died")
        elif what == "session":
            journal = StudyJournal.open(folder.journal)
            recorder = Recorder(folder, study_facts, journal, StudyClock())
            journal.begin_session([], recorder.clock.now())
            (history,) = journal.trials()
            recorder.recall(history.spec, history)
        attempts.append(recorder.resume_trial(0).attempt)
    assert attempts == sorted(set(attempts))
