"""What commands print at 60, 80, 100 and 200 columns: every figure whole, in the stated order."""

import pytest

from tests.tune.terminal.consoles import (
    WIDTHS,
    console_of,
    drawn,
    in_one_line,
    numbers,
    without_colour,
    written,
)
from tune import promote, search, train
from tune.evaluation.references import Reference
from tune.outcomes import Outcome
from tune.space.dimensions import DIMENSIONS
from tune.space.points import Candidate
from tune.statistics.intervals import Interval
from tune.statistics.rate_points import RatePoint
from tune.statistics.verdicts import Verdict
from tune.study.summary import summarise
from tune.terminal.promotion import draw_verdicts, rate_columns
from tune.terminal.summary import draw_summary
from tune.terminal.table import draw_table

SCREEN_LINES = 24
PLAN = [
    "--dry-run", "--arch", "baseline", "--ratio", "16", "--crop-px", "32", "--device", "cpu",
]  # fmt: skip


def summary(make_record):
    records = [
        make_record(0, [19.0] * 4, proposed_by="hand_set"),
        make_record(
            1, [19.5] * 4, proposed_by="neighbour:baseline_quick_c16_cr16x_20260101_000000"
        ),
        make_record(2, [18.25, 18.75], Outcome.OUT_OF_MEMORY, "no memory", learning_rate=1.25e-3),
        make_record(113, [18.0], Outcome.STOPPED, base_channels=128),
    ]
    space = [DIMENSIONS["learning_rate"]]
    lines = [
        Reference("block_klt", 20.125, 0.612, 8, 0.5),
        Reference("jpeg2000", 18.5, 0.6, 8, 0.5),
    ]
    return summarise(records, space), lines


def draw_found(console, make_record):
    found, lines = summary(make_record)
    draw_summary(console, found, lines, "baseline 16x (0.5 bit/px) on tiny (SYNTHETIC), 32 px")


def verdict(name: str, place: int, **values):
    gain = Interval(0.12, -0.01, 0.25)
    usual = {
        "num_seeds": 3, "val_psnr_db": Interval(20.12, 19.99, 20.25), "control_gain_db": gain,
        "rival_gain_db": gain, "p_best": 0.91, "verdict": "raced_out", "shrinkage_db": -0.03,
    }  # fmt: skip
    return Verdict(candidate=name, place=place, **(usual | values))


def draw_judged(console):
    values = {
        "learning_rate": 1.234e-3, "warmup_epochs": 3, "base_channels": 16, "latent_channels": 64,
    }  # fmt: skip
    candidates = [Candidate("c1", values, 1, "s_t001", 20.0, 1.0, 0.1)]
    verdicts = [verdict("c1", 1, verdict="tied"), verdict("control", 2, control_gain_db=None)]
    draw_verdicts(console, "baseline 16x on tiny, 32 px", verdicts, candidates)


def draw_coded(console):
    codecs = {"jpeg2000": 18.12, "hevc_intra": 19.5, "avif": None}
    draw_table(console, rate_columns([RatePoint(0.512, 20.12, 0.612, codecs)]))


DRAWN = {
    "the end of a search": draw_found,
    "verdicts": lambda console, _: draw_judged(console),
    "points at real bytes": lambda console, _: draw_coded(console),
}
ALWAYS = {
    "the end of a search": ("t001", "19.50", "1.25e-03", "out_of_memory", "+0.50", "20.12"),
    "verdicts": ("c1", "control", "20.12", "0.13", "tied", "raced"),
    "points at real bytes": ("0.512", "20.12", "18.12"),
}


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("what", DRAWN)
def test_no_line_is_wider_than_the_terminal_and_no_figure_is_cut(what, width, make_record):
    narrow = drawn(width, DRAWN[what], make_record)
    assert max(map(len, narrow.splitlines())) <= width
    assert numbers(narrow) - {str(width)} <= numbers(drawn(300, DRAWN[what], make_record))
    assert "…" not in narrow
    words = narrow.split()
    assert [word for word in ALWAYS[what] if word not in words] == []


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("what", DRAWN)
def test_colour_changes_no_letter(what, width, make_record):
    console = console_of(width, is_coloured=True)
    DRAWN[what](console, make_record)
    assert "\x1b[" in written(console)
    assert without_colour(written(console)) == drawn(width, DRAWN[what], make_record)


def test_columns_of_a_ranking_go_in_the_stated_order(make_record):
    found, _ = summary(make_record)
    left_out = []
    for width in range(140, 40, -1):
        said = in_one_line(drawn(width, draw_summary, found, [], "label"))
        gone = (
            said.partition(" columns: ")[2].partition(";")[0].split(", ")
            if "left out" in said
            else []
        )
        left_out += [heading for heading in gone if heading not in left_out]
    assert left_out == ["SSIM", "warmup", "latent", "base", "epoch", "suggested by"]


@pytest.mark.parametrize("width", WIDTHS)
def test_an_epoch_of_a_training_keeps_score_and_rate(width, make_epoch):
    line = train.epoch_line(make_epoch(10, 20.125), 100, width).plain
    assert len(line) <= width
    for words in ("epoch  10/100", "20.12 dB", "SSIM 0.590", "lr 1.00e-04"):
        assert words in line


@pytest.fixture
def planned(tiny_corpus, tmp_path, monkeypatch, capsys):
    """What --dry-run prints at a width."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tune.study.estimate.prepare_process", lambda num_threads: True)

    def run(width: int, *arguments: str) -> list[str]:
        monkeypatch.setenv("COLUMNS", str(width))
        assert search.main([*PLAN, "--data", str(tiny_corpus), *arguments]) == 0
        return capsys.readouterr().out.splitlines()

    return run


def test_the_plan_of_a_study_is_one_screen(planned):
    lines = planned(80)
    assert len(lines) < SCREEN_LINES
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("width", WIDTHS)
def test_a_plan_has_every_width_with_what_is_reserved_and_how_fast_it_is(planned, width):
    lines = planned(width)
    assert max(map(len, lines)) <= width
    text = in_one_line("\n".join(lines))
    assert text.count(" MiB ") >= 3
    for words in ("base_channels=8,12,16", "learning_rate=0.0001:0.01 (log)", "tries first: "):
        assert words in text


@pytest.mark.parametrize("width", WIDTHS)
def test_a_promotion_s_plan_keeps_learning_rate_and_time(
    make_search, tmp_path, monkeypatch, capsys, width
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", str(width))
    make_search(20.0, 21.0, 22.0)
    assert promote.main(["--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= width
    text = in_one_line("\n".join(lines))
    for words in ("c1", "control", "3.00e-04", "1.00e-04"):
        assert words in text
    assert "h per run" not in text.partition("left out at")[2]
