"""Numbers that the terminal and the report share: intervals, races, verdicts, curves.

Pure functions; no file is read or written. Start with `verdicts.py`, which judges candidates.
"""
