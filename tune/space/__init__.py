"""What a search may change: dimensions, their ranges, and points in them.

Knows `errors`, and the schedules of `models.training`. Start with `dimensions.py`, which lists
every searchable value.
"""
