"""`python -m tune.search`: search the hyper-parameters of one architecture and ratio, or of all.

Parses and calls; what happens is in `tune.study.run`. Nothing that a worker unpickles is defined
here.
"""

import argparse
import math
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from tune.card.mps import add_mps_flag
from tune.commands import DEFAULT_RESULTS
from tune.config.cluster import add_cluster_flags, add_stage_flag, read_cluster
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
from tune.config.settings import read_toml_file
from tune.config.until import local_now, one_deadline
from tune.config.watching import add_live_flags, read_live
from tune.engine.reach import reached
from tune.errors import UsageError
from tune.terminal.events import Events, events_of

if TYPE_CHECKING:
    from rich.console import Console

    from data.dataset import Corpus
    from tune.card.fleet import Fleet
    from tune.engine.nodes import Nodes
    from tune.engine.session import Session
    from tune.study.fitting import Fitted
    from tune.study.opening import OpenStudy
    from tune.study.plan import StudyPlan
    from tune.study.run import StudyResult


def main(argv: Sequence[str] | None = None) -> int:
    """Search, or with --dry-run say what would be done; return the exit code."""
    parser = OneSentenceParser(
        "python -m tune.search",
        "Search learning rate, warmup and base channels of a SAR autoencoder.",
    )
    add_search_flags(parser)
    add_config_flag(parser)
    parser.add_argument(
        "--dry-run", action="store_true", help="print the plan and its cost, start nothing"
    )
    add_mps_flag(parser)
    parser.add_argument("--quiet", action="store_true", help="print only what was found")
    add_session_flags(parser)
    add_live_flags(parser)
    add_cluster_flags(parser)
    add_stage_flag(parser)
    arguments = parser.parse_args(argv)
    command = command_line("tune.search", argv)
    return run_command(lambda: search(arguments, command), events_of(arguments).write_error)


def add_session_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags that say whether a study is resumed or begun."""
    group = parser.add_argument_group(
        "resuming", "The same command again resumes an unfinished study."
    )
    group.add_argument("--resume", metavar="NAME", help="resume the study of this name")
    group.add_argument("--new", action="store_true", help="start a new study whatever there is")
    group.add_argument(
        "--more-trials", metavar="N", type=int, default=0, help="extend the study by N trials"
    )
    group.add_argument(
        "--more-hours", metavar="H", type=float, default=0.0, help="extend the study by H hours"
    )


def search(arguments: argparse.Namespace, command: Sequence[str]) -> int:
    """Search on this machine, or on the cluster that was named; return the exit code.

    Raises:
        UsageError, DataError, ModelError: If something that was asked for cannot be done; nothing
            has been written then.
    """
    flags = search_flags(arguments)
    flags, file = one_deadline(flags, read_settings(arguments, flags), local_now())
    console = make_console(sys.stderr if arguments.json else None)
    from tune.terminal.words import say

    with reached(read_cluster(arguments, os.environ), partial(say, console)) as nodes:
        return search_on(nodes, console, flags, file, command, arguments)


def search_on(
    nodes: "Nodes | None",
    console: "Console",
    flags: Mapping[str, object],
    file: Mapping[str, object],
    command: Sequence[str],
    arguments: argparse.Namespace,
) -> int:
    """Plan every study that was asked for, then run them one after the other.

    Raises:
        UsageError, DataError, ModelError: See `search`.
    """
    device = str(flags.get("device", file.get("device", "auto")))
    machine = detect_machine(device) if nodes is None else nodes.machine(device)
    resolved = resolve(flags, file, machine)

    from tune.card.device import measure_card
    from tune.results.budgets import More
    from tune.results.resume import choose_starts
    from tune.storage.folder import check_results
    from tune.study.fitting import as_begun, fit, free_settings
    from tune.study.plan import plan_study
    from tune.terminal.event_fields import plan_fields
    from tune.terminal.plan import show_card, show_setting
    from tune.terminal.words import say
    from tune.trial.session import open_data

    for one in resolved:
        check_results(one.config.results)
    free = free_settings(resolved[0])
    starts = choose_starts(
        [one.config for one in resolved],
        new=arguments.new,
        resume=arguments.resume,
        more=More(arguments.more_trials, arguments.more_hours),
        free=free,
    )
    events = events_of(arguments)
    corpus = open_data(resolved[0].config.data, partial(say, console))
    fleet = None if nodes is None else admit(nodes, resolved[0], corpus, is_dry=arguments.dry_run)
    card = measure_card(machine.device) if fleet is None else None
    num_left = sum(not start.is_finished for start in starts)
    studies = [
        fit(plan_study(as_begun(one, start, free), corpus, card, fleet), start, num_left)
        for one, start in zip(resolved, starts, strict=True)
    ]
    if not arguments.quiet:
        show_setting(console, studies[0].plan)
        show_card(console, studies[0].plan)
    for study in studies:
        events.write("plan", plan_fields(study))
    if arguments.dry_run:
        dry_run(console, events, studies)
        return DONE
    return run_all(console, events, studies, machine, command, arguments, nodes)


def admit(nodes: "Nodes", resolved: Resolved, corpus: "Corpus", *, is_dry: bool) -> "Fleet":
    """Return the places of a cluster that can train the studies that were asked for.

    Raises:
        UsageError: If there is none.
    """
    from tune.engine.places import Asked

    config = resolved.config
    return nodes.admit(
        Asked(
            results=config.results,
            corpus=corpus,
            device=config.device,
            headroom=config.headroom,
            gpus_per_trial=config.gpus_per_trial,
            # A profile's choice is for one machine.
            max_concurrent=None if "max_concurrent" in resolved.picked else config.max_concurrent,
            is_dry=is_dry,
        )
    )


def dry_run(console: "Console", events: Events, studies: "Sequence[Fitted]") -> None:
    """Say what every study would do, and what it would cost."""
    from tune.study.estimate import estimate_study
    from tune.terminal.event_fields import cost_fields
    from tune.terminal.plan import show_dry_run

    for study in studies:
        estimate = estimate_study(study.plan)
        show_dry_run(console, study, estimate)
        events.write("cost", cost_fields(study.plan, estimate))


def read_settings(arguments: argparse.Namespace, flags: Mapping[str, object]) -> dict[str, object]:
    """Return the settings of a file: the one of --config, or that of the study to resume.

    Raises:
        UsageError: If flags contradict each other, or the file cannot be read.
    """
    if arguments.more_trials < 0 or not 0 <= arguments.more_hours < math.inf:
        raise UsageError(
            "--more-trials and --more-hours are not negative, found "
            f"{arguments.more_trials} and {arguments.more_hours:g}: leave out what is not needed"
        )
    if arguments.more_hours and "until" in flags:
        raise UsageError(
            "a search has one deadline, found --more-hours beside --until: leave one out"
        )
    if arguments.resume is None:
        return read_config_file(arguments)
    for flag, is_given in (
        ("--new", arguments.new),
        ("--config", arguments.config is not None),
        ("--name", "name" in flags),
    ):
        if is_given:
            raise UsageError(
                f"--resume continues what there is, found {flag} beside it: leave one out"
            )
    from tune.results.resume import find_study
    from tune.storage.kind import Kind

    results = str(flags.get("results", DEFAULT_RESULTS))
    return read_toml_file(find_study(results, arguments.resume, Kind.SEARCH).config_file)


def run_all(
    console: "Console",
    events: Events,
    studies: "Sequence[Fitted]",
    machine: Machine,
    command: Sequence[str],
    arguments: argparse.Namespace,
    nodes: "Nodes | None",
) -> int:
    """Run the planned studies in one Ray session, print what each found, return the exit code."""
    from models.training.precision import prepare_process
    from tune.engine.session import ray_on_demand
    from tune.study.fitting import share_time
    from tune.study.opening import open_study
    from tune.terminal.event_fields import search_end_fields, start_fields
    from tune.terminal.plan import show_deadline, show_start
    from tune.terminal.watching import show_dashboard
    from tune.terminal.words import say

    live = read_live(arguments)
    # As in the workers, so that the timed step is theirs.
    prepare_process(studies[0].plan.packing.num_threads)
    show_address = partial(show_dashboard, console, events, live=live, quiet=arguments.quiet)
    codes = [DONE]
    with ray_on_demand(
        live, nodes, mps=arguments.mps, say=partial(say, console), show_address=show_address
    ) as session:
        open_studies = [one for one in studies if not one.start.is_finished]
        for fitted in studies:
            show_start(console, fitted.start)
            if fitted.start.is_finished:
                continue
            num_left = len(open_studies) - open_studies.index(fitted)
            start = share_time(fitted.start, num_left)
            if not arguments.quiet:
                show_deadline(console, replace(fitted, start=start))
            plan = fitted.plan if len(codes) == 1 else plan_again(fitted.plan)
            start_ray = partial(session.start, plan.packing)
            with open_study(plan, start, machine, command, start_ray) as study:
                events.write("study_started", start_fields(study))
                result = run_and_show(console, events, plan, study, session, quiet=arguments.quiet)
            codes.append(show_result(console, plan, result))
            events.write("study_ended", search_end_fields(study, result, codes[-1]))
            if codes[-1] == INTERRUPTED:
                break
    return max(codes)


def plan_again(plan: "StudyPlan") -> "StudyPlan":
    """Return the plan of a study when others before it have ended: they are its neighbours now."""
    from tune.study.plan import plan_study

    resolved = Resolved(plan.config, plan.picked)
    return plan_study(resolved, plan.corpus, plan.packing.card, plan.fleet)


def run_and_show(
    console: "Console",
    events: Events,
    plan: "StudyPlan",
    study: "OpenStudy",
    session: "Session",
    *,
    quiet: bool,
) -> "StudyResult":
    """Run an open study, and show how to watch it and how far it is."""
    from tune.storage.trial_rows import trial_rows
    from tune.study.run import run_study
    from tune.terminal.plan import show_stack
    from tune.terminal.progress import StudyProgress
    from tune.terminal.watching import show_watching

    if not quiet:
        show_watching(console, study.folder.path, session.live)
        show_stack(console, study.stack)
    progress = StudyProgress(
        console, study.budget.trials, plan.config.epochs, quiet, most_s=study.left_s
    )
    watcher = events.watching(progress, study.agreement.facts, trial_rows)
    with progress:
        return run_study(plan, study, watcher, session)


def show_result(console: "Console", plan: "StudyPlan", result: "StudyResult") -> int:
    """Print what a study found and what to type next; return its exit code."""
    from tune.terminal.summary import draw_summary, show_end

    draw_summary(console, result.summary, result.references, plan.label)
    show_end(console, plan, result)
    return INTERRUPTED if result.interruption is not None else exit_code(result)


def exit_code(result: "StudyResult") -> int:
    """Return 0, or 1 if a trial failed or no trial has a score."""
    from tune.outcomes import Outcome

    failed = result.summary.outcomes[Outcome.FAILED] > 0 or not result.summary.ranked
    return FINISHED_WITH_FAILURES if failed else DONE


if __name__ == "__main__":
    sys.exit(main())
