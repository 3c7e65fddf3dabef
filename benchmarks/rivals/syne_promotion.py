"""Syne Tune 0.13, the last version whose schedulers pause and resume: promotion and the GP ones.

Version 0.14 took them out of the interface. The Gaussian processes of 0.13 keep the values that
they suggested, whatever a trial says later, and have no call to change them: their state is told
the recorded ones. The kernel densities of BOHB take the values of the trial.
"""

from collections.abc import Sequence
from typing import Any

from benchmarks.rivals.loop import Maker, Resume, Start
from benchmarks.rivals.syne import EPOCH, SCORE, SyneRival, seed_globally
from benchmarks.rivals.syne_space import SyneSpace
from tune.simulation.truth import Truth
from tune.space.dimension import Values

SCHEDULERS: dict[str, tuple[str, dict[str, Any]]] = {
    "ASHA promotion": ("ASHA", {"type": "promotion"}),
    "BOHB promotion": ("BOHB", {"type": "promotion"}),
    "MOBSTER promotion": ("MOBSTER", {"type": "promotion"}),
    # More brackets are what Hyper-Tune adds to MOBSTER; the default is one, its examples take four.
    "HyperTune promotion": ("HyperTune", {"type": "promotion", "brackets": 4}),
    "DyHPO": ("DyHPO", {}),
}
"""Class of `syne_tune.optimizer.baselines` and what differs from its defaults, by rival."""


def makers() -> dict[str, Maker]:
    """Return what makes each rival."""
    return {name: _maker(cls, options) for name, (cls, options) in SCHEDULERS.items()}


def _maker(cls: str, options: dict[str, Any]) -> Maker:
    def make(truth: Truth, seed: int, known: Sequence[Values]) -> PromotionRival:
        from syne_tune.optimizer import baselines

        seed_globally(seed)
        space = SyneSpace(truth.dimensions)
        scheduler = getattr(baselines, cls)(
            space.domains,
            metric=SCORE,
            mode="max",
            resource_attr=EPOCH,
            max_t=truth.max_epochs,
            random_seed=seed,
            points_to_evaluate=[space.encode(values) for values in known],
            **options,
        )
        return PromotionRival(space, scheduler)

    return make


class PromotionRival(SyneRival):
    """A scheduler of Syne Tune 0.13."""

    def suggest(self) -> Start | Resume | None:
        """Return what the scheduler suggests: a paused trial that it promotes, or a new one."""
        suggestion = self.scheduler.suggest(len(self._trials))
        if suggestion is None:
            return None
        if suggestion.spawn_new_trial_id:
            return Start(self._space.decode(suggestion.config))
        return Resume(suggestion.checkpoint_trial_id)

    def begin(self, trial: int, values: Values) -> None:
        """Add the trial with the values that it tries, and tell a Gaussian process of them."""
        super().begin(trial, values)
        searcher = getattr(self.scheduler.searcher, "_searcher_int", self.scheduler.searcher)
        if hasattr(searcher, "state_transformer"):
            state = searcher.state_transformer.state
            state.config_for_trial[str(trial)] = self._space.encode(values)
