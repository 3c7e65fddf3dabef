"""Rows of the verdicts table: how every candidate of a promotion was judged."""

from collections.abc import Sequence
from dataclasses import asdict

from tune.statistics.intervals import Interval
from tune.statistics.verdicts import Verdict
from tune.storage.trial_rows import Row
from tune.trial.spec import StudyFacts


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
