"""Every claim about a card, measured by one command: `python -m benchmarks.on_card`.

Start with `stages.py`, which lists what is measured; `conduct.py` runs it.
"""
