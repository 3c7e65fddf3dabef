"""Hyperparameter search: configurations in, trials, outcomes and Parquet tables out."""
