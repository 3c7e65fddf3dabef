"""Which searched hyper-parameters mattered, by Optuna's evaluators.

Asked on two kinds of scores. Completed trials have their best score, but they are the ones that no
rung stopped: a dimension that decides early who survives looks unimportant among survivors. So the
score at the first rung is asked too, of every trial that reached it, crashed ones included: all
were trained equally long there.

Two evaluators, because they answer different questions. fANOVA (Hutter et al., ICML 2014): which
share of the variance of the score does a dimension explain over the whole space? PED-ANOVA
(Watanabe et al., IJCAI 2023): which dimension separates the best trials from the others?
"""

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tune.outcomes import Outcome
from tune.trial.record import TrialRecord

if TYPE_CHECKING:
    import optuna

    from tune.space.dimension import Dimension

MIN_TRIALS = 8
"""Scores below which the evaluators say nothing."""

TOP_TRIALS = 5
"""Trials that PED-ANOVA needs in its best quantile, after its documentation."""

MAX_FOREST_TRIALS = 400
"""Trials that fANOVA's forest is fitted on, evenly spread over the study: 24 trials take half a
second on a busy machine, 200 take 2.6 s, 2,000 would take 36 s."""


@dataclass(frozen=True)
class Importance:
    """How much one dimension mattered.

    Attributes:
        dimension: Its name.
        evaluator: "ped_anova" or "fanova".
        score: "first_rung" or "completed".
        epoch: Epoch of the first rung; None for completed trials.
        num_trials: Trials that it was evaluated on.
        importance: Share of the whole; the dimensions of one evaluation sum to 1.
    """

    dimension: str
    evaluator: str
    score: str
    epoch: int | None
    num_trials: int
    importance: float


def evaluate_importance(
    records: Sequence[TrialRecord], dimensions: Sequence["Dimension"], first_rung_epoch: int | None
) -> list[Importance]:
    """Return how much every dimension mattered, where there are trials enough to say.

    Args:
        records: The trials of one study.
        dimensions: What was searched; one alone explains everything and is not evaluated.
        first_rung_epoch: Epoch of the first comparison; None where nobody compares.
    """
    found = []
    best = {
        record.spec.number: record.best_score
        for record in records
        if record.outcome is Outcome.COMPLETED and record.epochs
    }
    found += _evaluate(records, dimensions, best, "completed", None)
    if first_rung_epoch is not None:
        rung = {
            record.spec.number: record.scores[first_rung_epoch - 1]
            for record in records
            if len(record.epochs) >= first_rung_epoch
        }
        found += _evaluate(records, dimensions, rung, "first_rung", first_rung_epoch)
    return found


def _evaluate(
    records: Sequence[TrialRecord],
    dimensions: Sequence["Dimension"],
    scores: Mapping[int, float],
    score: str,
    epoch: int | None,
) -> list[Importance]:
    if len(dimensions) < 2 or len(scores) < MIN_TRIALS or len(set(scores.values())) == 1:
        return []
    from optuna.importance import (
        FanovaImportanceEvaluator,
        PedAnovaImportanceEvaluator,
        get_param_importances,
    )

    scored = [record for record in records if record.spec.number in scores]
    top_share = min(0.5, max(0.1, TOP_TRIALS / len(scored)))
    spread = scored[:: math.ceil(len(scored) / MAX_FOREST_TRIALS)]
    found = []
    for evaluator, judge, judged in (
        ("ped_anova", PedAnovaImportanceEvaluator(target_quantile=top_share), scored),
        ("fanova", FanovaImportanceEvaluator(seed=0), spread),
    ):
        study = _scratch_study(judged, dimensions, scores)
        shares = get_param_importances(study, evaluator=judge)
        found += [
            Importance(dim.name, evaluator, score, epoch, len(judged), shares.get(dim.name, 0.0))
            for dim in dimensions
        ]
    return found


def _scratch_study(
    records: Sequence[TrialRecord],
    dimensions: Sequence["Dimension"],
    scores: Mapping[int, float],
) -> "optuna.Study":
    """Return a study in memory whose trials are complete with these scores."""
    import optuna

    from tune.scheduling.sampler import distribution

    logging.getLogger("optuna").setLevel(logging.WARNING)  # it would report every study
    study = optuna.create_study(direction="maximize")
    distributions = {dim.name: distribution(dim) for dim in dimensions}
    for record in records:
        study.add_trial(
            optuna.create_trial(
                params={dim.name: record.spec.value_of(dim.name) for dim in dimensions},
                distributions=distributions,
                value=scores[record.spec.number],
            )
        )
    return study
