"""What trials share: a CUDA card, or on a CPU the machine's memory; and who else is on it.

Measured once when a command starts. A card is read through `nvidia-smi`, which comes with every
driver, because asking torch would make a CUDA context of half a GiB in a process that never trains.
"""

import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import psutil

from tune.config.cgroups import MemoryLimit, memory_limits
from tune.errors import UsageError

MIB = 2**20
SMI = "nvidia-smi"
MIN_USABLE_MIB = {"cuda": 1024.0, "cpu": 768.0}
"""Less than this holds no trial: its context or interpreter and libraries, and the least model."""


@dataclass(frozen=True)
class Holder:
    """A process that holds memory of the card."""

    pid: int
    name: str
    held_mib: float


@dataclass(frozen=True)
class Card:
    """What trials share.

    Attributes:
        device: "cuda", or "cpu" for the machine's memory.
        name: As its maker calls it.
        total_mib: All its memory.
        free_mib: What nobody holds.
        held_mib: What processes hold; a driver reserves some more for itself.
        holders: Who holds the rest, as far as the driver tells; empty for a CPU.
        index: Number or name by which `nvidia-smi` knows it; empty for a CPU.
        compute_capability: Such as "8.6"; empty for a CPU, and where the driver does not tell.
    """

    device: str
    name: str
    total_mib: float
    free_mib: float
    held_mib: float = 0.0
    holders: tuple[Holder, ...] = ()
    index: str = ""
    compute_capability: str = ""

    def usable_mib(self, headroom: float) -> float:
        """Return what may be reserved: the free memory less a share of it.

        Raises:
            UsageError: If that is too little for any trial.
        """
        usable_mib = (1.0 - headroom) * self.free_mib
        least_mib = MIN_USABLE_MIB[self.device]
        if usable_mib < least_mib:
            raise UsageError(
                f"trials need {least_mib:.0f} MiB of {self.name}, found {usable_mib:.0f} MiB: "
                f"{self.free_mib:.0f} of {self.total_mib:.0f} MiB are free and a headroom of "
                f"{headroom:g} is left{_who(self.holders)}: free some, or lower --headroom"
            )
        return usable_mib


def foreign_sentence(card: Card) -> str | None:
    """Return a sentence about those who hold memory of the card, or None if it is all free."""
    if not card.holders:
        return None
    return (
        f"{card.name} is not alone{_who(card.holders)}; trials share the {card.free_mib:.0f} of "
        f"{card.total_mib:.0f} MiB that are free, and slow down if those processes compute"
    )


def measure_card(device: str) -> Card:
    """Return the first CUDA card, or the machine's memory, as it is now.

    Raises:
        UsageError: If the card's driver does not answer.
    """
    if device == "cpu":
        memory = psutil.virtual_memory()
        return limit_memory(memory.total / MIB, memory.available / MIB, memory_limits())
    return _measure_cuda(first_visible(os.environ))


def measure_cards(environment: Mapping[str, str]) -> tuple[Card, ...]:
    """Return every CUDA card that a process with this environment sees; none without a driver.

    Raises:
        UsageError: If a driver is installed and does not answer.
    """
    if shutil.which(SMI) is None:
        return ()
    names = visible_cards(environment)
    if names is None:
        names = tuple(_ask_smi("--query-gpu=index", "").split())
    return tuple(map(_measure_cuda, names))


def first_visible(environment: Mapping[str, str]) -> str:
    """Return what `nvidia-smi` calls the card that torch calls the first one: a number or a name.

    >>> first_visible({"CUDA_VISIBLE_DEVICES": "2,0"}), first_visible({})
    ('2', '0')
    """
    return (visible_cards(environment) or ("0",))[0]


def visible_cards(environment: Mapping[str, str]) -> tuple[str, ...] | None:
    """Return what `nvidia-smi` calls the cards that torch sees: numbers or names; None for all.

    Torch counts as nvidia-smi does where CUDA_DEVICE_ORDER is PCI_BUS_ID, which `ray_session` sets.

    >>> visible_cards({"CUDA_VISIBLE_DEVICES": "2, 0"}), visible_cards({}) is None
    (('2', '0'), True)
    >>> visible_cards({"CUDA_VISIBLE_DEVICES": ""})
    ()
    """
    named = environment.get("CUDA_VISIBLE_DEVICES")
    if named is None:
        return None
    return tuple(filter(None, (name.strip() for name in named.split(","))))


def limit_memory(total_mib: float, free_mib: float, limits: Iterable[MemoryLimit]) -> Card:
    """Return the memory of a machine, or what the limits of control groups leave of it.

    >>> limit_memory(24_000, 20_000, [MemoryLimit(2_048, 48)]).free_mib
    2000
    """
    for limit in limits:
        total_mib = min(total_mib, limit.limit_mib)
        free_mib = min(free_mib, limit.limit_mib - limit.held_mib)
    return Card("cpu", "this machine's memory", total_mib, max(0.0, free_mib))


def _measure_cuda(index: str) -> Card:
    which = f"--id={index}"
    card = read_card(
        _ask_smi("--query-gpu=name,memory.total,memory.free,memory.used", which),
        _ask_smi("--query-compute-apps=pid,name,used_memory", which),
    )
    return replace(card, index=index, compute_capability=_compute_capability(which))


def _compute_capability(which: str) -> str:
    try:
        return _ask_smi("--query-gpu=compute_cap", which).strip()
    except UsageError:  # drivers before 510 do not know the question
        return ""


def read_card(cards: str, processes: str) -> Card:
    r"""Return a card from what `nvidia-smi` prints as CSV without header and units.

    Args:
        cards: Name, total, free and held MiB of one card.
        processes: Process, name and MiB of each who computes on it; "[N/A]" where it is not told.

    Example:
        >>> read_card("NVIDIA GeForce RTX 3070, 8192, 7377, 600\n", "812, python, 600\n").holders
        (Holder(pid=812, name='python', held_mib=600.0),)
    """
    name, *numbers = (part.strip() for part in cards.strip().splitlines()[0].split(","))
    total_mib, free_mib, held_mib = map(float, numbers)
    return Card("cuda", name, total_mib, free_mib, held_mib, tuple(_holders(processes)))


def _holders(processes: str) -> list[Holder]:
    found = []
    for line in processes.strip().splitlines():
        pid, rest = line.split(",", 1)
        name, held = rest.rsplit(",", 1)  # a name may have commas
        mib = float(held) if held.strip().isdigit() else 0.0
        found.append(Holder(int(pid), name.strip(), mib))
    return found


def _who(holders: Sequence[Holder]) -> str:
    if not holders:
        return ""
    held = (
        f"process {holder.pid} ({holder.name}) holds "
        + (f"{holder.held_mib:.0f} MiB" if holder.held_mib else "memory that the driver hides")
        for holder in holders
    )
    return ": " + ", ".join(held)


def _ask_smi(query: str, card: str) -> str:
    words = [SMI, query, *filter(None, [card]), "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise UsageError(
            f"a CUDA card is measured with {SMI}, which ended with {error}: repair the driver, or "
            "search with --device cpu"
        ) from error
    return done.stdout
