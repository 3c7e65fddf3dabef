"""The journal of a study: everything that happened, in Optuna's own storage, and read back whole.

One append-only, fsynced file is the only source of truth. It is Optuna's journal, so that
optuna-dashboard can watch it; what Optuna does not know of (epochs, rung decisions, outcomes,
budgets) lies in it as user attributes. Every line is one fact; facts are written in an order that
lets a reader finish what a killed writer began (`tune.scheduling.conductor` does so on resuming).

A trial is RUNNING for Optuna until it has ended for good: an interrupted one can be resumed.
"""

import logging
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import CategoricalDistribution, IntDistribution
from optuna.storages import JournalStorage
from optuna.trial import TrialState, create_trial

from models.registry import ModelConfig
from models.training.config import TrainConfig
from models.training.epoch_result import EpochResult
from tune.commands import typed
from tune.errors import UsageError
from tune.outcomes import Outcome
from tune.space.points import KnownPoint, candidate_of
from tune.storage.history import Agreement, Budget, Ending, TrialHistory
from tune.storage.journal_file import JournalFile
from tune.trial.clock import Moment
from tune.trial.record import RungDecision
from tune.trial.spec import DataSpec, Placement, StudyFacts, TrialSpec

EPOCH, RUNG, FAILURE = "epoch:", "rung:", "failure:"
BEGIN, START, END = "begin", "start", "end"
FINISHED = "finished"
MAX_SEED = 2**32 - 1
FORMAT = 1
"""Version of what the attributes hold."""
NUM_FIRST_LINES = 2
"""Lines that `StudyJournal.create` writes: the study and the format."""


class StudyJournal:
    """One study's journal, open for reading and, by the holder of the study's lock, for writing.

    Attributes:
        study: The Optuna study in it.
        storage: Where Optuna keeps it.
        file: The file behind it.
    """

    def __init__(self, file: JournalFile, study: optuna.Study) -> None:
        self.file = file
        self.study = study
        self.storage = study._storage

    @classmethod
    def create(cls, path: Path, name: str) -> "StudyJournal":
        """Begin a journal."""
        silence_optuna()
        file = JournalFile(path)
        study = optuna.create_study(
            storage=JournalStorage(file), study_name=name, direction="maximize"
        )
        study.set_user_attr("format", FORMAT)
        return cls(file, study)

    @classmethod
    def open(cls, path: Path) -> "StudyJournal":
        """Open the journal of an earlier session.

        Raises:
            UsageError: If it cannot be read, holds no study, or is of another version.
        """
        silence_optuna()
        try:
            file = JournalFile(path)
            storage = JournalStorage(file)
            (summary,) = storage.get_all_studies()
        except (OSError, ValueError, KeyError, IndexError, AssertionError) as error:
            examine = typed("tune.doctor", path.parent.name, results=path.parents[1])
            raise UsageError(
                f"a study's journal holds one study, line by line, found {str(path)!r} which "
                f"does not ({str(error) or type(error).__name__}): {examine} says what is left of "
                "it"
            ) from error
        study = optuna.load_study(storage=storage, study_name=summary.study_name)
        found = study.user_attrs.get("format")
        if found != FORMAT:
            raise UsageError(
                f"a journal must be of version {FORMAT}, found {found} in {str(path)!r}: "
                "use the release that wrote it, or start a new study with --new"
            )
        return cls(file, study)

    @staticmethod
    def has_begun(path: Path) -> bool:
        """Return whether a journal has its first lines; without them nothing had happened yet."""
        return path.exists() and path.read_bytes().count(b"\n") >= NUM_FIRST_LINES

    @classmethod
    def open_or_create(cls, path: Path, name: str) -> "StudyJournal":
        """Open a journal, or begin it where its first session died before it had begun one.

        Raises:
            UsageError: If it cannot be read, or is of another version.
        """
        if cls.has_begun(path):
            return cls.open(path)
        path.unlink(missing_ok=True)
        return cls.create(path, name)

    def name_score(self, name: str) -> None:
        """Name what trials are told with, for Optuna's own tools; they say "Objective 0" otherwise.

        One line, once; a study of an earlier release gets it when it is resumed.
        """
        if self.study.metric_names != [name]:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                self.study.set_metric_names([name])

    def agree(self, agreement: Agreement) -> None:
        """Write what the study decided once."""
        known = [asdict(point) for point in agreement.known]
        self.study.set_user_attr("agreement", asdict(agreement) | {"known": known})

    @property
    def agreement(self) -> Agreement | None:
        """What the study decided once; None if its first session died before that."""
        noted = self.study.user_attrs.get("agreement")
        if noted is None:
            return None
        return Agreement(
            known=tuple(KnownPoint(**point) for point in noted["known"]),
            precision=noted["precision"],
            channels_last=noted["channels_last"],
            facts=StudyFacts(**noted["facts"]),
            candidates=tuple(map(candidate_of, noted.get("candidates", ()))),
        )

    def set_budget(self, budget: Budget) -> None:
        """Write how much the study may do."""
        self.study.set_user_attr("budget", asdict(budget))

    @property
    def budget(self) -> Budget | None:
        """How much the study may do; None if its first session died before that."""
        noted = self.study.user_attrs.get("budget")
        return None if noted is None else Budget(**noted)

    def begin_session(self, command: Sequence[str], moment: Moment) -> int:
        """Write that a session begins; return its number, from 1."""
        number = 1 + self.num_sessions
        self.study.set_user_attr(f"session:{number}", {"command": list(command), **_moment(moment)})
        return number

    @property
    def num_sessions(self) -> int:
        """How many sessions have begun, this one included."""
        return sum(name.startswith("session:") for name in self.study.user_attrs)

    def add_run(self, candidate: str, seed: int, candidates: Sequence[str]) -> int:
        """Write that one of the candidates is promoted with a seed; return the run's number.

        One line for all of it: a killed writer leaves a whole run or none.
        """
        template = create_trial(
            state=TrialState.RUNNING,
            params={"candidate": candidate, "seed": seed},
            distributions={
                "candidate": CategoricalDistribution(candidates),
                "seed": IntDistribution(0, MAX_SEED),
            },
        )
        trial_id = self.storage.create_new_trial(self.study._study_id, template)
        return self.storage.get_trial_number_from_id(trial_id)

    def end_run(self, number: int, score: float | None) -> None:
        """Close a run for Optuna: with its score, or (None) as one that has none."""
        if score is None:
            self.study.tell(number, state=TrialState.FAIL)
        else:
            self.study.tell(number, told(score), state=TrialState.COMPLETE)

    def on_full(self, say: Callable[[str], None], should_give_up: Callable[[], bool]) -> None:
        """Say what happens when the disk is full, and until when a line waits for space."""
        self.file.on_full, self.file.should_give_up = say, should_give_up

    def finish(self, moment: Moment) -> None:
        """Write that nothing is left to do, not even to evaluate."""
        self.study.set_user_attr(FINISHED, _moment(moment))

    @property
    def is_finished(self) -> bool:
        """Whether that was written."""
        return FINISHED in self.study.user_attrs

    def begin_trial(self, spec: TrialSpec, moment: Moment) -> None:
        """Write that a trial was scheduled, and all that it was asked to do."""
        name = None if spec.checkpoint is None else Path(spec.checkpoint).name
        self._set(
            spec.number, BEGIN, {"spec": asdict(replace(spec, checkpoint=name)), **_moment(moment)}
        )

    def start_trial(self, number: int, moment: Moment) -> None:
        """Write that a worker started a trial."""
        self._set(number, START, _moment(moment))

    def add_epoch(self, number: int, result: EpochResult, moment: Moment) -> None:
        """Write a finished epoch."""
        self._set(number, f"{EPOCH}{result.epoch}", asdict(result) | _moment(moment))

    def add_decision(self, decision: RungDecision) -> None:
        """Write what a rung decided."""
        values = asdict(decision)
        self._set(values.pop("trial_number"), f"{RUNG}{values.pop('rung')}", values)

    def add_failure(self, number: int, count: int, reason: str) -> None:
        """Write that a trial lost its worker for the `count`-th time."""
        self._set(number, f"{FAILURE}{count}", reason)

    def end_trial(self, number: int, ending: Ending) -> None:
        """Write how a trial ended; it is reported to the sampler after this."""
        values = {"outcome": ending.outcome.value, "reason": ending.reason}
        self._set(number, END, values | _moment(ending.ended))

    def reopen_trial(self, number: int) -> None:
        """Write that an interrupted trial is resumed."""
        self._set(number, END, None)

    def trials(self) -> tuple[TrialHistory, ...]:
        """Return what is known of every trial, by number; one never asked for is left out."""
        frozen = self.study.get_trials(deepcopy=False)
        return tuple(_history(trial) for trial in frozen if trial.state is not TrialState.WAITING)

    @property
    def elapsed_s(self) -> float:
        """Running time of the study: the latest moment in the journal."""
        attributes = self.study.user_attrs.items()
        notes = [value for name, value in attributes if ":" in name or name == FINISHED]
        for trial in self.study.get_trials(deepcopy=False):
            notes += [value for value in trial.user_attrs.values() if isinstance(value, dict)]
        return max((note.get("elapsed_s", 0.0) for note in notes), default=0.0)

    def _set(self, number: int, name: str, value: Any) -> None:
        self.storage.set_trial_user_attr(self.trial_id(number), name, value)

    def trial_id(self, number: int) -> int:
        """Return the storage's name of a trial."""
        return self.storage.get_trial_id_from_study_id_trial_number(self.study._study_id, number)


TOLD_DECIMALS = 4
"""Of scores that Optuna is told, whose tools print every digit. Two trainings differ by more."""


def told(score: float) -> float:
    """Return a score as Optuna is told it; the journal's own notes have it whole.

    >>> told(20.123456789)
    20.1235
    """
    return round(score, TOLD_DECIMALS)


def silence_optuna() -> None:
    """Optuna reports every trial on its logger; the search has its own progress."""
    logging.getLogger("optuna").setLevel(logging.WARNING)


_EPOCH_FIELDS = frozenset(field.name for field in fields(EpochResult))


def _moment(moment: Moment) -> dict[str, Any]:
    return {"at": moment.at.isoformat(), "elapsed_s": moment.elapsed_s}


def _read_moment(noted: Mapping[str, Any]) -> Moment:
    return Moment(datetime.fromisoformat(noted["at"]), noted["elapsed_s"])


def _read_spec(noted: Mapping[str, Any]) -> TrialSpec:
    parts = {
        "model": ModelConfig(**noted["model"]),
        "train": TrainConfig(**noted["train"]),
        "data": DataSpec(**noted["data"]),
        "placement": Placement(**noted["placement"]),
    }
    return TrialSpec(**(dict(noted) | parts))


def _history(trial: optuna.trial.FrozenTrial) -> TrialHistory:
    notes = trial.user_attrs
    begin, start, end = (notes.get(name) for name in (BEGIN, START, END))
    return TrialHistory(
        number=trial.number,
        values=trial.params,
        spec=None if begin is None else _read_spec(begin["spec"]),
        begun=None if begin is None else _read_moment(begin),
        started=None if start is None else _read_moment(start),
        epochs=tuple(_read_epoch(note) for _, note in _numbered(notes, EPOCH)),
        decisions=tuple(
            RungDecision(trial_number=trial.number, rung=rung, **note)
            for rung, note in _numbered(notes, RUNG)
        ),
        failures=tuple(note for _, note in _numbered(notes, FAILURE)),
        ending=None
        if end is None
        else Ending(Outcome(end["outcome"]), end["reason"], _read_moment(end)),
        is_reported=trial.state.is_finished(),
    )


def _numbered(notes: Mapping[str, Any], kind: str) -> list[tuple[int, Any]]:
    found = [
        (int(name[len(kind) :]), note) for name, note in notes.items() if name[: len(kind)] == kind
    ]
    return sorted(found)


def _read_epoch(note: Mapping[str, Any]) -> tuple[EpochResult, Moment]:
    result = {name: value for name, value in note.items() if name in _EPOCH_FIELDS}
    return EpochResult(**result), _read_moment(note)
