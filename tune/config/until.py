"""A deadline by the clock: what `--until` takes, as one moment of local time.

`08:00` means the next time that the clock says so. From then on it is a date and time, which a
study keeps in its `study.toml`: resumed, it still ends then.
"""

from collections.abc import Mapping
from datetime import datetime, time, timedelta

from tune.errors import UsageError


def read_until(text: str, now: datetime) -> datetime:
    """Return the moment that a text means, in local time.

    Args:
        text: A time such as `08:00`, or an ISO date and time.
        now: The present moment, with its time zone.

    Raises:
        UsageError: If it is neither.

    Example:
        >>> from datetime import UTC
        >>> now = datetime(2026, 1, 1, 22, tzinfo=UTC)
        >>> read_until("2026-01-02T06:00+00:00", now) - now
        datetime.timedelta(seconds=28800)
    """
    try:
        return _next(time.fromisoformat(text), now)
    except ValueError:
        pass
    try:
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError, OSError):
        raise UsageError(
            f"until must be a time such as 08:00, or a date and time such as 2026-01-31T08:00, "
            f"found {text!r}: write it so"
        ) from None


def _next(at: time, now: datetime) -> datetime:
    """Return the next moment at which a clock on the wall shows a time."""
    if at.tzinfo is not None:
        raise ValueError("a time of day has no time zone")
    today = now.replace(tzinfo=None)
    found = datetime.combine(today.date(), at)
    return (found if found > today else found + timedelta(days=1)).astimezone()


def seconds_until(text: str, now: datetime | None = None) -> float:
    """Return the seconds until a moment, below 0 in the past.

    Args:
        text: As `read_until` takes it.
        now: The present moment; None reads the clock.

    Raises:
        UsageError: If it is none.
    """
    now = now or local_now()
    return (read_until(text, now) - now).total_seconds()


def local_now() -> datetime:
    """Return the present moment in local time."""
    return datetime.now().astimezone()


def one_deadline(
    flags: Mapping[str, object], file: Mapping[str, object], now: datetime
) -> tuple[dict[str, object], dict[str, object]]:
    """Return the settings of a command and of a file with one deadline, by the clock as a date.

    A deadline that the command names, hours or a moment, stands in the place of the file's.

    Raises:
        UsageError: If a deadline is no moment.
    """
    kept = dict(file)
    if {"hours", "until"} & flags.keys():
        kept.pop("hours", None)
        kept.pop("until", None)
    return _dated(flags, now), _dated(kept, now)


def _dated(values: Mapping[str, object], now: datetime) -> dict[str, object]:
    until = values.get("until")
    if not isinstance(until, str):
        return dict(values)
    moment = read_until(until, now).replace(tzinfo=None)
    return {**values, "until": moment.isoformat(timespec="seconds")}


def check_deadline(hours: float | None, until: str | None) -> None:
    """Refuse two deadlines, and a text that is no moment.

    Raises:
        UsageError: With both, or with the text.
    """
    if until is None:
        return
    read_until(until, local_now())
    if hours is not None:
        raise UsageError(
            f"a search has one deadline, found --hours {hours:g} beside --until {until}: leave "
            "one out"
        )
