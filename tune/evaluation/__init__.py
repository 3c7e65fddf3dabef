"""What trained weights are worth on images, at real bytes: the SAR room.

Knows stored trials, not how they were chosen. Start with `images.py`, then `scores.py`.
"""
