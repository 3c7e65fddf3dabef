"""Rows of a promotion's tables made of what the driver knows."""

from collections.abc import Sequence
from dataclasses import asdict

from tune.candidates import Candidate
from tune.concurrency import run_beside
from tune.recorder import MakeRows
from tune.rows import Row, trial_row
from tune.trial import StudyFacts, TrialRecord, TrialSpec
from tune.verdicts import Interval, Verdict

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


def verdict_rows(
    study: str, arch: str, ratio: int, facts: StudyFacts, verdicts: Sequence[Verdict]
) -> list[Row]:
    """Return the verdicts table of a promotion."""
    corpus = {
        name: value
        for name, value in asdict(facts).items()
        if name in {"corpus", "is_synthetic", "corpus_fingerprint"}
    }
    return [
        {
            "study": study,
            "arch": arch,
            "ratio": ratio,
            **corpus,
            "candidate": one.candidate,
            "place": one.place,
            "num_seeds": one.num_seeds,
            "val_psnr_db": one.val_psnr_db.mean,
            "val_psnr_low_db": one.val_psnr_db.low,
            "val_psnr_high_db": one.val_psnr_db.high,
            **_gain("control_gain", one.control_gain_db),
            **_gain("rival_gain", one.rival_gain_db),
            "p_best": one.p_best,
            "verdict": one.verdict,
            "shrinkage_db": one.shrinkage_db,
        }
        for one in verdicts
    ]


def _gain(name: str, gain: Interval | None) -> dict[str, float | None]:
    return {
        f"{name}_mean_db": None if gain is None else gain.mean,
        f"{name}_low_db": None if gain is None else gain.low,
        f"{name}_high_db": None if gain is None else gain.high,
    }
