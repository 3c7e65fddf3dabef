"""The journal: what is written is what is read back."""

import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tune.errors import UsageError
from tune.outcomes import Outcome
from tune.space.points import KnownPoint
from tune.storage.history import Agreement, Budget, Ending
from tune.storage.journal import StudyJournal
from tune.trial.clock import Moment
from tune.trial.record import RungDecision
from tune.trial.spec import Placement, StudyFacts

RECORDED = Path(__file__).parents[2] / "recorded"

AGREEMENT = Agreement(
    known=(KnownPoint("hand_set", {"learning_rate": 1e-4, "schedule": "plateau"}),),
    precision="bf16",
    channels_last=True,
    facts=StudyFacts(True, "tiny", "0" * 16, "1" * 16, mode="quick", val_images=8),
)


def at(elapsed_s: float) -> Moment:
    return Moment(datetime(2026, 1, 1, 12, 0, 0, 5, tzinfo=UTC), elapsed_s)


@pytest.fixture
def read_back(journal):
    """Open the journal as a later session would."""
    return lambda: StudyJournal.open(journal.file.path)


def test_what_was_agreed_is_read_back(journal, read_back):
    assert read_back().agreement is None
    journal.agree(AGREEMENT)
    assert read_back().agreement == AGREEMENT


@pytest.mark.parametrize("hours", [None, 1.5])
def test_a_budget_is_read_back(journal, read_back, hours):
    journal.set_budget(Budget(40, hours))
    assert read_back().budget == Budget(40, hours)


def test_a_trial_is_read_back_whole(journal, read_back, make_epoch, make_record):
    journal.study.ask()
    spec = make_record(0, checkpoint=Path("folder/t000.pt")).spec
    decision = RungDecision(0, 1, 2, 20.5, 21.0, 4, kept=True, audited=True)
    journal.begin_trial(spec, at(1.0))
    journal.add_epoch(0, make_epoch(1, 20.0), at(2.0))
    journal.add_epoch(0, make_epoch(2, 20.5), at(3.0))
    journal.add_decision(decision)
    journal.add_failure(0, 1, "the worker process died")
    journal.end_trial(0, Ending(Outcome.DIVERGED, "train loss is nan in epoch 3", at(4.0)))
    (trial,) = read_back().trials()
    assert (trial.spec, trial.begun) == (replace(spec, checkpoint="t000.pt"), at(1.0))
    assert trial.epochs == ((make_epoch(1, 20.0), at(2.0)), (make_epoch(2, 20.5), at(3.0)))
    assert trial.decisions == (decision,)
    assert trial.failures == ("the worker process died",)
    assert trial.ending == Ending(Outcome.DIVERGED, "train loss is nan in epoch 3", at(4.0))
    assert not trial.is_reported


def test_the_place_of_a_trial_is_read_back(journal, read_back, make_record):
    journal.study.ask()
    spec = make_record(0).spec
    there = Placement(gpu_fraction=0.5, host="node7", card="NVIDIA L4", raylet="ab12")
    journal.begin_trial(replace(spec, placement=there), at(1.0))
    (trial,) = read_back().trials()
    assert trial.spec.placement == there


def test_a_journal_from_before_there_were_places_is_read(tmp_path):
    recorded = RECORDED / "begun" / "ray_results" / "finished_search" / "journal"
    path = tmp_path / "journal"
    shutil.copyfile(recorded, path)
    assert '"host"' not in path.read_text()
    placements = [trial.spec.placement for trial in StudyJournal.open(path).trials()]
    assert len(placements) > 0
    assert {(one.host, one.card, one.raylet) for one in placements} == {(None, None, None)}


def test_epochs_come_in_order_beyond_nine(journal, read_back, make_epoch):
    journal.study.ask()
    for epoch in range(1, 13):
        journal.add_epoch(0, make_epoch(epoch, 20.0), at(epoch))
    assert [result.epoch for result, _ in read_back().trials()[0].epochs] == list(range(1, 13))


def test_an_interrupted_trial_has_not_ended_and_can_be_reopened(journal, read_back):
    journal.study.ask()
    journal.end_trial(0, Ending(Outcome.INTERRUPTED, "interrupted by SIGINT", at(4.0)))
    assert not read_back().trials()[0].has_ended
    journal.reopen_trial(0)
    assert read_back().trials()[0].ending is None


def test_time_goes_on_from_the_latest_moment(journal, read_back, make_epoch, make_record):
    assert read_back().elapsed_s == 0.0
    journal.begin_session(["python"], at(10.0))
    journal.study.ask()
    journal.add_epoch(0, make_epoch(1, 20.0), at(25.0))
    journal.begin_trial(make_record(0).spec, at(12.0))
    assert read_back().elapsed_s == 25.0


def test_sessions_are_counted(journal, read_back):
    assert journal.begin_session(["python"], at(0.0)) == 1
    assert read_back().begin_session(["python"], at(9.0)) == 2


def test_a_point_that_was_announced_and_never_asked_for_is_no_trial(journal, read_back):
    journal.study.enqueue_trial({"learning_rate": 1e-4})
    assert read_back().trials() == ()


@pytest.mark.parametrize("content", [b"", b"no journal\n{}\n", b'{"op_code":99}\n{"op_code":1}\n'])
def test_a_file_that_is_no_journal_is_refused(tmp_path, content):
    path = tmp_path / "journal"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"one study, line by line.*tune\.doctor"):
        StudyJournal.open(path)


def test_a_journal_of_another_version_is_refused(journal):
    journal.study.set_user_attr("format", 99)
    with pytest.raises(UsageError, match="version 1, found 99"):
        StudyJournal.open(journal.file.path)


def test_a_score_is_named_for_optuna_by_one_line_and_only_once(journal, read_back):
    lines = journal.file.path.read_bytes().splitlines()
    read_back().name_score("validation PSNR [dB]")  # as a study of an earlier release is resumed
    once = journal.file.path.read_bytes().splitlines()
    assert once[:-1] == lines
    read_back().name_score("validation PSNR [dB]")
    assert journal.file.path.read_bytes().splitlines() == once
    assert read_back().study.metric_names == ["validation PSNR [dB]"]


def test_a_name_changes_nothing_that_is_read_back(journal, read_back, make_epoch, make_record):
    journal.study.ask()
    journal.agree(AGREEMENT)
    journal.begin_trial(make_record(0).spec, at(1.0))
    journal.add_epoch(0, make_epoch(1, 20.0), at(2.0))
    before = read_back()
    found = (before.trials(), before.agreement, before.elapsed_s)
    journal.name_score("validation SSIM")
    after = read_back()
    assert (after.trials(), after.agreement, after.elapsed_s) == found


def test_a_run_is_told_in_four_decimals_and_kept_whole(journal, make_epoch):
    journal.add_run("c1", 0, ["c1", "control"])
    journal.add_epoch(0, make_epoch(1, 20.123456789), at(1.0))
    journal.end_run(0, 20.123456789)
    (trial,) = journal.study.get_trials(deepcopy=False)
    assert trial.value == 20.1235
    ((epoch, _),) = journal.trials()[0].epochs
    assert epoch.val_psnr_db == 20.123456789
