"""Runs the trials of one study inside a Ray session, until the conductor ends it."""

import os
import signal
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import psutil

from tune.card.packing import Packing
from tune.config.command import INTERRUPTED
from tune.engine.session import Session
from tune.engine.temporary import end_processes, temporary_folder
from tune.scheduling.conductor import Conductor


def run_trials(conductor: Conductor, packing: Packing, session: Session) -> None:
    """Run a conductor's study to its end, in a session that was started.

    Its caller makes signals a clean end, by `interruptible`.

    Args:
        conductor: Says what is tried; everything is reported to it.
        packing: How its trials share the machine.
        session: A Ray of our own, or the nodes of a cluster.
    """
    from ray.tune import CheckpointConfig, run
    from ray.tune.execution import class_cache, tune_controller

    from tune.engine.adapters import RungScheduler, StudyCallback, StudySearcher, StudyStopper
    from tune.engine.kept_workers import KeptWorkers
    from tune.engine.worker import AutoencoderTrial

    nodes = session.nodes
    # Variables that Ray would hand to workers one by one; they inherit them, and only a worker
    # without any of its own can be one that Ray has started in advance.
    class_cache.DEFAULT_ENV_VARS.clear()
    class_cache.ENV_VARS_TO_PROPAGATE.clear()
    own: Any = tune_controller
    own._ObjectCache = KeptWorkers  # no setting changes who is kept
    if nodes is not None:
        nodes.head.on_gone(conductor.interrupt)
    try:
        with (
            temporary_folder(Path(tempfile.gettempdir())) as storage,
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")  # Ray's deprecations of its own parts
            run(
                AutoencoderTrial,
                name="trials",
                storage_path=str(storage),
                search_alg=StudySearcher(conductor, nodes),
                scheduler=RungScheduler(conductor, nodes),
                callbacks=[StudyCallback(conductor, nodes, session.trial_has_begun)],
                stop=StudyStopper(conductor),
                num_samples=-1,  # the conductor counts the trials
                # The request of each says if it fits; on a cluster, which grows, the searcher does.
                max_concurrent_trials=packing.max_live if nodes is None else None,
                reuse_actors=not session.live.has_own_workers,
                checkpoint_config=CheckpointConfig(checkpoint_frequency=0),
                raise_on_failed_trial=False,
                verbose=0,
                _remote=False,  # the driver holds the journal, wherever its cluster is
            )
    except Exception:
        if nodes is None or not nodes.head.is_gone:
            raise
        # Whatever Ray says then, it says that nobody answers; the conductor knows why.
    finally:
        conductor.close()


@contextmanager
def interruptible(conductor: Conductor) -> Iterator[None]:
    """Turn the first SIGINT, SIGTERM or SIGHUP into a clean end; the second one ends at once."""
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in signals}

    def end_cleanly(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 (Python's signature)
        if conductor.interruption is not None:
            # The journal is on the disk line by line.
            end_processes(psutil.Process().children(recursive=True))
            sys.stderr.write("ended at once; the same command resumes the study\n")
            sys.stderr.flush()
            os._exit(INTERRUPTED)
        conductor.interrupt(f"interrupted by {signal.Signals(number).name}")

    for number in signals:
        signal.signal(number, end_cleanly)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
