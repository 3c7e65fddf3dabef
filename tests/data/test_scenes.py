"""Every file type gives back what was written; every damaged file is refused in a sentence."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image
from rasterio.errors import NotGeoreferencedWarning

from data.errors import DataError
from data.scenes import open_rows, read_facts

SHAPE = (40, 30)


def pattern(dtype: str) -> np.ndarray:
    return (1 + np.arange(SHAPE[0] * SHAPE[1]).reshape(SHAPE) % 250).astype(dtype)


def write_envi(path: Path, image: np.ndarray, byte_order: int, description: str = "") -> Path:
    order = "<" if byte_order == 0 else ">"
    path.write_bytes(image.astype(order + "f4").tobytes())
    path.with_suffix(".hdr").write_text(
        f"ENVI\ndescription = {{{description}}}\nsamples = {image.shape[1]}\n"
        f"lines = {image.shape[0]}\nbands = 1\nheader offset = 0\nfile type = ENVI Standard\n"
        f"data type = 4\ninterleave = bsq\nbyte order = {byte_order}\n"
    )
    return path


def write_png(path: Path, dtype: str) -> Path:
    Image.fromarray(pattern(dtype)).save(path)
    return path


def write_npy(path: Path) -> Path:
    np.save(path, pattern("float32"))
    return path


WRITERS = {
    "GeoTIFF of uint16": lambda folder, write_tiff: write_tiff(
        folder / "a.tif", [pattern("uint16")]
    ),
    "GeoTIFF of float32": lambda folder, write_tiff: write_tiff(
        folder / "a.tiff", [pattern("float32")]
    ),
    "compressed GeoTIFF": lambda folder, write_tiff: write_tiff(
        folder / "a.tif", [pattern("uint16")], compress="deflate"
    ),
    "ENVI, little endian": lambda folder, write_tiff: write_envi(
        folder / "a.img", pattern("float32"), 0
    ),
    "ENVI, big endian": lambda folder, write_tiff: write_envi(
        folder / "a.img", pattern("float32"), 1
    ),
    "PNG of 8 bits": lambda folder, write_tiff: write_png(folder / "a.png", "uint8"),
    "PNG of 16 bits": lambda folder, write_tiff: write_png(folder / "a.png", "uint16"),
    "npy": lambda folder, write_tiff: write_npy(folder / "a.npy"),
}


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_rows_are_those_that_were_written(write, write_tiff, tmp_path):
    path = write(tmp_path, write_tiff)
    facts = read_facts(path)
    assert (facts.height_px, facts.width_px) == SHAPE
    with open_rows(path, 1) as read_rows:
        np.testing.assert_array_equal(read_rows(8, 24).values, pattern("float64")[8:24])


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_a_truncated_file_is_refused_in_one_sentence(write, write_tiff, tmp_path):
    path = write(tmp_path, write_tiff)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])
    with pytest.raises(DataError, match=r"must be complete.*download it again"):
        _read_all(path)


@pytest.mark.parametrize("suffix", [".tif", ".img", ".png", ".npy"])
def test_a_file_of_another_type_than_its_suffix_is_refused(suffix, tmp_path):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(b"not an image at all")
    with pytest.raises(DataError, match="must be complete and readable"):
        _read_all(path)


def _read_all(path: Path) -> None:
    facts = read_facts(path)
    with open_rows(path, 1) as read_rows:
        read_rows(0, facts.height_px)


def test_a_mistake_of_the_caller_is_not_blamed_on_the_file(tmp_path):
    with pytest.raises(OSError, match="disk full"), open_rows(write_npy(tmp_path / "a.npy"), 1):
        raise OSError("disk full")


@pytest.mark.parametrize(("dtype", "full_scale"), [("uint8", 255.0), ("uint16", 65535.0)])
def test_the_full_scale_of_a_png_is_its_largest_value(dtype, full_scale, tmp_path):
    facts = read_facts(write_png(tmp_path / "a.png", dtype))
    assert (facts.dtype, facts.full_scale) == (dtype, full_scale)


def test_nodata_and_band_names_come_from_the_header(write_tiff, tmp_path):
    names = ("Sigma0_VV_db", "Sigma0_VH_db")
    path = write_tiff(tmp_path / "a.tif", [pattern("float32")] * 2, names=names, nodata=-9.0)
    facts = read_facts(path)
    assert (facts.nodata, facts.band_names) == (-9.0, names)


def test_a_nodata_value_of_nan_is_no_value(write_tiff, tmp_path):
    path = write_tiff(tmp_path / "a.tif", [pattern("float32")], nodata=np.nan)
    assert read_facts(path).nodata is None


def test_complex_pixels_are_refused(write_tiff, tmp_path):
    path = write_tiff(tmp_path / "a.tif", [pattern("complex64")])
    with pytest.raises(DataError, match="complex64: detect the image first"):
        read_facts(path)


def test_a_coloured_png_is_refused(tmp_path):
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    with pytest.raises(DataError, match="mode RGB: save it as greyscale"):
        read_facts(tmp_path / "a.png")


def test_an_npy_of_three_axes_is_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.ones((2, 4, 4)))
    with pytest.raises(DataError, match=r"shape \(2, 4, 4\)"):
        read_facts(tmp_path / "a.npy")


def test_missing_georeferencing_is_no_warning(write_tiff, tmp_path):
    with pytest.warns(NotGeoreferencedWarning):
        path = write_tiff(tmp_path / "a.tif", [pattern("uint16")], transform=None)
    _read_all(path)  # the suite turns warnings into errors


@pytest.mark.parametrize("field", ["data type", "byte order", "interleave"])
def test_an_envi_header_that_lost_what_decides_pixels_is_refused(field, tmp_path):
    path = write_envi(tmp_path / "a.img", pattern("float32"), 1)
    header = path.with_suffix(".hdr")
    lines = header.read_text().replace("bands = 1", "bands = 2").splitlines()
    header.write_text("\n".join(line for line in lines if not line.startswith(field)))
    path.write_bytes(path.read_bytes() * 2)
    with pytest.raises(DataError, match=f"lacks {field}: copy it again"):
        read_facts(path)


def test_a_tiff_that_lost_its_scale_is_refused(write_tiff, tmp_path):
    path = write_tiff(tmp_path / "a.tif", [pattern("int16")], compress="lzw")
    with rasterio.open(path, "r+") as dataset:
        dataset.scales = (0.01,)
    content = path.read_bytes()
    path.write_bytes(content[:-10])
    with rasterio.open(path) as dataset:
        assert dataset.scales == (1.0,)  # GDAL reads on without
    with pytest.raises(DataError, match=r"header lies behind its end.*download it again"):
        read_facts(path)


@pytest.mark.parametrize("profile", [{"BIGTIFF": "YES"}, {"ENDIANNESS": "BIG"}, {}])
def test_tiffs_of_any_size_and_byte_order_are_read(profile, write_tiff, tmp_path):
    path = write_tiff(tmp_path / "a.tif", [pattern("float32")], tags={"A": "b" * 99}, **profile)
    assert dict(read_facts(path).tags)["A"] == "b" * 99


def test_a_header_that_claims_more_than_a_file_can_hold_is_refused(tmp_path):
    path = write_png(tmp_path / "a.png", "uint8")
    content = bytearray(path.read_bytes())
    content[16:24] = (9000).to_bytes(4, "big") * 2
    path.write_bytes(content)
    with pytest.raises(DataError, match="cannot hold 9000 x 9000 pixels"):
        read_facts(path)


@pytest.mark.slow
def test_two_hundred_damaged_files_are_read_or_refused():
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz_scenes", "--files", "200"],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
