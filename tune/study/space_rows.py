"""Rows of the tables of a search's space and of what in it mattered."""

from collections.abc import Iterable
from dataclasses import asdict

from tune.scheduling.importance import Importance
from tune.space.dimension import format_values
from tune.space.ranges import SearchSpace
from tune.storage.trial_rows import Row


def dimension_rows(study: str, space: SearchSpace) -> list[Row]:
    """Return the rows of a study's space."""
    return [
        {
            "study": study,
            "dimension": dim.name,
            "kind": dim.kind,
            "low": None if dim.low is None else float(dim.low),
            "high": None if dim.high is None else float(dim.high),
            "is_log": dim.log,
            "choices": format_values(dim.choices),
            "unit": dim.unit,
        }
        for dim in space.dimensions
    ]


def importance_rows(study: str, found: Iterable[Importance]) -> list[Row]:
    """Return the rows of what mattered in a study."""
    return [{"study": study, **asdict(one)} for one in found]
