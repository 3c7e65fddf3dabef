"""What happens as lines of JSON, for scripts: `--json` of what trains.

One object a line, on standard output and nothing else there; words go to standard error. Fields are
named as the columns of docs/TABLES.md; docs/TUNING.md lists the events.
"""

import os
import sys
from argparse import Namespace
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from tune.terminal.json_text import json_text

if TYPE_CHECKING:
    from tune.scheduling.roles import Watches
    from tune.storage.trial_rows import MakeRows, Row
    from tune.trial.record import TrialRecord
    from tune.trial.spec import StudyFacts


class Events:
    """Writes events; nothing where nobody asked for them.

    Args:
        file: Where they go; None for nowhere.
    """

    def __init__(self, file: IO[str] | None) -> None:
        self._file = file

    @property
    def are_asked_for(self) -> bool:
        """Whether somebody reads them."""
        return self._file is not None

    def write(self, event: str, fields: Mapping[str, Any]) -> None:
        """Write one event at once, so that a reader has it while the search runs.

        A reader that goes away ends the events, not the search.
        """
        if self._file is None:
            return
        try:
            self._file.write(json_text({"event": event, **fields}) + "\n")
            self._file.flush()
        except BrokenPipeError:
            # Python writes the rest of its buffer at the end, where it would fail once more.
            with Path(os.devnull).open("wb") as nowhere:
                os.dup2(nowhere.fileno(), self._file.fileno())
            self._file = None
            sys.stderr.write("note: nobody reads the events any more: the command continues\n")

    def write_error(self, sentence: str, exit_code: int) -> None:
        """Write why a command did not come to its end."""
        self.write("error", {"message": sentence, "exit_code": exit_code})

    def watching(self, watcher: "Watches", facts: "StudyFacts", make_rows: "MakeRows") -> "Watches":
        """Return a watcher that writes events and lets another one show a person what happens.

        Args:
            watcher: The other one; returned as it is where nobody asked for events.
            facts: What is the same in every row of the study.
            make_rows: Makes the table with one row per trial, by name.
        """
        return EventWatcher(self, watcher, facts, make_rows) if self.are_asked_for else watcher


def events_of(arguments: Namespace) -> Events:
    """Return where the events of a command go: to standard output with --json."""
    return Events(sys.stdout if arguments.json else None)


class EventWatcher:
    """Writes an event per start, finished epoch, end and sentence; passes all on to another.

    `trial_started` and `trial_ended` have the trial's row of the table trials, `run_started` and
    `run_ended` of a promotion the run's row of the table runs.
    """

    def __init__(
        self, events: Events, inner: "Watches", facts: "StudyFacts", make_rows: "MakeRows"
    ) -> None:
        self._events = events
        self._inner = inner
        self._facts = facts
        self._make_rows = make_rows
        self._num_written: dict[int, int] = {}

    def begin(self, records: "Iterable[TrialRecord]") -> None:
        """Begin a session; epochs of earlier ones are no events of this one."""
        records = list(records)
        self._num_written = {record.spec.number: len(record.epochs) for record in records}
        self._inner.begin(records)

    def update(self, records: "Iterable[TrialRecord]") -> None:
        """Write the epochs that were finished since the last call."""
        from tune.storage.trial_rows import epoch_row

        records = list(records)
        for record in records:
            first = self._num_written.get(record.spec.number, 0)
            for result, reported in zip(
                record.epochs[first:], record.reported[first:], strict=True
            ):
                self._events.write("epoch", epoch_row(record, result, reported))
            self._num_written[record.spec.number] = len(record.epochs)
        self._inner.update(records)

    def show_start(self, record: "TrialRecord", records: "Iterable[TrialRecord]") -> None:
        """Write that a worker has a trial."""
        records = list(records)
        self._write_row("started", record, records)
        self._inner.show_start(record, records)

    def show_end(self, record: "TrialRecord", records: "Iterable[TrialRecord]") -> None:
        """Write how a trial ended."""
        records = list(records)
        self._write_row("ended", record, records)
        self._inner.show_end(record, records)

    def _write_row(self, what: str, record: "TrialRecord", records: "list[TrialRecord]") -> None:
        table, row = row_of(record, records, self._facts, self._make_rows)
        self._events.write(f"{table.removesuffix('s')}_{what}", row)

    def say(self, sentence: str) -> None:
        """Write a sentence about something that went wrong."""
        self._events.write("note", {"message": sentence})
        self._inner.say(sentence)


def row_of(
    record: "TrialRecord",
    records: "Sequence[TrialRecord]",
    facts: "StudyFacts",
    make_rows: "MakeRows",
) -> "tuple[str, Row]":
    """Return a trial's row among all of its study, with the name of its table."""
    ((table, rows),) = make_rows(records, facts).items()
    numbers = [one.spec.number for one in records]
    return table, rows[numbers.index(record.spec.number)]
