"""The best configurations of a search, trained at full fidelity with several seeds, and judged.

Start with `plan.py`; `run.py` carries it out, `finish.py` scores on test images.
"""
