"""The connector `socketio` against the server of python-socketio, which is not ours, and against the mock bot."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import socketio  # type: ignore[import-untyped]
import uvicorn

from krawall.mockbot.behaviour import Behaviour
from krawall.mockbot.http import serve as serve_mock
from krawall.model.connector import Channel
from krawall.testing.asking import ask, line_of, target_of
from krawall.testing.hostile import hostile, read_head, send
from krawall.testing.websocket import frame, hear, upgrade

PATIENCE = 10.0  # seconds that any test may take
BOT_KEY = {"BOT_KEY": "canary-Zq7-9f3c"}


@asynccontextmanager
async def talking(target: Any) -> AsyncIterator[Channel]:
    """Open one user's channel."""
    async with line_of(target, secrets=BOT_KEY) as line:
        channel = line.channel()
        try:
            yield channel
        finally:
            await channel.close()


@asynccontextmanager
async def peer(attach: Callable[[Any], None]) -> AsyncIterator[str]:
    """Serve python-socketio under uvicorn, return its address."""
    server = socketio.AsyncServer(async_mode="asgi")
    attach(server)
    config = uvicorn.Config(
        socketio.ASGIApp(server), host="127.0.0.1", port=0, log_level="error", lifespan="off", ws="auto"
    )
    running = uvicorn.Server(config)
    sock = config.bind_socket()
    sock.listen()
    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as tasks:
        task = tasks.create_task(running.serve([sock]))
        try:
            yield f"ws://127.0.0.1:{sock.getsockname()[1]}"
        finally:
            running.should_exit = running.force_exit = True
            await task
            sock.close()


async def test_a_server_of_another_library_is_talked_to() -> None:
    def attach(server: Any) -> None:
        async def message(sid: str, data: Any) -> None:
            for word in data["message"].split(" "):
                await server.emit("delta", {"text": word}, to=sid)
            await server.emit("typing", to=sid)
            await server.emit("done", {"finish_reason": "stop"}, to=sid)

        server.on("message", message)

    async with peer(attach) as url, talking(target_of(preset="custom-socketio", url=url, stream=True)) as channel:
        for text in ("hello", "one two three"):
            answer = await ask(channel, text)
            assert answer.text == text.replace(" ", "")
            assert answer.mark.tokens() == len(text.split(" "))
            assert answer.reply is not None
            assert answer.reply.finish == "stop"


async def test_an_acknowledgement_is_the_reply_in_a_namespace_with_auth() -> None:
    entered: list[Any] = []

    def attach(server: Any) -> None:
        async def connect(sid: str, environ: Any, auth: Any) -> None:
            entered.append((auth, environ["HTTP_X_KRAWALL_SESSION"]))

        async def ask_bot(sid: str, message: str, room: str) -> str:
            return f"{message} in {room}"

        server.on("connect", connect, namespace="/bot")
        server.on("ask", ask_bot, namespace="/bot")

    options = {"emit": "ask", "ack": True, "namespace": "/bot", "auth": {"token": "$bearer", "app": "shop"}}
    async with peer(attach) as url:
        target = target_of(
            connector="socketio",
            url=url,
            options=options,
            body=["$message", "lobby"],
            auth={"bearer": "${BOT_KEY}"},
            reply={"format": "text"},
        )
        async with talking(target) as channel:
            assert [(await ask(channel, text)).text for text in ("a", "b")] == ["a in lobby", "b in lobby"]
    assert entered == [({"token": BOT_KEY["BOT_KEY"], "app": "shop"}, "ses_test")]


async def test_a_server_that_does_not_let_us_in_rejects() -> None:
    def attach(server: Any) -> None:
        async def connect(sid: str, environ: Any, auth: Any) -> None:
            raise socketio.exceptions.ConnectionRefusedError(f"no entry with {auth['token']}")

        server.on("connect", connect)

    async with peer(attach) as url:
        target = target_of(
            connector="socketio", url=url, options={"auth": {"token": "$bearer"}}, auth={"bearer": "${BOT_KEY}"}
        )
        async with talking(target) as channel:
            answer = await ask(channel)
            assert answer.is_fault("rejected", "does not let us in.*no entry")
            assert BOT_KEY["BOT_KEY"] not in answer.fault.detail


async def test_a_server_that_disconnects_us_truncates_the_reply() -> None:
    def attach(server: Any) -> None:
        async def message(sid: str, data: Any) -> None:
            await server.emit("delta", {"text": "one"}, to=sid)
            await server.disconnect(sid)

        server.on("message", message)

    async with peer(attach) as url, talking(target_of(preset="custom-socketio", url=url, stream=True)) as channel:
        for _ in range(2):
            assert (await ask(channel)).is_fault("truncated")


@pytest.mark.parametrize("stream", [False, True])
async def test_the_preset_talks_to_the_mock_bot(stream: bool) -> None:
    async with serve_mock(Behaviour(persona="echo", first_token="1ms", gap="1ms", api_key=BOT_KEY["BOT_KEY"])) as bot:
        fields = {"url": f"ws://127.0.0.1:{bot.port}/socket.io/", "auth": {"bearer": "${BOT_KEY}"}, "stream": stream}
        async with talking(target_of(preset="custom-socketio", **fields)) as channel:
            for _ in range(2):
                answer = await ask(channel, "one two three")
                assert answer.text == "one two three"
                assert answer.reply is not None
                assert answer.reply.usage is not None
                assert answer.reply.usage.tokens_out == 3
                assert answer.mark.tokens() == (3 if stream else 1)
    async with serve_mock(Behaviour(api_key="another")) as bot:
        target = target_of(preset="custom-socketio", url=f"ws://127.0.0.1:{bot.port}", stream=stream)
        async with talking(target) as channel:
            assert (await ask(channel)).is_fault("rejected", "the API key is missing or wrong")


async def test_faults_of_the_mock_bot_are_faults() -> None:
    async with serve_mock(Behaviour(persona="echo", first_token="1ms", stream_error=1.0)) as bot:
        target = target_of(preset="custom-socketio", url=f"ws://127.0.0.1:{bot.port}", stream=True)
        async with talking(target) as channel:
            assert (await ask(channel)).is_fault("server", "told to fail")
    async with serve_mock(Behaviour(persona="echo", first_token="1ms", errors={"503": 1.0})) as bot:
        target = target_of(preset="custom-socketio", url=f"ws://127.0.0.1:{bot.port}", stream=True)
        async with talking(target) as channel:
            assert (await ask(channel)).is_fault("server", "1013")


async def test_pings_of_the_server_are_answered_in_mid_reply() -> None:
    heard: list[bytes] = []
    script = [
        read_head(),
        upgrade(),
        send(frame(b'0{"sid":"s"}')),
        hear(heard),
        send(frame(b'40{"sid":"s"}')),
        hear(heard),
        send(frame(b"2")),
        hear(heard),
        send(frame(b'42["other",{"text":"no"}]') + frame(b'42/else,["message",{"text":"no"}]')),
        send(frame(b'42["message",{"text":"yes"}]')),
    ]
    async with hostile(script) as server:
        target = target_of(connector="socketio", url=f"ws://127.0.0.1:{server.port}/", reply={"text": "text"})
        async with talking(target) as channel:
            assert (await ask(channel)).text == "yes"
    assert [each.partition(b"\r\n\r\n")[2] for each in heard] == [b"40", b'42["message",{"message":"hello"}]', b"3"]
    assert heard[0].startswith(b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1")
