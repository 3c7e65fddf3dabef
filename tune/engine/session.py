"""Starts Ray for the studies of one command, quietly, and leaves nothing behind.

Ray writes into a temporary folder that goes away with it. Its experiment state cannot restore
rungs and restarts silently when torn, so nothing of it is kept (docs/DECISIONS.md).
"""

import logging
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tune.card.mps import mps_session
from tune.card.packing import Packing
from tune.config.watching import USUAL, Live
from tune.engine.environment import OWN, for_ray
from tune.engine.processes import dashboard_beside, end_ray, start_ray
from tune.engine.sockets import SHORT_PLACES, socket_place
from tune.engine.temporary import end_left_over, sweep_temporary, temporary_folder

if TYPE_CHECKING:  # which loads Ray
    from tune.engine.nodes import Nodes

PROJECT = Path(__file__).parents[2]
"""Holds the packages of this project: a checkout, or where a wheel was installed."""


class Session:
    """Where the trials of one command run: a Ray of our own, or a cluster.

    Attributes:
        live: What is offered to watch.
        nodes: Those of a cluster that was reached; None for a Ray of our own.
    """

    def __init__(
        self,
        open_ray: Callable[[Packing], Callable[[], None]],
        live: Live = USUAL,
        nodes: "Nodes | None" = None,
    ) -> None:
        self.live = live
        self.nodes = nodes
        self._open_ray = open_ray
        self._let_dashboard_come_up: Callable[[], None] | None = None

    def start(self, packing: Packing) -> None:
        """Start a Ray of our own, for trials that share the machine so, if it is not up yet."""
        if self._let_dashboard_come_up is None:
            self._let_dashboard_come_up = self._open_ray(packing)

    def trial_has_begun(self) -> None:
        """Let the dashboard come up: it would be in the way of workers that import."""
        if self._let_dashboard_come_up is not None:
            self._let_dashboard_come_up()


@contextmanager
def ray_on_demand(
    live: Live = USUAL,
    nodes: "Nodes | None" = None,
    *,
    mps: bool = False,
    say: Callable[[str], None] = lambda _: None,
    show_address: Callable[[str], None] = lambda _: None,
) -> Iterator[Session]:
    """Yield the session of a command; Ray starts with the first study that has a trial to run.

    Args:
        live: Whether to start Ray's dashboard, and where it listens.
        nodes: Those of a cluster that was reached: nothing is started there.
        mps: Whether trials may share a CUDA card by NVIDIA's multi-process service.
        say: Shows what became of that.
        show_address: Shows the dashboard's address when it has come up, maybe from another thread.
    """
    with ExitStack() as around:

        def open_ray(packing: Packing) -> Callable[[], None]:
            if nodes is None:
                own = ray_session(packing, live, mps=mps, say=say, show_address=show_address)
                return around.enter_context(own)
            if nodes.dashboard is not None:
                show_address(nodes.dashboard)
            return _nothing

        yield Session(open_ray, live, nodes)


@contextmanager
def ray_session(
    packing: Packing,
    live: Live,
    *,
    mps: bool,
    say: Callable[[str], None],
    show_address: Callable[[str], None],
) -> Iterator[Callable[[], None]]:
    """Start Ray for the searches of one command; yield what lets its dashboard come up.

    Ray's session files go to a folder of their own, removed at the end: Ray never cleans its own.

    Args:
        packing: How trials share the machine.
        live: Whether to start Ray's dashboard, and where it listens.
        mps: Whether trials may share a CUDA card by NVIDIA's multi-process service.
        say: Prints what became of that.
        show_address: Shows the dashboard's address when it has come up, from another thread.
    """
    # Workers inherit the environment of the raylet, which inherits ours; Ray's `runtime_env` would
    # start a process of its own for it and cost three seconds.
    os.environ.update(OWN)
    import ray

    usual = Path(tempfile.gettempdir())
    place = socket_place((usual, *SHORT_PLACES), os.getpid())
    for folder in {place, usual}:  # trials' files lie in the usual one
        sweep_temporary(folder)
    # Failures are printed once, by our own lines; feasibility is checked before a study starts.
    for part in ("ray.tune", "ray._private.services"):
        logging.getLogger(part).setLevel(logging.CRITICAL)
    ray._private.worker._worker_logs_enabled = False  # no setting hides the raylet's obituaries
    with ExitStack() as around:
        temporary = around.enter_context(temporary_folder(place))
        if mps and packing.num_gpus:
            say(around.enter_context(mps_session(temporary)))
        around.callback(end_left_over, temporary)
        around.callback(end_ray)
        with environment(for_ray(os.environ, PROJECT, temporary)):
            start_ray(
                live.host,
                num_cpus=packing.max_concurrent,
                num_gpus=packing.num_gpus,
                _memory=int(packing.usable_mib * 2**20),
                log_to_driver=False,
                logging_level=logging.ERROR,
                object_store_memory=200 * 2**20,  # patches travel through the page cache
                _temp_dir=str(temporary),
            )
            if live.dashboard:
                let_dashboard_come_up = around.enter_context(dashboard_beside(show_address, say))
            else:
                let_dashboard_come_up = _nothing
        yield let_dashboard_come_up


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Exchange this process's environment for another one, and back at the end."""
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _nothing() -> None:
    """Do nothing: there is no dashboard of ours."""
