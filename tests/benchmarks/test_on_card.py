"""The proof on a card: what it writes, what it keeps when it is cut off, and a whole rehearsal."""

import json
import math
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd
import psutil
import pytest

from benchmarks.on_card import packing
from benchmarks.on_card.__main__ import main
from benchmarks.on_card.conduct import PAGE, ROWS, run_stage, run_stages
from benchmarks.on_card.context import Context
from benchmarks.on_card.correct import row_of
from benchmarks.on_card.faults import (
    GREEDY,
    KILLED,
    freed,
    neighbours,
    out_of_memory,
    stranger_row,
)
from benchmarks.on_card.memory import sizes
from benchmarks.on_card.packing import Night, epochs_per_hour, gains, nights
from benchmarks.on_card.page import page
from benchmarks.on_card.rows import Ending, Row, Stamp, append_line, latest, read_runs
from benchmarks.on_card.search import Busy, driver_overhead
from benchmarks.on_card.searches import Search, most_reserved
from benchmarks.on_card.stages import STAGES, choose_stages, limit_s
from tests.chaos.harness import REPOSITORY
from tests.tiny_corpus import build_tiny_corpus
from tune.card.device import Card, Holder

pytestmark = pytest.mark.slow

STAMP = Stamp(
    run="2026-11-28 12:00:00",
    stage="memory",
    device="NVIDIA H200",
    commit="abc1234",
    torch="2.11.0",
    corpus="tiles",
    rehearsed=False,
)
ROW = Row("Sizes", {"model": "baseline16", "MiB": 12.5}, "within 10 %", holds=True)
CONTEXT = Context("cpu", "nowhere", limit_s=60.0, begun_s=0.0)


def test_what_was_written_is_read_back(tmp_path):
    file = tmp_path / ROWS
    append_line(file, STAMP, ROW)
    append_line(file, STAMP, Ending("finished", 3.0))
    (run,) = read_runs(file)
    assert (run.stamp, run.rows, run.ending) == (STAMP, [ROW], Ending("finished", 3.0))


def test_a_number_that_is_none_is_said_to_be_missing(tmp_path):
    append_line(tmp_path / ROWS, STAMP, replace(ROW, figures={"MiB": float("nan")}))
    assert read_runs(tmp_path / ROWS)[0].rows[0].figures == {"MiB": None}


@pytest.mark.parametrize("num_bytes", [1, 20])
def test_a_torn_line_costs_itself_alone(tmp_path, num_bytes):
    file = tmp_path / ROWS
    append_line(file, STAMP, ROW)
    append_line(file, STAMP, replace(ROW, table="torn"))
    file.write_bytes(file.read_bytes()[:-num_bytes])
    append_line(file, STAMP, replace(ROW, table="after"))
    is_whole = num_bytes == 1  # only the end of the line is missing
    expected = ["Sizes", "torn", "after"] if is_whole else ["Sizes", "after"]
    assert [row.table for row in read_runs(file)[0].rows] == expected


def test_the_last_run_of_a_stage_counts_and_a_rehearsal_only_where_there_is_nothing_else(tmp_path):
    file = tmp_path / ROWS
    later = replace(STAMP, run="2026-11-28 13:00:00")
    rehearsed = replace(STAMP, run="2026-11-28 14:00:00", rehearsed=True)
    for stamp in (STAMP, later, rehearsed, replace(rehearsed, stage="step")):
        append_line(file, stamp, ROW)
    found = {run.stamp.stage: run.stamp.run for run in latest(read_runs(file))}
    assert found == {"memory": later.run, "step": rehearsed.run}


def test_stages_keep_their_order_and_hand_on_what_they_did_not_use():
    stages = choose_stages("rate,facts")
    assert [stage.name for stage in stages] == ["facts", "rate"]
    assert limit_s(stages, 100.0) == pytest.approx(30.0)
    assert limit_s(stages[1:], 99.0) == 99.0
    assert sum(stage.minutes for stage in STAGES.values()) == pytest.approx(12.0)


def put_in_place(folder: Path, monkeypatch, **codes: str) -> None:
    """Give stages, by name, another code in the processes that run them."""
    inside = folder / "stages"
    inside.mkdir()
    lines = ["import sys, types"]
    for name, code in codes.items():
        lines += [
            f"stage = types.ModuleType('benchmarks.on_card.{name}')",
            f"exec({code!r}, stage.__dict__)",
            f"sys.modules['benchmarks.on_card.{name}'] = stage",
        ]
    (inside / "sitecustomize.py").write_text("\n".join(lines))
    monkeypatch.setenv("PYTHONPATH", f"{inside}:{REPOSITORY}")


@pytest.fixture
def begin(tmp_path, monkeypatch):
    """Run one stage of which this is the code."""

    def begin(code: str, limit_s: float = 60.0) -> Ending:
        put_in_place(tmp_path, monkeypatch, facts=code)
        context = replace(CONTEXT, limit_s=limit_s, begun_s=time.time())
        return run_stage(STAGES["facts"], tmp_path, context, replace(STAMP, stage="facts"))

    return begin


MEASURES_ONE = """
def measure(context):
    from benchmarks.on_card.rows import Row
    yield Row("kept", {"n": 1})
"""


def test_a_stage_that_fails_says_why_and_keeps_its_rows(begin, tmp_path):
    ending = begin(MEASURES_ONE + "    raise RuntimeError('the card is gone')\n")
    assert (ending.state, ending.reason) == ("failed", "RuntimeError: the card is gone")
    assert [row.table for row in read_runs(tmp_path / ROWS)[0].rows] == ["kept"]


def test_a_stage_is_ended_at_its_limit_with_what_it_started_and_keeps_its_rows(begin, tmp_path):
    begun = tmp_path / "begun"
    (tmp_path / "orphan.py").write_text(
        "import os, time\n"
        "from pathlib import Path\n"
        f"Path({str(begun)!r}).write_text(str(os.getpid()))\n"
        "time.sleep(1000)\n"
    )
    hangs = (
        "    import subprocess, sys, time\n"
        f"    subprocess.Popen([sys.executable, {str(tmp_path / 'orphan.py')!r}])\n"
        "    time.sleep(1000)\n"
    )
    ending = begin(MEASURES_ONE + hangs, limit_s=12.0)
    assert ending.state == "cut off"
    assert [row.table for row in read_runs(tmp_path / ROWS)[0].rows] == ["kept"]
    assert not psutil.pid_exists(int(begun.read_text()))


def test_the_next_stage_runs_after_one_that_failed(tmp_path, monkeypatch):
    fails = MEASURES_ONE + "    raise RuntimeError('no corpus')\n"
    put_in_place(tmp_path, monkeypatch, search=fails, rate=MEASURES_ONE)
    stages = choose_stages("search,rate")
    context = replace(CONTEXT, begun_s=time.time())
    said: list[str] = []
    endings = run_stages(
        stages, tmp_path, context, lambda stage: replace(STAMP, stage=stage.name), said.append
    )
    assert [ending.state for ending in endings] == ["failed", "finished"]
    assert "**Failed**" in (tmp_path / PAGE).read_text()


def test_the_page_says_which_claims_held(tmp_path):
    file = tmp_path / ROWS
    append_line(file, STAMP, ROW)
    append_line(file, STAMP, replace(ROW, holds=False))
    append_line(file, STAMP, Ending("cut off", 120.0))
    text = page(read_runs(file))
    assert "| memory | within 10 % | **no** (1 of 2) |" in text
    assert "NVIDIA H200 is not the reference card" in text
    assert "Cut off at its limit, after 120 s" in text
    assert "| baseline16 | 12.5 | **no** |" in text


def test_a_rehearsal_never_counts_as_a_run_on_a_card(tmp_path):
    append_line(tmp_path / ROWS, replace(STAMP, rehearsed=True, device="a CPU"), ROW)
    assert "**Never run on a card.**" in page(read_runs(tmp_path / ROWS))


def test_a_page_can_be_written_anew_from_rows(tmp_path, capsys):
    append_line(tmp_path / ROWS, STAMP, ROW)
    assert main(["--page", str(tmp_path)]) == 0
    assert (tmp_path / PAGE).read_text() == page(read_runs(tmp_path / ROWS))


def test_the_page_of_the_project_is_that_of_its_rows():
    folder = REPOSITORY / "benchmarks"
    assert (folder / PAGE).read_text(encoding="utf-8") == page(read_runs(folder / ROWS))


def test_reservations_add_up_while_trials_run_together():
    at = pd.to_datetime([f"2026-01-01 00:0{minute}" for minute in range(5)])
    trials = pd.DataFrame(
        {
            "gpu_fraction": [0.5, 0.25, 0.5],
            "started_at": [at[0], at[1], at[2]],
            "ended_at": [at[2], at[3], at[4]],
        }
    )
    assert most_reserved(trials) == 0.75


@pytest.mark.parametrize(
    ("figures", "holds"), [([100.0, 250.0], True), ([100.0, 249.0, 240.0], False)]
)
def test_sharing_is_judged_by_its_best_number(figures, holds):
    ours = [Night(16, 64, 1), Night(16, 64, 8), Night(16, 64, 4)]
    (row,) = gains(list(zip(ours, figures, strict=False)))
    assert row.holds is holds


def test_every_night_has_one_trial_at_a_time_before_it():
    planned = list(nights(rehearsal=False))
    for index, night in enumerate(planned):
        alone = replace(night, side_by_side=1, mps=False)
        assert planned.index(alone) <= index
    assert len(set(planned)) == len(planned) == 28


def test_the_sizes_of_memory_begin_with_corners_and_have_all():
    planned = sizes(rehearsal=False)
    assert len(set(planned)) == 4 * 3 * 3 * 3 * 2
    corners = planned[: 4 * 2 * 2 * 2 * 2]
    assert {size.crop_px for size in corners} == {64, 256}
    assert {size.arch for size in planned[:12]} == {"baseline", "resnet", "residual", "attention"}


def test_a_trial_that_never_ended_holds_its_reservation_and_a_rejected_one_none():
    at = pd.to_datetime([f"2026-01-01 00:0{minute}" for minute in range(3)])
    trials = pd.DataFrame(
        {
            "gpu_fraction": [0.5, 0.25, float("nan")],
            "started_at": [at[0], at[2], at[1]],
            "ended_at": [pd.NaT, pd.NaT, at[1]],
        }
    )
    assert most_reserved(trials) == 0.75


def test_epochs_are_counted_while_every_worker_has_a_trial():
    # Two workers, four trials of two epochs, a minute each; worker b begins two minutes late.
    at = {"a": 1, "b": 3, "c": 3, "d": 5}  # minute of the first epoch
    minute = pd.Timestamp("2026-01-01") + pd.to_timedelta(range(20), unit="min")
    epochs = pd.DataFrame(
        [(t, e, minute[first + e - 1]) for t, first in at.items() for e in (1, 2)],
        columns=["trial", "epoch", "recorded_at"],
    )
    trials = pd.DataFrame(
        {
            "trial": list(at),
            "started_at": [minute[first - 1] for first in at.values()],
            "ended_at": [minute[first + 1] for first in at.values()],
        }
    )
    # From minute 3, when b reports, to minute 4, when c ends and nothing is left.
    assert epochs_per_hour(trials, epochs, side_by_side=2) == pytest.approx(2 * 60)


def test_a_stranger_must_be_named_and_its_memory_left_alone():
    before = Card("cuda", "card", 8000, 8000)
    now = replace(before, free_mib=6900, holders=(Holder(7, "python", 1100.0),))
    assert stranger_row(before, now).holds
    assert not stranger_row(before, replace(now, holders=())).holds
    assert not stranger_row(before, replace(now, free_mib=7500)).holds


def test_a_night_that_fails_costs_itself_alone(monkeypatch):
    monkeypatch.setattr(packing, "_search", lambda *_: (_ for _ in ()).throw(RuntimeError("no")))
    context = replace(CONTEXT, begun_s=time.time())
    rows = list(packing.measure(context))
    assert [(row.figures["note"], row.holds) for row in rows] == [("no", False)] * 2


def test_nights_with_a_service_that_does_not_start_are_left_out(monkeypatch):
    monkeypatch.setattr(packing, "nights", lambda rehearsal: [Night(16, 64, 2, mps=True)] * 3)
    silent = Search(Path(), "study", 1.0, said="no multi-process service here")
    monkeypatch.setattr(packing, "_search", lambda *_: silent)
    monkeypatch.setattr(Search, "trials", pd.DataFrame())
    monkeypatch.setattr(Search, "epochs", pd.DataFrame())
    monkeypatch.setattr(packing, "epochs_per_hour", lambda *_: 1.0)
    (row,) = packing.measure(replace(CONTEXT, begun_s=time.time()))
    assert row.figures["note"] == "the service did not start"


def test_a_trial_out_of_memory_must_be_the_greedy_one_alone():
    trials = pd.DataFrame({"trial_number": [0, GREEDY], "outcome": ["completed", "out_of_memory"]})
    assert out_of_memory(trials).holds
    assert not out_of_memory(trials.assign(outcome="out_of_memory")).holds
    assert not out_of_memory(trials.assign(outcome="completed")).holds


def scores(difference: float = 0.0) -> pd.DataFrame:
    frame = pd.DataFrame({"trial_number": [0, GREEDY, KILLED], "epoch": 1})
    return frame.assign(train_loss=0.1, val_loss=0.2, val_psnr_db=20.0 + difference)


@pytest.mark.parametrize(
    ("wrong", "holds"),
    [
        (scores(), True),
        (scores(1e-12), False),
        (scores().query("trial_number != @KILLED"), False),
        (scores().query("trial_number != @GREEDY"), True),
    ],
)
def test_neighbours_must_be_there_and_equal(wrong, holds):
    assert neighbours(scores(), wrong).holds is holds


@pytest.mark.parametrize(("lost_mib", "holds"), [(10.0, True), (500.0, False)])
def test_what_a_killed_worker_held_must_be_free_again(lost_mib, holds):
    trials = pd.DataFrame({"trial_number": [KILLED], "outcome": ["completed"]})
    assert freed(trials, lost_mib, "cuda").holds is holds
    assert not freed(trials.assign(outcome="failed"), lost_mib, "cuda").holds


def test_overhead_is_that_of_the_median_finished_trial():
    epochs = pd.DataFrame({"trial": list("aabc"), "train_s": 4.0, "val_s": 1.0})
    trials = pd.DataFrame(
        {"trial": list("abc"), "outcome": ["completed"] * 2 + ["failed"], "wall_s": [11.0, 6.0, 9]}
    )
    assert driver_overhead(trials, epochs) == pytest.approx((1.1 + 1.2) / 2)
    assert math.isnan(driver_overhead(trials.assign(outcome="failed"), epochs))


def test_only_samples_of_a_span_tell_how_busy_the_card_was():
    assert Busy([0.0, 90.0, 80.0, 0.0], [1.0, 2.0, 3.0, 4.0]).between(1.5, 3.0) == [90.0, 80.0]


@pytest.mark.parametrize(
    ("found", "holds"), [("passed", True), ("failed", False), ("skipped", None)]
)
def test_a_told_test_becomes_a_row(found, holds):
    row = row_of(json.dumps({"test": "a.py::test_it_is_so[x]", "found": found, "why": ""}))
    assert (row.figures["test"], row.holds) == ("it is so[x]", holds)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--only", "facts,speed", "--rehearse"], "found 'speed'"),
        (["--minutes", "0", "--rehearse"], "--minutes is at least 0.1, found 0"),
        ([], "found none that torch can use: add --rehearse"),
    ],
)
def test_bad_arguments_get_one_sentence(arguments, sentence, capsys, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert main(arguments) == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.ray
@pytest.mark.nightly
@pytest.mark.timeout(600)
def test_a_rehearsal_runs_every_stage_to_its_end(tmp_path, capsys):
    corpus = build_tiny_corpus(tmp_path / "corpus")
    arguments = ["--rehearse", "--minutes", "9", "--data", str(corpus), "--out", str(tmp_path)]
    assert main(arguments) == 0, (capsys.readouterr().out, (tmp_path / "on_card.log").read_text())
    runs = {run.stamp.stage: run for run in read_runs(tmp_path / ROWS)}
    assert list(runs) == list(STAGES)
    assert all(run.rows for run in runs.values())
    faults = runs["faults"].rows
    assert [row.holds for row in faults] == [None, True, True, True]
    found = [row.holds for row in runs["correct"].rows]  # None where a test needs a card
    assert True in found
    assert False not in found
    assert not any("note" in row.figures for run in runs.values() for row in run.rows)
    assert "**Never run on a card.**" in (tmp_path / PAGE).read_text()
