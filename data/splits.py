"""Who trains, who validates, who tests; and which share of the training patches a trial sees.

Splits go by orbit pass: slices of one pass, and the polarisations of one slice, lie side by side or
on top of each other, and a split by patch would validate on what was trained on. A split file wins.
Fractions shrink training only, and each is contained in every larger one of the same seed.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.errors import DataError
from data.sources import Source

TRAIN, VAL, TEST = SPLITS = ("train", "val", "test")
TARGET_SHARES: Mapping[str, float] = {TRAIN: 0.8, VAL: 0.1, TEST: 0.1}
MAX_SEED = 2**32 - 1


@dataclass(frozen=True)
class SplitPlan:
    """The split of every image.

    Attributes:
        split_of: Split by image, keyed by (name, band).
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

    For each group and polarisation the heaviest pass trains, because clip bounds are fitted on
    training patches. Then each group gives one drawn pass to validation and one to test, as far as
    it has them, and every further pass, in drawn order, goes where most is missing.

    Args:
        sources: The images.
        weights: Number of patches of each image.
        seed: Decides the order in which passes are drawn.

    Returns:
        The split of every image.

    Raises:
        DataError: When there are too few passes for three splits.
    """
    size: dict[str, int] = {}
    for source, weight in zip(sources, weights, strict=True):
        size[source.pass_id] = size.get(source.pass_id, 0) + weight
    split_of = dict.fromkeys(_passes_that_must_train(sources, size), TRAIN)
    if len(size) - len(split_of) < 2:
        raise DataError(
            "a split by pass needs a training pass for each group and polarisation and two more "
            f"passes for validation and test, and there are {len(size)} pass(es) of which "
            f"{len(split_of)} must train: add scenes of other passes or give --split-file"
        )
    drawn = [str(p) for p in np.random.default_rng(seed).permutation(sorted(size))]
    for group in sorted({source.group for source in sources}):
        members = {source.pass_id for source in sources if source.group == group}
        free = [p for p in drawn if p in members and p not in split_of]
        for pass_id in free[:2]:
            split_of[pass_id] = _most_missing((VAL, TEST), split_of, size)
    for pass_id in drawn:
        if pass_id not in split_of:
            split_of[pass_id] = _most_missing(SPLITS, split_of, size)
    return SplitPlan({(s.name, s.band): split_of[s.pass_id] for s in sources})


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
    return chosen


def split_by_file(sources: Sequence[Source], split_file: Path) -> SplitPlan:
    """Take the split from a CSV file with the columns `path` and `split`; others are ignored.

    A path is relative to the split file's folder or to the scenes' folder, and may name a folder
    (for example a `.SAFE` product), which then stands for all images below it.

    Args:
        sources: The images.
        split_file: The CSV file.

    Returns:
        The split of every image, with a warning for each pass that the file splits.

    Raises:
        DataError: The file is missing or lacks a column, a row has an unknown split word or a path
            that does not exist, or an image is not listed.
    """
    listed = _read_split_file(split_file)
    split_of: dict[tuple[str, int], str] = {}
    used: set[str] = set()
    for source in sources:
        row = next((path for path in _paths_above(source, split_file) if path in listed), None)
        if row is None:
            raise DataError(
                f"a split file must list every scene, and {split_file.name} does not list "
                f"{source.name}: add a row for it or leave the scene out"
            )
        used.add(row)
        split_of[source.name, source.band] = listed[row]
    unused = [path for path in listed if path not in used]
    for path in unused:
        if not (split_file.parent / path).exists():
            raise DataError(
                f"the files that a split file lists must exist, and {path} of {split_file.name} "
                "does not: restore the file or remove the row"
            )
    warnings = _warn_of_divided_passes(sources, split_of)
    if unused:
        warnings.append(
            f"{len(unused)} row(s) of {split_file.name} name files outside the given scenes and "
            f"are not used, for example {unused[0]}."
        )
    return SplitPlan(split_of, tuple(warnings))


def _read_split_file(split_file: Path) -> dict[str, str]:
    if not split_file.is_file():
        raise DataError(f"the split file must exist, and {split_file} does not: check --split-file")
    with split_file.open(newline="", encoding="utf-8-sig", errors="replace") as lines:
        reader = csv.DictReader(lines)
        missing = [
            column for column in ("path", "split") if column not in (reader.fieldnames or ())
        ]
        if missing:
            raise DataError(
                f"a split file has the columns path and split, and {split_file.name} lacks "
                f"{' and '.join(missing)}: its first line must name them"
            )
        listed = {(row["path"] or "").strip("/ "): (row["split"] or "").strip() for row in reader}
    for path, split in listed.items():
        if split not in SPLITS:
            raise DataError(
                f"a split is one of {', '.join(SPLITS)}, and {split_file.name} says {split!r} for "
                f"{path}: correct the row"
            )
    return listed


def _paths_above(source: Source, split_file: Path) -> list[str]:
    """Give the ways in which a row may name an image, the most specific first."""
    folder = split_file.resolve().parent
    names = [source.name, *(parent.as_posix() for parent in Path(source.name).parents)]
    if source.path.is_relative_to(folder):
        relative = source.path.relative_to(folder)
        names += [relative.as_posix(), *(parent.as_posix() for parent in relative.parents)]
    return [name for name in names if name != "."]


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
        if len(splits) > 1
    ]


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
