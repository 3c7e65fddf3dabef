"""The reference lines of a study: computed in its first session, beside its trials, and kept."""

import math
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from tune.engine.processes import WORKER_NICENESS
from tune.errors import is_disk_full
from tune.evaluation.references import Reference, reference_lines
from tune.storage.folder import StudyFolder
from tune.study.plan import StudyPlan
from tune.tables.files import read_readable_tables, write_table

POLL_S = 0.2
"""How long it takes at most to notice that a search was interrupted before its first epoch."""


class LeftOut(Exception):
    """The computation was ended before it was through."""


@contextmanager
def lines_beside_trials(
    plan: StudyPlan,
    folder: StudyFolder,
    say: Callable[[str], None],
    has_epoch: threading.Event,
    is_interrupted: Callable[[], bool],
) -> Iterator[None]:
    """Compute and write the reference lines of a study while its trials run, unless it has them.

    They begin with the first epoch of a trial, because whatever computes before it delays it. At
    the end of the block they are waited for. A search that was interrupted does not wait: the
    session that resumes it computes them.

    Enter it when Ray has started: a fork waits for ever for a matrix product that another thread
    is in.

    Args:
        plan: What was decided.
        folder: Where the `references` table belongs.
        say: Shows a person that the lines are all that is left to do.
        has_epoch: Set when a trial has trained an epoch.
        is_interrupted: Whether to end soon.
    """
    if read_lines(folder):
        yield
        return
    has_failed = threading.Event()

    def go_on() -> None:
        if has_failed.is_set() or is_interrupted():
            raise LeftOut

    # A thread: a process of its own would load torch anew, longer than small studies compute.
    with ThreadPoolExecutor(1, "reference-lines") as pool:
        computation = pool.submit(_compute, plan, folder, has_epoch, go_on)
        try:
            yield
        except BaseException:
            has_failed.set()
            raise
        has_epoch.set()  # also where no trial had one
        if not computation.done() and not is_interrupted():
            say("all trials have ended; reference lines are still computed: Ctrl-C leaves them out")
        try:
            lines = computation.result()
        except LeftOut:
            return
    if not read_lines(folder) and not _has_written(plan, folder, lines):
        say("no space left for the table of reference lines: the study has none")


def _compute(
    plan: StudyPlan, folder: StudyFolder, has_epoch: threading.Event, go_on: Callable[[], None]
) -> list[Reference]:
    while not has_epoch.wait(POLL_S):
        go_on()
    go_on()
    if sys.platform == "linux":  # where a thread has a priority of its own: that of the trials
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), WORKER_NICENESS)
    model = plan.model_config({})
    lines = reference_lines(plan.corpus, model, plan.crop_px, plan.val_images, go_on)
    _has_written(plan, folder, lines)  # for who looks at the study while it runs
    return lines


def _has_written(plan: StudyPlan, folder: StudyFolder, lines: Sequence[Reference]) -> bool:
    """Write the lines; return whether there was space for them."""
    try:
        write_lines(plan, folder, lines)
    except OSError as error:
        if not is_disk_full(error):
            raise
        return False
    return True


def read_lines(folder: StudyFolder) -> tuple[Reference, ...]:
    """Return the reference lines that a study has so far."""
    known, _ = read_readable_tables(folder.path.parent, "references", folder.name)
    return tuple(
        Reference(
            row["reference"],
            row["psnr_db"],
            row["ssim"],
            row["num_images"],
            None if math.isnan(row["rate_bpp"]) else row["rate_bpp"],
        )
        for row in known.to_dict("records")
    )


def write_lines(plan: StudyPlan, folder: StudyFolder, lines: Sequence[Reference]) -> None:
    """Write the reference lines of a study as its `references` table."""
    info = plan.corpus.info
    rows = [
        {
            "study": folder.name,
            "corpus": info.name,
            "is_synthetic": info.is_synthetic,
            "corpus_fingerprint": info.fingerprint,
            "split": "val",
            "crop_px": plan.crop_px,
            "ratio": plan.config.ratio,
            "rate": plan.config.rate,
            "rate_bpp": line.rate_bpp,
            "reference": line.reference,
            "psnr_db": line.psnr_db,
            "ssim": line.ssim,
            "num_images": line.num_images,
        }
        for line in lines
    ]
    write_table(folder.tables, "references", rows)
