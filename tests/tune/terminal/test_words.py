"""Sentences, lines and what must stand in them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tune.terminal.consoles import (
    NASTY,
    WIDTHS,
    console_of,
    drawn,
    in_one_line,
    without_colour,
    written,
)
from tune.terminal.words import Part, fit_line, fitting, literal, note, say, show, show_commands

SENTENCE = "one epoch takes 12.5 s and so 40 trials of at most 20 epochs take 2:46:40 at the most"


@pytest.mark.parametrize("text", NASTY)
@pytest.mark.parametrize("print_it", [say, show, note])
def test_what_a_user_chose_is_printed_as_it_is(text, print_it):
    assert in_one_line(text) in in_one_line(drawn(200, print_it, text))


def test_a_control_character_is_shown_and_not_obeyed():
    assert literal("a\x1b[31mb\x07\udcff").plain == r"a\x1b[31mb\x07\udcff"
    assert literal("a\xa0b\u3000c\u200d").plain == "a\xa0b\u3000c\u200d"


@pytest.mark.parametrize("width", WIDTHS)
def test_a_sentence_is_wrapped_between_words_and_loses_none(width):
    said = drawn(width, say, SENTENCE)
    assert max(map(len, said.splitlines())) <= width
    assert said.split() == SENTENCE.split()


def test_what_continues_is_indented():
    first, *others = drawn(60, say, SENTENCE, indent="  ").splitlines()
    assert first.startswith("  one")
    assert others
    assert all(line.startswith("    ") and line[4] != " " for line in others)


def test_a_path_is_never_broken():
    path = "/".join(["folder-of-results"] * 8)
    assert path in drawn(60, say, f"no space left for {path}: free it")


@pytest.mark.parametrize("width", WIDTHS)
def test_commands_stand_whole_below_each_other(width):
    commands = [f"python -m tune.train --{'x' * width}", "python -m tune.status"]
    lines = drawn(width, show_commands, "next:", commands).splitlines()
    assert lines == [f"next: {commands[0]}", f"      {commands[1]}"]


def test_only_the_lead_has_the_style():
    console = console_of(200, is_coloured=True)
    note(console, "[red] is no colour")
    assert written(console) == "\x1b[33mnote:\x1b[0m [red] is no colour\n"
    assert without_colour(written(console)) == drawn(200, note, "[red] is no colour")


def test_the_least_important_part_goes_first():
    parts = [("12/40 trials", 0), (" (8 stopped)", 3), (", best 20.12 dB", 0), (", 3:00 gone", 1)]
    assert fit_line(parts, 80).plain == "12/40 trials (8 stopped), best 20.12 dB, 3:00 gone"
    assert fit_line(parts, 45).plain == "12/40 trials, best 20.12 dB, 3:00 gone"
    assert fit_line(parts, 30).plain == "12/40 trials, best 20.12 dB"
    assert fit_line(parts, 5).plain == "12/40 trials, best 20.12 dB"


PARTS = st.lists(st.builds(Part, st.integers(0, 20), st.integers(0, 4)), max_size=8)


@given(PARTS, st.integers(0, 100))
def test_what_goes_is_less_important_than_what_stands(parts, room):
    standing = fitting(parts, room)
    gone = [index for index in range(len(parts)) if index not in standing]
    assert all(parts[index].priority > 0 for index in gone)
    assert all(
        (parts[one].priority, one) > (parts[other].priority, other)
        for one in gone
        for other in standing
    )
    if any(parts[index].priority > 0 for index in standing):
        assert sum(parts[index].size for index in standing) <= room
    if gone:  # the last one that went had to
        back = min(gone, key=lambda index: (parts[index].priority, index))
        assert sum(parts[index].size for index in [*standing, back]) > room
