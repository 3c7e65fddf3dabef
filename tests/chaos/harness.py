"""A small real search that is killed and started again: the moments, the sessions, the processes.

`ChaosStudy.run` is one session: it starts the same command as every time, kills it at a moment (or
lets it finish) and returns what was there when it was dead. What must be true is in `checks`.
"""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tune.errors import UsageError
from tune.tables.files import read_table

REPOSITORY = Path(__file__).parents[2]
INSIDE = Path(__file__).parent / "inside"
"""Folder of a `sitecustomize.py` for all processes of a search."""

FLAGS = (
    "--no-dashboard", "--arch", "baseline", "--ratio", "16", "--crop-px", "32", "--batch-size", "8",
    "--precision", "fp32", "--data-fraction", "1", "--trials", "6", "--epochs", "4",
    "--grace-epochs", "1", "--reduction-factor", "2", "--searcher", "random", "--max-concurrent",
    "2", "--audit", "0.3",
)  # fmt: skip
LIMIT_S = 240.0
"""A session that takes longer hangs; they take ten to twenty seconds."""

FAREWELL_S = 10.0
"""Time for the processes of a killed driver to be gone, once the next session is over."""

PHASES = ("before", "torn", "after")
BEGINNING = ("folder", "study", "format", "agreement", "budget", "session", "asked")
"""Kinds of writes that a study does first, or once."""
RUNNING = (
    "trial", "parameter", "begin", "epoch", "rung", "end", "score", "told", "table", "checkpoint",
    "failure", "interrupted", "reopened",
)  # fmt: skip
"""Kinds of writes that happen while trials run."""


@dataclass(frozen=True)
class Moment:
    """When a driver dies.

    Attributes:
        kind: What it is writing, or "time" for a moment that has nothing to do with writing.
        phase: Right before, in the middle ("torn") or right after; seconds for "time".
        skip: How many writes of this kind it survives.
    """

    kind: str
    phase: str
    skip: int = 0

    def __str__(self) -> str:
        if self.kind == "time":
            return f"{float(self.phase):.1f} s after the start"
        article = f"the {self.skip + 1}. " if self.skip else ""
        return f"{self.phase} {article}{self.kind}".replace("torn", "in the middle of")


@dataclass(frozen=True)
class Session:
    """One session of a study, looked at after its end.

    Attributes:
        moment: When it should die; None to let it finish.
        code: Its exit code.
        output: What it printed, errors too.
        errors: What it printed as errors.
        journal: The bytes of the journal, torn end included; empty where there is none.
        trained: (trial, epoch) that began to be trained, in order.
        running: Its processes.
        unreadable: Tables that could not be read when it was over, in words.
    """

    moment: Moment | None
    code: int
    output: str
    errors: str
    journal: bytes
    trained: tuple[tuple[int, int], ...]
    running: "Running"
    unreadable: tuple[str, ...]

    @property
    def was_killed(self) -> bool:
        """Whether the moment came."""
        return self.code == -signal.SIGKILL


@dataclass
class ChaosStudy:
    """One study in a folder of its own, with every session that it had.

    Attributes:
        cwd: Working folder of the command.
        corpus: The corpus.
        temporary: Folder for everything temporary; its path is short because Ray's sockets are.
        sessions: What happened so far.
    """

    cwd: Path
    corpus: Path
    temporary: Path
    sessions: list[Session] = field(default_factory=list)

    @property
    def results(self) -> Path:
        """The results folder."""
        return self.cwd / "ray_results"

    @property
    def folders(self) -> list[Path]:
        """The folders of all studies: one, if the same command went on."""
        if not self.results.exists():
            return []
        return sorted(path for path in self.results.iterdir() if not path.name.startswith("."))

    @property
    def journal(self) -> bytes:
        """The journal as it is."""
        paths = [folder / "journal" for folder in self.folders]
        return b"".join(path.read_bytes() for path in paths if path.exists())

    def run(self, moment: Moment | None = None) -> Session:
        """Run one session and remember it."""
        log = self.cwd / "trained"
        log.touch()
        num_before = len(log.read_text().splitlines())
        environment = {
            "CHAOS_LOG": str(log),
            "CHAOS_MOMENT": "" if moment is None else f"{moment.kind}:{moment.phase}:{moment.skip}",
            "TMPDIR": str(self.temporary),
            "PYTHONPATH": os.pathsep.join([str(INSIDE), str(REPOSITORY)]),
        }
        command = ["tune.search", *FLAGS, "--data", str(self.corpus)]
        kill_after_s = float(moment.phase) if moment and moment.kind == "time" else None
        running = start(command, self.cwd, environment)
        running.wait(LIMIT_S if kill_after_s is None else kill_after_s)
        if kill_after_s is not None and running.process.poll() is None:
            running.process.kill()
        done = running.done()
        lines = log.read_text().splitlines()[num_before:]
        trained = tuple((int(a), int(b)) for a, b in (line.split() for line in lines))
        session = Session(
            moment,
            done.code,
            done.output,
            done.errors,
            self.journal,
            trained,
            running,
            tuple(unreadable_tables(self.results)),
        )
        self.sessions.append(session)
        return session


def unreadable_tables(results: Path) -> Iterator[str]:
    """Say which tables cannot be read: a table is whole whenever its writer dies."""
    for name in ("trials", "epochs", "rungs", "references", "dimensions", "importance"):
        try:
            read_table(results, name)
        except UsageError as error:
            yield str(error)


@dataclass(frozen=True)
class Done:
    """A command that ended: exit code, output, error output."""

    code: int
    output: str
    errors: str


class Running:
    """A command that runs; output goes to files, because an orphan would keep a pipe open.

    Attributes:
        process: The driver.
    """

    def __init__(
        self, process: "subprocess.Popen[bytes]", files: Sequence[Path], where: str
    ) -> None:
        self.process = process
        self._files = files
        self._where = where
        self._family: set[psutil.Process] = set()

    def wait(self, limit_s: float, until: Callable[[], bool] = lambda: False) -> bool:
        """Wait for its end, for a time or until something is true; return whether that came."""
        deadline_s = time.monotonic() + limit_s
        while self.process.poll() is None and time.monotonic() < deadline_s:
            if until():
                return True
            try:
                self._family |= set(psutil.Process(self.process.pid).children(recursive=True))
            except psutil.NoSuchProcess:
                break
            time.sleep(0.1)
        return until()

    def done(self) -> Done:
        """Return what is known after its end."""
        try:
            code = self.process.wait(timeout=LIMIT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        output, errors = (path.read_text(errors="replace") for path in self._files)
        return Done(code, output, errors)

    def survivors(self) -> tuple[str, ...]:
        """Return the processes that outlive the driver, in words."""
        deadline_s = time.monotonic() + FAREWELL_S
        while True:
            alive = [name for name in map(_living, self._everybody()) if name is not None]
            if not alive or time.monotonic() > deadline_s:
                return tuple(alive)
            time.sleep(0.2)

    def _everybody(self) -> set[psutil.Process]:
        marked = set()
        for process in psutil.process_iter():
            try:
                if any(self._where in word for word in process.cmdline()):
                    marked.add(process)
            except psutil.Error:
                continue
        return self._family | marked


def _living(process: psutil.Process) -> str | None:
    """Return what a process is, or None if it has ended; a zombie has."""
    try:
        if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
            return None
        return f"{process.pid} {' '.join(process.cmdline())[:100]}"
    except psutil.NoSuchProcess:
        return None


def start(
    command: Sequence[str],
    cwd: Path,
    environment: dict[str, str],
    around: Sequence[str] = (),
) -> Running:
    """Start a module of the project.

    Args:
        command: The module and its arguments.
        cwd: Its working folder.
        environment: Variables beside ours; TMPDIR is where its orphans are looked for.
        around: A command that runs the one after it.
    """
    variables = {**os.environ, "PYTHONPATH": str(REPOSITORY), **environment}
    files = [cwd / "output.txt", cwd / "errors.txt"]
    with files[0].open("wb") as output, files[1].open("wb") as errors:
        process = subprocess.Popen(
            [*around, sys.executable, "-m", *command],
            cwd=cwd,
            env=variables,
            stdout=output,
            stderr=errors,
        )
    return Running(process, files, variables.get("TMPDIR", "no such folder"))


@contextmanager
def short_folder() -> Iterator[Path]:
    """Make a temporary folder with a short path; it goes away at the end."""
    with tempfile.TemporaryDirectory(prefix="sc-", dir="/tmp") as folder:
        yield Path(folder)


def choose_moments(count: int, rng: random.Random) -> list[Moment]:
    """Return moments to die at: every kind of write in turn, and one in three at random times.

    Of a kind each phase comes in turn, so that three rounds of kinds have all of them.
    """
    kinds = [*BEGINNING, *RUNNING]
    offset = rng.randrange(len(PHASES))
    moments: list[Moment] = []
    turn = 0
    while len(moments) < count:
        kind = kinds[turn % len(kinds)]
        phase = PHASES[(offset + turn // len(kinds) + turn) % len(PHASES)]
        if kind == "folder" and phase == "torn":
            phase = "before"
        skip = rng.randrange(3) if kind in {"parameter", "epoch", "begin", "table"} else 0
        if kind == "interrupted":
            skip = 1  # one trial is interrupted, and is there to be reopened
        moments.append(Moment(kind, phase, skip))
        if turn % 2:
            moments.append(Moment("time", f"{rng.uniform(1, 14):.1f}"))
        turn += 1
    return in_order(moments[:count], rng)


def in_order(moments: Sequence[Moment], rng: random.Random) -> list[Moment]:
    """Return moments in an order that a study can have: its beginning, then the rest mixed.

    A trial is reopened after it was interrupted.
    """
    first = [moment for moment in moments if moment.kind in BEGINNING]
    first.sort(key=lambda moment: BEGINNING.index(moment.kind))
    rest = [moment for moment in moments if moment.kind not in {*BEGINNING, "reopened"}]
    rng.shuffle(rest)
    reopened = [moment for moment in moments if moment.kind == "reopened"]
    ordered = []
    for moment in rest:
        ordered.append(moment)
        if moment.kind == "interrupted" and reopened:
            ordered.append(reopened.pop())
    return [*first, *ordered, *reopened]
