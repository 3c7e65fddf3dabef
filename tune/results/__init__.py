"""What a results folder holds: which studies, how far they are, whether they can be resumed.

Only reads, but for the repairs of `examination.py`. Start with `resume.py` for searches,
`promotions.py` for promotions.
"""
