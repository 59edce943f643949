"""What the connector `sse` makes of streams: whole ones in any pieces, and those that end, stall or turn out to be something else."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from krawall.model.exchange import Usage
from krawall.testing import replies
from krawall.testing.asking import Answer, ask, talk
from krawall.testing.hostile import Action, close, endless, gone, pieces, read, reset, send, tell
from krawall.testing.replies import DONE, LAST_CHUNK, chunk, delta, finish, opening

Try = Callable[..., Awaitable[Answer]]
WORDS = ["Grü", "ße, ", "你", "好", "!"]
EVENTS = b": hello\n\n" + b"".join(map(delta, WORDS)) + finish(7, 5) + DONE
STREAM = replies.chunked(*(EVENTS[at : at + 50] for at in range(0, len(EVENTS), 50)))
ZIPPED = gzip.compress(EVENTS)


@pytest.fixture
def stream(attempt: Try) -> Try:
    """Ask for a stream."""

    async def run(*script: Action, **fields: Any) -> Answer:
        return await attempt(*script, stream=True, **fields)

    return run


def good(answer: Answer) -> None:
    assert answer.text == "".join(WORDS)
    assert answer.reply is not None
    assert (answer.reply.usage, answer.reply.finish, answer.reply.status) == (Usage(7, 5), "stop", 200)
    mark = answer.mark
    assert mark.text == WORDS
    assert (mark.events, len(mark.gaps_us)) == (5, 4)
    assert 0 < mark.sent_ns <= mark.byte_ns <= mark.event_ns <= mark.token_ns == mark.seen_ns <= mark.last_ns


@given(st.lists(st.integers(min_value=0, max_value=len(STREAM) - 1), max_size=30))
@settings(max_examples=40)
def test_any_split_of_a_stream_gives_the_same_events(cuts: list[int]) -> None:
    async def main() -> None:
        async with asyncio.timeout(20), talk([read(), pieces(STREAM, cuts)] * 2, stream=True) as (server, channel):
            for _ in range(2):
                good(await ask(channel))
            assert server.connections == 1

    uvloop.run(main())


@pytest.mark.parametrize(
    "data",
    [
        STREAM,
        replies.whole(EVENTS, content_type="text/event-stream; charset=utf-8"),
        replies.chunked(EVENTS.replace(b"\n", b"\r\n")),
        replies.chunked(ZIPPED[:30], ZIPPED[30:], content_encoding="gzip"),
        replies.head(103) + STREAM,
    ],
    ids=["chunked", "content-length", "crlf", "gzip", "103"],
)
async def test_a_stream_may_come_a_byte_at_a_time(stream: Try, data: bytes) -> None:
    good(await stream(pieces(data)))


async def test_a_stream_may_end_with_its_connection(stream: Try) -> None:
    good(await stream(send(replies.head(200, content_type="text/event-stream") + EVENTS), close()))


@pytest.mark.parametrize("ending", [[close()], [reset()]], ids=["closed", "reset"])
async def test_done_is_the_end_whatever_becomes_of_the_message(stream: Try, ending: list[Action]) -> None:
    good(await stream(send(opening() + chunk(EVENTS)), *ending))


async def test_after_done_without_an_end_the_connection_is_given_up() -> None:
    hung_up = asyncio.Event()
    first = [read(), send(opening() + chunk(EVENTS)), gone(), tell(hung_up)]
    async with talk(first, [read(), send(STREAM)], stream=True) as (server, channel):
        good(await ask(channel))
        await hung_up.wait()
        good(await ask(channel))
    assert server.connections == 2


async def test_what_follows_done_says_nothing(stream: Try) -> None:
    later = delta("more") + replies.event({"error": {"message": "late"}})
    good(await stream(send(opening() + chunk(EVENTS + later)), send(chunk(later) + LAST_CHUNK)))


async def test_a_finish_reason_is_an_end_too(stream: Try) -> None:
    answer = await stream(send(replies.chunked(delta("hi"), finish())))
    assert answer.text == "hi"


@pytest.mark.parametrize("ending", [[send(LAST_CHUNK)], [close()], [reset()]], ids=["ended", "closed", "reset"])
async def test_a_stream_that_ends_before_its_end_is_truncated_and_keeps_its_tokens(
    stream: Try, ending: list[Action]
) -> None:
    usage = replies.event({"choices": [], "usage": {"prompt_tokens": 9}})
    answer = await stream(send(opening() + chunk(delta("one ") + usage) + chunk(delta("two"))), *ending)
    assert answer.is_fault("truncated")
    assert answer.fault.status == 200
    assert answer.trouble is not None
    assert (answer.trouble.text, answer.trouble.usage) == ("one two", Usage(9))
    assert answer.mark.text == ["one ", "two"]
    assert answer.mark.byte_ns > 0


async def test_a_stream_without_tokens_is_empty(stream: Try) -> None:
    answer = await stream(send(replies.chunked(finish(4, 0), DONE)))
    assert answer.is_fault("protocol", "^the reply is empty; it ended with 'stop'$")
    assert answer.trouble is not None
    assert answer.trouble.usage == Usage(4)


async def test_a_stream_that_was_cut_while_it_was_thought_out_is_a_reply(stream: Try) -> None:
    usage = {"prompt_tokens": 9, "completion_tokens": 64, "completion_tokens_details": {"reasoning_tokens": 64}}
    last = replies.event({"choices": [{"delta": {}, "finish_reason": "length"}], "usage": usage})
    answer = await stream(send(replies.chunked(delta(""), last, DONE)))
    assert answer.reply is not None
    assert (answer.reply.text, answer.reply.finish) == ("", "length")
    assert (answer.mark.token_ns, answer.mark.seen_ns) == (0, 0)


@pytest.mark.parametrize("ending", [[send(LAST_CHUNK)], [close()], []], ids=["ended", "closed", "held open"])
async def test_an_error_event_is_the_servers_fault(stream: Try, ending: list[Action]) -> None:
    error = replies.event({"error": {"message": "overloaded", "type": "server_error"}})
    answer = await stream(send(opening() + chunk(delta("one")) + chunk(error)), *ending)
    assert answer.is_fault("server", "^overloaded$")
    assert answer.trouble is not None
    assert answer.trouble.text == "one"


async def test_bytes_that_are_not_utf8_become_replacement_characters(stream: Try) -> None:
    broken = delta("a?b").replace(b"?", "你".encode()[:2])
    answer = await stream(send(replies.chunked(broken, DONE)))
    assert answer.text == "a\ufffdb"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"error": {"message": "no streams here"}}', "got application/json: no streams here"),
        (replies.chat("hi"), "asked for a stream, got application/json: "),
    ],
)
async def test_json_instead_of_a_stream_is_a_protocol_fault(stream: Try, body: bytes, words: str) -> None:
    answer = await stream(send(replies.whole(body)))
    assert answer.is_fault("protocol", words)
    assert len(answer.fault.detail) <= 300


async def test_a_page_instead_of_a_stream_is_a_protocol_fault(stream: Try) -> None:
    answer = await stream(send(replies.whole(b"<html>log in</html>", content_type="text/html")))
    assert answer.is_fault("protocol", "got text/html: <html>log in</html>")


async def test_an_event_that_is_not_json_is_a_protocol_fault(stream: Try) -> None:
    answer = await stream(send(opening() + chunk(delta("one") + b"data: {broken\n\n")))
    assert answer.is_fault("protocol", "not JSON: '{broken'")
    assert answer.mark.text == ["one"]


@pytest.mark.parametrize(("status", "kind"), [(401, "rejected"), (429, "rate_limited"), (500, "server")])
async def test_a_status_counts_also_where_a_stream_was_asked_for(stream: Try, status: int, kind: str) -> None:
    for body, content_type in [(b'{"error": "no"}', "application/json"), (b"no", "text/event-stream"), (b"no", "")]:
        answer = await stream(
            send(replies.whole(body, status, content_type=content_type, retry_after="3")),
        )
        assert answer.is_fault(kind, f"^{status}: no$")
        assert answer.fault.retry_after_ns == (None if status == 401 else 3_000_000_000)


async def test_an_endless_event_is_cut(stream: Try) -> None:
    answer = await stream(send(opening() + chunk(b"data: ")), endless(chunk(b"x" * 900)), sizes={"event": 20_000})
    assert answer.is_fault("protocol", "^event larger than 20000 bytes$")


async def test_an_endless_stream_is_cut_at_the_bound_of_the_body(stream: Try) -> None:
    answer = await stream(send(opening()), endless(chunk(delta("again "))), sizes={"body": 20_000})
    assert answer.is_fault("protocol", "^the reply is larger than 20,000 bytes$")
    assert answer.trouble is not None
    assert answer.trouble.text.startswith("again again ")


async def test_reasoning_and_tools_are_tokens_that_nobody_reads(stream: Try) -> None:
    thought = replies.event({"choices": [{"delta": {"reasoning_content": "hm"}}]})
    tool = replies.event({"choices": [{"delta": {"tool_calls": [{"function": {"name": "f"}}]}}]})
    answer = await stream(send(replies.chunked(thought, tool, delta("yes"), DONE)))
    assert (answer.text, answer.mark.events, answer.mark.text) == ("yes", 3, ["yes"])
    assert answer.mark.token_ns <= answer.mark.seen_ns


# lines of JSON --------------------------------------------------------------------------------------------

LINES: dict[str, Any] = {
    "preset": "custom-sse",
    "reply": {"format": "ndjson", "text": "message.content", "finish": "done_reason", "ends": True},
}


def line(text: str) -> bytes:
    return b'{"message": {"content": "%b"}}' % text.encode()


@pytest.mark.parametrize("last", [b"\n", b"\r\n", b""], ids=["lf", "crlf", "no end"])
@pytest.mark.parametrize("kind", ["application/x-ndjson", "application/json"])
async def test_lines_of_json_are_events(attempt: Try, last: bytes, kind: str) -> None:
    body = b"\n\n".join([line("one "), line("two"), b'{"message": {"content": ""}, "done_reason": "stop"}']) + last
    answer = await attempt(pieces(replies.chunked(body, content_type=kind), range(0, 200, 7)), **LINES)
    assert answer.text == "one two"
    assert answer.reply is not None
    assert answer.reply.finish == "stop"


async def test_lines_of_json_that_end_before_their_end_are_truncated(attempt: Try) -> None:
    whole = replies.chunked(line("one ") + b"\n" + line("two") + b"\n", content_type="application/x-ndjson")
    answer = await attempt(send(whole), **LINES)
    assert answer.is_fault("truncated", "ended before its end")
    assert answer.trouble is not None
    assert answer.trouble.text == "one two"


async def test_an_error_in_a_line_is_the_servers_fault(attempt: Try) -> None:
    answer = await attempt(send(replies.whole(b'{"error": "model not found"}')), **LINES)
    assert answer.is_fault("server", "^model not found$")


async def test_an_endless_line_is_cut(attempt: Try) -> None:
    answer = await attempt(send(opening()), endless(chunk(b"x" * 900)), **LINES, sizes={"event": 20_000})
    assert answer.is_fault("protocol", "^line larger than 20,000 bytes$")
