"""What a sabotaged search is made of: a `sitecustomize.py` that all its processes run.

Python imports a module of this name from its path before anything else, in Ray's workers too.
"""

import os
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]

HOOKS = """
import os, sys, time
from pathlib import Path

from tests.hooks import before_import, hook_epochs

STATE = Path(os.environ["FAULT_STATE"])

def once(name):
    try:
        (STATE / name).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True

def on_every_epoch(before):
    before_import("tune.engine.worker", lambda: hook_epochs(STATE / "trained", before))

def in_driver(change):
    before_import("tune.results.resume", change)
"""
"""Hooks before every training epoch and in the driver, to be called by what follows."""


def sabotaged(state: Path, faults: str) -> dict[str, str]:
    """Return the variables of a search in which something goes wrong.

    Args:
        state: Folder for the hooks, for `once` and for "trained": a line "trial epoch" for every
            epoch that began to be trained.
        faults: Python that calls `HOOKS`.
    """
    inside = state / "inside"
    inside.mkdir(exist_ok=True)
    (inside / "sitecustomize.py").write_text(HOOKS + faults)
    return {
        "FAULT_STATE": str(state),
        "PYTHONPATH": os.pathsep.join([str(inside), str(REPOSITORY)]),
    }
