"""Moments and spans, from Python's types to the contract's milliseconds and back."""

from datetime import datetime, timedelta, timezone
from typing import Union

Moment = Union[datetime, int, float]
"""An aware datetime, or Unix seconds."""

Span = Union[timedelta, int, float]
"""A timedelta, or seconds."""


def moment(time: Moment) -> int:
    """Unix milliseconds of a moment."""
    if isinstance(time, datetime):
        if time.tzinfo is None:
            raise ValueError("a datetime needs a time zone here: datetime.now(timezone.utc)")
        time = time.timestamp()
    return round(time * 1000)


def span(time: Span) -> int:
    """Milliseconds of a span."""
    seconds = time.total_seconds() if isinstance(time, timedelta) else time
    if seconds < 0:
        raise ValueError("a time to wait is not negative")
    return round(seconds * 1000)


def from_millis(millis: int) -> datetime:
    """The moment of Unix milliseconds, in UTC."""
    return datetime.fromtimestamp(millis / 1000, timezone.utc)
