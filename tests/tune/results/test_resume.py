"""Where a search begins: anew, or with the newest unfinished study of the same configuration."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tune.config.machine import Machine
from tune.config.resolve import resolve
from tune.config.search import SearchConfig, write_config
from tune.errors import UsageError
from tune.outcomes import Outcome
from tune.results.budgets import More
from tune.results.resume import Start, choose_starts, find_study
from tune.storage.folder import StudyFolder
from tune.storage.history import Budget, Ending
from tune.storage.journal import StudyJournal
from tune.storage.kind import Kind
from tune.trial.clock import Moment

TRIALS = 2


@pytest.fixture
def config(tmp_path) -> SearchConfig:
    flags = {"arch": "baseline", "trials": TRIALS, "results": str(tmp_path)}
    return resolve(flags, {}, Machine("cpu", 2))[0].config


def at(elapsed_s: float) -> Moment:
    return Moment(datetime(2026, 1, 1, tzinfo=UTC), elapsed_s)


@pytest.fixture
def make_study(tmp_path) -> Callable[..., StudyFolder]:
    """Make a study of which some trials ended."""

    def make(
        name: str, config: SearchConfig, num_over: int, created_at: str = "2026-01-01T00:00:00"
    ) -> StudyFolder:
        folder = StudyFolder(tmp_path / name)
        folder.path.mkdir()
        folder.config_file.write_text(write_config(config))
        folder.manifest_file.write_text(f'{{"created_at": "{created_at}"}}')
        journal = StudyJournal.create(folder.journal, name)
        journal.set_budget(Budget(config.trials, config.hours))
        for number in range(num_over):
            journal.study.ask()
            journal.end_trial(number, Ending(Outcome.COMPLETED, None, at(3600.0 * (number + 1))))
        return folder

    return make


def choose(config: SearchConfig, **asked) -> Start:
    flags = {"new": False, "resume": None, "more": More(), **asked}
    return choose_starts([config], **flags)[0]


def test_where_there_is_nothing_a_new_study_begins(config):
    assert choose(config) == Start(None, Budget(TRIALS, None))


def test_the_same_configuration_goes_on_with_the_unfinished_study(config, make_study):
    folder = make_study("study", config, num_over=1)
    start = choose(config)
    assert start.folder == folder
    assert start.words == "resumes study: 1 of 2 trials ended, 0 unfinished, 1.00 h used"


@pytest.mark.parametrize(
    ("name", "value"), [("seed", 1), ("learning_rate", 2e-4), ("trials", 3), ("audit", 0.5)]
)
def test_another_configuration_is_another_study(config, make_study, name, value):
    make_study("study", config, num_over=1)
    assert choose(replace(config, **{name: value})).folder is None


def test_a_study_from_before_there_were_rates_goes_on_as_one_of_elements_without_path(
    tmp_path, make_study
):
    flags = {"arch": "baseline", "trials": TRIALS, "results": str(tmp_path)}
    kinds = {"bytes": {}, "elements": {"rate": "elements", "linear_path": "off"}}
    configs = {
        kind: resolve(flags | asked, {}, Machine("cpu", 2))[0].config
        for kind, asked in kinds.items()
    }
    folder = make_study("old", configs["elements"], num_over=1)
    lines = folder.config_file.read_text().splitlines()
    new = ("rate ", "linear_path ", "latent_channels ")
    folder.config_file.write_text("\n".join(one for one in lines if not one.startswith(new)))
    assert choose(configs["elements"]).folder == folder
    assert choose(configs["elements"], resume="old").folder == folder
    assert choose(configs["bytes"]).folder is None


def test_a_study_from_before_there_were_objectives_goes_on_as_one_of_psnr(config, make_study):
    folder = make_study("old", config, num_over=1)
    lines = folder.config_file.read_text().splitlines()
    kept = [line for line in lines if not line.startswith("objective ")]
    assert len(kept) == len(lines) - 1
    folder.config_file.write_text("\n".join(kept))
    assert choose(config).folder == folder
    assert choose(replace(config, objective="ssim")).folder is None


def test_resuming_with_another_objective_says_both(config, make_study):
    make_study("old", config, num_over=1)
    with pytest.raises(UsageError, match="with objective psnr where ssim is asked for"):
        choose(replace(config, objective="ssim"), resume="old")


@pytest.mark.parametrize(("name", "value"), [("max_concurrent", 1), ("hours", 5.0)])
def test_how_fast_and_how_long_do_not_make_another_study(config, make_study, name, value):
    folder = make_study("study", config, num_over=1)
    assert choose(replace(config, **{name: value})).folder == folder


def test_of_several_the_newest_counts(config, make_study):
    make_study("b", config, 1, created_at="2026-01-01T00:00:00")
    newest = make_study("a", config, 1, created_at="2026-01-02T00:00:00")
    assert choose(config).folder == newest


def test_after_a_finished_study_a_new_one_begins(config, make_study):
    make_study("study", config, num_over=TRIALS)
    assert choose(config).folder is None


def test_new_begins_anew_whatever_there_is(config, make_study):
    make_study("study", config, num_over=1)
    assert choose(config, new=True).folder is None


@pytest.mark.parametrize("num_over", [1, TRIALS])
def test_a_new_study_does_not_take_the_name_of_another(config, make_study, num_over):
    make_study("mine", config, num_over)
    with pytest.raises(UsageError, match=r"never used twice, found 'mine' .*another --name"):
        choose(replace(config, name="mine"), new=True)


def test_a_new_study_takes_a_free_name(config, make_study):
    make_study("mine", config, num_over=1)
    assert choose(replace(config, name="other"), new=True).folder is None


def test_more_trials_extend_a_finished_study(config, make_study):
    folder = make_study("study", config, num_over=TRIALS)
    start = choose(config, more=More(trials=3))
    assert (start.folder, start.budget) == (folder, Budget(TRIALS + 3, None))


def test_more_hours_extend_a_study_that_ran_out_of_time(config, make_study):
    make_study("study", replace(config, hours=0.5), num_over=1)
    start = choose(replace(config, hours=0.5), more=More(hours=2.0))
    assert start.budget.hours == 2.5
    assert not start.is_finished


def test_hours_used_up_are_a_finish(config, make_study):
    make_study("study", replace(config, hours=0.5), num_over=1)
    assert choose(replace(config, hours=0.5)).folder is None


def test_the_larger_of_two_limits_counts(config, make_study):
    make_study("study", replace(config, hours=1.5), num_over=1)
    assert choose(replace(config, hours=1.2)).budget.hours == 1.5
    assert choose(replace(config, hours=3.0)).budget.hours == 3.0
    assert choose(config).budget.hours == 1.5


def test_a_limit_of_more_hours_stays_in_the_next_session(config, make_study):
    folder = make_study("study", config, num_over=1)
    extended = choose(config, more=More(hours=2.0)).budget
    assert extended.hours == 3.0  # 1 h was used
    StudyJournal.open(folder.journal).set_budget(extended)
    assert choose(config).budget == extended


def test_nothing_to_extend_is_refused(config):
    with pytest.raises(UsageError, match="extend a study, found none"):
        choose(config, more=More(trials=1))


def test_a_finished_study_that_is_named_is_refused_with_the_way_to_extend_it(config, make_study):
    make_study("study", config, num_over=TRIALS)
    with pytest.raises(UsageError, match=r"found 'study' with 2 trials.*--more-trials"):
        choose(config, resume="study")


def test_a_named_study_goes_on(config, make_study):
    folder = make_study("mine", config, num_over=1)
    assert choose(replace(config, name="mine")).folder == folder


def test_a_name_that_belongs_to_another_configuration_is_refused_with_the_difference(
    config, make_study
):
    make_study("mine", config, num_over=1)
    with pytest.raises(UsageError, match=r"never used twice.*with seed 0 where 7 is asked for"):
        choose(replace(config, name="mine", seed=7))


def test_a_study_that_died_before_its_journal_goes_on(config, make_study):
    folder = make_study("study", config, num_over=0)
    folder.journal.unlink()
    start = choose(config)
    assert (start.folder, start.budget) == (folder, Budget(TRIALS, None))


def test_a_damaged_journal_is_refused_with_the_doctor(config, make_study):
    folder = make_study("study", config, num_over=1)
    folder.journal.write_bytes(b"garbage\n" + folder.journal.read_bytes())
    with pytest.raises(UsageError, match=r"tune\.doctor study"):
        choose(config)


def test_of_several_studies_the_finished_ones_stay_while_another_is_unfinished(config, make_study):
    other = replace(config, ratio=32)
    make_study("done", config, num_over=TRIALS)
    unfinished = make_study("open", other, num_over=1)
    starts = choose_starts([config, other], new=False, resume=None, more=More())
    assert [start.is_finished for start in starts] == [True, False]
    assert starts[1].folder == unfinished


def test_when_all_of_several_are_finished_all_begin_anew(config, make_study):
    other = replace(config, ratio=32)
    make_study("done", config, num_over=TRIALS)
    make_study("too", other, num_over=TRIALS)
    starts = choose_starts([config, other], new=False, resume=None, more=More())
    assert [start.folder for start in starts] == [None, None]


def test_a_study_is_found_by_its_name(config, make_study, tmp_path):
    folder = make_study("study", config, num_over=1)
    assert find_study(str(tmp_path), "study") == folder


def test_an_unknown_study_is_refused_with_the_nearest(config, make_study, tmp_path):
    make_study("attention_night", config, num_over=1)
    with pytest.raises(UsageError, match="did you mean attention_night"):
        find_study(str(tmp_path), "atention_night")


def test_an_unknown_study_where_there_is_none_is_refused(tmp_path):
    with pytest.raises(UsageError, match="no study at all"):
        find_study(str(tmp_path), "study")


@pytest.mark.parametrize(
    ("kind", "next_step"),
    [
        (Kind.PROMOTION, "python -m tune.promote --resume night"),
        (Kind.TRAINING, "give the command of the training again"),
    ],
)
def test_a_study_of_another_kind_is_refused_with_who_continues_it(tmp_path, kind, next_step):
    folder = StudyFolder(tmp_path / "night")
    folder.path.mkdir()
    folder.config_file.touch()
    folder.manifest_file.write_text(json.dumps({"kind": kind}))
    with pytest.raises(UsageError, match=f"a search, found 'night' which is a {kind}: {next_step}"):
        find_study(str(tmp_path), "night", Kind.SEARCH)
    assert find_study(str(tmp_path), "night", kind) == find_study(str(tmp_path), "night") == folder


def test_a_training_with_the_same_settings_is_not_resumed_as_a_search(config, make_study):
    folder = make_study("training", config, num_over=1)
    folder.manifest_file.write_text(json.dumps({"kind": "training"}))
    assert choose(config).folder is None
    assert choose(config, kind=Kind.TRAINING).folder == folder
    with pytest.raises(UsageError, match=r"found 'training' in .* which is a training: choose"):
        choose(replace(config, name="training"))
