"""Outgoing HTTP, done at once, to the hosts that the manifest asks for."""

import json as _json
from dataclasses import dataclass
from typing import Any, Mapping, Optional, Union

from wit_world.imports import http as _host

from ._error import SwitchboardError, call
from ._time import Span, span


@dataclass(frozen=True)
class Response:
    """An answer."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def ok(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    def raise_for_status(self) -> "Response":
        """Itself where the status is 2xx; otherwise a SwitchboardError with the code `http`."""
        if not self.ok:
            raise SwitchboardError("http", f"the server answered {self.status}")
        return self

    def header(self, name: str) -> Optional[str]:
        """A header's first value, whatever its case."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    @property
    def text(self) -> str:
        """The body, read as UTF-8."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body, read as JSON."""
        return _json.loads(self.body)


def request(
    method: str,
    url: str,
    *,
    headers: Optional[Mapping[str, str]] = None,
    body: Union[bytes, str] = b"",
    json: Any = None,
    timeout: Optional[Span] = None,
) -> Response:
    """Send a request and wait for the answer, whatever its status."""
    fields = list((headers or {}).items())
    if json is not None:
        body = _json.dumps(json)
        if not any(name.lower() == "content-type" for name, _ in fields):
            fields.append(("content-type", "application/json"))
    whole = body.encode() if isinstance(body, str) else body
    timeout_ms = None if timeout is None else span(timeout)
    answer = call(_host.send, _host.Request(method.upper(), url, fields, whole, timeout_ms))
    return Response(answer.status, answer.headers, answer.body)


def get(url: str, **options: Any) -> Response:
    """`http.get("https://api.example.com/orders/7").raise_for_status().json()`"""
    return request("GET", url, **options)


def post(url: str, **options: Any) -> Response:
    """`http.post("https://api.example.com/orders", json={"id": 7})`"""
    return request("POST", url, **options)
