"""The end of a search as text: its ranking, its gain, and what to do next."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console

from models.training.epoch_result import EpochResult
from models.training.objective import OBJECTIVES, Objective
from tune.commands import typed
from tune.evaluation.references import Reference
from tune.space.dimensions import DEFAULT_TUNE, OF_NETWORKS
from tune.study.plan import StudyPlan
from tune.study.summary import StudySummary
from tune.terminal.table import Column, draw_table
from tune.terminal.words import say, show, show_commands
from tune.trial.spec import TrialSpec

if TYPE_CHECKING:
    from tune.study.run import StudyResult  # which loads Ray's adapters


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
        say(console, f"{label}: no trial finished an epoch")
        return
    draw_table(
        console, ranking(summary, top), title=label, elsewhere="all are in tables/trials.parquet"
    )
    say(console, _gain_sentence(summary, summary.ranked[0].objective))
    best = summary.ranked[0].best
    assert best is not None
    for line in references:
        say(console, _reference_sentence(line, best))
    counts = ", ".join(f"{count} {outcome}" for outcome, count in summary.outcomes.most_common())
    say(
        console,
        f"trials: {counts}; epochs: {summary.epochs_spent} spent, {summary.epochs_saved} saved "
        "by stopping",
    )
    if summary.audit is not None:
        say(console, summary.audit.words)
    for sentence in summary.edge_warnings:
        say(console, sentence, lead="edge:", style="yellow")


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


def ranking(summary: StudySummary, top: int) -> list[Column]:
    """Return the columns of the best trials, with the hand-set one wherever it ranks.

    Place, trial, score, learning rate and outcome always stand.
    """
    objective = summary.ranked[0].objective
    beside = [one for one in OBJECTIVES.values() if one != objective and one.name != "ms_ssim"]
    rows = list(enumerate(summary.ranked[:top], start=1))
    if summary.hand_set is not None and summary.hand_set not in summary.ranked[:top]:
        rows.append((summary.ranked.index(summary.hand_set) + 1, summary.hand_set))
    records = [record for _, record in rows]
    bests = [record.best for record in records if record.best is not None]
    specs = [record.spec for record in records]
    scores_beside = [
        Column(
            f"{one.words} {one.unit}".rstrip(),
            [f"{one.of(best):.{BESIDE_DECIMALS[one.name]}f}" for best in bests],
            priority=6,
        )
        for one in beside
    ]
    return [
        Column("", [str(place) for place, _ in rows]),
        Column("trial", [spec.short_name for spec in specs]),
        Column(
            objective.label, [f"{record.best_score:.{objective.decimals}f}" for record in records]
        ),
        *scores_beside,
        Column(
            "epoch",
            [f"{best.epoch}/{spec.train.epochs}" for best, spec in zip(bests, specs, strict=True)],
            priority=2,
        ),
        Column("learning rate", [f"{spec.train.learning_rate:.2e}" for spec in specs]),
        Column("warmup", [str(spec.train.warmup_epochs) for spec in specs], priority=5),
        Column("base", [str(spec.model.base_channels) for spec in specs], priority=3),
        Column("latent", [str(spec.model.latent_channels) for spec in specs], priority=4),
        Column("outcome", [str(record.outcome) for record in records], is_words=True),
        Column("suggested by", [_suggester(spec.proposed_by) for spec in specs], 1, is_words=True),
    ]


def _suggester(proposed_by: str) -> str:
    """Return who suggested a trial, without the name of a neighbour, which the plan has."""
    return proposed_by.partition(":")[0].replace("_", " ")


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


def show_end(console: Console, plan: StudyPlan, result: "StudyResult") -> None:
    """Print what was written and what to type next."""
    if result.has_filled_its_time:
        say(console, "the search has filled its time: no further trial would end before it is over")
    show(console, f"wrote {result.folder.path}")
    name, results = result.folder.name, plan.config.results
    if result.interruption is not None:
        say(console, f"{result.interruption}; nothing that was finished is lost")
        show_commands(console, "resume:", [typed("tune.search", "--resume", name, results=results)])
    elif result.summary.ranked:
        best = result.summary.ranked[0].spec
        commands = [
            typed("tune.promote", "--study", name, results=results),
            typed("tune.train", *training_flags(plan, best), results=results),
            typed("tune.status", results=results),
        ]
        show_commands(console, "next:", commands)


def training_flags(plan: StudyPlan, best: TrialSpec) -> list[str]:
    """Return the flags that train the best configuration of a search longer, on all patches."""
    config = plan.config
    flags = ["--arch", config.arch, "--ratio", str(config.ratio)]
    if config.rate != "bytes":
        flags += ["--rate", config.rate]
    if not config.has_path:
        flags += ["--linear-path", "off"]
    if config.objective != "psnr":
        flags += ["--objective", config.objective]
    if config.data is not None:
        flags += ["--data", config.data]
    flags += best_flags(best, plan.space.names)
    return [*flags, "--data-fraction", "1", "--epochs", "50"]


def best_flags(best: TrialSpec, searched: Sequence[str]) -> list[str]:
    """Return the values of the best trial as flags: those searched by default, and all searched."""
    flags = []
    has_network = best.model.architecture.has_network
    for name in dict.fromkeys((*DEFAULT_TUNE, *searched)):
        if not has_network and name in OF_NETWORKS:
            continue
        value = best.value_of(name)
        text = f"{value:.3g}" if isinstance(value, float) else str(value)
        flags += [f"--{name.replace('_', '-')}", text]
    return flags
