"""Runs one study's trials with Ray Tune, quietly, and leaves nothing behind.

Takes a conductor, returns when its study has ended. Ray is told to write into a temporary folder
that goes away with it: its experiment state cannot restore rungs and restarts silently when torn,
so nothing of it is kept (docs/DECISIONS.md). Signals end the study cleanly; a second one ends the
process at once.
"""

import fcntl
import logging
import os
import shutil
import signal
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

import psutil

from tune.command import INTERRUPTED
from tune.live import USUAL, Live
from tune.lock import is_locked
from tune.mps import mps_session
from tune.packing import Packing
from tune.ray_start import end_ray, start_ray

WORKER_ENVIRONMENT = {
    # One thread per worker: two one-thread workers do more than one two-thread worker, and
    # two-thread workers collapse when the machine is busy.
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}

ALIVE = "alive"
"""File in a temporary folder that its driver keeps locked."""

DRIVER_ENVIRONMENT = {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # no CSV, JSON or TensorBoard files
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # signals are handled below, SIGTERM included
    "TUNE_GLOBAL_CHECKPOINT_S": "1000000",  # Ray's experiment state is never read
    "TUNE_FORCE_TRIAL_CLEANUP_S": "5",  # an epoch in flight is not waited for; the default is 600 s
    "TUNE_RESULT_BUFFER_LENGTH": "1",  # every epoch is judged before the next one starts
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",  # relative corpus paths keep their meaning in the workers
    "RAY_DEDUP_LOGS": "0",
    # Ray starts a process per core before anybody asks. They import what a trial needs while the
    # driver gets ready, which takes three seconds, and are not ended for idling meanwhile.
    "RAY_preload_python_modules": "tune.trainable",
    "RAY_idle_worker_killing_time_threshold_ms": "60000",
    # Statistics for a Prometheus server, which nobody runs here; Ray's dashboard does without.
    "RAY_enable_metrics_collection": "0",
    "RAY_event_stats": "0",
    "CUDA_DEVICE_ORDER": "PCI_BUS_ID",  # as nvidia-smi counts, by which the card was measured
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # the coming default; the old one warns
}


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
        say: Told what became of that.
    """
    # Workers inherit the environment of the raylet, which inherits ours; Ray's `runtime_env` would
    # start a process of its own for it and cost three seconds.
    os.environ.update(DRIVER_ENVIRONMENT | WORKER_ENVIRONMENT)
    import ray

    folder = socket_folder(tempfile.gettempdir())
    for place in {folder, tempfile.gettempdir()}:  # trials' files lie in the usual one
        sweep_temporary(Path(place))
    # Failures are told once, by our own lines; feasibility is checked before a study starts.
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


def temporary_prefix(pid: int) -> str:
    """Return how the names of a driver's temporary folders begin."""
    return f"sar-tune-{pid}-"


@contextmanager
def temporary_folder(place: Path) -> Iterator[Path]:
    """Make a temporary folder of this driver; it goes away at the end.

    It is locked while its driver lives, because the number of a killed process is soon another's,
    and gets its name when it is locked, so that nobody sweeps it before.
    """
    draft = Path(tempfile.mkdtemp(prefix=f".{temporary_prefix(os.getpid())}", dir=place))
    folder = place / draft.name.removeprefix(".")
    try:
        with (draft / ALIVE).open("wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            draft.rename(folder)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep_temporary(place: Path) -> None:
    """Remove the temporary folders of drivers that were killed before they could.

    Two of Ray's processes outlive a killed driver by a minute, in which they try to report its
    death; they are ended. They are known by their open files, because Ray renames its processes.
    """
    for path in place.glob("sar-tune-*-*"):
        if _is_abandoned(path):
            end_processes(process for process in psutil.process_iter() if _is_of_ray(process, path))
            shutil.rmtree(path, ignore_errors=True)  # it may be another user's


def _is_abandoned(folder: Path) -> bool:
    """Return whether a driver made this folder and is dead."""
    pid = folder.name.split("-")[2]
    with suppress(OSError):  # another user's
        if (folder / ALIVE).exists():
            return not is_locked(folder / ALIVE)
    return pid.isdigit() and not psutil.pid_exists(int(pid))


def _is_of_ray(process: psutil.Process, session: Path) -> bool:
    """Return whether a process is one of Ray's that writes below a folder."""
    try:
        if not process.name().startswith("ray::"):
            return False
        return any(session in Path(file.path).parents for file in process.open_files())
    except psutil.Error:
        return False


def end_processes(processes: Iterable[psutil.Process]) -> None:
    """Kill processes; one that has ended already, or is another user's, is left alone."""
    killed = []
    for process in processes:
        with suppress(psutil.Error):
            process.kill()
            killed.append(process)
    psutil.wait_procs(killed, timeout=5)


def run_trials(conductor: Any, packing: Packing, live: Live = USUAL) -> None:
    """Run a conductor's study to its end inside a `ray_session`.

    Args:
        conductor: The `tune.conductor.Conductor` of the study.
        packing: How its trials share the machine.
        live: Whether each trial has a worker of its own.
    """
    from ray.tune import CheckpointConfig, run
    from ray.tune.execution import class_cache

    from tune.ray_adapters import RungScheduler, StudyCallback, StudySearcher, StudyStopper
    from tune.trainable import AutoencoderTrial

    # Variables that Ray would hand to workers one by one; they inherit them, and only a worker
    # without any of its own can be one that Ray has started in advance.
    class_cache.DEFAULT_ENV_VARS.clear()
    class_cache.ENV_VARS_TO_PROPAGATE.clear()
    try:
        with (
            temporary_folder(Path(tempfile.gettempdir())) as storage,
            interruptible(conductor),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")  # Ray's deprecations of its own parts
            run(
                AutoencoderTrial,
                name="trials",
                storage_path=str(storage),
                search_alg=StudySearcher(conductor),
                scheduler=RungScheduler(conductor),
                callbacks=[StudyCallback(conductor)],
                stop=StudyStopper(conductor),
                num_samples=-1,  # the conductor counts the trials
                max_concurrent_trials=packing.max_live,  # the request of each says if it fits
                reuse_actors=not live.has_own_workers,
                checkpoint_config=CheckpointConfig(checkpoint_frequency=0),
                raise_on_failed_trial=False,
                verbose=0,
            )
    finally:
        conductor.close()


@contextmanager
def interruptible(conductor: Any) -> Iterator[None]:
    """Turn the first SIGINT, SIGTERM or SIGHUP into a clean end; the second one ends at once."""
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in signals}

    def end_cleanly(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 (Python's signature)
        if conductor.interruption is not None:
            # The journal is on the disk line by line.
            end_processes(psutil.Process().children(recursive=True))
            sys.stderr.write("ended at once; the same command goes on with the study\n")
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
