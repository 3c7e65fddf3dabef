"""How a `sitecustomize.py` changes a search: before a module is imported, and in every epoch."""

import sys
from collections.abc import Callable
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import Any


class Finder(MetaPathFinder):
    """Changes the program when the first module that needs the change is looked for."""

    def __init__(self, name: str, change: Callable[[], object]) -> None:
        self._name, self._change = name, change

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        """Find nothing; change something."""
        if name == self._name:
            sys.meta_path.remove(self)
            self._change()


def before_import(name: str, change: Callable[[], object]) -> None:
    """Change the program when a module is looked for; one change for each module."""
    sys.meta_path.insert(0, Finder(name, change))


def hook_epochs(trained: Path, before: Callable[[Any, int], object]) -> None:
    """Note each epoch that begins to be trained, then do something before it.

    Args:
        trained: File that gets a line "trial epoch".
        before: Called with the session, which has a `trial_number`, and the epoch.
    """
    from models.training import loop
    from tune.trial import session as opening

    whole_session, whole_epoch = opening.open_session, loop._train_epoch

    def open_session(spec: Any) -> Any:
        session: Any = whole_session(spec)
        session.trial_number = spec.number
        return session

    def train_epoch(session: Any, epoch: int) -> Any:
        with trained.open("a", encoding="utf-8") as file:
            file.write(f"{session.trial_number} {epoch}\n")
        before(session, epoch)
        return whole_epoch(session, epoch)

    opening.open_session, loop._train_epoch = open_session, train_epoch
