"""`python -m tune.train`: train one configuration with the search's own code, without a search.

The run gets a study folder of its own with one trial, so that its tables, checkpoint and place in
`tune.status` are those of every other trial. It trains in this process, without Ray.
"""

import argparse
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from tune.commands import typed
from tune.config.command import (
    DONE,
    FINISHED_WITH_FAILURES,
    INTERRUPTED,
    OneSentenceParser,
    add_config_flag,
    command_line,
    make_console,
    read_config_file,
    run_command,
)
from tune.config.machine import Machine, detect_machine
from tune.config.resolve import Resolved, add_search_flags, resolve, search_flags
from tune.config.watching import add_json_flag
from tune.errors import UsageError
from tune.space.ranges import SearchSpace
from tune.terminal.events import Events, events_of

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from models.training.epoch_result import EpochResult
    from tune.scheduling.conductor import Conductor
    from tune.study.opening import OpenStudy
    from tune.study.plan import StudyPlan
    from tune.trial.record import TrialRecord

SEARCH_ONLY = (
    "trials",
    "hours",
    "until",
    "tune",
    "range",
    "searcher",
    "scheduler",
    "grace_epochs",
    "reduction_factor",
    "audit",
    "max_concurrent",
)
"""Settings of a search that say nothing about one training."""


def main(argv: Sequence[str] | None = None) -> int:
    """Train one configuration; return the exit code."""
    parser = OneSentenceParser(
        "python -m tune.train", "Train one SAR autoencoder with given values, without a search."
    )
    add_search_flags(parser, leave_out=SEARCH_ONLY)
    add_config_flag(parser)
    parser.add_argument("--quiet", action="store_true", help="print only the result")
    add_json_flag(parser)
    parser.add_argument("--new", action="store_true", help="start a new one whatever there is")
    arguments = parser.parse_args(argv)
    command = command_line("tune.train", argv)
    return run_command(lambda: train(arguments, command), events_of(arguments).write_error)


def train(arguments: argparse.Namespace, command: Sequence[str]) -> int:
    """Plan one trial with the given values and run it here.

    Raises:
        UsageError, DataError, ModelError: If something that was asked for cannot be done.
    """
    one, machine = resolve_one(arguments)

    from models.training.precision import prepare_process
    from tune.results.budgets import More
    from tune.results.resume import choose_starts
    from tune.storage.folder import check_results
    from tune.storage.kind import Kind
    from tune.study.opening import open_study
    from tune.terminal.event_fields import start_fields, training_end_fields, training_fields
    from tune.terminal.plan import show_setting, show_stack, show_start

    check_results(one.config.results)
    (start,) = choose_starts(
        [one.config], new=arguments.new, resume=None, more=More(), kind=Kind.TRAINING
    )
    events = events_of(arguments)
    console = make_console(sys.stderr if arguments.json else None)
    prepare_process()
    plan = plan_training(one, console)
    if not arguments.quiet:
        show_setting(console, plan)
    show_start(console, start)
    events.write("plan", training_fields(plan, start))
    with open_study(plan, start, machine, command) as study:
        events.write("study_started", start_fields(study))
        if not arguments.quiet:
            show_stack(console, study.stack)
        conductor = conduct(plan, study, console, events)
        trials = conductor.recorder.trials
        try:
            with closing(conductor):
                run_here(conductor, console, quiet=arguments.quiet)
        except Exception:  # a defect of the program, which Python answers with this code
            fields = training_end_fields(study, trials[0], FINISHED_WITH_FAILURES)
            events.write("study_ended", fields)
            raise
    code = show_result(console, trials[0], str(study.folder.path), one.config.results)
    events.write("study_ended", training_end_fields(study, trials[0], code))
    return code


def resolve_one(arguments: argparse.Namespace) -> tuple[Resolved, Machine]:
    """Return the configuration that was asked for, and the machine that it is picked for.

    Raises:
        UsageError: If it is none, or several.
    """
    file = read_config_file(arguments)
    file = {name: value for name, value in file.items() if name not in SEARCH_ONLY}
    flags = {**search_flags(arguments), "trials": 1, "max_concurrent": 1}
    machine = detect_machine(str(flags.get("device", file.get("device", "auto"))))
    resolved = resolve(flags, file, machine)
    if len(resolved) != 1:
        raise UsageError(
            "a training has one architecture and one ratio, found "
            f"{len(resolved)} pairs of them: name one of each"
        )
    picked = {name: pick for name, pick in resolved[0].picked.items() if name not in SEARCH_ONLY}
    return replace(resolved[0], picked=picked), machine


def plan_training(one: Resolved, console: "Console") -> "StudyPlan":
    """Return the plan of a study whose one trial has the given values; reads the corpus."""
    from tune.space.points import KnownPoint
    from tune.storage.kind import Kind
    from tune.study.plan import plan_study
    from tune.terminal.words import say
    from tune.trial.session import open_data

    plan = plan_study(one, open_data(one.config.data, partial(say, console)))
    return replace(
        plan,
        kind=Kind.TRAINING,
        known=(KnownPoint("given", {}),),
        rungs=(),
        space=SearchSpace(()),
    )


def conduct(
    plan: "StudyPlan", study: "OpenStudy", console: "Console", events: Events
) -> "Conductor":
    """Return the conductor of the one trial, which also writes its events."""
    from tune.storage.trial_rows import trial_rows
    from tune.study.run import make_conductor
    from tune.terminal.progress import StudyProgress

    progress = StudyProgress(console, 1, plan.config.epochs, quiet=True)
    return make_conductor(plan, study, events.watching(progress, study.agreement.facts, trial_rows))


def run_here(conductor: "Conductor", console: "Console", quiet: bool) -> None:
    """Train the one trial of a study to its end in this process; it may have begun earlier.

    A defect of the program ends the trial as FAILED and keeps its traceback, here and in the
    records.
    """
    import traceback

    from tune.outcomes import Outcome
    from tune.terminal.words import show
    from tune.trial.crashes import crash_outcome, crash_reason
    from tune.trial.run import run_trial

    spec = conductor.next_trial()
    if spec is None:  # its last epoch was finished, and only its end was not written
        return
    conductor.start(spec.number)
    try:
        for result in run_trial(spec, conductor.say):
            conductor.report_epoch(spec.number, result)
            if not quiet:
                show(console, epoch_line(result, spec.train.epochs, console.width))
    except KeyboardInterrupt:
        conductor.interrupt("interrupted by SIGINT")
    except Exception as error:
        outcome = crash_outcome(error)
        conductor.end(spec.number, outcome, crash_reason(error), traceback.format_exc())
        if outcome is Outcome.FAILED:
            raise
    else:
        conductor.end(spec.number, Outcome.COMPLETED)


def epoch_line(result: "EpochResult", epochs: int, room: int) -> "Text":
    """Return one line about a finished epoch, as wide as the room at most.

    The epoch, the validation PSNR (or MS-SSIM, where that is the objective) and the learning rate
    always stand; of the others the training loss goes first.
    """
    from tune.terminal.words import fit_line

    of_scales = result.val_ms_ssim
    return fit_line(
        [
            (f"epoch {result.epoch:>3d}/{epochs}", 0),
            (f"  train loss {result.train_loss:.4f}", 4),
            (f"  val PSNR {result.val_psnr_db:6.2f} dB", 0 if of_scales is None else 1),
            (f"  SSIM {result.val_ssim:.3f}", 1),
            ("" if of_scales is None else f"  MS-SSIM {of_scales:.4f}", 0),
            (f"  lr {result.learning_rate:.2e}", 0),
            (f"  {result.samples_per_s:.0f} crops/s", 3),
            (f"  {result.train_s + result.val_s:.1f} s", 2),
        ],
        room,
    )


def show_result(console: "Console", record: "TrialRecord", folder: str, results: str) -> int:
    """Print how the run ended, where it is and what to type next; return the exit code."""
    from tune.outcomes import Outcome
    from tune.terminal.words import say, show, show_commands

    best, objective = record.best, record.objective
    score = "no epoch finished"
    if best is not None:
        beside = (
            f"SSIM {best.val_ssim:.3f}"
            if objective.name == "psnr"
            else f"PSNR {best.val_psnr_db:.2f} dB"
        )
        score = (
            f"best validation {objective.words} {objective.text(record.best_score)}, {beside} "
            f"at epoch {best.epoch}"
        )
    why = f" ({record.reason})" if record.reason else ""
    say(console, f"{record.outcome}{why}: {score}")
    show(console, f"wrote {folder}")
    show_commands(console, "next:", [typed("tune.status", results=results)])
    if record.outcome is Outcome.INTERRUPTED:
        return INTERRUPTED
    return DONE if record.outcome is Outcome.COMPLETED else FINISHED_WITH_FAILURES


if __name__ == "__main__":
    sys.exit(main())
