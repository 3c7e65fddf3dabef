"""Who trains, who validates, who tests; and which share of the training patches a trial sees.

Splits go by orbit pass: slices of one pass, and the polarisations of one slice, lie side by side or
on top of each other, and a split by patch would validate on what was trained on. A split file wins.
Fractions shrink training only, and each is contained in every larger one of the same seed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.bands import UNKNOWN_POLARISATION
from data.errors import DataError
from data.sources import Source
from data.split_file import SPLIT_WORDS, read_split_file
from data.split_rows import match_rows, refuse_lost_rows, say_closest

TRAIN, VAL, TEST = SPLITS = SPLIT_WORDS
# Beyond this many groups a warning counts them.
NUM_WARNED = 8
# The split of an image that holds no patch.
NO_SPLIT = ""
TARGET_SHARES: Mapping[str, float] = {TRAIN: 0.8, VAL: 0.1, TEST: 0.1}
MAX_SEED = 2**32 - 1


@dataclass(frozen=True)
class SplitPlan:
    """The split of every image.

    Attributes:
        split_of: Split by image, keyed by (name, band); "" for an image that holds no patch and
            that no split file lists.
        warnings: What the user should know about this split, one sentence each.
    """

    split_of: Mapping[tuple[str, int], str]
    warnings: tuple[str, ...] = ()


def check_seed(seed: int) -> None:
    """Refuse a seed that the generators do not take.

    Raises:
        DataError: When `seed` is below 0 or needs more than 32 bits.
    """
    if not 0 <= seed <= MAX_SEED:
        raise DataError(
            f"a seed is a whole number from 0 to {MAX_SEED}, found {seed}: give another --seed"
        )


def split_by_pass(sources: Sequence[Source], weights: Sequence[int], seed: int) -> SplitPlan:
    """Assign whole passes to train, val and test, about 80 : 10 : 10 by weight.

    Images without patches take no part. For each group and polarisation the heaviest pass trains,
    because clip bounds are fitted on training patches; so do passes of unknown polarisation in a
    group that has known ones. Then each group gives one drawn pass to validation and one to test,
    as far as it has them, and every further pass, in drawn order, goes where most is missing.

    Args:
        sources: The images.
        weights: Number of patches of each image.
        seed: Decides the order in which passes are drawn.

    Returns:
        The split of every image.

    Raises:
        DataError: When there are too few passes for three splits.
    """
    drawable = [s for s, weight in zip(sources, weights, strict=True) if weight]
    size: dict[str, int] = {}
    for source, weight in zip(sources, weights, strict=True):
        if weight:
            size[source.pass_id] = size.get(source.pass_id, 0) + weight
    split_of = dict.fromkeys(_passes_that_must_train(drawable, size), TRAIN)
    if len(size) - len(split_of) < 2:
        raise DataError(
            "a split by pass needs a training pass for each group and polarisation and two more "
            f"passes for validation and test, and there are {len(size)} pass(es) of which "
            f"{len(split_of)} must train: add scenes of other passes or give --split-file"
        )
    drawn = [str(p) for p in np.random.default_rng(seed).permutation(sorted(size))]
    for group in sorted({source.group for source in drawable}):
        members = {source.pass_id for source in drawable if source.group == group}
        free = [p for p in drawn if p in members and p not in split_of]
        for pass_id in free[:2]:
            split_of[pass_id] = _most_missing((VAL, TEST), split_of, size)
    for pass_id in drawn:
        if pass_id not in split_of:
            split_of[pass_id] = _most_missing(SPLITS, split_of, size)
    splits = {
        (source.name, source.band): split_of[source.pass_id] if weight else NO_SPLIT
        for source, weight in zip(sources, weights, strict=True)
    }
    return SplitPlan(splits, tuple(_warn_of_unscored(sources, weights, splits)))


def _most_missing(
    splits: Sequence[str], split_of: Mapping[str, str], size: Mapping[str, int]
) -> str:
    """Find the split that lacks most to its target share; an empty one before all others."""

    def missing(split: str) -> tuple[bool, float]:
        held = [size[pass_id] for pass_id, where in split_of.items() if where == split]
        return not held, TARGET_SHARES[split] * sum(size.values()) - sum(held)

    return max(splits, key=missing)


def _passes_that_must_train(sources: Sequence[Source], size: Mapping[str, int]) -> list[str]:
    chosen: list[str] = []
    for family in sorted({(source.group, source.polarisation) for source in sources}):
        passes = {s.pass_id for s in sources if (s.group, s.polarisation) == family}
        if not passes.intersection(chosen):
            chosen.append(max(sorted(passes), key=lambda pass_id: size[pass_id]))
    return [*chosen, *sorted(_passes_of_doubt(sources).difference(chosen))]


def _passes_of_doubt(sources: Sequence[Source]) -> set[str]:
    """Find passes of unknown polarisation in a group of known ones: perhaps no backscatter."""
    groups = {s.group for s in sources if s.polarisation != UNKNOWN_POLARISATION}
    known = {s.pass_id for s in sources if s.polarisation != UNKNOWN_POLARISATION}
    return {s.pass_id for s in sources if s.group in groups} - known


def split_by_file(
    sources: Sequence[Source], split_file: Path, weights: Sequence[int] | None = None
) -> SplitPlan:
    """Take the split from a table with the columns `path` and `split`; see `split_file`.

    Args:
        sources: The images.
        split_file: The table.
        weights: Number of patches of each image; None when all have some. Images without patches
            may be listed or not.

    Returns:
        The split of every image, with a warning for each pass that the file splits.

    Raises:
        DataError: The file is no split file, lists a scene twice or a path that does not exist, or
            does not list an image.
    """
    rows = read_split_file(split_file)
    images = [(source.path, source.name) for source in sources]
    matched = match_rows(rows, split_file, images)
    weights = [1] * len(sources) if weights is None else weights
    split_of: dict[tuple[str, int], str] = {}
    for source, found, weight in zip(sources, matched, weights, strict=True):
        if not found and weight:
            raise DataError(
                f"a split file must list every scene, and {split_file.name} does not list "
                f"{source.name}{say_closest(source.name, [r.path for r in rows], 'listed path')}: "
                "add a row for it or leave the scene out"
            )
        split_of[source.name, source.band] = found[0].split if found else NO_SPLIT
    used = {row.line for found in matched for row in found}
    unused = [row for row in rows if row.line not in used]
    refuse_lost_rows(unused, split_file, images)
    warnings = _warn_of_divided_passes(sources, split_of)
    if unused:
        warnings.append(
            f"{len(unused)} row(s) of {split_file.name} name files outside the given scenes and "
            f"are not used, for example {unused[0].path}."
        )
    return SplitPlan(split_of, (*warnings, *_warn_of_unscored(sources, weights, split_of)))


def _warn_of_divided_passes(
    sources: Sequence[Source], split_of: Mapping[tuple[str, int], str]
) -> list[str]:
    splits_of_pass: dict[str, set[str]] = {}
    for source in sources:
        splits_of_pass.setdefault(source.pass_id, set()).add(split_of[source.name, source.band])
    return [
        f"pass {pass_id} is in {' and '.join(s for s in SPLITS if s in splits)} as the split file "
        "says: scores on it are those of known terrain under the same pass, not of a new one."
        for pass_id, splits in sorted(splits_of_pass.items())
        if len(splits - {NO_SPLIT}) > 1
    ]


def _warn_of_unscored(
    sources: Sequence[Source], weights: Sequence[int], split_of: Mapping[tuple[str, int], str]
) -> list[str]:
    """Say which groups and polarisations no score will be about."""
    splits_of_family: dict[tuple[str, str], set[str]] = {}
    for source, weight in zip(sources, weights, strict=True):
        if weight:
            splits = splits_of_family.setdefault((source.group, source.polarisation), set())
            splits.add(split_of[source.name, source.band])
    found = [
        f"group {group} ({polarisation}) has no {' and no '.join(missing)} images: "
        f"{' and '.join(missing)} scores say nothing about it."
        for (group, polarisation), splits in sorted(splits_of_family.items())
        for missing in [[split for split in (VAL, TEST) if split not in splits]]
        if missing
    ]
    more = len(found) - NUM_WARNED
    return (
        found if more <= 0 else [*found[:NUM_WARNED], f"{more} more group(s) lack such images too."]
    )


def nested_order(strata: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Order patches so that every prefix is a fair sample and smaller ones lie in larger ones.

    Each stratum (an image) is shuffled and spread evenly over the order, so that a prefix of 5 %
    holds about 5 % of every image.

    Args:
        strata: (n,) number of the stratum of each patch.
        seed: Decides the sample.

    Returns:
        (n,) positions of the patches in that order.
    """
    generator = np.random.default_rng(seed)
    key = np.empty(len(strata))
    for stratum in np.unique(strata):
        members = np.flatnonzero(strata == stratum)
        key[generator.permutation(members)] = np.arange(len(members)) + generator.random(
            len(members)
        )
        key[members] /= len(members)
    return np.argsort(key, kind="stable")
