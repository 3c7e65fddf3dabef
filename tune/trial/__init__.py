"""One trial: what was asked for, how it is trained in a worker, what became of it.

The lowest room that loads torch. Start with `spec.py`, then `run.py`, the one training loop.
"""
