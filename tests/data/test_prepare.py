"""The command as a newcomer meets it: what it prints, what it refuses, what it leaves behind."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from data.dataset import Corpus
from data.prepare import main


@pytest.fixture
def scenes(make_scenes) -> Path:
    return make_scenes()


@pytest.fixture
def out(tmp_path) -> Path:
    return tmp_path / "corpus"


def prepare(*args: object) -> int:
    return main([*map(str, args), "--patch-px", "32"])


def times_of(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_a_corpus_is_made_and_the_next_command_named(scenes, out, capsys):
    assert prepare(scenes, "--out", out) == 0
    last_lines = capsys.readouterr().out.splitlines()[-2:]
    assert last_lines[0].startswith(f"Wrote {out}: 45 patches of 32 px")
    assert last_lines[1] == f"Next: python -m tune.search --arch attention --ratio 16 --data {out}"
    assert Corpus.open(out).info.num_patches == {"train": 27, "val": 9, "test": 9}


def test_the_table_tells_what_was_kept_and_why(scenes, out, capsys):
    image = np.load(scenes / "s0_vv_intensity.npy")
    image[:40] = 0
    np.save(scenes / "s0_vv_intensity.npy", image)
    prepare(scenes, "--out", out, "--seed", 1)
    lines = capsys.readouterr().out.splitlines()
    assert " ".join(lines[0].split()) == (
        "group pol images units taken from train val test dropped bounds, dB"
    )
    assert re.match(r"scenes +vv +5 +intensity +file name +\d+ +\d+ +\d+ +6 +\S+ to \S+$", lines[1])
    assert lines[2].startswith("Dropped 6 of 45 patches: less than 99% valid pixels")
    assert "s0_vv_intensity.npy" in lines[2]
    assert lines[3].startswith(
        "Left over at the right and bottom edges, narrower than a patch: 4.0%"
    )


def test_the_same_again_changes_nothing(scenes, out, capsys):
    prepare(scenes, "--out", out)
    before = times_of(out)
    capsys.readouterr()
    assert prepare(scenes, "--out", out) == 0
    assert "is up to date" in capsys.readouterr().out
    assert times_of(out) == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("--min-valid-fraction", 0.5), "min_valid_fraction is 0.99 there and 0.5 here"),
        (("--units", "intensity"), "units is auto there and intensity here"),
        (("--name", "other"), "its name is corpus there and other here"),
        (("--seed", 3), "seed is 0 there and 3 here"),
    ],
)
def test_other_options_are_refused_naming_the_difference(change, message, scenes, out, capsys):
    prepare(scenes, "--out", out)
    before = times_of(out)
    assert prepare(scenes, "--out", out, *change) == 2
    assert message in capsys.readouterr().err
    assert times_of(out) == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda scenes: np.save(scenes / "s9_vv_intensity.npy", np.ones((32, 32))), "1 .* new"),
        (lambda scenes: (scenes / "s4_vv_intensity.npy").unlink(), r"1 .* gone.*s4_vv"),
        (lambda scenes: np.save(scenes / "s4_vv_intensity.npy", np.ones((32, 32))), "1 .* changed"),
    ],
)
def test_other_scenes_are_refused_naming_the_difference(change, message, scenes, out, capsys):
    prepare(scenes, "--out", out)
    change(scenes)
    assert prepare(scenes, "--out", out) == 2
    assert re.search(message, capsys.readouterr().err)


def write_split(scenes: Path, *splits: str) -> Path:
    rows = [f"s{number}_vv_intensity.npy,{split}" for number, split in enumerate(splits)]
    path = scenes / "split.csv"
    path.write_text("\n".join(["path,split", *rows]))
    return path


def test_a_split_file_decides(scenes, out):
    file = write_split(scenes, "val", "test", "test", "train", "train")
    assert prepare(scenes, "--out", out, "--split-file", file) == 0
    assert Corpus.open(out).info.num_patches == {"train": 18, "val": 9, "test": 18}


def test_another_split_is_refused_naming_an_image(scenes, out, capsys):
    file = write_split(scenes, "val", "test", "test", "train", "train")
    prepare(scenes, "--out", out, "--split-file", file)
    write_split(scenes, "val", "train", "test", "train", "train")
    assert prepare(scenes, "--out", out, "--split-file", file) == 2
    assert "1 image(s) in another split, for example s1_vv" in capsys.readouterr().err


def test_a_copied_scene_in_another_split_is_refused_and_leaves_nothing(scenes, out, capsys):
    image = np.load(scenes / "s0_vv_intensity.npy")
    image[-1] = 7  # another file, the same patches
    np.save(scenes / "s1_vv_intensity.npy", image)
    file = write_split(scenes, "train", "val", "test", "train", "train")
    assert prepare(scenes, "--out", out, "--split-file", file) == 2
    said = capsys.readouterr().err
    assert "s0_vv_intensity.npy (train) and s1_vv_intensity.npy (val) share 6" in said
    assert not out.exists()


def test_a_copied_scene_in_the_same_split_is_kept(scenes, out):
    image = np.load(scenes / "s0_vv_intensity.npy")
    image[-1] = 7
    np.save(scenes / "s1_vv_intensity.npy", image)
    file = write_split(scenes, "train", "train", "val", "test", "train")
    assert prepare(scenes, "--out", out, "--split-file", file) == 0


def test_an_image_that_lost_all_patches_is_named_with_its_split(scenes, out, capsys):
    image = np.load(scenes / "s2_vv_intensity.npy")
    image[:, ::8] = 0
    np.save(scenes / "s2_vv_intensity.npy", image)
    file = write_split(scenes, "train", "val", "test", "train", "train")
    assert prepare(scenes, "--out", out, "--split-file", file) == 0
    said = capsys.readouterr().out
    assert "Warning: s2_vv_intensity.npy (test) gave no patch: each of its 9 has too many" in said


@pytest.mark.parametrize("options", [(), ("--dry-run",)])
def test_scenes_smaller_than_a_patch_are_listed(options, scenes, out, capsys):
    np.save(scenes / "tiny_vv_intensity.npy", np.ones((31, 99)))
    assert prepare(scenes, "--out", out, *options) == 0
    (line,) = (ln for ln in capsys.readouterr().out.splitlines() if ln.startswith("Smaller"))
    assert "tiny_vv_intensity.npy" in line


def test_scenes_smaller_than_a_patch_are_in_no_split(scenes, out):
    for number in range(9):
        np.save(scenes / f"tiny{number}_vv_intensity.npy", np.ones((31, 99 + number)))
    assert prepare(scenes, "--out", out) == 0
    corpus = Corpus.open(out)
    assert corpus.info.num_patches == {"train": 27, "val": 9, "test": 9}
    assert {r.split for r in corpus.info.sources if r.scene.startswith("tiny")} == {""}


@pytest.mark.parametrize("options", [(), ("--dry-run",)])
def test_a_polarisation_without_validation_is_said(options, scenes, out, capsys):
    np.save(scenes / "s0_vh_intensity.npy", np.load(scenes / "s0_vv_intensity.npy") / 4)
    file = write_split(scenes, "train", "val", "test", "train", "train")
    file.write_text(file.read_text() + "\ns0_vh_intensity.npy,train")
    assert prepare(scenes, "--out", out, "--split-file", file, *options) == 0
    assert "Warning: group scenes (vh) has no val and no test images" in capsys.readouterr().out


MISTAKES = {
    "patch side": (lambda s: [s, "--patch-px", "40"], "a positive multiple of 16"),
    "no scenes": (lambda s: [], "neither is given"),
    "scenes and synthetic": (lambda s: [s, "--synthetic"], "both is given"),
    "synthetic with units": (lambda s: ["--synthetic", "--units", "db"], "leave it out"),
    "negative seed": (lambda s: [s, "--seed", "-1"], "from 0 to 4294967295, found -1"),
    "seed of 33 bits": (lambda s: [s, "--seed", str(2**32)], "found 4294967296"),
    "synthetic with a negative seed": (lambda s: ["--synthetic", "--seed", "-1"], "found -1"),
    "missing path": (lambda s: [s / "nowhere"], "check the path"),
    "missing split file": (lambda s: [s, "--split-file", s / "no.csv"], "check --split-file"),
    "one pass": (lambda s: [s / "s0_vv_intensity.npy"], "give --split-file"),
    "wrong units": (lambda s: [s, "--units", "db", "--min-valid-fraction", "2"], "between 0 and 1"),
}


@pytest.mark.parametrize(("args", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_sentence_and_leaves_nothing(args, message, scenes, out, capsys):
    listed = args(scenes)
    if "--patch-px" not in listed:
        listed += ["--patch-px", "32"]
    assert main([*map(str, listed), "--out", str(out)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert message in captured.err
    assert captured.err.count("\n") == 1
    assert not out.exists()


def damage_by_cutting(scenes: Path) -> None:
    file = scenes / "s1_vv_intensity.npy"
    file.write_bytes(file.read_bytes()[:5000])


def damage_by_zeros(scenes: Path) -> None:
    np.save(scenes / "s1_vv_intensity.npy", np.zeros((64, 64), np.float32))


def damage_by_name(scenes: Path) -> None:
    (scenes / "s1_vv_intensity.npy").rename(scenes / "s1_vv.npy")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (damage_by_cutting, "must be complete and readable"),
        (damage_by_zeros, "must hold valid pixels"),
        (damage_by_name, "give --units"),
    ],
)
def test_a_bad_scene_is_one_sentence_and_leaves_nothing(damage, message, scenes, out, capsys):
    damage(scenes)
    assert prepare(scenes, "--out", out) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err
    assert captured.err.count("\n") == 1
    assert [path.name for path in out.parent.iterdir()] == ["scenes"]


def test_a_dry_run_prints_the_plan_and_writes_nothing(scenes, out, capsys):
    assert prepare(scenes, "--out", out, "--dry-run") == 0
    assert "at most 45 patches, 0.1 MB; nothing is written" in capsys.readouterr().out
    assert not out.exists()


def test_a_dry_run_of_synthetic_scenes_draws_none(out, capsys):
    assert main(["--synthetic", "--out", str(out), "--dry-run"]) == 0
    assert "8 synthetic scenes" in capsys.readouterr().out
    assert not out.exists()


def test_quiet_prints_nothing(scenes, out, capsys):
    prepare(scenes, "--out", out, "--quiet")
    prepare(scenes, "--out", out, "--quiet")
    assert capsys.readouterr() == ("", "")


def test_an_interrupt_leaves_nothing(scenes, out, capsys, monkeypatch):
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("data.builder._describe", interrupt)
    assert prepare(scenes, "--out", out) == 130
    assert [path.name for path in out.parent.iterdir()] == ["scenes"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_refused(scenes, tmp_path, capsys):
    (tmp_path / "locked").mkdir(mode=0o500)
    assert prepare(scenes, "--out", tmp_path / "locked" / "corpus") == 2
    assert "must be writable" in capsys.readouterr().err


def test_a_file_in_the_place_of_the_folder_is_refused(scenes, tmp_path, capsys):
    (tmp_path / "corpus").write_text("mine")
    assert prepare(scenes, "--out", tmp_path / "corpus") == 2
    assert prepare(scenes, "--out", tmp_path / "corpus" / "deep") == 2
    assert (tmp_path / "corpus").read_text() == "mine"


def test_help_needs_no_heavy_import():
    code = (
        "import sys; from data.prepare import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'pandas', 'pyarrow', 'rasterio', 'rich', 'PIL', 'torch'}\n"
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
