"""The HTTP/1.1 connection, fed byte by byte: framing, bounds, ends. Time is virtual."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krawall.model.exchange import FaultKind, TargetFault
from krawall.net.http1 import Closed
from krawall.testing import replies

BODY = ("Grüße aus Köln, 你好! " * 3).encode()
ZIPPED = gzip.compress(BODY)

FRAMINGS = {
    "content-length": replies.whole(BODY),
    "chunked": replies.chunked(BODY[:1], BODY[1:20], BODY[20:]),
    "chunked, with extensions and trailers": replies.opening()
    + b"5;a=b\r\n" + BODY[:5] + b"\r\n" + replies.chunk(BODY[5:]) + b"0\r\nx-sum: 1\r\n\r\n",
    "gzip": replies.whole(ZIPPED, content_encoding="gzip"),
    "deflate": replies.whole(zlib.compress(BODY), content_encoding="Deflate"),
    "chunked gzip": replies.chunked(ZIPPED[:9], ZIPPED[9:], content_encoding="x-gzip"),
    "identity": replies.whole(BODY, content_encoding="Identity"),
    "interim replies first": replies.head(100) + replies.head(103, location="/x") + replies.whole(BODY),
}  # fmt: skip


def cut(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(at % len(data) for at in cuts)})
    return [data[start:end] for start, end in itertools.pairwise(edges)]


async def fault(exchange: Any, kind: FaultKind, words: str) -> None:
    with pytest.raises(TargetFault, match=words) as raised:
        await exchange
    assert raised.value.fault.kind is kind


@given(st.sampled_from(sorted(FRAMINGS)), st.lists(st.integers(min_value=0), max_size=12))
async def test_any_split_of_the_bytes_gives_the_same_reply(bench: Any, framing: str, cuts: list[int]) -> None:
    stage = bench()
    for _ in range(2):
        seen = await stage.exchange(*cut(FRAMINGS[framing], cuts))
        assert seen.body == BODY
        assert [status for status, _ in seen.heads] == [200]
        assert b"location" not in seen.heads[0][1]
    assert stage.connection.open
    assert stage.connection.served == 2


@given(st.integers(min_value=1, max_value=len(ZIPPED) - 1), st.booleans())
async def test_a_compressed_body_that_ends_before_its_end_is_truncated(bench: Any, end: int, chunks: bool) -> None:
    make = replies.chunked if chunks else replies.whole
    await fault(
        bench().exchange(make(ZIPPED[:end], content_encoding="gzip")), FaultKind.truncated, "compressed reply ends"
    )


@given(st.integers(min_value=0, max_value=len(FRAMINGS["chunked"]) - 1), st.sampled_from(["eof", OSError("cut")]))
async def test_a_close_before_the_end_is_truncated_and_before_the_beginning_is_no_answer(
    bench: Any, end: int, ending: Any
) -> None:
    stage = bench()
    if end:
        await fault(stage.exchange(FRAMINGS["chunked"][:end], ending=ending), FaultKind.truncated, "in mid-reply")
    else:
        with pytest.raises(Closed):
            await stage.exchange(ending=ending)
    assert not stage.connection.open


async def test_a_reply_without_length_ends_with_the_connection(bench: Any) -> None:
    stage = bench()
    seen = await stage.exchange(replies.head(200, content_type="text/plain"), BODY[:7], BODY[7:], ending="eof")
    assert seen.body == BODY
    assert not stage.connection.open


async def test_a_reply_without_length_that_is_reset_is_truncated(bench: Any) -> None:
    await fault(bench().exchange(replies.head(200), BODY, ending=OSError("reset")), FaultKind.truncated, "was cut")


async def test_an_empty_reply_may_claim_any_encoding(bench: Any) -> None:
    seen = await bench().exchange(replies.whole(b"", content_encoding="gzip"))
    assert seen.body == b""
    seen = await bench().exchange(replies.head(204, content_encoding="gzip"))
    assert seen.heads[0][0] == 204


async def test_an_encoding_that_nobody_asked_for_is_named(bench: Any) -> None:
    await fault(bench().exchange(replies.whole(b"x", content_encoding="br")), FaultKind.protocol, "'br' is not under")


async def test_broken_compression_is_a_protocol_fault(bench: Any) -> None:
    await fault(
        bench().exchange(replies.whole(b"no gzip at all", content_encoding="gzip")), FaultKind.protocol, "broken"
    )


async def test_bytes_after_the_end_of_the_compression_are_not_hoarded(bench: Any) -> None:
    await fault(
        bench().exchange(replies.opening(content_encoding="gzip"), replies.chunk(ZIPPED + b"more"), ending="eof"),
        FaultKind.protocol,
        "bytes after",
    )


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_a_bomb_is_cut_at_the_bound_of_the_body(bench: Any, collector: Any, encoding: str) -> None:
    big = bytes(50_000_000)
    packed = gzip.compress(big, 1) if encoding == "gzip" else zlib.compress(big, 1)
    stage = bench(max_body=100_000)
    receiver = collector()
    exchange = stage.exchange(replies.whole(packed, content_encoding=encoding), receiver=receiver)
    await fault(exchange, FaultKind.protocol, "larger than 100,000 bytes")
    assert len(receiver.body) <= 100_000


@pytest.mark.parametrize(
    ("size", "fits"), [(1000, True), (1001, False)], ids=["as large as allowed", "a byte too large"]
)
async def test_the_bound_of_the_body_is_exact(bench: Any, size: int, fits: bool) -> None:
    exchange = bench(max_body=1000).exchange(replies.whole(bytes(size)))
    if fits:
        assert len((await exchange).body) == 1000
    else:
        await fault(exchange, FaultKind.protocol, "larger than 1,000 bytes")


async def test_a_head_without_end_is_cut_at_its_bound(bench: Any) -> None:
    pieces = [b"HTTP/1.1 200 OK\r\n", *([b"x-filler: " + b"a" * 90 + b"\r\n"] * 40)]
    await fault(bench(max_head=1000).exchange(*pieces), FaultKind.protocol, "head is larger than 1,000 bytes")


async def test_interim_replies_without_end_are_cut_at_the_bound_of_the_head(bench: Any) -> None:
    await fault(
        bench(max_head=1000).exchange(*[replies.head(100)] * 100), FaultKind.protocol, "head is larger than 1,000"
    )


@pytest.mark.parametrize(
    "garbage",
    [b"just a text, as HTTP/0.9 had it", b"\x15\x03\x03\x00\x02\x02\x16", b"HTTP/1.1 abc\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n",
     replies.whole(b"x", transfer_encoding="chunked"), replies.opening() + b"zz\r\n"],
    ids=["no head", "binary", "no status", "a request", "two lengths", "chunk size"],
)  # fmt: skip
async def test_what_is_not_http_is_a_protocol_fault(bench: Any, garbage: bytes) -> None:
    stage = bench()
    await fault(stage.exchange(garbage), FaultKind.protocol, "not an HTTP/1.1 reply")
    assert not stage.connection.open


async def test_a_switch_of_protocols_is_refused(bench: Any) -> None:
    data = replies.head(101, connection="upgrade", upgrade="websocket")
    await fault(bench().exchange(data), FaultKind.protocol, "switched protocols")


@pytest.mark.parametrize("extra", [replies.whole(b"a second reply", 500), b"\0garbage", b"x"])
@pytest.mark.parametrize("apart", [False, True], ids=["at once", "later"])
async def test_bytes_after_the_reply_change_nothing_and_end_the_connection(
    bench: Any, extra: bytes, apart: bool
) -> None:
    stage = bench()
    reply = replies.whole(b"the reply")
    seen = await (stage.exchange(reply, extra) if apart else stage.exchange(reply + extra))
    assert (seen.body, [status for status, _ in seen.heads]) == (b"the reply", [200])
    assert not stage.connection.open
    assert stage.wire.closed


async def test_bytes_that_nobody_asked_for_end_an_idle_connection(bench: Any) -> None:
    stage = bench()
    await stage.exchange(replies.whole(b"x"))
    stage.connection.data_received(replies.whole(b"y"))
    assert not stage.connection.open
    with pytest.raises(Closed) as closed:
        await stage.connection.request(b"ask", None)
    assert closed.value.stale


@pytest.mark.parametrize(
    ("data", "kept"),
    [
        (replies.whole(b"x"), True),
        (replies.whole(b"x", connection="close"), False),
        (replies.whole(b"x").replace(b"HTTP/1.1", b"HTTP/1.0"), False),
        (replies.whole(b"x", connection="keep-alive").replace(b"HTTP/1.1", b"HTTP/1.0"), True),
    ],
    ids=["1.1", "1.1 close", "1.0", "1.0 keep-alive"],
)
async def test_the_connection_is_kept_as_the_reply_says(bench: Any, data: bytes, kept: bool) -> None:
    stage = bench()
    await stage.exchange(data)
    assert (stage.connection.open, bool(stage.wire.closed)) == (kept, not kept)


async def test_a_reply_that_overtakes_its_request_ends_the_connection(bench: Any) -> None:
    stage = bench()
    stage.wire.backlog = 1_000_000
    assert (await stage.exchange(replies.whole(b"too long", 413))).body == b"too long"
    assert not stage.connection.open
    assert stage.wire.closed == "aborted"


async def test_a_close_before_an_answer_is_stale_only_after_an_earlier_answer(bench: Any) -> None:
    stage = bench()
    await stage.exchange(replies.whole(b"x"))
    with pytest.raises(Closed) as closed:
        await stage.exchange(ending="eof")
    assert closed.value.stale
    with pytest.raises(Closed, match="without an answer") as closed:
        await bench().exchange(ending="eof")
    assert not closed.value.stale


TAIL = b"data: [DONE]\n\n"


@pytest.mark.parametrize("ending", ["", "eof", OSError("reset")], ids=["held open", "closed", "reset"])
async def test_a_reply_that_is_over_needs_no_end_of_its_message(bench: Any, collector: Any, ending: Any) -> None:
    stage = bench()
    loop = asyncio.get_running_loop()
    began = loop.time()
    await stage.exchange(replies.opening() + replies.chunk(TAIL), ending=ending, receiver=collector(last=TAIL))
    assert loop.time() - began == pytest.approx(0.0 if ending else 1.0)
    assert not stage.connection.open


async def test_a_reply_that_is_over_may_be_followed_by_garbage(bench: Any, collector: Any) -> None:
    stage = bench()
    await stage.exchange(replies.opening() + replies.chunk(TAIL), b"garbage", receiver=collector(last=TAIL))
    assert not stage.connection.open


async def test_a_reply_whose_message_ends_in_time_keeps_its_connection(bench: Any, collector: Any) -> None:
    stage = bench()
    await stage.exchange(replies.opening() + replies.chunk(TAIL), replies.LAST_CHUNK, receiver=collector(last=TAIL))
    await asyncio.sleep(5)  # virtual: the second of grace is long over
    assert stage.connection.open
    assert (await stage.exchange(replies.whole(b"next"))).body == b"next"


async def test_a_slow_reader_pauses_between_pieces_but_not_after_the_last(bench: Any, collector: Any) -> None:
    stage = bench()
    connection = stage.connection
    connection.slow_s = 3.0
    data = replies.whole(BODY)
    async with asyncio.timeout(20):
        asking = asyncio.ensure_future(connection.request(b"ask", (receiver := collector())))
        await asyncio.sleep(0)
        connection.data_received(data[:-5])
        assert stage.wire.paused
        await asyncio.sleep(3.5)
        assert not stage.wire.paused
        connection.data_received(data[-5:])
        await asking
    assert receiver.body == BODY
    assert not stage.wire.paused, "the next exchange would be read late, although nobody asked for that"


async def test_an_error_of_our_own_in_the_receiver_is_not_blamed_on_the_server(bench: Any, collector: Any) -> None:
    class Broken(collector):  # type: ignore[misc]
        def on_body(self, data: bytes, at_ns: int) -> bool:
            raise KeyError("a bug")

    stage = bench()
    with pytest.raises(KeyError, match="a bug"):
        await stage.exchange(replies.whole(b"x"), receiver=Broken())
    assert not stage.connection.open


async def test_the_first_byte_is_stamped_when_it_arrives(bench: Any) -> None:
    stage = bench()
    await stage.exchange(b"H", replies.whole(b"x")[1:])
    first = stage.connection.byte_ns
    assert first > 0
    await stage.exchange(replies.whole(b"x"))
    assert stage.connection.byte_ns >= first
