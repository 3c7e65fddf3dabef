"""Other people's searches on recorded curves: the loop, the cheapest one, Ray's and Syne Tune's."""

from collections import Counter

import pytest

from benchmarks.rivals import stock_ray
from benchmarks.rivals.loop import Limits, Resume, Start, Verdict, run_rival
from benchmarks.rivals.roster import rivals
from benchmarks.rivals.summary import NEAR_DB
from benchmarks.rivals.two_stage import two_stage
from tune.simulation.night import Night
from tune.simulation.regret import epochs_to, regret_after
from tune.simulation.truth import Configuration, Curve, Truth
from tune.space.dimension import Dimension

EPOCHS = 9
COUNT = 40
RATE = Dimension("learning_rate", "float", 1e-4, 1e-2, log=True)
WARMUP = Dimension("warmup_epochs", "int", 0, 5)
WIDTH = Dimension("base_channels", "categorical", choices=(8, 16))


def configuration(number: int) -> Configuration:
    """Return one whose curve rises by one per epoch; later ones are better throughout."""
    values = {
        "learning_rate": 1e-4 * 100 ** (number / (COUNT - 1)),
        "warmup_epochs": number % 6,
        "base_channels": (8, 16)[number % 2],
    }
    scores = tuple(number + float(epoch) for epoch in range(EPOCHS))
    return Configuration(str(number), values, (Curve(scores, (1.0,) * EPOCHS),))


@pytest.fixture(scope="module")
def truth() -> Truth:
    configurations = tuple(configuration(number) for number in range(COUNT))
    hand_set = configurations[20].values
    return Truth("test", EPOCHS, (RATE, WARMUP, WIDTH), configurations, hand_set)


def lengths(night: Night) -> dict[int, int]:
    """Return how many epochs each trial ran."""
    return dict(Counter(step.trial for step in night.steps))


class Scripted:
    """Starts the same values again and again; pauses the first trial and resumes it at the end."""

    def __init__(self, truth: Truth) -> None:
        self.values = truth.configurations[0].values
        self.begun: list[object] = []
        self.completed: list[int] = []
        self.failed: list[int] = []
        self.starts = 3
        self.has_paused = False

    def suggest(self):
        if self.starts:
            self.starts -= 1
            return Start(self.values)
        if self.has_paused:
            self.has_paused = False
            return Resume(0)
        return None

    def begin(self, trial, values):
        self.begun.append(values)

    def report(self, trial, epoch, score):
        if (trial, epoch) == (0, 1):
            self.has_paused = True
            return Verdict.PAUSE
        return Verdict.STOP if (trial, epoch) == (1, 2) else Verdict.CONTINUE

    def complete(self, trial):
        self.completed.append(trial)

    def fail(self, trial):
        self.failed.append(trial)


def test_loop_stops_pauses_and_resumes(truth: Truth):
    rival = Scripted(truth)
    night = run_rival(truth, rival, 0, Limits())
    assert lengths(night) == {0: EPOCHS, 1: 2, 2: EPOCHS}
    assert sorted(rival.completed) == [0, 2]
    assert [step.epoch for step in night.steps if step.trial == 0] == list(range(1, EPOCHS + 1))
    times = [step.time_s for step in night.steps]
    assert times == sorted(times)


def test_loop_tries_each_configuration_once_and_says_which(truth: Truth):
    rival = Scripted(truth)
    night = run_rival(truth, rival, 0, Limits())
    assert len(set(night.tried)) == 3
    assert rival.begun == [truth.configurations[index].values for index in night.tried]


def test_loop_keeps_two_workers_busy(truth: Truth):
    night = run_rival(truth, Scripted(truth), 0, Limits(max_trials=2))
    assert max(Counter(step.time_s for step in night.steps).values()) == 2


def test_loop_ends_at_its_limits(truth: Truth):
    rival = stock_ray.optuna_full
    assert len(run_rival(truth, rival(truth, 0, ()), 0, Limits(max_epochs=31)).steps) == 31
    assert len(run_rival(truth, rival(truth, 0, ()), 0, Limits(max_trials=3)).tried) == 3
    assert len(run_rival(truth, rival(truth, 0, ()), 0, Limits()).tried) == COUNT


def test_loop_reports_a_training_that_diverged(truth: Truth):
    broken = Configuration("0", truth.configurations[0].values, (Curve((1.0,), (1.0,), True),))
    diverging = Truth("test", EPOCHS, truth.dimensions, (broken,))
    rival = Scripted(truth)
    rival.starts = 1
    night = run_rival(diverging, rival, 0, Limits())
    assert rival.failed == [0]
    assert len(night.steps) == 1


def test_two_stage_keeps_the_best_of_the_first_epoch(truth: Truth):
    night = run_rival(truth, two_stage(20, 3)(truth, 1, ()), 1, Limits())
    kept = {night.tried[trial] for trial, length in lengths(night).items() if length == EPOCHS}
    assert kept == set(sorted(night.tried)[-3:])
    assert len(night.steps) == 20 + 3 * (EPOCHS - 1)


def test_two_stage_tries_known_points_first(truth: Truth):
    night = run_rival(truth, two_stage(5, 1)(truth, 0, (truth.hand_set,)), 0, Limits())
    assert night.tried[0] == 20


def test_ray_stops_at_the_rungs_of_its_asha_only(truth: Truth):
    night = run_rival(truth, stock_ray.optuna_asha(truth, 0, ()), 0, Limits())
    assert set(lengths(night).values()) == {1, 4, EPOCHS}


def test_ray_stops_whom_its_median_rule_stops(truth: Truth):
    night = run_rival(truth, stock_ray.optuna_median(truth, 0, ()), 0, Limits())
    ran = lengths(night)
    worst, best = min(ran, key=night.tried.__getitem__), max(ran, key=night.tried.__getitem__)
    assert ran[worst] < ran[best] == EPOCHS


def test_optuna_in_ray_learns_the_recorded_values_and_last_scores(truth: Truth):
    rival = stock_ray.optuna_asha(truth, 0, (truth.hand_set,))
    night = run_rival(truth, rival, 0, Limits(max_trials=12))
    seen = rival.optuna._ot_study.get_trials()[: len(night.tried)]
    assert [trial.params for trial in seen] == [
        truth.configurations[index].values for index in night.tried
    ]
    last = {step.trial: step.score for step in night.steps}
    assert [trial.value for trial in seen] == [last[number] for number in range(12)]
    assert night.tried[0] == 20


def test_summary_counts_epochs_and_regret(truth: Truth):
    night = run_rival(truth, two_stage(COUNT, 1)(truth, 0, ()), 0, Limits())
    best = COUNT - 1 + EPOCHS - 1
    assert epochs_to(night, NEAR_DB) == len(night.steps) == COUNT + EPOCHS - 1
    assert regret_after(night, 1) == best - night.steps[0].score
    assert regret_after(night, 10_000) == 0


def test_roster_leaves_out_what_is_too_large(truth: Truth):
    names = list(rivals(truth))
    assert "one epoch for 40, best 4" in names
    assert "one epoch for 60, best 6" not in names


def syne_rival(truth: Truth, name: str, known=()):
    pytest.importorskip("syne_tune")
    from benchmarks.rivals import syne, syne_promotion
    from benchmarks.rivals.roster import syne_makers

    makers = syne_makers()
    if name not in makers:
        pytest.skip(f"this version of Syne Tune has no {name}")
    assert makers.keys() in (syne.makers().keys(), syne_promotion.makers().keys())
    return makers[name](truth, 0, known)


@pytest.mark.filterwarnings("ignore")
def test_syne_asha_stops_at_its_rungs_only(truth: Truth):
    night = run_rival(truth, syne_rival(truth, "ASHA", (truth.hand_set,)), 0, Limits())
    assert set(lengths(night).values()) == {1, 3, EPOCHS}
    assert night.tried[0] == 20


@pytest.mark.filterwarnings("ignore")
def test_syne_median_stops_the_worst(truth: Truth):
    night = run_rival(truth, syne_rival(truth, "median"), 0, Limits())
    ran = lengths(night)
    assert ran[min(ran, key=night.tried.__getitem__)] < EPOCHS


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["ASHA+BORE", "BOHB"])
def test_syne_searchers_learn_the_recorded_values_and_last_scores(truth: Truth, name: str):
    rival = syne_rival(truth, name)
    night = run_rival(truth, rival, 0, Limits(max_trials=8))
    searcher = rival.scheduler.searcher
    last = {step.trial: -step.score for step in night.steps}
    assert {trial: scores[-1] for trial, scores in searcher.trial_results.items()} == last
    widths = [searcher.trial_configs[trial]["base_channels"] for trial in sorted(last)]
    assert widths == [truth.configurations[i].values["base_channels"] for i in night.tried]
    assert searcher.searcher is not None


@pytest.mark.filterwarnings("ignore")
def test_syne_promotes_paused_trials(truth: Truth):
    night = run_rival(truth, syne_rival(truth, "ASHA promotion"), 0, Limits())
    assert set(lengths(night).values()) <= {1, 3, EPOCHS}
    order = [step.trial for step in night.steps]
    resumed = [trial for trial, length in lengths(night).items() if length > 1]
    assert any(
        set(order[order.index(trial) : order.index(trial) + 4]) - {trial} for trial in resumed
    )
    assert len(set(lengths(night).values())) == 3


@pytest.mark.filterwarnings("ignore")
def test_syne_gaussian_process_learns_the_recorded_values(truth: Truth):
    rival = syne_rival(truth, "MOBSTER promotion")
    night = run_rival(truth, rival, 0, Limits(max_trials=6))
    known = rival.scheduler.searcher.state_transformer.state.config_for_trial
    widths = [known[str(trial)]["base_channels"] for trial in range(len(night.tried))]
    assert widths == [truth.configurations[i].values["base_channels"] for i in night.tried]
