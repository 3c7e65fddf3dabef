"""PNG and SVG of figures, drawn by the same plotly.js as the page's.

A page with the figures is opened once in a headless browser, which draws each into a picture and
leaves them all in its document; the browser prints the document and ends. Nothing is downloaded,
and no library is needed but the browser itself.
"""

import base64
import json
import re
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import plotly.io
from plotly.offline import get_plotlyjs

from analysis.page.browser import headless_flags
from analysis.page.literal import escape
from analysis.page.section import NamedFigure
from tune.errors import UsageError

WIDTH_PX = 900
SCALE = 2
TIMEOUT_S = 180

TITLE_PX, TOP_PX = 20, 40
"""Height of a title's line, and what a figure without words keeps free above it."""

TITLE = {
    "font": {"size": 13},
    "x": 0,
    "xref": "container",
    "y": 1,
    "yanchor": "top",
    "yref": "container",
    "pad": {"t": 12, "l": 10},
}

_SCRIPT = """
const specs = JSON.parse(document.getElementById("specs").textContent);
const pictures = {};
(async () => {
  for (const [name, spec] of Object.entries(specs)) {
    const size = { width: WIDTH, height: spec.layout.height || 460 };
    pictures[name] = {
      svg: await Plotly.toImage(spec, { format: "svg", ...size }),
      png: await Plotly.toImage(spec, { format: "png", scale: SCALE, ...size }),
    };
  }
  document.getElementById("pictures").textContent = JSON.stringify(pictures);
})();
"""


def static_files(browser: str, figures: Sequence[NamedFigure]) -> dict[str, bytes]:
    """Return the files of an SVG and a PNG per figure, by name.

    Args:
        browser: Program of a Chromium or Chrome.
        figures: What to draw, with the light template.

    Raises:
        UsageError: If the browser draws nothing.
    """
    pictures = _draw(browser, figures) if figures else {}
    files = {}
    for name, urls in pictures.items():
        files[f"{name}.svg"] = unquote(_content(urls["svg"])).encode()
        files[f"{name}.png"] = base64.b64decode(_content(urls["png"]))
    return files


def write_static(browser: str, figures: Sequence[NamedFigure], folder: Path) -> int:
    """Write a PNG and an SVG per figure into a folder; return the number of files.

    Raises:
        UsageError: If the browser draws nothing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = static_files(browser, figures)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return len(files)


def _draw(browser: str, figures: Sequence[NamedFigure]) -> dict[str, dict[str, str]]:
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "figures.html"
        page.write_text(_page(figures), encoding="utf-8")
        done = subprocess.run(
            [
                browser,
                *headless_flags(),
                f"--user-data-dir={folder}/profile",
                "--virtual-time-budget=120000",
                "--dump-dom",
                page.as_uri(),
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT_S,
        )
    found = re.search(r'id="pictures">(\{.*?\})</script>', done.stdout, re.DOTALL)
    if found is None:
        raise UsageError(
            f"--static draws in a browser, found that {browser} drew nothing (exit code "
            f"{done.returncode}): try another with BROWSER_PATH, or leave --static away"
        )
    pictures: dict[str, dict[str, str]] = json.loads(found[1])
    return pictures


def _page(figures: Sequence[NamedFigure]) -> str:
    specs = {figure.name: _spec(figure) for figure in figures}
    script = _SCRIPT.replace("WIDTH", str(WIDTH_PX)).replace("SCALE", str(SCALE))
    return "\n".join(
        [
            '<!doctype html><meta charset="utf-8"><body>',
            "<script>" + get_plotlyjs().replace("</", "<\\/") + "</script>",
            '<script type="application/json" id="specs">'
            + json.dumps(specs).replace("</", "<\\/")
            + "</script>",
            '<script type="application/json" id="pictures"></script>',
            f"<script>{script}</script>",
        ]
    )


def _spec(figure: NamedFigure) -> dict[str, Any]:
    """Return a figure's JSON with its title in it, which the page has as text of its own."""
    spec: dict[str, Any] = json.loads(plotly.io.to_json(figure.figure))
    if figure.title:
        layout = spec["layout"]
        words = layout.get("title", {}).get("text", "")
        margin = layout.setdefault("margin", {})
        margin["t"] = margin.get("t", TOP_PX) + TITLE_PX
        text = f"<b>{escape(figure.title)}</b>" + (f"<br>{words}" if words else "")
        layout["title"] = TITLE | {"text": text}
    return spec


def _content(url: str) -> str:
    """Return what follows the comma of a data address."""
    return url.partition(",")[2]
