"""The gallery's command: every picture of a folder that has everything, and what another lacks."""

import shutil
from pathlib import Path

import pytest

from analysis.page.browser import find_browser
from benchmarks.gallery import SEARCH, SHOTS, largest_search, main

pytestmark = pytest.mark.slow

RECORDED = Path(__file__).parents[1] / "recorded" / "results"


@pytest.fixture
def results(tmp_path):
    """Two promotions and a search: enough for every picture."""
    folder = tmp_path / "results"
    for name in ("attention_full_c16", "baseline_full_c16", "baseline_quick", "attention_quick"):
        study = next(RECORDED.glob(f"{name}*"))
        shutil.copytree(study, folder / study.name)
    return folder


@pytest.mark.nightly
@pytest.mark.browser
def test_one_command_writes_every_picture(results, tmp_path, capsys):
    from PIL import Image

    pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if find_browser() is None:
        pytest.skip("no Chromium or Chrome in PATH")
    out = tmp_path / "images"
    assert main(["--results", str(results), "--out", str(out)]) == 0
    assert {path.stem for path in out.iterdir()} == {shot.name for shot in (*SHOTS, SEARCH)}
    with Image.open(out / "first_screen_phone.png") as picture:
        assert picture.size == (780, 1688)
    assert capsys.readouterr().out.count("wrote") == len(SHOTS) + 1


def test_the_search_with_the_most_trials_is_the_one_that_is_shown_alone(results):
    assert largest_search(results).name.startswith("baseline_quick")


def test_a_folder_without_searches_is_refused_and_nothing_is_written(tmp_path, capsys):
    out = tmp_path / "images"
    assert main(["--results", str(tmp_path), "--out", str(out)]) == 2
    assert "found none" in capsys.readouterr().err
    assert not out.exists()
