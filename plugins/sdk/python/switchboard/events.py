"""Events of your own, for other plugins, streams and customers' endpoints."""

import json
from typing import Any, Mapping

from wit_world.imports import events as _host

from ._error import call


def emit(name: str, data: Mapping[str, Any] = {}) -> str:
    """Emit an event, named in lower-case words joined by dots. Gives its id:
    `events.emit("order.placed", {"id": 7})`."""
    return call(_host.emit, name, json.dumps(data))
