"""A night of 200 trials on a pretend card of 8 GB: what is reserved, what runs out of memory.

`python -m benchmarks.packing_night` drives the search's own conductor, sampler, rungs and packing
with a simulated card instead of Ray: trials start where their reservation fits, take time in
proportion to their arithmetic, get a made-up score that favours wide networks, and run out of
memory where they truly need more than their cap. Once with predictions that are right, once with
predictions that are 40 % low. Nothing is trained; memory is predicted by the real
`models.footprint`.
"""

import argparse
import math
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from rich.console import Console

from models.footprint.predict import predict_footprint
from models.registry import ModelConfig
from models.training.config import TrainConfig
from models.training.epoch_result import EpochResult
from tune.card.correction import memory_correction
from tune.card.device import Card
from tune.card.packing import Packing
from tune.outcomes import Outcome
from tune.scheduling.conductor import Conductor
from tune.scheduling.cutoffs import TopShare
from tune.scheduling.rungs import RungLedger, rung_epochs
from tune.scheduling.sampler import Sampler
from tune.space.points import KnownPoint, Suggestion
from tune.space.ranges import build_space
from tune.storage.folder import StudyFolder
from tune.storage.history import Budget
from tune.storage.journal import StudyJournal
from tune.storage.recorder import Recorder
from tune.tables.files import read_table
from tune.terminal.progress import StudyProgress
from tune.trial.clock import StudyClock
from tune.trial.crashes import CARD_IS_FULL
from tune.trial.spec import DataSpec, StudyFacts, TrialSpec

CARD = Card("cuda", "pretend card of 8 GB", 8192.0, 7800.0)
WIDTHS = (8, 16, 24, 32, 48, 64, 96, 128)
EPOCHS = 20
CROP_PX = 256
MACS_PER_S = 2e12
"""Of the pretend card; only ratios of times matter."""


def main(argv: Sequence[str] | None = None) -> int:
    """Print one row per architecture and model of memory."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.packing_night")
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument(
        "--arch", nargs="*", default=["baseline", "resnet", "residual", "attention"]
    )
    arguments = parser.parse_args(argv)
    print(
        "| architecture | predictions | outcomes | out of memory, first and last quarter | "
        "micro-batched | reserved while trials wait | most side by side | rows of trials |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for arch in arguments.arch:
        for share in (1.0, 0.6):
            with tempfile.TemporaryDirectory() as results:
                night = Night(arch, share, arguments.trials, Path(results))
                night.run()
                print(night.row())
    return 0


@dataclass
class Running:
    """A trial on the simulated card."""

    spec: TrialSpec
    next_epoch_s: float
    epoch: int = 0


@dataclass
class Night:
    """One simulated search.

    Attributes:
        arch: Architecture.
        share: Predicted over true memory.
        num_trials: Trials of the search.
        results: Folder of the study.
    """

    arch: str
    share: float
    num_trials: int
    results: Path
    waiting: list[TrialSpec] = field(default_factory=list)
    running: list[Running] = field(default_factory=list)
    now_s: float = 0.0
    waited_s: float = 0.0
    booked_s: float = 0.0
    most: int = 0

    def __post_init__(self) -> None:
        self.packing = Packing(CARD, 0.1, max_concurrent=8, num_cores=8)
        folder = StudyFolder(self.results / "night")
        folder.tables.mkdir(parents=True)
        folder.checkpoints.mkdir()
        journal = StudyJournal.create(folder.journal, "night")
        space = build_space(
            ["learning_rate", "base_channels"], [f"base_channels={','.join(map(str, WIDTHS))}"]
        )
        known = [KnownPoint("hand_set", {"learning_rate": 1e-4, "base_channels": 32})]
        self.conductor = Conductor(
            Sampler(journal, space.dimensions, known, "tpe", 0),
            RungLedger(rung_epochs(6, EPOCHS, 3), TopShare(3)),
            Recorder(
                folder,
                StudyFacts(True, "none", "0" * 16, "1" * 16, mode="quick", val_images=8),
                journal,
                StudyClock(),
            ),
            self.make_spec,
            StudyProgress(Console(), self.num_trials, EPOCHS, quiet=True),
            Budget(self.num_trials, None),
        )

    def make_spec(self, suggestion: Suggestion) -> TrialSpec:
        """Place a suggestion as the search does."""
        spec = TrialSpec(
            study="night",
            number=suggestion.number,
            model=ModelConfig(self.arch, 16, int(suggestion.values["base_channels"])),
            train=TrainConfig(
                learning_rate=float(suggestion.values["learning_rate"]),
                epochs=EPOCHS,
                batch_size=32,
                precision="bf16",
            ),
            data=DataSpec("none", CROP_PX, 0.05, 8, 0, "0" * 16, "1" * 16),
            device="cuda",
            proposed_by=suggestion.proposed_by,
        )
        correction = memory_correction(self.conductor.recorder.trials.values())
        return replace(self.packing, correction=correction).place(spec)

    def run(self) -> None:
        """Play the night to its end, or find that a trial waits for ever."""
        while True:
            while len(self.waiting) + len(self.running) < self.packing.max_live:
                spec = self.conductor.next_trial()
                if spec is None:
                    break
                self.waiting.append(spec)
            self.start_what_fits()
            if not self.running:
                assert not self.waiting, "a trial waits for ever"
                break
            self.step()
        self.conductor.close()

    @property
    def booked(self) -> float:
        """Share of the card that is booked."""
        return sum(one.spec.placement.gpu_fraction for one in self.running)

    def start_what_fits(self) -> None:
        """Start waiting trials in their order, small ones before large ones that do not fit."""
        for spec in list(self.waiting):
            has_core = len(self.running) < self.packing.max_concurrent
            if has_core and self.booked + spec.placement.gpu_fraction <= 1 + 1e-9:
                self.waiting.remove(spec)
                self.conductor.start(spec.number)
                self.running.append(Running(spec, self.now_s + epoch_s(spec)))
        self.most = max(self.most, len(self.running))

    def step(self) -> None:
        """Go on to the next end of an epoch."""
        one = min(self.running, key=lambda running: running.next_epoch_s)
        # With all cores taken trials wait for those, whatever the memory.
        if self.waiting and len(self.running) < self.packing.max_concurrent:
            self.waited_s += one.next_epoch_s - self.now_s
            self.booked_s += self.booked * (one.next_epoch_s - self.now_s)
        self.now_s = one.next_epoch_s
        one.epoch += 1
        one.next_epoch_s += epoch_s(one.spec)
        number = one.spec.number
        placement = one.spec.placement
        true_mib = placement.predicted_peak_mib / placement.correction / self.share
        if true_mib > placement.cap_mib:
            self.conductor.end(number, Outcome.OUT_OF_MEMORY, f"{CARD_IS_FULL} (simulated)")
        else:
            result = made_up(one.epoch, score_db(one.spec, one.epoch))
            stays = self.conductor.report_epoch(number, result)
            if result.is_last:
                self.conductor.end(number, Outcome.COMPLETED)
            elif stays:
                return
            else:
                self.conductor.end(number)
        self.running.remove(one)

    def row(self) -> str:
        """Return what came of it."""
        trials = read_table(self.results, "trials")
        counts = Counter(trials["outcome"])
        outcomes = ", ".join(f"{count} {outcome}" for outcome, count in counts.most_common())
        is_out = trials["outcome"] == "out_of_memory"
        quarter = len(trials) // 4
        booked = f"{100 * self.booked_s / self.waited_s:.0f} %" if self.waited_s else "none waited"
        predictions = "right" if self.share == 1 else f"{100 * (1 - self.share):.0f} % low"
        return (
            f"| {self.arch} | {predictions} | {outcomes} | {is_out[:quarter].sum()}, "
            f"{is_out[-quarter:].sum()} | {trials['micro_batch'].notna().sum()} | {booked} | "
            f"{self.most} | {len(trials)} |"
        )


def epoch_s(spec: TrialSpec) -> float:
    """Return the pretend seconds of an epoch of 200 images."""
    footprint = predict_footprint(
        spec.model,
        CROP_PX,
        spec.train.micro_batch or spec.train.batch_size,
        spec.train.precision,
        images_per_step=spec.train.batch_size,
        device="cuda",
    )
    return 3 * 200 * footprint.macs / MACS_PER_S


def score_db(spec: TrialSpec, epoch: int) -> float:
    """Return a made-up score: the wider the better, best at a learning rate of 1e-3."""
    width = math.log2(spec.model.base_channels / 8)
    rate = math.log10(spec.train.learning_rate) + 3
    return 20 + 0.5 * width - rate**2 - 2 * math.exp(-epoch / 5)


def made_up(epoch: int, val_psnr_db: float) -> EpochResult:
    """Return an epoch with a score; everything else is one."""
    plain = EpochResult(
        **dict.fromkeys(EpochResult.__dataclass_fields__, 1.0)
        | {"epoch": epoch, "num_samples": 200, "memory_method": "cuda_peak", "is_last": False}
    )
    return replace(plain, val_psnr_db=val_psnr_db, is_last=epoch == EPOCHS)


if __name__ == "__main__":
    raise SystemExit(main())
