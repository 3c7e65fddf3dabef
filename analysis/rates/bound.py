"""The Gaussian bound beside the curves: where a code ends that knows the mean spectrum only.

It is no codec: no answer counts it, and no delta is taken against it.
"""

from dataclasses import dataclass

import pandas as pd
import plotly.graph_objects as go

from analysis.page.palette import GAUSSIAN_BOUND

BOUND_NAME = "gaussian_bound"
"""What the numbers of a figure call it, where curves have the names of the tables."""


@dataclass(frozen=True)
class BoundPoint:
    """The PSNR that a Gaussian field with the test images' spectrum has at most at a rate.

    Attributes:
        rate_bpp: Rate.
        psnr_db: Of the mean squared error over the images.
        num_images: Images that the spectrum was estimated from.
    """

    rate_bpp: float
    psnr_db: float
    num_images: int


def bound_points(rows: pd.DataFrame) -> tuple[BoundPoint, ...]:
    """Return the bound of the test images by rising rate, of the promotion with the most of them.

    Args:
        rows: Of the bounds table, of one footing; without any, as where promotions are older than
            the table, there are no points.
    """
    own = rows[rows["spectrum_of"] == "test"].sort_values(
        ["num_images", "study"], ascending=False, kind="stable"
    )
    points = own[own["study"] == own["study"].iloc[0]] if len(own) else own
    return tuple(
        BoundPoint(float(row["rate_bpp"]), float(row["psnr_db"]), int(row["num_images"]))
        for row in points.sort_values("rate_bpp").to_dict("records")
    )


def within(points: tuple[BoundPoint, ...], rates_bpp: list[float]) -> tuple[BoundPoint, ...]:
    """Return the points between the lowest and the highest of some rates: those that are drawn."""
    if not rates_bpp:
        return ()
    low, high = min(rates_bpp), max(rates_bpp)
    return tuple(point for point in points if low <= point.rate_bpp <= high)


def add_bound(figure: go.Figure, points: tuple[BoundPoint, ...]) -> None:
    """Add the bound as a thin line without marks."""
    if not points:
        return
    figure.add_scatter(
        x=[point.rate_bpp for point in points],
        y=[point.psnr_db for point in points],
        mode="lines",
        line={"color": GAUSSIAN_BOUND.colour, "width": 1, "dash": GAUSSIAN_BOUND.dash},
        name=GAUSSIAN_BOUND.label,
        showlegend=False,
        hovertemplate=(
            "Gaussian bound: a code that knows only the\nmean spectrum of these "
            f"{points[0].num_images} images\n" + "%{x:.3g}: %{y:.3f}<extra></extra>"
        ),
    )
