"""What the installer configured, and what the plugin carries."""

import json
from typing import Any

from wit_world.imports import config as host


def config() -> dict[str, Any]:
    """The install's settings, checked by the host against the schema in plugin.toml, defaults filled in:
    `config()["greeting"]`."""
    return json.loads(host.all())


def source() -> str:
    """The text that this plugin's file carries beside its code, such as a flow; empty where there is none."""
    return host.source()
