"""A foreign package's environment variables, ours for the time of an export."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager


@contextmanager
def only_ours(prefix: str, values: Mapping[str, str]) -> Iterator[None]:
    """Hide the variables that begin with a prefix, set ours, and put everything back after.

    A shell that logs its own trainings has variables that would send an export elsewhere.
    """
    before = {name: value for name, value in os.environ.items() if name.startswith(prefix)}
    for name in before:
        del os.environ[name]
    os.environ.update(values)
    try:
        yield
    finally:
        for name in values:
            os.environ.pop(name, None)
        os.environ.update(before)
