"""Ray Tune as it ships: its schedulers and its Optuna searcher, driven as its controller does.

Ray is not started. `RayRival` makes the calls of `ray.tune.execution.tune_controller` 2.60: a
result goes to the scheduler, and to the searcher unless the scheduler stops the trial; a trial that
ends, stopped or not, is completed in both with its last result. As with
`TuneConfig(max_concurrent_trials=2)` nothing is suggested before a worker is free.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.rivals.loop import NUM_WORKERS, Start, Verdict
from tune.simulation.truth import Truth
from tune.space.dimension import Dimension, Values

EPOCH = "training_iteration"
SCORE = "score"
GOAL = {"metric": SCORE, "mode": "max"}


def optuna_asha(truth: Truth, seed: int, known: Sequence[Values]) -> "RayRival":
    """Return `ASHAScheduler` and `OptunaSearch` with their defaults."""
    from ray.tune.schedulers import ASHAScheduler

    scheduler = ASHAScheduler(time_attr=EPOCH, max_t=truth.max_epochs, **GOAL)
    return RayRival(truth, scheduler, seed, known)


def optuna_median(truth: Truth, seed: int, known: Sequence[Values]) -> "RayRival":
    """Return `MedianStoppingRule` by epochs and `OptunaSearch`.

    The default of its grace period is in seconds; one epoch is ASHA's.
    """
    from ray.tune.schedulers import MedianStoppingRule

    scheduler = MedianStoppingRule(time_attr=EPOCH, grace_period=1, **GOAL)
    return RayRival(truth, scheduler, seed, known)


def optuna_full(truth: Truth, seed: int, known: Sequence[Values]) -> "RayRival":
    """Return `FIFOScheduler`, which stops nobody, and `OptunaSearch`."""
    from ray.tune.schedulers import FIFOScheduler

    return RayRival(truth, FIFOScheduler(), seed, known)


def ray_domain(dimension: Dimension) -> Any:
    """Return Ray's form of one dimension of the space."""
    from ray import tune as ray_tune

    if dimension.kind == "categorical":
        return ray_tune.choice(list(dimension.choices))
    low, high = dimension.low, dimension.high
    assert low is not None
    assert high is not None
    if dimension.kind == "int":  # Ray's upper bound is exclusive
        make = ray_tune.lograndint if dimension.log else ray_tune.randint
        return make(int(low), int(high) + 1)
    return (ray_tune.loguniform if dimension.log else ray_tune.uniform)(low, high)


@dataclass(eq=False)
class FakeTrial:
    """What schedulers ask of a trial; like Ray's it is equal to itself only."""

    trial_id: str
    status: str = "RUNNING"
    last_result: dict[str, Any] = field(default_factory=dict)


class FakeController:
    """What schedulers ask of the controller."""

    def __init__(self) -> None:
        self.trials: list[FakeTrial] = []

    def get_trials(self) -> list[FakeTrial]:
        """Return all trials."""
        return self.trials

    def get_live_trials(self) -> list[FakeTrial]:
        """Return the trials that have not ended."""
        return [trial for trial in self.trials if trial.status == "RUNNING"]


class RayRival:
    """A scheduler of Ray with `OptunaSearch`, whose sampler is the default of the installed Optuna.

    Args:
        truth: Whose space is searched.
        scheduler: Stops trials.
        seed: Seeds the sampler.
        known: `points_to_evaluate`.
    """

    def __init__(self, truth: Truth, scheduler: Any, seed: int, known: Sequence[Values]) -> None:
        from ray.tune.search import ConcurrencyLimiter
        from ray.tune.search.optuna import OptunaSearch

        space = OptunaSearch.convert_search_space(
            {one.name: ray_domain(one) for one in truth.dimensions}
        )
        points = [dict(values) for values in known]
        self.scheduler = scheduler
        self.optuna = OptunaSearch(space, seed=seed, points_to_evaluate=points, **GOAL)
        self._searcher = ConcurrencyLimiter(self.optuna, max_concurrent=NUM_WORKERS)
        self._space = space
        self._controller = FakeController()

    def suggest(self) -> Start | None:
        """Return what the searcher suggests for the next trial."""
        values = self._searcher.suggest(str(len(self._controller.trials)))
        return None if values is None else Start(values)

    def begin(self, trial: int, values: Values) -> None:
        """Add the trial. `OptunaSearch` has no way to say that values differ: its study is told."""
        ours = FakeTrial(str(trial))
        asked = self.optuna._ot_trials[ours.trial_id]
        for name, known in self._space.items():
            internal = known.to_internal_repr(values[name])
            asked.storage.set_trial_param(asked._trial_id, name, internal, known)
        self._controller.trials.append(ours)
        self.scheduler.on_trial_add(self._controller, ours)

    def report(self, trial: int, epoch: int, score: float) -> Verdict:
        """Pass a result on, as `TuneController._process_trial_result` does."""
        ours = self._controller.trials[trial]
        result = {EPOCH: epoch, SCORE: score, "trial_id": ours.trial_id, "done": False}
        decision = self.scheduler.on_trial_result(self._controller, ours, result)
        # With no trial waiting, none of these schedulers yields: nothing to be resumed later.
        assert decision in {"CONTINUE", "STOP"}
        ours.last_result = result
        if decision == "STOP":
            result["done"] = True
            self.complete(trial)
            return Verdict.STOP
        self._searcher.on_trial_result(ours.trial_id, result)
        return Verdict.CONTINUE

    def complete(self, trial: int) -> None:
        """Pass an end on, as `TuneController.stop_trial` does."""
        ours = self._controller.trials[trial]
        self.scheduler.on_trial_complete(self._controller, ours, ours.last_result)
        self._searcher.on_trial_complete(ours.trial_id, result=ours.last_result)
        ours.status = "TERMINATED"

    def fail(self, trial: int) -> None:
        """Pass an error on, as `TuneController._process_trial_failure` does."""
        ours = self._controller.trials[trial]
        self.scheduler.on_trial_error(self._controller, ours)
        self._searcher.on_trial_complete(ours.trial_id, error=True)
        ours.status = "ERROR"
