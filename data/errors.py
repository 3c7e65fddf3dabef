"""What a user of the data layer got wrong, told in one sentence."""


class DataError(ValueError):
    """A mistake in scenes, split files, options or corpora.

    The message is one sentence: the rule, the value found and the next step. Commands print it and
    end with exit code 2, without a traceback.
    """
