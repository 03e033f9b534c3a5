"""This call: what happens after it."""

from datetime import datetime

from wit_world.imports import delivery as _host

from ._time import Span, from_millis, span


def attempt() -> int:
    """1 at the first attempt."""
    return _host.attempt()


def now() -> datetime:
    """The host's time."""
    return from_millis(_host.now())


def retry_after(time: Span) -> None:
    """Try this event again so much later; nothing that this call did is kept."""
    _host.retry_after(span(time))


def reject(reason: str) -> None:
    """Give this event up: it goes to the dead letters with this reason, and nothing is kept."""
    _host.reject(reason)


def stop() -> None:
    """Keep this event from the plugins after this one."""
    _host.stop()
