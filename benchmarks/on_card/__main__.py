"""`python -m benchmarks.on_card`: proves or disproves every claim about a CUDA card.

Stages run one after another, each within its share of the time; what is measured is written at
once. `--rehearse` runs all of them on the CPU with tiny sizes, so that none fails on a card for a
silly reason.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import torch

from benchmarks.on_card.conduct import PAGE, ROWS, run_stages
from benchmarks.on_card.context import Context
from benchmarks.on_card.machine import stamp_run
from benchmarks.on_card.page import write_page
from benchmarks.on_card.rows import read_runs
from benchmarks.on_card.stages import STAGES, choose_stages
from data.dataset import Corpus
from data.errors import DataError
from data.synthetic import ensure_synthetic_corpus
from tune.errors import UsageError

OUT = Path(__file__).parents[1]
OUT_OF_REHEARSALS = Path("build/on_card_rehearsal")
MIN_MINUTES = 0.1


def main(argv: Sequence[str] | None = None) -> int:
    """Run the stages; return 0 when all finished, 1 otherwise and 2 for bad arguments."""
    arguments = _parser().parse_args(argv)
    try:
        return _run(arguments)
    except (UsageError, DataError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 2


def _run(arguments: argparse.Namespace) -> int:
    if arguments.page:
        write_page(arguments.page / PAGE, read_runs(arguments.page / ROWS))
        _say(f"wrote {arguments.page / PAGE}")
        return 0
    stages = choose_stages(arguments.only)
    if arguments.minutes < MIN_MINUTES:
        raise UsageError(
            f"--minutes is at least {MIN_MINUTES:g}, found {arguments.minutes:g}: give it more time"
        )
    if not arguments.rehearse and not torch.cuda.is_available():
        raise UsageError(
            "on_card measures a CUDA card, found none that torch can use: add --rehearse to try "
            "its stages on this CPU"
        )
    begun_s = time.time()
    out = arguments.out or (OUT_OF_REHEARSALS if arguments.rehearse else OUT)
    out.mkdir(parents=True, exist_ok=True)
    data = arguments.data or str(ensure_synthetic_corpus())
    device = "cpu" if arguments.rehearse else "cuda"
    corpus = Corpus.open(Path(data))
    run = stamp_run(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}", device, corpus, arguments.commit)
    context = Context(device, str(Path(data).resolve()), 60 * arguments.minutes, begun_s)
    endings = run_stages(stages, out, context, lambda stage: replace(run, stage=stage.name), _say)
    _say(f"wrote {out / PAGE}")
    return int(any(ending.state != "finished" for ending in endings))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.on_card", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--minutes", type=float, default=12.0, help="of all stages (12)")
    parser.add_argument("--out", type=Path, metavar="DIR", help="for rows, page and log")
    parser.add_argument("--only", metavar="STAGE,...", help=f"some of {', '.join(STAGES)}")
    parser.add_argument("--data", metavar="CORPUS", help="the synthetic one without")
    parser.add_argument("--commit", help="the project's, for a copy that has no history")
    parser.add_argument(
        "--page", type=Path, metavar="DIR", help="only write the page of the rows in DIR anew"
    )
    parser.add_argument("--rehearse", action="store_true", help="tiny sizes on the CPU")
    return parser


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
