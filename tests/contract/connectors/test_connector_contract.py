"""Every connector passes the same suite."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

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


def http_stage(stream: bool) -> Any:
    """Return the stage of the connectors that speak HTTP."""

    @asynccontextmanager
    async def stage(how: str) -> AsyncIterator[Scene]:
        async with AsyncExitStack() as stack:
            other = await stack.enter_async_context(hostile([gone()]))
            playing = "good" if how == "absent" else how
            server = await stack.enter_async_context(hostile(script(playing, stream, other.url()) * 5))
            if how == "absent":
                await stack.aclose()
            fields = {"url": server.url(), "stream": stream, "sizes": SIZES, "auth": {"bearer": "${BOT_KEY}"}}
            yield Scene(
                target_of(**fields),
                CANARY,
                lambda: [request.head for request in server.requests],
                lambda: other.connections,
            )

    return stage


@asynccontextmanager
async def echo_stage(how: str) -> AsyncIterator[Scene]:
    """The echo answers with what it is asked: here, with the text of good targets."""
    yield Scene(target_of(connector="echo"))


STAGES = {
    "http": (http_stage(stream=False), HOWS),
    "sse": (http_stage(stream=True), HOWS),
    "echo": (echo_stage, ["good"]),
}
DEMANDS = [
    pytest.param(stage, case, id=f"{kind}: {case}") for kind, (stage, hows) in STAGES.items() for case in cases(hows)
]


@pytest.mark.parametrize(("stage", "case"), DEMANDS)
async def test_a_connector_does_what_every_connector_must(stage: Any, case: Case) -> None:
    await case.run(stage)


def test_no_connector_is_left_out() -> None:
    elsewhere = {path.name.split("_")[1] for path in Path(__file__).parent.glob("test_*_contract.py")} - {"connector"}
    assert set(registry.kinds("connectors")) == set(STAGES) | elsewhere
