"""`python -m tune.replay`: what it prints, writes and refuses."""

import subprocess
import sys
from pathlib import Path

import pytest

from analysis.report import main as report
from tests.tune.simulation.test_studies import CURVES
from tune.replay import main
from tune.tables.files import read_table

TRUTH = str(Path(__file__).parents[2] / "benchmarks" / "truth" / "baseline_16x_9.parquet")


def test_a_study_is_answered_in_a_paragraph(make_search, tmp_path, capsys):
    make_search(*CURVES, results=str(tmp_path))
    assert main(["--results", str(tmp_path), "--nights", "3"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "rank correlation with the end, after each epoch: +1.00 +1.00" in said
    assert "would have lost the winner in 0 of 3 replayed searches of these 9" in said
    assert "next: python -m analysis.report" in said


@pytest.mark.slow
def test_what_was_found_is_written_and_reported(make_search, tmp_path):
    folder = make_search(*CURVES, results=str(tmp_path))
    main(["--results", str(tmp_path), "--nights", "3"])
    rows = read_table(tmp_path, "replays")
    assert set(rows["study"]) == {folder.name}
    assert rows["is_own"].sum() == 1
    assert set(read_table(tmp_path, "replay_curves")["setting"]) == set(rows["setting"])
    out = tmp_path / "report"
    assert report(["--results", str(tmp_path), "--out", str(out)]) == 0
    for file in ("report.html", "RUNLOG.md"):
        assert "would have lost the winner" in (out / file).read_text(encoding="utf-8")


def test_recorded_truth_is_replayed_without_a_study(capsys):
    asked = ["--scheduler", "none", "--searcher", "random", "--budget", "3", "--nights", "2"]
    assert main(["--truth", TRUTH, *asked]) == 0
    said = capsys.readouterr().out
    assert "2 nights per setting, random, 3 trials" in said
    assert "\nnone " in said


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--nights", "0"], "--nights must be at least 1, found 0"),
        (["--workers", "0"], "--workers must be at least 1, found 0"),
        (["--scheduler", "leder"], "found 'leder': did you mean leader?"),
        (["--searcher", "grid"], "--searcher takes tpe, random, gp, found 'grid'"),
        (["--grace-epochs", "0"], "--grace-epochs takes whole numbers of 1 or more"),
        (["--tolerance", "nan"], "--tolerance takes numbers of 0 or more"),
        (["--budget", "4,x"], "--budget takes whole numbers of 1 or more"),
        (["--budget", "0"], "found '0'"),
        (["--truth", "none.parquet"], "--truth takes a file of recorded curves"),
    ],
)
def test_a_mistake_is_told_in_one_sentence(flags, sentence, capsys):
    truth = [] if "--truth" in flags else ["--truth", TRUTH]
    assert main([*truth, *flags]) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1


def test_help_loads_nothing_heavy():
    check = (
        "import sys, tune.replay\n"
        "try: tune.replay.main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'ray', 'optuna', 'pandas', 'pyarrow'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", check], check=True, capture_output=True)
