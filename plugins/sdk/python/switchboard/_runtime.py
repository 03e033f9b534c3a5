"""From the contract's exports to a plugin's own functions. `switchboard build` makes the module that
calls this."""

import linecache
import logging
import random
import sys
import traceback
from types import ModuleType
from typing import Any

from componentize_py_types import Err
from wit_world.imports import log, types

from ._error import SwitchboardError
from ._events import WebhookReply, of_contract
from ._handlers import HANDLERS

# A component finds at run time only those parts of the standard library that were there when it was
# built. These are what programs look for late.
import base64, csv, dataclasses, datetime, decimal, hashlib, hmac, html, itertools, json, math  # noqa: E401,F401
import re, statistics, string, textwrap, time, urllib.parse, uuid  # noqa: E401,F401


class _HostLog(logging.Handler):
    """Lines of `logging` as lines of the plugin's log."""

    def emit(self, record: logging.LogRecord) -> None:
        levels = ((logging.ERROR, "error"), (logging.WARNING, "warn"), (logging.INFO, "info"))
        level = next((name for least, name in levels if record.levelno >= least), "debug")
        log.write(level, self.format(record))


logging.basicConfig(level=logging.DEBUG, handlers=[_HostLog()], format="%(message)s")


def check(bot: ModuleType, kinds: list[str]) -> None:
    """Say what is missing when a plugin is built, and keep its lines for tracebacks."""
    for kind in kinds:
        if kind not in HANDLERS:
            sys.exit(f"plugin.toml receives {kind} events: put @on_{kind} on a function of {bot.__name__}.py")
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None) or ""
        if file.endswith(".py") and not _is_ours(file):
            lines = linecache.getlines(file)
            # Without a time of change they are not looked for in the files, which are gone then.
            linecache.cache[file] = (len("".join(lines)), None, lines, file)


def handle(kind: str, raw: Any) -> Any:
    """Run the handler; an exception becomes an error that the host keeps, with its traceback in the log."""
    # The seed was fixed when the plugin was built.
    random.seed()
    try:
        answer = HANDLERS[kind](of_contract(kind, raw))
        return _reply(answer) if kind == "webhook" else None
    except BaseException as failure:
        log.write("error", _told(failure))
        raise Err(_said(failure)) from None
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def _said(failure: BaseException) -> str:
    """An exception in one line, with its class where that says more than "Exception"."""
    if isinstance(failure, SwitchboardError) or type(failure) is Exception:
        return str(failure) or type(failure).__name__
    return f"{type(failure).__name__}: {failure}".removesuffix(": ")


def _told(failure: BaseException) -> str:
    """Its traceback, without our own frames and the folders in front."""
    told = traceback.TracebackException.from_exception(failure, compact=True)
    part: Any = told
    while part is not None:
        frames = [frame for frame in part.stack if not _is_ours(frame.filename)]
        for frame in frames:
            frame.filename = frame.filename.rsplit("/", 1)[-1]
        part.stack = traceback.StackSummary.from_list(frames)
        part = part.__cause__ or part.__context__
    return "".join(told.format()).rstrip()


def _is_ours(file: str) -> bool:
    parts = ("/switchboard/", "wit_world", "componentize_py", "switchboard_app", "<frozen", "/python3", "/bundled")
    return any(part in file for part in parts)


def _reply(answer: Any) -> types.WebhookReply:
    if answer is None:
        answer = WebhookReply()
    elif isinstance(answer, str):
        answer = WebhookReply.of_text(answer)
    elif not isinstance(answer, WebhookReply):
        answer = WebhookReply.of_json(answer)
    body = answer.body.encode() if isinstance(answer.body, str) else bytes(answer.body)
    headers = [(name, str(value)) for name, value in answer.headers.items()]
    return types.WebhookReply(answer.status, headers, body)
