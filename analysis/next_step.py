"""What to do after a search: the next space, and the exact command.

An unfinished study is resumed; one whose best value lies at an edge is searched wider; one
without a single score is searched where fewer crash; any other is promoted.
"""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from analysis.searches.marginals import find_edges
from analysis.study_view import StudyView
from tune.space.dimension import Dimension, Value, format_range
from tune.space.edges import next_range

GOOD_SHARE = 0.25
"""Share of the trials with a score, the best ones, that the next space is drawn around."""


@dataclass(frozen=True)
class NextStep:
    """What to do next.

    Attributes:
        space: Where to search next, in the order of the study's space; empty where nothing is
            known of it.
        reason: Why this command, in a sentence.
        command: The command line.
    """

    space: tuple[Dimension, ...]
    reason: str
    command: str


def compute_next_step(
    view: StudyView, taken: Sequence[str] = (), promotions: Sequence[str] = ()
) -> NextStep:
    """Return what to do after a search.

    Args:
        view: The study.
        taken: Names of studies that exist, which a new one must not have.
        promotions: Names of the promotions of this study.
    """
    space = suggest_space(view)
    results = str(view.config.get("results", "ray_results"))
    if not view.is_finished:
        missing = view.num_planned - int((~view.trials["outcome"].isin(_OPEN)).sum())
        return NextStep(
            space,
            f"{missing} of {view.num_planned} planned trials have not ended: resume the study, "
            "unless it is running now.",
            _line("tune.search", "--resume", view.name, "--results", results),
        )
    edges = find_edges(view)
    if view.scored.empty and space == view.space:
        return NextStep(
            space,
            "No trial has a score, for reasons that no range changes: look at the study first.",
            _line("tune.doctor", view.name, "--results", results),
        )
    if edges or view.scored.empty:
        why = (
            "No trial has a score: search where fewer crash."
            if view.scored.empty
            else "The optimum may lie outside: widen "
            + " and ".join(edge.dimension.name.replace("_", " ") for edge in edges)
            + " before anything is promoted."
        )
        return NextStep(space, why, _wider_search(view, space, results, taken))
    if promotions:
        return NextStep(
            space,
            f"Its best trials were promoted in {', '.join(promotions)}: see what is left to do.",
            _line("tune.status", "--results", results),
        )
    return NextStep(
        space,
        "No best value lies at an edge: train the best trials at full fidelity, several seeds "
        "each.",
        _line("tune.promote", "--study", view.name, "--results", results),
    )


def suggest_space(view: StudyView) -> tuple[Dimension, ...]:
    """Return where to search next: around the best quarter, wider where the best is at an edge.

    Without a score, where fewer crash: lower learning rates after divergence, narrower networks
    after memory ran out.
    """
    scored = view.scored
    if scored.empty:
        return tuple(_safer(dim, set(view.trials["outcome"])) for dim in view.space)
    good = scored.head(max(round(GOOD_SHARE * len(scored)), 1))
    epochs = float(view.trials["max_epochs"].max())
    return tuple(
        next_range(
            dim,
            _plain(scored[dim.name].iloc[0]),
            [_plain(value) for value in good[dim.name]],
            largest=epochs if dim.name == "warmup_epochs" else float("inf"),
        )
        for dim in view.space
    )


_OPEN = ("running", "interrupted")


def _safer(dimension: Dimension, outcomes: set[str]) -> Dimension:
    """Return a dimension without what most likely crashed."""
    low, high, choices = dimension.low, dimension.high, dimension.choices
    if dimension.name == "learning_rate" and "diverged" in outcomes and low and high:
        return Dimension(
            dimension.name, dimension.kind, low / 10, high / 10, dimension.log, unit=dimension.unit
        )
    is_hungry = dimension.name in {"base_channels", "batch_size"}
    if is_hungry and outcomes & {"out_of_memory", "rejected"} and len(choices) > 1:
        kept = choices[: (len(choices) + 1) // 2]
        return Dimension(dimension.name, dimension.kind, choices=kept, unit=dimension.unit)
    return dimension


def _wider_search(
    view: StudyView, space: Sequence[Dimension], results: str, taken: Sequence[str]
) -> str:
    parts = ["tune.search", "--config", f"{results}/{view.name}/study.toml", *_rate_flag(view)]
    for dim in space:
        parts += ["--range", format_range(dim)]
    if view.config.get("name") is not None:  # a name belongs to one study
        number = 2
        while (name := f"{view.name}_{number}") in taken:
            number += 1
        parts += ["--name", name]
    return _line(*parts)


def _rate_flag(view: StudyView) -> tuple[str, ...]:
    """Return the flag of what the ratio counts; bytes are what a search counts without it."""
    return () if view.rate == "bytes" else ("--rate", view.rate)


def _line(*parts: str) -> str:
    return "python -m " + shlex.join(parts)


def _plain(value: Value) -> Value:
    """Return a value of a frame as a plain number or text."""
    plain: Value = value.item() if hasattr(value, "item") else value
    return plain
