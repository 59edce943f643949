"""The connector `parlour`: a chatbot that lives in this process and answers in turn, for talks without a network."""

import asyncio
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Literal

from krawall.model.base import NS_PER_S, Duration
from krawall.model.connector import Channel, Connector, Gate, Line, Mark, Secrets, Tap
from krawall.model.exchange import FaultKind, Prompt, Reply, TargetFault, Usage
from krawall.model.policy import Timeouts
from krawall.model.target import Target


class Parlour(Connector):
    """Answer with sayings, one after another; silence is a fault, as it is in company."""

    kind: Literal["parlour"] = "parlour"
    sayings: list[str] = ["How nice.", "Do go on."]
    thinks: Duration = 0

    def open(
        self, target: Target, secrets: Secrets, gate: Gate, session: str, timeouts: Timeouts
    ) -> AbstractAsyncContextManager[Line]:
        """Open the line; there is nothing that users share."""
        return nullcontext(_Table(self))


class _Table:
    def __init__(self, settings: Parlour) -> None:
        self.settings = settings

    def channel(self) -> Channel:
        return _Guest(self.settings)

    async def probe(self) -> None:
        """Somebody is always at home."""


class _Guest:
    def __init__(self, settings: Parlour) -> None:
        self._settings, self._said = settings, 0

    async def exchange(self, prompt: Prompt, mark: Mark) -> Reply:
        mark.sent()
        await asyncio.sleep(self._settings.thinks / NS_PER_S)
        mark.byte(mark.now())
        if not prompt.text.strip():
            raise TargetFault(FaultKind.rejected, "nobody said anything", status=400)
        saying = self._settings.sayings[self._said % len(self._settings.sayings)]
        self._said += 1
        mark.token(saying, mark.now())
        return Reply(saying, 200, Usage(len(prompt.text.split()), len(saying.split())), "stop")

    def slow(self, by_ns: int) -> None: ...
    def listen(self, tap: Tap | None) -> None: ...
    async def close(self) -> None: ...
