"""What is whole and what is torn in a study's folder: findings as values, with their repairs.

`examine_study` only reads. A repair never destroys: whatever it replaces or moves away stays beside
it under a name that ends in `.torn`.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from models.errors import ModelError
from models.training.checkpoint import load_checkpoint
from tune.config.promotion import read_promotion
from tune.config.search import read_config
from tune.errors import UsageError
from tune.storage.folder import StudyFolder
from tune.storage.journal import StudyJournal
from tune.storage.journal_file import JournalState, examine_journal, keep_readable
from tune.storage.kind import Kind, read_kind
from tune.storage.lock import is_locked, read_owner
from tune.storage.replay import project_tables
from tune.tables.files import read_table, write_table
from tune.trial.checkpoint_files import newest_file, previous_file


@dataclass(frozen=True)
class Finding:
    """One part of a study.

    Attributes:
        part: The file, relative to the study's folder.
        is_whole: Whether nothing is wrong with it.
        words: What was found.
        repair: What would be done, in words; None where nothing is to be done or can be.
        act: Does it.
    """

    part: str
    is_whole: bool
    words: str
    repair: str | None = None
    act: Callable[[], None] = lambda: None


def examine_study(folder: StudyFolder) -> list[Finding]:
    """Return what was found in a study's folder, part by part."""
    findings = [_configuration(folder), _manifest(folder), _lock(folder), journal_finding(folder)]
    try:
        journal = StudyJournal.open(folder.journal) if folder.journal.exists() else None
    except UsageError:
        journal = None  # said already; what the rest must be follows from it
    if journal is not None:
        findings += _tables(folder, journal)
        findings += _checkpoints(folder, journal)
    if _kind(folder) in {Kind.SEARCH, Kind.TRAINING}:  # a promotion has neither
        findings += [*_references(folder), *_space(folder)]
    return [*findings, *_leftovers(folder)]


def _kind(folder: StudyFolder) -> Kind | None:
    """Return of what kind a study is; None where it is unknown, as `_configuration` says."""
    try:
        return read_kind(folder)
    except UsageError:
        return None


def _configuration(folder: StudyFolder) -> Finding:
    part = folder.config_file.name
    try:
        if read_kind(folder) is Kind.PROMOTION:
            promotion = read_promotion(folder.config_file)
            words = f"{promotion.arch} {promotion.ratio}x, promotion of {promotion.study}"
            return Finding(part, True, words)
        config = read_config(folder.config_file)
    except UsageError as error:
        return Finding(part, False, f"{error}; no command finds this study by its settings")
    return Finding(part, True, f"{config.arch} {config.ratio}x, {config.trials} trials")


def _manifest(folder: StudyFolder) -> Finding:
    part = folder.manifest_file.name
    try:
        made = json.loads(folder.manifest_file.read_text(encoding="utf-8"))
        return Finding(part, True, f"made {made['created_at']}")
    except (OSError, ValueError, KeyError, TypeError) as error:
        return Finding(part, False, f"cannot be read ({error}); resuming does not need it")


def _lock(folder: StudyFolder) -> Finding:
    part, owner = folder.lock.name, read_owner(folder.lock)
    if is_locked(folder.lock):
        held = "another process" if owner is None else owner.words
        return Finding(part, True, f"held by {held}: the study runs")
    if owner is not None:
        return Finding(part, True, f"left by {owner.words}, which died; the next search takes over")
    return Finding(part, True, "free")


def journal_finding(folder: StudyFolder) -> Finding:
    """Return what was found in the journal; its repair cuts off what cannot be read."""
    part, path = folder.journal.name, folder.journal
    if not path.exists():
        return Finding(part, False, "missing: the next search begins it")
    content = path.read_bytes()
    state = examine_journal(content)
    if state.is_whole:
        try:
            journal = StudyJournal.open(path)
        except UsageError as error:
            return Finding(part, False, str(error))
        trials = journal.trials()
        num_over = sum(trial.has_ended for trial in trials)
        num_epochs = sum(len(trial.epochs) for trial in trials)
        return Finding(
            part,
            True,
            f"{state.num_lines} lines: {len(trials)} trials, {num_over} over, {num_epochs} epochs",
        )
    readable = keep_readable(content)
    lost = state.lines_after + state.num_lines - readable.count(b"\n")
    return Finding(
        part,
        False,
        _damage(state),
        f"cut off {len(content) - len(readable)} bytes"
        + (f", with them {lost} whole lines" if lost else ", no whole line among them"),
        lambda: _replace(path, readable),
    )


def _damage(state: JournalState) -> str:
    if state.is_damaged_inside:
        return f"damaged after line {state.num_lines}, {state.lines_after} whole lines follow"
    return f"torn end: {state.torn_bytes} bytes after {state.num_lines} whole lines"


def _tables(folder: StudyFolder, journal: StudyJournal) -> Iterator[Finding]:
    """Compare every table with what the journal says it must be."""
    for name, rows in project_tables(folder, journal).items():
        part = f"{folder.tables.name}/{name}.parquet"
        path = folder.path / part
        rewrite = partial(_rewrite, folder, name, rows)
        again = f"write it again from the journal, {len(rows)} rows"
        if not path.exists():
            yield Finding(part, not rows, "missing", again if rows else None, rewrite)
            continue
        try:
            written = read_table(folder.path.parent, name, folder.name)
        except UsageError as error:
            yield Finding(part, False, str(error), again, rewrite)
            continue
        if len(written) == len(rows):
            yield Finding(part, True, f"{len(rows)} rows")
        else:
            words = f"{len(written)} rows where the journal has {len(rows)}"
            yield Finding(part, False, words, again, rewrite)


def _references(folder: StudyFolder) -> Iterator[Finding]:
    """Look at the table that follows from the corpus and not from the journal."""
    path = folder.tables / "references.parquet"
    part = f"{folder.tables.name}/{path.name}"
    try:
        num_rows = len(read_table(folder.path.parent, "references", folder.name))
        # A session that was interrupted leaves none, which is no damage.
        words = f"{num_rows} rows" if path.exists() else "none: no session has computed them"
        yield Finding(part, True, words)
    except UsageError as error:
        yield Finding(
            part,
            False,
            str(error),
            "move it aside: the next session makes it",
            partial(_set_aside, path),
        )


def _space(folder: StudyFolder) -> Iterator[Finding]:
    """Look at the tables of the space and of what mattered, which sessions write anew."""
    for name, moment in (("dimensions", "begins"), ("importance", "ends")):
        path = folder.tables / f"{name}.parquet"
        part = f"{folder.tables.name}/{path.name}"
        try:
            num_rows = len(read_table(folder.path.parent, name, folder.name))
        except UsageError as error:
            again = f"move it aside: written when a session {moment}"
            yield Finding(part, False, str(error), again, partial(_set_aside, path))
            continue
        words = f"{num_rows} rows" if path.exists() else f"written when a session {moment}"
        yield Finding(part, True, words)


def _rewrite(folder: StudyFolder, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    _set_aside(folder.tables / f"{name}.parquet")
    write_table(folder.tables, name, rows)


def _checkpoints(folder: StudyFolder, journal: StudyJournal) -> Iterator[Finding]:
    """Open every checkpoint; one that cannot be read costs at most the epochs since the other."""
    resumable: dict[Path, str] = {}
    for trial in journal.trials():
        if not trial.has_ended and trial.spec is not None:
            best = folder.checkpoints / f"{trial.spec.name}.pt"
            resumable |= dict.fromkeys((newest_file(best), previous_file(best)), trial.spec.name)
    for path in sorted(folder.checkpoints.glob("*.pt")):
        part = f"{folder.checkpoints.name}/{path.name}"
        try:
            epoch = load_checkpoint(path).metadata["epoch"]
        except (ModelError, KeyError) as error:
            yield Finding(part, False, str(error), "move it aside", partial(_set_aside, path))
            continue
        goes_on = f", {resumable[path]} resumes from it" if path in resumable else ""
        yield Finding(part, True, f"epoch {epoch}{goes_on}")


def _leftovers(folder: StudyFolder) -> Iterator[Finding]:
    """Name the drafts of a writer that was killed; nobody reads them."""
    drafts = [
        *folder.path.rglob("*.tmp"),
        *folder.path.rglob("*.draft"),
        *folder.path.rglob(".*.tmp"),
    ]
    for path in sorted(set(drafts)):
        part = str(path.relative_to(folder.path))
        yield Finding(part, False, "draft of a writer that died", "remove it", path.unlink)


def _replace(path: Path, content: bytes) -> None:
    """Replace a file atomically, keeping the original beside it."""
    draft = path.with_name(path.name + ".draft")
    draft.write_bytes(content)
    _set_aside(path)
    draft.replace(path)


def _set_aside(path: Path) -> None:
    """Give a file a name that nobody reads; earlier ones stay."""
    if not path.exists():
        return
    number = 1
    while (aside := path.with_name(f"{path.name}.{number}.torn")).exists():
        number += 1
    path.rename(aside)
