"""Recorded truth: configurations of a space-filling design, each trained to its last epoch.

One Parquet file per cell, one row per training and epoch; `python -m benchmarks.truth.record` made
them. `tune.replay` runs searches on them in simulated time.
"""
