"""What the rungs of a search decided, and how often a stop was wrong, from audited trials."""

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from analysis.study_view import StudyView
from tune.statistics.wrong_stops import rank_correlation, wrong_stops


@dataclass(frozen=True)
class RungAudit:
    """The rungs of one search.

    Attributes:
        rungs: One row per rung: `rung_epoch`, `num_judged`, `num_kept`, `num_stopped`,
            `num_audited` (would have been stopped and ran on), `num_audited_completed`,
            `num_wrong_stops` among these, `false_stop_rate` (missing without them), `cutoff`
            (the last one), `rank_correlation` of the score there with the end, over completed
            trials, and `num_ranked`, how many these are.
        num_audited: Audited trials that completed, of all rungs.
        num_wrong: Those that stopping would have been wrong about.
    """

    rungs: pd.DataFrame
    num_audited: int
    num_wrong: int

    @property
    def false_stop_rate(self) -> float | None:
        """Share of audited stops that would have been wrong; None without one."""
        return self.num_wrong / self.num_audited if self.num_audited else None

    @property
    def words(self) -> str:
        """What is known of wrong stops, in a sentence."""
        if self.rungs.empty:
            return "No trial was compared at a rung."
        if self.false_stop_rate is None:
            return "No audited trial completed, so the rate of wrong stops is unknown."
        return (
            f"{self.num_wrong} of {self.num_audited} audited stops would have been wrong (rate "
            f"{self.false_stop_rate:.2f}): run to its end, such a trial reaches the median score "
            "of the other trials that completed."
        )


def compute_rung_audit(view: StudyView) -> RungAudit:
    """Return what each rung decided; wrong stops count as in `tune.scheduling.audit`."""
    completed = view.trials[view.trials["outcome"] == "completed"]
    score = view.objective.best_column
    completed = completed.dropna(subset=[score])
    completed = completed[["trial_number", score]]
    audited_numbers = view.rungs.loc[view.rungs["audited"], "trial_number"]
    is_audited = completed["trial_number"].isin(audited_numbers)
    audited = completed[is_audited]
    stayed = completed.loc[~is_audited, score].tolist()
    wrong = dict(
        zip(
            audited["trial_number"],
            wrong_stops(audited[score].tolist(), stayed),
            strict=True,
        )
    )
    rows = [
        _rung_row(epoch, decisions, completed, wrong, view)
        for epoch, decisions in _by_rung(view.rungs)
    ]
    return RungAudit(pd.DataFrame(rows, columns=_COLUMNS), len(wrong), sum(wrong.values()))


_COLUMNS = (
    "rung_epoch",
    "num_judged",
    "num_kept",
    "num_stopped",
    "num_audited",
    "num_audited_completed",
    "num_wrong_stops",
    "false_stop_rate",
    "cutoff",
    "rank_correlation",
    "num_ranked",
)


def _by_rung(rungs: pd.DataFrame) -> Iterator[tuple[int, pd.DataFrame]]:
    for epoch in sorted({int(epoch) for epoch in rungs["rung_epoch"]}):
        yield epoch, rungs[rungs["rung_epoch"] == epoch]


def _rung_row(
    epoch: int,
    decisions: pd.DataFrame,
    completed: pd.DataFrame,
    wrong: dict[int, bool],
    view: StudyView,
) -> dict[str, object]:
    audited = decisions.loc[decisions["audited"], "trial_number"]
    known = [wrong[number] for number in audited if number in wrong]
    objective = view.objective
    there = view.epochs.loc[view.epochs["epoch"] == epoch, ["trial_number", objective.column]]
    ranked = there.merge(completed, on="trial_number")
    last = decisions.sort_values("num_values").iloc[-1]
    return {
        "rung_epoch": epoch,
        "num_judged": len(decisions),
        "num_kept": int((decisions["kept"] & ~decisions["audited"]).sum()),
        "num_stopped": int((~decisions["kept"]).sum()),
        "num_audited": len(audited),
        "num_audited_completed": len(known),
        "num_wrong_stops": sum(known),
        "false_stop_rate": sum(known) / len(known) if known else None,
        "cutoff": last["cutoff"],
        "rank_correlation": rank_correlation(
            ranked[objective.column].tolist(), ranked[objective.best_column].tolist()
        ),
        "num_ranked": len(ranked),
    }
