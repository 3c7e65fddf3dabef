"""Rows of a promotion's tables made of what the driver knows."""

from collections.abc import Sequence

from tune.space.points import Candidate
from tune.storage.trial_rows import MakeRows, Row, run_beside, trial_row
from tune.trial.record import TrialRecord
from tune.trial.spec import StudyFacts, TrialSpec

_OF_TRIALS = {"study", "trial", "trial_number", "arch", "ratio", "base_channels", "seed"}
"""Columns of a trial that a run has under its own names."""


def run_identity(spec: TrialSpec) -> dict[str, object]:
    """Return which run a row is about."""
    return {
        "study": spec.study,
        "run": spec.name,
        "candidate": spec.proposed_by,
        "seed": spec.train.seed,
        "arch": spec.model.arch,
        "ratio": spec.model.ratio,
        "base_channels": spec.model.base_channels,
    }


def run_rows(candidates: Sequence[Candidate]) -> MakeRows:
    """Return what makes the runs table of a promotion."""
    known = {candidate.name: candidate for candidate in candidates}

    def rows(records: Sequence[TrialRecord], facts: StudyFacts) -> dict[str, list[Row]]:
        beside = run_beside(records)
        return {
            "runs": [
                _run_row(one, facts, beside[one.spec.number], known[one.spec.proposed_by])
                for one in records
            ]
        }

    return rows


def _run_row(
    record: TrialRecord, facts: StudyFacts, beside: Sequence[int], candidate: Candidate
) -> Row:
    of_trial = trial_row(record, facts, beside).items()
    return {
        **{name: value for name, value in of_trial if name not in _OF_TRIALS},
        **run_identity(record.spec),
        "run_number": record.spec.number,
        "rank": candidate.rank,
        "source_trial": candidate.source_trial,
        "search_val_psnr_db": candidate.search_val_psnr_db,
    }
