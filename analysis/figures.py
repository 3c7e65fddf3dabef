"""Every figure of the results by name: `from analysis.figures import draw_rate_distortion`."""

from analysis.rate_figure import draw_rate_distortion

__all__ = ["draw_rate_distortion"]
