"""A search in simulated time: the real conductor, rungs and sampler on curves recorded before.

Start with `night.py`, which runs one search; `truth.py` is what it runs on, `regret.py` and
`answer.py` are what many of them say. Trains nothing, starts no process.
"""
