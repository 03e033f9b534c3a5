"""Send messages. They leave when the handler has returned; their ids are final at once.

Whom a message goes to is the chat of an event, a chat's id, or a phone number (`"+15550001"`). The
options of every send: `at` or `after` (send later), `quoting` (the id of the message that it answers),
`typing` (show "typing…" before), `randomise` (vary it a little), `cancel_if_replied` (drop it if the
customer writes before it is due).
"""

import json as _json
from typing import Any, Iterable, Optional, TypedDict, Union, Unpack

from wit_world.imports import delivery as _delivery
from wit_world.imports import messaging as _host

from ._error import call
from ._events import Event, Message, Timer
from ._time import Moment, Span, moment, span

To = Union[str, Message, Event, Timer]
"""An event with a chat, a chat's id, or a phone number."""


class Options(TypedDict, total=False):
    """When and how a message leaves."""

    at: Moment
    after: Span
    quoting: str
    typing: bool
    randomise: bool
    cancel_if_replied: bool


def chat_of(to: To) -> str:
    """The id of a chat: an event's, or as given."""
    chat = to if isinstance(to, str) else to.chat
    if not chat:
        raise ValueError("this event has no chat: give a chat's id or a phone number")
    return chat


def options_of(given: Options) -> _host.Options:
    """Options as the contract has them."""
    due_at: Optional[int] = None
    if "at" in given:
        due_at = moment(given["at"])
    elif "after" in given:
        due_at = _delivery.now() + span(given["after"])
    return _host.Options(
        due_at,
        given.get("quoting"),
        given.get("typing", False),
        given.get("randomise", False),
        given.get("cancel_if_replied", False),
    )


def send(to: To, text: str, **options: Unpack[Options]) -> str:
    """Write to a chat or a phone number: `send("+15550001", "Your order is ready")`. Gives the new
    message's id."""
    return call(_host.send_text, chat_of(to), text, options_of(options))


def reply(event: To, text: str, **options: Unpack[Options]) -> str:
    """Answer in the chat of an event: `reply(event, "Hello!")`. Gives the new message's id."""
    return send(event, text, **options)


def image(to: To, media: str, caption: str = "", **options: Unpack[Options]) -> str:
    """A picture, from an `https:` address or the id of a stored file."""
    return call(_host.send_image, chat_of(to), media, caption, options_of(options))


def audio(to: To, media: str, **options: Unpack[Options]) -> str:
    """A voice or sound file."""
    return call(_host.send_audio, chat_of(to), media, options_of(options))


def video(to: To, media: str, caption: str = "", **options: Unpack[Options]) -> str:
    """A film."""
    return call(_host.send_video, chat_of(to), media, caption, options_of(options))


def document(to: To, media: str, filename: str, caption: str = "", **options: Unpack[Options]) -> str:
    """A file: `document(event, url, "invoice.pdf")`."""
    return call(_host.send_document, chat_of(to), media, filename, caption, options_of(options))


def sticker(to: To, media: str, **options: Unpack[Options]) -> str:
    """A sticker (WebP)."""
    return call(_host.send_sticker, chat_of(to), media, options_of(options))


def location(
    to: To, latitude: float, longitude: float, name: str = "", address: str = "", **options: Unpack[Options]
) -> str:
    """A place, in degrees."""
    return call(_host.send_location, chat_of(to), latitude, longitude, name, address, options_of(options))


def buttons(to: To, text: str, buttons: Iterable[tuple[str, str]], **options: Unpack[Options]) -> str:
    """A text with one to three buttons, each an id and a title:
    `buttons(event, "Coming?", [("yes", "Yes"), ("no", "No")])`."""
    all_buttons = [_host.Button(id, title) for id, title in buttons]
    return call(_host.send_buttons, chat_of(to), text, all_buttons, options_of(options))


def choices(
    to: To, text: str, button: str, rows: Iterable[tuple[str, str, str]], **options: Unpack[Options]
) -> str:
    """A text with a list of one to ten rows behind a button, each an id, a title and a description."""
    all_rows = [_host.Row(id, title, description) for id, title, description in rows]
    return call(_host.send_list, chat_of(to), text, button, all_rows, options_of(options))


def json(to: To, message: dict[str, Any], **options: Unpack[Options]) -> str:
    """Any message, as the body of `POST /api/v1/messages` without `to`."""
    return call(_host.send, chat_of(to), _json.dumps(message), options_of(options))


def react(message_id: str, emoji: str) -> str:
    """Answer a message with an emoji; an empty one takes it back."""
    return call(_host.react, message_id, emoji)


def note(chat: To, text: str) -> str:
    """A line for the people of the team in a chat; never sent."""
    return call(_host.note, chat_of(chat), text)


def mark_read(message_id: str) -> None:
    """Tell the customer that we read up to this message."""
    call(_host.mark_read, message_id)


def typing(chat: To) -> None:
    """Show "typing…" now."""
    call(_host.typing, chat_of(chat))


def cancel(message_id: str) -> None:
    """Cancel a message that has not left."""
    call(_host.cancel, message_id)
