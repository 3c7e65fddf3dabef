"""Studies of bytes and of elements in one folder never share a cell, a figure or a comparison."""

import dataclasses
import re
import shutil

import pytest

import analysis
from analysis.figures import (
    compute_pictures,
    compute_promotions,
    compute_rate_distortion,
    compute_search_scores,
    compute_strata,
)
from analysis.kinds import BYTES, ELEMENTS, kind_of_study, split_by_kind
from analysis.overview.matrix import compute_status
from analysis.page.html import build_page
from analysis.report import build_sections
from tests.analysis.made_of_bytes import make_bytes, psnr_of, write_search

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def both(recorded_results, tmp_path_factory):
    """The recorded studies, which count elements, beside studies of bytes of the same corpus."""
    folder = tmp_path_factory.mktemp("both") / "results"
    shutil.copytree(recorded_results, folder)
    make_bytes(folder, ["attention"])
    return analysis.load(folder)


@pytest.fixture(scope="module")
def sections(both):
    return build_sections(both)


def test_every_study_is_of_one_kind(both):
    kinds = kind_of_study(both)
    assert {study for study, kind in kinds.items() if kind == BYTES} == {
        study for study in both.studies if "bpp" in study
    }


def test_a_promotion_of_bytes_stays_one_though_a_run_says_elements(both):
    runs = both.runs.copy()
    first = runs.index[runs["rate"] == BYTES][0]
    runs.loc[first, "rate"] = ELEMENTS
    mixed = dataclasses.replace(both, runs=runs)
    assert kind_of_study(mixed)[runs.loc[first, "study"]] == BYTES


def test_bytes_come_first(both):
    assert list(split_by_kind(both)) == [BYTES, ELEMENTS]


def test_frames_of_one_kind_are_left_as_they_are(recorded):
    assert split_by_kind(recorded) == {ELEMENTS: recorded}


def test_a_search_that_has_not_begun_is_of_the_kind_of_its_configuration(tmp_path):
    folder = tmp_path / "attention_quick"
    folder.mkdir()
    (folder / "study.toml").write_text('rate = "bytes"\n')
    assert kind_of_study(analysis.load(tmp_path)) == {"attention_quick": BYTES}


@pytest.mark.parametrize(
    "compute",
    [compute_status, compute_search_scores, compute_promotions, compute_strata, compute_pictures],
)
def test_what_is_computed_of_a_kind_does_not_depend_on_the_other(compute, both):
    apart = split_by_kind(both)
    of_both = compute(both)
    assert repr(of_both) == repr((*compute(apart[BYTES]), *compute(apart[ELEMENTS])))


def test_rate_distortion_of_a_kind_does_not_depend_on_the_other(both):
    apart = split_by_kind(both)
    alone = [compute_rate_distortion(apart[kind]).panels for kind in (BYTES, ELEMENTS)]
    assert repr(compute_rate_distortion(both).panels) == repr((*alone[0], *alone[1]))


def test_a_cell_of_both_kinds_is_two_cells(both):
    of_bytes, of_elements = compute_status(both)
    score = f"quick {psnr_of('attention', 0.5):.2f}"
    assert "quick 20.74" in of_elements.cells.loc["attention", "16x"]
    assert score in of_bytes.cells.loc["attention", "16x"]
    assert score not in of_elements.cells.loc["attention", "16x"]


def test_full_of_bytes_is_the_score_at_the_target_rate(both):
    cell = compute_status(both)[0].cells.loc["attention", "16x"]
    full = float(cell.splitlines()[0])
    assert full == pytest.approx(psnr_of("attention", 0.5), abs=0.05)


def test_each_kind_has_its_answer_bytes_first(sections):
    titles = [section.title for section in sections if section.title.startswith("The answer")]
    assert titles == ["The answer, ratio of bytes", "The answer, ratio of elements"]


def test_names_and_anchors_stay_unique(sections):
    names = [item.name for s in sections for item in (*s.figures, *s.tables)]
    anchors = [section.anchor for section in sections]
    assert (len(set(names)), len(set(anchors))) == (len(names), len(anchors))


def test_every_table_and_figure_of_cells_names_its_kind(sections):
    told = ("The answer", "Rate-distortion", "Promotion", "Where it is hard", "What the search")
    for section in sections:
        if section.title.startswith(told):
            assert re.search(r"of (bytes|elements)", section.title), section.title


def test_every_figure_of_every_section_has_a_title(sections):
    figures = [figure for section in sections for figure in section.figures]
    assert figures
    assert [figure.name for figure in figures if not figure.title] == []


def test_no_figure_has_points_of_both(sections):
    for section in sections:
        for figure in section.figures:
            if "ratio_counts" in figure.frame:
                assert figure.frame["ratio_counts"].nunique() == 1


def test_the_page_of_both_is_built(sections):
    assert "ratio of bytes" in build_page("t", "a", sections).text


def test_searches_of_bytes_alone_say_so(tmp_path):
    for ratio in (8, 16):
        write_search(tmp_path, "attention", ratio)
    first = build_sections(analysis.load(tmp_path))[0]
    assert first.title == "The answer, of searches only, ratio of bytes"
    assert "at 8 / ratio bit per pixel" in first.paragraphs[0]
    assert (
        "JPEG2000 of the whole patches and the block KLT, at the same rates"
        in first.figures[0].caption
    )
