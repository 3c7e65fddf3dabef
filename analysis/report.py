"""`python -m analysis.report`: tables of a results folder -> one HTML page, CSVs and RUNLOG.md.

Parses, reads, and writes files. What the report says is decided in the modules that make sections;
how the page looks in `analysis.page.html`.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tune.config.command import (
    DEFAULT_RESULTS,
    DONE,
    OneSentenceParser,
    check_results_exist,
    run_command,
    writing_to,
)
from tune.errors import UsageError

if TYPE_CHECKING:
    from analysis.frames import Frames
    from analysis.page.section import Section

DEFAULT_OUT = "report"
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
    """
    from analysis.frames import load
    from analysis.page.html import build_page
    from analysis.runlog import write_runlog

    frames = load(results)
    sections = build_sections(frames, looks)
    title = "sar-tune report"
    page = build_page(title, _about(frames), sections)
    out.mkdir(parents=True, exist_ok=True)
    num_tables = _write_csvs(out, sections)
    path = out / "report.html"
    path.write_text(page.text, encoding="utf-8")
    (out / "RUNLOG.md").write_text(write_runlog(frames), encoding="utf-8")
    num_pictures = 0
    if browser is not None:
        from analysis.page.static import write_static

        main_figures = [
            figure for section in sections for figure in section.figures if figure.is_main
        ]
        num_pictures = write_static(browser, main_figures, out / "static")
    return Written(path, len(page.text.encode()), num_tables, num_pictures, page.left_out)


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
    commits = sorted(
        {
            str(manifest.get("commit") or "outside a checkout")[:8]
            for manifest in frames.manifests.values()
        }
    )
    return (
        f"{_count(len(frames.studies), 'study or promotion', 'studies and promotions')}, "
        f"{_count(len(frames.trials), 'trial', 'trials')}, "
        f"{_count(len(frames.runs), 'promoted run', 'promoted runs')}, "
        f"{_count(len(frames.epochs), 'epoch', 'epochs')}; made at "
        f"{', '.join(commits) if commits else 'no known commit'}"
    )


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _write_csvs(out: Path, sections: "Sequence[Section]") -> int:
    """Write one CSV per figure and table; return their number."""
    from analysis.csv_files import write_csvs

    figures = {item.name: item.frame for section in sections for item in section.figures}
    tables = {item.name: item.frame for section in sections for item in section.tables}
    return write_csvs(out / "figures", figures) + write_csvs(out / "tables", tables)


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
