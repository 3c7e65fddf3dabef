"""The nodes of a cluster that this machine gives: one for each card.

A share of a GPU is then a share of one card's memory, and Ray's own count keeps it from being
reserved twice, whichever drivers and jobs ask for it.

`plan_raylets` is pure; `run_raylets` starts processes and waits for them.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import FrameType

from tune.card.device import MIN_USABLE_MIB, Card, measure_card, measure_cards
from tune.config.machine import available_cores
from tune.engine.node import what_it_is
from tune.errors import UsageError

OBJECT_STORE_BYTES = 200 * 2**20
"""Enough for reports; patches travel through the page cache."""

KEPT_SHARE = 0.1
"""Of the free memory of a machine, for its system and for Ray's own processes."""

FAREWELL_S = 30.0
"""Time for Ray's processes to end after a signal."""


@dataclass(frozen=True)
class MachineParts:
    """What this machine can give.

    Attributes:
        num_cores: Cores.
        free_mib: Memory.
        cards: CUDA cards.
    """

    num_cores: int
    free_mib: float
    cards: tuple[Card, ...]


@dataclass(frozen=True)
class Raylet:
    """One node of a cluster.

    Attributes:
        num_cores: Cores that trials may reserve.
        memory_mib: Memory that they may reserve.
        card: The card; None for a machine without.
    """

    num_cores: int
    memory_mib: float
    card: Card | None

    @property
    def words(self) -> str:
        """What it gives, in a line."""
        cards = [] if self.card is None else [self.card]
        return f"a node with {what_it_is(self.num_cores, self.memory_mib, cards)}"

    def command(self, address: str) -> list[str]:
        """Return the command that starts it."""
        return [
            *(sys.executable, "-m", "ray.scripts.scripts", "start", "--block"),
            f"--address={address}",
            f"--num-cpus={self.num_cores}",
            f"--num-gpus={0 if self.card is None else 1}",
            f"--memory={int(self.memory_mib * 2**20)}",
            f"--object-store-memory={OBJECT_STORE_BYTES}",
            "--disable-usage-stats",
        ]

    @property
    def environment(self) -> dict[str, str]:
        """What its processes see of the machine."""
        seen = "" if self.card is None else self.card.index
        return {"CUDA_VISIBLE_DEVICES": seen, "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}


def this_machine() -> MachineParts:
    """Return what this machine can give, as it is now."""
    return MachineParts(available_cores(), measure_card("cpu").free_mib, measure_cards(os.environ))


def plan_raylets(machine: MachineParts) -> tuple[Raylet, ...]:
    """Share a machine out among its cards.

    Every card gets a core at least, which its trials' one thread each waits on.

    Raises:
        UsageError: If there is not memory enough for a trial.

    Example:
        >>> [one.num_cores for one in plan_raylets(MachineParts(8, 16_000, ()))]
        [8]
    """
    memory_mib = (1 - KEPT_SHARE) * machine.free_mib
    count = max(1, len(machine.cards))
    if memory_mib / count < MIN_USABLE_MIB["cpu"]:
        raise UsageError(
            f"a node needs {MIN_USABLE_MIB['cpu']:.0f} MiB of memory, found "
            f"{memory_mib / count:.0f} MiB for each of {count}: free some"
        )
    cores, more = divmod(machine.num_cores, count)
    return tuple(
        Raylet(max(1, cores + (number < more)), memory_mib / count, card)
        for number, card in enumerate(machine.cards or (None,))
    )


def run_raylets(raylets: Sequence[Raylet], address: str) -> int:
    """Start nodes and wait: for a signal, which ends them, or for one of them to end.

    Returns:
        0 after a signal, 1 if a node ended by itself.
    """
    processes = []
    asked_to_end = False

    def end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 (Python's signature)
        nonlocal asked_to_end
        asked_to_end = True

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)
    try:
        for raylet in raylets:
            process = subprocess.Popen(
                raylet.command(address),
                env=os.environ | raylet.environment,
                start_new_session=True,  # a terminal's Ctrl-C reaches it through us alone
            )
            processes.append(process)
        while not asked_to_end and all(process.poll() is None for process in processes):
            time.sleep(0.2)
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            try:
                process.wait(FAREWELL_S)
            except subprocess.TimeoutExpired:
                process.kill()
    return 0 if asked_to_end else 1
