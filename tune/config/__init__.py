"""What a user asks for: settings, their layers, their limits, and the flags that give them.

Exit codes are in `command.py`. Knows `space`, which it checks ranges with; `statistics` stands
beside it. Start with `search.py` for the settings of a search, `resolve.py` for the order of
layers.
"""
