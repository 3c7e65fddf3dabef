"""NVIDIA's multi-process service: lets several processes compute on one card at the same time.

Without it their kernels take turns. It is started only where a person allows it (`--mps`), because
an error of one process can then end the others on the card, and it is ended with the search.
"""

import argparse
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CONTROL = "nvidia-cuda-mps-control"
PIPES = "CUDA_MPS_PIPE_DIRECTORY"
LOGS = "CUDA_MPS_LOG_DIRECTORY"


def add_mps_flag(parser: argparse.ArgumentParser) -> None:
    """Add the flag by which a person allows the service."""
    parser.add_argument(
        "--mps",
        action="store_true",
        help="let trials compute on a CUDA card at the same time, by NVIDIA's multi-process "
        "service",
    )


@contextmanager
def mps_session(folder: Path) -> Iterator[str]:
    """Run the service for the processes started inside; yield what became of it, in a sentence.

    Args:
        folder: For its pipes and logs; it must exist and be short, for a socket lies in it.
    """
    if PIPES in os.environ:
        yield "the card is shared by the multi-process service that runs already"
        return
    if shutil.which(CONTROL) is None:
        yield f"no multi-process service here ({CONTROL} is not installed): trials take turns"
        return
    places = {PIPES: str(folder / "mps"), LOGS: str(folder / "mps-log")}
    for place in places.values():
        Path(place).mkdir()
    os.environ.update(places)
    try:
        started = subprocess.run([CONTROL, "-d"], capture_output=True, text=True, check=False)
        if started.returncode != 0:
            words = (started.stderr or started.stdout).strip()
            yield f"the multi-process service did not start ({words}): trials take turns"
            return
        try:
            yield "the card is shared by NVIDIA's multi-process service"
        finally:
            subprocess.run([CONTROL], input="quit\n", capture_output=True, text=True, check=False)
    finally:
        for name in places:
            del os.environ[name]
