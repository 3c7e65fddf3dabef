"""What a promotion says about its candidates: intervals, paired differences, and what is tied.

Two questions, two intervals. How well does a candidate score when it is trained once more: mean and
95 % interval over seeds (Student's t). Which candidate is better: paired bootstrap over seeds and
images, as in `tune.racing`. Validation data only: test data chooses nothing.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from tune.candidates import CONTROL, Candidate
from tune.racing import Scores, common_seeds, resampled_means, stack

BEST, TIED, WORSE, RACED_OUT = "best", "tied", "worse", "raced_out"
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Interval:
    """A mean with the ends of its 95 % interval; without ends where they cannot be known."""

    mean: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Verdict:
    """What is known of one candidate.

    Attributes:
        candidate: Its name.
        place: Place by mean validation PSNR, from 1.
        num_seeds: Seeds that were run to their end.
        val_psnr_db: Mean over seeds, with the interval over seeds.
        control_gain_db: Paired difference to the control; None for the control itself.
        rival_gain_db: Paired difference to the best other candidate; None without one.
        p_best: Share of bootstrap samples in which it is the best of those not raced out.
        verdict: best, tied, worse or raced_out.
        shrinkage_db: Score of the search minus promoted score, less the same of the control where
            it has both; None without a score of the search.
    """

    candidate: str
    place: int
    num_seeds: int
    val_psnr_db: Interval
    control_gain_db: Interval | None
    rival_gain_db: Interval | None
    p_best: float
    verdict: str
    shrinkage_db: float | None


def judge_candidates(
    candidates: Sequence[Candidate], scores: Scores, raced_out: Sequence[str], seed: int
) -> tuple[Verdict, ...]:
    """Return a verdict for every candidate with a finished seed, best first.

    The first one is `best` when the 95 % interval of its paired difference to every other one that
    is still in the race lies above zero; otherwise it and all whose interval of the difference to
    it includes zero are `tied`.

    Args:
        candidates: All candidates of the promotion.
        scores: Validation PSNR per image by candidate and seed.
        raced_out: Names of those that got no further seeds.
        seed: Of the bootstrap.
    """
    scored = {name: of_seed for name, of_seed in scores.items() if of_seed}
    if not scored:
        return ()
    means_db = {
        name: float(np.mean([images.mean() for images in of_seed.values()]))
        for name, of_seed in scored.items()
    }
    order = sorted(scored, key=lambda name: (-means_db[name], name))
    # One raced out on its first seed may lead those by luck of that seed: it comes behind.
    order.sort(key=lambda name: name in raced_out)
    first = order[0]
    behind = {name: paired_difference(scored, name, first, seed) for name in order[1:]}
    tied = {
        name
        for name, gap in behind.items()
        if name not in raced_out and (gap is None or gap.high is None or gap.high >= 0)
    }
    # Those that were raced out share only the first seeds, and have lost already.
    in_race = {name: of_seed for name, of_seed in scored.items() if name not in raced_out}
    chances = chances_of_best(in_race, seed)
    known = {candidate.name: candidate for candidate in candidates}
    verdicts = []
    for place, name in enumerate(order, start=1):
        rival = next((other for other in order if other != name), None)
        verdicts.append(
            Verdict(
                candidate=name,
                place=place,
                num_seeds=len(scored[name]),
                val_psnr_db=seed_interval([x.mean() for x in scored[name].values()]),
                control_gain_db=None
                if name == CONTROL
                else paired_difference(scored, name, CONTROL, seed),
                rival_gain_db=None
                if rival is None
                else paired_difference(scored, name, rival, seed),
                p_best=chances.get(name, 0.0),
                verdict=_word(name, first, tied, raced_out),
                shrinkage_db=shrinkage_db(known[name], known.get(CONTROL), means_db),
            )
        )
    return tuple(verdicts)


def seed_interval(scores_db: Sequence[float]) -> Interval:
    """Return mean and 95 % interval of a mean over seeds, Student's t with n - 1 degrees.

    >>> seed_interval([20.0])
    Interval(mean=20.0, low=None, high=None)
    """
    mean, count = float(np.mean(scores_db)), len(scores_db)
    if count < 2:
        return Interval(mean, None, None)
    error = float(np.std(scores_db, ddof=1)) / math.sqrt(count)
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, count - 1)) * error
    return Interval(mean, mean - half, mean + half)


def paired_difference(scores: Scores, name: str, other: str, seed: int) -> Interval | None:
    """Return a candidate's score minus another's over the seeds that both have, image by image.

    With one seed in common the interval covers images only. Without one, or without the other
    candidate, there is no difference: None.
    """
    pair = {key: scores[key] for key in (name, other) if scores.get(key)}
    seeds = common_seeds(pair)
    if len(pair) < 2 or not seeds:
        return None
    difference = stack(pair[name], seeds) - stack(pair[other], seeds)
    samples = resampled_means(difference[None], seed)[0]
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(samples, [tail, 1 - tail])
    return Interval(float(difference.mean()), float(low), float(high))


def chances_of_best(scores: Scores, seed: int) -> dict[str, float]:
    """Return the share of bootstrap samples in which each candidate is the best; ties are shared.

    Only over the seeds that all have in common.
    """
    seeds = common_seeds(scores)
    names = sorted(scores)
    if not seeds:
        return {name: 1.0 / len(names) for name in names}
    values: NDArray[np.float64] = np.stack([stack(scores[name], seeds) for name in names])
    samples = resampled_means(values, seed)
    winners = samples == samples.max(axis=0)
    shares = (winners / winners.sum(axis=0)).mean(axis=1)
    return dict(zip(names, map(float, shares), strict=True))


def shrinkage_db(
    candidate: Candidate, control: Candidate | None, means_db: dict[str, float]
) -> float | None:
    """Return how much of a candidate's lead in the search was luck: the winner's curse.

    Promotion trains longer on more data, so every score rises; the control, which nobody chose for
    its score, says by how much. Where it has no score in the search, nothing is subtracted.
    """
    if candidate.search_val_psnr_db is None:
        return None
    fall = candidate.search_val_psnr_db - means_db[candidate.name]
    if control is None or control.search_val_psnr_db is None or CONTROL not in means_db:
        return fall
    return fall - (control.search_val_psnr_db - means_db[CONTROL])


def _word(name: str, first: str, tied: set[str], raced_out: Sequence[str]) -> str:
    if name in raced_out:
        return RACED_OUT
    if name == first:
        return TIED if tied else BEST
    return TIED if name in tied else WORSE
