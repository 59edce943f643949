"""The connector `echo`: no network; answers with what was said, in words over time. For tests and for trying a scenario out."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Literal

from pydantic import Field

from krawall.model.base import NS_PER_S, Duration
from krawall.model.connector import Channel, Connector, Gate, Line, Mark, Secrets, Tap
from krawall.model.exchange import FaultKind, Prompt, Reply, TargetFault, Usage
from krawall.model.policy import Timeouts
from krawall.model.target import Target


class Echo(Connector):
    """Answer with the last message, a word at a time."""

    kind: Literal["echo"] = "echo"
    first_token: Duration = Field(0, alias="first token")
    gap: Duration = 0
    fail_every: int = Field(
        0, alias="fail every", ge=0, description="every n-th exchange of a user fails with status 500"
    )

    def open(
        self, target: Target, secrets: Secrets, gate: Gate, session: str, timeouts: Timeouts
    ) -> AbstractAsyncContextManager[Line]:
        """Open the line."""
        return nullcontext(EchoLine(self))


class EchoLine:
    """Hands out channels."""

    def __init__(self, settings: Echo) -> None:
        self._settings = settings

    def channel(self) -> Channel:
        """Return a user's channel."""
        return EchoChannel(self._settings)

    async def probe(self) -> None:
        """There is nothing to reach."""


class EchoChannel:
    """Echoes; waits on the event loop's clock, so that it works under virtual time."""

    def __init__(self, settings: Echo) -> None:
        self._settings = settings
        self._asked = 0

    async def exchange(self, prompt: Prompt, mark: Mark) -> Reply:
        """Answer with the words of the prompt."""
        self._asked += 1
        settings = self._settings
        mark.sent()
        if settings.first_token:
            await asyncio.sleep(settings.first_token / NS_PER_S)
        mark.byte(mark.now())
        if settings.fail_every and self._asked % settings.fail_every == 0:
            raise TargetFault(FaultKind.server, "500: every n-th exchange fails", status=500)
        words = prompt.text.split(" ")
        for index, word in enumerate(words):
            if index and settings.gap:
                await asyncio.sleep(settings.gap / NS_PER_S)
            mark.token(word if index == 0 else " " + word, mark.now())
        spent = Usage(sum(len(message.content.split(" ")) for message in prompt.messages), len(words))
        return Reply(prompt.text, 200, spent, "stop", prompt.conversation_id or "echo")

    def listen(self, tap: Tap | None) -> None:
        """Nothing goes over a wire."""

    def slow(self, by_ns: int) -> None:
        """There is no socket to read slowly from."""

    async def close(self) -> None:
        """Nothing to close."""
