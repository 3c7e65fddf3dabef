"""The report's part on rate and distortion: networks beside codecs, at real bytes.

Start with `curves.py`.
"""
