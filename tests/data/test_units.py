"""Which evidence decides the units of a file, and which contradictions are refused."""

import pytest

from data.calibration import Units
from data.errors import DataError
from data.raster_facts import RasterFacts
from data.unit_rules import GIVEN, UnitRules, read_unit_rules
from data.units import decide_units

GRD = "S1A_IW_GRDH_1SDV_20220320T230514_20220320T230548_042410_050E90_5F1E"
HYP3 = "S1A_IW_20180120T161201_DVP_RTC30_G_{}_5A30"
OPERA = "PROCESSING_INFORMATION_OUTPUT_BACKSCATTER_"
FORMULA = (f"{OPERA}DECIBEL_CONVERSION_EQUATION", "backscatter_dB = 10*log10(backscatter_linear)")
CONVENTION = f"{OPERA}EXPRESSION_CONVENTION"


def units(name="set/a_VV.tif", is_grd_measurement=False, **header):
    facts = RasterFacts(height_px=4, width_px=4, **{"dtype": "float32", **header})
    found = decide_units(name, facts, is_grd_measurement=is_grd_measurement)
    return found.units, found.where


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (f"pc/{GRD[:-5]}_rtc/{GRD[:-5]}_rtc_vv.tif", Units.INTENSITY),
        (f"snap/{GRD}_Orb_Cal_TC.tif", Units.INTENSITY),
        (f"snap/{GRD}_Orb_Cal_Spk_TC_dB.tif", Units.DB),
        (f"snap/{GRD}_Orb_Cal_TC_db.tif", Units.DB),
        ("set/Sigma0_VV.img", Units.INTENSITY),
        ("set/Gamma0_VH_db.img", Units.DB),
        ("set/Beta0_VV.img", Units.INTENSITY),
        ("set/sigma0_vv_linear.tif", Units.INTENSITY),
        ("set/gamma_nought_power_vv.tif", Units.INTENSITY),
        ("set/S1A__IW___A_20150309T173017_VV_grd_mli_norm_geo_db.tif", Units.DB),
        ("set/Amplitude_VH.img", Units.AMPLITUDE),
        (f"h/{HYP3.format('gpuned')}_VV.tif", Units.INTENSITY),
        (f"h/{HYP3.format('gdufed')}_VV.tif", Units.DB),
        (f"h/{HYP3.format('saunem')}_VV.tif", Units.AMPLITUDE),
        ("scenes_dB/a_VV.tif", Units.DB),
        ("harbour_intensity/a_VV.tif", Units.INTENSITY),
    ],
)
def test_names_tell_units(name, expected):
    assert units(name)[0] is expected


@pytest.mark.parametrize("name", ["a_VV.tif", "dBase_VV.tif", "feedback_VV.tif", "linearity.tif"])
def test_words_are_whole_parts_of_a_name(name):
    with pytest.raises(DataError, match="give --units"):
        units(f"set/{name}")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ({"band_units": ["dB"]}, (Units.DB, "band unit")),
        ({"band_units": ["linear power"]}, (Units.INTENSITY, "band unit")),
        ({"band_names": ["Sigma0_VV_db"]}, (Units.DB, "band name")),
        ({"band_names": ["Intensity_VV"]}, (Units.INTENSITY, "band name")),
        ({"tags": [("units", "decibels")]}, (Units.DB, "tag units")),
        (
            {"tags": [(CONVENTION, "linear power/intensity")]},
            (Units.INTENSITY, f"tag {CONVENTION}"),
        ),
        ({"description": "Sigma0_VV - Unit: intensity_db"}, (Units.DB, "header description")),
        (
            {"description": "Amplitude_VH - Unit: amplitude"},
            (Units.AMPLITUDE, "header description"),
        ),
    ],
)
def test_fields_that_state_units_tell_them(header, expected):
    assert units(**header) == expected


@pytest.mark.parametrize(
    "header",
    [
        {"tags": [FORMULA]},
        {"tags": [("comment", "multiply to get dB"), ("dB_offset", "3")]},
        {"tags": [("units", "metres")]},
        {"band_units": ["1"]},
        {"band_names": ["VV"]},
        {"description": "File imported by a tool that can also write intensity or dB images"},
    ],
)
def test_free_text_and_keys_tell_nothing(header):
    with pytest.raises(DataError, match="neither the header nor the name"):
        units(**header)


def test_a_formula_beside_a_statement_changes_nothing():
    tags = [FORMULA, (CONVENTION, "linear power/intensity")]
    assert units(tags=tags)[0] is Units.INTENSITY


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("set/a_VV_dB.tif", {"band_units": ["linear"]}),
        ("set/a_VV_amplitude.tif", {"tags": [("units", "intensity")]}),
        ("set_db/a_VV_intensity.tif", {}),
        ("set/a_VV.tif", {"band_units": ["dB"], "band_names": ["Intensity_VV"]}),
    ],
)
def test_statements_that_contradict_each_other_are_refused_naming_both(name, header):
    with pytest.raises(DataError, match=r"must agree, and .* by its .* and .* by its") as error:
        units(name, **header)
    assert "--units" in str(error.value)


def test_a_statement_goes_before_a_hint():
    assert units("set/Sigma0_VV.tif", band_units=["dB"]) == (Units.DB, "band unit")


@pytest.mark.parametrize(
    ("dtype", "is_measurement", "name"),
    [("uint16", True, "x/m.tiff"), ("int16", True, "x/m.tiff"), ("uint16", False, f"x/{GRD}.tif")],
)
def test_counts_of_a_grd_product_are_amplitude(dtype, is_measurement, name):
    assert units(name, is_measurement, dtype=dtype)[0] is Units.AMPLITUDE


def test_measurements_are_amplitude_in_whatever_folder_they_lie():
    assert units(f"rtc_scenes/{GRD}.SAFE/measurement/m.tiff", True, dtype="uint16") == (
        Units.AMPLITUDE,
        "GRD product",
    )


def test_measurements_in_a_folder_of_other_units_are_refused():
    with pytest.raises(DataError, match=r"amplitude by its GRD .* intensity by its folder name"):
        units(f"intensity/{GRD}.SAFE/measurement/m.tiff", True, dtype="uint16")


@pytest.mark.parametrize("words", ["SIGMA0_DV", "Orb_Cal_TC", "rtc"])
def test_counts_of_a_processed_product_may_be_packed_in_any_way(words):
    with pytest.raises(DataError, match="give --units"):
        units(f"x/{GRD}_{words}_VV.tif", dtype="uint16")


@pytest.mark.parametrize(
    ("dtype", "is_measurement"), [("float32", False), ("float32", True), ("uint8", False)]
)
def test_a_grd_name_proves_nothing_of_other_values(dtype, is_measurement):
    with pytest.raises(DataError, match="give --units"):
        units(f"x/{GRD}.tif", is_measurement, dtype=dtype)


def test_rules_go_from_patterns_to_the_split_file_to_all():
    rules = UnitRules(Units.AMPLITUDE, (("*_dB.tif", Units.DB),), {"s/b.tif": Units.INTENSITY})
    decided = [rules.decide(name) for name in ("s/a_dB.tif", "s/b.tif", "s/c.tif")]
    assert [(e.units, e.where) for e in decided] == [
        (Units.DB, GIVEN[0]),
        (Units.INTENSITY, GIVEN[1]),
        (Units.AMPLITUDE, GIVEN[0]),
    ]


def test_the_last_pattern_that_matches_counts():
    rules = read_unit_rules(["*=intensity", "set/*=db"])
    assert rules.decide("set/a.tif").units is Units.DB
    assert rules.decide("other/a.tif").units is Units.INTENSITY


def test_without_a_rule_the_evidence_decides():
    assert UnitRules(None, (("*.img", Units.DB),)).decide("a.tif") is None


def test_a_pattern_that_matches_nothing_is_refused():
    with pytest.raises(DataError, match=r"'\*.img=db' matches none of 1, such as a.tif"):
        read_unit_rules(["*.img=db"]).check_used(["a.tif"])


@pytest.mark.parametrize(
    "words", [["decibel"], ["*.tif=linear"], ["*.tif=auto"], ["db", "amplitude"]]
)
def test_units_that_cannot_be_given_are_refused(words):
    with pytest.raises(DataError, match="--units"):
        read_unit_rules(words)
