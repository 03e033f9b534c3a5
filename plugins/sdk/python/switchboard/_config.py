"""What the installer configured."""

import json
from typing import Any

from wit_world.imports import config as host


def config() -> dict[str, Any]:
    """The install's settings, checked by the host against the schema in plugin.toml, defaults filled in:
    `config()["greeting"]`."""
    return json.loads(host.all())
