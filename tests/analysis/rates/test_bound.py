"""The Gaussian bound in the report: drawn, told in the figure's numbers, and no codec anywhere."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from analysis.rates.curves import compute_rate_distortion
from analysis.rates.figure import draw_rate_distortion
from analysis.rates.footing import COLUMNS
from analysis.rates.shown import rate_distortion_frame
from tune.tables.schemas import SCHEMAS

RATES = [0.02, 0.25, 1.0, 4.0]


def bounds_of(test: pd.DataFrame, study: str, psnr_db: float, num_images: int) -> pd.DataFrame:
    footings = test[list(COLUMNS)].drop_duplicates()
    rows = pd.DataFrame({"rate_bpp": RATES, "psnr_db": psnr_db + 6 * np.log2(RATES)})
    lines = footings.merge(rows, how="cross").assign(study=study, num_images=num_images)
    both = [
        lines.assign(spectrum_of=one, psnr_db=lines["psnr_db"] + shift)
        for one, shift in (("test", 0.0), ("train", -1.0))
    ]
    return pd.concat(both)[list(SCHEMAS["bounds"].names)]


@pytest.fixture(scope="module")
def with_bound(recorded):
    bounds = bounds_of(recorded.test, "a", 40.0, 12)
    return compute_rate_distortion(dataclasses.replace(recorded, bounds=bounds))


def names_of(figure) -> list[str]:
    return [trace.name for trace in figure.data]


def test_the_bound_is_a_thin_line_without_marks_as_far_as_curves_reach(with_bound):
    figure = draw_rate_distortion(with_bound)
    (trace,) = (trace for trace in figure.data if trace.name == "Gaussian bound")
    assert (trace.mode, trace.line.width) == ("lines", 1)
    assert list(trace.x) == [0.25, 1.0]  # codecs were run from 0.12 to 2 bit/px
    assert list(trace.y) == [28.0, 40.0]
    assert "mean spectrum of these 12 images" in trace.hovertemplate


def test_the_numbers_of_the_figure_have_the_bound_without_ratio_and_seeds(with_bound):
    frame = rate_distortion_frame(with_bound.panels[0], "psnr_db", "rate")
    own = frame[frame["curve"] == "gaussian_bound"]
    assert list(own["psnr_db"]) == [28.0, 40.0]
    assert own[["ratio", "num_seeds"]].isna().all(axis=None)
    assert str(frame["ratio"].dtype) == "Int64"  # whole numbers in the CSV


@pytest.mark.parametrize(
    ("metric", "against"), [("ssim", "rate"), ("rmse_db", "rate"), ("psnr_db", "ratio")]
)
def test_no_other_figure_has_it(with_bound, metric, against):
    figure = draw_rate_distortion(with_bound, 0, metric, against)
    assert "Gaussian bound" not in names_of(figure)


def test_it_is_no_curve_and_changes_no_answer(with_bound, rate_distortion):
    without = [dataclasses.replace(panel, bound=()) for panel in with_bound.panels]
    assert repr(without) == repr(list(rate_distortion.panels))


def test_folders_older_than_the_table_have_no_line(recorded, rate_distortion):
    assert recorded.bounds.empty
    assert "Gaussian bound" not in names_of(draw_rate_distortion(rate_distortion))


def test_of_several_promotions_the_one_with_the_most_images_is_drawn(recorded):
    two = [bounds_of(recorded.test, "b", 44.0, 4), bounds_of(recorded.test, "a", 40.0, 12)]
    both = dataclasses.replace(recorded, bounds=pd.concat(two))
    bound = compute_rate_distortion(both).panels[0].bound
    assert [point.psnr_db for point in bound if point.rate_bpp == 1.0] == [40.0]
