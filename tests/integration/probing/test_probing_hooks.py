"""A target that signs in first: a step of its own, whose tokens are shown nowhere, and no second message after a refusal."""

from __future__ import annotations

import pytest

from krawall.model.exchange import FaultKind, json_bytes
from krawall.testing import replies
from krawall.testing.hostile import close, hostile, read, send

TOKEN = "tok-0123456789-abcdef"
SECRET = "shared-secret-0123456789"
GOOD = replies.whole(replies.chat(f"fine, {TOKEN}"))
GRANTED = replies.whole(json_bytes({"access_token": TOKEN, "expires_in": 3600, "token_type": "bearer"}))


def auth(tokens) -> dict[str, object]:
    return {"oauth2": {"token url": tokens.url("/token"), "client id": "krawall", "client secret": "${SECRET}"}}


async def test_signing_in_is_a_step_and_its_token_is_shown_nowhere(attempt):
    async with hostile([read(), send(GRANTED)]) as tokens, hostile([close()], [read(), send(GOOD)]) as server:
        steps, outcome = await attempt({"SECRET": SECRET}, url=server.url(), auth=auth(tokens), preset="openai-chat")
        assert server.requests[0].values("authorization") == [f"Bearer {TOKEN}"]
        assert len(tokens.requests) == 1
    assert list(steps) == ["resolve", "connect", "tls", "sign in", "send", "first token", "reply"]
    assert steps["sign in"].state == "ok"
    assert outcome.text == "fine, ***"
    assert TOKEN not in repr((steps, outcome))


@pytest.mark.parametrize("answer", [replies.whole(b'{"error":"invalid_client"}', 401), replies.whole(b"{}")])
async def test_without_a_token_nothing_is_sent(attempt, answer):
    async with hostile([read(), send(answer)]) as tokens, hostile([close()], [read(), send(GOOD)]) as server:
        steps, outcome = await attempt({"SECRET": SECRET}, url=server.url(), auth=auth(tokens), preset="openai-chat")
        assert server.requests == []
    assert steps["sign in"].state == "failed"
    assert steps["send"].state == "skipped"
    assert "token server" in steps["sign in"].detail
    assert "credentials" in steps["sign in"].hint
    assert not outcome.ok


async def test_a_refusal_is_not_followed_by_a_second_message(attempt):
    refusal = replies.whole(b'{"error":{"message":"who?"}}', 401)
    async with hostile([read(), send(GRANTED)]) as tokens, hostile([close()], [read(), send(refusal)]) as server:
        steps, outcome = await attempt({"SECRET": SECRET}, url=server.url(), auth=auth(tokens), preset="openai-chat")
        assert len(server.requests) == 1
    assert outcome.fault is not None
    assert outcome.fault.kind == FaultKind.rejected
    assert steps["reply"].state == "failed"
