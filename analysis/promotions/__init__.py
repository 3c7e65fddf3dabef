"""The report's part on promotions: candidates against each other, image by image.

Start with `section.py`.
"""
