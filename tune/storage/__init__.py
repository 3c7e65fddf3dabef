"""What survives a crash: a study's folder, lock, manifest and journal, and rows for its tables.

The journal is the only source of truth; `recorder.py` writes the tables from it. Start with
`folder.py` for what lies where, `journal.py` for what is written when.
"""
