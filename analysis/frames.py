"""Everything that is known of a results folder, as tidy frames.

Takes a folder of studies and promotions, gives one frame per table over all of them. Reading never
fails for one bad file: what could not be read is left out and told in a sentence of `notes`.
Column names and types are those of docs/TABLES.md, also where a frame is empty.
"""

import json
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from tune.errors import UsageError
from tune.statistics.objectives import check_scored, objective_named
from tune.tables.files import read_readable_tables
from tune.tables.originals import copy_sentences, find_copies
from tune.tables.schemas import SCHEMAS


@dataclass(frozen=True)
class Frames:
    """The tables of all studies and promotions, and what is known beside them.

    Attributes:
        trials: One row per trial of a search.
        epochs: One row per trial and finished epoch; promoted runs have theirs here too.
        rungs: One row per decision at a rung.
        references: One row per linear reference line of a study.
        dimensions: One row per searched hyper-parameter of a study.
        importance: One row per searched hyper-parameter, evaluator and kind of score.
        replays: One row per setting that was replayed on a study's curves.
        replay_curves: One row per such setting and share of the budget.
        runs: One row per promoted run.
        validation: One row per validation image and run.
        verdicts: One row per candidate of a promotion.
        test: One row per test image, run and quantiser step.
        codecs: One row per test image, classical codec and target.
        bounds: One row per footing, spectrum and rate of the Gaussian bound; empty where promotions
            are older than this table.
        pictures: One row per picture.
        studies: Names of all folders of studies and promotions, also of those without a row.
        configs: The resolved configuration, study.toml, by name of the study.
        manifests: Commit, versions, device, command line: manifest.json, by name of the study.
        notes: Sentences about what could not be read.
    """

    trials: pd.DataFrame
    epochs: pd.DataFrame
    rungs: pd.DataFrame
    references: pd.DataFrame
    dimensions: pd.DataFrame
    importance: pd.DataFrame
    replays: pd.DataFrame
    replay_curves: pd.DataFrame
    runs: pd.DataFrame
    validation: pd.DataFrame
    verdicts: pd.DataFrame
    test: pd.DataFrame
    codecs: pd.DataFrame
    bounds: pd.DataFrame
    pictures: pd.DataFrame
    studies: tuple[str, ...]
    configs: Mapping[str, Mapping[str, Any]]
    manifests: Mapping[str, Mapping[str, Any]]
    notes: tuple[str, ...]


TABLES = tuple(name for name in SCHEMAS if name in Frames.__annotations__)
"""Names of the tables among the attributes."""


def load(results: Path | str = "ray_results") -> Frames:
    """Return all tables of a results folder; an absent or empty folder gives empty frames.

    Example:
        >>> load("no_results_yet").trials.empty
        True
    """
    folder = Path(results)
    notes = copy_sentences(folder)
    frames: dict[str, pd.DataFrame] = {}
    for name in TABLES:
        frames[name], sentences = read_readable_tables(folder, name)
        notes += sentences
    notes += _unscored(frames["trials"], frames["epochs"], folder)
    studies = _find_studies(folder)
    return Frames(
        trials=frames["trials"],
        epochs=frames["epochs"],
        rungs=frames["rungs"],
        references=frames["references"],
        dimensions=frames["dimensions"],
        importance=frames["importance"],
        replays=frames["replays"],
        replay_curves=frames["replay_curves"],
        runs=frames["runs"],
        validation=frames["validation"],
        verdicts=frames["verdicts"],
        test=frames["test"],
        codecs=frames["codecs"],
        bounds=frames["bounds"],
        pictures=frames["pictures"],
        studies=studies,
        configs=_read_all(folder, studies, "study.toml", tomllib.loads, notes),
        manifests=_read_all(folder, studies, "manifest.json", json.loads, notes),
        notes=tuple(notes),
    )


def _unscored(trials: pd.DataFrame, epochs: pd.DataFrame, results: Path) -> list[str]:
    """Return a sentence about each search whose epochs lack the score that it maximises."""
    sentences = []
    others = trials.loc[trials["objective"] != "psnr", ["study", "objective"]].drop_duplicates()
    for study, name in others.itertuples(index=False):
        try:
            check_scored(objective_named(name), epochs[epochs["study"] == study], results)
        except UsageError as error:
            sentences.append(f"study {study}: {error}")
    return sentences


def _find_studies(folder: Path) -> tuple[str, ...]:
    """Return the folders that a search or promotion began, whatever is in them; no copies."""
    parts = ("study.toml", "manifest.json", "journal", "tables")
    found = {path.parent.name for part in parts for path in folder.glob(f"*/{part}")}
    return tuple(sorted(found - find_copies(folder).keys()))


def _read_all(
    folder: Path,
    studies: tuple[str, ...],
    file: str,
    parse: Callable[[str], dict[str, Any]],
    notes: list[str],
) -> dict[str, Mapping[str, Any]]:
    """Return a file of every study that has a readable one; add a note for each torn one."""
    found: dict[str, Mapping[str, Any]] = {}
    for study in studies:
        path = folder / study / file
        if not path.exists():
            continue
        try:
            found[study] = parse(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:  # both parsers' errors are ValueErrors
            notes.append(f"{study}: {file} could not be read ({error})")
    return found
