"""What a page of the report is made of: sections, axes, colours, static pictures.

Knows plain values, no table. Start with `html.py`.
"""
