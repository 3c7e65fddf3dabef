"""Where a search begins: a new study, or one of an earlier session to resume.

Running the same command again resumes the newest unfinished study of the same configuration;
after a finished one a new study starts. Everything here only reads.
"""

import difflib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from tune.commands import typed
from tune.config.search import SearchConfig, hashed_values, read_config
from tune.errors import UsageError
from tune.results.budgets import More, Standing, extended, new_budget, read_standing
from tune.storage.folder import StudyFolder, study_folders
from tune.storage.history import Budget
from tune.storage.kind import Kind, read_kind
from tune.tables.originals import find_copies


@dataclass(frozen=True)
class Start:
    """What a command does about one configuration.

    Attributes:
        folder: The study to resume; None starts a new one.
        budget: How much the study may do, all its sessions together.
        standing: How far an existing study is; None for a new one.
        until: When it is over by the clock, which its hours follow from; None without a moment.
    """

    folder: StudyFolder | None
    budget: Budget
    standing: Standing | None = None
    until: str | None = None

    @property
    def is_finished(self) -> bool:
        """Whether the existing study has nothing left to do."""
        return self.standing is not None and self.standing.is_finished(self.budget)

    @property
    def words(self) -> str:
        """How a study is resumed, in one line."""
        assert self.standing is not None
        standing = self.standing
        hours = "" if self.budget.hours is None else f" of {self.budget.hours:.3g} h"
        return (
            f"resumes {standing.folder.name}: {standing.num_over} of {self.budget.trials} "
            f"trials ended, {standing.num_open} unfinished, "
            f"{standing.elapsed_s / 3600:.2f} h{hours} used"
        )


def choose_starts(
    configs: Sequence[SearchConfig],
    *,
    new: bool,
    resume: str | None,
    more: More,
    kind: Kind = Kind.SEARCH,
    free: Collection[str] = (),
) -> tuple[Start, ...]:
    """Return where each study of a command begins.

    Several studies are one piece of work: while one of them is unfinished, the finished ones are
    left as they are (their `Start.is_finished`); when all are finished, all start anew.

    Args:
        configs: What is asked for, one per study.
        new: Whether to begin new studies whatever exists.
        resume: Name of the study to resume; None finds one by its configuration.
        more: What a study may do beyond its budget.
        kind: What the studies do.
        free: Settings that a deadline chooses, since nobody gave them: a study that differs only in
            these does what is asked for.

    Raises:
        UsageError: If the named study does not exist, is finished or was made with another
            configuration or for something else, if a new one is to have its name, if there is
            nothing to extend, or a journal cannot be read.
    """
    starts = tuple(_choose(config, new, resume, more, kind, free) for config in configs)
    if all(start.is_finished for start in starts):
        return tuple(_new(config) for config in configs)
    return starts


def _choose(
    config: SearchConfig,
    new: bool,
    resume: str | None,
    more: More,
    kind: Kind,
    free: Collection[str],
) -> Start:
    named = resume or config.name
    folder = None if named is None else StudyFolder(Path(config.results) / named)
    if folder is not None and folder.path.exists():
        if new:
            raise UsageError(
                f"a study's name is never used twice, found {folder.name!r} in {config.results!r} "
                "where --new asks for a new one: choose another --name, or resume it without "
                "--new"
            )
        _check_configuration(folder, config, kind, free)
    else:
        folder = None if new or named is not None else newest_study(config, kind, free)
    if folder is None:
        if more.is_asked:
            raise UsageError(
                "--more-trials and --more-hours extend a study, found none with this configuration "
                f"in {config.results!r}: name it with --resume, or leave them out"
            )
        return _new(config)
    standing = read_standing(folder)
    budget = extended(config, standing, more, is_named=named is not None)
    start = Start(folder, budget, standing, None if more.hours else config.until)
    if start.is_finished and (named is not None or more.is_asked):
        is_out_of_time = start.budget.is_used_up(standing.elapsed_s)
        raise UsageError(
            f"a finished study does nothing more, found {folder.name!r} with {standing.num_over} "
            f"trials and {standing.elapsed_s / 3600:.2f} h used: extend it with "
            f"{'--more-hours' if is_out_of_time else '--more-trials'}, or start another with --new "
            "and no name"
        )
    return start


def find_study(results: str, name: str, kind: Kind | None = None) -> StudyFolder:
    """Return the folder of a study.

    Args:
        results: Folder of all studies.
        name: Its name.
        kind: What it has to be; None for any.

    Raises:
        UsageError: If there is no such study, with the nearest name that there is, or it is of
            another kind.
    """
    folder = StudyFolder(Path(results) / name)
    if (original := find_copies(results).get(name)) is not None:
        raise UsageError(
            f"a study is where it was made, found {name!r} which is a copy of {original!r}: name "
            "that one, or move the copy into a results folder of its own"
        )
    if folder.config_file.is_file():
        if kind is not None and (found := read_kind(folder)) is not kind:
            raise UsageError(
                f"this command resumes a {kind}, found {name!r} which is a {found}: "
                f"{_how_to_resume(found, name, results)}"
            )
        return folder
    known = [folder.name for folder in study_folders(results)]
    if not known:
        raise UsageError(
            f"a study is found by its name, found {name!r} and no study at all in {results!r}: "
            "check --results"
        )
    nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    hint = f"did you mean {nearest[0]}?" if nearest else f"there is {', '.join(known[-3:])}"
    raise UsageError(f"a study is found by its name, found none {name!r} in {results!r}: {hint}")


def _how_to_resume(kind: Kind, name: str, results: str) -> str:
    if kind is Kind.TRAINING:
        return "give the command of the training again"
    module = "tune.search" if kind is Kind.SEARCH else "tune.promote"
    return typed(module, "--resume", name, results=results)


def _new(config: SearchConfig) -> Start:
    return Start(None, new_budget(config), until=config.until)


def newest_study(
    config: SearchConfig, kind: Kind, free: Collection[str] = ()
) -> StudyFolder | None:
    """Return the newest study of a kind with this configuration; None if there is none."""
    same = [
        (created_at(folder), folder.name, folder)
        for folder in study_folders(config.results)
        if _is_same(folder, config, free) and read_kind(folder) is kind
    ]
    return max(same)[2] if same else None


def created_at(folder: StudyFolder) -> str:
    """Return when a study was made, ISO 8601; empty where its manifest cannot be read."""
    try:
        return str(json.loads(folder.manifest_file.read_text(encoding="utf-8"))["created_at"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _check_configuration(
    folder: StudyFolder, config: SearchConfig, kind: Kind, free: Collection[str]
) -> None:
    if (found := read_kind(folder)) is not kind:
        raise UsageError(
            f"a study's name is never used twice, found {folder.name!r} in "
            f"{str(folder.path.parent)!r} which is a {found}: choose another --name"
        )
    if _is_same(folder, config, free):
        return
    raise UsageError(
        f"a study's name is never used twice, found {folder.name!r} in {str(folder.path.parent)!r} "
        f"with {_differences(folder, config)}: ask for the same, or choose another --name"
    )


def _differences(folder: StudyFolder, config: SearchConfig) -> str:
    try:
        before = read_config(folder.config_file)
    except UsageError:
        return "a configuration that cannot be read"
    found, asked = hashed_values(before), hashed_values(config)
    return ", ".join(
        f"{name} {found[name]} where {asked[name]} is asked for"
        for name in found
        if found[name] != asked[name]
    )


def _is_same(folder: StudyFolder, config: SearchConfig, free: Collection[str]) -> bool:
    """Return whether a study does what is asked for; False where its configuration is damaged."""
    try:
        found = hashed_values(read_config(folder.config_file))
    except UsageError:
        return False
    asked = hashed_values(config)
    return all(found[name] == asked[name] for name in asked if name not in free)
