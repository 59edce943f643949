"""A mock bot on a real socket, and a plain client that sees bytes, chunks and cuts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest

from krawall.mockbot.behaviour import Behaviour
from krawall.mockbot.http import Server, serve


@dataclass
class Seen:
    """A reply as it came. `complete` is False when the connection ended before the body did; `chunks` as framed."""

    status: int
    headers: dict[str, str]
    body: bytes = b""
    chunks: list[bytes] = field(default_factory=list)
    complete: bool = True

    def json(self) -> Any:
        return json.loads(self.body)

    def events(self) -> list[Any]:
        """The data of the server-sent events, without [DONE]."""
        blocks = [block for block in self.body.decode().split("\n\n") if block]
        data = [block.partition("data: ")[2] for block in blocks]
        return [json.loads(text) for text in data if text != "[DONE]"]

    def text(self) -> str:
        """What an OpenAI stream said."""
        choices = [choice for event in self.events() for choice in event["choices"]]
        return "".join(choice["delta"].get("content", "") for choice in choices)


class Client:
    """One connection to a mock bot."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, method: str, path: str, body: bytes | str | dict[str, Any] = b"", **headers: str) -> None:
        """Write a request; header names have `_` for `-`."""
        data = json.dumps(body).encode() if isinstance(body, dict) else body.encode() if isinstance(body, str) else body
        lines = [f"{method} {path} HTTP/1.1", "Host: mock", f"Content-Length: {len(data)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.writer.write("\r\n".join([*lines, "", ""]).encode() + data)

    async def receive(self, *, body: bool = True) -> Seen:
        """Read one reply."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        seen = Seen(int(head[0].split()[1]), headers)
        try:
            if "transfer-encoding" in headers:
                await self._chunks(seen)
            elif body and "content-length" in headers:
                seen.body = await self.reader.readexactly(int(headers["content-length"]))
            elif body and seen.status >= 200:
                seen.body = await self.reader.read()
        except asyncio.IncompleteReadError as error:
            seen.complete = False
            seen.body += error.partial
        return seen

    async def ask(self, method: str, path: str, body: bytes | str | dict[str, Any] = b"", **headers: str) -> Seen:
        self.send(method, path, body, **headers)
        return await self.receive(body=method != "HEAD")

    async def chat(self, content: str, stream: bool = False, **headers: str) -> Seen:
        """Ask in the OpenAI dialect."""
        body = {"model": "m", "stream": stream, "messages": [{"role": "user", "content": content}]}
        return await self.ask("POST", "/v1/chat/completions", body, **headers)

    async def _chunks(self, seen: Seen) -> None:
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            chunk = (await self.reader.readexactly(size + 2))[:-2]
            seen.chunks.append(chunk)
            seen.body += chunk
        await self.reader.readexactly(2)


@dataclass
class Bot:
    """A running server and how to reach it."""

    server: Server
    stack: AsyncExitStack

    async def client(self) -> Client:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port)
        self.stack.callback(writer.close)
        return Client(reader, writer)


Start = Callable[..., Awaitable[Bot]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Start mock bots: `bot = await start(gap="1ms")`; they end with the test."""
    async with AsyncExitStack() as stack:

        async def run(**fields: Any) -> Bot:
            server = await stack.enter_async_context(serve(Behaviour(**fields)))
            return Bot(server, stack)

        yield run
