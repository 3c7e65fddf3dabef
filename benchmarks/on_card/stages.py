"""What is measured on a card, in which order, for how long."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from tune.errors import UsageError


@dataclass(frozen=True)
class Stage:
    """A part of the proof, measured by the module of its name beside this one.

    Attributes:
        name: Of the module.
        minutes: Its share of a run of twelve minutes.
        question: What it answers, as the page's heading.
    """

    name: str
    minutes: float
    question: str


_ORDER = (
    Stage("facts", 0.3, "What card is it, and what can it do?"),
    Stage("correct", 1.0, "Does training on the card compute what the CPU computes?"),
    Stage("memory", 2.0, "Is a trial's memory predicted?"),
    Stage("step", 2.0, "How fast is a training step, and what would make it faster?"),
    Stage("packing", 3.0, "What do trials side by side bring?"),
    Stage("faults", 1.0, "Does one trial's fault stay its own?"),
    Stage("search", 2.0, "Does the search keep the card busy?"),
    Stage("rate", 0.7, "Does a network pay, at real bytes?"),
)
STAGES: Mapping[str, Stage] = MappingProxyType({stage.name: stage for stage in _ORDER})


def choose_stages(names: str | None) -> list[Stage]:
    """Return the stages of a list such as "memory,step", all for None; always in their order.

    Raises:
        UsageError: If one is unknown.

    >>> [stage.name for stage in choose_stages("step,facts")]
    ['facts', 'step']
    """
    wanted = list(STAGES) if names is None else [name.strip() for name in names.split(",")]
    for name in wanted:
        if name not in STAGES:
            raise UsageError(
                f"--only takes stages of {', '.join(STAGES)}, found {name!r}: choose among these"
            )
    return [stage for name, stage in STAGES.items() if name in wanted]


def limit_s(left: Sequence[Stage], remaining_s: float) -> float:
    """Return how long the first of the stages that are left may take.

    Its share of what remains: what an earlier stage did not use goes to all later ones.

    >>> limit_s(choose_stages("memory,packing"), remaining_s=300)
    120.0
    """
    return remaining_s * left[0].minutes / sum(stage.minutes for stage in left)
