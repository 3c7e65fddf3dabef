"""`python -m tune.replay`: what other settings would have made of recorded learning curves.

Parses and calls; a night in simulated time is `tune.simulation.night`, with the conductor, rungs
and sampler of `tune.search`.
"""

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from models.training.objective import OBJECTIVES
from tune.commands import DEFAULT_RESULTS, typed
from tune.config.command import (
    DONE,
    OneSentenceParser,
    make_console,
    run_command,
)
from tune.config.search import SCHEDULERS, SEARCHERS, SearchConfig
from tune.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from rich.console import Console

    from tune.simulation.replay import Setting
    from tune.simulation.settings import Asked
    from tune.simulation.truth import Truth
    from tune.statistics.replayed import Replayed

Item = TypeVar("Item", int, float, str)

NUM_TRIALS = 40
NUM_WORKERS = 2
"""Trials and workers of a night on a file of recorded curves."""


def main(argv: Sequence[str] | None = None) -> int:
    """Replay studies or recorded truth; return the exit code."""
    parser = OneSentenceParser(
        "python -m tune.replay",
        "Replay searches on learning curves that were recorded: what would another setting have "
        "found, lost and spent? Trains nothing.",
    )
    source = parser.add_mutually_exclusive_group()
    source.add_argument(
        "--results", metavar="DIR", default=DEFAULT_RESULTS, help="folder of studies"
    )
    source.add_argument("--truth", metavar="FILE", nargs="+", help="files of recorded curves")
    parser.add_argument("--study", metavar="NAME", help="replay this study only")
    parser.add_argument("--scheduler", metavar="NAMES", help="who is stopped, with commas between")
    parser.add_argument("--grace-epochs", metavar="N", help="likewise, with commas between")
    parser.add_argument("--reduction-factor", metavar="N", help="of asha, with commas between")
    parser.add_argument("--tolerance", metavar="X", help="of leader, with commas between")
    parser.add_argument("--searcher", metavar="NAMES", help="who suggests, with commas between")
    parser.add_argument(
        "--budget",
        metavar="N",
        help="trials of a night, or hours with an h behind, with commas between",
    )
    parser.add_argument("--nights", metavar="N", type=int, default=30, help="searches per setting")
    parser.add_argument("--workers", metavar="N", type=int, help="trials that run at the same time")
    parser.add_argument(
        "--objective",
        choices=tuple(OBJECTIVES),
        help="what is maximised (default: what the study did, psnr with --truth)",
    )
    parser.add_argument(
        "--from-nothing", action="store_true", help="do not begin with the hand-set point"
    )
    arguments = parser.parse_args(argv)
    return run_command(lambda: replay_all(arguments))


def replay_all(arguments: argparse.Namespace) -> int:
    """Replay what was asked for and print it; of studies, write it beside their tables too.

    Raises:
        UsageError: If something that was asked for cannot be replayed.
    """
    for flag, value in (("--nights", arguments.nights), ("--workers", arguments.workers)):
        if value is not None and value < 1:
            raise UsageError(f"{flag} must be at least 1, found {value}: set it higher")
    asked = read_asked(arguments)
    console = make_console()
    if arguments.truth is None:
        replay_studies(console, arguments, asked)
    else:
        replay_files(console, arguments, asked)
    return DONE


def replay_files(console: "Console", arguments: argparse.Namespace, asked: "Asked") -> None:
    """Replay files of recorded curves, with the default setting for their own."""
    from tune.simulation.replay import Setting
    from tune.simulation.settings import default_rule
    from tune.simulation.truth_file import read_truth

    objective = arguments.objective or SearchConfig.objective
    truths = [read_truth(Path(path), objective) for path in arguments.truth]
    for truth in truths:
        own = Setting(
            default_rule(truth.objective),
            (asked.searchers or (SearchConfig.searcher,))[0],
            (asked.trials or (min(NUM_TRIALS, len(truth.configurations)),))[0],
            is_own=True,
        )
        draw_replays_of(console, truth, own, arguments, asked)


def replay_studies(console: "Console", arguments: argparse.Namespace, asked: "Asked") -> None:
    """Replay the studies of a results folder; write what was found into their tables."""
    from tune.scheduling.rules import StoppingRule
    from tune.simulation.replay import Setting
    from tune.simulation.replay_rows import curve_rows, replay_rows
    from tune.simulation.studies import read_studies
    from tune.tables.files import write_table
    from tune.terminal.words import say, show, show_commands

    found, sentences = read_studies(arguments.results, arguments.study, arguments.objective)
    for sentence in sentences:
        say(console, sentence)
    for search, truth in found:
        config = search.config
        own = Setting(StoppingRule.of(config), config.searcher, is_own=True)
        replays = draw_replays_of(console, truth, own, arguments, asked, config.max_concurrent)
        num_configurations = len(truth.configurations)
        rows = replay_rows(search.name, replays, num_configurations)
        write_table(search.folder.tables, "replays", rows)
        write_table(search.folder.tables, "replay_curves", curve_rows(search.name, replays))
        show(console, f"wrote {search.folder.tables / 'replays.parquet'}")
    show_commands(console, "next:", [typed("analysis.report", results=arguments.results)])


def draw_replays_of(
    console: "Console",
    truth: "Truth",
    own: "Setting",
    arguments: argparse.Namespace,
    asked: "Asked",
    num_workers: int = NUM_WORKERS,
) -> "list[Replayed]":
    """Replay one truth with every setting, print and return what it came to."""
    from tune.simulation.replay import replay
    from tune.simulation.settings import settings
    from tune.space.points import KnownPoint
    from tune.terminal.replay import draw_replays

    known = []
    if truth.hand_set is not None and not arguments.from_nothing:
        known.append(KnownPoint("hand_set", truth.hand_set))
    replays = [
        replay(
            truth,
            setting,
            num_nights=arguments.nights,
            num_workers=arguments.workers or num_workers,
            known=known,
        )
        for setting in settings(asked, own, truth.max_epochs, truth.objective)
    ]
    draw_replays(console, truth, replays)
    return replays


def read_asked(arguments: argparse.Namespace) -> "Asked":
    """Return the settings that were asked for.

    Raises:
        UsageError: If a list holds what it does not take.
    """
    from tune.simulation.settings import Asked

    budgets = read_list("--budget", arguments.budget, str)
    hours = [text[:-1] for text in budgets if text.endswith("h")]
    trials = [text for text in budgets if not text.endswith("h")]
    return Asked(
        schedulers=read_names("--scheduler", arguments.scheduler, SCHEDULERS),
        grace_epochs=read_list("--grace-epochs", arguments.grace_epochs, int, least=1),
        reduction_factors=read_list("--reduction-factor", arguments.reduction_factor, int, least=2),
        tolerances=read_list("--tolerance", arguments.tolerance, float, least=0),
        searchers=read_names("--searcher", arguments.searcher, SEARCHERS),
        trials=read_list("--budget", ",".join(trials), int, least=1),
        hours=read_list("--budget", ",".join(hours), float, least=0),
    )


def read_names(flag: str, text: str | None, known: Sequence[str]) -> tuple[str, ...]:
    """Return the names of a flag's list.

    Raises:
        UsageError: If one is unknown.
    """
    names = read_list(flag, text, str)
    for name in names:
        if name not in known:
            raise UsageError(
                f"{flag} takes {', '.join(known)}, found {name!r}{did_you_mean(name, known)}"
            )
    return names


def read_list(
    flag: str, text: str | None, kind: type[Item], least: float | None = None
) -> tuple[Item, ...]:
    """Return the items of a flag's list; none where it is not given.

    Raises:
        UsageError: If one is no such number, or too small.
    """
    parts = [part.strip() for part in (text or "").split(",")] if text else []
    try:
        items = tuple(kind(part) for part in parts)
    except ValueError:
        items = ()
    is_small = least is not None and not all(least <= float(item) < math.inf for item in items)
    if len(items) < len(parts) or is_small:
        what = {int: "whole numbers", float: "numbers", str: "names"}[kind]
        rule = "" if least is None else f" of {least:g} or more"
        raise UsageError(f"{flag} takes {what}{rule} with commas between, found {text!r}: mend it")
    return items


if __name__ == "__main__":
    sys.exit(main())
