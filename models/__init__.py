"""Autoencoders, losses, metrics and training. Knows neither files of scenes nor Ray."""
