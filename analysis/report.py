"""`python -m analysis.report`: tables of a results folder -> one HTML page, CSVs and RUNLOG.md.

Parses, reads, and writes files. What the report says is decided in the modules that make sections;
how the page looks in `analysis.page.html`.
"""

import argparse
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tune.commands import DEFAULT_RESULTS
from tune.config.command import (
    DONE,
    OneSentenceParser,
    check_results_exist,
    run_command,
    writing_to,
)
from tune.errors import UsageError

if TYPE_CHECKING:
    from analysis.exports.own_files import Write
    from analysis.frames import Frames
    from analysis.page.section import Section

DEFAULT_OUT = "report"
TITLE = "sar-tune report"
PAGE = "report.html"
DEFAULT_LOOKS = 4.4


@dataclass(frozen=True)
class Written:
    """What a report consists of.

    Attributes:
        page: The HTML file.
        num_bytes: Its size.
        num_tables: CSV files.
        num_pictures: PNG and SVG files.
        left_out: Figures that the page has no room for.
    """

    page: Path
    num_bytes: int
    num_tables: int
    num_pictures: int
    left_out: tuple[str, ...]


def main(argv: Sequence[str] | None = None) -> int:
    """Write a report; return the exit code."""
    parser = OneSentenceParser(
        "python -m analysis.report",
        "Write what the tables of all studies and promotions say: report.html, a CSV per figure "
        "and table, and RUNLOG.md.",
    )
    parser.add_argument(
        "--results",
        metavar="DIR",
        default=None,
        help=f"folder of all studies (default: {DEFAULT_RESULTS})",
    )
    parser.add_argument(
        "--out",
        metavar="DIR",
        type=Path,
        default=Path(DEFAULT_OUT),
        help=f"folder to write into; files of an earlier report in it are replaced "
        f"(default: {DEFAULT_OUT})",
    )
    parser.add_argument(
        "--static",
        action="store_true",
        help="also write the main figures as PNG and SVG; needs Chromium or Chrome",
    )
    parser.add_argument(
        "--looks",
        metavar="N",
        type=float,
        default=DEFAULT_LOOKS,
        help="equivalent number of looks that the speckle floor assumes "
        f"(default: {DEFAULT_LOOKS}, Sentinel-1 IW GRDH)",
    )
    arguments = parser.parse_args(argv)
    return run_command(lambda: _report(arguments))


def _report(arguments: argparse.Namespace) -> int:
    results, out, looks = arguments.results, arguments.out, arguments.looks
    if results is not None:
        check_results_exist(results)
    if not looks > 0:
        raise UsageError(
            f"--looks must be above 0, found {looks:g}: give the sensor's, such as 4.4"
        )
    if out.exists() and not out.is_dir():
        raise UsageError(f"--out must be a folder, found the file {str(out)!r}: name another one")
    browser = None
    if arguments.static:
        from analysis.page.browser import require_browser

        browser = require_browser()  # before anything is written
    with writing_to(out):
        written = write_report(results or DEFAULT_RESULTS, out, looks, browser)
    sys.stdout.write(_words(written, out))
    return DONE


def write_report(
    results: Path | str, out: Path, looks: float = DEFAULT_LOOKS, browser: str | None = None
) -> Written:
    """Write a report of a results folder.

    Args:
        results: The folder of all studies; it may be absent or empty.
        out: The folder to write into.
        looks: Looks that the speckle floor assumes.
        browser: Program that draws PNG and SVG of the main figures; None for none.

    Raises:
        UsageError: If a file would be replaced that no report wrote, or the browser draws nothing.
    """
    from analysis.exports.own_files import write_own
    from analysis.frames import load
    from analysis.page.html import build_page
    from analysis.runlog import write_runlog

    frames = load(results)
    sections = build_sections(frames, looks)
    page = build_page(TITLE, _about(frames), sections)
    texts = {
        PAGE: _writer(page.text.encode()),
        "RUNLOG.md": _writer(write_runlog(frames).encode()),
    }
    csvs = _csvs(sections)
    # A report without pictures leaves those of an earlier one.
    pictures = {} if browser is None else {"static": _pictures(browser, sections)}
    parts = {"report": {**texts, **csvs}, **pictures}
    write_own(out, parts, adopts=_is_of_a_report(out / PAGE))
    num_pictures = sum(len(files) for files in pictures.values())
    num_bytes = len(page.text.encode())
    return Written(out / PAGE, num_bytes, len(csvs), num_pictures, page.left_out)


def build_sections(frames: "Frames", looks: float = DEFAULT_LOOKS) -> "tuple[Section, ...]":
    """Return all sections of the report, the answers first."""
    from analysis.overview.answer import answer_sections
    from analysis.overview.missing import missing_section
    from analysis.promotions.comparisons import picture_sections
    from analysis.promotions.pictures import compute_pictures
    from analysis.promotions.section import promotion_sections
    from analysis.rates.curves import compute_rate_distortion
    from analysis.rates.section import rate_sections
    from analysis.searches.section import sweep_sections

    result = compute_rate_distortion(frames, looks)
    answers = answer_sections(frames, result)
    shown = {figure.name for section in answers for figure in section.figures}
    return (
        *answers,
        *rate_sections(result),
        *promotion_sections(frames),
        *picture_sections(compute_pictures(frames)),
        *sweep_sections(frames, shown),
        *missing_section(frames, result),
    )


def _about(frames: "Frames") -> str:
    return (
        f"{_count(len(frames.studies), 'study or promotion', 'studies and promotions')}, "
        f"{_count(len(frames.trials), 'trial', 'trials')}, "
        f"{_count(len(frames.runs), 'promoted run', 'promoted runs')}, "
        f"{_count(len(frames.epochs), 'epoch', 'epochs')}; "
        f"{made_at(manifest.get('commit') for manifest in frames.manifests.values())}"
    )


def made_at(commits: Iterable[str | None]) -> str:
    """Return which commits of the project made the studies; None is one outside a checkout.

    >>> made_at(["3728d421b0", None, "3728d421b0"])
    'made at 3728d421 and outside a checkout'
    >>> made_at([])
    'made at no known commit'
    """
    found = set(commits)
    short = ", ".join(sorted(commit[:8] for commit in found if commit))
    parts = [f"at {short}"] * bool(short) + ["outside a checkout"] * (None in found)
    return f"made {' and '.join(parts) or 'at no known commit'}"


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _csvs(sections: "Sequence[Section]") -> "dict[str, Write]":
    """Return what writes one CSV per figure and table."""
    from analysis.csv_files import csv_files

    figures = {item.name: item.frame for section in sections for item in section.figures}
    tables = {item.name: item.frame for section in sections for item in section.tables}
    return {**csv_files("figures", figures), **csv_files("tables", tables)}


def _pictures(browser: str, sections: "Sequence[Section]") -> "dict[str, Write]":
    """Return what writes the pictures of the main figures, which are drawn here."""
    from analysis.page.static import static_files

    main_figures = [figure for section in sections for figure in section.figures if figure.is_main]
    pictures = static_files(browser, main_figures)
    return {f"static/{name}": _writer(content) for name, content in pictures.items()}


def _writer(content: bytes) -> "Write":
    return lambda path: path.write_bytes(content)


def _is_of_a_report(page: Path) -> bool:
    """Whether a page is of a report, also of a release that kept no list of its files."""
    try:
        with page.open("rb") as file:
            return f"<title>{TITLE}</title>".encode() in file.read(2000)
    except OSError:
        return False


def _words(written: Written, out: Path) -> str:
    pictures = f", {written.num_pictures} pictures" if written.num_pictures else ""
    left_out = (
        f"{len(written.left_out)} figures are only in their CSV, to keep the page small.\n"
        if written.left_out
        else ""
    )
    return (
        f"wrote {written.page} ({written.num_bytes / 1e6:.1f} MB), {written.num_tables} CSV files"
        f"{pictures} and RUNLOG.md in {out}\n{left_out}next: open {written.page} in a browser\n"
    )


if __name__ == "__main__":
    sys.exit(main())
