"""What a search says before it starts: what was picked, and with --dry-run the plan.

A plan of one study fits a screen of 24 lines of 80 columns.
"""

from collections.abc import Sequence
from typing import Any

from rich.console import Console

from data.info import Bounds
from models.training.objective import OBJECTIVES, Objective
from models.training.precision import Stack
from tune.card.device import foreign_sentence
from tune.config.until import local_now
from tune.results.resume import Start
from tune.scheduling.rules import StoppingRule
from tune.space.dimension import format_range
from tune.study.estimate import StudyEstimate
from tune.study.fitting import Fitted, deadline_words
from tune.study.plan import StudyPlan
from tune.terminal.fleet import card_words, fleet_notes, fleet_words
from tune.terminal.progress import clock
from tune.terminal.table import Column, draw_table
from tune.terminal.words import INDENT, note, say

MANY_BOUNDS = 4
"""Pairs of bounds that are printed; of more, how many there are."""


def show_setting(console: Console, plan: StudyPlan) -> None:
    """Print the corpus and what the profile picked; why, the manifest and --json say."""
    info = plan.corpus.info
    kind = "SYNTHETIC corpus" if info.is_synthetic else "corpus"
    say(
        console,
        f"{kind} {info.name}: {info.num_patches['train']} training patches of {info.patch_px} px, "
        f"{plan.val_images} frozen validation images, fingerprint {info.fingerprint}; "
        f"{bounds_words(info.bounds)}",
    )
    for sentence in plan.notes:
        note(console, sentence)
    if plan.picked:
        values = ", ".join(
            f"{name} {_value_words(pick.value)}" for name, pick in plan.picked.items()
        )
        device = plan.config.device
        say(console, f"picked for this machine ({device}; why: manifest.json): {values}")


def bounds_words(bounds: Sequence[Bounds]) -> str:
    """Return what PSNR is relative to."""
    if len(bounds) > MANY_BOUNDS:
        return f"PSNR is relative to {len(bounds)} pairs of bounds, in corpus.json"
    pairs = (
        f"{one.low_db:.2f} .. {one.high_db:.2f} dB ({one.group} {one.polarisation})"
        for one in bounds
    )
    return f"PSNR is relative to {', '.join(pairs)}"


def _value_words(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def show_start(console: Console, start: Start) -> None:
    """Print how a study is resumed, or that it is finished; nothing about a new one."""
    if start.is_finished:
        say(console, f"{start.words}: finished, left as it is (--new searches again)")
    elif start.standing is not None:
        say(console, start.words)


def show_deadline(console: Console, fitted: Fitted) -> None:
    """Print what fits before the deadline of a study; nothing without one."""
    words = deadline_words(fitted, local_now())
    if words:
        say(console, words)


def show_dry_run(console: Console, study: Fitted, estimate: StudyEstimate) -> None:
    """Print what a study would do, and what it would cost."""
    show_start(console, study.start)
    show_plan(console, study.plan)
    show_deadline(console, study)
    show_costs(console, study.plan, estimate)


def show_stack(console: Console, stack: Stack) -> None:
    """Print how the training step runs, and why."""
    say(console, f"training step: {stack.reason}")


def show_card(console: Console, plan: StudyPlan) -> None:
    """Print what trials share, and who else is on it."""
    if plan.fleet is not None:
        lines, notes = fleet_words(plan.fleet), fleet_notes(plan.fleet)
    else:
        foreign = foreign_sentence(plan.packing.card)
        lines, notes = [card_words(plan.packing)], [foreign] if foreign is not None else []
    for line in lines:
        say(console, line)
    for sentence in notes:
        note(console, sentence)


def show_costs(console: Console, plan: StudyPlan, estimate: StudyEstimate) -> None:
    """Print what the trials of each width would take, and how long all of them."""
    draw_table(console, cost_columns(plan, estimate), indent=INDENT, elsewhere="--json has all")
    say(
        console,
        f"one epoch at base_channels {estimate.timed.model.base_channels}: "
        f"{estimate.epoch_s:.1f} s measured here; about {estimate.expected_epochs:.0f} epochs (at "
        f"most {estimate.most_epochs}): {clock(estimate.expected_s)} (at most "
        f"{clock(estimate.most_s)})",
        indent=INDENT,
    )


def cost_columns(plan: StudyPlan, estimate: StudyEstimate) -> list[Column]:
    """Return what the trials of each width would take, a row per width."""
    specs = [one.spec for one in estimate.classes]
    micro_batches, reserved = [], []
    for spec in specs:
        placement, batch_size = spec.placement, spec.train.batch_size
        if placement.rejection is not None:
            micro_batches.append("1 does not fit")
            reserved.append("rejected")
            continue
        micro_batches.append(str(spec.train.micro_batch or f"whole ({batch_size})"))
        reserved.append(
            f"{placement.gpu_fraction:.4g} of the card"
            if plan.packing.num_gpus
            else f"{placement.ram_mib:.0f} MiB"
        )
    peaks = [f"{spec.placement.predicted_peak_mib:.0f}" for spec in specs]
    return [
        Column("base_channels", [str(spec.model.base_channels) for spec in specs]),
        Column("predicted_peak_mib", peaks, priority=2),
        Column("micro_batch", micro_batches, priority=3),
        Column("reserved", reserved),
        Column("side by side", [str(one.num_side_by_side) for one in estimate.classes], 1),
        Column(
            "trials per hour", [f"{estimate.trials_per_hour(one):.0f}" for one in estimate.classes]
        ),
    ]


def show_plan(console: Console, plan: StudyPlan) -> None:
    """Print what a study would do."""
    config = plan.config
    say(
        console,
        f"{config.trials} trials of up to {config.epochs} epochs, {config.max_concurrent} at a "
        f"time, suggested by {config.searcher}"
        + ("" if config.objective == "psnr" else f", maximising {config.objective}"),
        lead=f"{config.arch} {config.ratio}x:",
        style="bold",
    )
    ranges = (format_range(one) + (" (log)" if one.log else "") for one in plan.space.dimensions)
    say(console, f"searches {', '.join(ranges)}", indent=INDENT)
    for point in plan.known:
        values = ", ".join(
            f"{name} {value:g}" if not isinstance(value, str) else f"{name} {value}"
            for name, value in point.values.items()
        )
        say(console, f"tries first: {values} ({point.proposed_by})", indent=INDENT)
    words = rung_words(StoppingRule.of(config), plan.rungs, OBJECTIVES[config.objective])
    say(console, words, indent=INDENT)


def rung_words(rule: StoppingRule, rungs: Sequence[int], objective: Objective) -> str:
    """Return when trials are compared, and which of them continue.

    >>> rung_words(StoppingRule("asha", 3, 3, 0.1), [3, 9], OBJECTIVES["psnr"])
    'compares trials after epochs 3 and 9; the best third continues'
    >>> rung_words(StoppingRule("leader", 1, 3, 0.1), [1, 2, 3], OBJECTIVES["psnr"])
    'from epoch 1 on stops trials more than 0.1 dB behind the best at that epoch'
    """
    if not rungs:
        return "runs every trial to its end"
    if rule.scheduler == "leader":
        near = f"{rule.tolerance:g} {objective.unit or objective.words}"
        return (
            f"from epoch {rungs[0]} on stops trials more than {near} behind the best at that epoch"
        )
    *first, last = map(str, rungs)
    epochs = f"epochs {', '.join(first)} and {last}" if first else f"epoch {last}"
    factor = rule.reduction_factor
    share = {2: "half", 3: "third", 4: "quarter"}.get(factor, f"one in {factor}")
    return f"compares trials after {epochs}; the best {share} continues"
