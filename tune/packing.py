"""How trials share a card: what each one books, and with how many images at a time it fits.

Pure: takes a measured `tune.card.Card` and predictions of `models.footprint`, gives placements.
A booking is one of a few sizes, because Ray reuses a worker's process only for an equal booking,
and starting one takes seconds.
"""

from dataclasses import dataclass, replace

from models.footprint import Calibration, Footprint, fit_micro_batch, predict_footprint
from tune.card import Card
from tune.errors import UsageError
from tune.placement import Placement
from tune.trial import TrialSpec

GPU_CLASSES = tuple(k / 16 for k in (1, 2, 3, 4, 6, 8, 12, 16))
"""Shares of a card that can be booked. Rounding up wastes at most half of a small booking and a
third of a large one; sixteenths, because a context alone takes that much of 8 GiB."""

RAM_CLASS_MIB = 256.0
"""Memory of a machine is booked in multiples of this."""

WORKER_RAM_MIB = 512.0
"""A worker's interpreter, Ray and torch: 392 MiB resident were measured, less is shared."""

LOOK_AHEAD = 2
"""Trials that wait for a card while others run, so that a small one can go before a large one that
does not fit yet. More would be proposed without knowing results that are on their way."""


@dataclass(frozen=True)
class Packing:
    """How trials share the machine.

    Attributes:
        card: What they share.
        headroom: Share of the free memory that is never booked.
        max_concurrent: Most trials side by side.
        num_cores: Cores that the workers share out among them.
        gpus_per_trial: Share of the card that every trial books; None to follow predictions.
        calibration: Of the card; None takes assumptions, see models.footprint.
    """

    card: Card
    headroom: float
    max_concurrent: int
    num_cores: int
    gpus_per_trial: float | None = None
    calibration: Calibration | None = None

    @property
    def usable_mib(self) -> float:
        """Memory that can be booked."""
        return self.card.usable_mib(self.headroom)

    @property
    def num_gpus(self) -> int:
        """CUDA cards: one, or none on a CPU."""
        return int(self.card.device == "cuda")

    @property
    def num_threads(self) -> int:
        """Threads of a worker, so that workers times threads are the cores."""
        return max(1, self.num_cores // self.max_concurrent)

    @property
    def max_live(self) -> int:
        """Trials that run or wait to be placed."""
        return self.max_concurrent + (LOOK_AHEAD if self.num_gpus else 0)

    @property
    def trial_mib(self) -> float:
        """Most memory that a single trial can book."""
        return self.usable_mib * (self.gpus_per_trial or 1.0)

    def place(self, spec: TrialSpec) -> TrialSpec:
        """Return a trial with its micro-batch and booking, or with the reason why it cannot run.

        It trains with whole batches where they fit, else with the largest micro-batches that do:
        their gradients add up to those of the whole batch.
        """
        train = spec.train
        own_mib = 0.0 if self.num_gpus else WORKER_RAM_MIB
        micro_batch = fit_micro_batch(
            spec.model,
            spec.data.crop_px,
            train.batch_size,
            train.precision,
            self.trial_mib - own_mib,
            self.card.device,
            self.calibration,
        )
        if micro_batch is None:
            least = self._predict(spec, 1)
            rejection = (
                f"predicted to need {least.peak_mib + own_mib:.0f} MiB with one image at a time, "
                f"{self.trial_mib:.0f} MiB can be booked"
            )
            placement = Placement(
                predicted_peak_mib=least.allocated_mib,
                num_threads=self.num_threads,
                rejection=rejection,
            )
            return replace(spec, placement=placement)
        is_whole = micro_batch == train.batch_size
        train = replace(train, micro_batch=None if is_whole else micro_batch)
        booking = self._book(self._predict(spec, micro_batch))
        return replace(spec, train=train, placement=booking)

    def _predict(self, spec: TrialSpec, micro_batch: int) -> Footprint:
        return predict_footprint(
            spec.model,
            spec.data.crop_px,
            micro_batch,
            spec.train.precision,
            images_per_step=spec.train.batch_size,
            device=self.card.device,
            calibration=self.calibration,
        )

    def _book(self, footprint: Footprint) -> Placement:
        if not self.num_gpus:
            needed_mib = footprint.peak_mib + WORKER_RAM_MIB
            rounded_mib = -(-needed_mib // RAM_CLASS_MIB) * RAM_CLASS_MIB
            return Placement(
                predicted_peak_mib=footprint.allocated_mib,
                ram_mib=min(rounded_mib, self.trial_mib),
                num_threads=self.num_threads,
            )
        fraction = self.gpus_per_trial or next(
            share for share in GPU_CLASSES if footprint.peak_mib <= share * self.usable_mib
        )
        return Placement(
            predicted_peak_mib=footprint.allocated_mib,
            gpu_fraction=fraction,
            # Its share of the headroom is its own: the allocator's fragments lie there.
            cap_mib=fraction * self.card.free_mib - footprint.context_mib,
            num_threads=self.num_threads,
        )


def plan_packing(
    card: Card,
    *,
    headroom: float,
    max_concurrent: int,
    num_cores: int,
    gpus_per_trial: float | None = None,
) -> Packing:
    """Return how trials share a card.

    Raises:
        UsageError: If too little memory is free, or a share of a card is asked for on a CPU.
    """
    if gpus_per_trial is not None and card.device == "cpu":
        raise UsageError(
            f"--gpus-per-trial shares out a CUDA card, found {gpus_per_trial:g} with the CPU: "
            "leave it out, --max-concurrent says how many trials share the cores"
        )
    card.usable_mib(headroom)
    return Packing(card, headroom, max_concurrent, num_cores, gpus_per_trial)


def side_by_side(packing: Packing, placement: Placement) -> int:
    """Return how many trials of one booking fit beside each other; 0 for a rejected one.

    >>> from tune.card import Card
    >>> packing = Packing(Card("cuda", "pretend", 8192, 8000), 0.1, 4, 8)
    >>> side_by_side(packing, Placement(gpu_fraction=0.375))
    2
    """
    if placement.rejection is not None:
        return 0
    if packing.num_gpus:
        return min(packing.max_concurrent, int(1 / placement.gpu_fraction + 1e-9))
    fitting = int(packing.usable_mib / placement.ram_mib) if placement.ram_mib else 1
    return max(1, min(packing.max_concurrent, fitting))


def require_one_that_fits(packing: Packing, specs: list[TrialSpec]) -> None:
    """Refuse a search of which nothing can ever run.

    Raises:
        UsageError: If every one of the trials is rejected.
    """
    placed = [packing.place(spec) for spec in specs]
    if any(spec.placement.rejection is None for spec in placed):
        return
    least = min(placed, key=lambda spec: spec.placement.predicted_peak_mib or 0.0)
    raise UsageError(
        f"a search needs a width that fits, found none: base_channels "
        f"{least.model.base_channels} is {least.placement.rejection}; "
        "search narrower ones (--range base_channels=...), or smaller crops (--crop-px)"
    )
