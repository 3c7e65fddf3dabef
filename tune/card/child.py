"""Work that touches a CUDA card from a process that must not keep any of it.

A CUDA context, half a GiB, stays as long as its process; a driver that made one would hold memory
that is reserved for trials.
"""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TypeVar

Result = TypeVar("Result")


def run_in_child(function: Callable[..., Result], *arguments: object) -> Result:
    """Return what a function returns, or raise what it raises, in a process of its own.

    Args:
        function: Of a module, so that it can be found there.
        arguments: That can be pickled.
    """
    # Not forked: a forked child of a process with threads may wait for ever.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as child:
        return child.submit(function, *arguments).result()
