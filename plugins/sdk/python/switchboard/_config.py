"""What the installer configured, and what the plugin carries."""

import json
from typing import Any, Optional

from wit_world.imports import config as host


class Config:
    """The install's settings, checked by the host against the schema in plugin.toml, defaults filled in:
    `config()["greeting"]`."""

    def __call__(self) -> dict[str, Any]:
        """All of them."""
        return json.loads(host.all())

    def get(self, key: str) -> Optional[str]:
        """One of them: a string as it is, anything else as JSON; None where it is not set."""
        return host.get(key)


config = Config()


def source() -> str:
    """The text that this plugin's file carries beside its code, such as a flow; empty where there is none."""
    return host.source()
