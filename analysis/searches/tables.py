"""The tables of one search: reasons, what each value gave, replayed settings, rungs."""

import pandas as pd

from analysis.page.section import NamedTable
from analysis.searches.marginals import compute_marginals
from analysis.searches.outcome_counts import OutcomeCounts
from analysis.searches.replays import compute_replays, headings
from analysis.searches.rung_audit import compute_rung_audit
from analysis.study_view import StudyView
from models.training.objective import Objective


def study_tables(view: StudyView, counts: OutcomeCounts) -> list[NamedTable]:
    """Return the tables of a study, whose trials ended as counted."""
    audit = compute_rung_audit(view)
    tables = [
        NamedTable(
            f"{view.name}_outcome_reasons",
            "How and why trials ended; reasons that differ only in numbers count together.",
            counts.counts.assign(
                outcome=counts.counts["outcome"].str.replace("_", " "),
                share=[f"{share:.0%}" for share in counts.counts["share"]],
            ).rename(columns={"num_trials": "trials"}),
        )
    ]
    if view.space:
        tables.append(
            NamedTable(
                f"{view.name}_marginals",
                "What each value gave on its own. Best scores of stopped trials are those of fewer "
                "epochs; the mean at the first rung compares equally long trainings. The crash "
                "rate is over ended trials.",
                _marginal_headings(compute_marginals(view).values, view.objective),
            )
        )
    replays = compute_replays(view)
    if replays is not None:
        tables.append(
            NamedTable(
                f"{view.name}_replay_settings",
                "What other settings would have made of this study's whole curves. Near is within "
                "0.1 dB (0.003 SSIM) of the best configuration; lost are nights that stopped what "
                "would have won.",
                headings(replays.settings),
            )
        )
    if len(audit.rungs):
        tables.append(
            NamedTable(
                f"{view.name}_rungs",
                f"The rungs. {audit.words} The rank correlation is Spearman's, of the score there "
                "with the end.",
                _rung_headings(audit.rungs, view.objective),
            )
        )
    return tables


def _rung_headings(rungs: pd.DataFrame, objective: Objective) -> pd.DataFrame:
    return rungs.rename(
        columns={
            "rung_epoch": "rung at epoch",
            "num_judged": "judged",
            "num_kept": "kept",
            "num_stopped": "stopped",
            "num_audited": "audited",
            "num_audited_completed": "audited to the end",
            "num_wrong_stops": "wrong stops",
            "false_stop_rate": "false-stop rate",
            "cutoff": f"last cutoff{objective.bracket}",
            "rank_correlation": "rank correlation",
            "num_ranked": "trials ranked",
        }
    )


def _marginal_headings(values: pd.DataFrame, objective: Objective) -> pd.DataFrame:
    return values.rename(
        columns={
            "num_trials": "trials",
            "num_scored": "with a score",
            "mean_best": f"mean best {objective.words}{objective.bracket}",
            "max_best": f"best {objective.words}{objective.bracket}",
            "first_rung_mean": f"mean at first rung{objective.bracket}",
            "crash_rate": "crash rate",
        }
    )
