"""What all commands share: a parser that answers in one sentence, and one place for exit codes."""

import argparse
import sys
from collections.abc import Callable
from typing import NoReturn

DONE = 0
FINISHED_WITH_FAILURES = 1
USAGE = 2
INTERRUPTED = 130


class OneSentenceParser(argparse.ArgumentParser):
    """An argument parser that tells a mistake in one sentence and never guesses abbreviations."""

    def __init__(self, prog: str, description: str) -> None:
        super().__init__(prog=prog, description=description, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        """Write the mistake and where help is, and exit with the usage code."""
        sys.stderr.write(f"error: {message}: see {self.prog} --help\n")
        raise SystemExit(USAGE)


def run_command(body: Callable[[], int]) -> int:
    """Run a command's body and return its exit code; a user's mistake becomes one sentence.

    Everything that a user can get wrong is a `ValueError` of ours, told apart by its class: any
    other exception is a defect of the program and keeps its traceback.
    """
    from data.errors import DataError
    from models.errors import ModelError
    from tune.errors import UsageError

    try:
        return body()
    except (UsageError, DataError, ModelError) as error:
        sys.stderr.write(f"error: {error}\n")
        return USAGE
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return INTERRUPTED
