"""Every connector passes the same suite."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme

from krawall.plugins import registry
from krawall.testing import replies
from krawall.testing.asking import target_of
from krawall.testing.contracts.connector import HOWS, TEXT, Case, Scene, cases
from krawall.testing.hostile import Action, Peer, close, endless, gone, hostile, read, send

CANARY = {"BOT_KEY": "canary-Zq7-9f3c"}
EVENTS = [replies.delta(word) for word in ("one ", "two ", "three")]
SIZES = {"body": 20_000, "header": 20_000, "event": 20_000}


def _repeat(status: int) -> Action:
    async def act(peer: Peer) -> None:
        await peer.write(replies.whole(peer.server.requests[-1].head, status, content_type="text/plain"))

    return act


AUTHORITY = trustme.CA()


def over_tls() -> tuple[ssl.SSLContext, dict[str, Any]]:
    """Return what a server needs, and the fields of a target that trusts it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert("127.0.0.1").configure_cert(context)
    return context, {"tls": {"ca": "${BOT_CA}"}}


SECRETS = {**CANARY, "BOT_CA": AUTHORITY.cert_pem.bytes().decode()}


def script(how: str, stream: bool, elsewhere: str) -> list[Action]:
    """Return what a server does for one request."""
    good = replies.chunked(*EVENTS, replies.finish(), replies.DONE) if stream else replies.whole(replies.chat(TEXT))
    whole = replies.chunked if stream else replies.whole
    acts: dict[str, list[Action]] = {
        "good": [send(good)],
        "silent": [gone()],
        "vanishing": [close()],
        "cut": [send(good[:-40]), close()],
        "garbage": [send(b"\0not what was agreed")],
        "unmapped": [send(whole(replies.event({"answer": 1}) + replies.DONE if stream else b'{"answer": 1}'))],
        "empty": [send(whole(replies.finish() + replies.DONE if stream else replies.chat("")))],
        "huge": [send(replies.opening()), endless(replies.chunk(b"data: " + b"x" * 900))],
        "rejecting": [_repeat(401)],
        "busy": [send(replies.whole(b"{}", 429, retry_after="7"))],
        "broken": [send(replies.whole(b"{}", 500))],
        "moved": [send(replies.whole(b"", 307, location=elsewhere))],
    }
    return [read(), *acts[how]]


def later(acts: list[Action]) -> Action:
    """Return what a server does that answers a GET; a POST is only told where."""

    async def act(peer: Peer) -> None:
        while True:
            await read()(peer)
            if peer.server.requests[-1].head.startswith(b"POST"):
                await peer.write(replies.whole(b'{"at": "/jobs/1"}', 202))
            else:
                for each in acts:
                    await each(peer)

    return act


def http_stage(*, stream: bool, tls: bool = False, poll: bool = False) -> Any:
    """Return the stage of the connectors that speak HTTP. `poll`: the answer comes on a second request."""

    @asynccontextmanager
    async def stage(how: str) -> AsyncIterator[Scene]:
        context, trust = over_tls() if tls else (None, {})
        async with AsyncExitStack() as stack:
            other = await stack.enter_async_context(hostile([gone()]))
            acts = script("good" if how == "absent" else how, stream, other.url())
            server = await stack.enter_async_context(hostile([later(acts[1:])] if poll else acts * 5, tls=context))
            if how == "absent":
                await stack.aclose()
            until = {"until": {"path": "choices"}}
            options = {"options": {"poll": {"url": "at", "every": "1ms", **until}}} if poll else {}
            fields = {"url": server.url(), "stream": stream, "sizes": SIZES, "auth": {"bearer": "${BOT_KEY}"}}
            yield Scene(
                target_of(**fields, **trust, **options),
                SECRETS,
                lambda: [request.head for request in server.requests if not poll or request.head.startswith(b"POST")],
                lambda: other.connections,
            )

    return stage


def listening(how: str, elsewhere: str) -> Action:
    """Return what a server does on every connection: a GET is listened on, a POST is answered there."""
    listeners: dict[bytes, Peer] = {}
    words = [*EVENTS, b"event: done\ndata: {}\n\n"]
    told: dict[str, list[bytes]] = {
        "good": words, "cut": words[:1], "unmapped": [replies.event({"answer": 1}), words[-1]], "empty": words[-1:],
    }  # fmt: skip
    statuses = {"busy": replies.whole(b"{}", 429, retry_after="7"), "broken": replies.whole(b"{}", 500)}

    async def tell(user: bytes) -> None:
        peer = listeners[user]
        for word in told.get(how, ()):
            await peer.write(replies.chunk(word))
        if how == "cut":
            peer.writer.close()
        if how == "garbage":
            await peer.write(b"\0not what was agreed")
        if how == "huge":
            await endless(replies.chunk(b"data: " + b"x" * 900))(peer)

    async def listen(peer: Peer, user: bytes) -> None:
        if how == "rejecting":
            await _repeat(401)(peer)
        elif how == "moved":
            await peer.write(replies.whole(b"", 307, location=elsewhere))
        else:
            listeners[user] = peer
            await peer.write(replies.opening())

    async def act(peer: Peer) -> None:
        while True:
            await read()(peer)
            method, path, _ = peer.server.requests[-1].head.split(b" ", 2)
            user = path.rpartition(b"/")[2]
            if method == b"GET":
                await listen(peer, user)
            elif how == "silent":
                await gone()(peer)
            elif how == "vanishing":
                peer.writer.close()
                return
            else:
                await peer.write(statuses.get(how, replies.whole(b"{}", 202)))
                if how not in statuses:
                    await tell(user)

    return act


def listening_stage(*, tls: bool) -> Any:
    """Return the stage of replies on a stream of their own."""

    @asynccontextmanager
    async def stage(how: str) -> AsyncIterator[Scene]:
        context, trust = over_tls() if tls else (None, {})
        async with AsyncExitStack() as stack:
            other = await stack.enter_async_context(hostile([gone()]))
            server = await stack.enter_async_context(
                hostile([listening("good" if how == "absent" else how, other.url())], tls=context)
            )
            if how == "absent":
                await stack.aclose()
            options = {"options": {"listen": {"path": "/stream/{user}", "send": "/send/{user}"}}}
            fields = {"url": server.url(), "stream": True, "sizes": SIZES, "auth": {"bearer": "${BOT_KEY}"}}
            yield Scene(
                target_of(**fields, **trust, **options),
                SECRETS,
                lambda: [
                    request.head
                    for request in server.requests
                    if request.head.startswith(b"POST") or how == "rejecting"
                ],
                lambda: other.connections,
            )

    return stage


@asynccontextmanager
async def echo_stage(how: str) -> AsyncIterator[Scene]:
    """The echo answers with what it is asked: here, with the text of good targets."""
    yield Scene(target_of(connector="echo"))


STAGES = {
    "http": (http_stage(stream=False), HOWS),
    "http tls": (http_stage(stream=False, tls=True), HOWS),
    "http poll": (http_stage(stream=False, poll=True), set(HOWS) - {"unmapped"}),
    "sse": (http_stage(stream=True), HOWS),
    "sse tls": (http_stage(stream=True, tls=True), HOWS),
    "sse listen": (listening_stage(tls=False), HOWS),
    "sse listen tls": (listening_stage(tls=True), HOWS),
    "echo": (echo_stage, ["good"]),
}
"""Polling, what is not mapped is no answer yet."""
DEMANDS = [
    pytest.param(stage, case, id=f"{kind}: {case}") for kind, (stage, hows) in STAGES.items() for case in cases(hows)
]


@pytest.mark.parametrize(("stage", "case"), DEMANDS)
async def test_a_connector_does_what_every_connector_must(stage: Any, case: Case) -> None:
    await case.run(stage)


def test_no_connector_is_left_out() -> None:
    elsewhere = {path.name.split("_")[1] for path in Path(__file__).parent.glob("test_*_contract.py")} - {"connector"}
    assert set(registry.kinds("connectors")) == {name.split()[0] for name in STAGES} | elsewhere
