"""Who we say we are on every request, how we prove it, and that no fault ever repeats the proof."""

from __future__ import annotations

import base64
import re
from typing import Any

import pytest

from krawall.clock import monotonic_ns
from krawall.engine.mark import Stamps
from krawall.errors import DocumentError, Refused
from krawall.model.exchange import Message, Prompt
from krawall.testing import replies
from krawall.testing.asking import SESSION, Pins, ask, line_of, talk, target_of
from krawall.testing.hostile import Peer, read, send
from krawall.version import __version__

pytestmark = pytest.mark.asyncio(loop_factories=["uvloop"])  # what is read does not depend on the loop
GOOD = send(replies.whole(replies.chat("fine")))
CANARY = "canary-Zq7/+ÜberGeheim=9f3c"[:27].replace("Ü", "U")
SECRETS = {"BOT_KEY": CANARY, "BOT_USER": "me"}
BEARER: dict[str, Any] = {"auth": {"bearer": "${BOT_KEY}"}}

AUTHS: dict[str, dict[str, Any]] = {
    "bearer": BEARER,
    "header": {"auth": {"header": {"X-Api-Key": "${BOT_KEY}"}}},
    "query": {"auth": {"query": {"key": "${BOT_KEY}"}}},
    "basic": {"auth": {"basic": {"user": "${BOT_USER}", "password": "${BOT_KEY}"}}},
    "headers": {"headers": {"X-Token": "Key ${BOT_KEY}"}},
}


@pytest.mark.parametrize("stream", [False, True])
async def test_every_request_says_who_we_are(stream: bool) -> None:
    script = [
        read(),
        send(replies.chunked(replies.delta("a"), replies.DONE) if stream else replies.whole(replies.chat("a"))),
    ]
    async with talk(script * 3, stream=stream) as (server, channel):
        for _ in range(3):
            assert (await ask(channel)).text == "a"
    for request in server.requests:
        assert request.values("user-agent") == [f"krawall/{__version__}"]
        assert request.values("x-krawall-session") == [SESSION]
        assert request.values("host") == [f"127.0.0.1:{server.port}"]
        assert request.head.startswith(b"POST /v1/chat/completions HTTP/1.1\r\n")


FORGED = {"User-Agent": "Mozilla/5.0", "X-KRAWALL-SESSION": "none", "Host": "evil.test", "Content-Length": "3", "Transfer-Encoding": "chunked"}  # fmt: skip


async def test_a_target_cannot_change_who_we_are_nor_how_long_the_body_is() -> None:
    async with talk([read(), GOOD], headers={**FORGED, "X-Mine": "kept", "Accept": "any"}) as (server, channel):
        assert (await ask(channel)).text == "fine"
    _ours(server.requests[0], server.port)
    assert server.requests[0].values("x-mine") == ["kept"]
    assert server.requests[0].values("accept") == ["any"]


async def test_a_single_prompt_cannot_either() -> None:
    async with talk([read(), GOOD]) as (server, channel):
        extra = {**{name.lower(): value for name, value in FORGED.items()}, "x-mine": "kept"}
        await channel.exchange(Prompt([Message("user", "hi")], "hi", extra=extra), Stamps(monotonic_ns))
    _ours(server.requests[0], server.port)
    assert server.requests[0].values("x-mine") == ["kept"]


def _ours(request: Any, port: int) -> None:
    assert request.values("user-agent") == [f"krawall/{__version__}"]
    assert request.values("x-krawall-session") == [SESSION]
    assert request.values("host") == [f"127.0.0.1:{port}"]
    assert request.values("content-length") == [str(len(request.body))]
    assert request.values("transfer-encoding") == []


async def test_each_kind_of_auth_is_sent() -> None:
    heads = {}
    for name, fields in AUTHS.items():
        async with talk([read(), GOOD], secrets=SECRETS, **fields) as (server, channel):
            assert (await ask(channel)).text == "fine"
        heads[name] = server.requests[0]
    assert heads["bearer"].values("authorization") == [f"Bearer {CANARY}"]
    assert heads["header"].values("x-api-key") == [CANARY]
    assert b"/v1/chat/completions?key=canary-Zq7%2F%2BUberGeheim%3D9f3c HTTP/1.1" in heads["query"].head
    assert heads["basic"].values("authorization") == ["Basic " + base64.b64encode(f"me:{CANARY}".encode()).decode()]
    assert heads["headers"].values("x-token") == [f"Key {CANARY}"]


async def test_a_secret_that_no_header_can_carry_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(DocumentError) as raised:
        async with line_of(target_of(url="http://127.0.0.1:1/", **BEARER), secrets={"BOT_KEY": "canary\r\nx: y"}):
            pass
    assert "canary" not in str(raised.value)


async def test_only_the_granted_host_is_reached() -> None:
    gate = Pins("bot.test", ["127.0.0.1"])
    with pytest.raises(Refused, match="not granted"):
        async with line_of(target_of(url="http://other.test/"), gate=gate):
            pass
    assert gate.asked == ["other.test"]


# a server that repeats what it was sent -------------------------------------------------------------------


def repeating(make: Any, before: bytes = b"") -> Any:
    """Answer with what came: head and body of the request, after some other words."""

    async def act(peer: Peer) -> None:
        request = peer.server.requests[-1]
        await peer.write(make(before + request.head + request.body))

    return act


def _error(data: bytes) -> bytes:
    return replies.json_bytes({"error": {"message": data.decode("latin-1")}})


WAYS: dict[str, Any] = {
    "plain 401": lambda data: replies.whole(data, 401, content_type="text/plain"),
    "json 401": lambda data: replies.whole(_error(data), 401),
    "other json 500": lambda data: replies.whole(replies.json_bytes({"seen": data.decode("latin-1")}), 500),
    "json 200": lambda data: replies.whole(_error(data)),
    "not json": lambda data: replies.whole(data),
    "other keys": lambda data: replies.whole(replies.json_bytes({data.decode("latin-1"): 1})),
    "location": lambda data: replies.whole(b"", 302, location="/" + data.split(b"\r\n\r\n")[0].decode("latin-1").replace("\r\n", "&")),
    "error event": lambda data: replies.chunked(b"data: " + _error(data) + b"\n\n"),
    "broken event": lambda data: replies.chunked(b"data: " + data.replace(b"\r\n", b" ") + b"\n\n"),
    "content type": lambda data: replies.whole(b"{}", content_type="json " + data.split(b"\r\n\r\n")[0].decode("latin-1").replace("\r\n", "&")),
    "encoding": lambda data: replies.whole(b"{}", content_encoding=data.split(b"\r\n\r\n")[0].decode("latin-1").replace("\r\n", "&")),
}  # fmt: skip


@pytest.mark.parametrize("auth", AUTHS)
@pytest.mark.parametrize("way", WAYS)
async def test_no_fault_repeats_a_secret(way: str, auth: str) -> None:
    """Not even a part of it, where the quote is cut: the words before move the cut through the secret."""
    stream = "event" in way or "content" in way
    shifts = range(0, 300, 11)
    scripts = [[read(), repeating(WAYS[way], b"." * shift)] for shift in shifts]
    async with talk(*scripts, secrets=SECRETS, stream=stream, **AUTHS[auth]) as (server, channel):
        for _ in shifts:
            answer = await ask(channel)
            detail = answer.fault.detail + str(answer.trouble)
            assert not re.search(r"canary|Zq7|Y2FuYX|Nhbmfye|jYW5hc", detail), detail
            await channel.close()
    assert len(server.requests) == len(shifts)
