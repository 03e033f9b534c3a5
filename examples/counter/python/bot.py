"""Counts, reminds, copies files, asks another service, and fails when it is told to."""

import logging
import random
import time
from datetime import timedelta

from switchboard import (
    Message,
    SwitchboardError,
    Timer,
    Webhook,
    WebhookReply,
    config,
    contacts,
    http,
    media,
    messaging,
    on_message,
    on_timer,
    on_webhook,
    reply,
    state,
    timers,
)


@on_message
def answer(event: Message) -> None:
    if event.file:
        return copy(event, event.file)
    word, _, rest = event.text.partition(" ")
    match word:
        case "count":
            count = state.chat.increment("count")
            logging.info("counted %d", count)
            reply(event, str(count))
        case "remind":
            minutes = config()["minutes"]
            timers.chat.after("reminder", timedelta(minutes=minutes), rest.removeprefix("me "))
            reply(event, f"In {minutes} minutes")
        case "hello":
            reply(event, f"{config()['greeting']}!")
        case "time":
            reply(event, str(round(time.time() * 1000)))
        case "chance":
            reply(event, str(random.random()))
        case "order":
            response = http.get(rest)
            reply(event, f"{response.status} {response.text}")
        case "tag":
            refused(event)
        case "fail":
            raise Exception("no such order")
        case "crash":
            crash(0)
        case _:
            reply(event, f"You said: {event.text}")


@on_timer
def remind(timer: Timer) -> None:
    reply(timer, f"Reminder: {timer.payload}")


@on_webhook
def mirror(request: Webhook) -> WebhookReply:
    """A webhook is answered with what it brought, back to front."""
    headers = {"content-type": request.header("content-type") or "", "x-length": str(len(request.body))}
    return WebhookReply(201, headers, request.body[::-1])


def copy(event: Message, file: str) -> None:
    about = media.describe(file)
    kept = media.keep(about.mime_type, "copy.png", media.whole(file))
    messaging.image(event, kept, f"{about.mime_type}, {about.size} bytes")


def refused(event: Message) -> None:
    """What plugin.toml does not ask for is refused; the error names the line to add."""
    try:
        contacts.tag(event, "regular")
    except SwitchboardError as error:
        reply(event, f"{error.code}: {error.message}")


def crash(customers: int) -> float:
    return 1 / customers
