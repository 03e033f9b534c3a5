"""What a handler is given."""

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Mapping, Optional, Union

from ._time import from_millis


@dataclass(frozen=True)
class Message:
    """A message from a customer."""

    id: str
    """The id of the event, the same at every attempt."""
    message_id: str
    account: str
    chat: str
    contact: str
    time: datetime
    """When the customer sent it."""
    kind: str
    """`text`, `image`, `audio`, `video`, `document`, `location`, `interactive`, `reaction`, …"""
    text: str
    """The text, caption, or title of the chosen button; empty where there is none."""
    attempt: int
    """1 at the first attempt."""
    json: str
    """The whole event as JSON; `details` is the same, read."""

    @property
    def details(self) -> dict[str, Any]:
        """The whole event."""
        return json.loads(self.json)

    @property
    def choice(self) -> Optional[str]:
        """The id of the button or row that the customer tapped; None for any other message."""
        content = self.details.get("data", {}).get("content", {})
        return content.get("interactive", {}).get("reply", {}).get("id")

    @property
    def file(self) -> Optional[str]:
        """The id of the file that this message carries, for `media`; None where it has none."""
        content = self.details.get("data", {}).get("content", {}).get(self.kind)
        return content.get("id") if isinstance(content, dict) else None


@dataclass(frozen=True)
class Event:
    """Something that happened to a message of ours, to the account, or any other fact by name."""

    id: str
    account: str
    chat: str
    """Empty where the event has no chat."""
    contact: str
    time: datetime
    kind: str
    """For a status `sent`, `delivered`, `read` or `error`; otherwise the name of the event."""
    attempt: int
    json: str

    @property
    def details(self) -> dict[str, Any]:
        """The whole event."""
        return json.loads(self.json)


@dataclass(frozen=True)
class Timer:
    """A timer that came due."""

    id: str
    account: str
    chat: str
    """The chat that it was set for; empty for a timer of the whole plugin."""
    contact: str
    time: datetime
    """When it was due."""
    name: str
    payload: str
    """What was given when it was set."""
    attempt: int
    json: str

    @property
    def details(self) -> dict[str, Any]:
        """The whole event."""
        return json.loads(self.json)


@dataclass(frozen=True)
class Webhook:
    """A call of a webhook address of this plugin."""

    id: str
    time: datetime
    method: str
    path: str
    """The path below the plugin's address, with a leading slash, and the query."""
    headers: list[tuple[str, str]]
    body: bytes
    attempt: int

    @property
    def text(self) -> str:
        """The body, read as UTF-8."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)

    def header(self, name: str) -> Optional[str]:
        """A header's first value, whatever its case."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


@dataclass(frozen=True)
class WebhookReply:
    """What answers a webhook that is configured as `sync`."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Union[bytes, str] = b""

    @staticmethod
    def of_text(text: str, status: int = 200, headers: Mapping[str, str] = {}) -> "WebhookReply":
        """An answer in plain text."""
        return WebhookReply(status, {"content-type": "text/plain; charset=utf-8", **headers}, text)

    @staticmethod
    def of_json(value: Any, status: int = 200, headers: Mapping[str, str] = {}) -> "WebhookReply":
        """An answer in JSON."""
        return WebhookReply(status, {"content-type": "application/json", **headers}, json.dumps(value))


CLASSES = {
    "message": Message,
    "status": Event,
    "account": Event,
    "timer": Timer,
    "event": Event,
    "webhook": Webhook,
}


def of_contract(kind: str, raw: Any) -> Any:
    """An event of the contract as one of ours."""
    fields = dict(vars(raw))
    fields["time"] = from_millis(fields["time"])
    return CLASSES[kind](**fields)
