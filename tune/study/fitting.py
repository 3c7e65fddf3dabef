"""Fits a planned search to its deadline: times an epoch, chooses, and plans again.

What is chosen, and why, is in `tune.study.deadline`; this joins it with plans and budgets.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from models.training.precision import PLAIN, prepare_process
from tune.config.profiles import Pick
from tune.config.resolve import Resolved
from tune.config.search import read_config
from tune.config.until import read_until, seconds_until
from tune.engine.elsewhere import run_where_trials_do
from tune.results.resume import Start
from tune.scheduling.rules import StoppingRule
from tune.space.points import Suggestion
from tune.study.deadline import Choice, Work, choose, share_words
from tune.study.estimate import EpochTime, time_epoch
from tune.study.plan import StudyPlan, plan_study

FREE = ("trials", "data_fraction")
"""Settings that a deadline may choose; the epochs of a trial stay what the profile picks."""

CARD_GAIN = 2.0
"""Work that trials side by side on a card are taken to do, one alone does 1. A guess on the safe
side: it is not measured before the search starts."""


@dataclass(frozen=True)
class Fitted:
    """A study that keeps a deadline, or one without.

    Attributes:
        plan: What it does.
        start: Where it begins, and how much it may do.
        choice: What was chosen; None without a deadline, and for a study that is resumed.
    """

    plan: StudyPlan
    start: Start
    choice: Choice | None = None

    @property
    def left_s(self) -> float | None:
        """Seconds that it has from now on; None without a deadline, 0 where it is finished."""
        hours, standing = self.start.budget.hours, self.start.standing
        if hours is None:
            return None
        return max(0.0, 3600 * hours - (0.0 if standing is None else standing.elapsed_s))


def free_settings(resolved: Resolved) -> frozenset[str]:
    """Return what a deadline may choose since nobody gave it; nothing without a deadline."""
    config = resolved.config
    has_deadline = config.hours is not None or config.until is not None
    return frozenset(FREE) & resolved.picked.keys() if has_deadline else frozenset()


def as_begun(resolved: Resolved, start: Start, free: Collection[str]) -> Resolved:
    """Return a configuration with what the study that is resumed had chosen for its deadline."""
    if start.folder is None or not free:
        return resolved
    begun = read_config(start.folder.config_file)
    chosen = {name: getattr(begun, name) for name in free}
    picked = {name: pick for name, pick in resolved.picked.items() if name not in free}
    return Resolved(replace(resolved.config, **chosen), picked)


def fit(plan: StudyPlan, start: Start, num_left: int = 1) -> Fitted:
    """Return a plan that keeps its deadline: with the trials and the data that fit.

    A study that is resumed keeps what it has begun with, and starts fewer trials if it must.

    Args:
        plan: What is asked for.
        start: Where it begins.
        num_left: Studies of the command that are still to be run: they share the time until a
            moment, and have the same hours each.

    Raises:
        UsageError: If not even one trial fits.
    """
    start = share_time(start, num_left)
    fitted = Fitted(plan, start)
    left_s = fitted.left_s
    if start.folder is not None or left_s is None:
        return fitted
    free = free_settings(Resolved(plan.config, plan.picked))
    choice = choose(_work(plan, free), left_s)
    chosen: dict[str, Any] = {"trials": choice.trials, "data_fraction": choice.data_fraction}
    picked = dict(plan.picked)
    reason = f"what fits into {left_s / 3600:.2g} h"
    for name in free:
        if chosen[name] != picked[name].value:
            picked[name] = Pick(chosen[name], reason)
    config = replace(plan.config, **chosen)
    again = plan_study(Resolved(config, picked), plan.corpus, plan.packing.card, plan.fleet)
    budget = replace(start.budget, trials=choice.trials)
    return Fitted(again, replace(start, budget=budget), choice)


def share_time(start: Start, num_left: int = 1) -> Start:
    """Return a start with its share of the time until a moment, read from the clock now."""
    if start.until is None or start.is_finished:
        return start
    used_hours = 0.0 if start.standing is None else start.standing.elapsed_s / 3600
    hours = used_hours + max(0.0, seconds_until(start.until)) / 3600 / num_left
    return replace(start, budget=replace(start.budget, hours=hours))


def _work(plan: StudyPlan, free: frozenset[str]) -> Work:
    """Return what is known of a search, from an epoch that is timed now."""
    config = plan.config
    prepare_process(plan.packing.num_threads)
    spec = plan.trial_spec(Suggestion(0, "deadline", {}), PLAIN)
    num_workers = max(1, min(plan.num_slots, plan.side_by_side(spec)))
    alone = run_where_trials_do(spec.placement, time_epoch, spec)
    num_cards = plan.packing.num_gpus if plan.fleet is None else plan.fleet.num_cards
    slower = max(1.0, num_workers / num_cards / CARD_GAIN) if num_cards else 1.0
    return Work(
        rule=StoppingRule.of(config),
        trials=config.trials,
        epochs=config.epochs,
        data_fraction=config.data_fraction,
        epoch=EpochTime(alone.train_s * slower, alone.val_s * slower),
        num_workers=num_workers,
        free=free,
    )


def deadline_words(fitted: Fitted, now: datetime) -> str:
    """Return a plan with a deadline as a person reads it, a sentence; empty without one."""
    left_s, config = fitted.left_s, fitted.plan.config
    if left_s is None:
        return ""
    when = f"within {left_s / 3600:.2g} h"
    if fitted.start.until is not None:
        moment = read_until(fitted.start.until, now)
        day = "" if (moment - now).total_seconds() < 24 * 3600 else f"{moment:%Y-%m-%d} "
        when = f"until {day}{moment:%H:%M} ({left_s / 3600:.2g} h)"
    trials, about = f"up to {config.trials} trials", ""
    if fitted.choice is not None:
        trials = f"{config.trials} trial{'s' * (config.trials > 1)}"
        about = f", about {fitted.choice.expected_s / 3600:.2g} h"
    return (
        f"{when}: {trials} of {config.epochs} epochs on {share_words(config.data_fraction)} of the "
        f"training patches{about}; none is started that would end later"
    )
