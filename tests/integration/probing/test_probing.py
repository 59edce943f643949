"""The connection test: one message, its steps, and what it says of everything that can go wrong."""

from __future__ import annotations

import asyncio
import json
import ssl
from pathlib import Path
from typing import Literal

import pytest
import trustme

from krawall.errors import DocumentError
from krawall.mockbot.behaviour import Behaviour
from krawall.mockbot.http import serve
from krawall.model.connector import Connector
from krawall.model.exchange import FaultKind, json_bytes
from krawall.model.target import Target
from krawall.services import probing
from krawall.services.planning import Overrides
from krawall.services.probing import Outcome, probe
from krawall.services.trials import local_trial
from krawall.testing import replies
from krawall.testing.asking import Known
from krawall.testing.hostile import close, endless, hostile, pieces, read, reset, send, wait

ALL = ["resolve", "connect", "tls", "send", "first token", "reply"]
GOOD = replies.whole(replies.chat("fine"))
KEY = "sk-test-0123456789"


def states(steps):
    return " ".join(f"{name.replace(' ', '-')}:{step.state}" for name, step in steps.items())


@pytest.mark.parametrize("stream", [False, True])
async def test_a_bot_that_works_passes_every_step_and_hears_one_message(attempt, stream):
    async with serve(Behaviour()) as bot:
        url = f"http://127.0.0.1:{bot.port}/v1/chat/completions"
        steps, outcome = await attempt(preset="mock", url=url, stream=stream)
        assert list(steps) == ALL
        assert states(steps) == "resolve:ok connect:ok tls:skipped send:ok first-token:ok reply:ok"
        assert outcome.ok
        assert outcome.fault is None
        assert outcome.text
        assert outcome.finish == "stop"
        assert outcome.status == 200
        assert outcome.usage is not None
        assert outcome.usage.tokens_out > 0
        assert outcome.cost_usd is not None
        assert outcome.cost_usd > 0
        assert outcome.ttft_ms is not None
        assert outcome.latency_ms is not None
        assert "connection test" in outcome.raw_sent
        assert ("data: " in outcome.raw_received) is stream
        assert bot.stats()["requests"] == 1
        text = "choices[0].delta.content" if stream else "choices[0].message.content"
        assert next(each.path for each in outcome.suggestions if each.part == "text") == text


async def test_the_step_resolve_says_where_and_on_what_terms(attempt):
    async with hostile([read(), send(GOOD)]) as server:
        steps, _ = await attempt(url=server.url())
    assert steps["resolve"].detail == "127.0.0.1 is 127.0.0.1 (loopback)"
    assert steps["connect"].detail == f"127.0.0.1 port {server.port}"


@pytest.mark.parametrize(
    ("script", "kind", "failing", "words"),
    [
        ([read(), send(replies.whole(b'{"error":{"message":"no such key"}}', 401))], "rejected", "reply", "401: no such key"),
        ([read(), send(replies.whole(b"{}", 429))], "rate_limited", "reply", "429"),
        ([read(), send(replies.whole(b"{}", 503))], "server", "reply", "503"),
        ([read(), send(replies.whole(b"", 302, location="http://elsewhere.test/"))], "protocol", "reply", "redirect"),
        ([read(), send(replies.whole(b'{"out":"Good morning to you"}'))], "protocol", "reply", "nothing at"),
        ([read(), send(GOOD[:-9]), close()], "truncated", "reply", "closed"),
        ([read(), reset()], "connect", "first token", ""),
        ([read(), send(b"220 smtp.example ESMTP\r\n")], "protocol", "reply", ""),
    ],
)  # fmt: skip
async def test_what_fails_is_named_with_a_way_out_and_sent_once(attempt, script, kind, failing, words):
    async with hostile([close()], script, [reset()]) as server:
        steps, outcome = await attempt(url=server.url(), preset="openai-chat")
        assert len(server.requests) == 1
        assert server.connections == 2
    assert not outcome.ok
    assert outcome.fault is not None
    assert outcome.fault.kind == kind
    assert words in outcome.fault.detail
    assert steps[failing].state == "failed"
    assert steps[failing].detail == outcome.fault.detail
    assert steps[failing].hint
    assert steps["send"].state == "ok"
    assert list(steps) == ALL


async def test_a_reply_that_the_mapping_cannot_read_gets_the_path_that_would(attempt):
    body = json_bytes({"id": "a1", "result": {"answer": "We are open until eight."}, "session_id": "s-1"})
    async with hostile([close()], [read(), send(replies.whole(body))]) as server:
        steps, outcome = await attempt(url=server.url(), preset="openai-chat")
    assert {each.part: each.path for each in outcome.suggestions} == {
        "text": "result.answer",
        "conversation_id": "session_id",
    }
    assert steps["reply"].hint == "the answer seems to stand at result.answer: set it as reply.text"
    assert json.loads(outcome.raw_received)["id"] == "a1"


async def test_nothing_listens(attempt):
    async with hostile([close()]) as server:
        port = server.port
    steps, outcome = await attempt(url=f"http://127.0.0.1:{port}/chat")
    assert states(steps) == "resolve:ok connect:failed tls:skipped send:skipped first-token:skipped reply:skipped"
    assert outcome.fault is not None
    assert outcome.fault.kind == FaultKind.connect
    assert "refused" in outcome.fault.detail.lower()
    assert "running" in steps["connect"].hint


async def test_a_host_that_does_not_resolve(attempt):
    steps, outcome = await attempt(url="http://no-such-host.invalid/chat")
    assert states(steps).startswith("resolve:failed connect:skipped")
    assert "does not resolve" in steps["resolve"].detail
    assert outcome.fault is not None


async def test_a_host_that_the_guard_rails_refuse_is_not_connected_to(attempt):
    steps, outcome = await attempt(url="http://169.254.169.254/latest/meta-data")
    assert states(steps).startswith("resolve:failed connect:skipped")
    assert "never load tested" in steps["resolve"].detail
    assert not outcome.ok


async def test_the_secret_is_sent_and_shown_nowhere(attempt):
    body = json_bytes({"choices": [{"message": {"content": f"your key is {KEY}"}}], "id": KEY})
    async with hostile([close()], [read(), send(replies.whole(body))]) as server:
        steps, outcome = await attempt(
            {"BOT_KEY": KEY}, url=server.url(), auth={"bearer": "${BOT_KEY}"}, request={"key": "${BOT_KEY}"}
        )
        assert server.requests[0].values("authorization") == [f"Bearer {KEY}"]
    assert outcome.ok
    assert outcome.text == "your key is ***"
    assert KEY not in repr((steps, outcome))


@pytest.mark.parametrize("stream", [False, True])
async def test_a_secret_that_arrives_in_pieces_is_not_shown_either(attempt, stream):
    body = json_bytes({"note": KEY, "answer": f"the key is {KEY}"})
    reply = replies.chunked(b"data: %b\n\n" % body) if stream else replies.whole(body)
    async with hostile([close()], [read(), pieces(reply)]) as server:
        steps, outcome = await attempt(
            {"BOT_KEY": KEY}, url=server.url(), stream=stream, auth={"header": {"x-key": "${BOT_KEY}"}}
        )
    assert KEY not in repr((steps, outcome))
    assert "the key is ***" in outcome.raw_received
    assert next(each.sample for each in outcome.suggestions if each.part == "text") == "the key is ***"


async def test_a_secret_that_is_said_token_by_token_is_in_no_sample(attempt):
    said = [replies.delta(part) for part in ("your key is ", KEY[:9], KEY[9:])]
    stream = replies.chunked(*said, replies.finish(), replies.DONE)
    async with hostile([close()], [read(), send(stream)]) as server:
        _, outcome = await attempt({"BOT_KEY": KEY}, url=server.url(), stream=True, auth={"bearer": "${BOT_KEY}"})
    assert outcome.text == "your key is ***"
    assert next(each.sample for each in outcome.suggestions if each.part == "text") == "your key is ***"


async def test_a_secret_that_has_no_value_is_an_error_of_the_document(tmp_path: Path):
    class Nothing:
        def resolve(self, text: str) -> str:
            raise DocumentError("target", [])

    target = Target.model_validate({"url": "http://127.0.0.1:1/", "auth": {"bearer": "${BOT_KEY}"}})
    with pytest.raises(DocumentError):
        local_trial(target, Nothing(), tmp_path, Overrides())


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"url": "http://127.0.0.1:1/", "connector": "htpp"}, "target.connector"),
        ({"url": "http://127.0.0.1:1/", "body": {"m": "$mesage"}}, "target.body"),
        ({"url": "http://127.0.0.1:1/", "reply": {"text": "a["}}, "target.reply"),
    ],
)
async def test_a_target_that_is_wrong_is_refused_before_anything_happens(tmp_path: Path, fields, place):
    with pytest.raises(DocumentError) as caught:
        local_trial(Target.model_validate(fields), Known({}), tmp_path, Overrides())
    assert [each.path for each in caught.value.places] == [place]


async def test_a_bot_that_says_nothing_is_given_up(attempt):
    over = asyncio.Event()
    async with hostile([wait(over)]) as server:
        steps, outcome = await attempt(url=server.url(), most_s=0.05)
        over.set()
    assert states(steps) == "resolve:ok connect:ok tls:skipped send:ok first-token:failed reply:skipped"
    assert outcome.fault is not None
    assert outcome.fault.kind == FaultKind.timeout


async def test_who_stops_listening_cancels_the_test(tmp_path: Path):
    over, gone = asyncio.Event(), asyncio.Event()

    async def until_gone(peer):
        await peer.reader.read()
        gone.set()

    async with hostile([close()], [read(), until_gone]) as server:
        trial = local_trial(Target.model_validate({"url": server.url()}), Known({}), tmp_path, Overrides())
        told = probe(trial)
        async for each in told:
            if each.name == "send":
                break
        await told.aclose()
        await gone.wait()
        over.set()
        assert len(server.requests) == 1


async def test_an_echo_needs_no_network(attempt):
    steps, outcome = await attempt(connector="echo")
    assert states(steps) == "resolve:skipped send:ok first-token:ok reply:ok connect:skipped tls:skipped"
    assert outcome.ok


# TLS ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


def context_of(ca: trustme.CA, *names: str) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(*(names or ("127.0.0.1",))).configure_cert(made)
    return made


async def test_tls_is_a_step_of_its_own(attempt, ca, tmp_path: Path):
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    async with hostile([read(), send(GOOD)], tls=context_of(ca)) as server:
        steps, outcome = await attempt(url=server.url(), ca_file=str(tmp_path / "ca.pem"))
    assert outcome.ok, steps
    assert steps["tls"].state == "ok"
    assert "TLSv1.3" in steps["tls"].detail
    assert "trustme" in steps["tls"].detail


async def test_a_certificate_of_nobody_known_is_told_at_the_step_tls(attempt, ca):
    async with hostile([wait(asyncio.Event())], tls=context_of(ca)) as server:
        steps, outcome = await attempt(url=server.url())
    assert states(steps) == "resolve:ok connect:ok tls:failed send:skipped first-token:skipped reply:skipped"
    assert outcome.fault is not None
    assert outcome.fault.kind == FaultKind.tls
    assert "certificate is not accepted" in outcome.fault.detail
    assert "ca" in steps["tls"].hint


async def test_a_server_without_tls_is_told_at_the_step_tls(attempt):
    async with hostile([send(b"HTTP/1.1 400 Bad Request\r\n\r\n")]) as server:
        steps, outcome = await attempt(url=server.url().replace("http:", "https:"))
    assert "does not speak TLS" in steps["tls"].detail
    assert "without the s" in steps["tls"].hint
    assert not outcome.ok


def test_outcomes_are_equal_to_what_they_say():
    assert Outcome(True) == Outcome(ok=True)


class Broken(Connector):
    """A connector with a bug in it."""

    kind: Literal["broken"] = "broken"

    def open(self, target, secrets, gate, session, timeouts):
        raise ZeroDivisionError("of its author's making")


async def test_a_connector_with_a_bug_ends_the_test_with_words(attempt, monkeypatch, caplog):
    monkeypatch.setattr(probing, "connector_of", lambda kind, options: Broken())
    steps, outcome = await attempt(connector="echo")
    assert states(steps) == "resolve:skipped send:failed connect:skipped tls:skipped first-token:skipped reply:skipped"
    assert steps["send"].detail == "internal: ZeroDivisionError: of its author's making"
    assert outcome.fault is not None
    assert outcome.fault.kind == FaultKind.protocol
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize("stream", [False, True])
async def test_an_endless_reply_is_cut_off_and_kept_in_part(attempt, stream):
    opening = replies.opening() if stream else replies.head(content_type="text/plain")
    async with hostile(
        [close()], [read(), send(opening), endless(replies.chunk(replies.delta("more and ")))]
    ) as server:
        _, outcome = await attempt(url=server.url(), stream=stream, most_s=5, sizes={"body": "300k"})
    assert not outcome.ok
    assert len(outcome.raw_received) == 65_536
