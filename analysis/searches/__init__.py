"""The report's part on searches: curves, gaps, sensitivity, importance, stopping, time.

Start with `section.py`, which puts one search's figures together.
"""
