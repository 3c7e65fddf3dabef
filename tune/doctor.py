"""`python -m tune.doctor STUDY`: what of a study's folder is whole, what is torn, what to do.

`python -m tune.doctor --cluster` asks the nodes of a cluster what a search needs of them. Parses
and draws; what is found is in `tune.results.examination` and `tune.engine.preflight`.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from tune.commands import DEFAULT_RESULTS, typed
from tune.config.cluster import Cluster, add_cluster_flags, add_stage_flag, read_cluster
from tune.config.command import (
    DONE,
    FINISHED_WITH_FAILURES,
    OneSentenceParser,
    make_console,
    run_command,
)
from tune.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from tune.results.examination import Finding
    from tune.storage.folder import StudyFolder


def main(argv: Sequence[str] | None = None) -> int:
    """Examine a study, repair it if asked; return 0 where everything is whole, else 1."""
    parser = OneSentenceParser(
        "python -m tune.doctor",
        "Check the files of a study, and repair what is damaged; or check the nodes of a cluster.",
    )
    parser.add_argument("study", metavar="STUDY", nargs="?", help="name of the study")
    parser.add_argument(
        "--results",
        metavar="DIR",
        default=DEFAULT_RESULTS,
        help=f"folder of all studies (default: {DEFAULT_RESULTS})",
    )
    parser.add_argument(
        "--repair",
        action="store_true",
        help="repair what is damaged; every original is kept beside it",
    )
    parser.add_argument(
        "--cluster",
        action="store_true",
        help="in the place of a study, ask every node of a cluster what a search needs of it",
    )
    parser.add_argument("--data", metavar="CORPUS", help="with --cluster, a corpus to look for")
    add_cluster_flags(parser)
    add_stage_flag(parser)
    arguments = parser.parse_args(argv)
    return run_command(lambda: diagnose(arguments))


def diagnose(arguments: argparse.Namespace) -> int:
    """Examine what was named: a study, or the cluster.

    Raises:
        UsageError: If neither is named, or both, or that cannot be examined.
    """
    if arguments.cluster == (arguments.study is not None):
        found = "both" if arguments.cluster else "neither"
        raise UsageError(
            f"tune.doctor examines a study or, with --cluster, the nodes of a cluster, found "
            f"{found}: name one"
        )
    if not arguments.cluster:
        return examine(arguments.results, arguments.study, arguments.repair)
    cluster = read_cluster(arguments, os.environ)
    if cluster is None:
        raise UsageError(
            "--cluster needs the address of one, found none: name it with --address, such as auto"
        )
    return examine_cluster(cluster, arguments.results, arguments.data)


def examine_cluster(cluster: Cluster, results: str, data: str | None) -> int:
    """Print what every node of a cluster answers; return 0 where none has a fault.

    Raises:
        UsageError: If the cluster cannot be reached, or the driver cannot write the results.
    """
    from tune.terminal.words import INDENT, note, say, show
    from tune.trial.session import open_data

    console = make_console()
    corpus = None if data is None else open_data(data, partial(say, console))
    from tune.engine.attach import attached

    with attached(cluster, partial(say, console)):
        from tune.engine.preflight import inspect_nodes

        reports = inspect_nodes(results, corpus, cluster.scratch)
    for report in reports:
        lead, style = ("torn ", "red") if report.faults else ("whole", "green")
        say(console, f" {report.name}: {report.words}", lead=lead, style=style)
        for fault in report.faults:
            say(console, fault, indent=INDENT)
        for warning in report.warnings:
            note(console, f"{report.name}: {warning}")
    able = sum(not report.faults for report in reports)
    show(console, f"{able} of {len(reports)} nodes have nothing against them")
    return DONE if able == len(reports) else FINISHED_WITH_FAILURES


def examine(results: str, name: str, repair: bool) -> int:
    """Print what was found, and repair what can be.

    Raises:
        UsageError: If there is no such study, or it is to be repaired while a search drives it.
    """
    from tune.results.resume import find_study
    from tune.storage.lock import study_lock
    from tune.terminal.words import show_commands

    folder = find_study(results, name)
    console = make_console()
    if not repair:
        findings = show_findings(console, folder)
        if any(finding.repair for finding in findings):
            command = typed("tune.doctor", name, "--repair", results=results)
            show_commands(console, "repair it:", [command])
        return DONE if all(finding.is_whole for finding in findings) else FINISHED_WITH_FAILURES
    with study_lock(folder.lock):
        repair_study(console, folder)
    findings = show_findings(console, folder)
    return DONE if all(finding.is_whole for finding in findings) else FINISHED_WITH_FAILURES


def repair_study(console: "Console", folder: "StudyFolder") -> None:
    """Repair the journal first: what the rest must be follows from it."""
    from tune.results.examination import examine_study, journal_finding

    _repair(console, [journal_finding(folder)])
    _repair(console, examine_study(folder))


def _repair(console: "Console", findings: "Sequence[Finding]") -> None:
    from tune.terminal.words import say

    for finding in findings:
        if finding.repair is not None:
            finding.act()
            say(console, f"repaired {finding.part}: {finding.repair}")


def show_findings(console: "Console", folder: "StudyFolder") -> "Sequence[Finding]":
    """Print what was found of each part of a study, and return it."""
    from tune.results.examination import examine_study
    from tune.terminal.words import INDENT, say, show

    findings = examine_study(folder)
    width = min(max(len(finding.part) for finding in findings), console.width // 3)
    show(console, f"study {folder.path}")
    for finding in findings:
        lead, style = ("whole", "green") if finding.is_whole else ("torn ", "red")
        line = f" {finding.part:<{width}}  {finding.words}"
        if finding.repair is not None:
            line += f"; repair: {finding.repair}"
        say(console, line, lead=lead, style=style, indent=INDENT)
    return findings


if __name__ == "__main__":
    sys.exit(main())
