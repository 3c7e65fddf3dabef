"""Scenes in, patches out: readers, calibration, splits, the corpus on disk. Knows no torch."""
