"""Syne Tune's schedulers, driven as its `Tuner` does.

`SyneRival` makes the calls of `syne_tune.tuner` 0.16: every epoch goes to `on_trial_result`; a
trial that the scheduler stops or pauses is removed, one that ends by itself is completed with its
last result. A trial's configuration is the recorded one, and all that a searcher learns from.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from benchmarks.rivals.loop import Maker, Resume, Start, Verdict
from benchmarks.rivals.syne_space import SyneSpace
from tune.simulation.truth import Truth
from tune.space.dimension import Values

EPOCH = "epoch"
SCORE = "score"
CREATED = datetime(2000, 1, 1, tzinfo=UTC)
"""When every trial was created: no scheduler reads it."""

MULTI_FIDELITY = {
    "ASHA": "ASHA",
    "ASHA+BORE": "ASHABORE",
    "ASHA+CQR": "ASHACQR",
    "BOHB": "BOHB",
}
"""Classes of `syne_tune.optimizer.baselines` that stop at rungs, by the name of the rival."""

Settings = dict[str, Any]
"""What a scheduler is made with: seed, direction and points to try first."""


def seed_globally(seed: int) -> None:
    """Seed NumPy's global generator, from which Syne Tune draws random configurations."""
    np.random.seed(seed)  # noqa: NPY002


def makers() -> dict[str, Maker]:
    """Return what makes each rival, all with Syne Tune's defaults."""
    rungs = {name: _maker(_rungs(cls)) for name, cls in MULTI_FIDELITY.items()}
    return {"random": _maker(_random), "median": _maker(_median), **rungs}


def _maker(make_scheduler: Callable[[Any, int, Settings], Any]) -> Maker:
    def make(truth: Truth, seed: int, known: Sequence[Values]) -> SyneRival:
        seed_globally(seed)
        space = SyneSpace(truth.dimensions)
        settings: Settings = {
            "random_seed": seed,
            "do_minimize": False,
            "points_to_evaluate": [space.encode(values) for values in known],
        }
        return SyneRival(space, make_scheduler(space.domains, truth.max_epochs, settings))

    return make


def _random(domains: Any, max_epochs: int, settings: Settings) -> Any:  # noqa: ARG001
    from syne_tune.optimizer.baselines import RandomSearch

    return RandomSearch(domains, metrics=[SCORE], **settings)


def _median(domains: Any, max_epochs: int, settings: Settings) -> Any:
    from syne_tune.optimizer.schedulers.median_stopping_rule import MedianStoppingRule

    below = _random(domains, max_epochs, settings)
    return MedianStoppingRule(below, time_attr=EPOCH, metric=SCORE, do_minimize=False)


def _rungs(cls: str) -> Callable[[Any, int, Settings], Any]:
    def make(domains: Any, max_epochs: int, settings: Settings) -> Any:
        from syne_tune.optimizer import baselines

        scheduler = getattr(baselines, cls)
        return scheduler(domains, metric=SCORE, time_attr=EPOCH, max_t=max_epochs, **settings)

    return make


class SyneRival:
    """A scheduler of Syne Tune."""

    def __init__(self, space: SyneSpace, scheduler: Any) -> None:
        self.scheduler = scheduler
        self._space = space
        self._trials: list[Any] = []
        self._last_results: dict[int, dict[str, Any]] = {}

    def suggest(self) -> Start | Resume | None:
        """Return what the scheduler suggests; those of 0.16 resume nobody."""
        suggestion = self.scheduler.suggest()
        if suggestion is None:
            return None
        assert suggestion.spawn_new_trial_id
        return Start(self._space.decode(suggestion.config))

    def begin(self, trial: int, values: Values) -> None:
        """Add the trial with the values that it tries."""
        from syne_tune.backend.trial_status import Trial

        ours = Trial(trial, self._space.encode(values), CREATED)
        self._trials.append(ours)
        self.scheduler.on_trial_add(ours)

    def report(self, trial: int, epoch: int, score: float) -> Verdict:
        """Pass a result on; a trial that is stopped or paused is removed."""
        result = {SCORE: score, EPOCH: epoch}
        self._last_results[trial] = result
        verdict = Verdict[self.scheduler.on_trial_result(self._trials[trial], result)]
        if verdict is not Verdict.CONTINUE:
            self.scheduler.on_trial_remove(self._trials[trial])
        return verdict

    def complete(self, trial: int) -> None:
        """Pass an end on."""
        self.scheduler.on_trial_complete(self._trials[trial], self._last_results[trial])

    def fail(self, trial: int) -> None:
        """Pass an error on."""
        self.scheduler.on_trial_error(self._trials[trial])
