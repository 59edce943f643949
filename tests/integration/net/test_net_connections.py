"""How connections are kept, lost and replaced, over real sockets."""

from __future__ import annotations

import asyncio
import socket
import zlib
from collections.abc import Awaitable, Callable

import pytest

from krawall.model.policy import Timeouts
from krawall.testing import replies
from krawall.testing.asking import Answer, Pins, ask, line_of, talk, target_of
from krawall.testing.hostile import (
    Action,
    close,
    gone,
    hostile,
    pieces,
    read,
    read_head,
    reset,
    send,
    tell,
    wait,
)

Try = Callable[..., Awaitable[Answer]]
GOOD = replies.whole(replies.chat("fine"))
TURN = [read(), send(GOOD)]


async def test_one_connection_serves_many_exchanges() -> None:
    async with talk(TURN * 20) as (server, channel):
        answers = [await ask(channel) for _ in range(20)]
    assert {answer.text for answer in answers} == {"fine"}
    assert server.connections == 1
    assert [bool(answer.mark.connect_ns) for answer in answers] == [True] + [False] * 19
    for answer in answers:
        mark = answer.mark
        assert 0 < mark.sent_ns <= mark.byte_ns <= mark.token_ns == mark.seen_ns == mark.last_ns


async def test_every_user_has_a_connection_of_his_own() -> None:
    async with hostile(TURN * 2) as server, line_of(target_of(url=server.url())) as line:
        channels = [line.channel() for _ in range(5)]
        for _ in range(2):
            answers = await asyncio.gather(*map(ask, channels))
            assert {answer.text for answer in answers} == {"fine"}
    assert server.connections == 5


async def test_a_kept_connection_that_was_closed_meanwhile_is_replaced() -> None:
    closed = asyncio.Event()
    async with talk([*TURN, close(), tell(closed)], TURN) as (server, channel):
        assert (await ask(channel)).text == "fine"
        await closed.wait()
        assert (await ask(channel)).text == "fine"
    assert (server.connections, len(server.requests)) == (2, 2)


@pytest.mark.parametrize("ending", [close(), reset()], ids=["closed", "reset"])
async def test_a_kept_connection_that_dies_under_the_request_is_dialled_again_once(ending: Action) -> None:
    async with talk([*TURN, read(), ending], TURN) as (server, channel):
        assert (await ask(channel)).text == "fine"
        again = await ask(channel)
    assert again.text == "fine"
    assert server.connections == 2
    assert again.mark.connect_ns > 0
    assert again.mark.events == 1


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_the_late_reply_to_a_request_that_was_dialled_again_and_given_up_is_nobodys(stream: bool) -> None:
    def says(text: str) -> bytes:
        events = (replies.delta(text), replies.finish(), replies.DONE)
        return replies.chunked(*events) if stream else replies.whole(replies.chat(text))

    go, arrived = asyncio.Event(), asyncio.Event()
    first = [read(), send(says("one")), read(), close()]
    second = [read(), tell(arrived), wait(go), send(says("late")), read(), send(says("late too"))]
    async with talk(first, second, [read(), tell(go), send(says("three"))], stream=stream) as (_, channel):
        assert (await ask(channel)).text == "one"
        given_up = asyncio.ensure_future(ask(channel))
        await arrived.wait()
        given_up.cancel()
        await asyncio.gather(given_up, return_exceptions=True)
        go.set()
        assert (await ask(channel)).text == "three"


async def test_it_is_dialled_again_no_more_than_once() -> None:
    async with talk([*TURN, read(), close()], [read(), close()]) as (server, channel):
        await ask(channel)
        assert (await ask(channel)).is_fault("connect", "without an answer")
    assert server.connections == 2


@pytest.mark.parametrize("ending", [close(), reset()], ids=["closed", "reset"])
async def test_a_new_connection_that_ends_without_an_answer_is_a_fault(attempt: Try, ending: Action) -> None:
    assert (await attempt(ending)).is_fault("connect", "without an answer")


@pytest.mark.parametrize("ending", [close(), reset()], ids=["closed", "reset"])
@pytest.mark.parametrize(
    ("start", "status"),
    [(GOOD[:12], None), (GOOD[:40], None), (GOOD[:-9], 200), (replies.opening() + b"5\r\nhel", 200)],
    ids=["in the status line", "in the head", "in the body", "in a chunk"],
)
async def test_an_end_in_mid_reply_is_truncated(attempt: Try, start: bytes, status: int | None, ending: Action) -> None:
    answer = await attempt(send(start), ending)
    assert answer.is_fault("truncated", "in mid-reply")
    assert answer.fault.status == status
    assert answer.mark.byte_ns >= answer.mark.sent_ns > 0


async def test_after_any_fault_the_next_exchange_has_a_new_connection() -> None:
    bad = [[read(), send(data), *end] for data, end in [(b"garbage", ()), (GOOD[:-9], [reset()]), (b"", [close()])]]
    async with talk(*bad, TURN) as (server, channel):
        for kind in ("protocol", "truncated", "connect"):
            assert (await ask(channel)).is_fault(kind)
        assert (await ask(channel)).text == "fine"
    assert server.connections == 4


async def test_bytes_after_a_reply_end_its_connection() -> None:
    hung_up = asyncio.Event()
    extra = replies.whole(b"nobody asked", 500)
    async with talk([read(), send(GOOD + extra), gone(), tell(hung_up)], TURN) as (server, channel):
        assert (await ask(channel)).text == "fine"
        await hung_up.wait()
        assert (await ask(channel)).text == "fine"
    assert server.connections == 2


async def test_connection_close_is_obeyed() -> None:
    hung_up = asyncio.Event()
    last = replies.whole(replies.chat("last"), connection="close")
    async with talk([read(), send(last), gone(), tell(hung_up)], TURN) as (server, channel):
        assert (await ask(channel)).text == "last"
        await hung_up.wait()
        assert (await ask(channel)).text == "fine"
    assert server.connections == 2


async def test_a_reply_that_comes_before_the_request_is_read_is_read_and_the_connection_given_up() -> None:
    long = "x" * 20_000_000
    early = replies.whole(b'{"error": {"message": "too long"}}', 413)
    async with talk([read_head(), send(early)], TURN) as (server, channel):
        assert (await ask(channel, long)).is_fault("rejected", "^413: too long$")
        assert (await ask(channel)).text == "fine"
    assert server.connections == 2


async def test_closing_a_channel_hangs_up_also_in_mid_reply() -> None:
    hung_up, begun = asyncio.Event(), asyncio.Event()
    async with talk([read(), send(GOOD[:-9]), tell(begun), gone(), tell(hung_up)]) as (_, channel):
        async with asyncio.TaskGroup() as group:
            asking = group.create_task(ask(channel))
            await begun.wait()
            await channel.close()
            await hung_up.wait()
        assert asking.result().is_fault("truncated")
        await channel.close()


async def test_a_cancelled_exchange_hangs_up_and_the_next_one_dials() -> None:
    hung_up, begun = asyncio.Event(), asyncio.Event()
    async with talk([read(), tell(begun), gone(), tell(hung_up)], TURN) as (_, channel):
        asking = asyncio.ensure_future(ask(channel))
        await begun.wait()
        asking.cancel()
        await asyncio.wait([asking])
        assert asking.cancelled()
        await hung_up.wait()
        assert (await ask(channel)).text == "fine"


@pytest.mark.parametrize(
    "data",
    [
        replies.head(100) + GOOD,
        replies.head(103, link="</a.css>") + replies.head(103) + GOOD,
        replies.chunked(replies.chat("fine")[:9], replies.chat("fine")[9:], content_type="application/json"),
        replies.whole(zlib.compress(replies.chat("fine")), content_encoding="deflate"),
    ],
    ids=["100", "103", "chunked", "deflate"],
)
async def test_a_reply_may_come_a_byte_at_a_time(attempt: Try, data: bytes) -> None:
    answer = await attempt(pieces(data))
    assert answer.text == "fine"
    assert answer.mark.events == 1


# ways that do not lead to the target ------------------------------------------------------------------------


def _nobody() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


async def test_a_refused_connection_names_host_and_port() -> None:
    port = _nobody()
    async with line_of(target_of(url=f"http://127.0.0.1:{port}/")) as line:
        channel = line.channel()
        for _ in range(2):
            assert (await ask(channel)).is_fault("connect", f"^127.0.0.1:{port}: Connection refused$")


async def test_no_route_names_host_and_port() -> None:
    gate = Pins("bot.test", ["255.255.255.255"])  # a broadcast address: TCP refuses it before any packet leaves
    async with line_of(target_of(url="http://bot.test:81/"), gate=gate) as line:
        assert (await ask(line.channel())).is_fault("connect", "^bot.test:81: Network is unreachable$")


async def test_the_next_address_is_tried() -> None:
    async with hostile(TURN) as server:
        gate = Pins("bot.test", ["255.255.255.255", "127.0.0.1"])
        async with line_of(target_of(url=f"http://bot.test:{server.port}/"), gate=gate) as line:
            assert (await ask(line.channel())).text == "fine"
    assert server.requests[0].values("host") == [f"bot.test:{server.port}"]


async def test_a_connection_that_takes_too_long_is_a_connect_fault() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]  # a full queue: the system drops what comes
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        timeouts = Timeouts.model_validate({"connect": "80ms"})
        async with line_of(target_of(url=f"http://127.0.0.1:{port}/"), timeouts=timeouts) as line:
            answer = await ask(line.channel())
        for one in waiting:
            one.close()
    assert answer.is_fault("connect", f"^127.0.0.1:{port}: no connection within 80ms$")


async def test_a_probe_connects_and_asks_nothing() -> None:
    hung_up = asyncio.Event()
    async with hostile([gone(), tell(hung_up)]) as server, line_of(target_of(url=server.url())) as line:
        await line.probe()
        await hung_up.wait()
    assert (server.connections, server.requests) == (1, [])


async def test_a_server_that_waits_does_not_hold_up_another_user() -> None:
    asked, go = asyncio.Event(), asyncio.Event()
    scripts = [[read(), tell(asked), wait(go), send(GOOD)], TURN]
    async with hostile(*scripts) as server, line_of(target_of(url=server.url())) as line:
        first, second = line.channel(), line.channel()
        async with asyncio.TaskGroup() as group:
            slow = group.create_task(ask(first))
            await asked.wait()
            assert (await ask(second)).text == "fine"
            go.set()
        assert slow.result().text == "fine"
