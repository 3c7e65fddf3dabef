"""The pictures of reports in docs/images, by one command.

`python -m benchmarks.gallery --results DIR [--out docs/images]` writes a report of a results folder
and one of its largest search alone into a temporary folder, opens both in Chromium, and writes

| picture | what |
|---|---|
| `first_screen.png`, `first_screen_dark.png` | the answer, 1440 x 900 |
| `first_screen_phone.png` | the same, 390 px wide |
| `rate_distortion.png` | the first figure alone |
| `pictures.png` | the slider between original and decoded, of the middle picture |
| `search.png` | the first screen of one search alone |

`pictures.png` shows pixels of the corpus and is not kept in the project (.gitignore).

The results folder is the one that the README tells of: searches of a matrix of architectures and
ratios of bytes on one corpus, and their promotions with test scores and pictures. Where it lacks
promotions or pictures, their pictures are not written, and it says so. Another folder gives the
same pictures of something else. Needs the development packages and Chromium or Chrome.
"""

import argparse
import io
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import analysis
from analysis.page.browser import find_browser, headless_flags
from analysis.report import write_report
from tune.config.command import DONE, run_command
from tune.errors import UsageError

NUM_COLOURS = 256
"""Of the palette of a PNG: a page has few, and a file of all would be three times as large."""

SETTLED_MS = 1500


@dataclass(frozen=True)
class Shot:
    """One picture of a page.

    Attributes:
        name: Stem of its file.
        width_px: Of the window.
        height_px: Of the window.
        scheme: light or dark.
        element: What of the page is shown; "" for what the window shows.
        scale: Pixels of the picture per pixel of the page.
    """

    name: str
    width_px: int = 1440
    height_px: int = 900
    scheme: str = "light"
    element: str = ""
    scale: float = 1.0


SHOTS = (
    Shot("first_screen"),
    Shot("first_screen_dark", scheme="dark"),
    Shot("first_screen_phone", 390, 844, scale=2.0),
    Shot("rate_distortion", 1280, element=".answer figure", scale=1.5),
    Shot("pictures", 1280, element=".comparison"),
)
SEARCH = Shot("search")


def main(argv: Sequence[str] | None = None) -> int:
    """Write the pictures; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gallery", description=__doc__)
    parser.add_argument("--results", type=Path, required=True, help="folder of all studies")
    parser.add_argument("--out", type=Path, default=Path("docs/images"), help="where to write")
    arguments = parser.parse_args(argv)
    return run_command(lambda: _write(arguments.results, arguments.out))


def _write(results: Path, out: Path) -> int:
    program = find_browser()
    if program is None:
        raise UsageError("the gallery needs Chromium or Chrome, found none in PATH: install one")
    search = largest_search(results)
    from playwright.sync_api import sync_playwright

    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=list(headless_flags()))
        alone = Path(folder) / "alone"
        alone.mkdir()
        (alone / search.name).symlink_to(search.resolve())
        for of, shots in ((results, SHOTS), (alone, (SEARCH,))):
            page = write_report(of, Path(folder) / f"report_of_{of.name}").page
            for shot in shots:
                picture = take(browser.new_page, page, shot)
                if picture is None:
                    sys.stdout.write(f"not written: {shot.name}, the report has none\n")
                    continue
                path = out / f"{shot.name}.png"
                path.write_bytes(picture)
                sys.stdout.write(f"wrote {path} ({len(picture) / 1e3:.0f} kB)\n")
        browser.close()
    return DONE


def largest_search(results: Path) -> Path:
    """Return the folder of the search with the most trials, of equal ones the first.

    Raises:
        UsageError: If there is no search with a trial.
    """
    trials = analysis.load(results).trials
    if trials.empty:
        raise UsageError(
            f"--results must have a search with trials, found none in {str(results)!r}: name the "
            "folder of a finished matrix"
        )
    counts = trials["study"].value_counts().sort_index(kind="stable")
    return results / str(counts.idxmax())


def take(new_page: Callable[..., Any], path: Path, shot: Shot) -> bytes | None:
    """Return a picture as PNG; None where the page has no such element.

    Args:
        new_page: Opens a window of a browser.
        path: The page.
        shot: What of it, and how.
    """
    page = new_page(
        viewport={"width": shot.width_px, "height": shot.height_px},
        color_scheme=shot.scheme,
        reduced_motion="reduce",
        device_scale_factor=shot.scale,
    )
    page.goto(path.resolve().as_uri())
    picture = None
    if not shot.element:
        page.wait_for_timeout(SETTLED_MS)
        picture = page.screenshot()
    elif (count := page.locator(shot.element).count()) > 0:
        # Of many, the one in the middle: a median picture at a middle ratio.
        element = page.locator(shot.element).nth(count // 2 if shot.name == "pictures" else 0)
        element.scroll_into_view_if_needed()
        page.wait_for_timeout(SETTLED_MS)
        picture = element.screenshot()
    page.close()
    return None if picture is None else with_few_colours(picture)


def with_few_colours(picture: bytes) -> bytes:
    """Return a PNG with a palette."""
    from PIL import Image

    file = io.BytesIO()
    with Image.open(io.BytesIO(picture)) as shown:
        shown.convert("RGB").quantize(NUM_COLOURS).save(file, "PNG", optimize=True)
    return file.getvalue()


if __name__ == "__main__":
    sys.exit(main())
