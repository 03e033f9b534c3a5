"""Timers: `timers.chat` (the chat of this event) and `timers.plugin`. One is known by scope and name:
setting it again replaces it. A payload that is no text is kept as JSON."""

import json
from typing import Any

from wit_world.imports import timers as _host
from wit_world.imports.timers import Entry

from ._error import call
from ._time import Moment, Span, moment, span


def _content(payload: Any) -> str:
    return payload if isinstance(payload, str) else json.dumps(payload)


class Timers:
    """The timers of one scope."""

    def __init__(self, scope: str) -> None:
        self._scope = scope

    def at(self, name: str, time: Moment, payload: Any = "") -> None:
        """Fire at a moment."""
        call(_host.set, self._scope, name, moment(time), _content(payload))

    def after(self, name: str, time: Span, payload: Any = "") -> None:
        """Fire so much later: `timers.chat.after("nudge", timedelta(hours=1))`."""
        call(_host.set_after, self._scope, name, span(time), _content(payload))

    def cron(self, name: str, cron: str, time_zone: str = "", payload: Any = "") -> None:
        """Fire again and again: a cron expression of five to seven fields in an IANA time zone (empty:
        UTC)."""
        call(_host.set_cron, self._scope, name, cron, time_zone, _content(payload))

    def cancel(self, name: str) -> None:
        """Cancel one; no error where there is none."""
        call(_host.cancel, self._scope, name)

    def list(self) -> list[Entry]:
        """Those that are set."""
        return call(_host.list, self._scope)


chat = Timers("chat")
"""Timers of the chat of this event."""
plugin = Timers("plugin")
"""Timers of the plugin as a whole."""


def set_in(to: str, name: str, time: Moment, payload: Any = "") -> None:
    """Fire once in another chat (its id, or a phone number), as a timer of that chat."""
    call(_host.set_in, to, name, moment(time), _content(payload))
