"""The end of a search as text: its ranking, its gain, and what to do next."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from models.training.epoch_result import EpochResult
from models.training.objective import OBJECTIVES, Objective
from tune.evaluation.references import Reference
from tune.study.summary import StudySummary


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
        references: The lines at the study's ratio.
        label: What was searched, the table's title.
        top: Rows of the table.
    """
    if not summary.ranked:
        console.print(f"{label}: no trial finished an epoch")
        return
    console.print(_ranking(summary, label, top))
    console.print(_gain_sentence(summary, summary.ranked[0].objective))
    best = summary.ranked[0].best
    assert best is not None
    for line in references:
        console.print(_reference_sentence(line, best))
    counts = ", ".join(f"{count} {outcome}" for outcome, count in summary.outcomes.most_common())
    console.print(
        f"trials: {counts}; epochs: {summary.epochs_spent} spent, {summary.epochs_saved} saved "
        "by stopping",
    )
    if summary.audit is not None:
        console.print(summary.audit.words)
    for sentence in summary.edge_warnings:
        console.print(f"[yellow]edge:[/] {sentence}")


ELEMENT_WORDS = {
    "block_klt": "block KLT, the linear optimum per 16x16 block, at this ratio",
    "down_up": "area downsampling and bicubic upsampling at this ratio",
}
RATE_WORDS = {
    "block_klt": "coded block KLT, the linear optimum per 16x16 block, untrained",
    "jpeg2000": "JPEG2000 of the whole patches",
}
"""What the reference lines are, where the ratio counts elements and where it counts bytes."""


def _reference_sentence(line: Reference, best: EpochResult) -> str:
    """Return how the best trial stands to a reference line."""
    gain_db, gain_ssim = best.val_psnr_db - line.psnr_db, best.val_ssim - line.ssim
    if line.rate_bpp is None:
        words = ELEMENT_WORDS[line.reference]
    else:
        words = f"{RATE_WORDS[line.reference]}, at {line.rate_bpp:.3f} bit/px"
    where = "above" if gain_db > 0 else "below"
    return (
        f"{words}: {line.psnr_db:.2f} dB, SSIM {line.ssim:.3f}; the best trial is "
        f"{abs(gain_db):.2f} dB {where} it, SSIM {gain_ssim:+.3f}"
    )


BESIDE_DECIMALS = {"psnr": 2, "ssim": 3}
"""Of the scores beside the one that trials are ranked by."""


def _ranking(summary: StudySummary, label: str, top: int) -> Table:
    table = Table(title=label, title_justify="left", title_style="bold")
    objective = summary.ranked[0].objective
    beside = [one for one in OBJECTIVES.values() if one != objective and one.name != "ms_ssim"]
    for column in (
        "",
        "trial",
        objective.label,
        *(f"{one.words} {one.unit}".rstrip() for one in beside),
        "epoch",
        "learning rate",
        "warmup",
        "base",
        "latent",
    ):
        table.add_column(column, justify="right")
    table.add_column("outcome")
    table.add_column("suggested by", overflow="ellipsis", max_width=24)
    rows = list(enumerate(summary.ranked[:top], start=1))
    if summary.hand_set is not None and summary.hand_set not in summary.ranked[:top]:
        rows.append((summary.ranked.index(summary.hand_set) + 1, summary.hand_set))
    for rank, record in rows:
        best, spec = record.best, record.spec
        assert best is not None
        table.add_row(
            str(rank),
            f"t{spec.number:03d}",
            f"{record.best_score:.{objective.decimals}f}",
            *(f"{one.of(best):.{BESIDE_DECIMALS[one.name]}f}" for one in beside),
            f"{best.epoch}/{spec.train.epochs}",
            f"{spec.train.learning_rate:.2e}",
            str(spec.train.warmup_epochs),
            str(spec.model.base_channels),
            str(spec.model.latent_channels),
            str(record.outcome),
            spec.proposed_by,
        )
    return table


def _gain_sentence(summary: StudySummary, objective: Objective) -> str:
    if summary.gain is None:
        return "gain over the hand-set point: unknown, that trial has no score"
    sentence = f"gain over the hand-set point: {objective.signed(summary.gain)}"
    if summary.gain == 0:
        return sentence + "; it is the best trial itself"
    if summary.noise is None:
        return f"{sentence}; under four epochs nothing is known of the noise of a validation curve"
    within = summary.gain < 2 * summary.noise
    word = "no more than the noise" if within else "more than the noise"
    return (
        f"{sentence}, {word} of a validation curve ({objective.text(summary.noise)} from epoch to "
        "epoch); one training seed each, so differences between seeds are not in it"
    )
