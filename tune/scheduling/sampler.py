"""Optuna behind three verbs: suggest a configuration, recall one, report how its trial ended.

The study's memory is its journal (`tune.storage.journal`). How each outcome reaches the sampler is
`report`'s docstring.
"""

import warnings
from collections.abc import Mapping, Sequence

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.study._constrained_optimization import _CONSTRAINTS_KEY
from optuna.trial import TrialState

from tune.outcomes import Outcome
from tune.space.dimension import Dimension, Value
from tune.space.points import KnownPoint, Suggestion
from tune.storage.history import TrialHistory
from tune.storage.journal import StudyJournal, told

NUM_RANDOM_TRIALS = 8
"""Trials drawn at random before the model of the sampler is used."""

ASKED = (TrialState.RUNNING, TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)
"""States of trials that were suggested; a WAITING one is a known point not yet asked for."""


def make_sampler(
    searcher: str, seed: int, num_random: int = NUM_RANDOM_TRIALS
) -> optuna.samplers.BaseSampler:
    """Return the Optuna sampler for a `--searcher` name, with every default that matters spelt out.

    Optuna 5.0 changed defaults under its callers, so none is relied upon. `constant_liar` counts
    running trials as bad ones, so that two suggestions made side by side differ.
    """
    if searcher == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    with warnings.catch_warnings():
        # Fixed in constraints.txt: the samplers used here carry Optuna's experimental marks.
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        if searcher == "gp":
            return optuna.samplers.GPSampler(
                seed=seed, n_startup_trials=num_random, deterministic_objective=False
            )
        return optuna.samplers.TPESampler(
            seed=seed, n_startup_trials=num_random, multivariate=True, constant_liar=True
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


class Sampler:
    """Suggests configurations: the known points first, then what Optuna's sampler draws.

    Every draw is a function of the study's seed and the trial's number, so that a study that was
    interrupted suggests what it would have suggested: no state of a generator has to survive.

    Args:
        journal: The study's journal.
        dimensions: What is searched.
        known: Points to try first, in order.
        searcher: "tpe", "random" or "gp".
        seed: Seed of the sampler.
        num_random: Trials drawn at random before the model of the sampler is used.
    """

    def __init__(
        self,
        journal: StudyJournal,
        dimensions: Sequence[Dimension],
        known: Sequence[KnownPoint],
        searcher: str,
        seed: int,
        num_random: int = NUM_RANDOM_TRIALS,
    ) -> None:
        self._journal = journal
        self._study = journal.study
        self._searcher = searcher
        self._seed = seed
        self._num_random = num_random
        self._distributions = {dim.name: distribution(dim) for dim in dimensions}
        self._known = list(known)

    @property
    def is_exhausted(self) -> bool:
        """Whether nothing is left to suggest: a sampler always has one more."""
        return False

    def suggest(self) -> Suggestion:
        """Return the next configuration to try."""
        number = len(self._study.get_trials(deepcopy=False, states=ASKED))
        is_waiting = number < len(self._study.get_trials(deepcopy=False))
        if number < len(self._known) and not is_waiting:
            self._study.enqueue_trial(dict(self._known[number].values))
        self._seed_sampler(number)
        trial = self._study.ask(self._distributions)
        assert trial.number == number
        return self._suggestion(number, trial.params)

    def recall(self, history: TrialHistory) -> Suggestion:
        """Return the suggestion of an earlier session; one that was cut short is completed."""
        number = history.number
        if history.values.keys() != self._distributions.keys():
            values = self._suggest_again(number)
            trial_id = self._journal.trial_id(number)
            for name in self._distributions.keys() - history.values.keys():
                known = self._distributions[name]
                internal = known.to_internal_repr(values[name])
                self._journal.storage.set_trial_param(trial_id, name, internal, known)
            return self._suggestion(number, values)
        return self._suggestion(number, history.values)

    def replace(self, number: int, values: Mapping[str, Value]) -> Suggestion:
        """Note that a trial tries other values than were suggested, and learn from these."""
        trial_id = self._journal.trial_id(number)
        for name, known in self._distributions.items():
            internal = known.to_internal_repr(values[name])
            self._journal.storage.set_trial_param(trial_id, name, internal, known)
        return self._suggestion(number, values)

    def report(self, number: int, outcome: Outcome, scores: Sequence[float]) -> None:
        """Report how a trial ended for good; an interrupted one has not.

        COMPLETED becomes COMPLETE with the best score. STOPPED becomes PRUNED with its scores,
        which TPE ranks by how far they came and then by value; the Gaussian process ignores PRUNED,
        so there it is COMPLETE with the best score so far. DIVERGED becomes PRUNED without a value
        and OUT_OF_MEMORY and REJECTED a violated constraint: the sampler avoids the region.
        FAILED says nothing about the configuration: FAIL, which samplers ignore.

        Reporting twice changes nothing, so that a killed search can be finished.

        Args:
            number: The trial's number.
            outcome: How it ended.
            scores: Of its finished epochs by the objective, in order; larger is better.
        """
        if outcome is Outcome.INTERRUPTED:
            return
        state, value = self._mapping(outcome, scores)
        trial_id = self._journal.trial_id(number)
        if outcome is Outcome.STOPPED and state is TrialState.PRUNED:
            for step, score in enumerate(scores, start=1):
                self._journal.storage.set_trial_intermediate_value(trial_id, step, told(score))
        if outcome in {Outcome.OUT_OF_MEMORY, Outcome.REJECTED}:
            self._violate_memory_constraint(trial_id)
        self._study.tell(number, value, state=state)

    def _mapping(
        self, outcome: Outcome, scores: Sequence[float]
    ) -> tuple[TrialState, float | None]:
        """Return Optuna's state of an outcome and the value that goes with it."""
        if outcome is Outcome.COMPLETED or (outcome is Outcome.STOPPED and self._searcher == "gp"):
            return TrialState.COMPLETE, told(max(scores))
        if outcome is Outcome.FAILED:
            return TrialState.FAIL, None
        return TrialState.PRUNED, None

    def _violate_memory_constraint(self, trial_id: int) -> None:
        key = f"{_CONSTRAINTS_KEY}:memory"  # what `optuna.Trial.set_constraint("memory", 1)` writes
        self._journal.storage.set_trial_system_attr(trial_id, key, 1.0)

    def _suggestion(self, number: int, values: Mapping[str, Value]) -> Suggestion:
        is_known = number < len(self._known)
        proposed_by = self._known[number].proposed_by if is_known else "searcher"
        return Suggestion(number, proposed_by, dict(values))

    def _suggest_again(self, number: int) -> Mapping[str, Value]:
        """Return the values that the last trial got, or would have got, when it was asked for."""
        if number < len(self._known):
            return self._known[number].values
        before = self._study.get_trials(deepcopy=False)[:number]
        self._seed_sampler(number)
        scratch = optuna.create_study(direction="maximize", sampler=self._study.sampler)
        scratch.add_trials(before)
        values: Mapping[str, Value] = scratch.ask(self._distributions).params
        return values

    def _seed_sampler(self, number: int) -> None:
        words = np.random.SeedSequence([self._seed, number]).generate_state(1)
        self._study.sampler = make_sampler(self._searcher, int(words[0]), self._num_random)
