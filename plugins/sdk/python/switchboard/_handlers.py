"""Decorators that say which function receives what."""

import inspect
from typing import Any, Callable, TypeVar

from ._events import Event, Message, Timer, Webhook

HANDLERS: dict[str, Callable[[Any], Any]] = {}

M = TypeVar("M", bound=Callable[[Message], None])
E = TypeVar("E", bound=Callable[[Event], None])
T = TypeVar("T", bound=Callable[[Timer], None])
W = TypeVar("W", bound=Callable[[Webhook], Any])


def _keep(kind: str, function: Any) -> Any:
    name = getattr(function, "__name__", repr(function))
    if inspect.iscoroutinefunction(function):
        raise TypeError(
            f"{name} is async, and what it awaits would never happen: write it with def, "
            "since every call of the SDK answers at once"
        )
    if kind in HANDLERS:
        raise TypeError(f"@on_{kind} is on {HANDLERS[kind].__name__} already: a plugin has one of it")
    HANDLERS[kind] = function
    return function


def on_message(function: M) -> M:
    """Receives messages from customers: `on = "message"` in plugin.toml."""
    return _keep("message", function)


def on_status(function: E) -> E:
    """Receives what happened to messages of ours: `on = "status"` in plugin.toml."""
    return _keep("status", function)


def on_account(function: E) -> E:
    """Receives connection, opt-in and opt-out, template status, usage: `on = "account"`."""
    return _keep("account", function)


def on_timer(function: T) -> T:
    """Receives timers and schedules that came due: `on = "timer"` in plugin.toml."""
    return _keep("timer", function)


def on_event(function: E) -> E:
    """Receives any other fact, by name: `on = "event"` in plugin.toml."""
    return _keep("event", function)


def on_webhook(function: W) -> W:
    """Receives calls of this plugin's webhook addresses: `on = "webhook"` in plugin.toml. It may return
    a `WebhookReply`, a text, anything that JSON holds, or nothing."""
    return _keep("webhook", function)
