"""What names, folders, headers and sidecars tell, and in which order they are believed."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from data.calibration import Units
from data.errors import DataError
from data.sources import Source
from data.sources import find_sources as look
from data.unit_rules import UnitRules


def find_sources(roots: list[Path], units: Units | None = None) -> tuple[Source, ...]:
    return look(roots, UnitRules(units)).sources


GRD = "S1A_IW_GRDH_1SDV_20201107T135241_20201107T135306_035143_041A16_322B"
MEASUREMENT = "s1a-iw-grd-{}-20201107t135241-20201107t135306-035143-041a16-00{}.tiff"


def save_npy(path: Path, dtype: str = "float32") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, np.ones((4, 4), dtype))
    return path


@pytest.fixture
def save_tiff(write_tiff) -> Callable[..., Path]:
    def save(path: Path, *names: str, **tags: str) -> Path:
        bands = [np.ones((4, 4), np.uint16)] * max(1, len(names))
        return write_tiff(path, bands, names=names, tags=tags)

    return save


def find_one(path: Path, units: Units | None = Units.INTENSITY) -> Source:
    (source,) = find_sources([path], units)
    return source


@pytest.fixture
def product(save_tiff, tmp_path) -> Path:
    folder = tmp_path / f"{GRD}.SAFE"
    for number, polarisation in enumerate(("vv", "vh"), start=1):
        save_tiff(folder / "measurement" / MEASUREMENT.format(polarisation, number))
    save_tiff(folder / "preview" / "quick-look.tif")
    return folder


def test_a_product_yields_its_measurements_and_no_preview(product):
    sources = find_sources([product])
    assert [source.polarisation for source in sources] == ["vh", "vv"]
    assert {source.scene for source in sources} == {GRD}


def test_a_product_is_amplitude_of_its_orbit_and_kind_without_a_flag(product):
    source = find_sources([product])[0]
    assert (source.units, source.units_reason) == (Units.AMPLITUDE, "GRD product")
    assert (source.pass_id, source.group) == ("S1A_035143", "S1_IW_GRDH")


def test_a_product_is_named_alike_in_its_parent_folder_and_alone(product):
    alone, inside = find_sources([product]), find_sources([product.parent])
    assert [s.name for s in alone] == [s.name for s in inside]


def test_a_loose_measurement_file_tells_its_orbit(save_tiff, tmp_path):
    source = find_one(save_tiff(tmp_path / MEASUREMENT.format("vh", 2)), None)
    assert (source.pass_id, source.units) == ("S1A_035143", Units.AMPLITUDE)


def test_a_sidecar_names_the_product_of_a_tile(tmp_path):
    save_npy(tmp_path / "tiles" / "001.npy", "uint8")
    records = [{"file": "001.npy", "sar_tile": f"{GRD}.SAFE"}]
    (tmp_path / "tiles" / "tiles.json").write_text(json.dumps(records))
    source = find_one(tmp_path / "tiles", None)
    assert (source.pass_id, source.units_reason) == ("S1A_035143", "GRD product")


def test_a_sidecar_of_another_form_is_refused(tmp_path):
    save_npy(tmp_path / "001.npy")
    (tmp_path / "tiles.json").write_text('{"tiles": 1}')
    with pytest.raises(DataError, match="list of records with `file` and `sar_tile`"):
        find_sources([tmp_path])


@pytest.mark.parametrize(
    ("name", "units", "reason"),
    [
        ("berlin_vh_intensity.npy", Units.INTENSITY, "file name"),
        ("berlin_amplitude.npy", Units.AMPLITUDE, "file name"),
        ("sigma0_vv_db.npy", Units.DB, "file name"),
        ("s1_intensity/a.npy", Units.INTENSITY, "folder name"),
        ("s1_grd_vh/a_amplitude.npy", Units.AMPLITUDE, "file name"),
    ],
)
def test_names_state_units(name, units, reason, tmp_path):
    path = save_npy(tmp_path / name)
    source = find_one(path.parent, None)
    assert (source.units, source.units_reason) == (units, reason)


@pytest.mark.parametrize(
    ("dtype", "name"), [("uint16", "grd_vh/a.npy"), ("uint16", f"{GRD}_1.npy")]
)
def test_counts_of_a_grd_product_are_amplitude(dtype, name, tmp_path):
    source = find_one(save_npy(tmp_path / name, dtype).parent, None)
    assert (source.units, source.units_reason) == (Units.AMPLITUDE, "GRD in the name")


@pytest.mark.parametrize("name", ["grd_vh/a.npy", f"{GRD}_1.npy"])
def test_floats_of_a_grd_product_may_be_anything(name, tmp_path):
    with pytest.raises(DataError, match="give --units"):
        find_sources([save_npy(tmp_path / name).parent])


def test_a_header_and_a_name_that_contradict_each_other_are_refused(save_tiff, tmp_path):
    path = save_tiff(tmp_path / "amplitude.tif", units="intensity")
    with pytest.raises(DataError, match=r"intensity by its tag units .* amplitude by its file"):
        find_sources([path])


def test_the_flag_is_believed_before_the_header(save_tiff, tmp_path):
    source = find_one(save_tiff(tmp_path / "a.tif", units="intensity"), Units.AMPLITUDE)
    assert (source.units, source.units_reason) == (Units.AMPLITUDE, "--units")


@pytest.mark.parametrize("name", ["a.npy", "dbscan.npy", "feedback_vh.npy", "gridded.npy"])
def test_units_that_nothing_states_are_asked_for(name, tmp_path):
    with pytest.raises(DataError, match="give --units"):
        find_sources([save_npy(tmp_path / "plain" / name)])


def test_a_png_cannot_be_in_db(tmp_path):
    from PIL import Image

    Image.new("L", (4, 4)).save(tmp_path / "a.png")
    with pytest.raises(DataError, match="cannot be in dB"):
        find_sources([tmp_path], Units.DB)


@pytest.mark.parametrize(
    ("name", "polarisation", "scene"),
    [
        ("Berlin_Intensity_VH.npy", "vh", "Berlin"),
        ("vv-berlin.npy", "vv", "berlin"),
        ("hh/berlin.npy", "hh", "berlin"),
        ("savvy.npy", "unknown", "savvy"),
        ("berlin/VH.npy", "vh", "berlin"),
    ],
)
def test_polarisation_and_scene_come_from_the_name(name, polarisation, scene, tmp_path):
    save_npy(tmp_path / "root" / name)
    source = find_one(tmp_path / "root")
    assert (source.polarisation, source.scene) == (polarisation, scene)


def test_each_named_band_of_a_file_is_an_image(save_tiff, tmp_path):
    save_tiff(tmp_path / "a.tif", "Sigma0_VV", "Sigma0_VH", "incidence_angle")
    sources = find_sources([tmp_path], Units.INTENSITY)
    assert [(s.band, s.polarisation) for s in sources] == [(1, "vv"), (2, "vh")]


def test_bands_without_polarisation_are_refused(save_tiff, tmp_path):
    save_tiff(tmp_path / "a.tif", "one", "two")
    with pytest.raises(
        DataError, match="2 bands without: give them, as in --bands vv,vh, or export one"
    ):
        find_sources([tmp_path], Units.INTENSITY)


def test_groups_are_the_top_folders(tmp_path):
    save_npy(tmp_path / "root" / "a" / "deep" / "x.npy")
    save_npy(tmp_path / "root" / "a" / "deep" / "z.npy")
    save_npy(tmp_path / "root" / "y.npy")
    sources = find_sources([tmp_path / "root"], Units.INTENSITY)
    assert {source.scene: source.group for source in sources} == {
        "a/deep/x": "a",
        "a/deep/z": "a",
        "y": "root",
    }


def test_several_folders_stay_apart_by_their_names(tmp_path):
    for folder in ("a", "b"):
        save_npy(tmp_path / folder / "x.npy")
    sources = find_sources([tmp_path / "a", tmp_path / "b"], Units.INTENSITY)
    assert [(s.name, s.group) for s in sources] == [("a/x.npy", "a"), ("b/x.npy", "b")]


def test_two_images_of_one_scene_and_polarisation_are_refused(tmp_path):
    save_npy(tmp_path / "x_vv.npy")
    save_npy(tmp_path / "vv_x.npy")
    with pytest.raises(DataError, match="both vv of x"):
        find_sources([tmp_path], Units.INTENSITY)


def test_a_path_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(DataError, match="does not: check the path"):
        find_sources([tmp_path / "nowhere"])


def test_a_folder_without_scenes_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("no scene")
    with pytest.raises(DataError, match="holds none"):
        find_sources([tmp_path])


def test_a_file_of_another_type_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("no scene")
    with pytest.raises(DataError, match=r"notes\.txt is none of them"):
        find_sources([tmp_path / "notes.txt"])
