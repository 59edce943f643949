"""The exception tree. What we or the author did wrong is an exception; what the target did wrong is data (a Fault).

KrawallError                 code          exit
├─ DocumentError             document      2     a document is wrong; carries every place at once
├─ NotFound                  not_found     2     a file, template, preset or session that does not exist
├─ Conflict                  conflict      2     a name that is taken, a state that does not allow it
│  └─ Stale                  stale         2     somebody else revised it meanwhile
├─ Unauthorized              unauthorized  2     nobody is logged in, or the token is not valid
├─ Forbidden                 forbidden     2     this user or token may not do it
├─ TooMany                   throttled     2     too many requests or attempts; says when to come again
├─ TooLarge                  too_large     2     more bytes than a request may have
├─ Refused                   refused       30    a guard rail said no; nothing was sent
├─ Unreachable               unreachable   30    the target's host does not resolve or accept connections
├─ PluginError               plugin        2     a plugin is missing or does not load
├─ Unavailable               unavailable   70    something of ours is gone: a disk, a child process
└─ Internal                  internal      70    our own bug
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


class KrawallError(Exception):
    """Base of all errors that a person should read. `hint` says the way out, where there is one."""

    code: ClassVar[str] = "internal"
    exit_code: ClassVar[int] = 70

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  hint: {self.hint}" if self.hint else self.message


@dataclass(frozen=True)
class Place:
    """One thing that is wrong in a document: where (`path`, 1-based `line` if known) and what."""

    path: str
    message: str
    line: int | None = None

    def __str__(self) -> str:
        where = self.path or "document"
        return f"{where} (line {self.line}): {self.message}" if self.line else f"{where}: {self.message}"


class DocumentError(KrawallError):
    """A document does not fit its model. `places` holds every error found, in document order."""

    code = "document"
    exit_code = 2

    def __init__(self, source: str, places: list[Place], *, hint: str | None = None) -> None:
        count = f"{len(places)} errors" if len(places) != 1 else "1 error"
        lines = "\n".join(f"  {place}" for place in places)
        super().__init__(f"{source}: {count}\n{lines}", hint=hint)
        self.source = source
        self.places = places


class NotFound(KrawallError):
    """A named thing does not exist."""

    code = "not_found"
    exit_code = 2


class Conflict(KrawallError):
    """What is there does not allow it: a name that is taken, a state from which there is no way."""

    code = "conflict"
    exit_code = 2


class Stale(Conflict):
    """Somebody else revised the document since it was read."""

    code = "stale"


class Unauthorized(KrawallError):
    """Nobody is logged in, or the token is not valid."""

    code = "unauthorized"
    exit_code = 2


class Forbidden(KrawallError):
    """Who asks is known, and may not do it."""

    code = "forbidden"
    exit_code = 2


class TooMany(KrawallError):
    """Too many requests or attempts. `retry_after_s`: when to come again, seconds."""

    code = "throttled"
    exit_code = 2

    def __init__(self, message: str, *, retry_after_s: float = 1.0, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_after_s = retry_after_s


class TooLarge(KrawallError):
    """A request holds more bytes than it may."""

    code = "too_large"
    exit_code = 2


class Refused(KrawallError):
    """A guard rail does not allow it. Nothing was sent."""

    code = "refused"
    exit_code = 30


class Unreachable(KrawallError):
    """The target's host could not be resolved or connected to before the session began."""

    code = "unreachable"
    exit_code = 30


class PluginError(KrawallError):
    """A plugin is missing, broken or of the wrong version."""

    code = "plugin"
    exit_code = 2


class Unavailable(KrawallError):
    """Something of ours is gone: a full disk, a directory that cannot be written, a child process that will not start."""

    code = "unavailable"


class Internal(KrawallError):
    """Our own bug. The report is still written."""

    code = "internal"
