"""How far every search and promotion of a results folder is, read quickly and from tables alone.

A status of a thousand studies answers in a second, so each file is opened once, for a dozen
columns, and that of a finished search only the first time (`known_searches.py`); what is shown of
the few best trials is read afterwards. pandas is never loaded.
"""

import json
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from tune.errors import UsageError
from tune.outcomes import Outcome
from tune.results.known_searches import FILE, KnownSearches, files_state
from tune.space.dimensions import DEFAULT_TUNE, DIMENSIONS
from tune.statistics.matrix import Pixels, Progress, PromotionView, Row, SearchView
from tune.statistics.objectives import objective_named
from tune.statistics.time_left import time_left_s
from tune.storage.folder import StudyFolder
from tune.storage.lock import is_locked
from tune.tables.files import find_tables, read_columns

Columns = Mapping[str, list[Any]]
T = TypeVar("T")

PIXELS = tuple(field.name for field in fields(Pixels))
BYTES, ELEMENTS = "bytes", "elements"
SEARCH_COLUMNS = (
    "arch",
    "ratio",
    *PIXELS,
    "trial_number",
    "proposed_by",
    "outcome",
    "best_val_psnr_db",
)
RUN_COLUMNS = ("arch", "ratio", *PIXELS, "run", "candidate", "num_parameters", "outcome")
SPEED_COLUMNS = ("outcome", "epochs_finished", "max_epochs", "train_s", "val_s", "host")


def read_searches(
    results: Path, copies: Collection[str] | None = None
) -> tuple[list[SearchView], list[str]]:
    """Return every search that has a trial, and a sentence about each table that cannot be read.

    Args:
        results: Folder of all studies.
        copies: Which of them are copies; None finds them, for which every journal is opened.
    """
    known = KnownSearches(results / FILE)

    def view(folder: StudyFolder, path: Path) -> SearchView | None:
        found = known.find(folder, path)
        if found is None:
            state = files_state(folder, path)
            columns = _search_columns(path)
            found = _search(folder, path, columns) if columns["arch"] else None
            if found is not None:
                known.keep(found, folder, state)
        return found

    found = _read_each(results, "trials", copies, view)
    known.write()
    return found


def read_promotions(
    results: Path, copies: Collection[str] | None = None
) -> tuple[list[PromotionView], list[str]]:
    """Return every promotion that has a run, older ones first, and sentences likewise."""

    def view(folder: StudyFolder, path: Path) -> PromotionView | None:
        columns = read_columns(path, "runs", RUN_COLUMNS)
        return _promotion(folder, path, columns) if columns["arch"] else None

    views, sentences = _read_each(results, "runs", copies, view)
    return sorted(views, key=lambda view: view.study.rpartition("x_")[2]), sentences


def describe_best(results: Path, search: SearchView) -> tuple[Row, Sequence[str]]:
    """Return the row of a search's best trial, and the names of what was searched."""
    folder = StudyFolder(results / search.study)
    searched = _searched(folder)
    names = ["trial", "trial_number", "num_parameters", *searched]
    columns = read_columns(folder.tables / "trials.parquet", "trials", names)
    position = columns["trial_number"].index(search.best_number)
    return {name: values[position] for name, values in columns.items()}, searched


def _searched(folder: StudyFolder) -> Sequence[str]:
    """Return the names of what was searched; the default ones where that cannot be read.

    One setting is looked at: to check all of them takes longer than a status may.
    """
    try:
        names = tomllib.loads(folder.config_file.read_text(encoding="utf-8"))["tune"]
        is_known = DIMENSIONS.keys() >= set(names)
    except (OSError, ValueError, KeyError, TypeError):
        return DEFAULT_TUNE
    return names if is_known else DEFAULT_TUNE  # one of another release


def _read_each(
    results: Path,
    name: str,
    copies: Collection[str] | None,
    view: Callable[[StudyFolder, Path], T | None],
) -> tuple[list[T], list[str]]:
    """Return what is seen of every study with a table of this name, and of whose nothing is."""
    views, sentences = [], []
    for path in find_tables(results, name, copies=copies):
        folder = StudyFolder(path.parent.parent)
        try:
            found = view(folder, path)
        except UsageError as error:
            sentences.append(f"left out study {folder.name}: {error}")
            continue
        if found is not None:
            views.append(found)
    return views, sentences


def _search_columns(path: Path) -> Columns:
    """Return what is needed of a search's trials, with the score that it maximised."""
    columns = read_columns(path, "trials", SEARCH_COLUMNS)
    if not columns["objective"]:
        return columns
    score = objective_named(columns["objective"][0]).best_column
    # Most searches maximise PSNR. All is read again, since the file may be another one by now.
    return columns if score in columns else read_columns(path, "trials", [*SEARCH_COLUMNS, score])


def _search(folder: StudyFolder, path: Path, columns: Columns) -> SearchView:
    pixels, numbers = _pixels(columns), columns["trial_number"]
    scores = columns[pixels.maximised.best_column]
    trials = zip(scores, numbers, columns["best_val_psnr_db"], columns["proposed_by"], strict=True)
    scored = [trial for trial in trials if trial[0] is not None]
    nobody = (float("-inf"), None, float("-inf"), "")
    best_score, best_number, best_db, _ = max(
        scored, key=lambda trial: (trial[0], -trial[1]), default=nobody
    )
    hand_set_score, _, hand_set_db, _ = next(
        (trial for trial in scored if trial[3] == "hand_set"), (None,) * 4
    )
    num_open = sum(map(_is_open, columns["outcome"]))
    num_planned = max(planned_trials(folder), len(numbers))
    num_ended = len(numbers) - num_open
    return SearchView(
        study=folder.name,
        cell=_cell(columns),
        pixels=pixels,
        num_ended=num_ended,
        num_open=num_open,
        num_planned=num_planned,
        best_number=best_number,
        best_score=best_score,
        best_db=best_db,
        hand_set_score=hand_set_score,
        hand_set_db=hand_set_db,
        # A lock costs time to look at, and a finished search has none.
        progress=_progress(folder, path, "trials", num_ended, num_planned)
        if num_open or num_ended < num_planned
        else None,
    )


def _promotion(folder: StudyFolder, path: Path, columns: Columns) -> PromotionView:
    candidate, verdict = _verdict(folder)
    num_ended = len(columns["run"]) - sum(map(_is_open, columns["outcome"]))
    # After the verdicts nothing is trained any more, however many runs the race left out.
    num_planned = planned_runs(folder) if verdict is None else num_ended
    pixels = _pixels(columns)
    scores = [] if candidate is None else _test_scores(folder, candidate, pixels.rate)
    best = columns["candidate"].index(candidate) if candidate in columns["candidate"] else 0
    return PromotionView(
        study=folder.name,
        cell=_cell(columns),
        pixels=pixels,
        num_parameters=columns["num_parameters"][best],
        candidate=candidate,
        verdict=verdict,
        test_psnr_db=tuple(scores),
        progress=_progress(folder, path, "runs", num_ended, num_planned),
    )


def _verdict(folder: StudyFolder) -> tuple[str | None, str | None]:
    """Return the candidate in the first place, and what is said of it."""
    path = folder.tables / "verdicts.parquet"
    if path.exists():
        columns = read_columns(path, "verdicts", ["candidate", "place", "verdict"])
        if 1 in columns["place"]:
            first = columns["place"].index(1)
            return columns["candidate"][first], columns["verdict"][first]
    return None, None


def _test_scores(folder: StudyFolder, candidate: str, rate: str) -> list[float]:
    """Return the mean test PSNR of every run of a candidate.

    Bytes are scored at the rate that the run was trained for, elements unquantised.
    """
    path = folder.tables / "test.parquet"
    if not path.exists():
        return []
    names = ["run", "candidate", "quantiser_step", "step_scale", "psnr_db"]
    columns = read_columns(path, "test", names)
    scores: dict[str, list[float]] = {}
    for run, owner, step, scale, score in zip(*columns.values(), strict=True):
        is_meant = scale == 1 if rate == BYTES else step is None
        if owner == candidate and is_meant:
            scores.setdefault(run, []).append(score)
    return [sum(of_run) / len(of_run) for _, of_run in sorted(scores.items())]


def planned_trials(folder: StudyFolder) -> int:
    """Return the trials that a search is to have, extensions included; 0 if unknown.

    Before its first session has begun they are in its configuration. One line of that is looked at:
    parsing a thousand of them takes longer than a status may.
    """
    budgeted = _budgeted(folder)
    if budgeted is not None:
        return budgeted
    try:
        text = folder.config_file.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return 0
    found = re.search(r"^trials = (\d+)$", text, re.MULTILINE)
    return int(found.group(1)) if found else 0


def planned_runs(folder: StudyFolder) -> int:
    """Return the runs that a promotion has without a race, control included; 0 if unknown."""
    budgeted = _budgeted(folder)
    if budgeted is not None:
        return budgeted
    from tune.config.promotion import read_promotion  # which few promotions need

    try:
        config = read_promotion(folder.config_file)
    except UsageError:
        return 0
    return (config.top + 1) * config.seeds


def _budgeted(folder: StudyFolder) -> int | None:
    """Return the trials of a study's budget; None where it cannot be read."""
    try:
        return int(json.loads(folder.budget_file.read_bytes())["trials"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _is_open(outcome: str | None) -> bool:
    """Whether a trial is resumed with the study."""
    return outcome is None or outcome == Outcome.INTERRUPTED


def _progress(
    folder: StudyFolder, path: Path, unit: str, num_ended: int, num_planned: int
) -> Progress | None:
    """Return how far a study is, if its driver lives."""
    if not is_locked(folder.lock):
        return None
    name = "trials" if unit == "trials" else "runs"
    speed = read_columns(path, name, SPEED_COLUMNS)
    return Progress(
        folder.name,
        unit,
        num_ended,
        max(num_planned, len(speed["outcome"])),
        eta_s(speed, num_planned),
        running_on(speed),
    )


def running_on(columns: Columns) -> dict[str, int]:
    """Return how many trials run on each node now, where that is recorded, by its name."""
    pairs = zip(columns["outcome"], columns["host"], strict=True)
    counts = Counter(host for outcome, host in pairs if outcome is None and host is not None)
    return dict(sorted(counts.items()))


def eta_s(columns: Columns, num_planned: int) -> float | None:
    """Return the seconds that a study still needs at its speed so far, None before an epoch.

    As many trials as run now are taken to run side by side.
    """
    epochs, outcomes = columns["epochs_finished"], columns["outcome"]
    if not sum(epochs):
        return None
    epoch_s = (sum(columns["train_s"]) + sum(columns["val_s"])) / sum(epochs)
    trials = ((done, not _is_open(outcome)) for done, outcome in zip(epochs, outcomes, strict=True))
    num_running = max(outcomes.count(None), 1)
    return time_left_s(trials, num_planned, columns["max_epochs"][0], epoch_s / num_running)


def _cell(columns: Columns) -> tuple[str, int]:
    return columns["arch"][0], columns["ratio"][0]


def _pixels(columns: Columns) -> Pixels:
    facts = {name: columns[name][0] for name in PIXELS}
    objective_named(facts["objective"])  # of a later release: left out in a sentence
    # The control of a promotion for bytes was trained for elements: any other row tells the kind.
    return Pixels(**(facts | {"rate": BYTES if BYTES in columns["rate"] else ELEMENTS}))
