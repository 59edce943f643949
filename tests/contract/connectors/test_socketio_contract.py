"""The connector `socketio` passes the suite of every connector, plain and over TLS."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from krawall.model.exchange import json_bytes
from krawall.testing import replies
from krawall.testing.contracts.connector import HOWS, TEXT, cases
from krawall.testing.hostile import Action, Peer, close, endless, gone, read_head, send
from krawall.testing.websocket import frame, hear, socket_stage, upgrade

CANARY = {"BOT_KEY": "canary-Zq7-9f3c"}
SIZES = {"body": 20_000, "header": 20_000, "event": 20_000}
ENTER = [send(frame(b'0{"sid":"s1"}')), hear([]), send(frame(b'40{"sid":"s1"}'))]
MAPPING = {"text": ["text", "reply"], "finish": "finish", "error": "error"}
PARTS = [{"text": "one "}, {"text": "two "}, {"text": "three"}, {"done": True}]


def events(*messages: object) -> bytes:
    """Return events of Socket.IO."""
    return b"".join(frame(b"42" + json_bytes(["message", message])) for message in messages)


def _repeat(status: int) -> Action:
    async def act(peer: Peer) -> None:
        await peer.write(replies.whole(peer.server.requests[-1].head, status, content_type="text/plain"))

    return act


def script(how: str, elsewhere: str, heard: list[bytes], *, several: bool) -> list[Action]:
    """Return what the server does for one connection."""
    good = events(*PARTS) if several else events({"reply": TEXT})
    acts: dict[str, list[Action]] = {
        "good": [hear(heard), send(good)] * 5,
        "silent": [gone()],
        "vanishing": [hear(heard), close()],
        "cut": [hear(heard), send(good[:-5] if several else frame(b'42["message"', fin=False)), close()],
        "garbage": [hear(heard), send(b"\x83\x02no")],
        "unmapped": [hear(heard), send(events({"answer": 1}, {"done": True}))] * 2,
        "empty": [hear(heard), send(events(*([{"finish": "stop"}, {"done": True}] if several else [{"reply": ""}])))]
        * 2,
        "huge": [hear(heard), endless(frame(b"x" * 900, 0x0, fin=False))],
    }
    before: dict[str, list[Action]] = {
        "rejecting": [_repeat(401)],
        "busy": [send(replies.whole(b"{}", 429, retry_after="7"))],
        "broken": [send(replies.whole(b"{}", 500))],
        "moved": [send(replies.whole(b"", 307, location=elsewhere))],
    }
    if how == "huge":
        acts[how].insert(1, send(frame(b"x" * 900, fin=False)))
    return [read_head(), *before[how]] if how in before else [read_head(), upgrade(), *ENTER, *acts[how]]


@pytest.mark.parametrize("several", [False, True], ids=["one message", "several messages"])
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("case", cases(HOWS), ids=str)
async def test_socketio_does_what_every_connector_must(
    case: Any, tls: bool, several: bool, vouched: Callable[..., ssl.SSLContext], ca_file: Path
) -> None:
    stage = socket_stage(
        "socketio",
        partial(script, several=several),
        CANARY,
        (vouched(), ca_file) if tls else None,
        sizes=SIZES,
        reply=MAPPING,
        options={"ends": {"path": "done", "equals": True}} if several else {},
    )
    await case.run(stage)
