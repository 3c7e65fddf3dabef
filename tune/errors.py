"""What a user got wrong, told in one sentence."""


class UsageError(ValueError):
    """A mistake in flags, files or names; the message gives the rule, the value and the next step.

    Commands print the message and end with exit code 2, without a traceback.
    """
