"""What a study found, as values first and as text for a terminal second.

Pure functions make a `StudySummary` of the records; `draw_summary` prints it. Nothing here decides
which of two close configurations is better: one training seed each cannot (promotion can).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rich.console import Console
from rich.table import Table

from tune.audit import Audit, audit_stops
from tune.edges import find_edge
from tune.outcomes import Outcome
from tune.references import Reference
from tune.space import Dimension
from tune.trial import TrialRecord


@dataclass(frozen=True)
class StudySummary:
    """What a study found.

    Attributes:
        ranked: Trials with a score, best first.
        hand_set: The trial with the hand-set values, if it has a score.
        gain_db: Best score minus the hand-set one, in dB; None without one.
        noise_db: Standard deviation of the validation PSNR of the best trial from epoch to epoch,
            trend removed, in dB; None under four epochs.
        outcomes: How many trials ended in which way.
        epochs_spent: Finished epochs of all trials.
        epochs_saved: Epochs that stopped trials did not have to run.
        audit: What auditing says of the rungs; None where none judged.
        edge_warnings: One sentence per dimension whose best value lies at the edge of its range.
    """

    ranked: tuple[TrialRecord, ...]
    hand_set: TrialRecord | None
    gain_db: float | None
    noise_db: float | None
    outcomes: Counter[Outcome]
    epochs_spent: int
    epochs_saved: int
    audit: Audit | None
    edge_warnings: tuple[str, ...]


def summarise(records: Sequence[TrialRecord], dimensions: Sequence[Dimension]) -> StudySummary:
    """Return what the ended trials of one study say; crashed ones keep their scores."""
    ranked = sorted(
        (record for record in records if record.best is not None),
        key=lambda record: record.best_val_psnr_db,
        reverse=True,
    )
    hand_set = next((record for record in ranked if record.spec.proposed_by == "hand_set"), None)
    gain_db = None
    if hand_set is not None:
        gain_db = ranked[0].best_val_psnr_db - hand_set.best_val_psnr_db
    return StudySummary(
        ranked=tuple(ranked),
        hand_set=hand_set,
        gain_db=gain_db,
        noise_db=epoch_noise_db([e.val_psnr_db for e in ranked[0].epochs]) if ranked else None,
        outcomes=Counter(record.outcome for record in records if record.outcome is not None),
        epochs_spent=sum(len(record.epochs) for record in records),
        epochs_saved=sum(
            record.spec.train.epochs - len(record.epochs)
            for record in records
            if record.outcome is Outcome.STOPPED
        ),
        audit=audit_stops(records),
        edge_warnings=tuple(edge_warnings(ranked[0], dimensions)) if ranked else (),
    )


def epoch_noise_db(scores_db: Sequence[float]) -> float | None:
    """Return the noise of a learning curve from one epoch to the next, its trend removed.

    Second differences of white noise with standard deviation s have the standard deviation
    s * sqrt(6); a straight trend vanishes in them. Only the later half of the curve counts, where
    a trend is nearly straight.

    Returns:
        The noise in dB, or None under four scores.
    """
    later = np.asarray(scores_db[len(scores_db) // 2 :] if len(scores_db) >= 8 else scores_db)
    if len(later) < 4:
        return None
    return float(np.sqrt(np.mean(np.diff(later, n=2) ** 2) / 6.0))


def edge_warnings(best: TrialRecord, dimensions: Sequence[Dimension]) -> list[str]:
    """Return a sentence for every dimension whose best value is at the edge of its range."""
    found = (find_edge(dim, best.spec.value_of(dim.name)) for dim in dimensions)
    return [edge.words for edge in found if edge is not None]


def draw_summary(
    console: Console,
    summary: StudySummary,
    references: Sequence[Reference],
    label: str,
    top: int = 5,
) -> None:
    """Print the ranked table, the gain over the hand-set point, the reference lines and warnings.

    Args:
        console: Where to write.
        summary: What the study found.
        references: The linear lines at the study's ratio.
        label: What was searched, the table's title.
        top: Rows of the table.
    """
    if not summary.ranked:
        console.print(f"{label}: no trial finished an epoch")
        return
    console.print(_ranking(summary, label, top))
    console.print(_gain_sentence(summary))
    best = summary.ranked[0].best
    assert best is not None
    for line in references:
        console.print(
            f"{REFERENCE_WORDS[line.reference]}: {line.psnr_db:.2f} dB, SSIM {line.ssim:.3f}; the "
            f"best trial is {best.val_psnr_db - line.psnr_db:+.2f} dB and "
            f"{best.val_ssim - line.ssim:+.3f} from it",
        )
    counts = ", ".join(f"{count} {outcome}" for outcome, count in summary.outcomes.most_common())
    console.print(
        f"trials: {counts}; epochs: {summary.epochs_spent} spent, {summary.epochs_saved} saved "
        "by stopping",
    )
    if summary.audit is not None:
        console.print(summary.audit.words)
    for sentence in summary.edge_warnings:
        console.print(f"[yellow]edge[/] {sentence}")


REFERENCE_WORDS = {
    "block_klt": "block KLT, the linear optimum per 16x16 block, at this ratio",
    "down_up": "area downsampling and bicubic upsampling at this ratio",
}


def _ranking(summary: StudySummary, label: str, top: int) -> Table:
    table = Table(title=label, title_justify="left", title_style="bold")
    for column in ("", "trial", "val PSNR dB", "SSIM", "epoch", "learning rate", "warmup", "base"):
        table.add_column(column, justify="right")
    table.add_column("outcome")
    table.add_column("proposed by", overflow="ellipsis", max_width=24)
    rows = list(enumerate(summary.ranked[:top], start=1))
    if summary.hand_set is not None and summary.hand_set not in summary.ranked[:top]:
        rows.append((summary.ranked.index(summary.hand_set) + 1, summary.hand_set))
    for rank, record in rows:
        best, spec = record.best, record.spec
        assert best is not None
        table.add_row(
            str(rank),
            f"t{spec.number:03d}",
            f"{best.val_psnr_db:.2f}",
            f"{best.val_ssim:.3f}",
            f"{best.epoch}/{spec.train.epochs}",
            f"{spec.train.learning_rate:.2e}",
            str(spec.train.warmup_epochs),
            str(spec.model.base_channels),
            str(record.outcome),
            spec.proposed_by,
        )
    return table


def _gain_sentence(summary: StudySummary) -> str:
    if summary.gain_db is None:
        return "gain over the hand-set point: unknown, that trial has no score"
    sentence = f"gain over the hand-set point: {summary.gain_db:+.2f} dB"
    if summary.gain_db == 0:
        return sentence + "; it is the best trial itself"
    if summary.noise_db is None:
        return f"{sentence}; under four epochs nothing is known of the noise of a validation curve"
    within = summary.gain_db < 2 * summary.noise_db
    word = "no more than the noise" if within else "more than the noise"
    return (
        f"{sentence}, {word} of a validation curve ({summary.noise_db:.2f} dB from epoch to "
        "epoch); one training seed each, so differences between seeds are not in it"
    )
