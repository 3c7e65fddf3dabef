"""What a promotion will do, decided before anything is written: candidates, seeds, cost.

A `PromotionPlan` is a `StudyPlan` without a space, so that folder, lock, journal, agreement and
workers are those of a search; what differs is that its suggestions name a candidate and a seed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from data.dataset import Corpus
from models.registry import ARCHITECTURES, ModelConfig
from models.shapes import nominal_channels
from models.training.precision import Stack
from tune.card.device import Card
from tune.card.fleet import Fleet
from tune.config.machine import Machine
from tune.config.profiles import choose_profile
from tune.config.promotion import PromotionConfig, write_promotion
from tune.config.resolve import Resolved
from tune.config.rules import check_same_corpus
from tune.config.search import SearchConfig
from tune.results.searches import Search
from tune.space.dimension import Values
from tune.space.points import Candidate, Suggestion
from tune.space.ranges import SearchSpace
from tune.statistics.candidates import (
    CONTROL_VALUES,
    CONTROL_WARMUP_EPOCHS,
    choose_candidates,
)
from tune.storage.folder import StudyFolder
from tune.storage.kind import Kind
from tune.study.plan import StudyPlan, plan_study
from tune.trial.spec import Placement, TrialSpec


@dataclass(frozen=True, kw_only=True)
class PromotionPlan(StudyPlan):
    """Everything that is decided before a promotion starts.

    Attributes:
        promotion: Its configuration.
        search_fraction: Share of the training patches that the search saw.
    """

    promotion: PromotionConfig
    search_fraction: float

    @property
    def config_text(self) -> str:
        """The text of `study.toml`."""
        return write_promotion(self.promotion)

    @property
    def score_px(self) -> int:
        """Side of the images that runs are scored on: whole patches where bytes count.

        The header of JPEG2000 would be half the code of a small crop; networks have no size.
        """
        return self.crop_px if self.config.rate == "elements" else self.corpus.info.patch_px

    @property
    def num_runs(self) -> int:
        """Runs without a race."""
        return len(self.candidates) * self.promotion.seeds

    def candidate(self, name: str) -> Candidate:
        """Return a candidate by its name."""
        return next(candidate for candidate in self.candidates if candidate.name == name)

    def trial_spec(
        self,
        suggestion: Suggestion,
        stack: Stack,
        folder: StudyFolder | None = None,
        live: Iterable[Placement] = (),
    ) -> TrialSpec:
        """Return what a worker needs to run a candidate with a seed.

        The seed covers initial weights, dropout and the order of batches; the share of the training
        patches is the search's draw for all.
        """
        candidate = self.candidate(str(suggestion.values["candidate"]))
        seed = int(suggestion.values["seed"])
        values = replace(suggestion, values=candidate.values, proposed_by=candidate.name)
        spec = super().trial_spec(values, stack, folder, live)
        if candidate.is_control:
            spec = replace(spec, model=_without_recipe(spec.model))
        spec = replace(
            spec,
            label=f"{candidate.name}_s{seed}",
            train=replace(spec.train, seed=seed, patience=self.promotion.patience),
        )
        if spec.checkpoint is None:
            return spec
        return replace(spec, checkpoint=str(Path(spec.checkpoint).with_name(f"{spec.name}.pt")))

    def run_spec(self, candidate: Candidate, stack: Stack) -> TrialSpec:
        """Return a run of a candidate; micro-batch and memory are those of all its runs."""
        suggestion = Suggestion(0, candidate.name, {"candidate": candidate.name, "seed": 0})
        return self.trial_spec(suggestion, stack)

    def run_s(self, candidate: Candidate) -> float | None:
        """Return the predicted seconds of one run that uses all its epochs.

        From what an epoch of the candidate's own trial took in the search, in proportion to the
        data; a control that was never tried counts as the slowest of the others.
        """
        known = [one for one in self.candidates if one.search_train_s is not None]
        own = [one for one in known if one.name == candidate.name] or known
        scale = self.promotion.data_fraction / self.search_fraction
        epoch_s = [scale * (one.search_train_s or 0.0) + (one.search_val_s or 0.0) for one in own]
        return self.promotion.epochs * max(epoch_s) if epoch_s else None

    @property
    def predicted_s(self) -> float | None:
        """Seconds that all runs take side by side; racing and patience make it less."""
        runs = [self.run_s(candidate) for candidate in self.candidates]
        if any(one is None for one in runs):
            return None
        total_s = sum(one for one in runs if one is not None) * self.promotion.seeds
        return total_s / min(self.config.max_concurrent, self.num_runs)


def resolve_promotion(
    asked: Mapping[str, Any], search: Search, machine: Machine
) -> PromotionConfig:
    """Return the configuration of the promotion of one search.

    Args:
        asked: The settings that were given, see `tune.config.promotion.read_asked`.
        search: What is promoted.
        machine: Where.
    """
    arch, ratio = search.cell
    workers = choose_profile(machine, arch)["max_concurrent"].value
    defaults = {
        "data": search.config.data,
        "test_images": search.config.val_images,
        "max_concurrent": workers,
    }
    own = {"arch": arch, "ratio": ratio, "study": search.name, "device": machine.device}
    return PromotionConfig(**{**defaults, **asked, **own})


def plan_promotion(
    promotion: PromotionConfig,
    search: Search,
    corpus: Corpus,
    card: Card | None = None,
    fleet: Fleet | None = None,
) -> PromotionPlan:
    """Decide everything about a promotion; reads the search's tables, writes nothing.

    Args:
        promotion: Its configuration.
        search: What is promoted.
        corpus: What it reads.
        card: What its runs share; None measures it now.
        fleet: The places of a cluster, in the place of a card.

    Raises:
        UsageError: If the corpus is not the one that was searched on, or there is no candidate.
        DataError: If the corpus has no patches to train or to score on.
        ModelError: If no model or training has these values.
    """
    trials = search.trials()
    check_same_corpus(
        trials["corpus_fingerprint"].iloc[0],
        trials["split_fingerprint"].iloc[0],
        corpus.info.stamp,
        str(corpus.path),
        who=f"the promotion of {search.name}",
        next_step="name the corpus that was searched on with --data, or search on this one first",
    )
    corpus.patches("test")  # refuses a corpus without any before hours of training
    found = choose_candidates(
        trials,
        search.epochs(),
        control_values(search.config),
        promotion.top,
        control_has_path=not ARCHITECTURES[search.config.arch].has_network,
        results=search.folder.path.parent,
    )
    candidates = tuple(_fit(candidate, promotion.epochs) for candidate in found)
    num_runs = len(candidates) * promotion.seeds
    config = _study_config(promotion, search.config, num_runs)
    base = plan_study(Resolved(config, {}), corpus, card, fleet)
    values = {entry.name: getattr(base, entry.name) for entry in fields(StudyPlan)}
    values |= {"known": (), "rungs": (), "space": SearchSpace(())}
    values |= {"kind": Kind.PROMOTION, "candidates": candidates}
    values |= {"crop_px": search.crop_px, "val_images": search.val_images}
    return PromotionPlan(**values, promotion=promotion, search_fraction=search.config.data_fraction)


def control_values(config: SearchConfig) -> Values:
    """Return the hand-set values, those of the predecessor, and the search's usual width."""
    return {
        **config.values,
        **CONTROL_VALUES,
        "warmup_epochs": min(CONTROL_WARMUP_EPOCHS, config.epochs),
        "latent_channels": nominal_channels(config.ratio),
    }


def _without_recipe(model: ModelConfig) -> ModelConfig:
    """Return the model as the predecessor trained it: for elements, without a linear path."""
    return replace(model, rate="elements", linear_path=False)


def _fit(candidate: Candidate, epochs: int) -> Candidate:
    """A warmup is never longer than the training."""
    warmup = min(int(candidate.values["warmup_epochs"]), epochs)
    return replace(candidate, values={**candidate.values, "warmup_epochs": warmup})


def _study_config(promotion: PromotionConfig, search: SearchConfig, num_runs: int) -> SearchConfig:
    """Return the search's configuration at full fidelity, with nothing left to search."""
    return replace(
        search,
        data=promotion.data,
        results=promotion.results,
        name=None,
        trials=num_runs,
        hours=None,
        epochs=promotion.epochs,
        data_fraction=promotion.data_fraction,
        tune=("learning_rate",),  # a search has at least one; the plan's space is empty
        range=(),
        scheduler="none",
        grace_epochs=1,
        warmup_epochs=min(search.warmup_epochs, promotion.epochs),
        max_concurrent=promotion.max_concurrent,
        gpus_per_trial=search.gpus_per_trial if promotion.device == "cuda" else None,
        device=promotion.device,
    )
