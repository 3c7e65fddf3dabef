import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.tune.terminal.consoles import WIDTHS
from tune.config.machine import Machine
from tune.config.promotion import PromotionConfig, write_promotion
from tune.config.resolve import resolve
from tune.config.search import write_config
from tune.status import main
from tune.storage.folder import create_study_folder
from tune.storage.lock import study_lock
from tune.tables.files import write_table
from tune.tables.schemas import SCHEMAS
from tune.terminal.hosts import host_words

CPU = Machine("cpu", 2)
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
    (resolved,) = resolve(flags, {}, CPU)
    folder = create_study_folder(resolved.config, {"study.toml": write_config(resolved.config)})
    own = {"study": folder.name, "arch": arch, "ratio": ratio, "crop_px": 64, "corpus": "s1"}
    sample = row_of("trials", own)
    rows = [
        sample
        | {"proposed_by": "searcher" if number else "hand_set", "best_val_psnr_db": score_db}
        | {"trial_number": number}
        for number, score_db in enumerate(scores_db)
    ]
    running = sample | {"outcome": None, "best_val_psnr_db": None}
    write_table(folder.tables, "trials", [row | facts for row in (*rows, running)])


def make_promotion(
    results: Path, arch: str, ratio: int, test_psnr_db: list[float], **facts: Any
) -> None:
    """Write a promotion that scored one candidate with these seeds, two images each."""
    promotion = PromotionConfig(
        arch=arch, ratio=ratio, study="s", results=str(results), test_images=None,
        max_concurrent=1, device="cpu", top=1, seeds=len(test_psnr_db),
    )  # fmt: skip
    (resolved,) = resolve({"arch": arch, "ratio": ratio, "results": str(results)}, {}, CPU)
    folder = create_study_folder(
        resolved.config, {"study.toml": write_promotion(promotion)}, mode="full"
    )
    own = {"study": folder.name, "arch": arch, "ratio": ratio, "candidate": "c1"}
    own |= {"crop_px": 64, "corpus": "s1"} | facts
    rows: dict[str, list[dict[str, Any]]] = {"runs": [], "test": []}
    for seed, score_db in enumerate(test_psnr_db):
        run = own | {"run": f"{folder.name}_c1_s{seed}", "seed": seed, "num_parameters": 250_000}
        rows["runs"].append(row_of("runs", run))
        for step, shift_db in ((None, -1.0), (None, 1.0), (0.5, -5.0)):
            scored = {"quantiser_step": step, "psnr_db": score_db + shift_db}
            rows["test"].append(row_of("test", run | scored))
    place = {"place": 1, "verdict": "tied"}
    rows["verdicts"] = [row_of("verdicts", own | place), row_of("verdicts", {"place": 2})]
    for name, written in rows.items():
        write_table(folder.tables, name, written)


def row_of(table: str, values: dict[str, Any]) -> dict[str, Any]:
    """A row with plausible values everywhere, and these where the table has such a column."""
    sample = {column.name: SAMPLES[column.type] for column in SCHEMAS[table].columns}
    values = {"objective": "psnr"} | values
    return sample | {name: value for name, value in values.items() if name in sample}


def test_the_matrix_shows_score_gain_values_and_trials(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_study(
        tmp_path, "attention", 16, [20.0, 21.25],
        learning_rate=2e-4, base_channels=12, num_parameters=12_345_678,
    )  # fmt: skip
    assert main(["--results", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    for text in ("attention", "16x", "21.25 (+1.25)", "lr 0.0002", "warmup 3", "12 channels"):
        assert text in shown
    assert "2/4 trials" in shown
    assert "1 open" in shown
    assert "12.35 M param." in shown
    assert "SYNTHETIC" not in shown


@pytest.mark.parametrize("width", WIDTHS)
def test_a_full_matrix_fits_every_width_without_breaking_a_score(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    width: int,
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    for arch in ("baseline", "attention"):
        for ratio in (4, 8, 16, 32, 64):
            make_study(tmp_path, arch, ratio, [20.0, 20.12], learning_rate=0.00031)
    main(["--results", str(tmp_path)])
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= width
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


def test_ratios_of_bytes_and_of_elements_are_kept_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_study(tmp_path, "baseline", 16, [25.0], rate="bytes")
    make_study(tmp_path, "baseline", 16, [20.0], rate="elements")
    main(["--results", str(tmp_path)])
    shown = capsys.readouterr().out
    assert shown.index("ratio of bytes") < shown.index("25.00") < shown.index("ratio of elements")
    assert shown.index("25.00") < shown.index("20.00")
    assert "ratio of bytes: both scores are at 8 / ratio bit per pixel." in shown


def test_the_json_says_what_ratios_count(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_study(tmp_path, "baseline", 16, [25.0], rate="bytes")
    make_study(tmp_path, "baseline", 16, [20.0], rate="elements")
    assert main(["--results", str(tmp_path), "--json"]) == 0
    matrices = json.loads(capsys.readouterr().out)["matrices"]
    assert [matrix["rate"] for matrix in matrices] == ["bytes", "elements"]


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


def test_a_promotion_shows_its_test_score_its_interval_and_what_is_below_the_baseline(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_study(tmp_path, "attention", 16, [20.0])
    make_promotion(tmp_path, "attention", 16, [21.0, 21.2])
    make_promotion(tmp_path, "baseline", 16, [21.5])
    make_promotion(tmp_path, "resnet", 16, [22.0])
    assert main(["--results", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert "full 21.10" in shown
    assert "± 1.27" in shown  # 12.706 * 0.1414 / sqrt(2), two seeds
    assert "full 21.50" in shown
    assert shown.count("(below") == 1
    assert "tied" in shown
    assert "0.25 M param." in shown


def test_the_json_has_what_the_matrix_shows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_study(tmp_path, "attention", 16, [20.0, 21.25])
    make_promotion(tmp_path, "attention", 16, [21.0, 21.2])
    assert main(["--results", str(tmp_path), "--json"]) == 0
    ((matrix,),) = (json.loads(capsys.readouterr().out)["matrices"],)
    (cell,) = matrix["cells"]
    assert (matrix["corpus"], cell["arch"], cell["ratio"]) == ("s1", "attention", 16)
    assert cell["best"]["val_psnr_db"] == 21.25
    assert cell["promoted"]["test_psnr_db"] == pytest.approx(21.1)
    assert cell["promoted"]["is_below_baseline"] is None


def test_a_search_of_another_objective_is_in_a_table_of_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_study(tmp_path, "attention", 16, [20.0, 21.25])
    make_study(tmp_path, "attention", 16, [19.0], objective="ssim", best_val_ssim=0.71)
    assert main(["--results", str(tmp_path)]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "objective SSIM" in shown
    assert "0.7100" in shown
    assert "21.25 (+1.25)" in shown
    assert "or maximise another score: do not compare" in shown


def test_a_search_of_an_unknown_objective_is_left_out_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_study(tmp_path, "attention", 16, [20.0], objective="vmaf")
    assert main(["--results", str(tmp_path)]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "a study maximises one of psnr, ssim, ms_ssim, found 'vmaf' in its tables" in shown


def test_an_empty_folder_is_an_empty_matrix_for_machines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--results", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"matrices": [], "notes": []}


def test_a_study_whose_driver_lives_shows_how_far_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_study(tmp_path, "attention", 16, [20.0, 21.25], epochs_finished=3)
    (folder,) = (path for path in tmp_path.iterdir())
    with study_lock(folder / "lock"):
        main(["--results", str(tmp_path)])
    shown = capsys.readouterr().out
    assert "2/4 trials running,\n" in shown
    assert " 1 min left\n" in shown


@pytest.mark.parametrize(("num_hosts", "is_told"), [(1, False), (2, True)])
def test_the_nodes_of_a_study_are_named_where_it_runs_on_several(
    num_hosts: int, is_told: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_study(tmp_path, "attention", 16, [])
    (folder,) = (path for path in tmp_path.iterdir())
    row = row_of("trials", {"arch": "attention", "ratio": 16, "outcome": None})
    hosts = [f"node{number % num_hosts}" for number in range(3)]
    write_table(folder / "tables", "trials", [row | {"host": host} for host in [*hosts, None]])
    with study_lock(folder / "lock"):
        main(["--results", str(tmp_path)])
        shown = " ".join(capsys.readouterr().out.split())
        main(["--results", str(tmp_path), "--json"])
    assert (f"{folder.name} runs on 2 nodes: node0 (2), node1 (1)." in shown) == is_told
    ((cell,),) = (one["cells"] for one in json.loads(capsys.readouterr().out)["matrices"])
    assert cell["running"][0]["hosts"] == ({"node0": 2, "node1": 1} if is_told else {"node0": 3})


def test_of_many_nodes_only_some_are_named() -> None:
    words = host_words({f"node{number}": number for number in range(1, 11)})
    assert words.startswith("node10 (10), node9 (9), ")
    assert words.endswith("node3 (3) and 2 more")


def test_an_extended_study_shows_the_trials_that_it_may_have_now(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_study(tmp_path, "attention", 16, [20.0, 21.25])
    (folder,) = (path for path in tmp_path.iterdir())
    (folder / "budget.json").write_text('{"trials": 50, "hours": null}')
    main(["--results", str(tmp_path)])
    assert "2/50 trials" in capsys.readouterr().out


def test_interrupted_trials_are_open(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_study(tmp_path, "attention", 16, [20.0, 21.25], outcome="interrupted")
    main(["--results", str(tmp_path)])
    shown = capsys.readouterr().out
    assert "0/4 trials" in shown
    assert "3 open" in shown


@pytest.mark.parametrize(
    ("outcome", "words"), [("interrupted", "0/1 runs running"), ("completed", "being evaluated")]
)
def test_only_a_promotion_whose_runs_ended_is_evaluated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], outcome: str, words: str
) -> None:
    make_promotion(tmp_path, "attention", 16, [21.0], outcome=outcome)
    (folder,) = (path for path in tmp_path.iterdir())
    (folder / "budget.json").write_text('{"trials": 1, "hours": null}')
    if outcome == "interrupted":
        (folder / "tables" / "verdicts.parquet").unlink()
    with study_lock(folder / "lock"):
        main(["--results", str(tmp_path)])
    assert words in " ".join(capsys.readouterr().out.split())


def test_a_torn_table_is_said_and_hides_no_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_study(tmp_path, "attention", 16, [20.0])
    make_study(tmp_path, "baseline", 16, [19.0])
    torn = next(tmp_path.glob("attention*/tables/trials.parquet"))
    torn.write_bytes(torn.read_bytes()[:100])
    assert main(["--results", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert "left out study attention" in shown
    assert "19.00" in shown


def test_a_status_loads_no_frames() -> None:
    """A thousand studies are shown in a second; pandas and torch alone take longer."""
    code = (
        "import sys, tune.status\n"
        "tune.status.main([])\n"
        "heavy = {'torch', 'ray', 'optuna', 'pandas', 'scipy'}\n"
        "sys.stderr.write(' '.join(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_watching_prints_the_matrix_again_until_interrupted(tmp_path, monkeypatch, capsys):
    waits = []

    def wait(seconds):
        waits.append(seconds)
        if len(waits) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr("tune.status.time.sleep", wait)
    assert main(["--results", str(tmp_path), "--watch", "0.5"]) == 0
    assert waits == [0.5, 0.5]
    output = capsys.readouterr().out
    assert output.count("There is no trial") == output.count("again in 0.5 s") == 2
    assert "\x1b" not in output  # no terminal


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf"])
def test_an_interval_that_is_none_is_refused(tmp_path, seconds, capsys):
    assert main(["--results", str(tmp_path), f"--watch={seconds}"]) == 2
    assert "--watch needs" in capsys.readouterr().err


def test_a_status_opens_every_journal_once(tmp_path, monkeypatch):
    names = ("a", "b")
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "journal").write_text("{}\n")
    opened = []
    open_path = Path.open

    def counted(path, *arguments, **named):
        opened.append(path)
        return open_path(path, *arguments, **named)

    monkeypatch.setattr(Path, "open", counted)
    assert main(["--results", str(tmp_path)]) == 0
    journals = sorted(path for path in opened if path.name == "journal")
    assert journals == [tmp_path / name / "journal" for name in names]


def test_a_results_folder_of_a_name_that_is_no_utf8_is_shown_on_any_console(tmp_path):
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "tune.status", "--results", folder],
        env={**os.environ, "PYTHONIOENCODING": "utf-8:strict"},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        check=True,
    )
    assert b"caf\\udce9 yet" in done.stdout
    assert b"--results $'" in done.stdout
