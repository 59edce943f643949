"""Chatbots on real sockets are recognised: by look-ups that say nothing, and one message at most."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from krawall.errors import DocumentError, Refused
from krawall.errors import Place as Wrong
from krawall.mockbot.behaviour import Behaviour
from krawall.mockbot.http import serve
from krawall.model.target import Target
from krawall.services.detecting import detect
from krawall.services.recognising import Clue
from krawall.testing.asking import Known

Answer = Callable[[str, str, bytes], tuple[int, str, bytes]]
KNOWN = (Clue("openai-chat", (), ("/v1/chat/completions",), "/v1/models"),)


@dataclass
class Place:
    url: str
    asked: list[tuple[str, str]] = field(default_factory=list)
    unnamed: int = 0  # requests that do not say who asks


@asynccontextmanager
async def place(answer: Answer) -> AsyncIterator[Place]:
    """A server that answers each request by a function of method, path and body."""
    made = Place("")

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        except asyncio.IncompleteReadError:
            writer.close()
            return
        method, path = head.split(" ", 2)[:2]
        lines = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
        body = await reader.readexactly(int(lines.get("content-length", 0)))
        made.asked.append((method, path))
        made.unnamed += lines.get("user-agent", "")[:8] != "krawall/" or not lines.get("x-krawall-session")
        status, kind, data = answer(method, path, body)
        writer.write(
            f"HTTP/1.1 {status} Any\r\ncontent-type: {kind}\r\ncontent-length: {len(data)}\r\n\r\n".encode() + data
        )
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(accept, "127.0.0.1", 0) as listening:
        made.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        yield made


def posts(server: Place) -> list[str]:
    return [path for method, path in server.asked if method == "POST"]


async def test_the_mock_bot_is_recognised_by_its_address_alone():
    async with serve(Behaviour()) as bot:
        found = await detect(bot.url, Known({}), known=KNOWN)
        assert found.guess.target["preset"] == "openai-chat"
        assert found.guess.target["url"] == f"{bot.url}/v1/chat/completions"
        assert found.outcome is not None
        assert found.outcome.ok
        assert bot.stats()["requests"] == 1


@pytest.mark.parametrize(
    ("path", "preset"),
    [
        ("/v1/chat/completions", "openai-chat"),
        ("/v1/responses", "openai-responses"),
        ("/v1/messages", "anthropic"),
        ("/api/chat", "ollama"),
        ("/v1beta/models/m:generateContent", "gemini"),
        ("/openai/deployments/d1/chat/completions?api-version=2024-10-21", "azure-openai"),
        ("/chat", "custom-http"),
    ],
)
async def test_every_dialect_of_the_mock_bot_is_recognised_by_what_presets_say(path, preset):
    async with serve(Behaviour()) as bot:
        found = await detect(bot.url + path, Known({}))
        assert found.guess.target["preset"] == preset
        assert found.outcome is not None
        assert found.outcome.ok, found.trouble
        assert bot.stats()["requests"] == 1
    Target.model_validate(found.guess.target)


async def test_without_leave_no_message_is_sent():
    async with serve(Behaviour()) as bot:
        found = await detect(bot.url, Known({}), ask=False, known=KNOWN)
        assert found.guess.target["preset"] == "openai-chat"
        assert found.outcome is None
        assert bot.stats()["requests"] == 0


async def test_a_bot_of_ones_own_is_found_by_what_it_describes_and_what_it_answers():
    question = {"type": "object", "properties": {"question": {"type": "string"}}, "required": ["question"]}
    content = {"application/json": {"schema": question}}
    document = {"openapi": "3.1.0", "paths": {"/ask": {"post": {"requestBody": {"content": content}}}}}

    def answer(method: str, path: str, body: bytes) -> tuple[int, str, bytes]:
        if path == "/openapi.json":
            return 200, "application/json", json.dumps(document).encode()
        if (method, path) == ("POST", "/ask"):
            assert set(json.loads(body)) == {"question"}
            return 200, "application/json", b'{"meta":{"id":7},"bot":{"says":"We open at nine."}}'
        return 404, "text/plain", b"no"

    async with place(answer) as server:
        found = await detect(server.url, Known({}), known=KNOWN)
        assert posts(server) == ["/ask"]
        assert len(server.asked) == 4
    assert found.guess.target | {"url": ""} == {
        "preset": "custom-http",
        "url": "",
        "body": {"question": "$message"},
        "history": "none",
        "request": {"message": None, "conversation_id": None},
        "reply": {"text": "bot.says"},
    }
    Target.model_validate(found.guess.target)


async def test_every_request_says_who_asks():
    async with place(lambda method, path, body: (404, "text/plain", b"no")) as server:
        await detect(f"{server.url}/", Known({}), known=KNOWN)
        assert len(server.asked) > 1
        assert server.unnamed == 0


async def test_what_is_unknown_gets_one_message_and_says_what_came_of_it():
    def answer(method: str, path: str, body: bytes) -> tuple[int, str, bytes]:
        return (401, "application/json", b'{"detail":"who are you?"}') if method == "POST" else (404, "text/plain", b"")

    async with place(answer) as server:
        found = await detect(f"{server.url}/bot", Known({}), known=KNOWN)
        assert posts(server) == ["/bot"]
    assert found.guess.target == {"preset": "custom-http", "url": f"{server.url}/bot"}
    assert found.trouble.startswith("401")


async def test_a_key_that_has_no_value_is_told_and_nothing_is_sent():
    class Nothing:
        def resolve(self, text: str) -> str:
            return Known({}).resolve(text) if "$" not in text else missing()

    def missing() -> Any:
        raise DocumentError("target", [Wrong("target", "${BOT_KEY} is not set")])

    async with serve(Behaviour()) as bot:
        found = await detect(bot.url, Nothing(), key="BOT_KEY", known=KNOWN)
        assert bot.stats()["requests"] == 0
    assert "BOT_KEY" in found.trouble
    assert found.guess.target["auth"] == {"bearer": "${BOT_KEY}"}


async def test_hosts_that_the_guard_rails_refuse_are_not_looked_at():
    with pytest.raises(Refused):
        await detect("http://10.0.0.1/", Known({}), known=KNOWN)
