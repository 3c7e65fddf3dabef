"""Figures of results by name, for notebooks: `from analysis.figures import draw_rate_distortion`.

Each has a pure `compute_...` that gives a typed value and a `draw_...` that gives a Plotly figure.
Figures of a search are in the modules that `analysis.sweeps` joins.
"""

from analysis.picture_figure import draw_pictures
from analysis.pictures import compute_pictures
from analysis.promotion import compute_promotions
from analysis.promotion_figures import draw_differences, draw_seeds, draw_winners_curse
from analysis.rate_distortion import compute_rate_distortion
from analysis.rate_figure import draw_rate_distortion
from analysis.search_scores import compute_search_scores, draw_search_scores
from analysis.strata import compute_strata, draw_strata

__all__ = [
    "compute_pictures",
    "compute_promotions",
    "compute_rate_distortion",
    "compute_search_scores",
    "compute_strata",
    "draw_differences",
    "draw_pictures",
    "draw_rate_distortion",
    "draw_search_scores",
    "draw_seeds",
    "draw_strata",
    "draw_winners_curse",
]
