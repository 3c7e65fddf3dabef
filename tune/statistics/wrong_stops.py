"""How often stopping was wrong, in numbers alone: the terminal and the report count with these."""

import statistics
from collections.abc import Sequence

MIN_RANKED = 4
"""Completed trials below which a rank correlation says nothing."""


def wrong_stops(final_db: Sequence[float], stayed_db: Sequence[float]) -> list[bool]:
    """Return for every audited trial whether stopping it would have been wrong.

    It would have been if the trial, run to its end, reaches the median of the other trials that
    completed; without such trials nothing was wrong.

    Args:
        final_db: Best scores of the audited trials that completed.
        stayed_db: Best scores of the other completed trials.
    """
    if not stayed_db:
        return [False] * len(final_db)
    median_db = statistics.median(stayed_db)
    return [score_db >= median_db for score_db in final_db]


def rank_correlation(early_db: Sequence[float], final_db: Sequence[float]) -> float | None:
    """Return Spearman's rank correlation of scores at a rung and at the end.

    Returns:
        A value in [-1, 1]; None under four trials or where all values are equal.
    """
    if len(early_db) < MIN_RANKED or len(set(early_db)) == 1 or len(set(final_db)) == 1:
        return None  # nothing to rank
    from scipy.stats import spearmanr  # half a second that a plan does not need

    return float(spearmanr(early_db, final_db)[0])
