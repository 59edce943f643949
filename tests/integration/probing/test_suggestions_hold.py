"""What a test suggests for a dialect that nobody has mapped is what reads it: against every dialect of the mock bot."""

from __future__ import annotations

from typing import Any

import pytest

from krawall.mockbot.behaviour import Behaviour
from krawall.mockbot.http import serve
from krawall.services.detecting import mended
from krawall.services.recognising import Guess

CHAT = {"model": "m", "messages": [{"role": "user", "content": "$message"}], "stream": "$stream"}
DIALECTS: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": ("/v1/chat/completions", CHAT),
    "responses": ("/v1/responses", {"model": "m", "input": "$message", "stream": "$stream"}),
    "messages": ("/v1/messages", {**CHAT, "max_tokens": 500}),
    "contents": ("/v1beta/models/m:{}", {"contents": [{"role": "user", "parts": [{"text": "$message"}]}]}),
    "lines": ("/api/chat", CHAT),
    "simple": ("/chat", {"message": "$message", "stream": "$stream"}),
}
HEADERS = {"anthropic-version": "2023-06-01", "x-note": "none"}


@pytest.mark.parametrize("reasoning", ["0", "6"])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", DIALECTS)
async def test_the_suggested_mapping_reads_the_dialect(attempt, name, stream, reasoning):
    path, body = DIALECTS[name]
    path = path.format("streamGenerateContent?alt=sse" if stream else "generateContent")
    async with serve(Behaviour(reasoning=reasoning)) as bot:
        given = {"connector": "http", "url": bot.url + path, "body": body, "headers": HEADERS, "stream": stream}
        _, unread = await attempt(**given, reply={"text": "nowhere.at.all"})
        assert not unread.ok
        target = mended(Guess({**given, "preset": "custom-http"}, 0, ()), unread).target
        assert target["preset"] == ("custom-sse" if stream else "custom-http"), unread
        target.pop("connector")
        _, outcome = await attempt(**{**target, "request": {"message": None, "conversation_id": None} | only(body)})
        assert outcome.ok, outcome.fault
        _, known = await attempt(preset="mock", url=f"{bot.url}/v1/chat/completions")
        assert outcome.text == known.text
        assert outcome.usage is not None
        assert outcome.usage.tokens_in > 0
        assert outcome.usage.tokens_out > 0


def only(body: dict[str, Any]) -> dict[str, Any]:
    """What of a body has the name of something that is taken out."""
    return {key: value for key, value in body.items() if key in ("message", "conversation_id")}
