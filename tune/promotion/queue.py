"""The runs of a promotion, one after the other: every candidate with the first seed, then the next.

Seed-major, so that after each seed the candidates can be compared on equal terms and the clearly
worse get no further ones (`tune.statistics.race`). A race waits for all runs of the seeds before;
without one, runs are started as workers come free. What is next is a function of the runs that
ended and their scores, and a race looks at nothing that came after it, so a promotion that was
killed continues as if it had not been.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tune.outcomes import Outcome
from tune.space.points import Candidate, Suggestion
from tune.statistics.race import Drop, race
from tune.storage.history import TrialHistory
from tune.storage.journal import StudyJournal

ScoreImages = Callable[[int], NDArray[np.float64] | None]
"""Takes the number of a completed run; returns its validation PSNR per image in dB, None if it
cannot be scored."""

HOPELESS = frozenset({Outcome.OUT_OF_MEMORY, Outcome.REJECTED})
"""What does not fit with one seed fits with none."""


class RunQueue:
    """Suggests the runs of a promotion; see `tune.scheduling.roles.Suggests`.

    Args:
        journal: The promotion's journal.
        candidates: What is promoted, in order.
        seeds: Of the runs, the same for every candidate.
        score_images: Scores a completed run; None races nobody.
        say: Prints who was raced out.
        seed: Of the race's bootstrap.
    """

    def __init__(
        self,
        journal: StudyJournal,
        candidates: Sequence[Candidate],
        seeds: Sequence[int],
        score_images: ScoreImages | None,
        say: Callable[[str], None],
        seed: int,
    ) -> None:
        self._journal = journal
        self._names = [candidate.name for candidate in candidates]
        self._seeds = tuple(seeds)
        self._score_images = score_images
        self._say = say
        self._seed = seed
        self._runs: dict[tuple[str, int], int] = {}
        self._outcomes: dict[int, Outcome] = {}
        self._drops: dict[str, Drop] = {}
        self._seeds_raced = 0

    @property
    def drops(self) -> Mapping[str, Drop]:
        """Who got no further seeds, and why."""
        return dict(self._drops)

    @property
    def is_exhausted(self) -> bool:
        """Whether no run is left to start now; while others run, a race may still decide."""
        return self._next() is None

    def suggest(self) -> Suggestion | None:
        """Return the next run; None while a race waits for runs, and after the last one."""
        pair = self._next()
        if pair is None:
            return None
        name, seed = pair
        number = self._journal.add_run(name, seed, self._names)
        self._runs[pair] = number
        return Suggestion(number, name, {"candidate": name, "seed": seed})

    def recall(self, history: TrialHistory) -> Suggestion:
        """Return the run of an earlier session."""
        name, seed = str(history.values["candidate"]), int(history.values["seed"])
        self._runs[name, seed] = history.number
        if history.ending is not None and history.has_ended:
            self._outcomes[history.number] = history.ending.outcome
        return Suggestion(history.number, name, dict(history.values))

    def report(self, number: int, outcome: Outcome, scores: Sequence[float]) -> None:
        """Record how a run ended; an interrupted one is resumed later."""
        if outcome is Outcome.INTERRUPTED:
            return
        self._outcomes[number] = outcome
        is_completed = outcome is Outcome.COMPLETED
        self._journal.end_run(number, max(scores) if is_completed else None)

    def _next(self) -> tuple[str, int] | None:
        """Return candidate and seed of the next run, racing first where a seed is finished."""
        for num_before, seed in enumerate(self._seeds):
            if self._score_images is not None and num_before > self._seeds_raced:
                if not self._has_ended(self._seeds[:num_before]):
                    return None
                self._race(self._score_images, self._seeds[:num_before])
            for name in self._names:
                is_out = self._is_out(name, self._seeds[:num_before])
                if not is_out and (name, seed) not in self._runs:
                    return name, seed
        return None

    def _race(self, score_images: ScoreImages, seeds: Sequence[int]) -> None:
        """Compare those that are in the race by all their runs with these seeds."""
        scores = {
            name: {
                seed: images
                for seed in seeds
                if self._outcome(name, seed) is Outcome.COMPLETED
                and (images := score_images(self._runs[name, seed])) is not None
            }
            for name in self._names
            if not self._is_out(name, seeds)
        }
        for drop in race(scores, self._seed):
            self._drops[drop.candidate] = drop
            self._say(drop.words)
        self._seeds_raced = len(seeds)

    def _has_ended(self, seeds: Sequence[int]) -> bool:
        """Whether every run with these seeds has ended that was to be."""
        return all(
            self._runs[name, seed] in self._outcomes
            for name in self._names
            for seed in seeds
            if (name, seed) in self._runs
        )

    def _is_out(self, name: str, seeds: Sequence[int]) -> bool:
        """Whether a candidate gets no seeds after these."""
        return name in self._drops or any(self._outcome(name, seed) in HOPELESS for seed in seeds)

    def _outcome(self, name: str, seed: int) -> Outcome | None:
        return self._outcomes.get(self._runs.get((name, seed), -1))
