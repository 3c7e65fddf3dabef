"""The driver's side of checkpoints that travel: it writes what workers deliver, and hands it back.

What a worker would do in a folder that it sees, the driver does for it, with the same files and the
same lease (`tune.trial.checkpoint_files`, `tune.trial.lease`): a study is resumed with or without
`--stage`, whatever its earlier sessions had.
"""

import os
from pathlib import Path

from tune.errors import is_disk_full
from tune.trial.checkpoint_files import newest_draft, place_newest
from tune.trial.delivery import Delivery, Receipt
from tune.trial.lease import LeaseLostError, check_lease, take_lease


class Deliveries:
    """The checkpoints folder of a study, for workers that do not see it.

    Args:
        folder: The folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def begin(self, name: str, attempt: int) -> bool:
        """Take the lease of a trial; return whether no newer attempt has it."""
        try:
            take_lease(self._path(name), attempt)
        except LeaseLostError:
            return False
        return True

    def holds(self, name: str, attempt: int) -> bool:
        """Return whether an attempt is still the newest."""
        try:
            check_lease(self._path(name), attempt)
        except LeaseLostError:
            return False
        return True

    def fetch(self, name: str) -> bytes | None:
        """Return a file of the folder; None where there is none."""
        try:
            return self._path(name).read_bytes()
        except FileNotFoundError:
            return None

    def deliver(self, delivery: Delivery) -> Receipt:
        """Keep a checkpoint as the newest of its trial, and as the best if it is; whole or not."""
        if not delivery.is_whole:
            return Receipt.DAMAGED
        best = self._path(delivery.name)
        draft = newest_draft(best, delivery.attempt)
        try:
            check_lease(best, delivery.attempt)
            with draft.open("wb") as file:
                file.write(delivery.content)
                file.flush()
                os.fsync(file.fileno())
            place_newest(best, delivery.attempt, delivery.is_best)
        except LeaseLostError:
            return Receipt.OUTDATED
        except OSError as error:
            if not is_disk_full(error):
                raise
            return Receipt.NO_SPACE
        finally:
            draft.unlink(missing_ok=True)
        return Receipt.KEPT

    def _path(self, name: str) -> Path:
        """Return where a file lies; a worker names no other folder."""
        if Path(name).name != name or not name.endswith(".pt"):
            raise ValueError(f"a checkpoint has a plain name that ends in .pt, found {name!r}")
        return self._folder / name
