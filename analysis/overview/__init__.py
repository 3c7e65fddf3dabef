"""The report's first part: the answer in one sentence, the matrix, and what is missing.

Start with `answer.py`.
"""
