"""What names of products tell of pass, date and kind, and which rasters are auxiliary."""

import pytest

from data.products import auxiliary_word, read_date, read_product, strip_piece

ESA = "S1A_IW_GRDH_1SDV_20201107T135241_20201107T135306_035143_041A16_322B"


@pytest.mark.parametrize(
    ("text", "pass_id"),
    [
        (f"{ESA}.SAFE", "S1A_035143"),
        (f"{ESA}_COG.SAFE", "S1A_035143"),
        ("s1a-iw-grd-vh-20201107t135241-20201107t135306-035143-041a16-002", "S1A_035143"),
        ("S1B_EW_GRDM_1SDH_20190101T000000_20190101T000100_014300_01A9B0_rtc", "S1B_014300"),
        (f"subset_0_of_{ESA}_Orb_Cal_TC", "S1A_035143"),
        (
            "OPERA_L2_RTC-S1_T034-071090-IW3_20230610T002900Z_20230928T203216Z_S1A_30_v1.0",
            "S1A_T034_20230610",
        ),
        ("S1A_IW_20180120T161201_DVP_RTC30_G_gpuned_5A30", "S1A_20180120"),
        ("S1A__IW___A_20150309T173017_VV_grd_mli_norm_geo_db", "S1A_20150309"),
        ("S1C_20250401_VV", "S1C_20250401"),
    ],
)
def test_a_pass_is_read_from_a_name(text, pass_id):
    assert read_product([f"{text}_"]).pass_id == pass_id


@pytest.mark.parametrize("text", ["harbour_VV", "S1_mosaic", "S1A_tile_3", "AS1A_20200101"])
def test_other_names_tell_no_pass(text):
    assert read_product([f"{text}_"]) is None


@pytest.mark.parametrize("other", ["071089-IW1", "071090-IW2", "071091-IW3"])
def test_bursts_of_one_track_and_date_are_one_pass(other):
    name = "OPERA_L2_RTC-S1_T034-{}_20230610T002900Z_20230928T203216Z_S1A_30_v1.0_"
    both = [read_product([name.format(burst)]) for burst in ("071090-IW3", other)]
    assert both[0].pass_id == both[1].pass_id


def test_a_complex_product_is_told():
    assert read_product([ESA.replace("GRDH", "SLC_") + "_"]).is_complex


@pytest.mark.parametrize(
    ("stem", "date"),
    [("a_2020-01-05", "20200105"), ("20200105_VV", "20200105"), ("x_2020_01_05_y", "20200105")],
)
def test_a_date_alone_is_read(stem, date):
    assert read_date(stem).pass_id == date


@pytest.mark.parametrize("stem", ["a_20201305", "1202001050", "tile_2020", "a_2020-0105"])
def test_other_digits_are_no_date(stem):
    assert read_date(stem) is None


@pytest.mark.parametrize(
    ("stem", "whole"),
    [
        ("S1_mosaic-0000000000-0000000256", "S1_mosaic"),
        ("harbour_tile_12", "harbour"),
        ("harbour_part3", "harbour"),
        ("harbour_r0_c256", "harbour"),
        ("harbour_y0_x256", "harbour"),
        ("tile_12", "tile_12"),
        ("s0_Spk", "s0"),
        ("s0_Orb_Cal_TC", "s0"),
        ("Spk", "Spk"),
        ("Flevoland_600", "Flevoland_600"),
    ],
)
def test_pieces_are_joined_to_what_they_were_cut_from(stem, whole):
    assert strip_piece(stem) == whole


@pytest.mark.parametrize(
    "stem",
    [
        "a_dem", "a_inc_map", "a_ls_map", "localIncidenceAngle", "incident_angle", "a_VV_mask",
        "slant_range_time", "bathymetry", "wind_speed", "a_rgb", "quicklook", "a_layover_shadow",
    ],
)  # fmt: skip
def test_auxiliary_rasters_are_known_by_a_word(stem):
    assert auxiliary_word(stem) is not None


@pytest.mark.parametrize(
    "stem", [ESA, "Ottawa_512_Intensity_VV", "demo_VV", "windmill_VH", "Sigma0_VV"]
)
def test_images_have_none_of_these_words(stem):
    assert auxiliary_word(stem) is None
