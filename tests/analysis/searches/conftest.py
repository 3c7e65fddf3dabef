"""Studies made up row by row, written and read as the real tables are."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from analysis.frames import Frames, load
from analysis.study_view import StudyView, view_studies
from tune.tables.files import write_table
from tune.tables.schemas import SCHEMAS

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
STUDY = "baseline_quick_c16_cr16x_20260102_030405"
EPOCH_S = 12.0
NEUTRAL = {"string": "text", "bool": False, "int32": 1, "int64": 0, "float64": 1.0}

LEARNING_RATE = {
    "dimension": "learning_rate", "kind": "float", "low": 1e-4, "high": 1e-2, "is_log": True,
    "choices": "", "unit": "1",
}  # fmt: skip
WARMUP = {
    "dimension": "warmup_epochs", "kind": "int", "low": 0.0, "high": 3.0, "is_log": False,
    "choices": "", "unit": "epochs",
}  # fmt: skip
CHANNELS = {
    "dimension": "base_channels", "kind": "categorical", "low": None, "high": None,
    "is_log": False, "choices": "8,16,32", "unit": "channels",
}  # fmt: skip
SCHEDULE = {
    "dimension": "schedule", "kind": "categorical", "low": None, "high": None,
    "is_log": False, "choices": "plateau,cosine", "unit": "",
}  # fmt: skip
SPACE = (LEARNING_RATE, WARMUP, CHANNELS)


def neutral_row(table: str) -> dict[str, Any]:
    """A row with a value of the right type in every column that needs one."""
    return {
        column.name: column.before
        if column.is_added
        else None
        if column.nullable
        else NEUTRAL.get(column.type, START)
        for column in SCHEMAS[table].columns
    }


def trial_rows(study: str, number: int, trial: dict[str, Any]) -> tuple[dict, list[dict]]:
    """The row of a trial and those of its epochs, from its scores, outcome and values."""
    given = dict(trial)
    scores_db: Sequence[float] = given.pop("scores_db", ())
    start_s = given.pop("start_s", 100.0 * number)
    name = {"study": study, "trial": f"{study}_t{number:03d}", "trial_number": number}
    began = START + timedelta(seconds=start_s)
    wall_s = EPOCH_S * len(scores_db) + 3.0
    row = neutral_row("trials") | name | {
        "arch": "baseline", "ratio": 16, "latent_channels": 16, "base_channels": 16,
        "mode": "quick", "corpus": "made_up", "corpus_fingerprint": "0" * 16,
        "split_fingerprint": "1" * 16, "data_fraction": 0.05, "crop_px": 64, "val_images": 64,
        "proposed_by": "searcher", "learning_rate": 1e-3, "warmup_epochs": 1, "batch_size": 8,
        "schedule": "plateau", "max_epochs": 9, "outcome": "completed",
        "started_at": began, "wall_s": wall_s, "wait_s": 0.0, "epochs_finished": len(scores_db),
        "train_s": 10.0 * len(scores_db), "val_s": 2.0 * len(scores_db), "concurrent_with": "",
    }  # fmt: skip
    if scores_db:
        best_db = max(scores_db)
        row |= {
            "best_epoch": scores_db.index(best_db) + 1, "best_val_psnr_db": best_db,
            "best_val_ssim": 0.5, "best_val_mse": 0.01, "best_val_loss": 0.3,
            "best_train_psnr_db": best_db + 0.25, "psnr_gap_db": 0.25,
            "last_val_psnr_db": scores_db[-1], "last_val_ssim": 0.5,
            "measured_peak_mib": 400.0, "memory_method": "rss_growth",
        }  # fmt: skip
    row |= given
    if row["outcome"] is not None:
        row["ended_at"] = row["ended_at"] or began + timedelta(seconds=row["wall_s"])
    epochs = [
        neutral_row("epochs") | name | {
            "epoch": epoch, "val_psnr_db": score_db, "train_psnr_db": score_db + 0.25,
            "val_loss": 1.0 - score_db / 40.0, "train_s": 10.0, "val_s": 2.0,
            "recorded_at": began + timedelta(seconds=EPOCH_S * epoch),
        }
        for epoch, score_db in enumerate(scores_db, start=1)
    ]  # fmt: skip
    return row, epochs


def write_study(
    results: Path,
    trials: Sequence[dict[str, Any]],
    study: str = STUDY,
    space: Sequence[dict[str, Any]] = SPACE,
    rungs: Sequence[dict[str, Any]] = (),
    importance: Sequence[dict[str, Any]] = (),
    references: Sequence[tuple[str, float]] = (),
    config: str = "",
) -> None:
    """Write the tables of one study; `rungs` name trial_number, rung_epoch, value and verdicts."""
    folder = results / study / "tables"
    folder.mkdir(parents=True)
    (folder.parent / "study.toml").write_text(config)
    rows = [trial_rows(study, number, trial) for number, trial in enumerate(trials)]
    tables = {
        "trials": [row for row, _ in rows],
        "epochs": [epoch for _, epochs in rows for epoch in epochs],
        "rungs": [
            neutral_row("rungs") | {"study": study, "rung": 0, "num_values": place + 1, **rung}
            for place, rung in enumerate(rungs)
        ],
        "dimensions": [{"study": study, **dimension} for dimension in space],
        "importance": [{"study": study, "epoch": None, **one} for one in importance],
        "references": [
            neutral_row("references")
            | {"study": study, "ratio": 16, "reference": name, "psnr_db": score_db}
            for name, score_db in references
        ],
    }
    for name, table in tables.items():
        write_table(folder, name, table)


@pytest.fixture(scope="session")
def add_study() -> Callable[..., Frames]:
    """Add one study to a folder of results and load them all."""

    def add(results: Path, trials: Sequence[dict[str, Any]], **parts: Any) -> Frames:
        write_study(results, trials, **parts)
        return load(results)

    return add


@pytest.fixture
def make_frames(tmp_path: Path, add_study: Callable[..., Frames]) -> Callable[..., Frames]:
    """Write one study and load it; called again, it adds one more."""
    return partial(add_study, tmp_path / "results")


@pytest.fixture
def make_view(make_frames: Callable[..., Frames]) -> Callable[..., StudyView]:
    """Write one study and return its view."""

    def make(trials: Sequence[dict[str, Any]], **parts: Any) -> StudyView:
        views = view_studies(make_frames(trials, **parts))
        return next(view for view in views if view.name == parts.get("study", STUDY))

    return make
