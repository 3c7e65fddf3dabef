"""What a person sees while a study runs: a line per ended trial, on a terminal a bar with ETA."""

import math
import time
from collections import Counter
from collections.abc import Iterable

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.text import Text

from tune.outcomes import Outcome
from tune.statistics.time_left import time_left_s
from tune.terminal.hosts import running_words
from tune.terminal.words import INDENT, fit_line, note, say, show
from tune.trial.record import TrialRecord

OUTCOME_STYLES = {
    Outcome.COMPLETED: "green",
    Outcome.STOPPED: "yellow",
    Outcome.INTERRUPTED: "magenta",
}
"""Colours of the outcomes; every other one is a crash and red."""


def remaining_s(
    records: Iterable[TrialRecord],
    num_trials: int,
    max_epochs: int,
    elapsed_s: float,
    known_epochs: int = 0,
) -> float | None:
    """Estimate the seconds until the last of `num_trials` trials ends, at this session's speed.

    Args:
        records: The trials so far.
        num_trials: Trials that the study will have.
        max_epochs: Epochs of a trial that nobody stops.
        elapsed_s: Since the session began.
        known_epochs: Epochs that earlier sessions finished.

    Returns:
        The estimate, or None before the session's first finished epoch.
    """
    records = list(records)
    finished = sum(len(record.epochs) for record in records) - known_epochs
    if finished <= 0:
        return None
    trials = ((len(record.epochs), record.is_over) for record in records)
    return time_left_s(trials, num_trials, max_epochs, elapsed_s / finished)


def clock(seconds: float) -> str:
    """Return a duration as `m:ss` or `h:mm:ss`."""
    minutes, whole = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{whole:02d}" if hours else f"{minutes}:{whole:02d}"


def outcome_words(records: Iterable[TrialRecord]) -> str:
    """Return how many trials ended in which way, the most frequent first; empty before the first.

    >>> outcome_words([])
    ''
    """
    counts = Counter(record.outcome for record in records if record.outcome is not None)
    return ", ".join(
        f"{count} {outcome.value.replace('_', ' ')}" for outcome, count in counts.most_common()
    )


def reserved_words(records: Iterable[TrialRecord]) -> str:
    """Return how much memory is reserved for running trials; empty where nothing is."""
    running = [record.spec.placement for record in records if record.outcome is None]
    share, ram_mib = (
        sum(placement.gpu_fraction for placement in running),
        sum(placement.ram_mib for placement in running),
    )
    is_one_card = len({placement.raylet for placement in running if placement.gpu_fraction}) == 1
    cards = f"{share:.0%} of the card's memory" if is_one_card else f"memory of {share:.1f} cards"
    parts = [cards] * (share > 0) + [f"{ram_mib / 1024:.1f} GiB"] * (ram_mib > 0)
    return f"{' and '.join(parts)} reserved" if parts else ""


def trial_line(record: TrialRecord, room: int) -> Text:
    """Return one line about an ended trial, as wide as the room at most.

    Name, outcome, best score and learning rate always stand; of the rest first the warmup goes,
    then the width, then the epoch of the score.
    """
    assert record.outcome is not None
    best = record.best
    train, model = record.spec.train, record.spec.model
    style = OUTCOME_STYLES.get(record.outcome, "red")
    score = " no score" if best is None else f"{record.objective.text(record.best_score):>9}"
    parts: list[tuple[str | Text, int]] = [
        (record.spec.short_name, 0),
        (Text(f"  {record.outcome.value:<13}", style=style), 0),
        (f" {score}", 0),
        (" " * 12 if best is None else f" @ epoch {best.epoch:<3d}", 1),
        (f" lr {train.learning_rate:.1e}", 0),
        (f"  warmup {train.warmup_epochs}", 3),
        (f"  base {model.base_channels:<3d}", 2),
    ]
    return fit_line(parts, room)


def crash_words(record: TrialRecord) -> str:
    """Return why a trial crashed, in one line; empty for every other one."""
    if not record.reason or record.outcome is None or not record.outcome.is_crash:
        return ""
    return record.reason.splitlines()[-1]


def bar_width(columns: int) -> int:
    """Return how wide the bar is in a terminal of so many columns: words need the room more."""
    return 28 if columns >= 100 else 12 if columns >= 80 else 8


class StudyProgress:
    """Shows one study; without a terminal only the line per trial, with `quiet` nothing.

    Args:
        console: Where to write.
        num_trials: Trials that the study will have.
        max_epochs: Epochs of a trial that nobody stops.
        quiet: Whether to show nothing.
        unit: What the study runs, "trials" or "runs".
        most_s: Seconds after which it ends in any case.
    """

    def __init__(
        self,
        console: Console,
        num_trials: int,
        max_epochs: int,
        quiet: bool = False,
        unit: str = "trials",
        most_s: float = math.inf,
    ) -> None:
        self._console = console
        self._num_trials = num_trials
        self._max_epochs = max_epochs
        self._quiet = quiet
        self._unit = unit
        self._start_s = time.monotonic()
        self._end_s = self._start_s + most_s
        self._known_epochs = 0
        self._column = BarColumn(bar_width=bar_width(console.width))
        self._bar = Progress(
            self._column,
            TextColumn("{task.description}", markup=False),
            console=console,
            transient=True,
            disable=quiet or not console.is_interactive,
        )
        self._task: TaskID = self._bar.add_task("waiting for the first epoch", total=num_trials)

    def __enter__(self) -> "StudyProgress":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def begin(self, records: Iterable[TrialRecord]) -> None:
        """Begin a session; what earlier ones did says nothing about the speed of this one."""
        self._start_s = time.monotonic()
        self._known_epochs = sum(len(record.epochs) for record in records)

    def say(self, sentence: str) -> None:
        """Write a sentence, with `quiet` too: it is about something that went wrong."""
        note(self._console, sentence)

    def update(self, records: Iterable[TrialRecord]) -> None:
        """Redraw the bar after an epoch."""
        if self._bar.disable:
            return
        records = list(records)
        num_ended = sum(record.outcome is not None for record in records)
        self._column.bar_width = bar_width(self._console.width)  # it may have been resized
        room = self._console.width - self._column.bar_width - 2
        words = self._status(records, room).plain
        self._bar.update(self._task, completed=num_ended, description=words)

    def show_start(self, record: TrialRecord, records: Iterable[TrialRecord]) -> None:
        """Write nothing: a start is seen in Ray's dashboard and in events for scripts."""

    def show_end(self, record: TrialRecord, records: Iterable[TrialRecord]) -> None:
        """Write the line of a trial that ended, in a log with how far the study is."""
        if self._quiet:
            return
        line = trial_line(record, self._console.width)
        if self._bar.disable:
            line = self._with_status(line, list(records))
        line.rstrip()
        show(self._console, line)
        if words := crash_words(record):
            say(self._console, words, indent=INDENT)
        self.update(records)

    @property
    def _until_end_s(self) -> float:
        return max(0.0, self._end_s - time.monotonic())

    def _with_status(self, line: Text, records: list[TrialRecord]) -> Text:
        """Return the line of a trial with how far the study is, below it where there is no room."""
        room, joint = self._console.width, "  | "
        beside = self._status(records, room - line.cell_len - len(joint))
        if line.cell_len + len(joint) + beside.cell_len <= room:
            return Text.assemble(line, joint, beside)
        return Text.assemble(line, "\n", joint, self._status(records, room - len(joint)))

    def _status(self, records: list[TrialRecord], room: int) -> Text:
        """Return how far the study is.

        What is done, the best score and the time left always stand; of the rest the nodes go
        first, then reserved memory, the outcomes, the speed, the time elapsed.
        """
        num_ended = sum(record.outcome is not None for record in records)
        best = max(records, key=lambda record: record.best_score, default=None)
        elapsed_s = time.monotonic() - self._start_s
        left_s = remaining_s(
            records, self._num_trials, self._max_epochs, elapsed_s, self._known_epochs
        )
        new_epochs = sum(len(record.epochs) for record in records) - self._known_epochs
        speed = f"{3600 * new_epochs / elapsed_s:.0f} epochs/h" if new_epochs and elapsed_s else ""
        parts = [
            (f"{num_ended}/{self._num_trials} {self._unit}", 0),
            (_behind(" (", outcome_words(records), ")"), 3),
            (
                _behind(
                    ", best ", best.objective.text(best.best_score) if best and best.epochs else ""
                ),
                0,
            ),
            (_behind(", ", speed), 2),
            (_behind(", ", reserved_words(records)), 4),
            (_behind(", ", running_words(records)), 5),
            (f", {clock(elapsed_s)} elapsed", 1),
            ("" if left_s is None else f", {clock(min(left_s, self._until_end_s))} left", 0),
        ]
        return fit_line(parts, room)


def _behind(before: str, words: str, after: str = "") -> str:
    """Return words between what joins them to others; nothing where there are none."""
    return f"{before}{words}{after}" if words else ""
