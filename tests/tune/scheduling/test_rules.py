"""The stopping rules by name."""

import pytest

from tune.config.machine import Machine
from tune.config.resolve import resolve
from tune.config.search import SCHEDULERS
from tune.scheduling.rules import StoppingRule
from tune.scheduling.rungs import every_epoch


def config_of(**flags):
    (resolved,) = resolve(flags, {}, Machine("cpu", 2))
    return resolved.config


@pytest.mark.parametrize(
    ("scheduler", "expected"), [("leader", (2, 3, 4, 5)), ("asha", (2,)), ("none", ())]
)
def test_where_trials_are_compared(scheduler, expected):
    config = config_of(scheduler=scheduler, grace_epochs=2, epochs=6)
    assert StoppingRule.of(config).rungs(6) == expected


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_the_flags_of_a_rule_give_the_rule(scheduler):
    rule = StoppingRule.of(config_of(scheduler=scheduler, grace_epochs=2, epochs=6))
    words = rule.flags.split()
    flags = dict(zip((word[2:].replace("-", "_") for word in words[::2]), words[1::2], strict=True))
    again = StoppingRule.of(config_of(epochs=6, **flags))
    assert (again.scheduler, again.rungs(6)) == (rule.scheduler, rule.rungs(6))
    assert again.cutoff == rule.cutoff


@pytest.mark.parametrize(("grace", "last", "expected"), [(1, 1, ()), (1, 2, (1,)), (4, 4, ())])
def test_every_epoch_ends_below_the_last(grace, last, expected):
    assert every_epoch(grace, last) == expected
