"""What every kind of connector hears can be looked at as a tree, and what its mapping reads there is what it read."""

from __future__ import annotations

import pytest

from krawall.mockbot.behaviour import Behaviour
from krawall.mockbot.http import serve
from krawall.model.target import Target
from krawall.plugins.preset import resolve
from krawall.services.mapping import reads_of
from krawall.services.twigs import branches

KINDS = ["mock", "custom-websocket", "custom-socketio", "custom-grpc"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("preset", KINDS)
async def test_an_answer_is_read_as_the_connector_read_it(attempt, preset, stream):
    async with serve(Behaviour(), grpc_port=0) as bot:
        urls = {
            "mock": f"{bot.url}/v1/chat/completions",
            "custom-websocket": f"ws://127.0.0.1:{bot.port}/ws",
            "custom-socketio": f"ws://127.0.0.1:{bot.port}",
            "custom-grpc": bot.grpc_url,
        }
        given = {"preset": preset, "url": urls[preset], "stream": stream}
        _, outcome = await attempt(**given)
    assert outcome.ok, outcome.fault
    assert branches(outcome.raw_received)
    read = {each.part: each for each in reads_of(resolve(Target(**given)).reply, outcome.raw_received)}
    assert read["text"].value == outcome.text
    assert outcome.usage is not None
    assert read["usage.output"].value == f"{outcome.usage.tokens_out:,}"
