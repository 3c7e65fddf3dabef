"""What a search of a ratio of bytes shows: everything at its target rate."""

import pytest

import analysis
from analysis.next_step import compute_next_step
from analysis.runlog import write_runlog
from analysis.searches.figures import share_of
from analysis.searches.learning_curves import compute_learning_curves, draw_learning_curves
from analysis.searches.progress import compute_sweep_progress, draw_sweep_progress
from analysis.searches.section import study_section
from analysis.study_view import view_studies
from tests.analysis.made_of_bytes import write_search


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    folder = tmp_path_factory.mktemp("search")
    write_search(folder, "attention", 16)
    return analysis.load(folder)


@pytest.fixture(scope="module")
def view(frames):
    (view,) = view_studies(frames)
    return view


def test_the_title_says_what_the_ratio_counts(view):
    assert view.title == "attention 16x of bytes on made_up (SYNTHETIC)"


def test_the_lines_to_beat_are_jpeg2000_and_block_klt(view):
    figure = draw_sweep_progress(compute_sweep_progress(view))
    names = " ".join(trace.name for trace in figure.data)
    assert "JPEG2000 25.21 dB" in names
    assert "block KLT" in names
    assert figure.layout.yaxis.title.text == "validation PSNR at 0.5 bit/px [dB]"


def test_captions_of_scores_say_at_which_rate(view):
    captions = [figure.caption for figure in study_section(view, share_of(1)).figures]
    assert captions[0].startswith("Learning curves at 0.5 bit/px.")
    assert "Best validation PSNR at 0.5 bit/px so far" in captions[1]
    assert "the coded block KLT, and JPEG2000 of whole patches" in captions[1]


def test_a_curve_shows_rate_and_multiplier_of_each_epoch_under_the_mouse(view):
    curves = compute_learning_curves(view)
    first = curves.points.iloc[0]
    assert (first["rate_bpp"], first["multiplier"]) == (pytest.approx(0.55), 0.01)
    line = next(t for t in draw_learning_curves(curves).data if t.mode == "lines")
    assert "estimated %{customdata[1]:.3f} bit/px" in line.hovertemplate
    assert line.customdata.shape[1] == 3


def test_the_run_log_says_the_rate_and_what_it_is_compared_with(frames):
    text = write_runlog(frames)
    assert "of attention at 16x of bytes, 0.5 bit/px on the" in text
    assert "- against JPEG2000 of whole patches at 0.5 bit/px: +1.14 dB" in text


def test_the_next_command_needs_no_flag_for_bytes(view):
    assert "--rate" not in compute_next_step(view).command
