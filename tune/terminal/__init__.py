"""What a person reads, as text. Decides nothing and writes no file.

Start with `plan.py` for what stands before a search, `progress.py` for what is shown during one.
"""
