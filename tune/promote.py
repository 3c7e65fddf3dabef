"""`python -m tune.promote`: train the best of finished searches fully, with several seeds.

Parses and calls; what is promoted is decided in `tune.results.searches` and `tune.promotion.plan`,
what happens is in `tune.promotion.run`. Nothing that a worker unpickles is defined here.
"""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

from tune.card.mps import add_mps_flag
from tune.commands import DEFAULT_RESULTS, typed
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
from tune.config.promotion import PromotionConfig, read_asked
from tune.config.settings import ALL, add_flags, given_values
from tune.config.watching import add_live_flags, read_live
from tune.engine.reach import reached
from tune.errors import UsageError
from tune.terminal.events import Events, events_of

if TYPE_CHECKING:
    from rich.console import Console

    from data.dataset import Corpus
    from tune.card.fleet import Fleet
    from tune.config.machine import Machine
    from tune.engine.nodes import Nodes
    from tune.engine.session import Session
    from tune.promotion.plan import PromotionPlan
    from tune.promotion.run import PromotionResult
    from tune.results.resume import Start
    from tune.study.opening import OpenStudy

    Planned = tuple[PromotionPlan, Start]


def main(argv: Sequence[str] | None = None) -> int:
    """Promote, or with --dry-run say what would be done; return the exit code."""
    parser = OneSentenceParser(
        "python -m tune.promote",
        "Train the best trials of finished searches at full fidelity, several seeds each, and "
        "score them on test images.",
    )
    add_flags(parser, PromotionConfig, {}, leave_out=("racing",))
    parser.add_argument(
        "--no-race",
        dest="racing",
        action="store_const",
        const="off",
        default=argparse.SUPPRESS,
        help="run every seed of every candidate, the clearly worse ones too",
    )
    add_config_flag(parser)
    parser.add_argument(
        "--dry-run", action="store_true", help="print the plan and its cost, start nothing"
    )
    add_mps_flag(parser)
    parser.add_argument("--quiet", action="store_true", help="print only what was found")
    add_live_flags(parser)
    add_cluster_flags(parser)
    add_stage_flag(parser)
    parser.add_argument("--resume", metavar="NAME", help="resume the promotion of this name")
    parser.add_argument("--new", action="store_true", help="start a new one whatever there is")
    arguments = parser.parse_args(argv)
    command = command_line("tune.promote", argv)
    return run_command(lambda: promote(arguments, command), events_of(arguments).write_error)


def promote(arguments: argparse.Namespace, command: Sequence[str]) -> int:
    """Promote on this machine, or on the cluster that was named; return the exit code.

    Raises:
        UsageError, DataError, ModelError: If something that was asked for cannot be done; nothing
            has been written then.
    """
    flags = given_values(PromotionConfig, arguments)
    asked = read_settings(arguments, flags)
    console = make_console(sys.stderr if arguments.json else None)
    from tune.terminal.words import say

    with reached(read_cluster(arguments, os.environ), partial(say, console)) as nodes:
        return promote_on(nodes, console, asked, command, arguments)


def promote_on(
    nodes: "Nodes | None",
    console: "Console",
    asked: Mapping[str, Any],
    command: Sequence[str],
    arguments: argparse.Namespace,
) -> int:
    """Plan every promotion that was asked for, then run them one after the other.

    Raises:
        UsageError, DataError, ModelError: See `promote`.
    """
    from tune.config.machine import detect_machine
    from tune.storage.folder import check_results
    from tune.terminal.event_fields import promotion_fields
    from tune.terminal.words import say, show_commands

    device = str(asked.get("device", "auto"))
    machine = detect_machine(device) if nodes is None else nodes.machine(device)
    check_results(asked.get("results", DEFAULT_RESULTS))
    events = events_of(arguments)
    planned = plan_all(asked, machine, arguments, console, nodes)
    if not planned:
        say(
            console,
            "nothing to promote: every finished search has a finished promotion; --new promotes "
            "again",
        )
        status = typed("tune.status", results=asked.get("results", DEFAULT_RESULTS))
        show_commands(console, "next:", [status])
        return DONE
    if not arguments.quiet or arguments.dry_run:
        show_all(console, planned, with_costs=arguments.dry_run)
    for plan, start in planned:
        events.write("plan", promotion_fields(plan, start))
    if arguments.dry_run:
        return DONE
    return run_all(console, events, planned, machine, command, arguments, nodes)


def read_settings(arguments: argparse.Namespace, flags: Mapping[str, object]) -> dict[str, Any]:
    """Return the settings that were given: as flags, in a file, or those of the one to resume.

    Raises:
        UsageError: If flags contradict each other, or the file cannot be read.
    """
    if arguments.resume is None:
        return read_asked(flags, read_config_file(arguments))
    others = {name for name in flags if name not in {"results", "max_concurrent"}}
    others |= {name for name in ("config", "new") if getattr(arguments, name)}
    if others:
        raise UsageError(
            "--resume continues what there is, found "
            f"--{min(others).replace('_', '-')} beside it: leave one out"
        )
    from tune.results.promotions import promotion_to_resume

    asked = read_asked(flags, {})
    return (
        asdict(promotion_to_resume(asked.get("results", DEFAULT_RESULTS), arguments.resume)) | asked
    )


def plan_all(
    asked: Mapping[str, Any],
    machine: "Machine",
    arguments: argparse.Namespace,
    console: "Console",
    nodes: "Nodes | None",
) -> "list[Planned]":
    """Return what is promoted, most useful ratios first.

    Where one architecture and ratio is named, or a search, it is promoted again after a finished
    promotion; where all are asked for, only those that have none.
    """
    from tune.card.device import measure_card
    from tune.promotion.plan import plan_promotion, resolve_promotion
    from tune.results.promotions import (
        choose_promotion_start,
        find_promotions,
        was_promoted,
    )
    from tune.results.searches import choose_searches
    from tune.terminal.words import say
    from tune.trial.session import open_data

    corpora: dict[str | None, Corpus] = {}
    given: Corpus | None = None
    if "data" in asked:
        given = corpora[asked["data"]] = open_data(asked["data"], partial(say, console))
    archs, ratios = (_several(asked.get(name, ALL)) for name in ("arch", "ratio"))
    searches = choose_searches(
        asked.get("results", DEFAULT_RESULTS),
        archs,
        ratios,
        asked.get("study"),
        None if given is None else given.info.fingerprint,
    )
    is_one = archs is not None and ratios is not None and len(archs) * len(ratios) == 1
    is_matrix = asked.get("study") is None and not is_one
    card = measure_card(machine.device) if nodes is None else None
    known = list(find_promotions(asked.get("results", DEFAULT_RESULTS)))
    planned = []
    for search in searches:
        promotion = resolve_promotion(asked, search, machine)
        if is_matrix and not arguments.new and was_promoted(promotion, known):
            continue
        if promotion.data not in corpora:
            corpora[promotion.data] = open_data(promotion.data, partial(say, console))
        corpus = corpora[promotion.data]
        fleet = (
            None
            if nodes is None
            else admit(nodes, asked, promotion, corpus, is_dry=arguments.dry_run)
        )
        plan = plan_promotion(promotion, search, corpus, card, fleet)
        start = choose_promotion_start(
            promotion, known, plan.num_runs, new=arguments.new, resume=arguments.resume
        )
        planned.append((plan, start))
    return planned


def admit(
    nodes: "Nodes",
    asked: Mapping[str, Any],
    promotion: PromotionConfig,
    corpus: "Corpus",
    *,
    is_dry: bool,
) -> "Fleet":
    """Return the places of a cluster that can train the runs of a promotion.

    Raises:
        UsageError: If there is none.
    """
    from tune.config.search import SearchConfig
    from tune.engine.places import Asked

    return nodes.admit(
        Asked(
            results=promotion.results,
            corpus=corpus,
            device=promotion.device,
            headroom=SearchConfig.headroom,
            gpus_per_trial=None,
            max_concurrent=asked.get("max_concurrent"),  # a profile's choice is for one machine
            is_dry=is_dry,
        )
    )


def show_all(console: "Console", planned: "Sequence[Planned]", *, with_costs: bool) -> None:
    """Print what is promoted, with costs the candidates and what they would take."""
    from tune.terminal.promotion import show_promotion, show_promotion_plan

    for plan, start in planned:
        show_promotion(console, plan, start)
        if with_costs:
            show_promotion_plan(console, plan)


def run_all(
    console: "Console",
    events: Events,
    planned: "Sequence[Planned]",
    machine: "Machine",
    command: Sequence[str],
    arguments: argparse.Namespace,
    nodes: "Nodes | None",
) -> int:
    """Run the planned promotions in one Ray session and return the exit code."""
    from models.training.precision import prepare_process
    from tune.engine.session import ray_on_demand
    from tune.study.opening import open_study
    from tune.terminal.event_fields import promotion_end_fields, start_fields
    from tune.terminal.promotion import show_next
    from tune.terminal.watching import show_dashboard
    from tune.terminal.words import say

    live = read_live(arguments)
    # As in the workers, so that the timed step is theirs.
    prepare_process(planned[0][0].packing.num_threads)
    show_address = partial(show_dashboard, console, events, live=live, quiet=arguments.quiet)
    codes = [DONE]
    with ray_on_demand(
        live, nodes, mps=arguments.mps, say=partial(say, console), show_address=show_address
    ) as session:
        for plan, start in planned:
            if nodes is not None:
                nodes.turn_to(plan.corpus)
            with open_study(plan, start, machine, command) as study:
                events.write("study_started", start_fields(study))
                result = run_and_show(console, events, plan, study, session, quiet=arguments.quiet)
            codes.append(show_result(console, plan, study, result))
            events.write("study_ended", promotion_end_fields(plan, study, result, codes[-1]))
            if codes[-1] == INTERRUPTED:
                return INTERRUPTED
    show_next(console, planned[0][0].promotion.results)
    return max(codes)


def run_and_show(
    console: "Console",
    events: Events,
    plan: "PromotionPlan",
    study: "OpenStudy",
    session: "Session",
    *,
    quiet: bool,
) -> "PromotionResult":
    """Run an open promotion to its end; show how to watch it and how far it is."""
    from tune.promotion.run import conclude, train_candidates
    from tune.storage.run_rows import run_rows
    from tune.terminal.plan import show_stack
    from tune.terminal.progress import StudyProgress
    from tune.terminal.watching import show_watching
    from tune.terminal.words import say

    if not quiet:
        show_watching(console, study.folder.path, session.live)
        show_stack(console, study.stack)
    num_runs, epochs = study.budget.trials, plan.config.epochs
    with StudyProgress(console, num_runs, epochs, quiet, unit="runs") as progress:
        agreement = study.agreement
        watcher = events.watching(progress, agreement.facts, run_rows(agreement.candidates))
        promoter = train_candidates(plan, study, watcher, session)
    tell = (lambda _: None) if quiet else partial(say, console)
    return conclude(plan, study, promoter, tell)


def show_result(
    console: "Console", plan: "PromotionPlan", study: "OpenStudy", result: "PromotionResult"
) -> int:
    """Print what a promotion found; return its exit code."""
    from tune.terminal.promotion import draw_rate_points, draw_verdicts, show_promotion_end

    draw_verdicts(console, plan.label, result.verdicts, study.agreement.candidates)
    draw_rate_points(console, plan, result)
    show_promotion_end(console, plan, result)
    return INTERRUPTED if result.interruption is not None else exit_code(result)


def exit_code(result: "PromotionResult") -> int:
    """Return 0, or 1 if a run failed or could not be scored, or no candidate has a score."""
    from tune.outcomes import Outcome

    failed = any(record.outcome is Outcome.FAILED for record in result.records.values())
    is_whole = result.verdicts and not (failed or result.left_out)
    return DONE if is_whole else FINISHED_WITH_FAILURES


def _several(value: Any) -> tuple[Any, ...] | None:
    """Return the values that were named; None for all."""
    if value == ALL:
        return None
    return value if isinstance(value, tuple) else (value,)


if __name__ == "__main__":
    sys.exit(main())
