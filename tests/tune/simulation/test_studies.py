"""What of a results folder can be replayed."""

import pytest

from tune.errors import UsageError
from tune.simulation.studies import read_studies

CURVES = [[20.0 + n, 20.1 + n, 20.2 + n, 20.3 + n] for n in range(9)]


def test_whole_curves_are_read_with_their_times(make_search, tmp_path):
    folder = make_search(*CURVES, results=str(tmp_path))
    ((search, truth),), sentences = read_studies(str(tmp_path), None, "psnr")
    assert (search.name, truth.label, sentences) == (folder.name, folder.name, [])
    assert [one.curves[0].scores for one in truth.configurations] == [tuple(c) for c in CURVES]
    assert truth.configurations[0].curves[0].epochs_s == pytest.approx([1.2] * 4)
    assert truth.hand_set is not None


def test_too_few_curves_are_told_with_the_next_step(make_search, tmp_path):
    make_search(*CURVES[:7], results=str(tmp_path))
    with pytest.raises(UsageError, match=r"7 configurations .* needs 8: search with --audit 1"):
        read_studies(str(tmp_path), None, "psnr")


def test_an_empty_folder_is_told_with_the_next_step(tmp_path):
    with pytest.raises(UsageError, match="found none: make one"):
        read_studies(str(tmp_path), None, "psnr")


def test_a_study_that_is_not_there_is_named(make_search, tmp_path):
    make_search(*CURVES, results=str(tmp_path))
    with pytest.raises(UsageError, match="the study 'other'"):
        read_studies(str(tmp_path), "other", "psnr")


def test_what_the_tables_lack_cannot_be_maximised(make_search, tmp_path):
    make_search(*CURVES, results=str(tmp_path))
    with pytest.raises(UsageError, match="found 'ms_ssim'"):
        read_studies(str(tmp_path), None, "ms_ssim")


def test_one_study_with_too_few_curves_does_not_hide_another(make_search, tmp_path):
    make_search(*CURVES[:3], results=str(tmp_path), second=1)
    make_search(*CURVES, results=str(tmp_path), second=2)
    found, sentences = read_studies(str(tmp_path), None, "psnr")
    assert len(found) == 1
    assert "has 3 configurations" in sentences[0]
