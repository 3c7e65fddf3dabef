"""Sections and run log of every kind of study: whole, odd and empty ones."""

import argparse
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

import analysis
from analysis.next_step import compute_next_step
from analysis.runlog import write_runlog
from analysis.searches.figures import share_of
from analysis.searches.section import MOST_PRINTED_WHOLE, sweep_sections
from analysis.study_view import view_studies
from tune.config.machine import Machine
from tune.config.resolve import add_search_flags, resolve, search_flags
from tune.config.search import read_config, write_config
from tune.config.settings import read_toml_file

pytestmark = pytest.mark.slow

EXPECTED = Path(__file__).parents[2] / "recorded" / "RUNLOG.md"
HEADINGS = (
    "Purpose",
    "Configuration",
    "Results",
    "What worked",
    "What crashed and why",
    "Edge warnings",
    "Suggested next search space",
    "Next command",
)
CRASHED = {"outcome": "diverged", "reason": "train loss is nan in epoch 1"}
NAMED = {
    "dimension": "schedule", "kind": "categorical", "low": None, "high": None,
    "is_log": False, "choices": "plateau,cosine", "unit": "",
}  # fmt: skip
ODD = {
    "only crashed trials": {"trials": [CRASHED, CRASHED]},
    "crashed trials with epochs": {"trials": [CRASHED | {"scores_db": [18.0, 19.0]}]},
    "no trial": {"trials": []},
    "one trial": {"trials": [{"scores_db": [20.0]}]},
    "a trial without an epoch": {"trials": [{"outcome": None}, {"scores_db": [20.0]}]},
    "only running trials": {"trials": [{"outcome": None, "scores_db": [20.0]}] * 3},
    "equal scores": {"trials": [{"scores_db": [20.0, 20.0]}] * 4},
    "an unknown space": {"trials": [{"scores_db": [20.0]}], "space": []},
    "names": {"trials": [{"scores_db": [20.0], "schedule": "cosine"}], "space": [NAMED]},
    "choices of a float": {
        "trials": [{"scores_db": [20.0], "learning_rate": 1e-4}] * 3,
        "space": [NAMED | {"dimension": "learning_rate", "choices": "0.0001,0.001", "unit": "1"}],
    },
    "an unknown outcome": {"trials": [{"scores_db": [20.0], "outcome": "abducted"}]},
    "one rung": {
        "trials": [{"scores_db": [20.0, 21.0]}, {"scores_db": [18.0], "outcome": "stopped"}],
        "rungs": [
            {"trial_number": 0, "rung_epoch": 1, "value": 20.0, "kept": True},
            {"trial_number": 1, "rung_epoch": 1, "value": 18.0, "cutoff": 20.0, "kept": False},
        ],
    },
}


@pytest.fixture(scope="module", params=ODD)
def odd_frames(request, add_study, tmp_path_factory):
    return add_study(tmp_path_factory.mktemp("odd"), **ODD[request.param])


def test_every_kind_of_study_has_a_section_whose_figures_can_be_drawn(odd_frames):
    (section,) = sweep_sections(odd_frames)
    assert section.paragraphs
    for figure in section.figures:
        assert figure.figure.to_json()
        assert figure.caption
    names = [part.name for part in (*section.figures, *section.tables)]
    assert len(names) == len(set(names))


def test_every_kind_of_study_has_all_headings_in_the_run_log(odd_frames):
    text = write_runlog(odd_frames)
    assert [line[4:] for line in text.splitlines() if line.startswith("### ")] == list(HEADINGS)
    assert "nan" not in text.replace("train loss is nan", "")
    assert "    python -m " in text


def test_without_studies_there_is_no_section_and_the_log_says_how_to_begin(tmp_path):
    frames = analysis.load(tmp_path)
    assert sweep_sections(frames) == ()
    assert "python -m tune.search" in write_runlog(frames)


def test_a_study_whose_trials_are_torn_is_named_and_nothing_is_said_of_its_trials(
    make_frames, tmp_path
):
    make_frames([{"scores_db": [20.0]}], study="torn")
    path = tmp_path / "results" / "torn" / "tables" / "trials.parquet"
    path.write_bytes(path.read_bytes()[:100])
    frames = make_frames([{"scores_db": [20.0]}], study="whole")
    assert [section.anchor for section in sweep_sections(frames)] == ["sweep-whole"]
    text = write_runlog(frames)
    assert "## torn" not in text
    assert "left out study torn" in text.partition("## What could not be read")[2]


def test_studies_are_told_apart_and_anchors_are_unique(make_frames):
    make_frames([{"scores_db": [20.0]}], study="B.b")
    sections = sweep_sections(make_frames([{"scores_db": [20.0]}], study="a"))
    assert [section.anchor for section in sections] == ["sweep-b-b", "sweep-a"]


def test_scores_that_are_no_number_leave_the_rest(make_frames):
    frames = make_frames([{"scores_db": [20.0]}, {"scores_db": [19.0]}])
    trials = frames.trials.assign(best_val_psnr_db=[float("nan"), 19.0], psnr_gap_db=float("nan"))
    frames = replace(frames, trials=trials, epochs=frames.epochs.assign(val_psnr_db=float("nan")))
    (section,) = sweep_sections(frames)
    assert section.figures
    assert "19.00" in write_runlog(frames)


def test_the_more_studies_the_fewer_marks_each_shows():
    few, many = share_of(1), share_of(200)
    assert few.curves > many.curves >= 10
    assert 200 * many.marks <= 20000


@pytest.mark.parametrize("is_many", [False, True])
def test_of_many_searches_a_print_has_the_beginning_of_each(make_frames, is_many):
    for number in range(MOST_PRINTED_WHOLE + is_many):
        frames = make_frames([{"scores_db": [18.0]}], study=f"study_{number}")
    assert {one.is_brief_on_paper for one in sweep_sections(frames)} == {is_many}


def test_the_run_log_of_the_recorded_tables_is_the_recorded_one(recorded):
    """After a change that was meant: RUNLOG.md of a report on tests/recorded/results is the new."""
    assert write_runlog(recorded) == EXPECTED.read_text(encoding="utf-8")


def test_the_order_of_rows_does_not_change_the_run_log(recorded):
    shuffled = replace(
        recorded,
        trials=recorded.trials.iloc[::-1],
        epochs=recorded.epochs.sample(frac=1, random_state=0),
    )
    assert write_runlog(shuffled) == EXPECTED.read_text(encoding="utf-8")


def step_of(frames, **known):
    return compute_next_step(view_studies(frames)[0], **known)


INSIDE = {"learning_rate": 1e-3, "warmup_epochs": 1, "base_channels": 16}


@pytest.mark.parametrize(
    ("trials", "config", "command"),
    [
        ([{"scores_db": [20.0], **INSIDE}], "", "python -m tune.promote --study"),
        ([{"scores_db": [20.0], **INSIDE}], "trials = 2", "python -m tune.search --resume"),
        ([{"scores_db": [20.0], "outcome": "interrupted"}], "", "python -m tune.search --resume"),
        ([{"scores_db": [20.0], **INSIDE, "learning_rate": 0.01}], "", "python -m tune.search --c"),
        ([CRASHED], "", "python -m tune.search --config"),
        ([{"outcome": "failed"}], "", "python -m tune.doctor"),
    ],
)
def test_the_next_command_follows_from_how_the_study_ended(make_frames, trials, config, command):
    assert step_of(make_frames(trials, config=config)).command.startswith(command)


def test_divergence_asks_for_lower_rates_and_lack_of_memory_for_narrower_networks(make_frames):
    frames = make_frames([CRASHED, {"outcome": "out_of_memory"}])
    rate, _, channels = step_of(frames).space
    assert rate.high == pytest.approx(1e-3)
    assert channels.choices == (8, 16)


def test_a_promoted_study_is_not_promoted_again(make_frames):
    frames = make_frames([{"scores_db": [20.0], **INSIDE}])
    assert "tune.status" in step_of(frames, promotions=["p"]).command


def test_a_wider_search_of_a_named_study_has_a_free_name(make_frames):
    frames = make_frames(
        [{"scores_db": [20.0], **INSIDE, "learning_rate": 0.01}], study="s", config='name = "s"'
    )
    assert step_of(frames).command.endswith("--name s_2")
    assert step_of(frames, taken=["s_2"]).command.endswith("--name s_3")


@pytest.mark.parametrize("rate", ["bytes", "elements"])
def test_the_command_for_a_wider_search_is_one_that_the_search_takes(make_frames, tmp_path, rate):
    machine = Machine("cpu", 2)
    flags = {"results": str(tmp_path / "results"), "trials": "1", "rate": rate}
    (first,) = resolve(flags, {}, machine)
    frames = make_frames(
        [{"scores_db": [20.0], **INSIDE, "learning_rate": 0.01, "rate": rate}],
        config=write_config(first.config),
    )
    words = step_of(frames).command.split()
    parser = argparse.ArgumentParser()
    parser.add_argument("--config")
    add_search_flags(parser)
    arguments = parser.parse_args(words[3:])
    (again,) = resolve(search_flags(arguments), read_toml_file(arguments.config), machine)
    assert "learning_rate=0.0001:0.1" in again.config.range
    assert again.config.rate == rate
    assert read_config(Path(arguments.config)) == first.config


def test_sections_load_neither_torch_nor_optuna():
    script = (
        "import sys, analysis.searches.section, analysis.runlog;"
        "assert not {'torch', 'ray', 'optuna'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_a_thousand_trials_stay_small(make_frames):
    trials = [
        {"scores_db": [10.0 + number / 100, 11.0 + number / 100], "start_s": float(number)}
        for number in range(1000)
    ]
    (section,) = sweep_sections(make_frames(trials))
    sizes = [len(figure.figure.to_json()) for figure in section.figures]
    assert sum(sizes) < 600_000
    curves = next(figure for figure in section.figures if figure.name.endswith("_curves"))
    assert "80 of 1000 trials" in curves.caption
    assert pd.Index(curves.frame["trial_number"]).nunique() == 80
