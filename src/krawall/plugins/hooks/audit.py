"""The hook `audit`: one line for every request that left and every answer that came, in a file beside the shard's log."""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Literal

import msgspec
from pydantic import Field

from krawall.clock import iso, wall_ns
from krawall.errors import Unavailable
from krawall.guard.hosts import TARGET_SCHEMES, parse_url
from krawall.model.base import Record
from krawall.model.exchange import Fault, Prompt, Reply
from krawall.model.hook import Hook, Hooked, Surroundings
from krawall.model.target import Target


class Audit(Hook):
    """Note who was asked when, with how much and what came of it; texts as their SHA-256, so that they can be proven later."""

    kind: Literal["audit"] = "audit"
    texts: bool = Field(False, description="the texts themselves too")

    def open(self, around: Surroundings) -> AbstractAsyncContextManager[Hooked]:
        """Open the file; where nothing is kept (a connection test), nothing is noted."""
        return _opened(self, around)


class Noted(Record, frozen=True, omit_defaults=True):
    """One line. `what`: sent, received or failed. `at`: UTC. `sha256` is of the whole text in UTF-8, `letters` its length.

    `text` is as it may be written down: without secrets, and as the other hooks leave it.
    """

    at: str
    session: str
    host: str
    what: str
    sha256: str
    letters: int
    status: int | None = None
    tokens_out: int | None = None
    fault: str = ""
    text: str = ""


@asynccontextmanager
async def _opened(settings: Audit, around: Surroundings) -> AsyncIterator[Hooked]:
    if not around.directory:
        yield Hooked()
        return
    descriptor = _file(Path(around.directory) / f"audit-{around.part}.jsonl")
    try:
        yield Auditing(settings, around, descriptor)
    finally:
        os.close(descriptor)


def _file(path: Path) -> int:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Unavailable(f"cannot write {path}: {error.strerror}") from None


class Auditing(Hooked):
    """Writes lines as they happen."""

    def __init__(self, settings: Audit, around: Surroundings, descriptor: int) -> None:
        self._texts = settings.texts
        self._kept = around.kept
        self._session = around.session
        self._host = host_of(around.target, around)
        self._descriptor = descriptor

    async def before_send(self, prompt: Prompt) -> Prompt:
        """Note what goes out."""
        self._note("sent", prompt.text)
        return prompt

    async def after_receive(self, prompt: Prompt, reply: Reply) -> Reply:
        """Note what came."""
        self._note("received", reply.text, reply.status, reply.usage.tokens_out if reply.usage else None)
        return reply

    async def on_error(self, prompt: Prompt, fault: Fault) -> bool:
        """Note what went wrong; the words of a fault may quote what was sent, so only its kind."""
        self._note("failed", "", fault.status, fault=fault.kind.value)
        return False

    def _note(
        self, what: str, text: str, status: int | None = None, tokens: int | None = None, fault: str = ""
    ) -> None:
        data = text.encode("utf-8", "replace")
        line = Noted(
            iso(wall_ns()), self._session, self._host, what, hashlib.sha256(data).hexdigest(), len(text), status, tokens,
            fault, self._kept(text) if self._texts else "",
        )  # fmt: skip
        self._write(memoryview(msgspec.json.encode(line) + b"\n"))

    def _write(self, data: memoryview) -> None:
        """Write at once: what was sent is noted, however the process ends."""
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
        except OSError as error:
            raise Unavailable(f"the audit cannot be written: {error.strerror}") from None


def host_of(target: Target, around: Surroundings) -> str:
    """Return host and port of a target; its path and query may hold secrets."""
    if not target.url:
        return target.connector or ""
    return parse_url(around.secrets.resolve(target.url), TARGET_SCHEMES).authority
