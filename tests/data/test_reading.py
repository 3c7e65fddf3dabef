"""A pixel is what the file says it is: every way to call it missing, every scale, every layout."""

import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from rasterio.enums import ColorInterp

from data.array_scenes import MAX_PNG_PX
from data.calibration import Units
from data.dataset import Corpus
from data.errors import DataError
from data.rasters import open_raster
from data.scenes import open_rows, read_facts

LOWEST = float(np.finfo(np.float32).min)


def draw_db(seed: int = 0, shape: tuple[int, int] = (40, 30)) -> np.ndarray:
    power = np.random.default_rng(seed).gamma(4.4, 0.05 / 4.4, shape)
    return (10 * np.log10(power)).astype(np.float32)


def read_all(path: Path, band: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Give values and mask of a whole image."""
    with open_rows(path, band) as read_rows:
        block = read_rows(0, read_facts(path).height_px)
    valid = np.ones(block.values.shape, bool) if block.valid is None else block.valid
    return block.values, valid & np.isfinite(block.values)


def write_bands(path: Path, bands: list[np.ndarray], mask=None, internal=True, **profile) -> Path:
    height, width = bands[0].shape
    where = {"transform": Affine(10, 0, 0, 0, -10, 0)}
    alpha = profile.pop("alpha", None)
    scale, offset = profile.pop("scale", None), profile.pop("offset", None)
    profile = {"driver": "GTiff", "dtype": bands[0].dtype, "count": len(bands), **where, **profile}
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=internal),
        rasterio.open(path, "w", height=height, width=width, **profile) as dataset,
    ):
        for number, band in enumerate(bands, start=1):
            dataset.write(band, number)
        if alpha is not None:
            meanings = [ColorInterp.gray] + [ColorInterp.undefined] * (len(bands) - 1)
            meanings[alpha - 1] = ColorInterp.alpha
            dataset.colorinterp = meanings
        if scale is not None:
            dataset.scales = [scale] * len(bands)
        if offset is not None:
            dataset.offsets = [offset] * len(bands)
        if mask is not None:
            dataset.write_mask(mask)
    return path


def write_envi(
    path: Path, bands: np.ndarray, code: int, interleave="bsq", order=0, more="", offset=0
) -> Path:
    axes = {"bsq": (0, 1, 2), "bil": (1, 0, 2), "bip": (1, 2, 0)}[interleave]
    stored = np.ascontiguousarray(bands.transpose(axes))
    stored = stored.astype(stored.dtype.newbyteorder("<>"[order]))
    path.write_bytes(b"\0" * offset + stored.tobytes())
    path.with_suffix(".hdr").write_text(
        f"ENVI\nsamples = {bands.shape[2]}\nlines = {bands.shape[1]}\nbands = {len(bands)}\n"
        f"header offset = {offset}\nfile type = ENVI Standard\ndata type = {code}\n"
        f"interleave = {interleave}\nbyte order = {order}\n{more}"
    )
    return path


# --- ways to say that a pixel is missing ---------------------------------------------------------


@pytest.fixture
def hole() -> np.ndarray:
    """True where a pixel is there; the left third is missing."""
    there = np.ones((40, 30), bool)
    there[:, :10] = False
    return there


@pytest.mark.parametrize("internal", [True, False], ids=["inside the file", ".msk beside it"])
def test_pixels_under_a_mask_are_missing(internal, hole, tmp_path):
    path = write_bands(tmp_path / "a.tif", [draw_db()], mask=hole, internal=internal)
    assert (tmp_path / "a.tif.msk").exists() is not internal
    np.testing.assert_array_equal(read_all(path)[1], hole)
    assert read_facts(path).mask_source == "mask"


@pytest.mark.parametrize("band", [1, 2])
def test_a_mask_counts_for_every_band(band, hole, tmp_path):
    path = write_bands(tmp_path / "a.tif", [draw_db(), draw_db(1)], mask=hole)
    np.testing.assert_array_equal(read_all(path, band)[1], hole)


def test_beside_a_mask_the_nodata_value_still_counts(hole, tmp_path):
    image = draw_db()
    image[0] = -9999
    path = write_bands(tmp_path / "a.tif", [image], mask=hole, nodata=-9999)
    np.testing.assert_array_equal(read_all(path)[1], hole & (image != -9999))


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("num_images", [1, 2, 3])
def test_an_alpha_band_is_a_mask_and_no_image(num_images, dtype, hole, tmp_path):
    images = [np.full(hole.shape, 7 + number, dtype) for number in range(num_images)]
    path = write_bands(
        tmp_path / "a.tif", [*images, hole.astype(dtype) * 255], alpha=num_images + 1
    )
    facts = read_facts(path)
    assert (len(facts.band_names), facts.mask_source) == (num_images, "alpha")
    values, valid = read_all(path, num_images)
    np.testing.assert_array_equal(valid, hole)
    assert values[hole].max() == 6 + num_images


def test_an_alpha_band_that_comes_first_is_passed_over(hole, tmp_path):
    path = write_bands(tmp_path / "a.tif", [hole.astype("u1"), np.full((40, 30), 7, "u1")], alpha=1)
    values, valid = read_all(path)
    assert values.max() == 7
    np.testing.assert_array_equal(valid, hole)


@pytest.mark.parametrize(
    ("dtype", "nodata"),
    [("uint16", 0), ("int16", -32768), ("float32", -9999), ("float32", 0.1), ("uint8", 255)],
)
def test_pixels_of_the_nodata_value_are_missing(dtype, nodata, hole, tmp_path):
    image = np.where(hole, 7, nodata).astype(dtype)
    path = write_bands(tmp_path / "a.tif", [image], nodata=nodata)
    np.testing.assert_array_equal(read_all(path)[1], hole)
    assert read_facts(path).mask_source == "nodata"


@pytest.mark.parametrize("written", [-3.40282e38, -3.4028e38, -3.4e38, -3.4028235e38, LOWEST])
def test_a_nodata_value_rounded_to_text_means_the_lowest_float(written, hole, tmp_path):
    image = np.where(hole, draw_db(), np.float32(LOWEST))
    path = write_envi(tmp_path / "a.img", image[None], 4, more=f"data ignore value = {written}\n")
    np.testing.assert_array_equal(read_all(path)[1], hole)


def test_the_fill_value_of_netcdf_may_be_rounded(hole, tmp_path):
    image = np.where(hole, draw_db(), np.float32(9.969209968386869e36))
    path = write_bands(tmp_path / "a.tif", [image], nodata=9.96921e36)
    np.testing.assert_array_equal(read_all(path)[1], hole)


def test_a_nodata_value_of_nan_marks_missing_pixels(hole, tmp_path):
    image = np.where(hole, draw_db(), np.float32("nan"))
    path = write_bands(tmp_path / "a.tif", [image], nodata=np.nan)
    np.testing.assert_array_equal(read_all(path)[1], hole)
    facts = read_facts(path)
    assert (facts.nodata, facts.mask_source) == (None, "nodata")


def test_a_data_ignore_value_of_envi_is_nodata(hole, tmp_path):
    image = np.where(hole, draw_db(), np.float32(-9999))
    path = write_envi(tmp_path / "a.img", image[None], 4, more="data ignore value = -9999\n")
    np.testing.assert_array_equal(read_all(path)[1], hole)
    assert read_facts(path).nodata == -9999


def test_each_band_of_an_imagine_file_has_its_own_nodata_value(hole, tmp_path):
    bands = [np.where(hole, 7, 1).astype("f4"), np.where(hole, 7, 2).astype("f4")]
    path = write_bands(tmp_path / "a.img", bands, driver="HFA")
    auxiliary = (
        "<PAMDataset>"
        + "".join(
            f'<PAMRasterBand band="{n}"><NoDataValue>{n}</NoDataValue></PAMRasterBand>'
            for n in (1, 2)
        )
        + "</PAMDataset>"
    )
    Path(f"{path}.aux.xml").write_text(auxiliary)
    for band in (1, 2):
        np.testing.assert_array_equal(read_all(path, band)[1], hole)


def test_nodata_values_of_all_bands_together_mark_a_pixel(tmp_path):
    bands = [np.array([[0, 0, 5]], "u1"), np.array([[0, 5, 0]], "u1"), np.array([[0, 5, 5]], "u1")]
    path = write_bands(tmp_path / "a.tif", bands)
    with rasterio.open(path, "r+") as dataset:
        dataset.update_tags(NODATA_VALUES="0 0 0")
    assert read_all(path)[1].tolist() == [[False, True, True]]


def test_the_transparent_grey_of_a_png_is_missing(hole, tmp_path):
    image = Image.fromarray(np.where(hole, 7, 3).astype("u1"))
    image.save(tmp_path / "a.png", transparency=3)
    np.testing.assert_array_equal(read_all(tmp_path / "a.png")[1], hole)


def test_a_file_that_marks_nothing_costs_no_mask(tmp_path):
    path = write_bands(tmp_path / "a.tif", [draw_db()])
    with open_rows(path, 1) as read_rows:
        assert read_rows(0, 4).valid is None
    assert read_facts(path).mask_source == "none"


# --- scale and offset ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scale", "offset"), [(0.01, None), (None, -40.0), (0.25, -40.0), (1.0, 0.0)]
)
def test_scale_and_offset_are_applied_also_when_one_is_given(scale, offset, tmp_path):
    stored = np.arange(1, 13, dtype="i2").reshape(3, 4)
    path = write_bands(tmp_path / "a.tif", [stored], scale=scale, offset=offset)
    expected = stored * (scale or 1.0) + (offset or 0.0)
    np.testing.assert_allclose(read_all(path)[0], expected)
    facts = read_facts(path)
    assert (facts.scales, facts.offsets) == ((scale or 1.0,), (offset or 0.0,))


def test_nodata_is_compared_before_scaling(tmp_path):
    stored = np.array([[-32768, -1500, 100]], "i2")
    path = write_bands(tmp_path / "a.tif", [stored], scale=0.01, nodata=-32768)
    values, valid = read_all(path)
    assert valid.tolist() == [[False, True, True]]
    np.testing.assert_allclose(values[valid], [-15, 1])


def test_gains_and_offsets_of_an_envi_header_are_applied(tmp_path):
    more = "data gain values = {0.25}\ndata offset values = {-40}\n"
    path = write_envi(tmp_path / "a.img", np.array([[[4, 100]]], "u1"), 1, more=more)
    np.testing.assert_allclose(read_all(path)[0], [[-39, -15]])


@pytest.mark.parametrize("scale", [0.0, np.nan])
def test_a_scale_that_is_none_is_refused(scale, tmp_path):
    path = write_bands(tmp_path / "a.tif", [np.ones((3, 4), "i2")], scale=scale)
    with pytest.raises(DataError, match="scale is a number other than 0"):
        read_facts(path)


# --- header fields -------------------------------------------------------------------------------


def test_fields_of_the_header_are_kept_apart(write_tiff, tmp_path):
    path = write_tiff(tmp_path / "a.tif", [draw_db()], tags={"PRODUCT": "rtc"}, crs="EPSG:32617")
    with rasterio.open(path, "r+") as dataset:
        dataset.units = ("dB",)
        dataset.update_tags(1, CALIBRATION="gamma0")
    facts = read_facts(path)
    assert facts.band_units == ("dB",)
    assert {"PRODUCT": "rtc", "CALIBRATION": "gamma0"}.items() <= dict(facts.tags).items()
    assert (facts.crs, facts.bounds) == ("EPSG:32617", (0.0, -400.0, 300.0, 0.0))
    hash(facts)


def test_the_description_of_an_envi_header_is_kept(tmp_path):
    path = write_envi(tmp_path / "a.img", draw_db()[None], 4, more="description = {Sigma0 VV}\n")
    assert read_facts(path).description == "Sigma0 VV"


def test_a_file_without_georeference_has_no_bounds(tmp_path):
    facts = read_facts(write_envi(tmp_path / "a.img", draw_db()[None], 4))
    assert (facts.crs, facts.bounds) == ("", None)


def test_ground_control_points_give_the_bounds(tmp_path):
    from rasterio.control import GroundControlPoint

    points = [GroundControlPoint(r, c, 5 + c / 10, 50 - r / 10) for r in (0, 40) for c in (0, 30)]
    path = write_bands(
        tmp_path / "a.tif", [draw_db()], gcps=points, crs="EPSG:4326", transform=None
    )
    facts = read_facts(path)
    assert facts.crs == "EPSG:4326"
    assert facts.bounds == pytest.approx((5, 46, 8, 50))


# --- arrays and PNG ------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["<f2", ">f4", "<f4", "<f8", ">u2", "i1"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_of_any_order_and_number_are_read(order, dtype, tmp_path):
    image = np.arange(12).reshape(3, 4).astype(dtype, order=order)
    np.save(tmp_path / "a.npy", image)
    values, _ = read_all(tmp_path / "a.npy")
    np.testing.assert_array_equal(values, image)
    assert values.flags.c_contiguous


def test_wide_fortran_arrays_are_read_some_columns_at_a_time(tmp_path):
    image = np.asfortranarray(np.arange(5 * 3000).reshape(5, 3000))
    np.save(tmp_path / "a.npy", image)
    with open_rows(tmp_path / "a.npy", 1) as read_rows:
        np.testing.assert_array_equal(read_rows(1, 4).values, image[1:4])
        np.testing.assert_array_equal(read_rows(4, 9).values, image[4:])


def write_objects(path: Path) -> None:
    np.save(path, np.array([[1, {}], [2, 3]], object), allow_pickle=True)


def write_pickle(path: Path) -> None:
    import pickle

    path.write_bytes(pickle.dumps(np.ones((3, 4))))


def write_npz(path: Path) -> None:
    with path.open("wb") as file:
        np.savez(file, np.ones((3, 4)))


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (write_objects, "holds an array of Python objects.*save it as float32"),
        (write_pickle, "holds a pickle of Python objects.*save it as float32"),
        (write_npz, "archive of several.*numpy.save"),
        (lambda path: np.save(path, np.ones((3, 4), bool)), "holds bool: save it as float32"),
    ],
    ids=["objects", "pickle", "npz", "bool"],
)
def test_an_array_of_something_else_is_refused_with_the_true_reason(write, message, tmp_path):
    write(tmp_path / "a.npy")
    with pytest.raises(DataError, match=message) as refusal:
        read_facts(tmp_path / "a.npy")
    assert "download" not in str(refusal.value)


@pytest.mark.parametrize("mode", ["RGB", "P", "LA", "RGBA", "1"])
def test_a_png_with_colours_palette_or_alpha_is_refused(mode, tmp_path):
    Image.new(mode, (4, 4)).save(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"one grey channel .*: save it as greyscale"):
        read_facts(tmp_path / "a.png")


def write_large_png(path: Path, height: int, width: int) -> Path:
    """Write an 8-bit PNG line by line; the value of a row is its number modulo 251."""
    packer = zlib.compressobj(1)

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = zlib.crc32(kind + content).to_bytes(4, "big")
        return len(content).to_bytes(4, "big") + kind + content + check

    with path.open("wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        sizes = width.to_bytes(4, "big") + height.to_bytes(4, "big")
        file.write(chunk(b"IHDR", sizes + bytes([8, 0, 0, 0, 0])))
        for row in range(height):
            file.write(chunk(b"IDAT", packer.compress(b"\0" + bytes([row % 251]) * width)))
        file.write(chunk(b"IDAT", packer.flush()) + chunk(b"IEND", b""))
    return path


READ_IN_BLOCKS = """
import resource, sys
from pathlib import Path
from data.scenes import open_rows, read_facts
import rasterio, PIL.Image
path = Path(sys.argv[1])
facts = read_facts(path)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
total = 0
with open_rows(path, 1) as read_rows:
    for start in range(0, facts.height_px, 256):
        total += int(read_rows(start, min(start + 256, facts.height_px)).values[:, 0].sum())
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(facts.height_px * facts.width_px, total, (after - before) // 1024)
"""


@pytest.mark.slow
def test_a_png_above_pillows_limit_is_read_in_bounded_memory(tmp_path):
    height, width = 17000, 12000
    path = write_large_png(tmp_path / "a.png", height, width)
    done = subprocess.run(
        [sys.executable, "-c", READ_IN_BLOCKS, str(path)],
        capture_output=True,
        text=True,
        check=True,
    )
    num_px, total, grown_mb = map(int, done.stdout.split())
    assert (num_px, total) == (204_000_000, int((np.arange(height) % 251).sum()))
    assert grown_mb < 150


def test_a_png_above_the_largest_scene_is_refused(tmp_path):
    path = tmp_path / "a.png"
    Image.new("L", (4, 4)).save(path)
    content = bytearray(path.read_bytes())
    content[16:24] = (20_001).to_bytes(4, "big") * 2
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"at most {MAX_PNG_PX:,} pixels.*400,040,001: cut it"):
        read_facts(path)


def test_texts_of_a_png_do_not_matter(tmp_path):
    texts = PngInfo()
    texts.add_text("Comment", "no units here")
    Image.fromarray(np.full((4, 4), 9, "u2")).save(tmp_path / "a.png", pnginfo=texts)
    assert read_all(tmp_path / "a.png")[0].max() == 9


# --- any raster ----------------------------------------------------------------------------------

ENVI_CODES = {"uint8": 1, "int16": 2, "int32": 3, "float32": 4, "float64": 5, "uint16": 12}


@st.composite
def rasters(draw):
    """Draw a recipe of a small raster of one or two images."""
    dtype = draw(st.sampled_from(sorted(ENVI_CODES)))
    missing = draw(st.sampled_from(["none", "nodata", "internal", "external", "alpha"]))
    driver = draw(st.sampled_from(["GTiff", "ENVI"]))
    if missing == "alpha" and dtype not in ("uint8", "uint16"):
        missing = "nodata"  # GDAL itself knows alpha bands of these types only
    if missing not in ("none", "nodata"):
        driver = "GTiff"
    num_images = 1 if missing == "alpha" else draw(st.integers(1, 2))
    pool = [0, 1, 2, 7, 100, 255]
    if dtype[0] == "i":
        pool += [-1, -9999]
    if dtype[0] == "f":
        pool += [-9999.0, 0.1, -23.5, np.nan, np.inf, LOWEST, 1e-9]
    seed = draw(st.integers(0, 2**32 - 1))
    shape = (num_images, draw(st.integers(2, 20)), draw(st.integers(2, 20)))
    images = np.random.default_rng(seed).choice(np.array(pool, dtype), shape)
    there = np.random.default_rng(seed + 1).random(shape[1:]) < 0.7
    nodata = draw(st.sampled_from(pool)) if missing == "nodata" else None
    scale = draw(st.sampled_from([None, 0.01, 0.25, -2.0]))
    offset = draw(st.sampled_from([None, -40.0, 3.5]))
    order, interleave = draw(st.integers(0, 1)), draw(st.sampled_from(["bsq", "bil", "bip"]))
    return driver, images, there, missing, nodata, scale, offset, order, interleave


def write_raster(folder: Path, recipe) -> Path:
    driver, images, there, missing, nodata, scale, offset, order, interleave = recipe
    if driver == "ENVI":
        more = "" if nodata is None else f"data ignore value = {nodata!r}\n"
        for key, value in (("gain", scale), ("offset", offset)):
            if value is not None:
                more += f"data {key} values = {{{', '.join([repr(value)] * len(images))}}}\n"
        code = ENVI_CODES[images.dtype.name]
        return write_envi(folder / "a.img", images, code, interleave, order, more, offset=order * 7)
    bands, profile = list(images), {"scale": scale, "offset": offset, "nodata": nodata}
    if missing == "alpha":
        bands.append(there.astype(images.dtype) * np.iinfo(images.dtype).max)
        profile["alpha"] = len(bands)
    if missing in ("internal", "external"):
        profile |= {"mask": there, "internal": missing == "internal"}
    profile |= {"endianness": ("LITTLE", "BIG")[order]}
    profile |= {"interleave": "pixel" if interleave == "bip" else "band"}
    return write_bands(folder / "a.tif", bands, **profile)


@given(rasters())
def test_a_raster_is_read_as_gdal_itself_masks_and_scales_it(recipe):
    with tempfile.TemporaryDirectory() as folder:
        path = write_raster(Path(folder), recipe)
        for band in range(1, len(recipe[1]) + 1):
            with open_raster(path) as dataset:
                read = dataset.read(band, masked=True)
                scale, offset = dataset.scales[band - 1], dataset.offsets[band - 1]
            expected = read.data.astype("f8") * scale + offset
            there = ~np.ma.getmaskarray(read) & np.isfinite(expected)
            values, valid = read_all(path, band)
            np.testing.assert_array_equal(valid, there)
            np.testing.assert_allclose(values[there], expected[there], rtol=1e-12)


# --- from file to clip bounds --------------------------------------------------------------------


def percentiles(values: np.ndarray) -> tuple[float, float]:
    low, high = np.percentile(values, [1, 99], method="inverted_cdf")
    return float(low), float(high)


def write_mask_db(path: Path, image: np.ndarray) -> np.ndarray:
    there = np.ones(image.shape, "u1") * 255
    there[:, :32] = 0
    write_bands(path, [np.where(there > 0, image, 0).astype("f4")], mask=there)
    return image[:, 32:]


def write_scaled_db(path: Path, image: np.ndarray) -> np.ndarray:
    stored = np.rint(image * 100).astype("i2")
    write_bands(path, [stored], scale=0.01, nodata=-32768)
    return stored / 100


def write_packed_db(path: Path, image: np.ndarray) -> np.ndarray:
    stored = np.clip(np.rint((image + 40) / 0.25), 1, 255).astype("u1")
    write_bands(path, [stored], scale=0.25, offset=-40.0, nodata=0)
    return stored * 0.25 - 40


def write_untagged(path: Path, image: np.ndarray) -> np.ndarray:
    lost = np.random.default_rng(1).random(image.shape) < 0.005
    write_bands(path, [np.where(lost, -9999, image).astype("f4")])
    return image[~lost]


def write_float_min(path: Path, image: np.ndarray) -> np.ndarray:
    filled = image.copy()
    filled[:, :32] = LOWEST
    write_bands(path, [filled], nodata=-3.40282e38)
    return image[:, 32:]


def write_envi_bil(path: Path, image: np.ndarray) -> np.ndarray:
    filled = image.copy()
    filled[:32, :32] = -9999
    path.unlink(missing_ok=True)
    more = "band names = {VV, other}\ndata ignore value = -9999\n"
    bands = np.stack([filled, filled * 0 + 1])
    write_envi(path.with_suffix(".img"), bands, 4, "bil", 1, more, offset=512)
    return np.concatenate([image[:32, 32:].ravel(), image[32:].ravel()])


def write_fortran(path: Path, image: np.ndarray) -> np.ndarray:
    np.save(path.with_suffix(".npy"), np.asfortranarray(image))
    return image


def write_half(path: Path, image: np.ndarray) -> np.ndarray:
    np.save(path.with_suffix(".npy"), image.astype("f2"))
    return image.astype("f2").astype("f8")


def write_big_endian(path: Path, image: np.ndarray) -> np.ndarray:
    np.save(path.with_suffix(".npy"), image.astype(">f4"))
    return image


CASES = [
    write_mask_db,
    write_scaled_db,
    write_packed_db,
    write_untagged,
    write_float_min,
    write_envi_bil,
    write_fortran,
    write_half,
    write_big_endian,
]


@pytest.mark.parametrize("write", CASES, ids=lambda write: write.__name__)
def test_bounds_are_the_percentiles_that_numpy_finds(write, build_small, tmp_path):
    scenes = tmp_path / "scenes"
    scenes.mkdir()
    used = [write(scenes / f"s{n}_vv_dB.tif", draw_db(n, (96, 96))) for n in range(5)]
    rows = [
        f"{path.name},{split}"
        for path, split in zip(
            sorted(p for p in scenes.iterdir() if p.suffix in (".tif", ".img", ".npy")),
            ["train"] * 3 + ["val", "test"],
            strict=True,
        )
    ]
    (tmp_path / "split.csv").write_text("\n".join(["path,split", *rows]))
    corpus: Corpus = build_small(scenes, tmp_path / "corpus", tmp_path / "split.csv")
    (bounds,) = corpus.info.bounds
    expected = percentiles(np.concatenate([np.ravel(image) for image in used[:3]]))
    assert (bounds.low_db, bounds.high_db) == pytest.approx(expected, abs=0.003)
    assert {record.units for record in corpus.info.sources} == {Units.DB}
