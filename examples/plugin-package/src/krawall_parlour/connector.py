"""The connector `parlour`: a chatbot that lives in this process and answers in turn, for talks without a network."""

import asyncio
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import ClassVar, Literal

import krawall.plugins as k


class Parlour(k.Connector):
    """Answer with sayings, one after another; silence is a fault, as it is in company."""

    api: ClassVar[int] = 1
    kind: Literal["parlour"] = "parlour"
    sayings: list[str] = ["How nice.", "Do go on."]
    thinks: k.Duration = 0

    def open(
        self, target: k.Target, secrets: k.Secrets, gate: k.Gate, session: str, timeouts: k.Timeouts
    ) -> AbstractAsyncContextManager[k.Line]:
        """Open the line; there is nothing that users share."""
        return nullcontext(_Table(self))


class _Table:
    def __init__(self, settings: Parlour) -> None:
        self.settings = settings

    def channel(self) -> k.Channel:
        return _Guest(self.settings)

    async def probe(self) -> None:
        """Somebody is always at home."""


class _Guest:
    def __init__(self, settings: Parlour) -> None:
        self._settings, self._said = settings, 0

    async def exchange(self, prompt: k.Prompt, mark: k.Mark) -> k.Reply:
        mark.sent()
        await asyncio.sleep(self._settings.thinks / 1_000_000_000)
        mark.byte(mark.now())
        if not prompt.text.strip():
            raise k.TargetFault(k.FaultKind.rejected, "nobody said anything", status=400)
        saying = self._settings.sayings[self._said % len(self._settings.sayings)]
        self._said += 1
        mark.token(saying, mark.now())
        return k.Reply(saying, 200, k.Usage(len(prompt.text.split()), len(saying.split())), "stop")

    def slow(self, by_ns: int) -> None: ...
    def listen(self, tap: k.Tap | None) -> None: ...
    async def close(self) -> None: ...
