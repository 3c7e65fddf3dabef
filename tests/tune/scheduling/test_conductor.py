"""A whole study without Ray: trials are handed out, judged and ended, and the reserves agree."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from rich.console import Console

from models.registry import ModelConfig
from models.training.config import TrainConfig
from tune.outcomes import Outcome
from tune.scheduling.conductor import Conductor
from tune.scheduling.cutoffs import TopShare
from tune.scheduling.rungs import RungLedger
from tune.scheduling.sampler import Sampler
from tune.space.points import KnownPoint, Suggestion
from tune.space.ranges import build_space
from tune.storage.history import Budget
from tune.storage.journal import StudyJournal
from tune.storage.recorder import Recorder
from tune.tables.files import read_table
from tune.terminal.progress import StudyProgress
from tune.trial.clock import StudyClock
from tune.trial.spec import DataSpec, Placement, TrialSpec

EPOCHS = 5
RUNGS = (2, 4)
DIMENSIONS = build_space(["learning_rate"], []).dimensions


def make_spec(suggestion: Suggestion) -> TrialSpec:
    return TrialSpec(
        study="study",
        number=suggestion.number,
        model=ModelConfig("baseline", 16, 8),
        train=TrainConfig(learning_rate=float(suggestion.values["learning_rate"]), epochs=EPOCHS),
        data=DataSpec("corpus", 64, 0.05, 8, 0, "0" * 16, "1" * 16),
        device="cpu",
        proposed_by=suggestion.proposed_by,
    )


spec_maker = make_spec


@pytest.fixture
def make_conductor(study_folder, study_facts, journal) -> Callable[..., Conductor]:
    """Make the conductor of the study's next session, with everything that is in the journal."""

    def make(
        num_trials: int = 4,
        hours: float | None = None,
        audit: float = 0.0,
        reserve_again: Callable[[TrialSpec], TrialSpec] = lambda spec: spec,
    ) -> Conductor:
        known = [KnownPoint("hand_set", {"learning_rate": 1e-4})]
        reopened = StudyJournal.open(study_folder.journal)
        clock = StudyClock(reopened.elapsed_s)
        conductor = Conductor(
            Sampler(reopened, DIMENSIONS, known, "random", 0),
            RungLedger(RUNGS, TopShare(2), audit),
            Recorder(study_folder, study_facts, reopened, clock),
            spec_maker,
            StudyProgress(Console(), num_trials, EPOCHS, quiet=True),
            Budget(num_trials, hours),
            reserve_again,
        )
        conductor.resume()
        return conductor

    return make


@pytest.fixture
def run_trial(make_epoch):
    """Run a trial as Ray would: report, and end it where it does not stay."""

    def run(conductor: Conductor, number: int, scores_db: Sequence[float]) -> None:
        for epoch, score_db in enumerate(scores_db, start=1):
            is_last = epoch == EPOCHS
            stays = conductor.report_epoch(number, make_epoch(epoch, score_db, is_last))
            if is_last:
                conductor.end(number, Outcome.COMPLETED)
            elif not stays:
                conductor.end(number)
                return

    return run


@pytest.fixture
def study(make_conductor, run_trial) -> Conductor:
    """A finished study: one completed, one stopped, one diverged and one interrupted trial."""
    conductor = make_conductor()
    for _ in range(4):
        conductor.next_trial()
    run_trial(conductor, 0, [18.0, 20.0, 21.0, 22.0, 21.5])
    run_trial(conductor, 1, [18.0, 19.0, 21.0])
    run_trial(conductor, 2, [17.0])
    conductor.end(2, Outcome.DIVERGED, "train loss is nan in epoch 2", details="Traceback")
    run_trial(conductor, 3, [16.0])
    conductor.interrupt("interrupted by SIGINT")
    conductor.close()
    return conductor


@pytest.fixture
def rejecting(make_conductor, monkeypatch) -> Conductor:
    """A study of four trials of which the first and the third are predicted not to fit."""

    def make_or_reject(suggestion: Suggestion) -> TrialSpec:
        rejection = None if suggestion.number % 2 else "predicted to need 9000 MiB"
        placement = Placement(predicted_peak_mib=8000.0, rejection=rejection)
        return replace(make_spec(suggestion), placement=placement)

    monkeypatch.setitem(globals(), "spec_maker", make_or_reject)
    return make_conductor()


@pytest.fixture
def by_ssim(make_conductor, make_epoch, monkeypatch) -> Conductor:
    """A study that maximises SSIM: the second trial is ahead in PSNR and stopped by its SSIM."""

    def make_by_ssim(suggestion: Suggestion) -> TrialSpec:
        spec = make_spec(suggestion)
        return replace(spec, train=replace(spec.train, objective="ssim"))

    monkeypatch.setitem(globals(), "spec_maker", make_by_ssim)
    conductor = make_conductor(num_trials=2)
    for number, psnr_db, ssim in ((0, 18.0, 0.75), (1, 20.0, 0.5)):
        conductor.next_trial()
        for epoch in (1, 2):
            conductor.report_epoch(number, replace(make_epoch(epoch, psnr_db), val_ssim=ssim))
    conductor.end(1)
    return conductor


def test_rungs_and_their_reasons_go_by_the_objective(by_ssim):
    record = by_ssim.recorder.trials[1]
    assert record.outcome is Outcome.STOPPED
    assert record.reason == "0.5000 at epoch 2 is below the 0.7500 needed to continue"


def test_the_sampler_hears_the_scores_of_the_objective(by_ssim):
    trial = by_ssim.recorder.journal.study.get_trials()[1]
    assert trial.intermediate_values == {1: 0.5, 2: 0.5}


def outcomes(conductor: Conductor) -> list[Outcome | None]:
    return [record.outcome for record in conductor.recorder.trials.values()]


def test_every_trial_ends_in_the_outcome_that_befell_it(study):
    assert outcomes(study) == [
        Outcome.COMPLETED,
        Outcome.STOPPED,
        Outcome.DIVERGED,
        Outcome.INTERRUPTED,
    ]


def test_no_more_trials_are_started_than_asked_for(make_conductor):
    conductor = make_conductor(num_trials=2)
    specs = [conductor.next_trial() for _ in range(4)]
    assert [spec and spec.number for spec in specs] == [0, 1, None, None]


def test_the_known_point_is_started_first(make_conductor):
    spec = make_conductor().next_trial()
    assert (spec.proposed_by, spec.train.learning_rate) == ("hand_set", 1e-4)


def test_a_stopped_trial_runs_no_further_than_its_rung(study):
    assert [len(record.epochs) for record in study.recorder.trials.values()] == [5, 2, 1, 1]


def test_a_stopped_trial_says_both_values_and_the_epoch(study):
    reason = study.recorder.trials[1].reason
    assert reason == "19.00 dB at epoch 2 is below the 20.00 dB needed to continue"


def test_a_trial_ends_once(study):
    study.end(0, Outcome.FAILED, "told twice")
    assert study.recorder.trials[0].outcome is Outcome.COMPLETED
    assert study.recorder.trials[0].reason is None


def test_a_trial_that_was_turned_away_but_crashed_is_a_crash(make_conductor, run_trial, make_epoch):
    conductor = make_conductor()
    conductor.next_trial()
    conductor.next_trial()
    run_trial(conductor, 0, [18.0, 20.0])
    conductor.report_epoch(1, make_epoch(1, 18.0))
    assert not conductor.report_epoch(1, make_epoch(2, 19.0))
    conductor.end(1, Outcome.FAILED, "the worker process died")
    assert conductor.recorder.trials[1].outcome is Outcome.FAILED


def test_unfinished_trials_end_with_the_first_reason_of_the_interruption(make_conductor):
    conductor = make_conductor()
    conductor.next_trial()
    conductor.interrupt("interrupted by SIGINT")
    conductor.interrupt("interrupted by SIGTERM")
    conductor.close()
    assert conductor.recorder.trials[0].outcome is Outcome.INTERRUPTED
    assert conductor.recorder.trials[0].reason == "interrupted by SIGINT"


def test_an_interrupted_study_hands_out_nothing_and_ends(make_conductor):
    conductor = make_conductor()
    assert not conductor.should_end()
    conductor.interrupt("interrupted by SIGINT")
    assert conductor.should_end()
    assert conductor.next_trial() is None


def test_a_study_out_of_time_hands_out_nothing_and_ends(make_conductor):
    conductor = make_conductor(hours=0.0)
    assert conductor.should_end()
    assert conductor.next_trial() is None
    assert conductor.interruption is None


def test_a_study_with_time_left_goes_on(make_conductor):
    conductor = make_conductor(hours=1.0)
    assert not conductor.should_end()
    assert conductor.next_trial() is not None


def test_trials_that_the_time_budget_ended_say_so(make_conductor, monkeypatch):
    conductor = make_conductor(hours=1.0)
    conductor.next_trial()
    monkeypatch.setattr(Conductor, "is_out_of_time", True)
    conductor.close()
    assert conductor.recorder.trials[0].reason == "the time budget of the search ended"


def test_trials_of_a_search_that_broke_do_not_blame_the_time_budget(make_conductor):
    conductor = make_conductor()
    conductor.next_trial()
    conductor.close()
    assert conductor.recorder.trials[0].outcome is Outcome.INTERRUPTED
    assert conductor.recorder.trials[0].reason == "the search ended while it ran"


def test_the_trials_table_agrees_with_the_books(study, study_folder):
    trials = read_table(study_folder.path.parent, "trials")
    records = study.recorder.trials.values()
    assert list(trials["outcome"]) == [record.outcome for record in records]
    assert list(trials["epochs_finished"]) == [len(record.epochs) for record in records]
    assert list(trials["best_val_psnr_db"]) == [record.best_score for record in records]
    assert trials["reason"].isna().tolist() == [True, False, False, False]


def test_the_epochs_table_has_every_finished_epoch_of_every_trial(study, study_folder):
    epochs = read_table(study_folder.path.parent, "epochs")
    found = list(zip(epochs["trial_number"], epochs["epoch"], epochs["val_psnr_db"], strict=True))
    assert found == [
        (number, result.epoch, result.val_psnr_db)
        for number, record in study.recorder.trials.items()
        for result in record.epochs
    ]


def test_the_rungs_table_has_every_decision(study, study_folder):
    rungs = read_table(study_folder.path.parent, "rungs")
    columns = ["trial_number", "rung_epoch", "num_values", "kept"]
    assert rungs[columns].to_numpy().tolist() == [
        [0, 2, 1, True],
        [0, 4, 1, True],
        [1, 2, 2, False],
    ]


def test_what_does_not_fit_is_rejected_and_never_started(rejecting):
    started = [rejecting.next_trial() for _ in range(3)]
    assert [spec and spec.number for spec in started] == [1, 3, None]
    found = [(record.outcome, record.reason) for record in rejecting.recorder.trials.values()]
    rejected = (Outcome.REJECTED, "predicted to need 9000 MiB")
    assert found == [rejected, (None, None), rejected, (None, None)]


def test_a_study_that_died_before_it_rejected_a_trial_rejects_it(rejecting, make_conductor):
    spec = spec_maker(Suggestion(0, "searcher", {"learning_rate": 1e-3}))
    rejecting._sampler.suggest()
    rejecting.recorder.begin(spec)
    again = make_conductor()
    assert again.recorder.trials[0].outcome is Outcome.REJECTED
    assert again.next_trial().number == 1


def test_an_open_trial_is_reserved_anew_for_what_was_asked_and_an_ended_one_keeps_its_reservation(
    make_conductor, run_trial, monkeypatch
):
    first = make_conductor()
    first.next_trial()
    first.next_trial()
    run_trial(first, 0, [18.0, 20.0, 21.0, 22.0, 21.5])

    def reserve(spec: TrialSpec) -> TrialSpec:
        assert spec.train == first.recorder.trials[1].spec.train
        return replace(spec, placement=Placement(gpu_fraction=0.5))

    def make_smaller(suggestion: Suggestion) -> TrialSpec:  # as today's card would have it
        spec = make_spec(suggestion)
        return replace(spec, train=replace(spec.train, micro_batch=1))

    monkeypatch.setitem(globals(), "spec_maker", make_smaller)
    records = make_conductor(reserve_again=reserve).recorder.trials.values()
    assert [record.spec.placement.gpu_fraction for record in records] == [0.0, 0.5]


def test_a_signal_after_the_last_trial_leaves_nothing_to_do(make_conductor, run_trial, study):
    assert study.has_more_to_do
    conductor = make_conductor()
    assert conductor.next_trial().number == 3
    run_trial(conductor, 3, [16.0, 17.0, 18.0, 19.0, 20.0])
    conductor.end(3, Outcome.COMPLETED)
    conductor.interrupt("interrupted by SIGINT")
    conductor.close()
    assert not conductor.has_more_to_do


def test_a_trial_that_waits_for_its_memory_does_not_hang(make_conductor):
    conductor = make_conductor()
    assert conductor.next_trial() is not None
    assert conductor._watchdog._reported_s == {}
    conductor.start(0)
    assert list(conductor._watchdog._reported_s) == [0]


def test_waiting_ends_when_a_worker_first_takes_the_trial_up(make_conductor, study_folder):
    conductor = make_conductor()
    conductor.next_trial()
    conductor.start(0)
    started = conductor.recorder.trials[0].started
    conductor.start(0)
    assert conductor.recorder.trials[0].started == started
    assert make_conductor().recorder.trials[0].started == started


def test_every_time_that_a_trial_is_scheduled_its_attempt_is_a_newer_one(
    make_conductor, study_folder
):
    attempts = []
    for _ in range(2):
        conductor = make_conductor(num_trials=1)
        conductor.recorder.journal.begin_session(["search"], conductor.recorder.clock.now())
        attempts.append(conductor.next_trial().attempt)
    conductor.lose_worker(0, "the worker process died")
    attempts.append(conductor.next_trial().attempt)
    assert attempts == [10_001, 20_001, 20_002]
