"""What a study's own trials say about its predictions of memory."""

from collections.abc import Iterable

from tune.outcomes import Outcome
from tune.trial.crashes import CARD_IS_FULL
from tune.trial.record import TrialRecord

STEP = 1.25
"""A trial that ran out needed more than its cap, nobody knows how much: a quarter more is tried."""


def memory_correction(records: Iterable[TrialRecord]) -> float:
    """Return the factor by which predictions of what lies in tensors are to be raised, 1 or more.

    A measured peak above its prediction says the factor; a trial that ran out of memory says that
    it is above that of its cap. Only measurements of the device's own allocator count: that of a
    process has more in it than tensors.
    """
    found = [1.0]
    for record in records:
        placement = record.spec.placement
        predicted_mib, used = placement.predicted_peak_mib, placement.correction
        if not predicted_mib:
            continue
        if _ran_into_its_cap(record) and placement.cap_mib is not None:
            found.append(STEP * used * max(1.0, placement.cap_mib / predicted_mib))
        found += [
            used * epoch.measured_peak_mib / predicted_mib
            for epoch in record.epochs[-1:]
            if epoch.memory_method == "cuda_peak"
        ]
    return max(found)


def _ran_into_its_cap(record: TrialRecord) -> bool:
    """Whether torch's allocator refused; that the machine's memory ran out says nothing here."""
    is_out = record.outcome is Outcome.OUT_OF_MEMORY
    return is_out and record.reason is not None and record.reason.startswith(CARD_IS_FULL)
