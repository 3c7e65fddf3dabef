"""The one exception that every user mistake in models/ becomes."""


class ModelError(ValueError):
    """A user's mistake about models or training: one sentence with rule, value and next step."""
