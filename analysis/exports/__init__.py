"""What a results folder holds in shapes that other programs read.

Start with `shapes.py`: which there are, and what each of them needs.
"""
