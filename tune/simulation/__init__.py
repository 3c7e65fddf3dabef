"""A search in simulated time: the real conductor, rungs and sampler on curves recorded before.

Start with `night.py`, which runs one search; `truth.py` is what it runs on, `replay.py` what many
of them come to. Trains nothing, starts no process.
"""
