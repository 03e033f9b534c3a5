"""From the host's refusals to exceptions."""

from typing import Any, Callable, Optional, TypeVar

from componentize_py_types import Err

T = TypeVar("T")


class SwitchboardError(Exception):
    """A call that the host refused. `code` is an open, stable word: `denied`, `not-found`, `invalid`,
    `opted-out`, `window-closed`, `quota`, `limit`, `timeout`, `unavailable`, …"""

    # As tracebacks name it.
    __module__ = "switchboard"

    code: str
    message: str
    retry_after_ms: Optional[int]

    def __init__(self, code: str, message: str, retry_after_ms: Optional[int] = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.retry_after_ms = retry_after_ms


def call(host: Callable[..., T], *args: Any) -> T:
    """Call the host; a refusal becomes a SwitchboardError."""
    try:
        return host(*args)
    except Err as refusal:
        error = refusal.value
        raise SwitchboardError(error.code, error.message, error.retry_after_ms) from None
