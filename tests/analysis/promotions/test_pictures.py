import base64
import dataclasses
import io
import math

import numpy as np
import pytest

from analysis.promotions.comparisons import common_scale, make_comparison, picture_sections
from analysis.promotions.pictures import RULES, compute_pictures


def decoded_of(source: str) -> np.ndarray:
    """The pixels of a picture's address."""
    from PIL import Image

    content = base64.b64decode(source.partition(",")[2])
    with Image.open(io.BytesIO(content)) as picture:
        return np.asarray(picture.convert("RGB"))


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
    (section,) = picture_sections(rows)
    scale = common_scale(rows)
    assert {one.scale for one in section.comparisons} == {
        f"error, 0 to {scale.top:.3g} {scale.unit}"
    }


def test_the_pictures_of_a_page_are_those_of_the_table(rows):
    shown = decoded_of(make_comparison(rows[0], common_scale(rows)).decoded[0].source)
    assert shown.shape == (*rows[0].decoded[0].pixels.shape, 3)
    assert (shown[:, :, 0] == rows[0].decoded[0].pixels).all()


def test_the_best_picture_is_compared_first(rows):
    row = rows[0]
    best = max(row.decoded, key=lambda one: one.psnr_db)
    made = make_comparison(row, common_scale(rows))
    assert row.decoded[made.best] is best
    assert f"{best.psnr_db:.2f} dB" in made.title


def test_every_picture_has_a_row_of_numbers(rows):
    (section,) = picture_sections(rows)
    (table,) = section.tables
    assert len(table.frame) == sum(len(one.decoded) for one in section.comparisons)


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
