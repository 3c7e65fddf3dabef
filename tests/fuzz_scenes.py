"""`python -m tests.fuzz_scenes --files 2000`: damaged scene files are read or refused, never worse.

Small scenes of every type are cut short or have bytes flipped, then read as a corpus reads them.
Each must be read, or be answered by a `DataError`, within 10 s and 1 GB of memory, without a
warning. What is cut short and still read must have the pixels of the whole file. The first line
that breaks a rule ends the run with exit code 1; the file is kept in the folder it names.
"""

# ruff: noqa: T201 - a command prints

import argparse
import faulthandler
import shutil
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import rasterio
from PIL import Image

from data.calibration import Units, encode
from data.errors import DataError
from data.scenes import open_rows, read_facts

MAX_SECONDS, MAX_MB = 10, 1024
ROWS = 256


def draw(dtype: str, seed: int = 0) -> np.ndarray:
    return (100 * np.random.default_rng(seed).gamma(4.4, 0.2, (60, 50)) + 1).astype(dtype)


def write_tiff(path: Path, dtype: str = "float32", mask: bool = False, **profile) -> None:
    image = draw(dtype)
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
        rasterio.open(
            path, "w", driver="GTiff", height=60, width=50, count=1, dtype=dtype, **profile
        ) as dataset,
    ):
        dataset.write(image, 1)
        dataset.scales, dataset.units = (0.5,), ("intensity",)
        if mask:
            dataset.write_mask(image > 60)


def write_envi(path: Path) -> None:
    path.write_bytes(np.stack([draw(">f4"), draw(">f4", 1)]).tobytes())
    path.with_suffix(".hdr").write_text(
        "ENVI\ndescription = {Sigma0 intensity}\nsamples = 50\nlines = 60\nbands = 2\n"
        "header offset = 0\nfile type = ENVI Standard\ndata type = 4\ninterleave = bsq\n"
        "byte order = 1\nband names = { VV, VH }\ndata ignore value = -9999\n"
    )


ORIGINALS: dict[str, Callable[[Path], None]] = {
    "strips.tif": write_tiff,
    "tiles.tif": lambda path: write_tiff(path, tiled=True, blockxsize=32, blockysize=16),
    "deflate.tif": lambda path: write_tiff(path, "uint16", compress="deflate", nodata=0),
    "lzw.tif": lambda path: write_tiff(path, "int16", compress="lzw", predictor=2),
    "zstd.tif": lambda path: write_tiff(path, compress="zstd", BIGTIFF="YES"),
    "mask.tif": lambda path: write_tiff(path, mask=True, crs="EPSG:32617"),
    "two.img": write_envi,
    "grey8.png": lambda path: Image.fromarray(draw("uint8")).save(path),
    "grey16.png": lambda path: Image.fromarray(draw("uint16")).save(path),
    "c.npy": lambda path: np.save(path, draw("float32")),
    "fortran.npy": lambda path: np.save(path, np.asfortranarray(draw(">f8"))),
}


def damage(path: Path, generator: np.random.Generator) -> bool:
    """Damage a file; give True if it was only cut short."""
    content = bytearray(path.read_bytes())
    if generator.random() < 0.35:
        path.write_bytes(content[: generator.integers(len(content))])
        return True
    # Headers are short: half of the flips fall into the first or last bytes.
    reach = min(len(content), 400) if generator.random() < 0.5 else len(content)
    for _ in range(generator.choice([1, 1, 2, 5, 40])):
        place = int(generator.integers(reach))
        if generator.random() < 0.3:
            place = len(content) - 1 - place
        content[place] = int(generator.choice([0, 255, generator.integers(256)]))
    path.write_bytes(content)
    return False


def read_like_a_corpus(path: Path) -> np.ndarray:
    """Read and encode every band; give all codes."""
    facts = read_facts(path)
    codes = [np.empty((0, 0), np.uint16)]
    for band in range(1, len(facts.band_names) + 1):
        with open_rows(path, band) as read_rows:
            for start in range(0, facts.height_px, ROWS):
                block = read_rows(start, min(start + ROWS, facts.height_px))
                codes.append(encode(block.values, Units.INTENSITY, valid=block.valid))
    return np.concatenate([code.ravel() for code in codes])


def judge(path: Path, whole: np.ndarray | None) -> tuple[str, str]:
    """Read a damaged file; give what happened and what is wrong with it."""
    start = time.perf_counter()
    # Ends the process with a traceback when a decoder hangs, wherever it is.
    faulthandler.dump_traceback_later(3 * MAX_SECONDS, exit=True)
    try:
        codes = read_like_a_corpus(path)
        outcome, fault = "read", ""
        if whole is not None and not np.array_equal(codes, whole):
            fault = "was cut short and read with other pixels"
    except DataError as error:
        outcome, fault = "refused", "" if ": " in str(error) else f"has no next step ({error})"
    except Exception as error:  # any other end is what is looked for
        outcome, fault = "failed", f"ended with {type(error).__name__}: {error}"
    faulthandler.cancel_dump_traceback_later()
    seconds = time.perf_counter() - start
    used_mb = peak_mb()
    if seconds > MAX_SECONDS:
        fault = f"took {seconds:.0f} s"
    if used_mb > MAX_MB:
        fault = f"took {used_mb:.0f} MB"
    return outcome, fault


def peak_mb() -> float:
    """Return the most memory that this program had; the kernel's rusage counts its parent's too."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    (peak,) = (line.split()[1] for line in lines if line.startswith("VmHWM:"))
    return int(peak) / 1024


def fuzz(num_files: int, seed: int) -> int:
    """Damage and read files; give the exit code."""
    generator, outcomes = np.random.default_rng(seed), Counter[str]()
    folder = Path(tempfile.mkdtemp(prefix="sar-tune-fuzz-"))
    names = list(ORIGINALS)
    for number in range(num_files):
        name = names[number % len(names)]
        path = folder / name
        ORIGINALS[name](path)
        whole = read_like_a_corpus(path)
        header = path.with_suffix(".hdr")
        is_header = header.exists() and generator.random() < 0.5
        was_cut = damage(header if is_header else path, generator)
        outcome, fault = judge(path, whole if was_cut else None)
        if fault:
            print(f"{path} (number {number}, seed {seed}) {fault}")
            return 1
        outcomes[f"{path.suffix[1:]} {outcome}"] += 1
        for file in folder.iterdir():
            file.unlink()
    shutil.rmtree(folder)
    used_mb = peak_mb()
    counts = ", ".join(f"{count} {what}" for what, count in sorted(outcomes.items()))
    print(f"{num_files} files: {counts}; at most {used_mb:.0f} MB")
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Read damaged scene files.")
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    warnings.simplefilter("error")
    warnings.filterwarnings("ignore", module="rasterio.*")
    sys.exit(fuzz(args.files, args.seed))
