"""Units that a person gave: for all files, for those that match a pattern, or in a split file."""

import fnmatch
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from data.calibration import Units
from data.errors import DataError
from data.text import as_text
from data.units import Evidence

BY_FLAG, BY_SPLIT_FILE = GIVEN = ("--units", "split file")
"""Where units come from that a person gave."""


@dataclass(frozen=True)
class UnitRules:
    """Units that a person gave.

    Attributes:
        of_all: For all files that no pattern matches; None leaves them to their evidence.
        patterns: A pattern of paths, as a shell matches them, and its units; the last that matches
            a file counts.
        listed: Units by path, as a split file lists them.
    """

    of_all: Units | None = None
    patterns: tuple[tuple[str, Units], ...] = ()
    listed: Mapping[str, Units] = field(default_factory=dict)

    def decide(self, name: str) -> Evidence | None:
        """Return what was given for a file; None where its own evidence decides."""
        for pattern, units in reversed(self.patterns):
            if _matches(name, pattern):
                return Evidence(units, BY_FLAG, pattern)
        found = self.listed.get(name)
        if found is not None:
            return Evidence(found, BY_SPLIT_FILE, name)
        return None if self.of_all is None else Evidence(self.of_all, BY_FLAG, "all files")

    def check_used(self, names: Iterable[str]) -> None:
        """Refuse a pattern that no file matches.

        Raises:
            DataError: If there is one.
        """
        listed = list(names)
        for pattern, units in self.patterns:
            if not any(_matches(name, pattern) for name in listed):
                raise DataError(
                    f"a pattern of --units must match a file, and '{pattern}={units}' matches none "
                    f"of {len(listed)}, such as {listed[0]}: correct the pattern"
                )


BY_EVIDENCE = UnitRules()
"""Nothing is given: every file tells its units."""


def read_unit_rules(words: Sequence[str]) -> UnitRules:
    """Return the rules of `--units` as given: units for all, or PATTERN=UNITS, any number.

    Raises:
        DataError: If there are no such units, or units for all are given twice.

    >>> read_unit_rules(["auto", "*_dB.tif=db"]).patterns
    (('*_dB.tif', <Units.DB: 'db'>),)
    """
    of_all: list[str] = []
    patterns: list[tuple[str, Units]] = []
    for word in words:
        pattern, separator, units = as_text(word).rpartition("=")
        if units not in (*Units, *([] if separator else ["auto"])):
            raise DataError(
                "--units takes amplitude, intensity, db or auto, or one of the first three for a "
                f"pattern, as in '*_dB.tif=db', found {word!r}: correct it"
            )
        if separator:
            patterns.append((pattern, Units(units)))
        else:
            of_all.append(units)
    if len(of_all) > 1:
        raise DataError(
            f"--units is given once for all files, found {' and '.join(of_all)}: give the other "
            "for a pattern, as in '*_dB.tif=db'"
        )
    chosen = next(iter(of_all), "auto")
    return UnitRules(None if chosen == "auto" else Units(chosen), tuple(patterns))


def _matches(name: str, pattern: str) -> bool:
    """Whether a pattern matches a path, its end, or the file's own name."""
    return any(fnmatch.fnmatch(text, pattern) for text in (name, PurePosixPath(name).name))
