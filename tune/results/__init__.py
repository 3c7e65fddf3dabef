"""What a results folder holds: which studies, how far they are, whether they can go on.

Only reads. Start with `resume.py` for searches, `promotions.py` for promotions.
"""
