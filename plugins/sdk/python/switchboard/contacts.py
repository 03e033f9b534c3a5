"""People. `who` is an event, or a contact's id from one."""

from typing import Union

from wit_world.imports import contacts as _host
from wit_world.imports.contacts import Entry

from ._error import call
from ._events import Event, Message, Timer

Who = Union[str, Message, Event, Timer]


def _id(who: Who) -> str:
    return who if isinstance(who, str) else who.contact


def get(who: Who) -> Entry:
    """Look a person up: `contacts.get(event).name`."""
    return call(_host.get, _id(who))


def tag(who: Who, tag: str, value: str = "") -> None:
    """Put a tag with a value, which may be empty."""
    call(_host.tag, _id(who), tag, value)


def untag(who: Who, tag: str) -> None:
    """Take a tag away."""
    call(_host.untag, _id(who), tag)


def set_name(who: Who, name: str) -> None:
    """Name a person."""
    call(_host.set_name, _id(who), name)


def opt_in(who: Who, reason: str = "") -> None:
    """Note that a person agreed to hear from us."""
    call(_host.opt_in, _id(who), reason)


def opt_out(who: Who, reason: str = "") -> None:
    """Refuse every send to a person from now on, but for the messages of this same call."""
    call(_host.opt_out, _id(who), reason)
