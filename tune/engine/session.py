"""Starts Ray for the studies of one command, quietly, and leaves nothing behind.

Ray writes into a temporary folder that goes away with it. Its experiment state cannot restore
rungs and restarts silently when torn, so nothing of it is kept (docs/DECISIONS.md).
"""

import logging
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tune.card.mps import mps_session
from tune.card.packing import Packing
from tune.config.watching import USUAL, Live
from tune.engine.processes import end_ray, start_ray
from tune.engine.temporary import sweep_temporary, temporary_folder

WORKER_ENVIRONMENT = {
    # One thread per worker: two one-thread workers do more than one two-thread worker, and
    # two-thread workers collapse when the machine is busy.
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}

DRIVER_ENVIRONMENT = {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # no CSV, JSON or TensorBoard files
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # `tune.engine.run` handles signals, SIGTERM included
    "TUNE_GLOBAL_CHECKPOINT_S": "1000000",  # Ray's experiment state is never read
    "TUNE_FORCE_TRIAL_CLEANUP_S": "5",  # an epoch in flight is not waited for; the default is 600 s
    "TUNE_RESULT_BUFFER_LENGTH": "1",  # every epoch is judged before the next one starts
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",  # relative corpus paths keep their meaning in the workers
    "RAY_DEDUP_LOGS": "0",
    # Ray starts a process per core before anybody asks. They import what a trial needs while the
    # driver gets ready, which takes three seconds, and are not ended for idling meanwhile.
    "RAY_preload_python_modules": "tune.engine.worker",
    "RAY_idle_worker_killing_time_threshold_ms": "60000",
    # Statistics for a Prometheus server, which nobody runs here; Ray's dashboard does without.
    "RAY_enable_metrics_collection": "0",
    "RAY_event_stats": "0",
    "CUDA_DEVICE_ORDER": "PCI_BUS_ID",  # as nvidia-smi counts, by which the card was measured
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # the coming default; the old one warns
}


@contextmanager
def ray_on_demand(
    live: Live, *, mps: bool, say: Callable[[str], None], show_address: Callable[[str | None], None]
) -> Iterator[Callable[[Packing], None]]:
    """Yield what starts Ray, once: with the first study that has a trial to run.

    Args:
        live: Whether to start Ray's dashboard, and where it listens.
        mps: Whether trials may share a CUDA card by NVIDIA's multi-process service.
        say: Shows what became of that.
        show_address: Shows the dashboard's address, if it has one.
    """
    with ExitStack() as session:
        is_up = False

        def start(packing: Packing) -> None:
            nonlocal is_up
            if not is_up:
                is_up = True
                show_address(
                    session.enter_context(ray_session(packing, live=live, mps=mps, say=say))
                )

        yield start


@contextmanager
def ray_session(
    packing: Packing,
    *,
    live: Live = USUAL,
    mps: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> Iterator[str | None]:
    """Start Ray for the searches of one command; yield the dashboard's address, if it has one.

    Ray's session files go to a folder of their own, removed at the end: Ray never cleans its own.

    Args:
        packing: How trials share the machine.
        live: Whether to start Ray's dashboard, and where it listens.
        mps: Whether trials may share a CUDA card by NVIDIA's multi-process service.
        say: Prints what became of that.
    """
    # Workers inherit the environment of the raylet, which inherits ours; Ray's `runtime_env` would
    # start a process of its own for it and cost three seconds.
    os.environ.update(DRIVER_ENVIRONMENT | WORKER_ENVIRONMENT)
    import ray

    folder = socket_folder(tempfile.gettempdir())
    for place in {folder, tempfile.gettempdir()}:  # trials' files lie in the usual one
        sweep_temporary(Path(place))
    # Failures are printed once, by our own lines; feasibility is checked before a study starts.
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
    ray._private.worker._worker_logs_enabled = False  # no setting hides the raylet's obituaries
    with ExitStack() as around:
        temporary = around.enter_context(temporary_folder(Path(folder)))
        if mps and packing.num_gpus:
            say(around.enter_context(mps_session(temporary)))
        try:
            yield start_ray(
                live.host if live.dashboard else None,
                num_cpus=packing.max_concurrent,
                num_gpus=packing.num_gpus,
                _memory=int(packing.usable_mib * 2**20),
                log_to_driver=False,
                logging_level=logging.ERROR,
                object_store_memory=200 * 2**20,  # patches travel through the page cache
                _temp_dir=str(temporary),
            )
        finally:
            end_ray()


def socket_folder(usual: str) -> str:
    """Return a folder for Ray's session: the usual one, or /tmp where that is too long.

    Ray puts Unix sockets up to 70 characters below it, and a socket's path ends at 107 characters.
    """
    return usual if len(usual) <= 24 else "/tmp"
