"""How trials share a card: what each one reserves, and with how many images at a time it fits.

Pure: takes a measured `tune.card.device.Card` and predictions of `models.footprint`, gives
placements. A reservation is one of a few sizes, because Ray reuses a worker's process only for
an equal reservation, and starting one takes seconds.
"""

import math
from dataclasses import dataclass, replace

from models.footprint.predict import (
    Calibration,
    Footprint,
    default_calibration,
    fit_micro_batch,
    predict_footprint,
)
from tune.card.device import MIB, Card
from tune.errors import UsageError
from tune.trial.spec import Placement, TrialSpec

GPU_CLASSES = tuple(10_000 // k / 10_000 for k in (16, 12, 8, 6, 4, 3, 2, 1))
"""Shares of a card that can be reserved, rounded down to the ten-thousandths in which Ray counts.
Parts of one: as many trials of a kind fit side by side as without rounding, and together they
reserve all of it. A sixteenth of 8 GiB holds a context alone."""

RAM_CLASS_MIB = 256.0
"""Memory of a machine is reserved in multiples of this."""

WORKER_RAM_MIB = 512.0
"""A worker's interpreter, Ray and torch: 392 MiB resident were measured, less is shared."""

LOOK_AHEAD = 2
"""Trials that wait for a card while others run, so that a small one can go before a large one that
does not fit yet. More would be suggested without knowing results that are on their way."""


@dataclass(frozen=True)
class Packing:
    """How trials share the machine.

    Attributes:
        card: What they share.
        headroom: Share of the free memory that is never reserved.
        max_concurrent: Most trials side by side.
        num_cores: Cores that the workers share out among them.
        gpus_per_trial: Share of the card that every trial reserves; None to follow predictions.
        calibration: Of the card; None takes assumptions, see models.footprint.
        correction: Factor on predictions that the study's own trials ask for, see
        tune.card.correction.
    """

    card: Card
    headroom: float
    max_concurrent: int
    num_cores: int
    gpus_per_trial: float | None = None
    calibration: Calibration | None = None
    correction: float = 1.0

    @property
    def usable_mib(self) -> float:
        """Memory that can be reserved."""
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
        """Most memory that a single trial can reserve."""
        return self.usable_mib * (self.gpus_per_trial or 1.0)

    def place(self, spec: TrialSpec) -> TrialSpec:
        """Return a trial with its micro-batch and reservation, or why it cannot run.

        It trains with whole batches where they fit, else with the largest micro-batches that do.
        Their gradients add up to that of the batch, but batch norms see a micro-batch at a time.
        """
        train = spec.train
        calibration = self.calibration or default_calibration(self.card.device)
        context_mib = calibration.context_mib
        tensors_mib = (self.trial_mib - self._own_mib - context_mib) / self.correction
        micro_batch = fit_micro_batch(
            spec.model,
            spec.data.crop_px,
            train.batch_size,
            train.precision,
            tensors_mib + context_mib,
            self.card.device,
            self.calibration,
        )
        if micro_batch is None:
            least = replace(spec, train=replace(train, micro_batch=1))
            return replace(spec, placement=self._reject(self.predict(least)))
        is_whole = micro_batch == train.batch_size
        train = replace(train, micro_batch=None if is_whole else micro_batch)
        return self.reserve_again(replace(spec, train=train))

    def reserve_again(self, spec: TrialSpec) -> TrialSpec:
        """Return a trial with memory reserved on the card as it is now; its micro-batch stays.

        A resumed one keeps it, because its batch norms see it; what does not fit any more reserves
        all that can be reserved and runs into its limit, if it comes to that.
        """
        return replace(spec, placement=self._reserve(self.predict(spec)))

    def needed_mib(self, spec: TrialSpec) -> float:
        """Return the memory that a trial needs with its micro-batch, its context included."""
        return self._needed_mib(self.predict(spec))

    def share(self, needed_mib: float) -> float:
        """Return the share of the card, or on a CPU of the memory, that is reserved for a need."""
        if not self.num_gpus:
            return self._ram_mib(needed_mib) / self.usable_mib
        usable_mib = self.usable_mib
        fitting = (share for share in GPU_CLASSES if needed_mib <= share * usable_mib)
        return self.gpus_per_trial or next(fitting, GPU_CLASSES[-1])

    def predict(self, spec: TrialSpec) -> Footprint:
        """Return what a trial would take with its micro-batch, before any correction."""
        return predict_footprint(
            spec.model,
            spec.data.crop_px,
            spec.train.micro_batch or spec.train.batch_size,
            spec.train.precision,
            images_per_step=spec.train.batch_size,
            device=self.card.device,
            calibration=self.calibration,
        )

    @property
    def _own_mib(self) -> float:
        """Memory that a worker takes of the machine's on a CPU, beside its tensors."""
        return 0.0 if self.num_gpus else WORKER_RAM_MIB

    def _tensors_mib(self, footprint: Footprint) -> float:
        return self.correction * footprint.allocated_mib

    def _needed_mib(self, footprint: Footprint) -> float:
        return self._tensors_mib(footprint) + footprint.context_mib + self._own_mib

    def _ram_mib(self, needed_mib: float) -> float:
        """Return the machine's memory that is reserved for a need on a CPU, in whole bytes.

        Ray is told of whole bytes only: a trial that asks for a part of one more waits for ever.
        """
        most_mib = math.floor(self.trial_mib * MIB) / MIB
        return min(math.ceil(needed_mib / RAM_CLASS_MIB) * RAM_CLASS_MIB, most_mib)

    def _reject(self, footprint: Footprint) -> Placement:
        reason = (
            f"predicted to need {self._needed_mib(footprint):.0f} MiB with one image at a time, "
            f"{self.trial_mib:.0f} MiB can be reserved"
        )
        return replace(self._reservation(footprint), rejection=reason)

    def _reserve(self, footprint: Footprint) -> Placement:
        needed_mib = self._needed_mib(footprint)
        reservation = self._reservation(footprint)
        if not self.num_gpus:
            return replace(reservation, ram_mib=self._ram_mib(needed_mib))
        fraction = self.share(needed_mib)
        # Its share of the headroom is its own: the allocator's fragments lie there.
        cap_mib = fraction * self.card.free_mib - footprint.context_mib
        return replace(reservation, gpu_fraction=fraction, cap_mib=cap_mib)

    def _reservation(self, footprint: Footprint) -> Placement:
        """Return a placement with nothing reserved yet."""
        return Placement(
            predicted_peak_mib=self._tensors_mib(footprint),
            num_threads=self.num_threads,
            correction=self.correction,
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
    check_share(gpus_per_trial, card.device)
    card.usable_mib(headroom)
    return Packing(card, headroom, max_concurrent, num_cores, gpus_per_trial)


def check_share(gpus_per_trial: float | None, device: str) -> None:
    """Refuse a share of a card where there is none.

    Raises:
        UsageError: If a share of a card is asked for on a CPU.
    """
    if gpus_per_trial is not None and device == "cpu":
        raise UsageError(
            f"--gpus-per-trial shares out a CUDA card, found {gpus_per_trial:g} with the CPU: "
            "leave it out, --max-concurrent says how many trials share the cores"
        )


def side_by_side(packing: Packing, placement: Placement) -> int:
    """Return how many trials of one reservation fit beside each other; 0 for a rejected one.

    >>> from tune.card.device import MIB, Card
    >>> packing = Packing(Card("cuda", "pretend", 8192, 8000), 0.1, 4, 8)
    >>> side_by_side(packing, Placement(gpu_fraction=0.375))
    2
    """
    if placement.rejection is not None:
        return 0
    if packing.num_gpus:
        return min(packing.max_concurrent, int(1 / placement.gpu_fraction))
    fitting = int(packing.usable_mib / placement.ram_mib) if placement.ram_mib else 1
    return max(1, min(packing.max_concurrent, fitting))


def require_fit(narrowest: TrialSpec) -> None:
    """Refuse a search of which nothing can ever run.

    Args:
        narrowest: The trial that takes the least memory, placed.

    Raises:
        UsageError: If it is rejected.
    """
    if narrowest.placement.rejection is None:
        return
    raise UsageError(
        f"a search needs a width that fits, found none: base_channels "
        f"{narrowest.model.base_channels} is {narrowest.placement.rejection}; "
        "search narrower ones (--range base_channels=...), or smaller crops (--crop-px)"
    )
