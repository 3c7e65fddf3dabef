"""The process of one stage: writes a row as soon as it is measured.

`python -m benchmarks.on_card.child CONTEXT STAMP OUT`, called by `conduct`.
"""

import json
import signal
import sys
from importlib import import_module
from pathlib import Path

import torch

from benchmarks.on_card.conduct import ROWS
from benchmarks.on_card.context import Context
from benchmarks.on_card.rows import Stamp, append_line


def main() -> None:
    context, stamp, out = sys.argv[1:]
    # As an exception, so that what the stage has started is ended on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    marked, told = Stamp(**json.loads(stamp)), Context(**json.loads(context))
    if told.is_rehearsal:
        torch.set_num_threads(1)
    stage = import_module(f"benchmarks.on_card.{marked.stage}")
    for row in stage.measure(told):
        append_line(Path(out) / ROWS, marked, row)


if __name__ == "__main__":
    main()
