"""What a search says before it starts: what was picked and why, and with --dry-run the plan."""

from collections.abc import Sequence
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from models.training.objective import OBJECTIVES, Objective
from models.training.precision import Stack
from tune.card.device import foreign_sentence
from tune.config.until import local_now
from tune.config.watching import LOOPBACK, Live
from tune.results.resume import Start
from tune.scheduling.rules import StoppingRule
from tune.space.dimension import format_range
from tune.space.dimensions import DEFAULT_TUNE, OF_NETWORKS
from tune.study.estimate import StudyEstimate, estimate_study
from tune.study.fitting import Fitted, deadline_words
from tune.study.plan import StudyPlan
from tune.terminal.progress import clock
from tune.trial.spec import TrialSpec

if TYPE_CHECKING:
    from tune.study.run import StudyResult  # which a plan does not need


def show_setting(console: Console, plan: StudyPlan) -> None:
    """Print the corpus, what the profile picked and why, and how the training step was chosen."""
    info = plan.corpus.info
    kind = "SYNTHETIC corpus" if info.is_synthetic else "corpus"
    console.print(
        f"{kind} {info.name}: {info.num_patches['train']} training patches of {info.patch_px} px, "
        f"{plan.val_images} frozen validation images, fingerprint {info.fingerprint}",
    )
    for bounds in info.bounds:
        console.print(
            f"  {bounds.group} {bounds.polarisation}: PSNR is relative to "
            f"{bounds.low_db:.2f} .. {bounds.high_db:.2f} dB",
        )
    for note in plan.notes:
        console.print(f"[yellow]note:[/] {escape(note)}")
    console.print(f"picked for this machine ({plan.config.device}):")
    for name, pick in plan.picked.items():
        value = ", ".join(pick.value) if isinstance(pick.value, tuple) else pick.value
        console.print(f"  {name} = {value}: {pick.reason}")


def show_start(console: Console, start: Start) -> None:
    """Print how a study is resumed, or that it is finished; nothing about a new one."""
    if start.is_finished:
        console.print(f"{start.words}: finished, left as it is (--new searches again)")
    elif start.standing is not None:
        console.print(start.words)


def show_deadline(console: Console, fitted: Fitted) -> None:
    """Print what fits before the deadline of a study; nothing without one."""
    words = deadline_words(fitted, local_now())
    if words:
        console.print(words, markup=False, highlight=False)


def show_dry_run(console: Console, studies: Sequence[Fitted]) -> None:
    """Print what every study would do, and what it would cost."""
    for study in studies:
        show_start(console, study.start)
        show_plan(console, study.plan)
        show_deadline(console, study)
        show_costs(console, study.plan, estimate_study(study.plan))


def show_stack(console: Console, stack: Stack) -> None:
    """Print how the training step runs, and why."""
    console.print(f"training step: {stack.reason}")


def show_dashboard(
    console: Console, address: str | None, live: Live, *, quiet: bool = False
) -> None:
    """Print where Ray's dashboard is and how to get in; it asks for a token."""
    if address is None or quiet:
        return
    console.print(f"Ray dashboard: http://{address} (token: ray get-auth-token)")
    if live.host != LOOPBACK:
        console.print(
            f"[yellow]note:[/] it listens on {live.host}: whoever reaches that and has the token "
            "can run code here"
        )


def show_watching(console: Console, study: Path, live: Live) -> None:
    """Print how to watch a study from another terminal."""
    console.print(
        f"watch: python -m tune.status --results {quote(str(study.parent))} --watch\n"
        f"       optuna-dashboard {quote(str(study / 'journal'))} --host {LOOPBACK}  (a separate "
        "package; it has no login and can delete studies)",
        markup=False,
    )
    if live.tensorboard:
        console.print(
            f"       tensorboard --logdir {quote(str(study / 'tensorboard'))}", markup=False
        )


def show_end(console: Console, plan: StudyPlan, result: "StudyResult") -> None:
    """Print what was written and what to type next."""
    config = plan.config
    data = "" if config.data is None else f" --data {quote(config.data)}"
    results = "" if config.results == "ray_results" else f" --results {quote(config.results)}"
    if result.has_filled_its_time:
        console.print(
            "the search has filled its time: no further trial would end before it is over"
        )
    console.print(f"wrote {result.folder.path}", markup=False)
    if result.interruption is not None:
        console.print(
            f"{result.interruption}; nothing that was finished is lost. To resume: "
            f"python -m tune.search --resume {quote(result.folder.name)}{results}",
            markup=False,
        )
    elif result.summary.ranked:
        values = best_flags(result.summary.ranked[0].spec, plan.space.names)
        kind = "" if config.rate == "bytes" else f" --rate {config.rate}"
        path = "" if config.has_path else " --linear-path off"
        path += "" if config.objective == "psnr" else f" --objective {config.objective}"
        console.print(
            f"next: python -m tune.promote --study {quote(result.folder.name)}{results}\n"
            f"      python -m tune.train --arch {config.arch} --ratio {config.ratio}{kind}{path}"
            f"{data} "
            f"{values} --data-fraction 1 --epochs 50\n"
            f"      python -m tune.status{results}",
            markup=False,
        )


def best_flags(best: TrialSpec, searched: Sequence[str]) -> str:
    """Return the values of the best trial as flags: those searched by default, and all searched."""
    flags = []
    has_network = best.model.architecture.has_network
    for name in dict.fromkeys((*DEFAULT_TUNE, *searched)):
        if not has_network and name in OF_NETWORKS:
            continue
        value = best.value_of(name)
        text = f"{value:.3g}" if isinstance(value, float) else str(value)
        flags.append(f"--{name.replace('_', '-')} {text}")
    return " ".join(flags)


def show_card(console: Console, plan: StudyPlan) -> None:
    """Print what trials share, and who else is on it."""
    packing = plan.packing
    console.print(
        f"{packing.card.name}: {packing.card.free_mib:.0f} of {packing.card.total_mib:.0f} MiB are "
        f"free, {packing.usable_mib:.0f} MiB can be reserved (headroom {packing.headroom:g}); "
        f"up to {packing.max_concurrent} trials side by side, {packing.num_threads} "
        f"thread{'s' if packing.num_threads > 1 else ''} each",
        highlight=False,
    )
    if (sentence := foreign_sentence(packing.card)) is not None:
        console.print(f"[yellow]note:[/] {escape(sentence)}")


def show_costs(console: Console, plan: StudyPlan, estimate: StudyEstimate) -> None:
    """Print what the trials of each width would take, and how long all of them."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in (
        "  base_channels", "predicted_peak_mib", "micro_batch", "reserved", "side by side",
        "trials per hour",
    ):  # fmt: skip
        table.add_column(heading, justify="right")
    for one in estimate.classes:
        spec, placement = one.spec, one.spec.placement
        micro_batch = str(spec.train.micro_batch or f"whole ({spec.train.batch_size})")
        reserved = (
            f"{placement.gpu_fraction:.4g} of the card"
            if plan.packing.num_gpus
            else f"{placement.ram_mib:.0f} MiB"
        )
        if placement.rejection is not None:
            micro_batch, reserved = "1 does not fit", "rejected"
        table.add_row(
            str(spec.model.base_channels),
            f"{placement.predicted_peak_mib:.0f}",
            micro_batch,
            reserved,
            str(one.num_side_by_side),
            f"{estimate.trials_per_hour(one):.0f}",
        )
    console.print(table)
    console.print(
        f"  one epoch at base_channels {estimate.timed.model.base_channels}: "
        f"{estimate.epoch_s:.1f} s measured here; about {estimate.expected_epochs:.0f} epochs (at "
        f"most {estimate.most_epochs}): {clock(estimate.expected_s)} (at most "
        f"{clock(estimate.most_s)})",
    )


def show_plan(console: Console, plan: StudyPlan) -> None:
    """Print what a study would do."""
    config = plan.config
    console.print(f"[bold]{config.arch} {config.ratio}x[/]")
    console.print(
        f"  {config.trials} trials of up to {config.epochs} epochs, {config.max_concurrent} at a "
        f"time, suggested by {config.searcher}"
        + ("" if config.objective == "psnr" else f", maximising {config.objective}"),
    )
    for dimension in plan.space.dimensions:
        scale = " (log)" if dimension.log else ""
        console.print(f"  searches {format_range(dimension)}{scale}")
    for point in plan.known:
        values = ", ".join(
            f"{name} {value:g}" if not isinstance(value, str) else f"{name} {value}"
            for name, value in point.values.items()
        )
        console.print(f"  tries first: {values} ({point.proposed_by})")
    console.print(
        f"  {rung_words(StoppingRule.of(config), plan.rungs, OBJECTIVES[config.objective])}"
    )


def rung_words(rule: StoppingRule, rungs: Sequence[int], objective: Objective) -> str:
    """Return when trials are compared, and which of them continue.

    >>> rung_words(StoppingRule("asha", 3, 3, 0.1), [3, 9], OBJECTIVES["psnr"])
    'compares trials after epochs 3 and 9; the best third continues'
    >>> rung_words(StoppingRule("leader", 1, 3, 0.1), [1, 2, 3], OBJECTIVES["psnr"])
    'from epoch 1 on stops trials more than 0.1 dB behind the best one at the same epoch'
    """
    if not rungs:
        return "runs every trial to its end"
    if rule.scheduler == "leader":
        near = f"{rule.tolerance:g} {objective.unit or objective.words}"
        return (
            f"from epoch {rungs[0]} on stops trials more than {near} behind the "
            "best one at the same epoch"
        )
    *first, last = map(str, rungs)
    epochs = f"epochs {', '.join(first)} and {last}" if first else f"epoch {last}"
    factor = rule.reduction_factor
    share = {2: "half", 3: "third", 4: "quarter"}.get(factor, f"one in {factor}")
    return f"compares trials after {epochs}; the best {share} continues"
