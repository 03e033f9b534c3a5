"""Secrets of the install."""

from wit_world.imports import secrets as _host

from ._error import call


def placeholder(name: str) -> str:
    """A word to put into a header or body of an outgoing request; the host puts the secret in its place on
    the way out, for the hosts that the secret is bound to."""
    return call(_host.placeholder, name)


def reveal(name: str) -> str:
    """The secret itself, where the manifest says `reveal = true` and the installer agreed."""
    return call(_host.reveal, name)
