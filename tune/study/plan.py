"""What a study will do, decided before anything is written: space, rungs, packing, first points."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from data.dataset import Corpus
from models.registry import ModelConfig
from models.shapes import REDUCTION
from models.training.config import TrainConfig
from models.training.precision import Stack
from tune.card.correction import memory_correction
from tune.card.device import Card, measure_card
from tune.card.fleet import Fleet
from tune.card.packing import Packing, check_share, plan_packing, require_fit, side_by_side
from tune.config.machine import available_cores
from tune.config.profiles import Pick
from tune.config.resolve import Resolved
from tune.config.rules import check_objective
from tune.config.search import SearchConfig, write_config
from tune.errors import UsageError
from tune.scheduling.rules import StoppingRule
from tune.space.dimension import Value, Values
from tune.space.dimensions import read_values
from tune.space.neighbours import neighbour_points
from tune.space.points import Candidate, KnownPoint, Suggestion
from tune.space.ranges import SearchSpace
from tune.storage.folder import StudyFolder
from tune.storage.kind import Kind
from tune.tables.files import read_readable_tables
from tune.trial.record import TrialRecord
from tune.trial.spec import UNPLACED, DataSpec, Placement, TrialSpec


@dataclass(frozen=True)
class StudyPlan:
    """Everything that is decided before a study starts.

    Attributes:
        config: The resolved configuration.
        picked: What the machine's profile chose of it, with reasons.
        corpus: The corpus that it reads.
        space: What is searched.
        known: The points to try first.
        rungs: The epochs at which trials are compared; empty without a scheduler.
        packing: How trials share the machine; of several places, the largest.
        crop_px: Side of the crops that trials train and are scored on.
        val_images: Images of the frozen validation set.
        notes: Earlier studies that could not be looked at, one sentence each.
        kind: What the study does.
        candidates: What a promotion promotes; none for a search.
        fleet: The places of a cluster; None where all trials run on this machine.
    """

    config: SearchConfig
    picked: Mapping[str, Pick]
    corpus: Corpus
    space: SearchSpace
    known: tuple[KnownPoint, ...]
    rungs: tuple[int, ...]
    packing: Packing
    crop_px: int
    val_images: int
    notes: tuple[str, ...] = ()
    kind: Kind = Kind.SEARCH
    candidates: tuple[Candidate, ...] = ()
    fleet: Fleet | None = None

    @property
    def num_slots(self) -> int:
        """Most trials side by side."""
        return self.config.max_concurrent if self.fleet is None else self.fleet.num_slots

    def side_by_side(self, spec: TrialSpec) -> int:
        """Return how many trials like a placed one run beside each other; 0 for a rejected one."""
        if self.fleet is None:
            return side_by_side(self.packing, spec.placement)
        return self.fleet.side_by_side(spec)

    @property
    def whole_place(self) -> Placement:
        """What reserves the largest place alone, as far as a card goes, for what is timed there."""
        if self.fleet is None:
            return UNPLACED
        return Placement(
            gpu_fraction=float(self.packing.num_gpus),
            num_threads=self.packing.num_threads,
            raylet=self.fleet.largest.raylet,
        )

    @property
    def mode(self) -> str:
        """Fidelity: "full" for a promotion, else "quick"."""
        return "full" if self.kind is Kind.PROMOTION else "quick"

    @property
    def config_text(self) -> str:
        """The text of `study.toml`."""
        return write_config(self.config)

    @property
    def label(self) -> str:
        """What is searched, in a few words."""
        synthetic = " (SYNTHETIC)" if self.corpus.info.is_synthetic else ""
        target_bpp = self.config.target_bpp
        rate = "" if target_bpp is None else f" ({target_bpp:g} bit/px)"
        objective = self.config.objective
        return (
            f"{self.config.arch} {self.config.ratio}x{rate} on {self.corpus.info.name}{synthetic}, "
            f"{self.crop_px} px" + ("" if objective == "psnr" else f", objective {objective}")
        )

    def values(self, suggested: Values) -> dict[str, Value]:
        """Return the value of every dimension: as suggested, or else as configured."""
        return read_values({**self.config.values, **suggested})

    def model_config(self, suggested: Values) -> ModelConfig:
        """Return the model of a suggestion; what is not searched comes from the configuration."""
        values = self.values(suggested)
        config = self.config
        return ModelConfig(
            arch=config.arch,
            ratio=config.ratio,
            linear_path=config.has_path,
            rate=config.rate,
            **_of(ModelConfig, values),
        )

    def train_config(self, suggested: Values) -> TrainConfig:
        """Return the training of a suggestion; every trial of a study shares the study's seed.

        One seed for all trials: they start from the same weights (at equal width) and see the same
        batches, so that differences come from what is searched.
        """
        values = _of(TrainConfig, self.values(suggested))
        return TrainConfig(
            **values,
            epochs=self.config.epochs,
            ssim_weight=1.0 - values["mse_weight"],
            seed=self.config.seed,
            objective=self.config.objective,
        )

    @property
    def widths(self) -> tuple[int, ...]:
        """The base channels that are searched, or both ends of their range."""
        ends = self.space.ends_of("base_channels") or (self.config.base_channels,)
        return tuple(int(value) for value in ends)

    def narrowest_trial(self) -> TrialSpec:
        """Return the trial that takes the least memory, in the least precision it may get."""
        precision = {"auto": "bf16" if self.config.device == "cuda" else "fp32"}.get(
            self.config.precision, self.config.precision
        )
        stack = Stack(precision, channels_last=False, reason="")
        values = {"base_channels": min(self.widths)}
        return self.trial_spec(Suggestion(0, "plan", values), stack)

    def corrected(self, records: Iterable[TrialRecord]) -> Self:
        """Return the plan with packings that have learnt from the study's trials so far."""
        known = list(records)
        packing = replace(self.packing, correction=memory_correction(known))
        fleet = None if self.fleet is None else self.fleet.corrected(known)
        return replace(self, packing=packing, fleet=fleet)

    def data_spec(self) -> DataSpec:
        """Return which pixels the trials see."""
        config = self.config
        return DataSpec(
            # A worker on another node has another working folder.
            corpus=str(self.corpus.path if self.fleet is None else self.corpus.path.absolute()),
            crop_px=self.crop_px,
            data_fraction=config.data_fraction,
            val_images=self.val_images,
            seed=config.seed,
            corpus_fingerprint=self.corpus.info.fingerprint,
            split_fingerprint=self.corpus.info.split_fingerprint,
        )

    def trial_spec(
        self,
        suggestion: Suggestion,
        stack: Stack,
        folder: StudyFolder | None = None,
        live: Iterable[Placement] = (),
    ) -> TrialSpec:
        """Return what a worker needs to run a suggestion.

        Args:
            suggestion: The trial's values.
            stack: How its training steps run.
            folder: The study's; without one it keeps no checkpoint.
            live: What all trials that run or wait reserve.
        """
        train = self.train_config(suggestion.values)
        study = "plan" if folder is None else folder.given_name
        checkpoint = None
        if folder is not None:
            checkpoint = str(folder.checkpoints.resolve() / f"{study}_t{suggestion.number:03d}.pt")
        spec = TrialSpec(
            study=study,
            number=suggestion.number,
            model=self.model_config(suggestion.values),
            train=replace(train, precision=stack.precision, channels_last=stack.channels_last),
            data=self.data_spec(),
            device=self.config.device,
            proposed_by=suggestion.proposed_by,
            checkpoint=checkpoint,
        )
        if self.fleet is not None and self.fleet.places:
            return self.fleet.place(spec, live)
        return self.packing.place(spec)


def plan_study(
    resolved: Resolved, corpus: Corpus, card: Card | None = None, fleet: Fleet | None = None
) -> StudyPlan:
    """Decide everything about a study; reads earlier tables, writes nothing.

    Args:
        resolved: The configuration of the study.
        corpus: What it reads.
        card: What its trials share; None measures it now.
        fleet: The places of a cluster, in the place of a card.

    Raises:
        UsageError: If flags, space and corpus do not fit together.
        DataError: If the corpus has no patches to train or to score on.
        ModelError: If no model or training has these values.

    Example:
        >>> flags = {"arch": "baseline", "data": "corpus/s1", "trials": 8}
        >>> (resolved,) = resolve(flags, {}, detect_machine("auto"))  # doctest: +SKIP
        >>> plan = plan_study(resolved, Corpus.open("corpus/s1"))  # doctest: +SKIP
        >>> [point.proposed_by for point in plan.known]  # doctest: +SKIP
        ['hand_set']
    """
    config = resolved.config
    patch_px = corpus.info.patch_px
    crop_px = patch_px if config.crop_px is None else config.crop_px
    if crop_px > patch_px:
        raise UsageError(
            f"--crop-px must not exceed the corpus's patches of {patch_px} px, found {crop_px}: "
            "choose a smaller crop or prepare larger patches"
        )
    check_objective(config.objective, crop_px)
    check_share(config.gpus_per_trial, config.device)
    space = config.space
    _check_klt(config, corpus)
    num_val = len(corpus.patches("val"))
    corpus.patches("train", fraction=config.data_fraction, seed=config.seed)  # refuses an empty one
    hand_set = {dim.name: dim.nearest(config.hand_set[dim.name]) for dim in space.dimensions}
    known = [KnownPoint("hand_set", hand_set)]
    earlier, notes = read_readable_tables(config.results, "trials")
    neighbours = neighbour_points(
        earlier,
        config.arch,
        config.ratio,
        corpus.info.fingerprint,
        space.dimensions,
        config.rate,
        is_with_path=config.has_path,
        objective=config.objective,
    )
    known += [point for point in neighbours if dict(point.values) != hand_set]
    plan = StudyPlan(
        config=config,
        picked=resolved.picked,
        corpus=corpus,
        space=space,
        known=tuple(known[: config.trials]),
        rungs=StoppingRule.of(config).rungs(config.epochs),
        packing=fleet.largest.packing
        if fleet is not None
        else plan_packing(
            card or measure_card(config.device),
            headroom=config.headroom,
            max_concurrent=config.max_concurrent,
            num_cores=available_cores(),
            gpus_per_trial=config.gpus_per_trial,
        ),
        fleet=fleet,
        crop_px=crop_px,
        val_images=min(num_val, config.val_images or num_val),
        notes=tuple(notes),
    )
    require_fit(plan.narrowest_trial())
    return plan


def _check_klt(config: SearchConfig, corpus: Corpus) -> None:
    """Refuse a corpus with fewer blocks than a linear path has coefficients to be fitted."""
    if not config.has_path:
        return
    searched = config.space.ends_of("latent_channels")
    most = max(map(int, searched), default=config.latent_channels)
    num_blocks = len(corpus.patches("train")) * (corpus.info.patch_px // REDUCTION) ** 2
    if num_blocks < most:
        fewer = "--range latent_channels=A,B" if searched else "--latent-channels"
        raise UsageError(
            f"a KLT of {most} coefficients needs as many blocks of {REDUCTION} px in the training "
            f"patches, found {num_blocks} in {str(corpus.path)!r}: add scenes, or ask for fewer "
            f"with {fewer}"
        )


def _of(config_class: type, values: Values) -> dict[str, Any]:
    """Return the values that are fields of a configuration."""
    return {name: value for name, value in values.items() if name in config_class.__annotations__}
