"""`python -m tune.doctor STUDY`: what of a study's folder is whole, what is torn, what to do.

Parses and draws; what is found and how it is repaired is in `tune.results.examination`.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tune.config.command import (
    DONE,
    FINISHED_WITH_FAILURES,
    OneSentenceParser,
    make_console,
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
        default="ray_results",
        help="folder of all studies (default: ray_results)",
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

    folder = find_study(results, name)
    console = make_console()
    if not repair:
        findings = show_findings(console, folder)
        if any(finding.repair for finding in findings):
            console.print(f"repair it: python -m tune.doctor {name} --repair", markup=False)
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
    for finding in findings:
        if finding.repair is not None:
            finding.act()
            console.print(f"repaired {finding.part}: {finding.repair}", markup=False)


def show_findings(console: "Console", folder: "StudyFolder") -> "Sequence[Finding]":
    """Print one line per part of a study and return what was found."""
    from rich.markup import escape

    from tune.results.examination import examine_study

    findings = examine_study(folder)
    width = max(len(finding.part) for finding in findings)
    console.print(f"study {Path(folder.path)}", markup=False)
    for finding in findings:
        state = "[green]whole[/]" if finding.is_whole else "[red]torn [/]"
        line = f"  {state}  {escape(finding.part):<{width}}  {escape(finding.words)}"
        if finding.repair is not None:
            line += f"; repair: {escape(finding.repair)}"
        console.print(line)
    return findings


if __name__ == "__main__":
    sys.exit(main())
