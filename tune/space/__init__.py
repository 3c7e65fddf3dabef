"""What a search may change: dimensions, their ranges, and points in them.

Knows only `errors`. Start with `dimensions.py`, which lists every searchable value.
"""
