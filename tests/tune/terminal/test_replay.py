"""A replay at a terminal: widths, bars, what is said once."""

import io

import pytest
from rich.console import Console

from tests.tune.simulation.families import EPOCHS, parallel
from tune.simulation.replay import Setting, replay
from tune.simulation.settings import Asked, default_rule, settings
from tune.terminal.replay import BARS, bars, draw_replays


@pytest.fixture(scope="module")
def replays():
    own = Setting(default_rule("psnr"), "random", 8, is_own=True)
    return [
        replay(parallel(8), one, num_nights=2, num_workers=2)
        for one in settings(Asked(), own, EPOCHS, "psnr")
    ]


def drawn(replays, width):
    console = Console(file=io.StringIO(), width=width, highlight=False)
    draw_replays(console, parallel(8), replays)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_no_line_is_wider_than_the_terminal(replays, width):
    assert max(map(len, drawn(replays, width).splitlines())) <= width


@pytest.mark.parametrize("width", [80, 200])
def test_a_setting_is_one_line(replays, width):
    assert "leader grace 1 tolerance 0.1 (own)" in drawn(replays, width)


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_bars_need_room_and_are_explained_where_they_are(replays, width):
    said = drawn(replays, width)
    has_bars = width >= 100
    assert any(bar in said for bar in BARS) is has_bars
    assert ("Bars: " in said) is has_bars


def test_what_all_settings_share_is_said_once(replays):
    assert drawn(replays, 80).count("random, 8 trials") == 2  # the heading and the answer


def test_bars_are_factors_of_two():
    assert bars([1.0, 0.5, 0.25, 0.0], 1.0) == "█▇▆▁"
    assert bars([0.0, 0.0], 0.0) == "▁▁"
