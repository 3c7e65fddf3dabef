"""The only room that knows Ray: its processes, its session, its workers.

Start with `run.py`; `adapters.py` translates Ray's calls into the conductor's.
"""
