"""What Ray's processes find in their environment, whatever stands in the user's shell.

Pure: takes variables and gives variables. `tune.engine.session` sets them.
"""

import os
from collections.abc import Mapping
from pathlib import Path

OWN = {
    # One thread per worker: two one-thread workers do more than one two-thread worker, and
    # two-thread workers collapse when the machine is busy.
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # no CSV, JSON or TensorBoard files
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # `tune.engine.run` handles signals, SIGTERM included
    "TUNE_GLOBAL_CHECKPOINT_S": "1000000",  # Ray's experiment state is never read
    "TUNE_FORCE_TRIAL_CLEANUP_S": "5",  # an epoch in flight is not waited for; the default is 600 s
    "TUNE_RESULT_BUFFER_LENGTH": "1",  # every epoch is judged before the next one starts
    # How many trials there may be is said by limiter and nodes. By itself Ray Tune lets one at a
    # time wait for a worker: a cluster fills a slot every three seconds, which an import takes.
    "TUNE_MAX_PENDING_TRIALS_PG": "1000",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",  # relative corpus paths keep their meaning in the workers
    "RAY_DEDUP_LOGS": "0",
    # Under `uv run` Ray would start workers in a copy of the folder, without what git ignores: the
    # corpus. They are of this machine and need none.
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    # Ray starts a process per core before anybody asks. They import what a trial needs while the
    # driver gets ready, which takes three seconds, and are not ended for idling meanwhile.
    "RAY_preload_python_modules": "tune.engine.preload",
    "RAY_idle_worker_killing_time_threshold_ms": "60000",
    # The dashboard is held back until a trial has begun, which takes its time on a busy machine.
    "RAY_DASHBOARD_STARTUP_TIMEOUT_S": "3600",
    # Statistics for a Prometheus server, which nobody runs here; Ray's dashboard does without.
    "RAY_enable_metrics_collection": "0",
    "RAY_event_stats": "0",
    "CUDA_DEVICE_ORDER": "PCI_BUS_ID",  # as nvidia-smi counts, by which the card was measured
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # the coming default; the old one warns
}
"""What is set, for the driver and all that it starts."""

OF_WORKERS = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "RAY_CHDIR_TO_TRIAL_DIR",
    "CUDA_DEVICE_ORDER",
)
"""What of it matters in the process of a worker."""

OF_ANOTHER_RAY = (
    "RAY_ADDRESS",
    "RAY_NAMESPACE",
    "RAY_REDIS_ADDRESS",
    "RAY_JOB_CONFIG_JSON_ENV_VAR",
    "RAY_RUNTIME_ENV_HOOK",
    "RAY_OVERRIDE_DASHBOARD_URL",
    "RAY_OVERRIDE_RESOURCES",
    "RAY_TMPDIR",
)
"""What leads a driver to a Ray that runs already, or belongs to a job there."""


def without_another_ray(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which a driver starts a Ray of its own.

    >>> without_another_ray({"RAY_ADDRESS": "auto", "HOME": "/root"})
    {'HOME': '/root'}
    """
    return {name: value for name, value in environment.items() if name not in OF_ANOTHER_RAY}


def for_workers() -> dict[str, str]:
    """Return what workers on a foreign cluster are given: its nodes have their own environment."""
    return {name: OWN[name] for name in OF_WORKERS}


def for_ray(environment: Mapping[str, str], project: Path, temporary: Path) -> dict[str, str]:
    """Return the environment in which Ray's processes start.

    Args:
        environment: The driver's.
        project: Folder that holds the packages of this project. Workers find them there first,
            whatever a folder of PYTHONPATH has by the same names.
        temporary: Where those processes put what they never remove, such as sockets.
    """
    path = [str(project), *filter(None, [environment.get("PYTHONPATH")])]
    return without_another_ray(environment) | {
        "PYTHONPATH": os.pathsep.join(path),
        "TMPDIR": str(temporary),
    }
