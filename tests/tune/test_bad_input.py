"""Every mistake a person can make is answered by one sentence, exit code 2, and no file."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import rasterio
from affine import Affine

from data import prepare
from data.dataset import INDEX_FILE
from data.info import INFO_FILE
from tune import doctor, search, status, train

Main = Callable[[list[str]], int]


@pytest.fixture(autouse=True)
def working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, on a machine without a card, where nothing can be started."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the mistake was not found before the work began")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tune.config.machine._has_cuda", lambda: False)
    monkeypatch.setattr("tune.search.run_all", refuse)
    monkeypatch.setattr("tune.study.opening.choose_study_stack", refuse)
    monkeypatch.setattr("models.training.precision.prepare_process", lambda: True)
    monkeypatch.setattr("data.synthetic.build_synthetic_corpus", refuse)
    return tmp_path


def contents(folder: Path) -> dict[str, bytes | None]:
    """Return every path below a folder, with the bytes of the files."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def refusal(main: Main, arguments: list[str], folder: Path, capsys) -> str:
    """Run a command that must refuse; return its one sentence, without the command's name."""
    before = contents(folder)
    try:
        code = main(arguments)
    except SystemExit as exit_:
        code = exit_.code
    captured = capsys.readouterr()
    assert code == 2, captured
    assert captured.out == ""
    assert captured.err.endswith("\n")
    assert captured.err.count("\n") == 1
    assert "Traceback" not in captured.err
    assert contents(folder) == before
    return captured.err.partition(": ")[2].strip()


@pytest.fixture
def refuses(working_folder: Path, capsys: pytest.CaptureFixture[str]):
    """Check that a command refuses, and that its sentence has rule, value and next step."""

    def check(main: Main, arguments: list[str], *parts: str) -> None:
        sentence = refusal(main, arguments, working_folder, capsys)
        at = -1
        for part in parts:
            assert part in sentence[at + 1 :], sentence
            at = sentence.index(part, at + 1)

    return check


SHARED_MISTAKES = {
    "unknown architecture": (
        ["--arch", "atention"],
        "arch must be one of baseline, resnet, residual, attention, linear or all",
        "found 'atention'",
        "did you mean attention?",
    ),
    "unknown ratio": (
        ["--ratio", "128"],
        "ratio must be one of 4, 8, 16, 32, 64 or all",
        "found 128",
        "choose one of these",
    ),
    "ratio without whole latent channels": (
        ["--ratio", "12"],
        "a whole number of latent channels, 256 / ratio",
        "found 12 which leaves 21.33",
        "choose one of 4, 8, 16, 32, 64",
    ),
    "ratio 0": (["--ratio", "0"], "ratio must", "found 0", "choose one of"),
    "negative ratio": (["--ratio", "-16"], "ratio must", "found -16", "choose one of"),
    "ratio in words": (["--ratio", "x"], "a whole number", "found 'x'", "--help"),
    "missing corpus": (["--data", "nowhere"], "a corpus is a folder", "nowhere", "data.prepare"),
    "empty folder": (["--data", "empty"], "a corpus is a folder", "empty", "data.prepare"),
    "more warmup than epochs": (
        ["--epochs", "4", "--warmup-epochs", "5"],
        "warmup_epochs must not exceed epochs",
        "found 5 and 4",
        "raise --epochs",
    ),
    "data fraction 0": (["--data-fraction", "0"], "must be above 0", "found 0", "raise it"),
    "data fraction above 1": (["--data-fraction", "1.1"], "1 or less", "found 1.1", "lower it"),
    "data fraction nan": (["--data-fraction", "nan"], "finite", "found nan", "finite number"),
    "learning rate 0": (["--learning-rate", "0"], "must be above 0", "found 0", "raise it"),
    "crop of an odd size": (["--crop-px", "40"], "multiple of 16", "found 40", "use 32 or 48"),
    "seed beyond 32 bits": (["--seed", "4294967296"], "or less", "found 4294967296", "lower it"),
    "no card": (["--device", "cuda"], "needs a CUDA card", "found none", "--device cpu"),
    "unknown device": (["--device", "tpu"], "auto, cpu or cuda", "found 'tpu'", "choose"),
    "unknown schedule": (["--schedule", "cosin"], "must be one of", "'cosin'", "mean cosine?"),
    "results in a file": (["--results", "file"], "must be writable", "'file'", "--results"),
    "results below a file": (
        ["--results", "file/deep"],
        "must be writable",
        "found 'file/deep' ('file' is a file)",
        "--results",
    ),
    "results with too long a name": (
        ["--results", "x" * 300],
        "must be writable",
        "File name too long",
        "--results",
    ),
    "name that exists": (
        ["--results", "results", "--name", "taken"],
        "never used twice",
        "found 'taken' in 'results'",
        "choose another --name",
    ),
    "name that leads elsewhere": (["--name", "../up"], "name must begin", "'../up'", "rename"),
    "name too long for a folder": (["--name", "x" * 201], "at most 200", "found 201", "shorten"),
    "missing configuration": (["--config", "no.toml"], "readable", "'no.toml'", "check the path"),
    "configuration that is no TOML": (["--config", "file"], "TOML", "'file'", "write lines"),
    "unknown key": (
        ["--config", "unknown.toml"],
        "takes the settings of the command's --help",
        "found 'warmup_epoch'",
        "did you mean warmup_epochs?",
    ),
    "key of the wrong type": (["--config", "typed.toml"], "number", "found True", "--help"),
    "unknown rate": (["--rate", "byte"], "one of bytes, elements", "found 'byte'", "mean bytes?"),
    "latent channels that elements do not leave": (
        ["--rate", "elements", "--latent-channels", "8"],
        "256 / ratio = 16 where the ratio counts elements",
        "found 8",
        "leave it out, or search with --rate bytes",
    ),
    "linear without its path": (
        ["--arch", "linear", "--linear-path", "off"],
        "linear is the linear path alone",
        "found --linear-path off",
        "leave it out, or choose",
    ),
    "unknown flag": (["--aarch", "baseline"], "unrecognized arguments", "--aarch", "--help"),
    "abbreviated flag": (["--learning", "1"], "unrecognized arguments", "--learning", "--help"),
    "flag without a value": (["--ratio"], "--ratio", "expected one argument", "--help"),
}

SEARCH_MISTAKES = {
    "misspelt --tune": (
        ["--tune", "learning_rate,warmup"],
        "--tune and --range take the names",
        "found 'warmup'",
        "did you mean warmup_epochs?",
    ),
    "repeated --tune": (["--tune", "dropout,dropout"], "different names", "dropout", "leave it"),
    "empty --tune": (["--tune", ""], "take the names", "found ''", "choose one of these"),
    "negative bound": (
        ["--range", "learning_rate=-1e-4:1e-3"],
        "lower bound of learning_rate must be above 0",
        "found -0.0001",
        "raise it with --range",
    ),
    "bounds the wrong way": (
        ["--range", "learning_rate=1e-3:1e-4"],
        "must be below the upper one",
        "found 0.001 and 0.0001",
        "swap",
    ),
    "negative choice": (["--range", "base_channels=-8,8"], "0 or more", "found -8", "leave that"),
    "width 0": (["--range", "base_channels=0,8"], "1 or more", "found 0", "raise it"),
    "range of nothing searched": (
        ["--range", "dropout=0:0.1"],
        "a dimension that is searched",
        "found dropout",
        "add it to --tune",
    ),
    "latent channels that do not reach the rate": (
        ["--range", "latent_channels=8,64"],
        "8 latent channels reach rates up to 0.25 bit per pixel",
        "found --ratio 16, which is 0.5",
        "take 16 channels or more, or a larger ratio",
    ),
    "searched latent channels of elements": (
        ["--rate", "elements", "--tune", "learning_rate,latent_channels"],
        "256 / ratio where the ratio counts elements",
        "found --tune latent_channels",
        "leave it out, or search with --rate bytes",
    ),
    "more searched warmup than epochs": (
        ["--epochs", "4", "--range", "warmup_epochs=0:5"],
        "warmup_epochs must not exceed epochs",
        "found 5 and 4",
        "raise --epochs",
    ),
    "more grace than epochs": (
        ["--epochs", "4", "--grace-epochs", "5"],
        "grace_epochs must not exceed epochs",
        "found 5 and 4",
        "raise --epochs",
    ),
    "no time": (["--hours", "0"], "hours must be above 0", "found 0", "raise it"),
    "negative time": (["--hours", "-1"], "hours must be above 0", "found -1", "raise it"),
    "no trials": (["--trials", "0"], "trials must be 1 or more", "found 0", "raise it"),
    "unknown searcher": (["--searcher", "tpee"], "tpe, random, gp", "found 'tpee'", "mean tpe?"),
    "one name for all": (["--arch", "all", "--name", "a"], "one study", "'a'", "leave --name"),
}


@pytest.fixture
def mistaken_files(working_folder: Path) -> None:
    """The files that the mistakes above name."""
    (working_folder / "empty").mkdir()
    (working_folder / "file").write_text("mine")
    (working_folder / "results" / "taken").mkdir(parents=True)
    (working_folder / "unknown.toml").write_text("warmup_epoch = 3\n")
    (working_folder / "typed.toml").write_text("dropout = true\n")


@pytest.mark.parametrize("main", [search.main, train.main], ids=["search", "train"])
@pytest.mark.parametrize("mistake", SHARED_MISTAKES.values(), ids=SHARED_MISTAKES)
@pytest.mark.usefixtures("mistaken_files")
def test_search_and_train_refuse_in_one_sentence(main, mistake, refuses):
    refuses(main, *mistake)


@pytest.mark.parametrize("mistake", SEARCH_MISTAKES.values(), ids=SEARCH_MISTAKES)
def test_search_refuses_in_one_sentence(mistake, refuses):
    refuses(search.main, *mistake)


def test_a_dry_run_refuses_as_the_run_would(refuses):
    refuses(search.main, ["--dry-run", "--ratio", "12"], "found 12", "choose one of")


@pytest.mark.parametrize(
    ("flags", "found"),
    [(["--arch", "all"], "found 5 pairs"), (["--ratio", "4,16"], "found 2 pairs")],
)
def test_a_training_of_several_is_refused(refuses, flags, found):
    refuses(train.main, flags, "one architecture and one ratio", found, "name one")


def test_a_training_refuses_a_flag_of_the_search(refuses):
    refuses(train.main, ["--trials", "3"], "unrecognized arguments", "--trials 3", "--help")


@pytest.fixture
def spoilt_corpus(tiny_corpus: Path, working_folder: Path) -> Path:
    """A copy of a whole corpus, to be spoilt."""
    return Path(shutil.copytree(tiny_corpus, working_folder / "spoilt"))


BOTH = pytest.mark.parametrize("main", [search.main, train.main], ids=["search", "train"])


@BOTH
def test_a_corpus_of_another_version_is_refused(main, spoilt_corpus, refuses):
    info = json.loads((spoilt_corpus / INFO_FILE).read_text())
    (spoilt_corpus / INFO_FILE).write_text(json.dumps(info | {"version": 2}))
    refuses(main, ["--data", str(spoilt_corpus)], "version 1", "has version 2", "prepare")


@BOTH
def test_a_corpus_without_patches_is_refused(main, spoilt_corpus, refuses):
    index = spoilt_corpus / INDEX_FILE
    pq.write_table(pq.read_table(index)[:0], index)
    refuses(main, ["--data", str(spoilt_corpus)], "holds patches", "has none", "data.prepare")


@BOTH
@pytest.mark.parametrize("split", ["train", "val"])
def test_a_corpus_without_a_split_is_refused(main, split, spoilt_corpus, refuses):
    index = spoilt_corpus / INDEX_FILE
    table = pq.read_table(index)
    pq.write_table(table.filter([name != split for name in table["split"].to_pylist()]), index)
    info = json.loads((spoilt_corpus / INFO_FILE).read_text())
    info["num_patches"][split] = 0
    (spoilt_corpus / INFO_FILE).write_text(json.dumps(info))
    refuses(main, ["--data", str(spoilt_corpus)], f"no {split} patches", "prepare it")


@BOTH
def test_a_corpus_with_fewer_training_blocks_than_coefficients_is_refused(
    main, spoilt_corpus, refuses
):
    index = spoilt_corpus / INDEX_FILE
    table = pq.read_table(index)
    splits = np.array(table["split"].to_pylist())
    kept = (splits != "train") | (np.cumsum(splits == "train") <= 3)
    pq.write_table(table.filter(kept), index)
    info = json.loads((spoilt_corpus / INFO_FILE).read_text())
    info["num_patches"]["train"] = 3
    (spoilt_corpus / INFO_FILE).write_text(json.dumps(info))
    arguments = ["--data", str(spoilt_corpus), "--crop-px", "32"]
    refuses(main, arguments, "needs as many blocks of 16 px", "found 48", "add scenes")


@BOTH
def test_a_crop_larger_than_the_patches_is_refused(main, tiny_corpus, refuses):
    arguments = ["--data", str(tiny_corpus), "--crop-px", "128"]
    refuses(main, arguments, "patches of 64 px", "found 128", "choose a smaller crop")


def test_status_refuses_a_folder_that_does_not_exist(refuses):
    refuses(status.main, ["--results", "no"], "a folder of studies", "'no'", "check the path")


def test_status_refuses_an_unknown_flag(refuses):
    refuses(status.main, ["--result", "no"], "unrecognized arguments", "--result", "--help")


def test_a_torn_table_of_one_study_hides_no_other(working_folder, capsys):
    tables = working_folder / "ray_results" / "old" / "tables"
    tables.mkdir(parents=True)
    (tables / "trials.parquet").write_text("no table")
    assert status.main([]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "left out study old: a table must be a Parquet file" in said
    assert "tune.doctor old --repair" in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--resume", "none"], ["found by its name", "'none'", "--results"]),
        (["--resume", "none", "--new"], ["--resume continues", "--new"]),
        (["--resume", "none", "--name", "other"], ["--resume continues", "--name"]),
        (["--more-trials", "3"], ["extend a study, found none", "--resume"]),
        (["--more-trials", "-3"], ["not negative", "-3"]),
        (["--more-hours", "nan"], ["not negative", "nan"]),
        (["--audit", "1.5"], ["audit", "1.5"]),
    ],
)
def test_going_on_with_what_is_not_there_is_refused(arguments, words, tiny_corpus, refuses):
    refuses(search.main, ["--data", str(tiny_corpus), *arguments], *words)


def test_the_doctor_refuses_a_study_that_is_not_there(refuses):
    refuses(doctor.main, ["none"], "found by its name", "'none'", "--results")


def write_scene(path: Path, values: np.ndarray) -> Path:
    """Write a georeferenced GeoTIFF of one band; its name tells the units, or does not."""
    path.parent.mkdir(exist_ok=True)
    size = dict(zip(("height", "width"), values.shape, strict=True))
    place = Affine(10, 0, 0, 0, -10, 0)
    with rasterio.open(
        path, "w", driver="GTiff", count=1, dtype=values.dtype, transform=place, **size
    ) as dataset:
        dataset.write(values, 1)
    return path


def draw_intensity(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).gamma(4.4, 0.1, (128, 128)).astype(np.float32)


def truncate(scenes: Path) -> None:
    scene = scenes / "s1_vv_intensity.tif"
    scene.write_bytes(scene.read_bytes()[:20_000])


def invalidate(scenes: Path) -> None:
    write_scene(scenes / "s1_vv_intensity.tif", np.zeros((128, 128), np.float32))


def hide_units(scenes: Path) -> None:
    (scenes / "s1_vv_intensity.tif").rename(scenes / "s1_vv.tif")


@pytest.mark.parametrize(
    ("damage", "parts"),
    [
        (truncate, ("must be complete and readable", "s1_vv_intensity.tif")),
        (invalidate, ("must hold valid pixels", "s1_vv_intensity.tif")),
        (hide_units, ("s1_vv.tif", "give --units")),
    ],
)
def test_prepare_refuses_a_bad_scene_in_one_sentence(damage, parts, working_folder, refuses):
    scenes = working_folder / "scenes"
    for seed in range(3):
        write_scene(scenes / f"s{seed}_vv_intensity.tif", draw_intensity(seed))
    damage(scenes)
    arguments = ["scenes", "--out", "corpus/s1", "--patch-px", "64"]
    refuses(prepare.main, arguments, *parts)


def test_a_scene_with_much_nodata_yields_its_valid_patches(working_folder, capsys):
    scenes = working_folder / "scenes"
    for seed in range(3):
        write_scene(scenes / f"s{seed}_vv_intensity.tif", draw_intensity(seed))
    masked = draw_intensity(1)
    masked[:, :51] = 0
    write_scene(scenes / "s1_vv_intensity.tif", masked)
    arguments = ["scenes", "--out", "corpus/s1", "--patch-px", "64", "--quiet"]
    assert prepare.main(arguments) == 0
    index = pq.read_table(working_folder / "corpus" / "s1" / INDEX_FILE).to_pandas()
    counts = index.groupby("scene").size()
    assert sorted(counts) == [2, 4, 4]
