"""A connector opened without an engine, and one question asked through it: what the author of a connector tries first."""

from __future__ import annotations

import re
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from krawall.clock import monotonic_ns
from krawall.engine.mark import Stamps
from krawall.engine.program import connector_of
from krawall.errors import Refused
from krawall.guard.hosts import TARGET_SCHEMES, parse_url
from krawall.model.auth import REFERENCE
from krawall.model.connector import Channel, Line
from krawall.model.exchange import Fault, Message, Prompt, Reply, TargetFault
from krawall.model.policy import Timeouts
from krawall.model.target import Target
from krawall.plugins.preset import resolve
from krawall.testing.hostile import Action, Hostile, hostile

SESSION = "ses_test"


class Known:
    """Secrets from a mapping instead of the environment."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def resolve(self, text: str) -> str:
        """Return `text` with its references replaced."""
        return REFERENCE.sub(lambda match: self._values[match[1]], text)


class Pins:
    """A gate that grants one host at fixed addresses, and remembers who was asked for."""

    def __init__(self, host: str, addresses: Sequence[str]) -> None:
        self._host = host
        self._addresses = addresses
        self.asked: list[str] = []

    def addresses(self, host: str, port: int) -> Sequence[str]:
        """Return the addresses of the granted host; refuse any other."""
        self.asked.append(host)
        if host != self._host:
            raise Refused(f"{host} was not granted, only {self._host}")
        return self._addresses


def target_of(**fields: Any) -> Target:
    """Return a target with its preset filled in."""
    return resolve(Target.model_validate(fields))


@asynccontextmanager
async def line_of(
    target: Target,
    *,
    secrets: Mapping[str, str] | None = None,
    timeouts: Timeouts | None = None,
    gate: Pins | None = None,
) -> AsyncIterator[Line]:
    """Open the target's connector. The host is granted at 127.0.0.1 unless `gate` says otherwise."""
    known = Known(secrets or {})
    gate = gate or Pins(parse_url(known.resolve(target.url), TARGET_SCHEMES).host if target.url else "", ["127.0.0.1"])
    connector = connector_of(target.connector or "http", target.options)
    async with connector.open(target, known, gate, SESSION, timeouts or Timeouts()) as line:
        yield line


@asynccontextmanager
async def talk(
    *scripts: Sequence[Action],
    tls: ssl.SSLContext | None = None,
    secrets: Mapping[str, str] | None = None,
    timeouts: Timeouts | None = None,
    **fields: Any,
) -> AsyncIterator[tuple[Hostile, Channel]]:
    """Start a hostile server and open one user's channel to it. `fields` are those of the target."""
    async with hostile(*scripts, tls=tls) as server:
        target = target_of(**{"url": server.url(), **fields})
        async with line_of(target, secrets=secrets, timeouts=timeouts) as line:
            channel = line.channel()
            try:
                yield server, channel
            finally:
                await channel.close()


@dataclass(frozen=True)
class Answer:
    """What came of a question: a reply or a fault, and the stamps."""

    reply: Reply | None
    trouble: TargetFault | None
    mark: Stamps

    @property
    def text(self) -> str:
        """The reply's text; fails when there is none, with the fault."""
        assert self.reply is not None, self.trouble
        return self.reply.text

    @property
    def fault(self) -> Fault:
        """The fault; fails when there is none, with the reply."""
        assert self.trouble is not None, self.reply
        return self.trouble.fault

    def is_fault(self, kind: str, words: str = "") -> bool:
        """Say whether it is a fault of that kind whose detail matches the regular expression `words`."""
        fault = self.fault
        assert fault.kind == kind, fault
        assert re.search(words, fault.detail), fault
        return True


def prompt_of(text: str, conversation_id: str | None = None) -> Prompt:
    """Return a prompt of one message."""
    return Prompt([Message("user", text)], text, None, conversation_id)


async def ask(channel: Channel, text: str = "hello") -> Answer:
    """Do one exchange. Anything but a TargetFault comes out as it is."""
    mark = Stamps(monotonic_ns)
    try:
        return Answer(await channel.exchange(prompt_of(text), mark), None, mark)
    except TargetFault as trouble:
        return Answer(None, trouble, mark)
