"""Who ran beside whom, from the moments at which trials began and ended."""

import math
from collections.abc import Sequence
from operator import itemgetter

from tune.trial import TrialRecord


def run_beside(records: Sequence[TrialRecord]) -> dict[int, list[int]]:
    """Return, for every trial, the numbers of those that ran at any time while it ran, in order.

    One sweep over the beginnings: whoever has not ended by then runs beside the newcomer. A trial
    that ends in the moment in which another begins is not beside it, and one that no worker took up
    never ran.
    """
    ran = [(record.started.elapsed_s, record) for record in records if record.started is not None]
    beside: dict[int, list[int]] = {record.spec.number: [] for record in records}
    running: list[TrialRecord] = []
    for start_s, record in sorted(ran, key=itemgetter(0)):
        running = [other for other in running if _end_s(other) > start_s]
        for other in running:
            beside[record.spec.number].append(other.spec.number)
            beside[other.spec.number].append(record.spec.number)
        running.append(record)
    return {number: sorted(others) for number, others in beside.items()}


def _end_s(record: TrialRecord) -> float:
    return math.inf if record.ended is None else record.ended.elapsed_s
