"""Connection tests over the API: streamed or whole, of kept targets and of drafts, with credentials that nobody gets to see."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from krawall.mockbot.behaviour import Behaviour
from krawall.mockbot.http import serve
from krawall.testing import replies
from krawall.testing.hostile import close, gone, hostile, read, send, tell
from krawall.testing.served import served

GOOD = replies.whole(replies.chat("fine"))
KEY = "sk-never-shown-0123456789"
NAMES = ["resolve", "connect", "tls", "send", "first token", "reply"]


def messages(text: str) -> list[tuple[str, Any]]:
    """The messages of a stream: name and data."""
    blocks = [dict(line.split(": ", 1) for line in block.splitlines()) for block in text.split("\n\n") if block]
    return [(block["event"], json.loads(block["data"])) for block in blocks]


async def kept(client, **body: Any) -> str:
    answer = await client.post("/targets", json={"name": "bot", "body": body})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def events(client, type: str) -> list[Any]:
    found = await client.get("/events", params={"types": type}, headers={"Accept": "application/json"})
    return found.json()["items"]


async def test_a_kept_target_is_tested_step_by_step(client):
    async with serve(Behaviour()) as bot:
        id = await kept(client, preset="mock", url=f"{bot.url}/v1/chat/completions", stream=True)
        answer = await client.post(f"/targets/{id}/test")
        assert answer.headers["content-type"].startswith("text/event-stream")
        *steps, (last, outcome) = messages(answer.text)
        assert [data["name"] for name, data in steps if name == "step"] == NAMES
        assert last == "outcome"
        assert outcome["ok"] is True
        assert outcome["usage"]["tokens_out"] > 0
        assert bot.stats()["requests"] == 1
    (event,) = await events(client, "target.tested")
    assert event["data"] | {"ms": 0} == {"target": id, "name": "bot", "ok": True, "ms": 0, "fault": ""}


async def test_everything_at_once_for_who_asks_for_json(client):
    async with serve(Behaviour()) as bot:
        body = {"preset": "mock", "url": f"{bot.url}/v1/chat/completions"}
        answer = await client.post(
            "/targets/test", json={"body": body}, headers={"Accept": "application/json"}, params={"message": "Hi there"}
        )
    assert answer.status_code == 200
    found = answer.json()
    assert [step["name"] for step in found["steps"]] == NAMES
    assert "Hi there" in found["outcome"]["raw_sent"]
    assert await events(client, "target.tested") == []


async def test_a_draft_may_be_yaml(client):
    async with hostile([close()], [read(), send(GOOD)]) as server:
        text = f"kind: target\nname: bot\npreset: openai-chat\nurl: {server.url()}\n"
        answer = await client.post("/targets/test", content=text, headers={"Content-Type": "application/yaml"})
    assert messages(answer.text)[-1][1]["text"] == "fine"


async def test_the_credential_is_opened_here_and_comes_back_nowhere(client):
    await client.put("/credentials/BOT_KEY", json={"value": KEY})
    body = replies.chat(f"you sent {KEY}")
    async with hostile([close()], [read(), send(replies.whole(body))]) as server:
        id = await kept(client, preset="openai-chat", url=server.url(), auth={"bearer": "${BOT_KEY}"})
        answer = await client.post(f"/targets/{id}/test")
        assert server.requests[0].values("authorization") == [f"Bearer {KEY}"]
    assert messages(answer.text)[-1][1]["text"] == "you sent ***"
    assert KEY not in answer.text


async def test_a_target_that_fails_is_an_event_with_the_kind_of_fault(client):
    async with hostile([close()], [read(), send(replies.whole(b"{}", 503))]) as server:
        id = await kept(client, preset="openai-chat", url=server.url())
        answer = await client.post(f"/targets/{id}/test")
    assert messages(answer.text)[-1][1]["fault"]["status"] == 503
    (event,) = await events(client, "target.*")
    assert (event["data"]["ok"], event["data"]["fault"]) == (False, "server")


async def test_what_the_guard_rails_refuse_is_the_first_step(client):
    answer = await client.post("/targets/test", json={"body": {"preset": "openai-chat", "url": "http://10.1.2.3/chat"}})
    found = messages(answer.text)
    assert found[0][1]["state"] == "failed"
    assert "private" in found[0][1]["detail"]
    assert found[-1][1]["ok"] is False


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"url": "http://127.0.0.1:1/", "auth": {"bearer": "${MISSING}"}}, ""),
        ({"url": "http://127.0.0.1:1/", "preset": "custom-htp"}, "preset"),
        ({"url": "http://127.0.0.1:1/", "ca file": "/etc/ca.pem"}, "ca file"),
        ({"preset": "custom-http"}, "url"),
    ],
)
async def test_what_is_wrong_with_a_draft_is_a_problem_before_the_stream_begins(client, body, place):
    answer = await client.post("/targets/test", json={"body": body})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert [each["path"] for each in answer.json()["places"]] == [place]


async def test_a_target_that_is_not_there(client):
    assert (await client.post("/targets/nobody/test")).status_code == 404


async def test_who_may_only_look_may_not_test(client, viewer):
    assert (await viewer.post("/targets/test", json={"body": {}})).status_code == 403
    assert (await viewer.post("/targets/bot/test")).status_code == 403


async def test_a_target_that_is_called_test_is_still_found(client):
    await client.post("/targets", json={"name": "test", "body": {"connector": "echo"}})
    assert (await client.get("/targets/test")).json()["name"] == "test"
    answer = await client.post("/targets/test/test", headers={"Accept": "application/json"})
    assert answer.json()["outcome"]["ok"] is True


async def test_who_goes_away_ends_the_test(app, client):
    left = asyncio.Event()
    async with hostile([close()], [read(), gone(), tell(left)]) as server, served(app) as remote:
        body = {"body": {"preset": "openai-chat", "url": server.url()}}
        async with remote.stream("POST", "/api/v1/targets/test", json=body) as answer:
            async for line in answer.aiter_lines():
                if '"send"' in line:
                    break
        async with asyncio.timeout(20):
            await left.wait()
        assert len(server.requests) == 1


async def test_what_a_target_would_send_and_read_is_shown_before_it_is_kept(client):
    body = {"preset": "custom-http", "auth": {"bearer": "${BOT_KEY}"}, "reply": {"text": "said"}}
    shown = (await client.post("/targets/preview", json={"body": body, "answer": '{"said": "fine"}'})).json()
    assert shown["problems"] == ["the address is missing"]
    assert shown["sent"]["headers"]["authorization"] == "Bearer ${BOT_KEY}"
    assert next(each["value"] for each in shown["reads"] if each["part"] == "text") == "fine"


async def test_an_address_becomes_a_target(client):
    async with serve(Behaviour()) as bot:
        found = (await client.post("/targets/detect", json={"url": bot.url})).json()
        assert found["works"] is True
        assert found["why"]
        answer = await client.post(
            "/targets/test", json={"body": found["target"]}, headers={"Accept": "application/json"}
        )
        assert answer.json()["outcome"]["ok"] is True
    refused = await client.post("/targets/detect", json={"url": "http://10.1.2.3/chat"})
    assert refused.status_code == 403, refused.text
    missing = await client.post("/targets/detect", json={"url": bot.url, "key": "NOBODY"})
    assert missing.status_code == 422


async def test_a_draft_on_a_private_address_needs_the_word_of_who_operates_it(client):
    given = {"body": {"preset": "custom-http", "url": "http://10.1.2.3:9/chat"}}
    told = (await client.post("/targets/test", json=given, headers={"Accept": "application/json"})).json()
    assert told["steps"][0]["state"] == "failed"
