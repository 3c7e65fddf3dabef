"""`python -m tune.search`: search the hyper-parameters of one architecture and ratio, or of all.

Parses and calls; what happens is in `tune.launch`. Nothing that a worker unpickles is defined here.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tune.command import (
    DONE,
    FINISHED_WITH_FAILURES,
    INTERRUPTED,
    OneSentenceParser,
    command_line,
    make_console,
    run_command,
)
from tune.config import Resolved, add_search_flags, resolve, search_flags
from tune.profiles import Machine, detect_machine
from tune.settings import read_toml_file

if TYPE_CHECKING:
    from rich.console import Console

    from tune.launch import StudyPlan, StudyResult


def main(argv: Sequence[str] | None = None) -> int:
    """Search, or with --dry-run say what would be done; return the exit code."""
    parser = OneSentenceParser(
        "python -m tune.search",
        "Search learning rate, warmup and base channels of a SAR autoencoder.",
    )
    add_search_flags(parser)
    parser.add_argument("--config", metavar="FILE", help="TOML file; its keys are the flags' names")
    parser.add_argument(
        "--dry-run", action="store_true", help="print the plan and its cost, start nothing"
    )
    parser.add_argument(
        "--no-dashboard", action="store_true", help="start Ray without its dashboard"
    )
    parser.add_argument("--quiet", action="store_true", help="print only what was found")
    arguments = parser.parse_args(argv)
    command = command_line("tune.search", argv)
    return run_command(lambda: search(arguments, command))


def search(arguments: argparse.Namespace, command: Sequence[str]) -> int:
    """Plan every study that was asked for, then run them one after the other.

    Raises:
        UsageError, DataError, ModelError: If something that was asked for cannot be done; nothing
            has been written then.
    """
    file = {} if arguments.config is None else read_toml_file(arguments.config)
    flags = search_flags(arguments)
    machine = detect_machine(str(flags.get("device", file.get("device", "auto"))))
    resolved = resolve(flags, file, machine)

    from tune.launch import plan_study
    from tune.plan_view import open_data, show_plan, show_setting
    from tune.study import check_results

    for one in resolved:
        check_results(one.config.results, one.config.name)
    console = make_console()
    corpus = open_data(resolved[0].config.data, console)
    plans = [plan_study(one, corpus) for one in resolved]
    if not arguments.quiet:
        show_setting(console, plans[0])
    if arguments.dry_run:
        for plan in plans:
            show_plan(console, plan)
        return DONE
    return run_all(console, plans, machine, command, arguments)


def run_all(
    console: "Console",
    plans: Sequence["StudyPlan"],
    machine: Machine,
    command: Sequence[str],
    arguments: argparse.Namespace,
) -> int:
    """Run the planned studies in one Ray session, print what each found, return the exit code."""
    from models.precision import prepare_process
    from tune.launch import plan_study, prepare_study, run_study
    from tune.plan_view import show_dashboard, show_end, show_stack
    from tune.ray_driver import ray_session
    from tune.summary import draw_summary

    code = DONE
    prepare_process(num_threads=1)  # as in the workers, so that the timed step is theirs
    # Before Ray starts: a name that is taken costs no waiting, and the timed step a quiet machine.
    folder, stack = prepare_study(plans[0], machine, command)
    quiet = arguments.quiet
    with ray_session(plans[0].packing, dashboard=not arguments.no_dashboard) as address:
        if not quiet:
            show_dashboard(console, address)
        for number, planned in enumerate(plans):
            plan = planned
            if number > 0:  # planned again: the studies before are its neighbours now
                plan = plan_study(Resolved(planned.config, planned.picked), planned.corpus)
                folder, stack = prepare_study(plan, machine, command)
            if not quiet:
                show_stack(console, stack)
            result = run_study(plan, stack, folder, console, quiet)
            draw_summary(console, result.summary, result.references, plan.label)
            show_end(console, plan, result)
            if result.interruption is not None:
                return INTERRUPTED
            code = max(code, exit_code(result))
    return code


def exit_code(result: "StudyResult") -> int:
    """Return 0, or 1 if a trial failed or no trial has a score."""
    from tune.outcomes import Outcome

    failed = result.summary.outcomes[Outcome.FAILED] > 0 or not result.summary.ranked
    return FINISHED_WITH_FAILURES if failed else DONE


if __name__ == "__main__":
    sys.exit(main())
