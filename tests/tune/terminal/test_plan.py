"""What a search prints: with --dry-run its plan, at the end the flags of its best trial."""

import pytest

from tests.tune.terminal.consoles import in_one_line
from tune import search
from tune.config.search import SearchConfig
from tune.config.settings import settings_of
from tune.space.dimensions import DEFAULT_TUNE, DIMENSIONS, LATENT_CHOICES
from tune.terminal.summary import best_flags


def test_the_next_command_repeats_every_searched_value(make_record):
    best = make_record(0, [20.0], learning_rate=2.345e-3).spec
    assert " ".join(best_flags(best, ["schedule", "learning_rate"])) == (
        "--learning-rate 0.00234 --warmup-epochs 3 --base-channels 8 --schedule plateau"
    )


@pytest.mark.parametrize("name", DIMENSIONS)
def test_every_dimension_has_a_flag(name, make_record):
    flags = best_flags(make_record(0).spec, [name])
    assert settings_of(SearchConfig)[name].flag in flags
    assert flags[0] == "--learning-rate"
    assert len(flags) == 2 * len({*DEFAULT_TUNE, name})


def test_a_dry_run_prints_the_plan_and_writes_nothing(tiny_corpus, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tune.study.estimate.prepare_process", lambda num_threads: True)
    arguments = [
        "--dry-run", "--arch", "baseline", "--data", str(tiny_corpus), "--crop-px", "32",
        "--base-channels", "8", "--range", "base_channels=4,8", "--device", "cpu",
        "--trials", "4", "--epochs", "6", "--grace-epochs", "2", "--reduction-factor", "2",
        "--scheduler", "asha",
    ]  # fmt: skip
    assert search.main(arguments) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert list(tmp_path.iterdir()) == []
    for words in (
        "SYNTHETIC corpus tiny",
        "4 trials of up to 6 epochs",
        "base_channels=4,8",
        "tries first: learning_rate 0.001, warmup_epochs 1, base_channels 8, latent_channels "
        f"{LATENT_CHOICES[16][1]} (hand_set)",
        "compares trials after epochs 2 and 4; the best half continues",
        "about 16 epochs (at most 24)",
        "base_channels predicted_peak_mib micro_batch",
        "whole (8) 768 MiB",
        "MiB can be reserved (headroom 0.1); up to",
    ):
        assert words in in_one_line(captured.out)


DEADLINE = [
    "--dry-run", "--arch", "baseline", "--crop-px", "32", "--base-channels", "8", "--range",
    "base_channels=4,8", "--device", "cpu", "--epochs", "2", "--grace-epochs", "1",
]  # fmt: skip


@pytest.mark.parametrize(
    ("flags", "code", "words"),
    [
        (["--hours", "1"], 0, "within 1 h: 64 trials of 2 epochs on "),
        (["--until", "2026-01-01T08:00"], 2, "until must lie ahead, found 2026-01-01T08:00:00"),
        (["--until", "08:00", "--hours", "1"], 2, "one deadline, found --hours 1 beside --until"),
        (["--until", "08:00", "--more-hours", "1"], 2, "found --more-hours beside --until"),
        (["--until", "soon"], 2, "found 'soon'"),
        (["--hours", "0.001"], 2, "h away for one trial of 2 epochs on 1.5 %"),
    ],
)
def test_a_dry_run_says_what_fits_or_why_nothing_does(
    flags, code, words, tiny_corpus, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tune.study.fitting.prepare_process", lambda num_threads: True)
    monkeypatch.setattr("tune.study.estimate.prepare_process", lambda num_threads: True)
    assert search.main([*DEADLINE, *flags, "--data", str(tiny_corpus)]) == code
    captured = capsys.readouterr()
    assert words in in_one_line(captured.err if code else captured.out)
    assert list(tmp_path.iterdir()) == []
