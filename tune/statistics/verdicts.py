"""What a promotion says about its candidates: intervals, paired differences, and what is tied.

Two questions, two intervals. How well does a candidate score in the mean over many seeds: mean and
95 % interval over seeds (Student's t); one more training scatters about that mean by more. Which
candidate is better: paired difference over seeds and images, with the interval of
`tune.statistics.intervals`. Validation data only: test data chooses nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tune.space.points import CONTROL, Candidate
from tune.statistics.intervals import Interval, mean_half, paired_half_db
from tune.statistics.race import Scores, common_seeds, resampled_means, stack

BEST, TIED, WORSE, RACED_OUT = "best", "tied", "worse", "raced_out"


@dataclass(frozen=True)
class Verdict:
    """What is known of one candidate.

    Attributes:
        candidate: Its name.
        place: Place by mean validation PSNR, from 1.
        num_seeds: Seeds that were run to their end.
        val_psnr_db: Mean over seeds, with the interval of that mean.
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
        seed: Of the bootstrap that gives the chances of being the best.
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
    behind = {name: paired_difference(scored, name, first) for name in order[1:]}
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
                else paired_difference(scored, name, CONTROL),
                rival_gain_db=None if rival is None else paired_difference(scored, name, rival),
                p_best=chances.get(name, 0.0),
                verdict=_word(name, first, tied, raced_out),
                shrinkage_db=shrinkage_db(known[name], known.get(CONTROL), means_db),
            )
        )
    return tuple(verdicts)


def seed_interval(scores_db: Sequence[float]) -> Interval:
    """Return a mean over seeds and its 95 % interval, Student's t with n - 1 degrees of freedom.

    The interval is of the mean over ever more seeds, not of the score of one more training: that
    one's would be sqrt(n + 1) times as wide.

    >>> seed_interval([20.0])
    Interval(mean=20.0, low=None, high=None)
    """
    half = mean_half(np.asarray(scores_db)) if len(scores_db) > 1 else None
    return Interval.around(float(np.mean(scores_db)), half)


def paired_difference(scores: Scores, name: str, other: str) -> Interval | None:
    """Return a candidate's score minus another's over the seeds that both have, image by image.

    With one seed in common the interval has the margin of the race in it: the scatter of seeds is
    then assumed. Without one, or without the other candidate, there is no difference: None.
    """
    pair = {key: scores[key] for key in (name, other) if scores.get(key)}
    seeds = common_seeds(pair)
    if len(pair) < 2 or not seeds:
        return None
    difference = stack(pair[name], seeds) - stack(pair[other], seeds)
    return Interval.around(float(difference.mean()), paired_half_db(difference))


def chances_of_best(scores: Scores, seed: int) -> dict[str, float]:
    """Return the share of bootstrap samples in which each candidate is the best; ties are shared.

    Only over the seeds that all have in common. With few of them the samples scatter too little, so
    that the largest share is too large: the verdict does not rest on it.
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
