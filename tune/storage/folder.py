"""A study's name and folder: unique, complete from the first moment, never used twice.

The folder is built beside its place and moved there in one step, so that whoever lists the
results sees a whole study or none. What goes into the files is made elsewhere
(`tune.config.search`, `tune.storage.manifest`, `tune.tables`).
"""

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from models.shapes import nominal_channels, target_bpp
from tune.errors import UsageError
from tune.storage.lock import check_locks
from tune.tables.originals import find_copies, given_name
from tune.trial.passing_folder import make_passing_folder

if TYPE_CHECKING:  # a status of a thousand studies has no time to load it
    from tune.config.search import SearchConfig

CONFIG_FILE = "study.toml"
MANIFEST_FILE = "manifest.json"
NEW_STUDY = "new_study"
"""How the names of half-made studies begin."""


@dataclass(frozen=True)
class StudyFolder:
    """Where the files of one study are.

    Attributes:
        path: The study's folder.
    """

    path: Path

    @property
    def name(self) -> str:
        """The study's name; its folder can be renamed."""
        return self.path.name

    @property
    def given_name(self) -> str:
        """The name that the study was made with, as its trials have it; see `name`."""
        return given_name(self.path)

    @property
    def config_file(self) -> Path:
        """The resolved configuration."""
        return self.path / CONFIG_FILE

    @property
    def manifest_file(self) -> Path:
        """What the study was made with."""
        return self.path / MANIFEST_FILE

    @property
    def journal(self) -> Path:
        """What was suggested and reported, append-only."""
        return self.path / "journal"

    @property
    def budget_file(self) -> Path:
        """How much it may do, as the journal says: for whoever has no time to read that."""
        return self.path / "budget.json"

    @property
    def lock(self) -> Path:
        """Held by the one driver of the study."""
        return self.path / "lock"

    @property
    def tables(self) -> Path:
        """Folder of the Parquet tables."""
        return self.path / "tables"

    @property
    def checkpoints(self) -> Path:
        """Folder of the kept checkpoints."""
        return self.path / "checkpoints"

    @property
    def errors(self) -> Path:
        """Folder of tracebacks, made when there is one."""
        return self.path / "errors"


def study_folders(results: str) -> Iterator[StudyFolder]:
    """Return the folders of all studies, by name; copies of a study are left out."""
    copies = find_copies(results)
    for path in sorted(Path(results).glob(f"[!.]*/{CONFIG_FILE}")):  # drafts begin with a dot
        if path.parent.name not in copies:
            yield StudyFolder(path.parent)


def study_name(arch: str, rate: str, ratio: int, moment: datetime, mode: str = "quick") -> str:
    """Return the name of a search, or of a promotion with the mode "full", at a moment.

    >>> study_name("resnet", "elements", 16, datetime(2026, 1, 2, 3, 4, 5))
    'resnet_quick_c16_cr16x_20260102_030405'
    >>> study_name("resnet", "bytes", 16, datetime(2026, 1, 2, 3, 4, 5))
    'resnet_quick_0.5bpp_cr16x_20260102_030405'
    """
    size = f"c{nominal_channels(ratio)}" if rate == "elements" else f"{target_bpp(ratio):g}bpp"
    return f"{arch}_{mode}_{size}_cr{ratio}x_{moment:%Y%m%d_%H%M%S}"


def check_results(results: str) -> None:
    """Refuse a results folder that could not be used; writes nothing.

    Raises:
        UsageError: If the folder cannot be written.
    """
    existing = Path(results)
    try:
        while not existing.exists():
            existing = existing.parent
    except OSError as error:  # a name that no file can have
        raise unwritable(results, error.strerror or str(error)) from error
    if not existing.is_dir():
        raise unwritable(results, f"{str(existing)!r} is a file")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise unwritable(results, "Permission denied")


def create_study_folder(
    config: "SearchConfig",
    files: Mapping[str, str],
    moment: datetime | None = None,
    mode: str = "quick",
) -> StudyFolder:
    """Make the folder of a new study, complete with its first files.

    Without a name in the configuration, the study is named by the moment; where that name is
    taken, by the first free second after it.

    Args:
        config: Gives the results folder and the name, or what the name is made of.
        files: Text of the files to begin with, by name.
        moment: Time of the study; now if None, in UTC.
        mode: Fidelity, "quick" or "full".

    Raises:
        UsageError: If the results folder cannot be written, locks do not work in it, or the name
            is taken.
    """
    results = Path(config.results)
    try:
        made = make_folders(results)
        draft = make_passing_folder(results, NEW_STUDY)
    except OSError as error:
        raise unwritable(config.results, error.strerror or str(error)) from error
    try:
        _fill(draft, files)
        check_locks(StudyFolder(draft).lock, config.results)
        if config.name is not None:
            return _place_named(draft, results / config.name)
        return _place_at_free_second(draft, config, moment or datetime.now(UTC), mode)
    finally:
        shutil.rmtree(draft, ignore_errors=True)  # still there only if it found no place
        remove_empty(made)


def make_folders(path: Path) -> list[Path]:
    """Make a folder with those above it; return the ones that were missing, innermost first.

    Raises:
        OSError: If they cannot be made.
    """
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True)
    return missing


def remove_empty(folders: Iterable[Path]) -> None:
    """Remove folders, innermost first, as far as nothing is in them."""
    with suppress(OSError):
        for folder in folders:
            folder.rmdir()


def sweep_drafts(folder: StudyFolder) -> None:
    """Remove half-written files that a killed session left; for the holder of the lock only."""
    for place in (folder.tables, folder.checkpoints):
        for path in [*place.glob("*.tmp"), *place.glob("*.draft")]:
            path.unlink(missing_ok=True)


def _fill(draft: Path, files: Mapping[str, str]) -> None:
    draft.chmod(0o755)  # mkdtemp makes it private, but results are for everyone who may read
    (draft / "tables").mkdir()
    (draft / "checkpoints").mkdir()
    for name, text in files.items():
        (draft / name).write_text(text, encoding="utf-8")


def _place_named(draft: Path, place: Path) -> StudyFolder:
    if not _move_to_free_place(draft, place):
        raise _taken(place)
    return StudyFolder(place)


def _place_at_free_second(
    draft: Path, config: "SearchConfig", moment: datetime, mode: str
) -> StudyFolder:
    while True:
        name = study_name(config.arch, config.rate, config.ratio, moment, mode)
        place = Path(config.results) / name
        if _move_to_free_place(draft, place):
            return StudyFolder(place)
        moment += timedelta(seconds=1)


def _move_to_free_place(draft: Path, place: Path) -> bool:
    """Move a folder to a place unless something is there; two movers cannot both succeed."""
    if place.exists():
        return False
    try:
        # A folder that appeared since is never empty, and rename refuses to replace such a one.
        draft.rename(place)
    except OSError:
        if place.exists():
            return False
        raise
    return True


def unwritable(results: str, reason: str) -> UsageError:
    """Return the refusal of a results folder."""
    return UsageError(
        f"the results folder must be writable, found {results!r} ({reason}): "
        "choose another with --results"
    )


def _taken(place: Path) -> UsageError:
    return UsageError(
        f"a study's name is never used twice, found {place.name!r} in {str(place.parent)!r}: "
        "choose another --name or leave it out"
    )
