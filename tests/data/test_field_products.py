"""Products as the field delivers them, from folder to bounds: read right, or refused.

Pixels are drawn here; bounds are computed with numpy from what was drawn, never with our reader.
"""

import json
import zipfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
import rasterio
from PIL import Image
from rasterio import Affine

from data.dataset import Corpus
from data.errors import DataError
from data.prepare import main
from data.sources import find_sources

SIDE_PX = 96
GRD = "S1A_IW_GRDH_1SDV_2022032{0}T230514_2022032{0}T230548_04241{0}_050E9{0}_5F1E"
OPERA = "OPERA_L2_RTC-S1_T034-07109{0}-IW3_2023061{1}T002900Z_20230928T203216Z_S1A_30_v1.0"
HYP3 = "S1A_IW_2018012{0}T161201_DVP_RTC30_G_gpuned_5A3{0}"
CONVENTION = {
    "PROCESSING_INFORMATION_OUTPUT_BACKSCATTER_EXPRESSION_CONVENTION": "linear power/intensity",
    "PROCESSING_INFORMATION_OUTPUT_BACKSCATTER_DECIBEL_CONVERSION_EQUATION": "dB = 10*log10(x)",
}


def power(number: int, polarisation: str = "VV") -> np.ndarray:
    """Linear backscatter with the speckle of four looks, around -13 dB."""
    random = np.random.default_rng([number, ord(polarisation[-1])])
    return (0.05 * random.gamma(4, 0.25, (SIDE_PX, SIDE_PX))).astype(np.float32)


def decibels(values: np.ndarray) -> np.ndarray:
    return (10 * np.log10(values)).astype(np.float32)


def save(path: Path, image: np.ndarray, tags: dict[str, str] | None = None, **options) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    place = {"crs": "EPSG:32617", "transform": Affine(10, 0, 5e5 + 1e6 * image[0, 0], 0, -10, 1e6)}
    kind = {"height": SIDE_PX, "width": SIDE_PX, "count": 1, "dtype": image.dtype}
    with rasterio.open(path, "w", driver="GTiff", **kind, **place, **options) as file:
        file.write(image, 1)
        file.update_tags(**(tags or {}))
    return path


def prepare(folder: Path, *flags: str) -> Corpus:
    out = folder.parent / "corpus"
    assert main([str(folder), "--patch-px", "32", "--out", str(out), "--quiet", *flags]) == 0
    return Corpus.open(out)


def bounds_of(corpus: Corpus, polarisation: str = "vv") -> tuple[float, float]:
    (found,) = {(b.low_db, b.high_db) for b in corpus.info.bounds if b.polarisation == polarisation}
    return found


def expected_bounds(corpus: Corpus, polarisation: str = "vv") -> tuple[float, float]:
    """The 1st and 99th percentile of the training images."""
    numbers = sorted(
        {
            NUMBER_OF[r.scene]
            for r in corpus.info.sources
            if r.split == "train" and r.polarisation == polarisation
        }
    )
    values = np.concatenate([power(n, polarisation.upper()).ravel() for n in numbers])
    return tuple(np.percentile(10 * np.log10(values.astype(float)), [1, 99]))


NUMBER_OF: dict[str, int] = {}


def check(corpus: Corpus, polarisations: Sequence[str] = ("vv",)) -> None:
    for polarisation in polarisations:
        found = bounds_of(corpus, polarisation)
        assert found == pytest.approx(expected_bounds(corpus, polarisation), abs=0.03)


@pytest.fixture
def scenes(tmp_path) -> Path:
    NUMBER_OF.clear()
    return tmp_path / "scenes"


def note(scene: str, number: int) -> str:
    NUMBER_OF[scene] = number
    return scene


def test_opera_bursts_are_linear_though_a_tag_holds_the_decibel_formula(scenes):
    for n in range(4):
        for p in ("VV", "VH"):
            stem = note(OPERA.format(n, n), n)
            save(scenes / f"{stem}_{p}.tif", power(n, p), CONVENTION, nodata=np.nan)
    check(prepare(scenes), ("vv", "vh"))


def test_planetary_computer_assets_are_linear(scenes):
    for n in range(4):
        item = GRD.format(n)[:-5] + "_rtc"
        note(f"{item}/{item}", n)
        save(scenes / item / f"{item}_vv.tif", power(n), nodata=-32768)
    corpus = prepare(scenes)
    check(corpus)
    assert {r.group for r in corpus.info.sources} == {"scenes"}


@pytest.mark.parametrize(
    ("words", "convert"), [("Orb_Cal_TC", np.asarray), ("Orb_Cal_Spk_TC_dB", decibels)]
)
def test_snap_names_tell_linear_or_decibels(scenes, words, convert):
    for n in range(4):
        stem = f"{GRD.format(n)}_{words}"
        note(stem.removesuffix("_dB"), n)
        save(scenes / f"{stem}.tif", convert(power(n)))
    corpus = prepare(scenes)
    found = [(b.low_db, b.high_db) for b in corpus.info.bounds]
    numbers = [NUMBER_OF[r.scene] for r in corpus.info.sources if r.split == "train"]
    values = np.concatenate([power(n).ravel() for n in numbers])
    assert found == [pytest.approx(np.percentile(decibels(values), [1, 99]), abs=0.03)]


def test_hyp3_folders_give_their_backscatter_and_nothing_beside_it(scenes):
    for n in range(4):
        stem = HYP3.format(n)
        note(f"{stem}/{stem}", n)
        for p in ("VV", "VH"):
            save(scenes / stem / f"{stem}_{p}.tif", power(n, p), nodata=0)
        ramp = np.linspace(0, 800, SIDE_PX**2).reshape(SIDE_PX, SIDE_PX)
        save(scenes / stem / f"{stem}_dem.tif", ramp.astype(np.int16))
        save(scenes / stem / f"{stem}_inc_map.tif", (ramp / 800).astype(np.float32))
        save(scenes / stem / f"{stem}_ls_map.tif", (ramp % 5).astype(np.uint8))
        Image.new("RGB", (SIDE_PX, SIDE_PX)).save(scenes / stem / f"{stem}.png")
        (scenes / stem / f"{stem}.README.md.txt").write_text("no image")
    corpus = prepare(scenes)
    check(corpus, ("vv", "vh"))
    assert {r.polarisation for r in corpus.info.sources} == {"vv", "vh"}
    assert len(corpus.info.left_out) == 4 * 5
    assert all(corpus.info.num_patches.values())


def test_beam_dimap_products_are_scenes_of_their_folder_without_tie_points(scenes):
    for n in range(4):
        product = f"{GRD.format(n)}_Orb_Cal_TC"
        note(product, n)
        (scenes / f"{product}.dim").parent.mkdir(parents=True, exist_ok=True)
        (scenes / f"{product}.dim").write_text("<Dimap_Document/>")
        for p in ("VV", "VH"):
            save_envi(scenes / f"{product}.data" / f"Sigma0_{p}", power(n, p), f"Sigma0_{p}")
        ramp = np.linspace(30, 45, SIDE_PX**2).reshape(SIDE_PX, SIDE_PX)
        points = scenes / f"{product}.data" / "tie_point_grids"
        save_envi(points / "incident_angle", ramp, "incident_angle")
    check(prepare(scenes), ("vv", "vh"))


def save_envi(stem: Path, image: np.ndarray, name: str) -> None:
    stem.parent.mkdir(parents=True, exist_ok=True)
    stem.with_suffix(".img").write_bytes(image.astype(">f4").tobytes())
    stem.with_suffix(".hdr").write_text(
        f"ENVI\ndescription = {{{name} - Unit: intensity}}\n"
        f"samples = {SIDE_PX}\nlines = {SIDE_PX}\n"
        "bands = 1\nheader offset = 0\nfile type = ENVI Standard\ndata type = 4\n"
        f"interleave = bsq\nbyte order = 1\nband names = {{ {name} }}\n"
    )


@pytest.mark.parametrize("is_root", [True, False])
def test_a_folder_per_scene_keeps_its_polarisations_in_one_split(scenes, is_root):
    below = scenes if is_root else scenes / "set"
    for n in range(4):
        folder = below / f"place{n}"
        note(folder.relative_to(scenes).as_posix(), n)
        for p in ("VV", "VH"):
            save(folder / f"{p}_intensity.tif", power(n, p))
    corpus = prepare(scenes)
    check(corpus, ("vv", "vh"))
    splits: dict[str, set[str]] = {}
    for record in corpus.info.sources:
        splits.setdefault(record.scene, set()).add(record.split)
    assert all(len(found) == 1 for found in splits.values())
    assert {r.group for r in corpus.info.sources} == {"scenes" if is_root else "set"}


def test_files_named_by_their_polarisation_alone_are_one_scene(tmp_path):
    for p in ("VV", "VH"):
        save(tmp_path / "harbour_intensity" / f"{p}.tif", power(0, p))
    sources = find_sources([tmp_path / "harbour_intensity"]).sources
    assert {s.scene for s in sources} == {"harbour_intensity"}


def test_pieces_of_an_export_are_one_pass(tmp_path):
    for column in (0, 256):
        stem = f"coast_intensity_VV-0000000000-{column:010d}"
        save(tmp_path / f"{stem}.tif", power(column))
    sources = find_sources([tmp_path]).sources
    assert len(sources) == 2
    assert len({s.pass_id for s in sources}) == 1


def test_bursts_of_one_date_are_one_pass(tmp_path):
    for n in range(3):
        save(tmp_path / f"{OPERA.format(n, 1)}_VV.tif", power(n), CONVENTION)
    assert len({s.pass_id for s in find_sources([tmp_path]).sources}) == 1


def make_safe(folder: Path, number: int) -> Path:
    product = folder / f"{GRD.format(number)}.SAFE"
    name = (
        f"s1a-iw-grd-vv-2022032{number}t230514-2022032{number}t230548-04241{number}-050e9{number}"
    )
    counts = np.rint(1000 * np.sqrt(power(number))).astype(np.uint16)
    save(product / "measurement" / f"{name}-001.tiff", counts)
    (product / "manifest.safe").write_text("<xml/>")
    return product


def test_linked_products_are_read_as_the_others(tmp_path):
    scenes = tmp_path / "scenes"
    for n in range(2):
        make_safe(scenes, n)
    for n in range(2, 4):
        (scenes / f"{GRD.format(n)}.SAFE").symlink_to(make_safe(tmp_path / "archive", n))
    assert len(find_sources([scenes]).sources) == 4


def test_a_link_to_a_folder_above_is_walked_once(tmp_path):
    make_safe(tmp_path / "scenes", 0)
    (tmp_path / "scenes" / "again").symlink_to(tmp_path / "scenes")
    assert len(find_sources([tmp_path / "scenes"]).sources) == 1


def test_zipped_products_are_read_in_place(tmp_path):
    plain, zipped = tmp_path / "plain", tmp_path / "zipped"
    zipped.mkdir()
    for n in range(4):
        product = make_safe(plain, n)
        with zipfile.ZipFile(zipped / f"{GRD.format(n)}.zip", "w") as archive:
            for file in sorted(product.rglob("*.*")):
                archive.write(file, file.relative_to(plain))
    found = [bounds_of(prepare(folder)) for folder in (plain, zipped) if not _remove(tmp_path)]
    assert found[0] == found[1]


def _remove(folder: Path) -> bool:
    import shutil

    shutil.rmtree(folder / "corpus", ignore_errors=True)
    return False


def test_an_archive_without_a_product_is_named(tmp_path):
    with zipfile.ZipFile(tmp_path / "things.zip", "w") as archive:
        archive.writestr("a", "b")
    with pytest.raises(DataError, match=r"things\.zip is left out: an archive without"):
        find_sources([tmp_path])


def test_a_broken_archive_is_refused(tmp_path):
    (tmp_path / "things.zip").write_bytes(b"no archive")
    with pytest.raises(DataError, match=r"things\.zip is not"):
        find_sources([tmp_path])


def test_every_file_is_used_or_left_out(tmp_path):
    save(tmp_path / "a_VV_intensity.tif", power(0))
    save(tmp_path / "a_dem.tif", power(1))
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / ".hidden").write_text("x")
    (tmp_path / "gone_VH_intensity.tif").symlink_to(tmp_path / "nowhere.tif")
    found = find_sources([tmp_path])
    assert found.num_files == 5 == len({s.name for s in found.sources}) + len(found.left_out)
    assert {left.name: left.reason for left in found.left_out} == {
        "a_dem.tif": "auxiliary by its name (dem)",
        "notes.txt": "no image (.txt)",
        ".hidden": "hidden",
        "gone_VH_intensity.tif": "a link that leads nowhere",
    }


def test_units_can_be_given_for_some_files(scenes):
    for n in range(4):
        note(f"s{n}", n)
        save(scenes / f"s{n}_VV.tif", decibels(power(n)) if n % 2 else power(n))
    flags = ("--units", "intensity", "--units", "s1_*=db", "--units", "s3_*=db")
    check(prepare(scenes, *flags))


def test_units_can_be_listed_in_the_split_file(scenes):
    rows = ["path,split,units"]
    for n, split in enumerate(("train", "train", "val", "test")):
        note(f"s{n}", n)
        save(scenes / f"s{n}_VV.tif", decibels(power(n)) if n % 2 else power(n))
        rows.append(f"s{n}_VV.tif,{split},{'db' if n % 2 else 'intensity'}")
    split_file = scenes / "split.csv"
    split_file.write_text("\n".join(rows))
    check(prepare(scenes, "--split-file", str(split_file)))


@pytest.mark.parametrize(
    ("group_by", "groups"),
    [("auto", {"a", "b"}), ("folder", {"a", "b"}), ("none", {"scenes"})],
)
def test_groups_follow_from_how_they_are_asked_for(scenes, group_by, groups):
    for n in range(4):
        save(scenes / "ab"[n % 2] / f"s{n}_VV_intensity.tif", power(n))
    found = find_sources([scenes], group_by=group_by).sources
    assert {source.group for source in found} == groups


def test_products_can_be_grouped_by_kind(scenes):
    for n in range(2):
        save(scenes / "x" / f"{OPERA.format(n, n)}_VV.tif", power(n), CONVENTION)
        save(scenes / "x" / f"{GRD.format(n)}_Orb_Cal_VV.tif", power(n))
    found = find_sources([scenes], group_by="product").sources
    assert {source.group for source in found} == {"OPERA_RTC-S1", "S1_IW_GRDH"}


def test_another_way_to_group_is_refused(scenes, capsys):
    save(scenes / "s_VV_intensity.tif", power(0))
    with pytest.raises(DataError, match="--group-by takes auto, folder, product, none"):
        find_sources([scenes], group_by="date")


def test_check_says_what_was_understood_and_writes_nothing(scenes, capsys):
    for n in range(4):
        save(scenes / f"s{n}_VV_intensity.tif", power(n), nodata=0)
    save(scenes / "s_dem.tif", power(9))
    before = sorted(scenes.parent.rglob("*"))
    assert main([str(scenes), "--patch-px", "32", "--check", "--quiet"]) == 0
    said = capsys.readouterr().out
    assert sorted(scenes.parent.rglob("*")) == before
    for line in (
        "scenes, vv",
        "units      intensity by file name",
        "no data    0.0% of the pixels, told by nodata",
        "Used 4 image(s), left out 1 file(s):",
        "1 auxiliary by its name (dem): s_dem.tif",
        "Checked; nothing was written.",
    ):
        assert line in said
    assert "█" in said


def test_what_was_understood_is_stored(scenes):
    for n in range(4):
        image = power(n)
        image[:, :8] = 0
        save(scenes / f"s{n}_VV_intensity.tif", image, nodata=0)
    corpus = prepare(scenes, "--min-valid-fraction", "0.5")
    stored = json.loads((corpus.path / "corpus.json").read_text())
    assert {s["mask_source"] for s in stored["sources"]} == {"nodata"}
    assert stored["sources"][0]["invalid_fraction"] == pytest.approx(8 / SIDE_PX)
    num_valid = sum(s["num_patches"] for s in stored["sources"] if s["split"] == "train") * 32**2
    counted = sum(stored["bounds"][0]["histogram"])
    assert 0.9 * num_valid * (1 - 8 / SIDE_PX) < counted <= num_valid


def test_a_corpus_needs_a_folder(scenes, capsys):
    assert main([str(scenes)]) == 2
    assert "found no --out" in capsys.readouterr().err


@pytest.mark.parametrize("flag", [["--check"], ["--quicklooks", "looks", "--out", "c"]])
def test_synthetic_scenes_are_not_read_so_they_are_not_shown(flag, capsys):
    assert main(["--synthetic", *flag]) == 2
    assert "found with --synthetic: name a folder of scenes" in capsys.readouterr().err


def test_quicklooks_show_every_image_and_leave_invalid_pixels_black(scenes, tmp_path):
    for n in range(4):
        image = power(n)
        image[:16] = 0
        save(scenes / f"s{n}_VV_intensity.tif", image)
    prepare(scenes, "--quicklooks", str(tmp_path / "looks"), "--min-valid-fraction", "0.5")
    looks = sorted((tmp_path / "looks").glob("*.png"))
    assert [look.name for look in looks] == [f"s{n}_vv.png" for n in range(4)]
    grey = np.asarray(Image.open(looks[0]))
    assert grey.shape == (SIDE_PX, SIDE_PX)
    assert (grey[:16] == 0).all()
    assert (grey[16:] > 0).all()


def rewrite(corpus: Corpus, **values) -> None:
    """Make a corpus what an earlier version would have made."""
    file = corpus.path / "corpus.json"
    stored = json.loads(file.read_text())
    stored["sources"] = [source | values for source in stored["sources"]]
    file.write_text(json.dumps(stored))


def test_a_corpus_of_misread_units_is_not_up_to_date(scenes, capsys):
    for n in range(4):
        save(scenes / f"{GRD.format(n)}_Orb_Cal_VV.tif", power(n))
    rewrite(prepare(scenes), units="amplitude")
    out = scenes.parent / "corpus"
    assert main([str(scenes), "--patch-px", "32", "--out", str(out)]) == 2
    assert "4 image(s) read as amplitude, scenes, vv there and intensity" in capsys.readouterr().err


def test_a_corpus_made_before_masks_were_read_is_not_up_to_date(scenes, capsys):
    for n in range(4):
        with rasterio.open(save(scenes / f"s{n}_VV_intensity.tif", power(n)), "r+") as file:
            file.scales = (2.0,)
    corpus = prepare(scenes)
    rewrite(corpus, invalid_fraction=None)
    assert main([str(scenes), "--patch-px", "32", "--out", str(corpus.path)]) == 2
    assert "4 image(s) made before masks and scales were read" in capsys.readouterr().err


def bands(path: Path, images: Sequence[np.ndarray], names: Sequence[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = {"height": SIDE_PX, "width": SIDE_PX, "count": len(images), "dtype": images[0].dtype}
    place = {"crs": "EPSG:32617", "transform": Affine(10, 0, 5e5, 0, -10, 1e6)}
    with rasterio.open(path, "w", driver="GTiff", **kind, **place) as file:
        for number, (image, name) in enumerate(zip(images, names, strict=True), start=1):
            file.write(image, number)
            file.set_band_description(number, name)


def units_of(path: Path, **options) -> set[tuple[str, str]]:
    return {(s.units.value, s.polarisation) for s in find_sources([path], **options).sources}


@pytest.mark.parametrize("folder", ["cal_val", "rtc_training", "gamma"])
def test_counts_are_amplitude_in_a_folder_that_sounds_calibrated(tmp_path, folder):
    product = make_safe(tmp_path / folder, 0)
    (measurement,) = (product / "measurement").iterdir()
    measurement.rename(tmp_path / folder / measurement.name)
    assert units_of(tmp_path / folder) == {("amplitude", "vv")}


def test_measurements_of_a_product_without_its_suffix_are_amplitude(tmp_path):
    product = make_safe(tmp_path / "rtc_scenes", 0)
    product.rename(product.with_suffix(""))
    assert units_of(tmp_path / "rtc_scenes") == {("amplitude", "vv")}


@pytest.mark.parametrize(
    "name", ["DN_Denmark/s_Sigma0_VV.tif", f"linear_park/{GRD.format(0)}_vv.tif"]
)
def test_a_folder_that_contradicts_its_file_is_refused(tmp_path, name):
    is_counts = "GRD" in name
    save(tmp_path / "in" / name, power(0).astype(np.uint16 if is_counts else np.float32))
    with pytest.raises(DataError, match=r"must agree, and .* folder name"):
        find_sources([tmp_path / "in"])


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16"])
def test_integers_of_a_calibrated_name_may_be_any_stretch(tmp_path, dtype):
    save(tmp_path / "s_Sigma0_VV.tif", (1000 * power(0)).astype(dtype))
    with pytest.raises(DataError, match="give --units"):
        find_sources([tmp_path])


def test_a_convention_of_linear_amplitude_is_amplitude(tmp_path):
    (convention, _) = CONVENTION
    folder = tmp_path / "in"
    save(folder / f"{OPERA.format(0, 0)}_VV.tif", power(0), {convention: "linear amplitude"})
    assert units_of(folder) == {("amplitude", "vv")}


def test_zeros_that_fill_an_image_in_decibels_are_missing(scenes):
    for n in range(4):
        image = decibels(power(n))
        image[:, :30] = 0
        note(f"s{n}", n)
        save(scenes / f"s{n}_VV_db.tif", image)
    corpus = prepare(scenes, "--min-valid-fraction", "0.5")
    numbers = [NUMBER_OF[r.scene] for r in corpus.info.sources if r.split == "train"]
    kept = np.concatenate([decibels(power(n))[:, 32:].ravel() for n in numbers])
    assert bounds_of(corpus) == pytest.approx(np.percentile(kept, [1, 99]), abs=0.05)


@pytest.mark.parametrize("other", ["angle_VH", "VV_angle", "VH_minus_VV", "VV_VH_ratio"])
def test_bands_of_no_backscatter_are_not_read(tmp_path, other):
    bands(tmp_path / "s_intensity.tif", [power(0), power(1)], ["VV", other])
    assert [(s.band, s.polarisation) for s in find_sources([tmp_path]).sources] == [(1, "vv")]


@pytest.mark.parametrize(
    "stem",
    [
        "s0_VV_VH_ratio",
        "s0_VV_VH",
        "s0_VV_stdDev",
        "s0_VV_label",
        "s0_VV_lia",
        "LIA_s0_VV",
        "s0_label_VV",
    ],
)
def test_what_is_made_of_backscatter_is_left_out_beside_it(tmp_path, stem):
    save(tmp_path / "s0_VV_intensity.tif", power(0))
    save(tmp_path / f"{stem}_intensity.tif", power(1))
    found = find_sources([tmp_path])
    assert [s.name for s in found.sources] == ["s0_VV_intensity.tif"]
    assert [left.name for left in found.left_out] == [f"{stem}_intensity.tif"]


@pytest.mark.parametrize(
    "place",
    ["Landsend_water", "Wind_River", "Angle_Inlet", "Lat", "Inc", "Slope", "Mask", "Area51"],
)
def test_places_may_be_called_as_auxiliary_rasters_are(tmp_path, place):
    save(tmp_path / f"{place}_VV_intensity.tif", power(0))
    assert len(find_sources([tmp_path]).sources) == 1


@pytest.mark.parametrize("ending", ["", "_quick", "-browse", "_RGB"])
def test_a_picture_of_a_raster_is_left_out_beside_it(tmp_path, ending):
    save(tmp_path / "s0_VV_intensity.tif", power(0))
    Image.new("L", (SIDE_PX, SIDE_PX)).save(tmp_path / f"s0_VV_intensity{ending}.png")
    found = find_sources([tmp_path])
    assert [s.path.suffix for s in found.sources] == [".tif"]
    assert [PurePosixPath(left.name).suffix for left in found.left_out] == [".png"]


def test_a_folder_per_polarisation_keeps_scenes_whole(tmp_path):
    for n in range(2):
        for p in ("VV", "VH"):
            save(tmp_path / "in" / p / f"scene{n}_intensity.tif", power(n, p))
    found = find_sources([tmp_path / "in"]).sources
    assert {(s.scene, s.group, s.pass_id) for s in found} == {
        (f"scene{n}", "in", f"scene{n}") for n in range(2)
    }


def test_an_unnamed_raster_in_each_folder_makes_no_groups_of_them(tmp_path):
    for n in range(3):
        save(tmp_path / "in" / f"place{n}" / "VV_intensity.tif", power(n))
        save(tmp_path / "in" / f"place{n}" / "factors_intensity.tif", power(9))
    found = find_sources([tmp_path / "in"])
    assert {s.group for s in found.sources} == {"in"}
    assert len(found.left_out) == 3


def test_a_folder_of_a_user_may_be_called_preview(tmp_path):
    save(tmp_path / "in" / "preview" / "s0_VV_intensity.tif", power(0))
    assert len(find_sources([tmp_path / "in"]).sources) == 1


def test_bands_without_names_can_be_named(tmp_path):
    bands(tmp_path / "s_db.tif", [decibels(power(0)), decibels(power(0, "VH"))], ["", ""])
    with pytest.raises(DataError, match="--bands vv,vh"):
        find_sources([tmp_path])
    found = find_sources([tmp_path], bands=("vv", "vh")).sources
    assert [(s.band, s.polarisation) for s in found] == [(1, "vv"), (2, "vh")]


def test_bands_of_no_polarisation_cannot_be_given(scenes, capsys):
    assert main([str(scenes), "--bands", "vv,red", "--check"]) == 2
    assert "--bands takes polarisations such as vv,vh, found 'red'" in capsys.readouterr().err


def test_bands_of_which_one_is_silent_about_its_units_are_refused(tmp_path):
    bands(tmp_path / "s.tif", [power(0), np.sqrt(power(1))], ["VV_intensity", "VH"])
    with pytest.raises(DataError, match="VV_intensity tells intensity and VH nothing"):
        find_sources([tmp_path])


def test_folders_called_as_splits_are_said_not_to_be_followed(scenes, capsys):
    for n in range(12):
        folder = ("train", "val", "test")[n % 3]
        save(scenes / folder / f"s{n}_VV_intensity.tif", power(n))
    flags = ["--patch-px", "32", "--dry-run", "--out", str(scenes.parent / "corpus")]
    assert main([str(scenes), *flags]) == 0
    assert "folders are called test and train and val, and splits were drawn" in (
        capsys.readouterr().out
    )
