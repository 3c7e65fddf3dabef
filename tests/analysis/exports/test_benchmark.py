"""Curves as benchmark files: what a plotting script of the field expects."""

import dataclasses
import importlib.util
import json
import math
import runpy
from pathlib import Path

import pytest

import analysis
from analysis.exports.benchmark import compute_benchmark, export_benchmark
from analysis.exports.images import compute_images
from tests.analysis.made_of_bytes import RATIOS, make_bytes, psnr_of

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def of_bytes(tmp_path_factory):
    results = tmp_path_factory.mktemp("of_bytes")
    make_bytes(results, ("baseline", "linear"))
    return analysis.load(results)


@pytest.fixture(scope="module")
def export(of_bytes):
    return export_benchmark(of_bytes)


@pytest.fixture(scope="module")
def files(of_bytes):
    return {(file.footing, file.codec): file.content for file in compute_benchmark(of_bytes)}


def test_every_architecture_and_codec_has_a_file_per_footing(files):
    footings = {footing for footing, _ in files}
    codecs = {"baseline", "linear", "jpeg2000", "hevc_intra", "avif", "block_klt"}
    assert len(footings) == 1
    assert set(files) == {(footing, codec) for footing in footings for codec in codecs}


def test_the_footings_of_two_groups_have_folders_of_their_own(recorded):
    footings = {file.footing for file in compute_benchmark(recorded)}
    assert footings == {
        "made_up_c0c0c0c0_north_VH_256px_elements",
        "made_up_c0c0c0c0_south_VH_256px_elements",
    }


def test_a_file_has_a_name_a_description_and_lists_of_equal_length_by_rising_rate(files):
    for content in files.values():
        assert list(content) == ["name", "description", "meta", "results"]
        results = content["results"]
        assert list(results) == ["psnr-rgb", "ms-ssim-rgb", "bpp"]
        assert len(results["psnr-rgb"]) == len(results["ms-ssim-rgb"]) == len(results["bpp"])
        assert results["bpp"] == sorted(results["bpp"])
        assert all(math.isfinite(value) for values in results.values() for value in values)


def test_a_model_that_was_trained_for_a_rate_is_one_point(files):
    (content,) = (one for (_, codec), one in files.items() if codec == "baseline")
    rates_bpp = [8 / ratio for ratio in sorted(RATIOS, reverse=True)]
    assert content["results"]["bpp"] == pytest.approx(rates_bpp)
    hard_db = math.fsum(0.3 * math.sin(number) for number in range(12)) / 12
    expected = [psnr_of("baseline", rate_bpp) + hard_db for rate_bpp in rates_bpp]
    assert content["results"]["psnr-rgb"] == pytest.approx(expected, abs=1e-3)


def test_points_are_the_means_of_the_best_rows_of_the_images(of_bytes, files):
    images = compute_images(of_bytes)
    trained = images[images["is_best"] & (images["step_scale"] == 1)]
    means = trained[trained["codec"] == "linear"].groupby("ratio").mean(numeric_only=True)
    means = means.sort_values("rate_bpp")
    (content,) = (one for (_, codec), one in files.items() if codec == "linear")
    for key, column in (("bpp", "rate_bpp"), ("psnr-rgb", "psnr_db"), ("ms-ssim-rgb", "ms_ssim")):
        assert content["results"][key] == pytest.approx(means[column].tolist())


def test_generated_scenes_are_marked_wherever_a_curve_is_named(files):
    assert all("SYNTHETIC" in content["name"] for content in files.values())


def test_the_description_says_what_the_means_are_over(files):
    (content,) = (one for (_, codec), one in files.items() if codec == "baseline")
    assert "means over 12 test images and 3 seeds" in content["description"]
    assert "one channel" in content["description"]


def test_ms_ssim_of_images_too_small_for_it_is_left_out(of_bytes):
    test = of_bytes.test.copy()
    test.loc[test["image"] == test["image"].iloc[0], "ms_ssim"] = math.nan
    contents = compute_benchmark(dataclasses.replace(of_bytes, test=test))
    results = {file.codec: set(file.content["results"]) for file in contents}
    assert results["baseline"] == {"psnr-rgb", "bpp"}
    assert results["jpeg2000"] == {"psnr-rgb", "ms-ssim-rgb", "bpp"}


def test_a_search_without_a_promotion_has_no_curve(recorded):
    empty = {name: getattr(recorded, name).iloc[:0] for name in ("test", "codecs")}
    assert export_benchmark(dataclasses.replace(recorded, **empty)).count == 0


def test_a_curve_of_an_earlier_export_disappears_and_one_of_others_stays(of_bytes, tmp_path):
    export_benchmark(of_bytes).write(tmp_path)
    (folder,) = (tmp_path / "compressai").iterdir()
    (folder / "vtm.json").write_text("{}", encoding="utf-8")
    (folder / "baseline_kept.json").write_bytes((folder / "baseline.json").read_bytes())
    is_avif = of_bytes.codecs["codec"] == "avif"
    export_benchmark(dataclasses.replace(of_bytes, codecs=of_bytes.codecs[~is_avif])).write(
        tmp_path
    )
    names = {path.stem for path in folder.iterdir()}
    assert "avif" not in names
    assert names >= {"baseline", "vtm", "baseline_kept"}


@pytest.mark.parametrize("corpus", ["../../up", "ä [b]/c"])
def test_a_corpus_of_any_name_stays_inside_the_folder(recorded, corpus, tmp_path):
    tables = {
        name: getattr(recorded, name).assign(corpus=corpus) for name in ("test", "codecs", "runs")
    }
    export_benchmark(dataclasses.replace(recorded, **tables)).write(tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert len(list((tmp_path / "out" / "compressai").glob("*/*.json"))) == 8


def test_the_plotting_script_of_compressai_reads_every_file(export, files, tmp_path):
    spec = importlib.util.find_spec("compressai")
    if spec is None:
        pytest.skip("needs CompressAI's plotting script: pip install --no-deps compressai==1.2.8")
    (package,) = spec.submodule_search_locations
    script = Path(package) / "utils" / "plot" / "__main__.py"
    read = runpy.run_path(str(script))["parse_json_file"]
    export.write(tmp_path)
    paths = sorted((tmp_path / "compressai").glob("*/*.json"))
    assert len(paths) == len(files)
    for path in paths:
        results = json.loads(path.read_text(encoding="utf-8"))["results"]
        psnr, ms_ssim = read(path, "psnr"), read(path, "ms-ssim")
        assert psnr["xs"] == ms_ssim["xs"] == results["bpp"]
        assert psnr["ys"] == results["psnr-rgb"]
        in_db = [-10 * math.log10(1 - value) for value in results["ms-ssim-rgb"]]
        assert list(ms_ssim["ys"]) == pytest.approx(in_db)
