import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tune.config import resolve, write_config
from tune.profiles import Machine
from tune.schemas import SCHEMAS
from tune.status import main
from tune.study import create_study_folder
from tune.tables import write_table

SAMPLES = {
    "string": "text",
    "bool": False,
    "int32": 3,
    "int64": 3,
    "float64": 1.0,
    "timestamp": datetime(2026, 1, 1, tzinfo=UTC),
}


def make_study(results: Path, arch: str, ratio: int, scores_db: list[float], **facts: Any) -> None:
    """Write a study whose first trial is the hand-set one and whose last one runs."""
    flags = {"arch": arch, "ratio": ratio, "results": str(results), "trials": len(scores_db) + 2}
    (resolved,) = resolve(flags, {}, Machine("cpu", 2))
    folder = create_study_folder(resolved.config, {"study.toml": write_config(resolved.config)})
    sample = {column.name: SAMPLES[column.type] for column in SCHEMAS["trials"].columns}
    sample |= {"study": folder.name, "arch": arch, "ratio": ratio, "crop_px": 64, "corpus": "s1"}
    rows = [
        sample | {"proposed_by": "searcher" if number else "hand_set", "best_val_psnr_db": score_db}
        for number, score_db in enumerate(scores_db)
    ]
    running = sample | {"outcome": None, "best_val_psnr_db": None}
    write_table(folder.tables, "trials", [row | facts for row in (*rows, running)])


def test_the_matrix_shows_score_gain_values_and_trials(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_study(tmp_path, "attention", 16, [20.0, 21.25], learning_rate=2e-4, base_channels=12)
    assert main(["--results", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    for text in ("attention", "16x", "21.25 (+1.25)", "lr 0.0002", "warmup 3", "12 channels"):
        assert text in shown
    assert "2/4 trials" in shown
    assert "1 running" in shown
    assert "SYNTHETIC" not in shown


def test_a_full_matrix_fits_a_hundred_columns_without_breaking_a_score(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arch in ("baseline", "attention"):
        for ratio in (4, 8, 16, 32, 64):
            make_study(tmp_path, arch, ratio, [20.0, 20.12], learning_rate=0.00031)
    main(["--results", str(tmp_path)])
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 100
    assert shown.count("20.12 (+0.12)") == 10
    assert shown.count("lr 0.00031") == 10


def test_synthetic_scores_are_marked_and_kept_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_study(tmp_path, "baseline", 16, [25.0], is_synthetic=True, corpus="synthetic")
    make_study(tmp_path, "baseline", 16, [20.0])
    main(["--results", str(tmp_path)])
    shown = capsys.readouterr().out
    assert "SYNTHETIC corpus synthetic" in shown
    assert shown.index("20.00") < shown.index("SYNTHETIC") < shown.index("25.00")
    assert "do not compare" in shown


@pytest.mark.parametrize("make_folder", [True, False])
def test_no_results_are_answered_with_the_next_command(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    make_folder: bool,
) -> None:
    monkeypatch.chdir(tmp_path)
    if make_folder:
        (tmp_path / "ray_results").mkdir()
    assert main([]) == 0
    assert "no trial in ray_results yet" in capsys.readouterr().out


def test_a_named_folder_that_does_not_exist_is_a_mistake(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--results", str(tmp_path / "absent")]) == 2
    told = capsys.readouterr().err
    assert "--results must be a folder of studies, found" in told
    assert told.count("\n") == 1


def test_the_help_loads_no_heavy_library() -> None:
    code = (
        "import sys, tune.status\n"
        "try: tune.status.main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'ray', 'optuna', 'pandas', 'pyarrow', 'numpy', 'rich', 'rasterio'}\n"
        "sys.stderr.write(' '.join(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "--results DIR" in done.stdout
    assert done.stderr == ""
