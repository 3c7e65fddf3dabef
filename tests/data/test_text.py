"""Names that are no UTF-8: files are read, and what is stored and printed of them is text."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from data.dataset import Corpus
from data.prepare import main
from data.text import as_text, is_text, print_anything
from tests.data.conftest import draw_intensity, write_tiff

CAFE = os.fsdecode(b"caf\xe9")


@pytest.fixture
def scenes(tmp_path) -> Path:
    """Five scenes, and a file that is none, whose names are Latin-1."""
    root = tmp_path / CAFE
    root.mkdir()
    for number in range(5):
        np.save(root / f"{CAFE}{number}_vv_intensity.npy", draw_intensity(number))
    (root / f"{CAFE}.txt").touch()
    return root


def prepare(*args: object) -> int:
    return main([*map(str, args), "--patch-px", "32"])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (b"caf\xe9", "caf%E9"),
        (b"\xff/\x80", "%FF/%80"),
        ("日本 ö 5%E9".encode(), "日本 ö 5%E9"),
    ],
)
def test_every_name_has_a_text(name, text):
    name = os.fsdecode(name)
    assert as_text(name) == text
    assert as_text(name).encode()
    assert is_text(name) is (name == text)


def test_a_corpus_of_such_names_is_made(scenes, tmp_path, capsys):
    assert prepare(scenes, "--out", tmp_path / "corpus") == 0
    assert "caf%E9" in capsys.readouterr().out
    corpus = Corpus.open(tmp_path / "corpus")
    assert set(corpus.index["scene"]) == {f"caf%E9{number}" for number in range(5)}
    assert [name for name, _ in corpus.info.left_out] == ["caf%E9.txt"]


def test_what_is_understood_of_such_names_is_printed(scenes, tmp_path, capsys):
    assert prepare(scenes, "--check", "--quicklooks", tmp_path / f"quick_{CAFE}") == 0
    printed = capsys.readouterr().out
    assert "for example caf%E90_vv_intensity.npy" in printed
    assert "no image (.txt): caf%E9.txt" in printed


@pytest.mark.parametrize("encode", [os.fsencode, lambda name: as_text(name).encode()])
def test_a_split_file_lists_them_as_bytes_or_as_text(scenes, tmp_path, encode):
    splits = ("train", "train", "train", "val", "test")
    rows = [f"{CAFE}{number}_vv_intensity.npy,{split}\n" for number, split in enumerate(splits)]
    (tmp_path / "split.csv").write_bytes(encode("path,split\n" + "".join(rows)))
    out = tmp_path / "corpus"
    assert prepare(scenes, "--out", out, "--split-file", tmp_path / "split.csv") == 0
    assert tuple(record.split for record in Corpus.open(out).info.sources) == splits


@pytest.mark.parametrize("name", [CAFE, as_text(CAFE)])
def test_a_pattern_of_units_matches_them_as_bytes_or_as_text(scenes, tmp_path, name):
    units = f"{name}*=amplitude"
    assert prepare(scenes, "--out", tmp_path / "corpus", "--units", units) == 0
    assert {record.units for record in Corpus.open(tmp_path / "corpus").info.sources} == {
        "amplitude"
    }


def test_a_scene_that_gdal_cannot_open_by_its_name_is_refused(tmp_path, capsys):
    plain = write_tiff(tmp_path / "s_vv_intensity.tif", [draw_intensity(0)])
    plain.rename(tmp_path / f"{CAFE}_vv_intensity.tif")
    assert prepare(tmp_path, "--check") == 2
    error = capsys.readouterr().err
    assert error.startswith("error: a scene that GDAL reads has a path in UTF-8, and ")
    assert "caf%E9_vv_intensity.tif is in another encoding: rename it" in error


def test_a_corpus_folder_that_no_setting_can_name_is_refused(scenes, tmp_path, capsys):
    assert prepare(scenes, "--out", tmp_path / CAFE / "corpus") == 2
    assert "found --out" in capsys.readouterr().err


def test_the_name_of_a_corpus_is_text(scenes, tmp_path):
    assert prepare(scenes, "--out", tmp_path / "corpus", "--name", CAFE) == 0
    assert json.loads((tmp_path / "corpus" / "corpus.json").read_text())["name"] == "caf%E9"
    assert prepare(scenes, "--out", tmp_path / "corpus", "--name", CAFE) == 0


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_the_console_escapes_what_it_cannot_encode(tmp_path, encoding):
    command = "from data.text import print_anything; print_anything(); print('▂', '\\udce9')"
    done = subprocess.run(
        [sys.executable, "-c", command],
        env={**os.environ, "PYTHONIOENCODING": encoding},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        check=True,
    )
    first = "▂".encode(encoding, "backslashreplace")
    assert done.stdout == first + b" \\udce9\n"


def test_a_console_that_writes_every_name_as_it_is_does_so_still(monkeypatch, tmp_path):
    with (tmp_path / "out").open("w", encoding="utf-8", errors="surrogateescape") as out:
        monkeypatch.setattr("sys.stdout", out)
        print_anything()
        sys.stdout.write(f"{CAFE}\n")
    assert (tmp_path / "out").read_bytes() == b"caf\xe9\n"
