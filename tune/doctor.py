"""`python -m tune.doctor STUDY`: what of a study's folder is whole, what is torn, what to do.

Parses and draws; what is found and how it is repaired is in `tune.results.examination`.
"""

import sys
from collections.abc import Sequence
from shlex import quote
from typing import TYPE_CHECKING

from tune.config.command import (
    DEFAULT_RESULTS,
    DONE,
    FINISHED_WITH_FAILURES,
    OneSentenceParser,
    make_console,
    results_flag,
    run_command,
)

if TYPE_CHECKING:
    from rich.console import Console

    from tune.results.examination import Finding
    from tune.storage.folder import StudyFolder


def main(argv: Sequence[str] | None = None) -> int:
    """Examine a study, repair it if asked; return 0 where everything is whole, else 1."""
    parser = OneSentenceParser(
        "python -m tune.doctor", "Check the files of a study, and repair what is damaged."
    )
    parser.add_argument("study", metavar="STUDY", help="name of the study")
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
    arguments = parser.parse_args(argv)
    return run_command(lambda: examine(arguments.results, arguments.study, arguments.repair))


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
            command = f"python -m tune.doctor {quote(name)} --repair{results_flag(results)}"
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
