"""How to watch a search from elsewhere: addresses, commands to copy, the dashboard's token."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from shlex import join, quote

from rich.console import Console

from tune.commands import typed
from tune.config.watching import LOOPBACK, Live
from tune.terminal.events import Events
from tune.terminal.words import INDENT, note, say, show, show_commands


def token_command(environment: Mapping[str, str], executable: Path) -> str | None:
    """Return the command that prints the token of Ray's dashboard; None where none is asked for.

    Ray asks unless RAY_AUTH_MODE says otherwise, and sets that itself when it starts. Its token is
    the variable RAY_AUTH_TOKEN of this shell, or a file that RAY_AUTH_TOKEN_PATH or the home folder
    has: the same in every search.

    Args:
        environment: Of this process, after Ray has started.
        executable: The Python that runs it, with the environment's own `ray` beside it.
    """
    if environment.get("RAY_AUTH_MODE", "token").lower() != "token":
        return None
    ray = executable.parent / "ray"
    if ray.is_file():
        return join([str(ray), "get-auth-token"])
    return join([str(executable), "-m", "ray.scripts.scripts", "get-auth-token"])


def show_dashboard(
    console: Console, events: Events, address: str, live: Live, *, quiet: bool = False
) -> None:
    """Say where Ray's dashboard is and how to get in."""
    command = token_command(os.environ, Path(sys.executable))
    events.write("dashboard", {"address": f"http://{address}", "token_command": command})
    if quiet:
        return
    show(console, f"Ray dashboard: http://{address}")
    if command is not None:
        say(
            console,
            "it asks each browser once for a token and remembers it; this prints it:",
            indent=INDENT,
        )
        show(console, f"{INDENT}{command}")
    if live.host != LOOPBACK:
        who = "whoever reaches that" + ("" if command is None else " and has the token")
        note(console, f"it listens on {live.host}: {who} can run code here")


def show_watching(console: Console, study: Path, live: Live) -> None:
    """Print how to watch a study from another terminal."""
    commands = [
        typed("tune.status", "--results", str(study.parent), "--watch"),
        f"optuna-dashboard {quote(str(study / 'journal'))} --host {LOOPBACK}",
    ]
    if live.tensorboard:
        commands.append(f"tensorboard --logdir {quote(str(study / 'tensorboard'))}")
    show_commands(console, "watch:", commands)
    say(
        console,
        "optuna-dashboard is a separate package; it has no login and can delete studies",
        indent=INDENT,
    )
