import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tune.config.machine import Machine
from tune.config.resolve import resolve
from tune.config.search import SearchConfig
from tune.errors import UsageError
from tune.storage.folder import StudyFolder, check_results, create_study_folder

MOMENT = datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)


def config_of(**flags: object) -> SearchConfig:
    (resolved,) = resolve(flags, {}, Machine("cpu", 2))
    return resolved.config


@pytest.mark.parametrize(
    ("rate", "name"),
    [
        ("bytes", "residual_quick_0.125bpp_cr64x_20261231_235959"),
        ("elements", "residual_quick_c4_cr64x_20261231_235959"),
    ],
)
def test_a_study_is_named_by_architecture_mode_rate_ratio_and_time(
    rate: str, name: str, tmp_path: Path
) -> None:
    config = config_of(arch="residual", ratio=64, rate=rate, results=str(tmp_path))
    assert create_study_folder(config, {}, MOMENT).name == name


def test_the_clock_names_a_study_that_is_given_no_time(tmp_path: Path) -> None:
    folder = create_study_folder(config_of(results=str(tmp_path)), {})
    assert re.fullmatch(r"attention_quick_0\.5bpp_cr16x_20\d{6}_\d{6}", folder.name)


def test_studies_of_one_second_get_the_seconds_after_it(tmp_path: Path) -> None:
    config = config_of(results=str(tmp_path))
    names = [create_study_folder(config, {}, MOMENT).name for _ in range(3)]
    assert [name[-15:] for name in names] == [
        "20261231_235959",
        "20270101_000000",
        "20270101_000001",
    ]


def test_a_study_is_complete_from_the_first_moment(tmp_path: Path) -> None:
    files = {"study.toml": "trials = 3\n", "manifest.json": "{}\n"}
    folder = create_study_folder(config_of(results=str(tmp_path / "new" / "results")), files)
    assert folder.config_file.read_text() == "trials = 3\n"
    assert folder.manifest_file.read_text() == "{}\n"
    assert folder.tables.is_dir()
    assert folder.checkpoints.is_dir()
    assert list(folder.path.parent.iterdir()) == [folder.path]


def test_a_name_that_exists_is_refused_and_nothing_is_left_behind(tmp_path: Path) -> None:
    config = config_of(results=str(tmp_path), name="mine")
    folder = create_study_folder(config, {"study.toml": "first"})
    with pytest.raises(UsageError, match=r"never used twice, found 'mine' .* another --name"):
        create_study_folder(config, {"study.toml": "second"})
    assert folder.config_file.read_text() == "first"
    assert list(tmp_path.iterdir()) == [folder.path]


def test_an_empty_folder_of_that_name_is_not_taken_over(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with pytest.raises(UsageError, match="never used twice"):
        create_study_folder(config_of(results=str(tmp_path), name="mine"), {})


def test_a_results_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("a file")
    config = config_of(results=str(tmp_path / "results"))
    with pytest.raises(UsageError, match=r"must be writable, found .* another with --results"):
        create_study_folder(config, {})


def test_a_results_folder_below_a_file_is_refused_before_anything_is_written(
    tmp_path: Path,
) -> None:
    (tmp_path / "file").write_text("a file")
    with pytest.raises(UsageError, match=r"must be writable, found .* is a file"):
        check_results(str(tmp_path / "file" / "results"))


def test_a_results_folder_without_permission_is_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda path, mode: False)  # root may write everywhere
    with pytest.raises(UsageError, match="Permission denied"):
        check_results(str(tmp_path / "results"))


def test_checking_writes_nothing(tmp_path: Path) -> None:
    check_results(str(tmp_path / "results"))
    assert not (tmp_path / "results").exists()


def test_the_files_of_a_study_lie_in_its_folder() -> None:
    folder = StudyFolder(Path("results/mine"))
    assert folder.name == "mine"
    assert {folder.journal.parent, folder.errors.parent, folder.tables.parent} == {folder.path}


def test_a_study_is_not_made_where_locks_do_not_work(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("fcntl.flock", lambda file, operation: None)
    config = config_of(results=str(tmp_path / "new" / "results"))
    with pytest.raises(UsageError, match="must have file locks that work"):
        create_study_folder(config, {"study.toml": "trials = 3\n"})
    assert list(tmp_path.iterdir()) == []
