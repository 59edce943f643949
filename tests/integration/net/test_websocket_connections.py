"""The connector `websocket` against servers of the `websockets` library, which is not ours, and against the mock bot."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

from krawall.mockbot.behaviour import Behaviour
from krawall.mockbot.http import serve as serve_mock
from krawall.model.connector import Channel
from krawall.model.exchange import FaultKind
from krawall.model.policy import Timeouts
from krawall.testing.asking import Answer, ask, line_of, target_of
from krawall.testing.hostile import close, gone, hostile, read_head, send
from krawall.testing.websocket import hear, says, upgrade

Handler = Callable[[ServerConnection], Awaitable[None]]
PATIENCE = 10.0  # seconds that any test may take
STREAMS = {"ends": {"path": "type", "equals": "done"}}


@asynccontextmanager
async def chatting(
    handler: Handler, options: dict[str, Any] | None = None, *, offered: list[str] | None = None, **fields: Any
) -> AsyncIterator[Channel]:
    """Serve with `handler`, open one user's channel to it."""
    chosen = [Subprotocol(name) for name in offered or []] or None
    async with asyncio.timeout(PATIENCE), serve(handler, "127.0.0.1", 0, subprotocols=chosen) as server:
        port = server.sockets[0].getsockname()[1]
        target = target_of(
            connector="websocket",
            options=options or {},
            **{"url": f"ws://127.0.0.1:{port}/chat", "reply": {"text": "text", "conversation_id": "room"}, **fields},
        )
        async with line_of(target) as line:
            channel = line.channel()
            try:
                yield channel
            finally:
                await channel.close()


async def echo(connection: ServerConnection) -> None:
    """Answer each message with its text."""
    async for message in connection:
        await connection.send(json.dumps({"text": json.loads(message)["message"]}))


async def streaming(connection: ServerConnection) -> None:
    """Answer each message word by word."""
    async for message in connection:
        for word in json.loads(message)["message"].split():
            await connection.send(json.dumps({"text": word}))
        await connection.send(json.dumps({"type": "done", "room": "r1"}))


async def test_a_server_of_another_library_is_talked_to() -> None:
    async with chatting(echo) as channel:
        assert [(await ask(channel, text)).text for text in ("hello", "täglich", "x" * 100_000)] == [
            "hello",
            "täglich",
            "x" * 100_000,
        ]
    async with chatting(streaming, STREAMS) as channel:
        answer = await ask(channel, "one two three")
        assert answer.text == "onetwothree"
        assert answer.mark.tokens() == 3
        assert answer.reply is not None
        assert answer.reply.conversation_id == "r1"


async def test_silence_ends_a_reply() -> None:
    async def two(connection: ServerConnection) -> None:
        async for _ in connection:
            await connection.send('{"text": "one "}')
            await connection.send('{"text": "two"}')

    async with chatting(two, {"ends": {"silence": "30ms"}}) as channel:
        answer = await ask(channel)
        assert answer.text == "one two"
        assert answer.mark.last_ns - answer.mark.sent_ns < 30_000_000, "the silence is no part of the reply"


async def test_a_last_message_ends_a_reply() -> None:
    async def two(connection: ServerConnection) -> None:
        async for _ in connection:
            for each in ('{"text": "one "}', '{"text": "two"}', "[END]"):
                await connection.send(each)

    async with chatting(two, reply={"text": "text", "done": "[END]"}) as channel:
        assert [(await ask(channel)).text for _ in range(2)] == ["one two"] * 2


async def test_only_messages_with_the_id_of_the_question_belong_to_it() -> None:
    async def noisy(connection: ServerConnection) -> None:
        async for message in connection:
            asked = json.loads(message)
            await connection.send(json.dumps({"re": "of somebody else", "text": "no"}))
            await connection.send("not JSON at all")
            await connection.send(json.dumps({"re": asked["id"], "text": asked["message"]}))
            await connection.send(json.dumps({"re": asked["id"], "text": "late"}))

    async with chatting(noisy, {"match": {"sent": "id", "received": "re"}}) as channel:
        assert [(await ask(channel, text)).text for text in ("a", "b", "c")] == ["a", "b", "c"]


async def test_typing_notices_are_no_part_of_a_reply() -> None:
    async def typing(connection: ServerConnection) -> None:
        async for _ in connection:
            await connection.send('{"type": "typing"}')
            await connection.send('{"text": "there"}')

    async with chatting(typing, {"ignore": [{"path": "type", "equals": "typing"}]}) as channel:
        assert (await ask(channel)).text == "there"


async def test_opening_and_greeting_come_once_for_each_connection() -> None:
    heard: list[Any] = []

    async def greeting(connection: ServerConnection) -> None:
        await connection.send("Welcome")
        await connection.send('{"room": "r7", "text": "How can I help?"}')
        async for message in connection:
            heard.append(json.loads(message))
            if "message" in heard[-1]:
                await connection.send('{"text": "ok"}')

    options = {"opening": [{"join": "lobby", "streaming": "$stream"}], "greeting": 2}
    body = {"message": "$message", "room": "$conversation_id"}
    async with chatting(greeting, options, body=body) as channel:
        for _ in range(2):
            assert (await ask(channel, "hi")).text == "ok"
    joined = {"join": "lobby", "streaming": False}
    assert heard == [joined, {"message": "hi", "room": "r7"}, {"message": "hi"}]


async def test_a_greeting_that_does_not_come_is_a_fault() -> None:
    async def silent(connection: ServerConnection) -> None:
        await connection.wait_closed()

    async with chatting(silent, {"greeting": 1}) as channel:
        channel._speech.route.connect_ns = 50_000_000  # type: ignore[attr-defined]
        assert (await ask(channel)).is_fault("connect", "no greeting within 50ms")


@pytest.mark.parametrize(("frames", "kind"), [("text", str), ("binary", bytes)])
async def test_frames_are_bare_text_or_binary(frames: str, kind: type) -> None:
    heard: list[Any] = []

    async def parrot(connection: ServerConnection) -> None:
        async for message in connection:
            heard.append(message)
            await connection.send(message)

    async with chatting(parrot, {"frames": frames}, reply={"format": "text"}, body="$message") as channel:
        answer = await ask(channel, 'say "ä"')
        assert answer.text == ('say "ä"' if frames == "text" else '"say \\"ä\\""')
        assert isinstance(heard[0], kind)


async def test_a_subprotocol_is_agreed_on_or_nothing_is_said() -> None:
    async with chatting(echo, {"subprotocols": ["chat.v2", "chat.v1"]}, offered=["chat.v1"]) as channel:
        assert (await ask(channel)).text == "hello"
        assert channel._socket.protocol == "chat.v1"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (1000, "truncated"),
        (1001, "truncated"),
        (1002, "protocol"),
        (1007, "protocol"),
        (1008, "rejected"),
        (1009, "protocol"),
        (1011, "server"),
        (1013, "server"),
        (3000, "rejected"),
        (4321, "server"),
    ],
)
async def test_close_codes_in_mid_reply_are_faults(code: int, kind: str) -> None:
    async def leaving(connection: ServerConnection) -> None:
        await connection.recv()
        await connection.send('{"text": "one "}')
        await connection.close(code, "for a reason")

    async with chatting(leaving, STREAMS) as channel:
        for _ in range(2):
            answer = await ask(channel)
            assert answer.is_fault(kind, f"code {code}: for a reason")
            assert answer.trouble is not None
            assert (answer.fault.status, answer.trouble.text) == (code, "one ")


async def test_a_kept_connection_that_was_closed_meanwhile_is_made_anew() -> None:
    closed = asyncio.Event()

    async def once(connection: ServerConnection) -> None:
        await connection.send(json.dumps({"text": json.loads(await connection.recv())["message"]}))
        await connection.close()
        closed.set()

    async with chatting(once) as channel:
        for text in ("a", "b"):
            answer = await ask(channel, text)
            assert answer.text == text
            assert answer.mark.connect_ns > 0
            await closed.wait()


async def test_a_message_into_a_closing_connection_is_sent_once_more() -> None:
    heard: list[str] = []

    async def deaf_at_first(connection: ServerConnection) -> None:
        async for message in connection:
            heard.append(json.loads(message)["message"])
            if heard == ["a", "b"]:
                connection.transport.abort()
            else:
                await connection.send(json.dumps({"text": heard[-1]}))

    async with chatting(deaf_at_first) as channel:
        assert [(await ask(channel, text)).text for text in "ab"] == ["a", "b"]
    assert heard == ["a", "b", "b"]


async def test_a_lost_connection_is_tried_again_no_more_often_than_configured() -> None:
    heard: list[bytes] = []
    good = [read_head(), upgrade(), hear(heard), send(says({"text": "a"})), close()]
    async with asyncio.timeout(PATIENCE), hostile(good, [read_head(), close()]) as server:
        target = target_of(
            connector="websocket",
            url=f"ws://127.0.0.1:{server.port}/",
            reply={"text": "text"},
            options={"reconnect": {"wait": "1ms", "jitter": 0, "max": 2}},
        )
        async with line_of(target) as line:
            channel = line.channel()
            assert (await ask(channel)).text == "a"
            await channel._socket.settle()  # type: ignore[attr-defined]
            assert (await ask(channel)).is_fault("connect", "without an answer")
            await channel.close()
    assert server.connections == 1 + 3


async def test_a_cancelled_exchange_closes_its_connection() -> None:
    left = asyncio.Event()

    async def silent(connection: ServerConnection) -> None:
        await connection.wait_closed()
        left.set()

    async with chatting(silent) as channel:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await ask(channel)
        await left.wait()


async def test_a_handshake_that_nobody_answers_ends_in_time() -> None:
    async with hostile([read_head(), gone()]) as server:
        target = target_of(connector="websocket", url=f"ws://127.0.0.1:{server.port}/")
        async with line_of(target, timeouts=Timeouts.model_validate({"connect": "50ms"})) as line:
            assert (await ask(line.channel())).is_fault("connect", "no answer to the handshake within 50ms")


async def test_what_no_browser_would_take_for_a_handshake_is_named() -> None:
    answers = {
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi": "200: the server does not speak WebSocket",
        b"HTTP/1.1 101 Any\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n": "handshake",
        b"SSH-2.0-OpenSSH\r\n\r\n": "handshake failed",
    }
    for answer, words in answers.items():
        async with hostile([read_head(), send(answer), gone()]) as server:
            target = target_of(connector="websocket", url=f"ws://127.0.0.1:{server.port}/")
            async with line_of(target) as line:
                assert (await ask(line.channel())).is_fault("protocol", words)


async def test_nothing_dials_for_a_user_who_has_left() -> None:
    async with hostile([gone()]) as server:
        url = f"ws://127.0.0.1:{server.port}/"
    target = target_of(connector="websocket", url=url, options={"reconnect": {"wait": "10s", "jitter": 0}})
    async with asyncio.timeout(PATIENCE), line_of(target) as line, asyncio.TaskGroup() as tasks:
        channel = line.channel()
        asking: asyncio.Task[Answer] = tasks.create_task(ask(channel))
        while channel._socket is not None or not channel._gathering._future:  # type: ignore[attr-defined]
            await asyncio.wait([asking], timeout=0.001)
        await channel.close()
        assert (await asking).fault.kind is FaultKind.cancelled


async def test_the_preset_talks_to_the_mock_bot_whole_and_streamed() -> None:
    async with serve_mock(Behaviour(persona="echo", first_token="1ms", gap="1ms", reasoning="3")) as bot:
        for stream in (False, True):
            url = bot.url.replace("http", "ws") + "/ws"
            async with line_of(target_of(preset="custom-websocket", url=url, stream=stream)) as line:
                channel = line.channel()
                answer = await ask(channel, "one two three")
                assert answer.text == "one two three"
                assert answer.reply is not None
                assert answer.reply.usage is not None
                assert (answer.reply.usage.tokens_out, answer.reply.usage.reasoning) == (6, 3)
                assert answer.mark.tokens() == (6 if stream else 1)
                await channel.close()


KILLED = """
import asyncio, sys
from krawall.mockbot.behaviour import Behaviour
from krawall.mockbot.http import main
main(0, Behaviour(persona="echo", first_token="1ms", gap="200ms"), ready=lambda server: print(server.port, flush=True))
"""


async def test_a_server_killed_in_mid_stream_truncates_the_reply() -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", KILLED, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    async with asyncio.timeout(60):
        port = int(await process.stdout.readline())
        target = target_of(preset="custom-websocket", url=f"ws://127.0.0.1:{port}/ws", stream=True)
        async with line_of(target) as line:
            channel = line.channel()
            channel.listen(lambda way, data: process.kill() if way == "received" else None)
            answer = await ask(channel, "one two three four five six")
            await process.wait()
            assert answer.is_fault("truncated", "cut|closed")
            assert answer.trouble is not None
            assert answer.trouble.text.startswith("one")
            channel.listen(None)
            assert (await ask(channel)).is_fault("connect", "refused")
            await channel.close()
