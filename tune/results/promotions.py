"""Where a promotion begins: a new one, or one of an earlier session to resume. Only reads."""

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from tune.commands import typed
from tune.config.promotion import PromotionConfig, promotion_hash, read_promotion
from tune.errors import UsageError
from tune.results.budgets import read_standing
from tune.results.resume import Start, created_at, find_study
from tune.storage.folder import StudyFolder, study_folders
from tune.storage.history import Budget
from tune.storage.journal import StudyJournal
from tune.storage.kind import Kind, read_kind
from tune.tables.originals import current_name

Promotion = tuple[StudyFolder, PromotionConfig]


def find_promotions(results: str) -> Iterator[Promotion]:
    """Return the promotions of a results folder whose configuration can be read."""
    for folder in study_folders(results):
        with contextlib.suppress(UsageError):
            if read_kind(folder) is Kind.PROMOTION:
                yield folder, _read_promotion(folder)


def is_promotion_finished(folder: StudyFolder) -> bool:
    """Return whether a promotion has nothing left to do, not even to evaluate.

    Raises:
        UsageError: If its journal cannot be read.
    """
    begun = StudyJournal.has_begun(folder.journal)
    return begun and StudyJournal.open(folder.journal).is_finished


def choose_promotion_start(
    config: PromotionConfig,
    known: Iterable[Promotion],
    num_runs: int,
    *,
    new: bool,
    resume: str | None,
) -> Start:
    """Return whether to resume the newest unfinished promotion of this configuration.

    Args:
        config: What is asked for.
        known: The promotions of the results folder.
        num_runs: Runs of a new one.
        new: Whether to begin a new one in any case.
        resume: Name of the promotion to resume; None finds one by its configuration.

    Raises:
        UsageError: If a journal cannot be read.
    """
    if resume is not None:
        return _going_on(StudyFolder(Path(config.results) / resume), num_runs)
    wanted = promotion_hash(config)
    same = [
        (created_at(folder), folder.name, folder)
        for folder, other in known
        if promotion_hash(other) == wanted and not is_promotion_finished(folder)
    ]
    if new or not same:
        return Start(None, Budget(num_runs, None))
    return _going_on(max(same)[2], num_runs)


def was_promoted(config: PromotionConfig, known: Iterable[Promotion]) -> bool:
    """Return whether one of these promotions is a finished one of this search."""
    return any(
        other.study == config.study and is_promotion_finished(folder) for folder, other in known
    )


def promotion_to_resume(results: str, name: str) -> PromotionConfig:
    """Return the configuration of the promotion to resume.

    Raises:
        UsageError: If there is none of this name, or it is finished.
    """
    folder = find_study(results, name, Kind.PROMOTION)
    config = replace(_read_promotion(folder), results=results)
    if is_promotion_finished(folder):
        raise UsageError(
            f"a finished promotion does nothing more, found {name!r}: promote the search again "
            f"with {typed('tune.promote', '--study', config.study, '--new', results=results)}"
        )
    return config


def _read_promotion(folder: StudyFolder) -> PromotionConfig:
    """Return a promotion's configuration, with the name that its search has by now."""
    config = read_promotion(folder.config_file)
    return replace(config, study=current_name(folder.path.parent, config.study))


def _going_on(folder: StudyFolder, num_runs: int) -> Start:
    standing = read_standing(folder)
    return Start(folder, standing.budget or Budget(num_runs, None), standing)
