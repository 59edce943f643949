"""Answers that are looked for: against the mock bot's jobs, and against servers that do not keep to what they said."""

from __future__ import annotations

import json

import pytest

from krawall.mockbot.behaviour import Behaviour
from krawall.mockbot.http import serve
from krawall.plugins.connectors.http import Poll
from krawall.testing import replies
from krawall.testing.asking import Answer, ask, line_of, talk, target_of
from krawall.testing.hostile import read, send

POLL = {"url": "status_url", "every": "10ms", "most": "2s"}


async def poll(poll: dict[str, object] = POLL, **behaviour: object) -> Answer:
    async with serve(Behaviour(**{"latency": "60ms", "seed": 3, "tokens": "8", **behaviour})) as bot:
        target = target_of(preset="custom-http", url=f"{bot.url}/jobs", options={"poll": poll})
        async with line_of(target) as line:
            channel = line.channel()
            try:
                await ask(channel)
                return await ask(channel)
            finally:
                await channel.close()


@pytest.mark.parametrize("url", ["status_url", "/jobs/{id}"])
async def test_an_answer_is_looked_for_until_it_is_there(url):
    answer = await poll({**POLL, "url": url})
    assert answer.reply is not None
    assert len(answer.text) > 10
    assert answer.reply.usage is not None
    assert answer.reply.usage.tokens_out == 8
    assert answer.reply.conversation_id
    assert answer.mark.last_ns - answer.mark.sent_ns >= 60_000_000
    assert answer.mark.byte_ns < answer.mark.last_ns - 30_000_000, "the first byte is that of the first reply"


async def test_a_job_that_fails_is_a_fault():
    assert (await poll(stream_error=1.0)).is_fault("server", "told to fail")


async def test_an_answer_that_does_not_come_is_given_up():
    assert (await poll({**POLL, "most": "50ms"}, latency="30s")).is_fault(
        "timeout", "no answer at /jobs/job-.* within 50ms"
    )


def accepted(**fields: object) -> list[object]:
    return [read(), send(replies.whole(json.dumps(fields).encode(), status=202))]


@pytest.mark.parametrize(
    ("fields", "kind", "words"),
    [
        ({"id": 1}, "protocol", "nothing at status_url"),
        ({"status_url": "http://127.9.9.9/x"}, "protocol", "of another host: not asked"),
        ({"status_url": "//127.9.9.9/x"}, "protocol", "of another host: not asked"),
        ({"status_url": "/x HTTP/1.1\r\nhost: evil\r\n"}, "protocol", "not asked"),
        ({"status_url": ["/x"]}, "protocol", "nothing at status_url in the first reply"),
    ],
)
async def test_where_to_look_is_not_taken_on_trust(fields, kind, words):
    async with talk(accepted(**fields), preset="custom-http", options={"poll": POLL}) as (_, channel):
        assert (await ask(channel)).is_fault(kind, words)


async def test_a_status_while_looking_is_the_fault():
    script = [*accepted(status_url="/jobs/1"), read(), send(replies.whole(b'{"error": "gone"}', status=404))]
    async with talk(script, preset="custom-http", options={"poll": POLL}) as (_, channel):
        assert (await ask(channel)).is_fault("rejected", "404: gone")


async def test_a_rule_says_when_the_answer_is_there():
    rule = {**POLL, "until": {"path": "status", "equals": "done"}}
    script = [
        *accepted(status_url="jobs/1", message="You are in the queue.", status="waiting"),
        read(), send(replies.whole(b'{"message": "Nearly.", "status": "working"}')),
        read(), send(replies.whole(b'{"message": "In Lyon.", "status": "done"}')),
    ]  # fmt: skip
    async with talk(script, preset="custom-http", options={"poll": rule}) as (server, channel):
        assert (await ask(channel)).text == "In Lyon."
    assert [request.head.split(b" ")[:2] for request in server.requests[1:]] == [[b"GET", b"/v1/chat/jobs/1"]] * 2


async def test_a_server_that_asks_for_a_longer_wait_gets_it():
    script = [read(), send(replies.whole(b'{"status_url": "/jobs/1"}', status=202, retry_after="3"))]
    async with talk(script, preset="custom-http", options={"poll": POLL}) as (server, channel):
        assert (await ask(channel)).is_fault("timeout", "no answer at /jobs/1 within 2s")
    assert len(server.requests) == 1


def test_what_is_no_path_is_told_before_anything_is_sent():
    for wrong in ({"url": "a b"}, {"url": "/jobs/{a b}"}, {"url": "x", "until": {"path": ""}}):
        with pytest.raises(ValueError, match="path"):
            Poll(**wrong)
