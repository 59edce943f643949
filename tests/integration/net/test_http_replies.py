"""What the connector `http` makes of replies: texts, statuses, redirects, bodies that are not what was agreed."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import pytest

from krawall.clock import wall_ns
from krawall.model.base import NS_PER_S
from krawall.model.exchange import Usage
from krawall.testing import replies
from krawall.testing.asking import Answer, ask, talk
from krawall.testing.hostile import close, hostile, read, send

pytestmark = pytest.mark.asyncio(loop_factories=["uvloop"])  # what is read does not depend on the loop
Try = Callable[..., Awaitable[Answer]]
CUSTOM = {"preset": "custom-http"}


async def test_a_reply_is_read_by_its_mapping(attempt: Try) -> None:
    answer = await attempt(send(replies.whole(replies.chat("Grüße, 你好", 7, 5))))
    assert answer.reply is not None
    assert (answer.reply.text, answer.reply.status, answer.reply.finish) == ("Grüße, 你好", 200, "stop")
    assert answer.reply.usage == Usage(7, 5)
    assert answer.mark.text == ["Grüße, 你好"]


async def test_a_plain_text_may_be_the_reply(attempt: Try) -> None:
    answer = await attempt(
        send(replies.whole("Grüße".encode(), content_type="text/plain")), **CUSTOM, reply={"format": "text"}
    )
    assert answer.text == "Grüße"


async def test_a_conversation_id_is_kept_and_sent_back() -> None:
    said = replies.whole(b'{"reply": "hi", "conversation_id": "c 7"}')
    async with talk([read(), send(said)], **CUSTOM) as (server, channel):
        answer = await ask(channel)
        assert answer.reply is not None
        assert answer.reply.conversation_id == "c 7"
    assert server.requests[0].body == b'{"message":"hello"}'


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, "rejected"), (401, "rejected"), (403, "rejected"), (404, "rejected"), (413, "rejected"), (422, "rejected"),
     (429, "rate_limited"), (500, "server"), (502, "server"), (503, "server"), (529, "server"), (304, "protocol"), (600, "server")],
)  # fmt: skip
async def test_a_status_is_a_kind_of_fault(attempt: Try, status: int, kind: str) -> None:
    body = b'{"error": {"message": "no,\\n  really"}}' if status != 304 else b""
    answer = await attempt(send(replies.whole(body, status)))
    assert answer.is_fault(kind, f"^{status}: " + ("no, really$" if body else "a redirect without"))
    assert answer.fault.status == status


@pytest.mark.parametrize("status", [201, 202, 206])
async def test_any_status_of_success_is_one(attempt: Try, status: int) -> None:
    answer = await attempt(send(replies.whole(replies.chat("ok"), status)))
    assert answer.reply is not None
    assert answer.reply.status == status


HTML = b"<!doctype html>\n<html><title>502 Bad Gateway</title>" + b"<p>nginx</p>" * 2000


async def test_an_error_page_is_quoted_shortly(attempt: Try) -> None:
    answer = await attempt(send(replies.whole(HTML, 502, content_type="text/html")))
    assert answer.is_fault("server", "^502: <!doctype html> <html><title>502 Bad Gateway</title>")
    assert len(answer.fault.detail) < 320


async def test_an_error_page_with_status_200_is_a_protocol_fault(attempt: Try) -> None:
    answer = await attempt(send(replies.whole(HTML, content_type="text/html")))
    assert answer.is_fault("protocol", "reply is not JSON: '<!doctype html>")


async def test_an_error_with_status_200_is_the_servers(attempt: Try) -> None:
    answer = await attempt(send(replies.whole(b'{"error": {"message": "overloaded"}, "usage": {"prompt_tokens": 4}}')))
    assert answer.is_fault("server", "^overloaded$")
    assert answer.trouble is not None
    assert answer.trouble.usage == Usage(4)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "not JSON: .empty"),
        (b"hello", "not JSON: 'hello'"),
        (b'{"choices": [{"message": {"content": "cut', "not JSON"),
        (b'{"choices": []}', "nothing at choices"),
        (b'{"answer": "hi", "id": 1}', "nothing at choices.*has: answer, id"),
        (replies.chat(""), "^the reply is empty; it ended with 'stop'$"),
        (b'{"choices": [{"message": {"content": null}}]}', "^the reply is empty$"),
        (b'{"choices": [{"message": {"content": "\xff\xfe"}}]}', "^the reply is not valid UTF-8$"),
        (b"[" * 5000 + b"]" * 5000, "."),
    ],
    ids=["nothing", "text", "cut", "no choice", "other keys", "empty text", "null", "not utf-8", "very deep"],
)
async def test_a_body_that_was_not_agreed_is_a_protocol_fault(attempt: Try, body: bytes, words: str) -> None:
    answer = await attempt(send(replies.whole(body)))
    assert answer.is_fault("protocol", words)
    assert answer.fault.status == 200
    assert len(answer.fault.detail) < 400


async def test_a_reply_that_was_cut_while_it_was_thought_out_is_a_reply(attempt: Try) -> None:
    usage = {"prompt_tokens": 9, "completion_tokens": 64, "completion_tokens_details": {"reasoning_tokens": 64}}
    choice = {"message": {"role": "assistant", "content": ""}, "finish_reason": "length"}
    answer = await attempt(send(replies.whole(json.dumps({"choices": [choice], "usage": usage}).encode())))
    assert answer.reply is not None
    assert (answer.reply.text, answer.reply.finish) == ("", "length")
    assert answer.reply.usage == Usage(9, 64, reasoning=64)
    assert answer.mark.seen_ns == 0


async def test_no_content_is_a_protocol_fault(attempt: Try) -> None:
    assert (await attempt(send(replies.head(204)))).is_fault("protocol", "empty")


@pytest.mark.parametrize("seed", range(20))
async def test_random_bytes_are_always_a_fault_and_never_more(attempt: Try, seed: int) -> None:
    rng = random.Random(seed)
    reply = bytearray(replies.whole(gzip.compress(replies.chat("x")), content_encoding="gzip"))
    for _ in range(1 + seed % 4):
        reply[rng.randrange(len(reply))] = rng.randrange(256)
    answer = await attempt(send(bytes(reply)), close())
    assert answer.reply is not None or answer.fault.kind in ("protocol", "truncated", "server", "rejected")


# what Retry-After says ------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry_after": "7"}, 7),
        ({"retry_after": "0"}, 0),
        ({"retry_after": "1.5"}, 1.5),
        ({"retry_after": "7", "retry_after_ms": "250"}, 0.25),
        ({"retry_after": "Mon, 01 Jan 2001 00:00:00 GMT"}, 0),
        ({"retry_after": "soon"}, None),
        ({"retry_after": "-5"}, None),
        ({"retry_after_ms": "nan"}, None),
        ({}, None),
    ],
    ids=str,
)
async def test_a_wait_that_the_server_asks_for_is_kept(
    attempt: Try, status: int, headers: dict[str, str], seconds: float | None
) -> None:
    answer = await attempt(send(replies.whole(b"{}", status, **headers)))
    assert answer.fault.retry_after_ns == (None if seconds is None else round(seconds * NS_PER_S))


async def test_a_wait_until_a_date_is_counted_from_now(attempt: Try) -> None:
    date = datetime.fromtimestamp(wall_ns() // NS_PER_S + 1000, UTC)
    answer = await attempt(send(replies.whole(b"{}", 429, retry_after=format_datetime(date, usegmt=True))))
    assert answer.fault.retry_after_ns is not None
    assert 900 * NS_PER_S < answer.fault.retry_after_ns <= 1000 * NS_PER_S


@pytest.mark.parametrize(
    "headers",
    [{"retry_after": "Fri, 31 Dec 9999 23:59:59 GMT"}, {"retry_after": "9" * 30}, {"retry_after_ms": "1e300"}],
)
async def test_a_wait_without_end_still_fits_into_a_record(attempt: Try, headers: dict[str, str]) -> None:
    answer = await attempt(send(replies.whole(b"{}", 429, **headers)))
    assert answer.fault.retry_after_ns is not None
    assert 360 * 86_400 * NS_PER_S < answer.fault.retry_after_ns < 2**63


# redirects ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("stream", [False, True])
async def test_a_redirect_is_never_followed(status: int, stream: bool) -> None:
    async with hostile([read(), send(replies.whole(replies.chat("stolen")))]) as other:
        moved = replies.whole(b"", status, location=other.url("/new"))
        async with talk([read(), send(moved)], stream=stream) as (server, channel):
            answer = await ask(channel)
    assert answer.is_fault("protocol", f"^{status}: a redirect to {other.url('/new')} .elsewhere: not followed")
    assert (server.connections, other.connections) == (1, 0)


@pytest.mark.parametrize("location", ["/v2/chat", "v2/chat?a=b", "HTTP://127.0.0.1:{port}/v2/chat"])
async def test_a_redirect_on_the_same_host_says_what_to_do(location: str) -> None:
    script: list[Any] = [read()]
    async with talk(script) as (server, channel):
        there = location.format(port=server.port)
        script.append(send(replies.whole(b"", 308, location=there)))
        answer = await ask(channel)
    assert there in answer.fault.detail
    assert answer.is_fault("protocol", "the same host: put that address into the target")
    assert len(server.requests) == 1


@pytest.mark.parametrize("location", ["//evil.test/", "http:evil", "javascript:x", "/\x01", "http://[", "\xff" * 9])
async def test_a_redirect_to_nonsense_is_still_only_told(attempt: Try, location: str) -> None:
    answer = await attempt(send(replies.whole(b"", 302, location=location)))
    assert answer.fault.kind == "protocol"
    assert len(answer.fault.detail) < 400


# bounds ---------------------------------------------------------------------------------------------------


async def test_a_body_larger_than_allowed_is_cut(attempt: Try) -> None:
    answer = await attempt(send(replies.whole(b"x" * 5000)), sizes={"body": 4000})
    assert answer.is_fault("protocol", "^the reply is larger than 4,000 bytes$")
    assert answer.fault.status == 200


async def test_a_bomb_is_cut(attempt: Try) -> None:
    bomb = gzip.compress(bytes(20_000_000), 1)
    answer = await attempt(send(replies.whole(bomb, content_encoding="gzip")), sizes={"body": "1M"})
    assert answer.is_fault("protocol", "^the reply is larger than 1,000,000 bytes$")


async def test_a_head_larger_than_allowed_is_cut(attempt: Try) -> None:
    endless = [send(b"x-filler: " + b"a" * 990 + b"\r\n")] * 100
    answer = await attempt(send(b"HTTP/1.1 200 OK\r\n"), *endless, sizes={"header": 5000})
    assert answer.is_fault("protocol", "^the reply's head is larger than 5,000 bytes$")
