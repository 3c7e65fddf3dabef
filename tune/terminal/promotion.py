"""What a promotion says: what it would do, who won, what was written and what to type next."""

from collections.abc import Sequence

from rich.console import Console

from models.training.precision import PLAIN
from tune.commands import typed
from tune.promotion.plan import PromotionPlan
from tune.promotion.run import PromotionResult
from tune.results.resume import Start
from tune.space.points import Candidate
from tune.statistics.intervals import Interval
from tune.statistics.rate_points import CLASSICAL_CODECS, RatePoint, rate_points
from tune.statistics.verdicts import Verdict
from tune.tables.files import read_table
from tune.terminal.progress import clock
from tune.terminal.table import Column, draw_table
from tune.terminal.words import INDENT, say, show, show_commands


def show_promotion(console: Console, plan: PromotionPlan, start: Start) -> None:
    """Print what is promoted, and what of it comes from the search."""
    promotion, config = plan.promotion, plan.config
    say(console, f"from {promotion.study}", lead=plan.label, style="bold")
    if start.standing is not None:
        standing = start.standing
        say(
            console,
            f"resumes {standing.folder.name}: {standing.num_over} runs ended, "
            f"{standing.num_open} unfinished, {standing.elapsed_s / 3600:.2f} h used",
            indent=INDENT,
        )
    say(
        console,
        f"as in the search: crops of {plan.crop_px} px, {plan.val_images} validation images"
        f"{_scoring_words(plan)}, batch {config.batch_size}, {config.schedule} schedule",
        indent=INDENT,
    )
    if config.target_bpp is not None:
        say(
            console,
            f"scored from real bytes at {config.target_bpp:g} bit/px; the control is trained as "
            "the predecessor did: for elements, no linear path, plateau schedule, half SSIM",
            indent=INDENT,
        )
    if config.objective != "psnr":
        say(
            console,
            f"candidates, best epochs and patience go by the search's objective, "
            f"{config.objective}; race and verdict by PSNR",
            indent=INDENT,
        )
    say(
        console,
        f"{len(plan.candidates)} candidates x {promotion.seeds} seeds, up to {config.epochs} "
        f"epochs of {100 * promotion.data_fraction:g} % of the training patches, patience "
        f"{promotion.patience}, racing {promotion.racing}, {config.max_concurrent} at a time",
        indent=INDENT,
    )


def _scoring_words(plan: PromotionPlan) -> str:
    """Return what is said of images that runs are scored on, where they are no crops."""
    return f" (whole patches, {plan.score_px} px)" if plan.score_px != plan.crop_px else ""


def show_promotion_plan(console: Console, plan: PromotionPlan) -> None:
    """Print the candidates with predicted memory and time, and what all of it may take."""
    draw_table(console, candidate_columns(plan), elsewhere="--json has all")
    if plan.predicted_s is not None:
        say(
            console,
            f"at most {plan.num_runs} runs and {plan.predicted_s / 3600:.2f} h of training "
            f"({clock(plan.predicted_s)}), from the times of the searched trials; racing and "
            "patience make it less, evaluation comes on top",
            indent=INDENT,
        )


def candidate_columns(plan: PromotionPlan) -> list[Column]:
    """Return what every candidate is and takes, a row per candidate.

    Its name, learning rate and time always stand.
    """
    candidates = plan.candidates
    values = [candidate.values for candidate in candidates]
    runs = [plan.run_spec(candidate, PLAIN) for candidate in candidates]
    searched_db = [candidate.search_val_psnr_db for candidate in candidates]
    batches = [
        f"{run.train.batch_size} by {run.train.micro_batch}"
        if run.train.micro_batch
        else str(run.train.batch_size)
        for run in runs
    ]
    hours = [
        "--" if run_s is None else f"{run_s / 3600:.2f}" for run_s in map(plan.run_s, candidates)
    ]
    return [
        Column("candidate", [candidate.name for candidate in candidates]),
        Column("from trial", list(map(_trial_number, candidates)), priority=2),
        Column("search dB", list(map(_or_dashes, searched_db)), priority=1),
        Column("learning rate", [f"{one['learning_rate']:.2e}" for one in values]),
        Column("warmup", [str(one["warmup_epochs"]) for one in values], priority=5),
        Column("base", [str(one["base_channels"]) for one in values], priority=3),
        Column("latent", [str(one["latent_channels"]) for one in values], priority=4),
        Column("batch", batches, priority=7),
        Column("MiB", [f"{run.placement.predicted_peak_mib:.0f}" for run in runs], priority=6),
        Column("h per run", hours),
    ]


def draw_verdicts(
    console: Console, label: str, verdicts: Sequence[Verdict], candidates: Sequence[Candidate]
) -> None:
    """Print the verdict on every candidate, best first."""
    draw_table(
        console,
        verdict_columns(verdicts),
        title=f"{label}: validation",
        elsewhere="all are in tables/verdicts.parquet",
    )
    known = {candidate.name: candidate for candidate in candidates}
    for one in verdicts[:1]:
        values = known[one.candidate].values
        say(
            console,
            f"{one.candidate}, {one.verdict}: learning rate {values['learning_rate']:.3g}, warmup "
            f"{values['warmup_epochs']}, base channels {values['base_channels']}, latent channels "
            f"{values['latent_channels']}",
        )
    if verdicts and verdicts[0].num_seeds < 2:
        say(console, "one seed each: nothing is known of how far seeds scatter")


def verdict_columns(verdicts: Sequence[Verdict]) -> list[Column]:
    """Return what was found of every candidate; place, name, score and verdict always stand."""
    return [
        Column("", [str(one.place) for one in verdicts]),
        Column("candidate", [one.candidate for one in verdicts]),
        Column("seeds", [str(one.num_seeds) for one in verdicts], priority=2),
        Column("PSNR dB", [interval_words(one.val_psnr_db) for one in verdicts]),
        Column("over control", [_signed(one.control_gain_db) for one in verdicts], priority=1),
        Column("over best other", [_signed(one.rival_gain_db) for one in verdicts], priority=4),
        Column("P(best)", [f"{one.p_best:.2f}" for one in verdicts], priority=3),
        Column(
            "shrinkage",
            ["--" if one.shrinkage_db is None else f"{one.shrinkage_db:+.2f}" for one in verdicts],
            priority=5,
        ),
        Column("verdict", [one.verdict.replace("_", " ") for one in verdicts], is_words=True),
    ]


def draw_rate_points(console: Console, plan: PromotionPlan, result: PromotionResult) -> None:
    """Print the best candidate at real bytes on the test images, classical codecs beside it."""
    if result.interruption is not None or not result.verdicts:
        return
    results, name = plan.promotion.results, result.folder.name
    test, codecs = (read_table(results, table, name) for table in ("test", "codecs"))
    best = result.verdicts[0].candidate
    own = test[(test["candidate"] == best) & test["rate_bpp"].isna()]
    say(
        console,
        f"{best} on {own['image'].nunique()} test images, latent not quantised: "
        f"{own['psnr_db'].mean():.2f} dB, SSIM {own['ssim'].mean():.3f}",
    )
    draw_table(
        console,
        rate_columns(rate_points(test, codecs, best)),
        title="from real bytes, model file not counted",
        elsewhere="all are in tables/test.parquet and tables/codecs.parquet",
    )


def rate_columns(points: Sequence[RatePoint]) -> list[Column]:
    """Return a candidate beside the classical codecs, a row per rate."""
    return [
        Column("bit/px", [f"{point.rate_bpp:.3f}" for point in points]),
        Column("PSNR dB", [f"{point.psnr_db:.2f}" for point in points]),
        Column("SSIM", [f"{point.ssim:.3f}" for point in points], priority=3),
        *(
            Column(heading, [_or_dashes(point.codecs_db[codec]) for point in points], priority)
            for codec, heading, priority in zip(
                CLASSICAL_CODECS,
                ("JPEG2000 dB", "HEVC intra dB", "AVIF dB"),
                (0, 1, 2),
                strict=True,
            )
        ),
    ]


def _or_dashes(score_db: float | None) -> str:
    return "--" if score_db is None else f"{score_db:.2f}"


def show_promotion_end(console: Console, plan: PromotionPlan, result: PromotionResult) -> None:
    """Print what was written and what to type next."""
    show(console, f"wrote {result.folder.path}")
    if result.interruption is not None:
        say(console, f"{result.interruption}; nothing that was finished is lost")
        again = typed(
            "tune.promote", "--resume", result.folder.name, results=plan.promotion.results
        )
        show_commands(console, "resume:", [again])


def show_next(console: Console, results: str) -> None:
    """Print what to type after a promotion."""
    commands = [typed(module, results=results) for module in ("analysis.report", "tune.status")]
    show_commands(console, "next:", commands)


def interval_words(interval: Interval) -> str:
    """Return a mean with its interval, as far as it is known."""
    if interval.low is None or interval.high is None:
        return f"{interval.mean:.2f}"
    return f"{interval.mean:.2f} ± {(interval.high - interval.low) / 2:.2f}"


def _signed(interval: Interval | None) -> str:
    if interval is None:
        return "--"
    if interval.low is None or interval.high is None:
        return f"{interval.mean:+.2f}"
    return f"{interval.mean:+.2f} ({interval.low:+.2f}..{interval.high:+.2f})"


def _trial_number(candidate: Candidate) -> str:
    if candidate.source_trial is None:
        return "--"
    return candidate.source_trial.rpartition("_")[2]
