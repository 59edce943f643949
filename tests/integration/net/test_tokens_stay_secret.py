"""Tokens that hooks fetch are secrets too: a target that repeats them, whole or cut short, gets them into nothing that is kept."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from krawall.testing import replies
from krawall.testing.asking import Known
from krawall.testing.hostile import Action, Hostile, Peer, hostile, read, send
from krawall.testing.playing import Played, plan_of, play

pytestmark = pytest.mark.asyncio(loop_factories=["uvloop"])  # what is kept does not depend on the loop
CANARY = "canary-Zq7/+Token=9f3c.AbCdEf"
TRACE = re.compile(r"canary|Zq7|Y2FuYX|Nhbmfye|jYW5hc|Token")
SECRETS = {"CLIENT_SECRET": "the-canary-secret-of-the-client", "BOT_PASSWORD": "canary-password"}
GRANTED = replies.whole(replies.json_bytes({"access_token": CANARY, "expires_in": 3600, "refresh_token": "x"}))


def repeating(make: Any) -> Action:
    """Answer with the head of the request, after more other words each time: a cut goes through the token at every place."""

    async def act(peer: Peer) -> None:
        await peer.write(make(b"." * (13 * len(peer.server.requests)) + peer.server.requests[-1].head))

    return act


def _error(data: bytes) -> bytes:
    return replies.json_bytes({"error": {"message": data.decode("latin-1")}})


WAYS: dict[str, Any] = {
    "said": lambda data: replies.whole(replies.chat(data.decode("latin-1"))),
    "plain 401": lambda data: replies.whole(data, 401, content_type="text/plain"),
    "json 500": lambda data: replies.whole(_error(data), 500),
    "json 200": lambda data: replies.whole(_error(data)),
    "not json": lambda data: replies.whole(data),
    "other keys": lambda data: replies.whole(replies.json_bytes({data.decode("latin-1"): 1})),
    "location": lambda data: replies.whole(b"", 302, location="/" + data.split(b"\r\n\r\n")[0].decode("latin-1").replace("\r\n", "&")),
    "streamed": lambda data: replies.chunked(replies.delta(data.decode("latin-1")), replies.DONE),
    "error event": lambda data: replies.chunked(b"data: " + _error(data) + b"\n\n"),
    "broken event": lambda data: replies.chunked(b"data: " + data.replace(b"\r\n", b" ") + b"\n\n"),
}  # fmt: skip


def oauth2(tokens: Hostile) -> dict[str, Any]:
    return {
        "auth": {"oauth2": {"token url": tokens.url("/token"), "client id": "me", "client secret": "${CLIENT_SECRET}"}}
    }


def login(tokens: Hostile) -> dict[str, Any]:
    call = {"url": tokens.url("/login"), "body": {"password": "${BOT_PASSWORD}"}, "take": {"token": "access_token"}}
    return {"hooks": [{"login": {"calls": [call]}}]}


async def conversation(server: Hostile, directory: Path, count: int, stream: bool, **target: Any) -> Played:
    hooks = [*target.pop("hooks", []), {"audit": {"texts": True}}]
    scenario = {
        "name": "canary",
        "target": {"url": server.url(), "stream": stream, **target, "hooks": hooks},
        "steps": [{"message": "hi", "expect": [{"contains": "nothing"}]}] * count,
        "on_error": {"default": "skip"},
    }
    return await play(plan_of(json.dumps(scenario)), secrets=Known(SECRETS), directory=str(directory))


@pytest.mark.parametrize("signing", [oauth2, login], ids=["oauth2", "login"])
@pytest.mark.parametrize("way", WAYS)
async def test_nothing_that_is_kept_holds_a_token_or_a_part_of_one(way: str, signing: Any, tmp_path: Path) -> None:
    turns = [read(), repeating(WAYS[way])] * 40
    async with hostile([read(), send(GRANTED)]) as tokens, hostile(turns) as server:
        got = await conversation(server, tmp_path, 24, "event" in way or "streamed" in way, **signing(tokens))
    assert len(got.exchanges) >= 10  # a session stops after ten answers of 401
    assert all(request.values("authorization") == [f"Bearer {CANARY}"] for request in server.requests)
    for text in (msgspec.json.encode(got.lines).decode(), got.last.reason, got.last.stop, got.trouble):
        assert not TRACE.search(text), TRACE.search(text)
    noted = (tmp_path / "audit-0-1.jsonl").read_text()
    assert noted.count("\n") >= 20
    assert not TRACE.search(noted)


@pytest.mark.parametrize("status", [200, 400, 401, 500])
async def test_a_token_server_that_repeats_our_secret_gets_it_nowhere(status: int, tmp_path: Path) -> None:
    async def repeat(peer: Peer) -> None:
        request = peer.server.requests[-1]
        await peer.write(replies.whole(_error(request.head + request.body), status))

    async with hostile([read(), repeat]) as tokens, hostile([]) as server:
        got = await conversation(server, tmp_path, 1, False, **oauth2(tokens))
    assert (got.lines, got.last.state) == ([], "failed")
    assert not TRACE.search(got.last.reason)
    assert "token server" in got.last.reason


async def test_a_token_that_would_end_its_header_is_never_sent(tmp_path: Path) -> None:
    evil = replies.whole(replies.json_bytes({"access_token": "a\r\nx-krawall-session: other"}))
    async with hostile([read(), send(evil)]) as tokens, hostile([]) as server:
        got = await conversation(server, tmp_path, 1, False, **oauth2(tokens))
        assert server.requests == []
    assert got.last.reason == "unreachable: the value for 'authorization' has letters that no header can have"
