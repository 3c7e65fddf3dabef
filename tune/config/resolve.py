"""Joins the layers of a search's configuration: defaults, profile, TOML file, flags.

Weakest first; `resolve` is pure and returns one configuration per study that is asked for.
"""

import argparse
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from models.training.objective import OBJECTIVES
from tune.config.kinds import (
    archs_with,
    default_tune,
    suited_to_arch,
    usual_latent_channels,
    usual_learning_rate,
    without_former_latents,
)
from tune.config.machine import Machine, available_cores
from tune.config.profiles import Pick, choose_profile
from tune.config.rules import (
    check_architecture,
    check_ratio,
)
from tune.config.search import (
    HAND_SET_WARMUP_EPOCHS,
    RATIOS_BY_USE,
    SearchConfig,
    with_rate,
)
from tune.config.settings import (
    ALL,
    add_flags,
    given_values,
    read_values,
)
from tune.errors import UsageError
from tune.space.dimension import format_range, format_values
from tune.space.dimensions import DIMENSIONS, LATENT_CHOICES
from tune.space.ranges import SearchSpace, build_space, ranges_of

GRACE_SHARES = {"leader": 1 / 9, "asha": 0.3, "none": 0.3}
"""Share of the epochs that every trial gets before any comparison, by scheduler.

That of leader was chosen by replaying recorded searches of nine epochs (docs/TUNING.md): the first
epoch was the best one to begin at.
"""


@dataclass(frozen=True)
class Resolved:
    """A configuration, and what of it nobody asked for.

    Attributes:
        config: The configuration of one study.
        picked: What the profile chose, with the reason, by setting.
    """

    config: SearchConfig
    picked: Mapping[str, Pick]


def resolve(
    flags: Mapping[str, object], file: Mapping[str, object], machine: Machine
) -> tuple[Resolved, ...]:
    """Join the layers and return one configuration per study, several where several are asked for.

    Several come ratio by ratio, the most useful first.

    Args:
        flags: Settings given as flags, as texts or typed.
        file: Keys and values of a TOML file; empty without one.
        machine: Whose profile fills the rest.

    Raises:
        UsageError: For every value or combination that cannot be searched.
    """
    from_file = read_values(SearchConfig, with_rate(file), "a configuration file")
    from_flags = read_values(SearchConfig, flags, "the command")
    from_file = without_former_latents(from_file, from_flags)
    given = from_file | from_flags | {"device": machine.device}
    if "tune" in from_flags:  # the file's ranges may belong to what is no longer searched
        from_file["range"] = ranges_of(from_file.get("range", ()), from_flags["tune"])
    ranges = (*from_file.get("range", ()), *from_flags.get("range", ()))
    given.pop("range", None)
    every = archs_with(given.get("linear_path", SearchConfig.linear_path))
    archs = _expand(given.pop("arch", SearchConfig.arch), every)
    ratios = _expand(given.pop("ratio", SearchConfig.ratio), RATIOS_BY_USE)
    if len(archs) * len(ratios) > 1 and given.get("name") is not None:
        raise UsageError(
            f"a name belongs to one study, found {given['name']!r} for {len(archs) * len(ratios)}: "
            "leave --name out or ask for one architecture and one ratio"
        )
    return tuple(
        _resolve_one({**given, "arch": arch, "ratio": ratio}, ranges, machine)
        for ratio in ratios
        for arch in archs
    )


def add_search_flags(parser: argparse._ActionsContainer, leave_out: Iterable[str] = ()) -> None:
    """Add the settings of a search as flags; what is not given stays out of the namespace."""
    cpu = choose_profile(Machine("cpu", available_cores()), "attention")
    cuda = choose_profile(Machine("cuda", available_cores()), "attention")
    defaults = {name: f"{cpu[name].value} on a CPU, {cuda[name].value} on a GPU" for name in cpu}
    add_flags(parser, SearchConfig, defaults, leave_out)


def search_flags(namespace: argparse.Namespace) -> dict[str, object]:
    """Return the settings of a search that were given as flags."""
    return given_values(SearchConfig, namespace)


def _resolve_one(given: Mapping[str, Any], ranges: Iterable[str], machine: Machine) -> Resolved:
    check_architecture(given["arch"])
    check_ratio(given["ratio"])
    given, ranges = suited_to_arch(given, ranges)
    rate = given.get("rate", SearchConfig.rate)
    given.setdefault("tune", default_tune(given["arch"], rate))
    profile = choose_profile(machine, given["arch"])
    picked = {name: pick for name, pick in profile.items() if name not in given}
    picked_values = {name: pick.value for name, pick in picked.items()}
    values = read_values(SearchConfig, picked_values, "a profile") | dict(given)
    values.setdefault("learning_rate", usual_learning_rate(given["arch"], rate, values["ratio"]))
    values.setdefault("warmup_epochs", min(HAND_SET_WARMUP_EPOCHS, values["epochs"]))
    objective = OBJECTIVES.get(values.get("objective", SearchConfig.objective))
    if objective is not None:  # an unknown one is refused by `SearchConfig`
        values.setdefault("tolerance", objective.near)
    values.setdefault("grace_epochs", max(1, round(values["epochs"] * _grace_share(values))))
    space = _default_space(values, profile["range"].value, ranges)
    values["range"] = tuple(format_range(dimension) for dimension in space.dimensions)
    usual = usual_latent_channels(rate, values["ratio"])
    values.setdefault("latent_channels", space.nearest("latent_channels", usual))
    if "base_channels" in picked:
        picked["base_channels"] = _reachable_width(space, picked["base_channels"])
        values["base_channels"] = picked["base_channels"].value
    if not set(profile["range"].value) <= set(values["range"]):  # others were asked for
        del picked["range"]
    return Resolved(SearchConfig(**values), picked)


def _grace_share(values: Mapping[str, Any]) -> float:
    """Return the share of a scheduler; an unknown one is refused by `SearchConfig`."""
    return GRACE_SHARES.get(values.get("scheduler", SearchConfig.scheduler), 0.3)


def _default_space(
    values: Mapping[str, Any], profile_ranges: Iterable[str], asked_ranges: Iterable[str]
) -> SearchSpace:
    """Return the searched dimensions: built in, narrowed by the profile, then by what is asked."""
    tune = values["tune"]
    warmup = DIMENSIONS["warmup_epochs"]
    assert warmup.high is not None
    fitting = (
        f"warmup_epochs=0:{min(int(warmup.high), values['epochs'])}",
        f"latent_channels={format_values(LATENT_CHOICES[values['ratio']])}",
    )
    return build_space(tune, (*ranges_of((*fitting, *profile_ranges), tune), *asked_ranges))


def _reachable_width(space: SearchSpace, pick: Pick) -> Pick:
    """Return the picked width, or the searched one nearest to it where ranges exclude it."""
    nearest = space.nearest("base_channels", pick.value)
    return pick if nearest == pick.value else Pick(nearest, f"the choice nearest to {pick.value}")


def _expand(value: Any, every: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the values that are asked for, in the order of all that there are."""
    if value == ALL:
        return every
    if not isinstance(value, tuple):
        return (value,)
    asked = dict.fromkeys(value)
    return (*(one for one in every if one in asked), *(one for one in asked if one not in every))
