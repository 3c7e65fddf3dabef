"""What a promotion says: what it would do, who won, what was written and what to type next."""

from collections.abc import Sequence
from shlex import quote

from rich.console import Console
from rich.table import Table

from models.training.precision import PLAIN
from tune.promotion.plan import PromotionPlan
from tune.promotion.run import PromotionResult
from tune.results.resume import Start
from tune.space.points import Candidate
from tune.statistics.intervals import Interval
from tune.statistics.rate_points import CLASSICAL_CODECS, rate_points
from tune.statistics.verdicts import Verdict
from tune.tables.files import read_table
from tune.terminal.progress import clock


def show_promotion(console: Console, plan: PromotionPlan, start: Start) -> None:
    """Print what is promoted, and what of it comes from the search."""
    promotion, config = plan.promotion, plan.config
    console.print(f"[bold]{plan.label}[/] from {promotion.study}")
    if start.standing is not None:
        standing = start.standing
        console.print(
            f"  resumes {standing.folder.name}: {standing.num_over} runs ended, "
            f"{standing.num_open} unfinished, {standing.elapsed_s / 3600:.2f} h used"
        )
    console.print(
        f"  as in the search: crops of {plan.crop_px} px, {plan.val_images} validation images"
        f"{_scoring_words(plan)}, "
        f"batch {config.batch_size}, {config.schedule} schedule"
    )
    if config.target_bpp is not None:
        console.print(
            f"  scored from real bytes at {config.target_bpp:g} bit/px; the control is trained as "
            "the predecessor did: for elements, no linear path, plateau schedule, half SSIM"
        )
    if config.objective != "psnr":
        console.print(
            f"  candidates, best epochs and patience go by the search's objective, "
            f"{config.objective}; race and verdict by PSNR"
        )
    console.print(
        f"  {len(plan.candidates)} candidates x {promotion.seeds} seeds, up to {config.epochs} "
        f"epochs of {100 * promotion.data_fraction:g} % of the training patches, patience "
        f"{promotion.patience}, racing {promotion.racing}, {config.max_concurrent} at a time"
    )


def _scoring_words(plan: PromotionPlan) -> str:
    """Return what is said of images that runs are scored on, where they are no crops."""
    return f" (whole patches, {plan.score_px} px)" if plan.score_px != plan.crop_px else ""


def show_promotion_plan(console: Console, plan: PromotionPlan) -> None:
    """Print the candidates with predicted memory and time, and what all of it may take."""
    table = Table(title_justify="left")
    for column in (
        "candidate", "from trial", "search dB", "learning rate", "warmup", "base", "latent",
        "batch", "MiB", "h per run",
    ):  # fmt: skip
        table.add_column(column, justify="right")
    for candidate in plan.candidates:
        values, run_s = candidate.values, plan.run_s(candidate)
        score_db = candidate.search_val_psnr_db
        run = plan.run_spec(candidate, PLAIN)
        micro_batch = run.train.micro_batch
        table.add_row(
            candidate.name,
            _trial_number(candidate),
            "--" if score_db is None else f"{score_db:.2f}",
            f"{values['learning_rate']:.2e}",
            str(values["warmup_epochs"]),
            str(values["base_channels"]),
            str(values["latent_channels"]),
            f"{values['batch_size']} by {micro_batch}"
            if micro_batch
            else str(values["batch_size"]),
            f"{run.placement.predicted_peak_mib:.0f}",
            "--" if run_s is None else f"{run_s / 3600:.2f}",
        )
    console.print(table)
    if plan.predicted_s is not None:
        console.print(
            f"  at most {plan.num_runs} runs and {plan.predicted_s / 3600:.2f} h of training "
            f"({clock(plan.predicted_s)}), from the times of the searched trials; racing and "
            "patience make it less, evaluation comes on top"
        )


def draw_verdicts(
    console: Console, label: str, verdicts: Sequence[Verdict], candidates: Sequence[Candidate]
) -> None:
    """Print the verdict on every candidate, best first."""
    table = Table(title=f"{label}: validation", title_justify="left", title_style="bold")
    for column in ("", "candidate", "seeds", "PSNR dB", "over control", "over best other",
                   "P(best)", "shrinkage"):  # fmt: skip
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for one in verdicts:
        table.add_row(
            str(one.place),
            one.candidate,
            str(one.num_seeds),
            interval_words(one.val_psnr_db),
            _signed(one.control_gain_db),
            _signed(one.rival_gain_db),
            f"{one.p_best:.2f}",
            "--" if one.shrinkage_db is None else f"{one.shrinkage_db:+.2f}",
            one.verdict.replace("_", " "),
        )
    console.print(table)
    known = {candidate.name: candidate for candidate in candidates}
    for one in verdicts[:1]:
        values = known[one.candidate].values
        console.print(
            f"{one.candidate}, {one.verdict}: learning rate {values['learning_rate']:.3g}, warmup "
            f"{values['warmup_epochs']}, base channels {values['base_channels']}, latent channels "
            f"{values['latent_channels']}"
        )
    if verdicts and verdicts[0].num_seeds < 2:
        console.print("one seed each: nothing is known of how far seeds scatter")


def draw_rate_points(console: Console, plan: PromotionPlan, result: PromotionResult) -> None:
    """Print the best candidate at real bytes on the test images, classical codecs beside it."""
    if result.interruption is not None or not result.verdicts:
        return
    results, name = plan.promotion.results, result.folder.name
    test, codecs = (read_table(results, table, name) for table in ("test", "codecs"))
    best = result.verdicts[0].candidate
    own = test[(test["candidate"] == best) & test["rate_bpp"].isna()]
    console.print(
        f"{best} on {own['image'].nunique()} test images, latent not quantised: "
        f"{own['psnr_db'].mean():.2f} dB, SSIM {own['ssim'].mean():.3f}"
    )
    table = Table(title="from real bytes, model file not counted", title_justify="left")
    for column in ("bit/px", "PSNR dB", "SSIM", "JPEG2000 dB", "HEVC intra dB", "AVIF dB"):
        table.add_column(column, justify="right")
    for point in rate_points(test, codecs, best):
        others = [_or_dashes(point.codecs_db[codec]) for codec in CLASSICAL_CODECS]
        table.add_row(f"{point.rate_bpp:.3f}", f"{point.psnr_db:.2f}", f"{point.ssim:.3f}", *others)
    console.print(table)


def _or_dashes(score_db: float | None) -> str:
    return "--" if score_db is None else f"{score_db:.2f}"


def show_promotion_end(console: Console, plan: PromotionPlan, result: PromotionResult) -> None:
    """Print what was written and what to type next."""
    results = results_flag(plan.promotion.results)
    console.print(f"wrote {result.folder.path}", markup=False)
    if result.interruption is not None:
        console.print(
            f"{result.interruption}; nothing that was finished is lost. To resume: "
            f"python -m tune.promote --resume {quote(result.folder.name)}{results}",
            markup=False,
        )


def show_next(console: Console, results: str) -> None:
    """Print what to type after a promotion."""
    flag = results_flag(results)
    console.print(f"next: python -m analysis.report{flag}\n      python -m tune.status{flag}")


def results_flag(results: str) -> str:
    """Return the flag that names a results folder; nothing for the default one."""
    return "" if results == "ray_results" else f" --results {quote(results)}"


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
