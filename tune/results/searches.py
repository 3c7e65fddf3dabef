"""The finished searches of a results folder, as promotions see them. Everything here only reads."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from tune.commands import typed
from tune.config.search import RATIOS_BY_USE, SearchConfig, read_config
from tune.errors import UsageError, did_you_mean
from tune.results.budgets import read_standing
from tune.results.resume import created_at
from tune.storage.folder import StudyFolder
from tune.storage.kind import Kind, read_kind
from tune.tables.files import read_readable_tables, read_table


@dataclass(frozen=True)
class Search:
    """One study that searched.

    Attributes:
        folder: Where it lies.
        config: What it was asked to do.
        corpus_fingerprint: What it ran on.
        crop_px: Side of its crops.
        val_images: Images that its trials were scored on.
        created_at: When it began, ISO 8601.
    """

    folder: StudyFolder
    config: SearchConfig
    corpus_fingerprint: str
    crop_px: int
    val_images: int
    created_at: str

    @property
    def name(self) -> str:
        """The study's name."""
        return self.folder.name

    @property
    def cell(self) -> tuple[str, int]:
        """Architecture and ratio."""
        return self.config.arch, self.config.ratio

    def trials(self) -> pd.DataFrame:
        """Return its trials table."""
        return read_table(self.folder.path.parent, "trials", self.name)

    def epochs(self) -> pd.DataFrame:
        """Return its epochs table."""
        return read_table(self.folder.path.parent, "epochs", self.name)


def find_searches(
    results: str, archs: Sequence[str] | None, ratios: Sequence[int] | None
) -> list[Search]:
    """Return the searches of some or (None) all architectures and ratios, newest first.

    A study of `tune.train`, whose one trial was given by a person, is no search.
    """
    trials, _ = read_readable_tables(results, "trials")
    trials = trials[trials["proposed_by"] != "given"]  # a training's manifest may be lost
    if archs is not None:
        trials = trials[trials["arch"].isin(archs)]
    if ratios is not None:
        trials = trials[trials["ratio"].isin(ratios)]
    searches = []
    for row in trials.drop_duplicates("study").to_dict("records"):
        folder = StudyFolder(Path(results) / row["study"])
        with contextlib.suppress(UsageError):  # one of another release cannot be promoted
            if read_kind(folder) is not Kind.SEARCH:
                continue
            searches.append(
                Search(
                    folder,
                    read_config(folder.config_file),
                    row["corpus_fingerprint"],
                    int(row["crop_px"]),
                    int(row["val_images"]),
                    created_at(folder),
                )
            )
    return sorted(searches, key=lambda one: (one.created_at, one.name), reverse=True)


def is_finished(search: Search) -> bool:
    """Return whether a search has nothing left to do.

    Raises:
        UsageError: If its journal cannot be read.
    """
    standing = read_standing(search.folder)
    return standing.budget is not None and standing.is_finished(standing.budget)


def choose_searches(
    results: str,
    archs: Sequence[str] | None,
    ratios: Sequence[int] | None,
    study: str | None,
    corpus_fingerprint: str | None,
) -> list[Search]:
    """Return the search to promote of every architecture and ratio, most useful ratios first.

    The newest finished one of each; with a fingerprint, the newest on that corpus where there is
    one.

    Raises:
        UsageError: If there is no finished search, or the one named is unknown or unfinished.
    """
    searches = find_searches(results, archs, ratios)
    if study is not None:
        return [_named(searches, results, study)]
    chosen: dict[tuple[str, int], Search] = {}
    for search in sorted(
        searches, key=lambda one: one.corpus_fingerprint == corpus_fingerprint, reverse=True
    ):
        if search.cell not in chosen and is_finished(search):
            chosen[search.cell] = search
    if not chosen:
        raise UsageError(_none_finished(searches, results, archs, ratios))
    return sorted(chosen.values(), key=_usefulness)


def _usefulness(search: Search) -> tuple[int, str]:
    arch, ratio = search.cell
    return RATIOS_BY_USE.index(ratio), arch


def _named(searches: Sequence[Search], results: str, study: str) -> Search:
    for search in searches:
        if search.name == study:
            if is_finished(search):
                return search
            standing = read_standing(search.folder)
            raise UsageError(
                f"a promotion needs a finished search, found {study} with {standing.num_over} "
                f"trials ended of {search.config.trials}: resume it with "
                + typed("tune.search", "--resume", study, results=results)
            )
    names = [search.name for search in searches]
    raise UsageError(
        f"--study names a search in {results!r}, found {study!r}{did_you_mean(study, names)}"
    )


def _none_finished(
    searches: Sequence[Search],
    results: str,
    archs: Sequence[str] | None,
    ratios: Sequence[int] | None,
) -> str:
    asked_archs = ",".join(archs or ())
    asked_ratios = ",".join(map(str, ratios or ()))
    what = " ".join(filter(None, (asked_archs, asked_ratios and f"{asked_ratios}x")))
    found = f"{len(searches)} unfinished" if searches else "none"
    if searches:
        again = typed("tune.search", "--resume", searches[0].name, results=results)
        next_step = f"resume it with {again}"
    else:
        cells = ("--arch", asked_archs or "all", "--ratio", asked_ratios or "all")
        next_step = f"{typed('tune.search', *cells, results=results)} makes one"
    return (
        f"a promotion needs a finished search{' of ' + what if what else ''}, found {found} in "
        f"{results!r}: {next_step}"
    )
