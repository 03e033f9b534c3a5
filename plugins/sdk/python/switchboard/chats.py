"""Chats. `of` is an event, or a chat's id from one."""

from wit_world.imports import chats as _host
from wit_world.imports.chats import Entry, Line

from ._error import call
from .messaging import To, chat_of


def get(of: To) -> Entry:
    """Look a chat up: `chats.get(event).assigned`."""
    return call(_host.get, chat_of(of))


def history(of: To, before: str = "", limit: int = 20) -> list[Line]:
    """The newest messages first, at most 100, older than the message `before` where it is not empty."""
    return call(_host.history, chat_of(of), before, limit)


def hand_over(of: To, reason: str = "") -> None:
    """From now on a human answers."""
    call(_host.hand_over, chat_of(of), reason)


def hand_back(of: To) -> None:
    """Plugins answer again."""
    call(_host.hand_back, chat_of(of))


def assign(of: To, who: str) -> None:
    """Name the human who answers."""
    call(_host.assign, chat_of(of), who)
