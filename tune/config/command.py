"""What all commands share: a parser that answers in one sentence, and one place for exit codes."""

import argparse
import gc
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, NoReturn

from tune.commands import first_search
from tune.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

DONE = 0
FINISHED_WITH_FAILURES = 1
USAGE = 2
INTERRUPTED = 130

OBJECTS_PER_COLLECTION = 100_000
"""How many new objects Python's collector waits for, instead of 700: a command imports hundreds of
thousands that stay, and looking at them again and again was a tenth of its start."""

LOG_WIDTH = 120
"""Columns of a log, unless the variable COLUMNS says otherwise."""


class OneSentenceParser(argparse.ArgumentParser):
    """An argument parser that tells a mistake in one sentence and never guesses abbreviations."""

    def __init__(self, prog: str, description: str) -> None:
        super().__init__(prog=prog, description=description, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        """Write the mistake and where help is, and exit with the usage code."""
        sys.stderr.write(f"error: {message}: see {self.prog} --help\n")
        raise SystemExit(USAGE)


def add_config_flag(parser: argparse.ArgumentParser) -> None:
    """Add the flag that names a file of settings."""
    parser.add_argument("--config", metavar="FILE", help="TOML file; its keys are the flags' names")


def read_config_file(arguments: argparse.Namespace) -> dict[str, object]:
    """Return the settings of the file that `add_config_flag`'s flag names; none without it.

    Raises:
        UsageError: If there is no such file, or it is not TOML.
    """
    from tune.config.settings import read_toml_file

    return {} if arguments.config is None else read_toml_file(arguments.config)


def command_line(module: str, argv: Sequence[str] | None) -> list[str]:
    """Return the command as a person would type it again, without the paths of this machine."""
    return ["python", "-m", module, *(sys.argv[1:] if argv is None else argv)]


def check_results_exist(results: Path | str) -> None:
    """Refuse a folder to read studies from that is none.

    Raises:
        UsageError: If there is no such folder.
    """
    if not Path(results).is_dir():
        raise UsageError(
            f"--results must be a folder of studies, found {str(results)!r} which is none: "
            f"check the path, or make a study with {first_search(results)}"
        )


@contextmanager
def writing_to(out: Path) -> Iterator[None]:
    """Tell in one sentence that what is written inside cannot be.

    Args:
        out: Folder that `--out` names.

    Raises:
        UsageError: If the system refuses a file or folder.
    """
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"--out must be a folder that can be written, found {str(out)!r} which cannot "
            f"({error.strerror or error}): name another one"
        ) from error


def make_console(file: IO[str] | None = None, *, is_terminal: bool | None = None) -> "Console":
    """Return the console of a command: as wide as the terminal, and wide enough in a log.

    All that is printed on it is printed as it is: a corpus may be called `S1 [red]`.

    Args:
        file: Where it writes; None for standard output.
        is_terminal: Whether that is a terminal; None asks it.
    """
    from rich.console import Console

    is_wide = (file or sys.stdout).isatty() if is_terminal is None else is_terminal
    is_told = os.environ.get("COLUMNS", "").isdigit()
    return Console(
        file=file,
        width=None if is_wide or is_told else LOG_WIDTH,
        force_terminal=is_terminal,
        force_interactive=None if is_wide else False,  # FORCE_COLOR makes no terminal of a log
        markup=False,
        emoji=False,
        highlight=False,
    )


def run_command(
    body: Callable[[], int], tell: Callable[[str, int], None] = lambda _sentence, _code: None
) -> int:
    """Run a command's body and return its exit code; a user's mistake becomes one sentence.

    Everything that a user can get wrong is a `ValueError` of ours, told apart by its class: any
    other exception is a defect of the program and keeps its traceback.

    Args:
        body: The command.
        tell: Told the sentence and the exit code too, where the command did not come to its end.
    """
    from data.errors import DataError
    from data.text import print_anything
    from models.errors import ModelError

    print_anything()
    gc.set_threshold(OBJECTS_PER_COLLECTION)
    try:
        return body()
    except (UsageError, DataError, ModelError) as error:
        sys.stderr.write(f"error: {error}\n")
        tell(str(error), USAGE)
        return USAGE
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        tell("interrupted", INTERRUPTED)
        return INTERRUPTED
