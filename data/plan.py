"""What a corpus will be, decided from headers and options before a pixel is read.

A plan says which image is in which split and how it is cut; its fingerprint, with the hashes of the
files, says whether an existing corpus already is what would be built. Building is in `builder`.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from data.attribution import find_attribution
from data.calibration import Units
from data.errors import DataError
from data.files import LeftOut, open_bytes, open_size
from data.footprints import check_ground
from data.info import CORPUS_VERSION
from data.patches import check_patch_px, count_patches
from data.sources import Source, find_sources
from data.splits import TRAIN, SplitPlan, check_seed, split_by_file, split_by_pass
from data.unit_rules import UnitRules

SPLIT_FOLDERS = frozenset(("train", "training", "val", "valid", "validation", "test", "testing"))

# Called with the amount of work done since the last call: pixels, or bytes while hashing.
Advance = Callable[[int], None]


def ignore_progress(_amount: int) -> None:
    """Show nobody how far the work is."""


@dataclass(frozen=True)
class PrepareOptions:
    """What decides how scenes become patches.

    Attributes:
        patch_px: Patch side, a multiple of 16.
        min_valid_fraction: Least share of valid pixels of a kept patch, in [0, 1].
        train_overlap: Share of a training patch that the next one repeats, in [0, 1); validation
            and test patches never overlap.
        units: What all images measure; None takes it from each file.
        unit_patterns: Units of the files whose paths match a pattern; they go before `units`.
        group_by: How images form groups, see `data.naming.GROUP_BY`.
        bands: Polarisation of each band of files that do not name theirs.
        seed: Decides the split where no split file is given, from 0 to 2³² - 1.

    Raises:
        DataError: When a value is out of range.
    """

    patch_px: int = 256
    min_valid_fraction: float = 0.99
    train_overlap: float = 0.0
    units: Units | None = None
    unit_patterns: tuple[tuple[str, Units], ...] = ()
    group_by: str = "auto"
    bands: tuple[str, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        check_patch_px(self.patch_px)
        if not 0 <= self.min_valid_fraction <= 1:
            raise DataError(
                "the least valid fraction lies between 0 and 1, found "
                f"{self.min_valid_fraction}: 0.99 is usual"
            )
        if not 0 <= self.train_overlap <= 0.9:
            raise DataError(
                "the overlap of training patches is a share between 0 and 0.9, found "
                f"{self.train_overlap}: 0 stores every pixel once"
            )
        check_seed(self.seed)

    def stride_px(self, split: str) -> int:
        """Step between patches of a split."""
        return round(self.patch_px * (1 - self.train_overlap)) if split == TRAIN else self.patch_px


@dataclass(frozen=True)
class CorpusPlan:
    """All that is decided before a pixel is read.

    Attributes:
        name: What people call the corpus.
        sources: The images.
        options: How they are cut.
        split: Who trains, validates and tests.
        attribution: The sentence to publish with the corpus.
        left_out: Files that are not used, with their reasons.
        synthetic: The recipe of generated scenes, None for measured ones.
    """

    name: str
    sources: tuple[Source, ...]
    options: PrepareOptions
    split: SplitPlan
    attribution: str
    left_out: tuple[LeftOut, ...] = ()
    synthetic: Mapping[str, Any] | None = None

    def split_of(self, source: Source) -> str:
        """Give the split of an image."""
        return self.split.split_of[source.name, source.band]

    def num_patches(self, source: Source) -> int:
        """Count the patches that fit into an image, valid or not."""
        stride_px = self.options.stride_px(self.split_of(source))
        return count_patches(source.facts, self.options.patch_px, stride_px)

    def stored_options(self) -> dict[str, Any]:
        """Give the options as `corpus.json` holds them."""
        return store_options(self.options, self.synthetic)


def store_options(options: PrepareOptions, synthetic: Mapping[str, Any] | None) -> dict[str, Any]:
    """Give options, and the recipe of synthetic scenes if any, as `corpus.json` holds them."""
    stored = asdict(options) | {"units": str(options.units or "auto")}
    # Left out where they are as in corpora made before they were there: a fingerprint stays.
    del stored["unit_patterns"], stored["group_by"], stored["bands"]
    if options.unit_patterns:
        stored["unit_patterns"] = [f"{pattern}={units}" for pattern, units in options.unit_patterns]
    if options.group_by != "auto":
        stored["group_by"] = options.group_by
    if options.bands:
        stored["bands"] = list(options.bands)
    return stored if synthetic is None else stored | {"synthetic": dict(synthetic)}


def plan_corpus(
    scenes: Sequence[Path],
    options: PrepareOptions,
    *,
    name: str,
    split_file: Path | None = None,
    synthetic: Mapping[str, Any] | None = None,
) -> CorpusPlan:
    """Read headers and decide everything that needs no pixel.

    Args:
        scenes: Files and folders.
        options: How to cut them.
        name: What people call the corpus.
        split_file: CSV with `path` and `split`; None splits by pass.
        synthetic: The recipe of generated scenes, None for measured ones.

    Returns:
        The plan.

    Raises:
        DataError: When scenes, options or split file do not allow a corpus.
    """
    found = find_sources(
        scenes,
        UnitRules(options.units, options.unit_patterns),
        split_file=split_file,
        group_by=options.group_by,
        bands=options.bands,
    )
    sources = found.sources
    sizes = [count_patches(s.facts, options.patch_px, options.patch_px) for s in sources]
    if not any(sizes):
        raise DataError(
            f"a scene must hold at least one patch of {options.patch_px} px, and the widest has "
            f"{max(s.short_side_px for s in sources)} px: take a smaller --patch-px"
        )
    split = (
        split_by_file(sources, split_file, sizes)
        if split_file
        else split_by_pass(sources, sizes, options.seed)
    )
    named = [] if split_file else _warn_of_split_folders(sources)
    shared = check_ground(sources, sizes, split, options.patch_px, is_from_file=bool(split_file))
    return CorpusPlan(
        name=name,
        sources=sources,
        left_out=found.left_out,
        options=options,
        split=replace(split, warnings=(*split.warnings, *named, *shared)),
        attribution=find_attribution(scenes, sources),
        synthetic=synthetic,
    )


def _warn_of_split_folders(sources: Sequence[Source]) -> list[str]:
    """Say that splits are drawn although folders are called as splits are."""
    found = {part.lower() for s in sources for part in Path(s.name).parts[:-1]} & SPLIT_FOLDERS
    if len(found) < 2:
        return []
    return [
        f"folders are called {' and '.join(sorted(found))}, and splits were drawn anew: give a "
        "--split-file with a row for each folder to keep them."
    ]


def hash_sources(plan: CorpusPlan, advance: Advance = ignore_progress) -> dict[str, str]:
    """Hash the files of a plan.

    Args:
        plan: The plan.
        advance: Called with the bytes of each block read.

    Returns:
        SHA-256 by source name.

    Raises:
        DataError: When two files have the same content.
    """
    hashes: dict[str, str] = {}
    name_of: dict[str, str] = {}
    for name, path in _files(plan).items():
        hashes[name] = _hash_file(path, advance)
        twin = name_of.setdefault(hashes[name], name)
        if twin != name:
            raise DataError(
                f"a scene is given once, and {twin} and {name} have the same content: leave one "
                "out, or training patches end up in another split"
            )
    return hashes


def count_bytes(plan: CorpusPlan) -> int:
    """Count the bytes that `hash_sources` will read."""
    return sum(open_size(path) for path in _files(plan).values())


def _files(plan: CorpusPlan) -> dict[str, Path]:
    return {source.name: source.path for source in plan.sources}


def _hash_file(path: Path, advance: Advance) -> str:
    digest = hashlib.sha256()
    with open_bytes(path) as file:
        while block := file.read(1 << 22):
            digest.update(block)
            advance(len(block))
    return digest.hexdigest()


def fingerprint(plan: CorpusPlan, hashes: Mapping[str, str]) -> str:
    """Fingerprint what decides a corpus: format, options, the content of the files and the split.

    Args:
        plan: The plan.
        hashes: SHA-256 by source name.

    Returns:
        16 hex digits; equal for equal inputs, whatever the folders are called.
    """
    sources = [(s.name, s.band, s.group, hashes[s.name], plan.split_of(s)) for s in plan.sources]
    return digest([CORPUS_VERSION, plan.stored_options(), sources])


def digest(value: object) -> str:
    """Give 16 hex digits of the SHA-256 of a JSON value."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
