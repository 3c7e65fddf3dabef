import dataclasses
import math

import numpy as np
import pytest

from analysis.promotions.picture_figure import common_scale, draw_pictures, picture_sections
from analysis.promotions.pictures import RULES, compute_pictures


@pytest.fixture(scope="module")
def rows(recorded):
    return compute_pictures(recorded)


def test_each_ratio_has_five_images_in_the_order_of_the_rule(rows):
    assert [(row.ratio, row.chosen_as) for row in rows] == [
        (ratio, rule) for ratio in (4, 16, 64) for rule in RULES
    ]


def test_columns_are_architectures_in_the_order_of_legends_then_codecs(rows):
    assert [picture.source for picture in rows[0].decoded] == ["baseline", "attention", "jpeg2000"]
    assert rows[0].chosen_by == "attention"


def test_an_error_is_the_difference_in_db_of_the_bounds(rows):
    row = rows[0]
    decoded = row.decoded[0]
    expected = abs(int(decoded.pixels[0, 0]) - int(row.original.pixels[0, 0])) / 255 * 17.5
    assert row.error(decoded)[0, 0] == pytest.approx(expected)
    assert row.unit == "dB"


def test_without_bounds_errors_are_a_share_of_the_range(recorded):
    row = compute_pictures(dataclasses.replace(recorded, test=recorded.test.iloc[:0]))[0]
    assert math.isnan(row.range_db)
    assert row.error(row.decoded[0]).max() <= 1
    assert row.unit == "share of the range"


def test_all_error_maps_share_one_scale(rows):
    scale = common_scale(rows)
    tops = {
        trace.marker.cmax
        for row in rows
        for trace in draw_pictures(row, scale).data
        if trace.type == "scatter"
    }
    assert tops == {scale.top}


def test_all_pictures_of_a_row_zoom_together(rows):
    figure = draw_pictures(rows[0])
    axes = [axis for axis in figure.layout if axis.startswith("xaxis")]
    assert len(axes) == 8
    assert sum(figure.layout[axis].matches is None for axis in axes) == 1


def test_a_picture_without_its_original_is_left_out(recorded):
    pictures = recorded.pictures[recorded.pictures["source"] != "original"]
    assert compute_pictures(dataclasses.replace(recorded, pictures=pictures)) == ()


def test_an_image_that_another_architecture_did_not_decode_is_shown_without_it(recorded):
    pictures = recorded.pictures[recorded.pictures["source"] != "baseline"]
    row = compute_pictures(dataclasses.replace(recorded, pictures=pictures))[0]
    assert [picture.source for picture in row.decoded] == ["attention", "jpeg2000"]


def test_perfect_pictures_have_a_scale_above_zero(recorded):
    pictures = recorded.pictures.copy()
    pictures["pixels"] = [
        np.zeros(h * w, np.uint8).tobytes()
        for h, w in zip(pictures["height_px"], pictures["width_px"], strict=True)
    ]
    assert common_scale(compute_pictures(dataclasses.replace(recorded, pictures=pictures))).top == 1


def test_no_pictures_no_section():
    assert picture_sections(()) == ()
