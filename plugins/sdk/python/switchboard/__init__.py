"""Write Switchboard plugins in Python.

    from switchboard import Message, on_message, reply

    @on_message
    def echo(event: Message) -> None:
        reply(event, f"You said: {event.text}")

Whatever a handler does (send, schedule, set a timer, write state) happens when it has returned, all
together; after an exception nothing of it happened, and the event is tried again. A plugin may call what
its `plugin.toml` asks for under `[permissions]`; anything else raises a `SwitchboardError` whose message
names the line to add. `logging` and `print` write to the plugin's log.
"""

from . import chats, contacts, delivery, events, http, media, messaging, secrets, state, templates, timers
from ._config import config, source
from ._error import SwitchboardError
from ._events import Event, Message, Timer, Webhook, WebhookReply
from ._handlers import on_account, on_event, on_message, on_status, on_timer, on_webhook
from .messaging import reply, send

__all__ = [
    "Event",
    "Message",
    "SwitchboardError",
    "Timer",
    "Webhook",
    "WebhookReply",
    "chats",
    "config",
    "contacts",
    "delivery",
    "events",
    "http",
    "media",
    "messaging",
    "on_account",
    "on_event",
    "on_message",
    "on_status",
    "on_timer",
    "on_webhook",
    "reply",
    "secrets",
    "send",
    "source",
    "state",
    "templates",
    "timers",
]
