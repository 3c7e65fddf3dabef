"""The sentence that Copernicus data must carry is found, or composed from the products."""

import pytest

from data.attribution import find_attribution
from data.calibration import Units
from data.scenes import RasterFacts
from data.sources import Source

SENTENCE = "Contains modified Copernicus Sentinel data 2020, processed by ESA"


@pytest.mark.parametrize(
    "text",
    [
        SENTENCE,
        f'Ship with it: "{SENTENCE}".\nMore text.',
        f"# Data\n\n{SENTENCE}\n\nAnother paragraph.",
        SENTENCE.replace(", ", ",\n") + "\n- a list",
    ],
)
def test_the_sentence_is_taken_from_a_text_beside_the_scenes(text, tmp_path):
    (tmp_path / "README.md").write_text(text)
    assert find_attribution([tmp_path], []) == SENTENCE


def test_without_a_text_the_years_of_the_products_are_named(tmp_path):
    products = [
        "S1A_IW_GRDH_1SDV_20201107T135241_20201107T135306_035143_041A16_322B",
        "S1A_IW_GRDH_1SDV_20190107T135241_20190107T135306_025143_041A16_322B",
        "",
    ]
    sources = [
        Source(
            tmp_path, "x", 1, "x", "x", "vv", "g", Units.DB, "", product, RasterFacts(1, 1, "u1")
        )
        for product in products
    ]
    expected = "Contains modified Copernicus Sentinel data 2019, 2020"
    assert find_attribution([tmp_path], sources) == expected


def test_other_scenes_have_no_attribution(tmp_path):
    assert find_attribution([tmp_path], []) == ""
