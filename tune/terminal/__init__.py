"""What a person reads, as text, and what a script reads, as JSON. Decides nothing, writes no file.

Start with `words.py` and `table.py` for how anything is printed at any width, with `plan.py` for
what stands before a search, `progress.py` for what is shown during one, `events.py` for scripts.
"""
