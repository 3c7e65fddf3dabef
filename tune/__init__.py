"""Hyperparameter search: configurations in, trials, outcomes and Parquet tables out."""

import sys
from importlib import import_module
from pathlib import Path

_HERE = Path(__file__).parent.parent


def _import_own(name: str) -> None:
    """Import a package that lies beside this one, before another of its name is found.

    `data` and `models` are common names: the folder that a command is started in, or one of
    PYTHONPATH, may have its own.
    """
    sys.path.insert(0, str(_HERE))
    try:
        found = import_module(name).__file__
    finally:
        sys.path.remove(str(_HERE))
    if found is None or Path(found).resolve().parents[1] != _HERE.resolve():
        raise ImportError(
            f"sar-tune needs its own package {name!r} of {_HERE}, found that of {found} imported "
            "before it: rename that one, or import tune first"
        )


for _name in ("data", "models"):
    _import_own(_name)
