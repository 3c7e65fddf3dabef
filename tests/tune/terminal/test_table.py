"""Tables: whole cells at every width, and a stated order of what goes."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.text import Text

from tests.tune.terminal.consoles import NASTY, console_of, drawn, without_colour, written
from tune.terminal.table import Column, draw_in_parts, draw_table

COLUMNS = [
    Column("trial", ["t001", "t002"]),
    Column("val PSNR dB", ["20.12", "9.50"]),
    Column("warmup", ["3", "0"], priority=2),
    Column("learning rate", ["1.23e-03", "1.00e-04"]),
    Column("suggested by", ["hand set", "searcher"], priority=1, is_words=True),
]


def test_numbers_end_at_the_right_and_words_begin_at_the_left():
    assert drawn(80, draw_table, COLUMNS, title="baseline 16x").splitlines() == [
        "baseline 16x",
        "trial  val PSNR dB  warmup  learning rate  suggested by",
        "─────  ───────────  ──────  ─────────────  ────────────",
        " t001        20.12       3       1.23e-03  hand set",
        " t002         9.50       0       1.00e-04  searcher",
    ]


def test_headings_are_broken_before_a_column_goes():
    assert drawn(45, draw_table, COLUMNS).splitlines()[:3] == [
        "           val          learning  suggested",
        "trial  PSNR dB  warmup      rate  by",
        "─────  ───────  ──────  ────────  ─────────",
    ]
    assert drawn(41, draw_table, COLUMNS).splitlines()[:4] == [
        "         val",
        "        PSNR          learning  suggested",
        "trial     dB  warmup      rate  by",
        "─────  ─────  ──────  ────────  ─────────",
    ]


def test_what_was_left_out_is_said_with_where_it_is():
    lines = drawn(35, draw_table, COLUMNS, elsewhere="all are in the table").splitlines()
    assert "left out at 35 columns: warmup; all" in lines
    assert "left out" not in drawn(80, draw_table, COLUMNS, elsewhere="elsewhere")


def test_what_always_stands_is_whole_where_there_is_no_room():
    said = drawn(10, draw_table, COLUMNS)
    for number in ("20.12", "9.50", "1.23e-03", "1.00e-04"):
        assert number in said.split()


def test_words_that_always_stand_are_wrapped_between_words():
    columns = [
        Column("setting", ["leader grace 1 tolerance 0.1", "asha grace 3"], is_words=True),
        Column("epochs", ["30%", "52%"]),
    ]
    assert drawn(24, draw_table, columns).splitlines() == [
        "setting           epochs",
        "────────────────  ──────",
        "leader grace 1       30%",
        "tolerance 0.1",
        "asha grace 3         52%",
    ]


@pytest.mark.parametrize("text", NASTY)
def test_a_cell_a_heading_and_a_title_are_printed_as_they_are(text):
    said = drawn(200, draw_table, [Column(text, [text], is_words=True)], title=text)
    assert said.count(text) == 3


def test_colours_change_no_letter():
    console = console_of(35, is_coloured=True)
    draw_table(console, COLUMNS, title="title")
    assert "\x1b[" in written(console)
    assert without_colour(written(console)) == drawn(35, draw_table, COLUMNS, title="title")


def test_a_terminal_without_unicode_gets_dashes():
    file = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    draw_table(Console(file=file, width=80), COLUMNS)
    file.seek(0)
    assert "-----  -----------" in file.read()


def test_a_table_without_a_row_has_its_heading():
    assert drawn(80, draw_table, [Column("bit/px", [])]).splitlines() == ["bit/px", "──────"]


CELLS = st.text("0123456789.e-", min_size=1, max_size=12)
HEADINGS = st.text("abc ", min_size=1, max_size=20).filter(str.strip)


@st.composite
def tables(draw):
    num_rows = draw(st.integers(1, 3))
    cells = st.lists(CELLS, min_size=num_rows, max_size=num_rows)
    priorities = st.integers(0, 3)
    return draw(st.lists(st.builds(Column, HEADINGS, cells, priorities), min_size=1, max_size=8))


@given(tables(), st.integers(20, 120))
def test_every_cell_of_a_column_that_stands_is_whole(columns, width):
    console = console_of(width)
    left_out = draw_table(console, columns)
    gone = [column for column in columns if column.priority > 0 and column.heading in left_out]
    standing = [column for column in columns if column not in gone]
    rows = written(console).split("─\n", 1)[1].splitlines()[: len(columns[0].cells)]
    for number, row in enumerate(rows):
        for column in standing:
            assert column.cells[number] in row.split()
    least = sum(column.width(3) + 2 for column in columns if column.priority == 0)
    if least <= width:
        assert all(len(row) <= width for row in rows)


@pytest.mark.parametrize("width", [30, 40, 60, 200])
def test_a_table_in_parts_has_every_column_once_and_the_first_in_each(width):
    cell = Text("21.25 (+1.25)\nfull 20.50")
    names = ["baseline", "attention"]
    columns = [Column("", names, is_words=True)]
    columns += [Column(f"{ratio}x", [cell, "--"], is_words=True) for ratio in (4, 8, 16, 32)]
    said = drawn(width, draw_in_parts, columns)
    assert max(map(len, said.splitlines())) <= width
    assert said.count("21.25 (+1.25)") == said.count("full 20.50") == 4
    num_parts = sum(said.count(f"{ratio}x") for ratio in (4, 8, 16, 32))
    assert num_parts == 4
    assert said.count("attention") == {30: 4, 40: 2, 60: 2, 200: 1}[width]
