"""Figures of results by name, for notebooks: `from analysis.figures import draw_rate_distortion`.

Each has a pure `compute_...` that gives a typed value and a `draw_...` that gives a Plotly figure;
pictures are values only.
Figures of a search are in the modules that `analysis.searches.figures` joins.
"""

from analysis.overview.search_scores import compute_search_scores, draw_search_scores
from analysis.promotions.differences import compute_promotions
from analysis.promotions.figures import draw_differences, draw_seeds, draw_winners_curse
from analysis.promotions.pictures import compute_pictures
from analysis.promotions.strata import compute_strata, draw_strata
from analysis.rates.curves import compute_rate_distortion
from analysis.rates.figure import draw_rate_distortion

__all__ = [
    "compute_pictures",
    "compute_promotions",
    "compute_rate_distortion",
    "compute_search_scores",
    "compute_strata",
    "draw_differences",
    "draw_rate_distortion",
    "draw_search_scores",
    "draw_seeds",
    "draw_strata",
    "draw_winners_curse",
]
