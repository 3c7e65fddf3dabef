"""One search, from its plan to its summary.

Start with `plan.py`, what is decided before anything is written; `run.py` carries it out.
"""
