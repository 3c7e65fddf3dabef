"""Which settings are replayed: those that were asked for, or a choice that shows what matters."""

from dataclasses import dataclass, replace
from itertools import product

from models.training.objective import OBJECTIVES
from tune.config.search import SearchConfig
from tune.scheduling.rules import StoppingRule
from tune.simulation.replay import Setting

USUAL_FACTOR = SearchConfig.reduction_factor
USUAL_SEARCHER = SearchConfig.searcher


@dataclass(frozen=True)
class Asked:
    """What was asked for; an empty tuple leaves the choice to `settings`.

    Attributes:
        schedulers: Who is stopped.
        grace_epochs: Epochs before a trial can be stopped.
        reduction_factors: Of asha.
        tolerances: Of leader.
        searchers: Who suggests.
        trials: Trials of a night.
        hours: Hours of a night.
    """

    schedulers: tuple[str, ...] = ()
    grace_epochs: tuple[int, ...] = ()
    reduction_factors: tuple[int, ...] = ()
    tolerances: tuple[float, ...] = ()
    searchers: tuple[str, ...] = ()
    trials: tuple[int, ...] = ()
    hours: tuple[float, ...] = ()


def settings(asked: Asked, own: Setting, max_epochs: int, objective: str) -> list[Setting]:
    """Return the settings to replay, the study's own first, none twice.

    Args:
        asked: What was asked for.
        own: The setting of the study, or the default one for recorded truth.
        max_epochs: Epochs of a trial; longer graces are left out.
        objective: What is maximised; gives the usual tolerance.
    """
    rules = _rules(asked, max_epochs, OBJECTIVES[objective].near)
    budgets: list[tuple[int | None, float | None]] = [(one, None) for one in asked.trials]
    budgets += [(None, hours) for hours in asked.hours]
    found = [
        Setting(rule, searcher, trials, hours)
        for searcher, (trials, hours), rule in product(
            asked.searchers or (own.searcher,),
            budgets or [(own.trials, own.hours)],
            rules,
        )
    ]
    others = [one for one in found if replace(one, is_own=own.is_own) != own]
    return [own, *dict.fromkeys(others)]


def default_rule(objective: str) -> StoppingRule:
    """Return the rule of a search where nobody asks for another one."""
    return StoppingRule("leader", 1, USUAL_FACTOR, OBJECTIVES[objective].near)


def _rules(asked: Asked, max_epochs: int, tolerance: float) -> list[StoppingRule]:
    """Return the product of what is asked for, or the usual choice where nothing is."""
    if not (asked.schedulers or asked.grace_epochs or asked.reduction_factors or asked.tolerances):
        return _usual_rules(max_epochs, tolerance)
    graces = [grace for grace in asked.grace_epochs or (1, 2, 3) if grace < max_epochs]
    factors = asked.reduction_factors or (USUAL_FACTOR,)
    tolerances = asked.tolerances or (tolerance,)
    schedulers = asked.schedulers or ("leader", "asha")
    rules: list[StoppingRule] = []
    if "leader" in schedulers:
        rules += [
            StoppingRule("leader", grace, USUAL_FACTOR, one)
            for grace, one in product(graces, tolerances)
        ]
    if "asha" in schedulers:
        rules += [
            StoppingRule("asha", grace, factor, tolerance)
            for grace, factor in product(graces, factors)
        ]
    if "none" in schedulers:
        rules.append(StoppingRule("none", 1, USUAL_FACTOR, tolerance))
    return rules


def _usual_rules(max_epochs: int, tolerance: float) -> list[StoppingRule]:
    rules = [
        StoppingRule("leader", 1, USUAL_FACTOR, 0.0),
        StoppingRule("leader", 1, USUAL_FACTOR, tolerance),
        StoppingRule("leader", 1, USUAL_FACTOR, 2 * tolerance),
        StoppingRule("leader", 2, USUAL_FACTOR, tolerance),
        StoppingRule("leader", 3, USUAL_FACTOR, tolerance),
        StoppingRule("asha", 1, 2, tolerance),
        StoppingRule("asha", 1, 3, tolerance),
        StoppingRule("asha", 3, 3, tolerance),
        StoppingRule("none", 1, USUAL_FACTOR, tolerance),
    ]
    return [one for one in rules if one.grace_epochs < max_epochs]
