"""Which trial is started next, and which one is stopped. Knows no process and no Ray.

Start with `conductor.py`, which joins sampler, rungs and records. `rungs.py` decides who is
stopped; another rule would stand beside it.
"""
