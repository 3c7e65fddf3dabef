"""The command that exports: what it writes, what it refuses, what it leaves alone."""

import json
import shutil
import subprocess
import sys

import pytest

from analysis.export import main

pytestmark = pytest.mark.slow


@pytest.fixture
def search_only(recorded_results, tmp_path):
    """Results without a promotion."""
    results = tmp_path / "results"
    for folder in recorded_results.glob("*_quick_*"):
        shutil.copytree(folder, results / folder.name)
    return results


def files_of(out):
    return {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}


def test_without_a_word_it_writes_what_needs_no_further_package_and_again_the_same_bytes(
    recorded_results, tmp_path, capsys
):
    out = tmp_path / "out"
    arguments = ["--results", str(recorded_results), "--out", str(out)]
    assert main(arguments) == 0
    said = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in said] == ["tables", "images", "compressai"]
    names = {"export.json", "written.json", "tables", "images.csv", "compressai"}
    assert {path.name for path in out.iterdir()} == names
    first = {name: (out / name).read_bytes() for name in files_of(out)}
    assert main(arguments) == 0
    assert {name: (out / name).read_bytes() for name in files_of(out)} == first


def test_only_what_was_asked_for_is_written(recorded_results, tmp_path):
    out = tmp_path / "out"
    assert main(["--results", str(recorded_results), "--out", str(out), "--as", "images"]) == 0
    assert files_of(out) == {"export.json", "written.json", "images.csv"}


def test_a_shape_that_the_tables_have_nothing_for_is_told_beside_the_others(
    search_only, tmp_path, capsys
):
    out = tmp_path / "out"
    arguments = ["--results", str(search_only), "--out", str(out), "--as", "compressai,tables"]
    assert main(arguments) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "compressai: nothing, found no test scores of a promotion at real bytes"
    assert said[1].startswith("tables: ")
    assert not (out / "compressai").exists()


def test_nothing_at_all_is_a_mistake_and_nothing_is_written(search_only, tmp_path, capsys):
    out = tmp_path / "out"
    arguments = ["--results", str(search_only), "--out", str(out), "--as", "images,compressai"]
    assert main(arguments) == 2
    assert "needs test scores of a promotion" in capsys.readouterr().err
    assert not out.exists()


def test_what_could_not_be_read_is_told(search_only, tmp_path, capsys):
    torn = next(search_only.glob("baseline*/tables/trials.parquet"))
    torn.write_bytes(b"torn")
    assert main(["--results", str(search_only), "--out", str(tmp_path / "out")]) == 0
    assert "left out study baseline_quick" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--results", "not_there"], "--results must be a folder of studies, found 'not_there'"),
        (["--results", ".", "--as", "mlfow"], "found 'mlfow': did you mean mlflow?"),
        (["--results", "."], "--as tables,images,compressai needs rows in any table"),
        (["--rezults", "x"], "unrecognized arguments"),
    ],
)
def test_a_mistake_is_one_sentence_and_nothing_is_written(
    arguments, sentence, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    try:
        code = main(arguments)
    except SystemExit as end:
        code = end.code
    assert code == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_an_absent_extra_is_told_before_anything_is_written(
    recorded_results, tmp_path, monkeypatch, capsys
):
    monkeypatch.setitem(sys.modules, "wandb", None)
    out = tmp_path / "out"
    arguments = ["--results", str(recorded_results), "--out", str(out), "--as", "tables,wandb"]
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert f"{sys.executable} -m pip install" in error
    assert error.count("\n") == 1
    assert not out.exists()


def test_a_folder_of_another_is_refused_and_kept(recorded_results, tmp_path, capsys):
    (tmp_path / "mine").write_text("mine", encoding="utf-8")
    assert main(["--results", str(recorded_results), "--out", str(tmp_path)]) == 2
    assert "--out must be a new folder" in capsys.readouterr().err
    assert files_of(tmp_path) == {"mine"}


@pytest.mark.parametrize("place", ["file/below", "file"])
def test_a_file_in_the_way_is_one_sentence(recorded_results, tmp_path, capsys, place):
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    assert main(["--results", str(recorded_results), "--out", str(tmp_path / place)]) == 2
    error = capsys.readouterr().err
    assert "--out must be a folder" in error
    assert error.count("\n") == 1
    assert files_of(tmp_path) == {"file"}


def test_the_folder_says_what_made_it(recorded_results, tmp_path):
    out = tmp_path / "out"
    assert main(["--results", str(recorded_results), "--out", str(out), "--as", "images"]) == 0
    marker = json.loads((out / "export.json").read_text(encoding="utf-8"))
    assert marker["made_by"] == "python -m analysis.export"


def loaded_after(arguments):
    """Which heavy modules a run of the command has loaded by its end."""
    code = (
        f"import sys\ntry:\n    import analysis.export; analysis.export.main({arguments!r})\n"
        "except SystemExit: pass\n"
        "heavy = {'pandas', 'plotly', 'numpy', 'pyarrow', 'mlflow', 'wandb', 'torch'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1]


def test_help_comes_without_a_heavy_package():
    assert loaded_after(["--help"]) == "[]"


def test_a_plain_export_imports_no_extra(recorded_results, tmp_path):
    arguments = ["--results", str(recorded_results), "--out", str(tmp_path), "--as", "tables"]
    loaded = loaded_after(arguments)
    assert "pandas" in loaded
    assert not {"mlflow", "wandb", "torch"} & set(loaded.split("'"))
