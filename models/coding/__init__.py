"""Bytes: entropy coding of latents, the linear transforms and the classical codecs beside them.

Start with `latent_codec.py`.
"""
