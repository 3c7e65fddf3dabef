"""A figure of one's own: `python examples/score_against_learning_rate.py [RESULTS]`."""

import sys

import plotly.express as px

import analysis

trials = analysis.load(sys.argv[1] if len(sys.argv) > 1 else "ray_results").trials
scored = trials.dropna(subset=["best_val_psnr_db"])
figure = px.scatter(scored, x="learning_rate", y="best_val_psnr_db", symbol="arch", log_x=True)
figure.write_html("score_against_learning_rate.html", include_plotlyjs=True)
