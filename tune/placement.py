"""Where a trial was put: what it is predicted to take and what is booked for it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Placement:
    """What is booked for one trial; decided when it is proposed, kept in the journal.

    Attributes:
        predicted_peak_mib: Most memory that it is predicted to hold in tensors, which is what a
            measurement sees; None without a prediction.
        gpu_fraction: Share of the card's usable memory that is booked, in [0, 1]; 0 on a CPU.
        ram_mib: Memory of the machine that is booked on a CPU, the worker's own included; 0 on a
            card.
        cap_mib: Memory in tensors that its worker may take on the card; None for no limit.
        num_threads: Threads of its worker.
        correction: Factor in predicted_peak_mib that earlier trials of the study asked for.
        rejection: Why it cannot run at all; None if it can.
    """

    predicted_peak_mib: float | None = None
    gpu_fraction: float = 0.0
    ram_mib: float = 0.0
    cap_mib: float | None = None
    num_threads: int = 1
    correction: float = 1.0
    rejection: str | None = None


UNPLACED = Placement()
"""Of a trial without a prediction."""
