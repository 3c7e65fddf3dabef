"""Tables align: equal digits in a column, numbers to the right, words to the left."""

import math
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.page.section import Heat, NamedTable
from analysis.page.tables import contrast, mixed, table_html


def cells(values):
    text = table_html(NamedTable("t", "Rows.", pd.DataFrame({"n": values})))
    return re.findall(r"<td([^>]*)>([^<]*)</td>", text)


def texts(values):
    return [text for _, text in cells(values)]


def test_numbers_of_a_column_have_equal_digits_behind_the_point():
    assert texts([-20.63, 1.125, 0.7636]) == ["-20.63", "1.12", "0.76"]


def test_whole_numbers_have_none_and_no_more_digits_are_shown_than_there_are():
    assert texts([1.0, 12.0]) == ["1", "12"]
    assert texts([0.5, 0.25]) == ["0.50", "0.25"]


def test_numbers_of_very_different_size_have_powers_of_their_own():
    assert texts([4.657e-10, 0.0038]) == ["4.66e-10", "0.0038"]


def test_missing_numbers_are_empty_and_sort_as_missing():
    assert cells([1.5, math.nan]) == [
        (' class="number" data-value="1.5"', "1.5"),
        (' class="number" data-value=""', ""),
    ]


def test_shares_written_as_words_stand_to_the_right_and_sort_as_numbers():
    assert cells(["38%", "5%"])[0] == (' class="number" data-value="38"', "38%")


def test_words_stand_to_the_left_and_truths_are_words():
    assert cells(["a1", "2"]) == [("", "a1"), ("", "2")]
    assert texts([True, False]) == ["yes", "no"]


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=6))
def test_a_column_is_never_ragged(values):
    found = texts(values)
    if not any("e" in text for text in found):
        assert len({len(text.partition(".")[2]) for text in found}) == 1


def heat_of(shades):
    frame = pd.DataFrame({"arch": ["a"], "4x": ["20.10\n[20, 21]"], "8x": ["-"]})
    return table_html(NamedTable("t", "Rows.", frame, Heat(pd.DataFrame(shades), "low", "high")))


def test_a_heat_map_has_the_score_large_and_the_rest_small():
    text = heat_of([[1.0, math.nan]])
    assert "<b>20.10</b><small>[20, 21]</small>" in text
    assert "<td><b>-</b></td>" in text
    assert '<th scope="row">a</th>' in text


def test_a_heat_map_says_what_its_ends_mean():
    assert re.search(r'class="key"><span>low</span>.*<span>high</span>', heat_of([[1.0, 0.0]]))


@given(st.floats(0, 1))
def test_letters_are_read_on_every_shade(shade):
    paper = mixed(shade)
    assert max(contrast("#ffffff", paper), contrast("#14171c", paper)) >= 4.2


@pytest.mark.parametrize("shade", [0.0, 0.25, 0.5, 0.75])
def test_a_higher_shade_is_darker(shade):
    lights = [contrast(mixed(value), "#000000") for value in (shade, shade + 0.25)]
    assert lights[0] > lights[1]


def test_a_name_with_underscores_may_be_broken_and_reads_the_same():
    text = table_html(NamedTable("t", "Rows.", pd.DataFrame({"val_psnr_db": np.array([1.0])})))
    assert "val_<wbr>psnr_<wbr>db" in text
