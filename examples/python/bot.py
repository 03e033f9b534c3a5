"""The smallest bot: it says what it hears."""

from switchboard import Message, on_message, reply


@on_message
def echo(event: Message) -> None:
    reply(event, f"You said: {event.text}")
