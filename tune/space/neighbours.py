"""Good first guesses from studies that came before: a neighbouring ratio, another architecture.

The best learning rate moves slowly with the ratio and the architecture, so the best trial of a
neighbouring study on the same corpus is worth one trial here. Only studies with the same corpus,
split and objective count: scores and optima do not carry over to other data unseen.
"""

import math
from collections.abc import Sequence

import pandas as pd

from models.training.objective import OBJECTIVES
from tune.space.dimension import Dimension, Value
from tune.space.points import KnownPoint

MAX_NEIGHBOURS = 2


def neighbour_points(
    trials: pd.DataFrame,
    arch: str,
    ratio: int,
    corpus_fingerprint: str,
    dimensions: Sequence[Dimension],
    rate: str,
    *,
    is_with_path: bool,
    objective: str,
) -> list[KnownPoint]:
    """Return the best configurations of the nearest finished studies, nearest first.

    Nearest means the same architecture at the closest ratio, counted in octaves; another
    architecture counts as one and a half octaves.

    Args:
        trials: The trials table of all studies.
        arch: Architecture of the study to come.
        ratio: Ratio of the study to come.
        corpus_fingerprint: Corpus of the study to come.
        dimensions: What it searches; values outside are moved to the nearest bound or choice, and
            points with a name that is no choice are left out.
        rate: What the ratio of the study to come counts; others are trained for something else.
        is_with_path: Whether its models have a linear path, which likes other learning rates.
        objective: What it maximises; what is best by another score may be worse by this one.

    Returns:
        At most two points that differ; none without an ended trial on this corpus.
    """
    score = OBJECTIVES[objective].best_column
    usable = trials[
        (trials["corpus_fingerprint"] == corpus_fingerprint)
        & (trials["rate"] == rate)
        & (trials["linear_path"] == is_with_path)
        & (trials["objective"] == objective)
        & trials["outcome"].notna()
        & trials[score].notna()
    ]
    if usable.empty:
        return []
    best = usable.loc[usable.groupby("study")[score].idxmax()].copy()
    octaves = best["ratio"].map(lambda other: abs(math.log2(other / ratio)))
    best["distance"] = octaves + 1.5 * (best["arch"] != arch)
    points: list[KnownPoint] = []
    # Of two studies equally near, the newer one (a later name) is taken: it may have learnt more.
    ordered = best.sort_values(["distance", "study"], ascending=[True, False])
    for row in ordered.to_dict("records"):
        if any(is_unreachable(row[dim.name], dim) for dim in dimensions):
            continue
        values = {dim.name: dim.nearest(row[dim.name]) for dim in dimensions}
        if all(values != dict(point.values) for point in points):
            points.append(KnownPoint(f"neighbour:{row['study']}", values))
        if len(points) == MAX_NEIGHBOURS:
            break
    return points


def is_unreachable(value: Value, dimension: Dimension) -> bool:
    """Return whether a value is a name that the dimension does not have: names have no nearest."""
    return isinstance(value, str) and value not in dimension.choices
