"""Structured logs of a server or worker: JSON lines or text on stderr, with what a request or session is, and no secrets in them.

Values given to `conceal` are replaced wherever they stand, in every usual encoding; a field whose name says that it holds a
secret never shows a text; tokens of ours and secrets in a URL's query are known by their look.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping
from typing import Literal, TextIO

import structlog
from structlog.contextvars import bound_contextvars, merge_contextvars
from structlog.typing import EventDict, Processor, WrappedLogger

from krawall.model.auth import SECRET_NAMES
from krawall.wire.redact import Redactor

__all__ = ["bound", "conceal", "configure", "logger"]

HIDDEN = "***"
_OURS = re.compile(r"\b(krw_|whsec_)[A-Za-z0-9_+/=-]{8,}")
_QUERY = re.compile(r"([?&])([^=&#\s\"']{1,80})=([^&#\s\"']+)")
_QUIET = {"uvicorn.access": logging.WARNING, "aiosqlite": logging.INFO, "botocore": logging.INFO}
"""Loggers that say per request or statement what we say ourselves, or nobody reads."""

bound = bound_contextvars
"""`with bound(request_id=..., session=..., worker=...):` puts these into every line logged inside."""


class _Concealed:
    """Secret values of this process. Logging is one per process by nature, so there is one of these."""

    def __init__(self) -> None:
        self._values: set[str] = set()
        self._redact = Redactor(())

    def add(self, value: str) -> None:
        if value and value not in self._values:
            self._values.add(value)
            self._redact = Redactor(self._values)

    def text(self, text: str) -> str:
        return _QUERY.sub(_without_value, _OURS.sub(rf"\1{HIDDEN}", self._redact(text)))


_CONCEALED = _Concealed()


def conceal(value: str) -> None:
    """Keep a secret value out of all logs of this process, from now on. Values under four characters match by chance: they stay."""
    _CONCEALED.add(value)


def logger(name: str) -> structlog.stdlib.BoundLogger:
    """Return a logger. Usable at import: until `configure` is called, warnings go where logging sends them."""
    made: structlog.stdlib.BoundLogger = structlog.wrap_logger(
        logging.getLogger(name), processors=_FIRST, wrapper_class=structlog.stdlib.BoundLogger
    )
    return made


def configure(
    format: Literal["auto", "json", "text"],
    level: Literal["debug", "info", "warning", "error"],
    stream: TextIO | None = None,
) -> None:
    """Send all logging of this process to stderr (or `stream`), one line per event. `auto`: text on a terminal, else JSON.

    Start uvicorn with `log_config=None`, so that it leaves its loggers to this.
    """
    out = sys.stderr if stream is None else stream
    text = format == "text" or (format == "auto" and out.isatty())
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(processors=_last(text, out.isatty()), foreign_pre_chain=_STAMPS)
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "alembic"):
        theirs = logging.getLogger(name)
        theirs.handlers.clear()
        theirs.propagate = True
        theirs.setLevel(logging.NOTSET)
    for name, quiet in _QUIET.items():
        logging.getLogger(name).setLevel(max(quiet, root.level))
    logging.captureWarnings(True)
    structlog.configure(
        processors=_FIRST, logger_factory=structlog.stdlib.LoggerFactory(), wrapper_class=structlog.stdlib.BoundLogger
    )


def redact(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Take secrets out of a log event: out of its texts, nested ones and those of exceptions included."""
    return {name: _field(name, value) for name, value in event.items()}


def _last(text: bool, colors: bool) -> list[Processor]:
    shown: Processor = structlog.processors.JSONRenderer(ensure_ascii=False)
    if text:
        shown = structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=structlog.dev.plain_traceback)
    return [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,
        redact,
        shown,
    ]


def _field(name: str, value: object) -> object:
    if SECRET_NAMES.search(name) and isinstance(value, str | bytes):
        return HIDDEN
    if isinstance(value, Mapping):
        return {_CONCEALED.text(str(key)): _field(str(key), inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_field(name, inner) for inner in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, bytes):
        return _CONCEALED.text(value.decode("utf-8", "replace"))
    return _CONCEALED.text(value if isinstance(value, str) else repr(value))


def _without_value(found: re.Match[str]) -> str:
    return f"{found[1]}{found[2]}={HIDDEN}" if SECRET_NAMES.search(found[2]) else found[0]


_STAMPS: list[Processor] = [
    merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
]
_FIRST: list[Processor] = [
    structlog.stdlib.filter_by_level,
    *_STAMPS,
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
]
