"""Templates: what may be said also when the customer has not written for 24 hours."""

from typing import Mapping, Sequence, Union, Unpack

from wit_world.imports import templates as _host
from wit_world.imports.templates import Entry

from ._error import call
from .messaging import Options, To, chat_of, options_of


def list(status: str = "", after: str = "", limit: int = 100) -> Sequence[Entry]:
    """Up to `limit` templates (at most 100) of a status (empty: any), after the one with id `after`."""
    return call(_host.list, status, after, limit)


def get(name: str, language: str) -> Entry:
    """Look one up: `templates.get("order_ready", "en_US").parameters`."""
    return call(_host.get, name, language)


def send(
    to: To, name: str, language: str, values: Union[Sequence[str], Mapping[str, str]] = (), **options: Unpack[Options]
) -> str:
    """Send one with the values of its placeholders, in order or by name. Gives the new message's id."""
    if isinstance(values, Mapping):
        parameters = [(name, str(value)) for name, value in values.items()]
    else:
        parameters = [(str(index + 1), str(value)) for index, value in enumerate(values)]
    return call(_host.send, chat_of(to), name, language, parameters, options_of(options))
