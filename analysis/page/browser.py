"""Which browser of this machine draws without a window."""

import os
import shutil

from tune.errors import UsageError

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")

VARIABLE = "BROWSER_PATH"
"""Environment variable that names the program where its name is none of these."""


def find_browser() -> str | None:
    """Return the path of a Chromium or Chrome, or None where there is none."""
    named = os.environ.get(VARIABLE)
    found = (shutil.which(name) for name in ((named,) if named else NAMES))
    return next((path for path in found if path), None)


def require_browser() -> str:
    """Return the path of a Chromium or Chrome.

    Raises:
        UsageError: If there is none.
    """
    browser = find_browser()
    if browser is None:
        raise UsageError(
            "--static needs Chromium or Chrome to draw with, found none in PATH: install one, such "
            f"as Debian's package chromium, or name its program in {VARIABLE}"
        )
    return browser


def headless_flags() -> tuple[str, ...]:
    """Return what a browser is started with: no window, no network, no first-run work."""
    sandbox = ("--no-sandbox",) if os.geteuid() == 0 else ()  # root cannot use it
    return (
        "--headless=new",
        "--disable-gpu",
        "--disable-extensions",
        "--disable-background-networking",
        "--no-first-run",
        *sandbox,
    )
