"""Stored files: what customers sent (`event.file`), and new ones to send."""

from wit_world.imports import media as _host
from wit_world.imports.media import Entry

from ._error import SwitchboardError, call

_PIECE = 256 * 1024
"""Bytes that one read asks for; the host may give fewer."""


def describe(id: str) -> Entry:
    """What is known of a file: `media.describe(event.file).mime_type`."""
    return call(_host.describe, id)


def read(id: str, offset: int = 0, length: int = _PIECE) -> bytes:
    """Up to `length` bytes from `offset`; none behind the end."""
    return call(_host.read, id, offset, length)


def whole(id: str, most: int = 1024 * 1024) -> bytes:
    """A whole file, where it has at most `most` bytes."""
    size = describe(id).size
    if size > most:
        raise SwitchboardError("limit", f"the file has {size} bytes, more than {most}")
    content = bytearray()
    while len(content) < size:
        piece = read(id, len(content))
        if not piece:
            break
        content += piece
    return bytes(content)


def keep(mime_type: str, filename: str, content: bytes) -> str:
    """Keep a new file and give its id: `messaging.image(event, media.keep("image/png", "chart.png", png))`."""
    return call(_host.keep, mime_type, filename, content)
