"""What a sabotaged search is made of: a `sitecustomize.py` that all its processes run.

Python imports a module of this name from its path before anything else, in Ray's workers too.
"""

import os
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]

HOOKS = """
import os, sys, time
from pathlib import Path

STATE = Path(os.environ["FAULT_STATE"])

def once(name):
    try:
        (STATE / name).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True

class Finder:
    def __init__(self, name, change):
        self.name, self.change = name, change
    def find_spec(self, name, path=None, target=None):
        if name == self.name:
            sys.meta_path.remove(self)
            self.change()

def on_every_epoch(before):
    def change():
        import models.training as training
        import tune.trial as trial

        whole_session, whole_epoch = trial.open_session, training._train_epoch

        def open_session(spec):
            session = whole_session(spec)
            session.trial_number = spec.number
            return session

        def train_epoch(session, epoch):
            with (STATE / "trained").open("a") as file:
                file.write(f"{session.trial_number} {epoch}\\n")
            before(session, epoch)
            return whole_epoch(session, epoch)

        trial.open_session, training._train_epoch = open_session, train_epoch

    sys.meta_path.insert(0, Finder("tune.trainable", change))

def in_driver(change):
    sys.meta_path.insert(0, Finder("tune.start", change))
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
