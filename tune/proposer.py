"""Optuna behind two verbs: propose a configuration, tell how its trial ended.

The study's memory is Optuna's own journal, `<study>/journal`: append-only and fsynced, so that
optuna-dashboard can watch it live. How each outcome reaches the sampler is `tell`'s docstring.
"""

import logging
import warnings
from collections.abc import Sequence
from pathlib import Path

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from tune.outcomes import Outcome
from tune.proposal import KnownPoint, Proposal
from tune.space import Dimension

NUM_RANDOM_TRIALS = 8
"""Trials drawn at random before the model of the sampler is used."""


def make_sampler(searcher: str, seed: int) -> optuna.samplers.BaseSampler:
    """Return the Optuna sampler for a `--searcher` name, with every default that matters spelt out.

    Optuna 5.0 changed defaults under its callers, so none is relied upon. `constant_liar` counts
    running trials as bad ones, so that two proposals made side by side differ.
    """
    if searcher == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    if searcher == "gp":
        return optuna.samplers.GPSampler(
            seed=seed, n_startup_trials=NUM_RANDOM_TRIALS, deterministic_objective=False
        )
    return optuna.samplers.TPESampler(
        seed=seed, n_startup_trials=NUM_RANDOM_TRIALS, multivariate=True, constant_liar=True
    )


def distribution(dimension: Dimension) -> BaseDistribution:
    """Return Optuna's form of one dimension of the space."""
    if dimension.kind == "categorical":
        return CategoricalDistribution(dimension.choices)
    assert dimension.low is not None
    assert dimension.high is not None
    if dimension.kind == "int":
        return IntDistribution(int(dimension.low), int(dimension.high), log=dimension.log)
    return FloatDistribution(float(dimension.low), float(dimension.high), log=dimension.log)


class Proposer:
    """One Optuna study: hands out the known points first, then what the sampler proposes.

    Args:
        journal: File of the study's journal; made if absent.
        study: Name of the study in the journal.
        dimensions: What is searched.
        known: Points to try first, in order.
        searcher: "tpe", "random" or "gp".
        seed: Seed of the sampler.
    """

    def __init__(
        self,
        journal: Path,
        study: str,
        dimensions: Sequence[Dimension],
        known: Sequence[KnownPoint],
        searcher: str,
        seed: int,
    ) -> None:
        # Optuna reports every trial on its logger; the search has its own progress.
        logging.getLogger("optuna").setLevel(logging.WARNING)
        self._searcher = searcher
        self._distributions = {dim.name: distribution(dim) for dim in dimensions}
        self._known = list(known)
        self._running: dict[int, optuna.Trial] = {}
        with warnings.catch_warnings():
            # Fixed in constraints.txt: the samplers used here carry Optuna's experimental marks.
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            self._study = optuna.create_study(
                storage=JournalStorage(JournalFileBackend(str(journal))),
                study_name=study,
                direction="maximize",
                sampler=make_sampler(searcher, seed),
            )
        for point in self._known:
            self._study.enqueue_trial(dict(point.values))

    def propose(self) -> Proposal:
        """Return the next configuration to try."""
        trial = self._study.ask(self._distributions)
        self._running[trial.number] = trial
        is_known = trial.number < len(self._known)
        proposed_by = self._known[trial.number].proposed_by if is_known else "searcher"
        return Proposal(trial.number, proposed_by, dict(trial.params))

    def tell(self, number: int, outcome: Outcome, scores_db: Sequence[float]) -> None:
        """Tell the sampler how a trial ended.

        COMPLETED becomes COMPLETE with the best score. STOPPED becomes PRUNED with its scores,
        which TPE ranks by how far they came and then by value; the Gaussian process ignores PRUNED,
        so there it is COMPLETE with the best score so far. DIVERGED becomes PRUNED without a value
        and OUT_OF_MEMORY and REJECTED a violated constraint: the sampler avoids the region.
        FAILED and INTERRUPTED say nothing about the configuration: FAIL, which samplers ignore.

        Args:
            number: The trial's number.
            outcome: How it ended.
            scores_db: Validation PSNR of its finished epochs, in order.
        """
        trial = self._running.pop(number)
        if outcome is Outcome.STOPPED and self._searcher != "gp":
            for step, score_db in enumerate(scores_db, start=1):
                trial.report(score_db, step)
            self._study.tell(trial, state=TrialState.PRUNED)
        elif outcome in {Outcome.COMPLETED, Outcome.STOPPED}:
            self._study.tell(trial, max(scores_db))
        elif outcome is Outcome.DIVERGED:
            self._study.tell(trial, state=TrialState.PRUNED)
        elif outcome in {Outcome.OUT_OF_MEMORY, Outcome.REJECTED}:
            trial.set_constraint("memory", 1.0)
            self._study.tell(trial, state=TrialState.PRUNED)
        else:
            self._study.tell(trial, state=TrialState.FAIL)
