"""The four autoencoders and the blocks that they are made of.

Start with `autoencoder.py`, the skeleton that all share; `models.registry` builds them by name.
"""
