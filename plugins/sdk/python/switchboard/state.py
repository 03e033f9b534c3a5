"""A key-value store of this install: `state.plugin`, `state.account`, `state.chat` and `state.contact`.

Reads see the call's own writes; a call that read what another call changed meanwhile runs again, so two
calls that both increment give two. Values are anything that JSON holds.
"""

import json
from typing import Any, Optional

from wit_world.imports import state as _host

from ._error import call
from ._time import Span, span


class State:
    """The keys of one scope."""

    def __init__(self, scope: str) -> None:
        self._scope = scope

    def get(self, key: str, default: Any = None) -> Any:
        """Read a value: `state.chat.get("step", 1)`."""
        value = self.get_text(key)
        return default if value is None else json.loads(value)

    def set(self, key: str, value: Any, *, ttl: Optional[Span] = None) -> None:
        """Keep a value, for so long where given: `state.contact.set("greeted", True, ttl=86400)`."""
        self.set_text(key, json.dumps(value), ttl=ttl)

    def get_text(self, key: str) -> Optional[str]:
        """Read a text as it is."""
        return call(_host.get, self._scope, key)

    def set_text(self, key: str, value: str, *, ttl: Optional[Span] = None) -> None:
        """Keep a text as it is."""
        call(_host.set, self._scope, key, value, None if ttl is None else span(ttl))

    def delete(self, key: str) -> None:
        """Forget a key."""
        call(_host.delete, self._scope, key)

    def list(self, prefix: str = "", after: str = "", limit: int = 100) -> list[tuple[str, str]]:
        """Up to `limit` keys (at most 100) with their values as kept, whose key begins with `prefix` and
        sorts after `after`."""
        return [(entry.key, entry.value) for entry in call(_host.list, self._scope, prefix, after, limit)]

    def increment(self, key: str, delta: int = 1) -> int:
        """Add to a number (0 where there is none) and give the sum."""
        return call(_host.increment, self._scope, key, delta)

    def compare_and_set(self, key: str, expected: Optional[str], value: str) -> bool:
        """Set a text only where the present one is `expected` (None: no value). True where it was set."""
        return call(_host.compare_and_set, self._scope, key, expected, value)


plugin = State("plugin")
"""Keys of the plugin as a whole."""
account = State("account")
"""Keys of the account of this event."""
chat = State("chat")
"""Keys of the chat of this event."""
contact = State("contact")
"""Keys of the contact of this event."""
