"""Commands as a person types them: whole, and quoted for the shell.

Every sentence that says what to type next has it from here, so that the command works as it stands.
"""

import os
import shlex
from pathlib import Path

from data.text import is_text

DEFAULT_RESULTS = "ray_results"


def typed(module: str, *words: str, results: Path | str | None = None) -> str:
    """Return a command as a person types it, each word quoted where the shell would part it.

    Args:
        module: What `python -m` runs.
        words: Its arguments and flags.
        results: The folder of all studies, named unless it is the default one; None where the
            command takes none.

    >>> typed("tune.doctor", "my study", "--repair", results="ray_results")
    "python -m tune.doctor 'my study' --repair"
    >>> typed("tune.status", results=Path("of may"))
    "python -m tune.status --results 'of may'"
    """
    is_usual = results is None or str(results) == DEFAULT_RESULTS
    flags = [] if is_usual else ["--results", str(results)]
    return " ".join(map(_quoted, ["python", "-m", module, *words, *flags]))


def _quoted(word: str) -> str:
    r"""Return a word as a shell reads it back; one that is no UTF-8 as bash and its like do.

    >>> _quoted("caf\udce9 1")
    "$'caf\\xe9 1'"
    """
    if is_text(word):
        return shlex.quote(word)
    plain = (chr(byte) if 32 <= byte < 127 else f"\\x{byte:02x}" for byte in os.fsencode(word))
    return "$'" + "".join("\\" + one if one in "\\'" else one for one in plain) + "'"


def first_search(results: Path | str) -> str:
    """Return a search to begin with in a results folder, as a person types it."""
    return typed("tune.search", "--arch", "attention", "--ratio", "16", results=results)
