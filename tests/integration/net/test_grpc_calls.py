"""gRPC calls of every kind against the mock bot, and what servers of grpcio answer when they do not answer well."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import msgspec
import pytest
import trustme

from krawall.clock import monotonic_ns
from krawall.engine.mark import Stamps
from krawall.errors import DocumentError
from krawall.mockbot.behaviour import Behaviour, Freeze
from krawall.mockbot.grpc import GrpcTls, proto
from krawall.mockbot.http import Server, serve
from krawall.mockbot.oracle import Record
from krawall.model.connector import Channel
from krawall.model.exchange import FaultKind, Message, Prompt
from krawall.model.policy import Timeouts
from krawall.testing.asking import Answer, ask, line_of, prompt_of, target_of

REPLY = {
    "text": ["reply", "text"], "reasoning": "thought", "tools": "tool", "finish": "finish",
    "conversation id": "conversation_id",
    "usage": {"input": "usage.prompt_tokens", "output": "usage.completion_tokens"},
}  # fmt: skip
BODY = {"message": "$message", "conversation_id": "$conversation_id"}


@asynccontextmanager
async def bot(**settings: Any) -> AsyncIterator[Server]:
    async with serve(Behaviour(**{"first_token": "0ms", "gap": "0ms", **settings}), grpc_port=0) as server:
        yield server


@asynccontextmanager
async def channel_to(
    url: str, method: str, *, secrets: dict[str, str] | None = None, timeouts: Timeouts | None = None, **fields: Any
) -> AsyncIterator[Channel]:
    options = {"method": method, **fields.pop("options", {})}
    fields = {"connector": "grpc", "url": url, "body": BODY, "reply": REPLY, "options": options} | fields
    async with line_of(target_of(**fields), secrets=secrets, timeouts=timeouts) as line:
        channel = line.channel()
        try:
            yield channel
        finally:
            await channel.close()


async def turn(channel: Channel, text: str, conversation: str | None = None) -> Answer:
    mark = Stamps(monotonic_ns)
    return Answer(await channel.exchange(prompt_of(text, conversation), mark), None, mark)


@pytest.mark.parametrize("options", [{}, {"proto": proto()}], ids=["reflection", "proto"])
@pytest.mark.parametrize("method", ["Ask", "Stream", "Tell", "Talk"])
async def test_every_kind_of_method_is_called(method: str, options: dict[str, str]) -> None:
    async with bot() as server, channel_to(server.grpc_url, method, options=options) as channel:
        answer = await ask(channel, "what is 2 plus 3")
        assert answer.text == "2 plus 3 is 5."
        assert answer.reply is not None
        assert answer.reply.usage is not None
        assert (answer.reply.finish, answer.reply.conversation_id, answer.reply.status) == ("stop", "c1", 200)
        assert answer.reply.usage.tokens_out == 5
        assert answer.mark.events == (5 if method in ("Stream", "Talk") else 1)
        second = await turn(channel, "what is my name", "c1")
        assert second.mark.connect_ns == 0, "a user keeps his connection"
        assert server.stats()["tokens_in"] > 10


@pytest.mark.parametrize("options", [{}, {"proto": proto()}], ids=["reflection", "proto"])
async def test_asking_for_a_description_is_held_back_from_the_times(options: dict[str, str]) -> None:
    async with bot() as server, channel_to(server.grpc_url, "Ask", options=options) as channel:
        answer = await ask(channel, "hi")
        assert bool(answer.mark.held_ns) == (not options)
        assert not (await ask(channel, "hi")).mark.held_ns


async def test_a_body_that_is_a_list_is_a_stream_of_messages() -> None:
    body = [{"message": "where is"}, BODY]
    async with bot(persona="echo") as server, channel_to(server.grpc_url, "Tell", body=body) as channel:
        assert (await ask(channel, "my parcel")).text == "where is\nmy parcel"


async def test_opening_messages_go_first_on_each_call() -> None:
    opening = {"opening": [{"message": "dear bot"}, {"message": "please"}]}
    async with bot(persona="echo") as server, channel_to(server.grpc_url, "Tell", options=opening) as channel:
        for _ in range(2):
            assert (await ask(channel, "my parcel")).text == "dear bot\nplease\nmy parcel"


async def test_a_kept_call_lasts_for_a_conversation() -> None:
    options = {"per": "user", "ends": {"path": "done", "equals": True}}
    async with bot() as server, channel_to(server.grpc_url, "Talk", options=options) as channel:
        first = await turn(channel, "my name is Ada")
        second = await turn(channel, "what is my name", "c1")
        assert "Ada" in second.text
        assert second.reply is not None
        assert second.reply.conversation_id == "c1"
        other = await turn(channel, "what is my name")
        assert "Ada" not in other.text, "a new conversation is a new call"
        assert first.mark.connect_ns > 0 == second.mark.connect_ns == other.mark.connect_ns


async def test_without_a_rule_a_finish_reason_ends_a_reply_on_a_kept_call() -> None:
    async with bot() as server, channel_to(server.grpc_url, "Talk", options={"per": "user"}) as channel:
        assert (await turn(channel, "what is 2 plus 3")).text == "2 plus 3 is 5."
        assert (await turn(channel, "what is 3 plus 4", "c1")).text == "3 plus 4 is 7."


async def test_thoughts_and_tools_are_no_text() -> None:
    async with bot(reasoning="4") as server, channel_to(server.grpc_url, "Stream") as channel:
        answer = await ask(channel, "what is 2 plus 3")
        assert answer.text == "2 plus 3 is 5."
        assert answer.mark.events == 9
        assert answer.mark.token_ns < answer.mark.seen_ns
    async with bot(tools=1.0) as server, channel_to(server.grpc_url, "Ask") as channel:
        answer = await ask(channel)
        assert (answer.text, answer.mark.events) == ("", 1)


async def test_times_are_those_of_the_oracle() -> None:
    async with (
        bot(first_token="30ms", gap="3ms", oracle=True) as server,
        channel_to(server.grpc_url, "Stream") as channel,
    ):
        await ask(channel)  # the first call learns the way
        answer = await ask(channel)
        record = msgspec.json.decode(server._state.oracle.lines().splitlines()[-1], type=Record)
        assert answer.mark.token_ns >= record.first_ns
        assert answer.mark.sent_ns <= record.received_ns
        assert len(answer.mark.gaps_us) == record.tokens - 1


@pytest.mark.parametrize("method", ["Stream", "Talk"])
@pytest.mark.parametrize(
    ("settings", "kind", "status"),
    [
        ({"errors": {"429": 1.0}}, FaultKind.rate_limited, 429),
        ({"errors": {"500": 1.0}}, FaultKind.server, 500),
        ({"errors": {"503": 1.0}}, FaultKind.server, 503),
        ({"errors": {"404": 1.0}}, FaultKind.rejected, 404),
        ({"errors": {"504": 1.0}}, FaultKind.timeout, 504),
        ({"api_key": "canary"}, FaultKind.rejected, 401),
        ({"stream_error": 1.0}, FaultKind.server, 500),
        ({"disconnect": 1.0}, FaultKind.truncated, None),
        ({"truncate": 1.0}, FaultKind.truncated, 200),
    ],
)  # fmt: skip
async def test_what_the_bot_is_told_to_do_becomes_a_fault(
    method: str, settings: Any, kind: FaultKind, status: int | None
) -> None:
    reply = REPLY | {"ends": True}
    async with (
        bot(tokens="40", seed=5, **settings) as server,
        channel_to(server.grpc_url, "Stream", reply=reply) as one,
    ):
        fault = (await ask(one)).fault
        assert (fault.kind, fault.status) == (kind, status), fault


async def test_what_had_been_said_goes_with_the_fault() -> None:
    async with (
        bot(persona="repetitive", stream_error=1.0, seed=3) as server,
        channel_to(server.grpc_url, "Stream") as one,
    ):
        trouble = (await ask(one)).trouble
        assert trouble is not None
        assert trouble.text
        assert "Thank you, I have noted that and will help you with it right away.".startswith(trouble.text)


CODES = {
    "CANCELLED": (FaultKind.server, 499), "UNKNOWN": (FaultKind.server, 500), "INVALID_ARGUMENT": (FaultKind.rejected, 400),
    "DEADLINE_EXCEEDED": (FaultKind.timeout, 504), "NOT_FOUND": (FaultKind.rejected, 404),
    "ALREADY_EXISTS": (FaultKind.rejected, 409), "PERMISSION_DENIED": (FaultKind.rejected, 403),
    "RESOURCE_EXHAUSTED": (FaultKind.rate_limited, 429), "FAILED_PRECONDITION": (FaultKind.rejected, 400),
    "ABORTED": (FaultKind.rejected, 409), "OUT_OF_RANGE": (FaultKind.rejected, 400), "UNIMPLEMENTED": (FaultKind.protocol, 501),
    "INTERNAL": (FaultKind.server, 500), "UNAVAILABLE": (FaultKind.server, 503), "DATA_LOSS": (FaultKind.server, 500),
    "UNAUTHENTICATED": (FaultKind.rejected, 401),
}  # fmt: skip


@asynccontextmanager
async def aborting(code: str, words: str, *trailing: tuple[str, str | bytes]) -> AsyncIterator[str]:
    """A server of grpcio that answers every call with this status."""

    async def refuse(request: bytes, context: Any) -> None:
        await context.abort(getattr(grpc.StatusCode, code), words, trailing)

    handler = grpc.unary_unary_rpc_method_handler(refuse)
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("krawall.mock.v1.Chat", {"Ask": handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"grpc://127.0.0.1:{port}"
    finally:
        await server.stop(0)


PROTO = {"proto": proto()}


@pytest.mark.parametrize("code", sorted(CODES))
async def test_every_status_is_a_fault(code: str) -> None:
    assert {each.name for each in grpc.StatusCode} - {"OK"} == set(CODES)
    async with aborting(code, "so it is") as url, channel_to(url, "Ask", options=PROTO) as channel:
        fault = (await ask(channel)).fault
        assert (fault.kind, fault.status) == CODES[code]
        assert fault.detail == f"{code}: so it is"


@pytest.mark.parametrize(
    "trailing",
    [
        ("grpc-retry-pushback-ms", "1500"),
        ("retry-after-ms", "1500"),
        ("grpc-status-details-bin",  # google.rpc.Status{details: [Any{RetryInfo{retry_delay: 1.5 s}}]}
         b"\x08\x08\x1a\x36\x0a\x28type.googleapis.com/google.rpc.RetryInfo\x12\x0a\x0a\x08\x08\x01\x10\x80\xca\xb5\xee\x01"),
    ],
)  # fmt: skip
async def test_a_server_says_how_long_to_wait(trailing: tuple[str, str | bytes]) -> None:
    async with aborting("UNAVAILABLE", "busy", trailing) as url, channel_to(url, "Ask", options=PROTO) as channel:
        wait = (await ask(channel)).fault.retry_after_ns
        assert wait == 1_500_000_000


async def test_the_deadline_is_told_and_kept() -> None:
    async with bot(freeze=Freeze(at_s=0, for_s=60)) as server:
        options = {"deadline": "50ms", "proto": proto()}
        async with channel_to(server.grpc_url, "Ask", options=options) as channel:
            answer = await ask(channel)
            assert answer.is_fault("timeout", "deadline")
            assert answer.fault.status == 504


async def test_a_server_without_reflection_says_so() -> None:
    async with aborting("INTERNAL", "") as url, channel_to(url, "Ask") as channel:
        assert (await ask(channel)).is_fault("protocol", "no reflection; give its .proto")


@pytest.mark.parametrize("options", [{"service": "Chad"}, {"method": "Asc"}])
async def test_a_name_that_the_server_does_not_know_is_told_with_the_nearest(options: dict[str, str]) -> None:
    async with bot() as server, channel_to(server.grpc_url, "Ask", options=options) as channel:
        assert (await ask(channel)).is_fault("protocol", "did you mean")


async def test_a_body_that_does_not_fit_is_told_by_the_first_turn_or_at_once() -> None:
    async with bot() as server:
        async with channel_to(server.grpc_url, "Ask", body={"mesage": "$message"}) as channel:
            assert (await ask(channel)).is_fault("protocol", 'no field named "mesage"')
        with pytest.raises(DocumentError) as caught:
            async with channel_to(server.grpc_url, "Ask", body={"mesage": "$message"}, options=PROTO):
                raise AssertionError
        assert caught.value.places[0].path == "target.body"


async def test_headers_of_one_request_are_metadata_and_lie_over_the_others() -> None:
    headers = {"x-mock-behaviour": "persona=repetitive"}
    async with bot() as server, channel_to(server.grpc_url, "Ask", headers=headers) as channel:
        prompt = Prompt([Message("user", "hi")], "hi", extra={"x-mock-behaviour": "persona=echo"})
        assert (await channel.exchange(prompt, Stamps(monotonic_ns))).text == "hi"
        assert (await ask(channel, "hi")).text.startswith("Thank you")


async def test_who_listens_hears_json() -> None:
    heard: list[tuple[str, bytes]] = []
    async with bot(persona="echo") as server, channel_to(server.grpc_url, "Ask", options=PROTO) as channel:
        channel.listen(lambda way, data: heard.append((way, data)))
        await ask(channel, "hi")
        channel.listen(None)
        await ask(channel, "hi")
    assert [way for way, _ in heard] == ["sent", "received"]
    assert heard[0][1] == b'{"message":"hi"}'
    assert heard[1][1].startswith(b'{"reply":"hi","conversation_id":"c1"')


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def _tls(authority: trustme.CA, *, mutual: bool, host: str = "127.0.0.1") -> GrpcTls:
    issued = authority.issue_cert(host)
    trusted = authority.cert_pem.bytes() if mutual else None
    return GrpcTls(issued.private_key_pem.bytes(), issued.cert_chain_pems[0].bytes(), trusted)


@asynccontextmanager
async def secure(theirs: GrpcTls, **fields: Any) -> AsyncIterator[Channel]:
    async with serve(Behaviour(persona="echo"), grpc_port=0, grpc_tls=theirs) as server:
        url = server.grpc_url.replace("grpc://", "grpcs://")
        async with channel_to(url, "Ask", options=PROTO, **fields) as channel:
            yield channel


def _ours(authority: trustme.CA) -> tuple[dict[str, str], dict[str, str]]:
    issued = authority.issue_cert("tester.test")
    secrets = {
        "CA": authority.cert_pem.bytes().decode(),
        "CERTIFICATE": issued.cert_chain_pems[0].bytes().decode(),
        "KEY": issued.private_key_pem.bytes().decode(),
    }
    return secrets, {"ca": "${CA}", "certificate": "${CERTIFICATE}", "key": "${KEY}"}


async def test_both_sides_show_certificates(authority: trustme.CA) -> None:
    secrets, tls = _ours(authority)
    async with secure(_tls(authority, mutual=True), secrets=secrets, tls=tls) as channel:
        assert (await ask(channel, "hi")).text == "hi"


async def test_certificates_may_be_files(authority: trustme.CA, tmp_path: Path) -> None:
    secrets, _ = _ours(authority)
    for name, text in secrets.items():
        (tmp_path / f"{name}.pem").write_text(text)
    tls = {word.lower(): str(tmp_path / f"{word}.pem") for word in secrets}
    async with secure(_tls(authority, mutual=True), tls=tls) as channel:
        assert (await ask(channel, "hi")).text == "hi"


async def test_without_a_certificate_of_ours_there_is_no_way_in(authority: trustme.CA) -> None:
    secrets, tls = _ours(authority)
    async with secure(_tls(authority, mutual=True), secrets=secrets, tls={"ca": tls["ca"]}) as channel:
        assert (await ask(channel)).fault.kind in (FaultKind.tls, FaultKind.connect)


@pytest.mark.parametrize(
    ("strange", "host", "words"),
    [(True, "127.0.0.1", "not accepted"), (False, "127.0.0.2", "for another host")],
)
async def test_a_certificate_that_is_not_theirs_is_refused(
    authority: trustme.CA, strange: bool, host: str, words: str
) -> None:
    secrets, tls = _ours(authority)
    made = _tls(trustme.CA() if strange else authority, mutual=False, host=host)
    async with secure(made, secrets=secrets, tls={"ca": tls["ca"]}) as channel:
        assert (await ask(channel)).is_fault("tls", words)


async def test_a_plain_server_behind_a_secure_address_is_told(authority: trustme.CA) -> None:
    secrets, tls = _ours(authority)
    async with bot() as server:
        url = server.grpc_url.replace("grpc://", "grpcs://")
        async with channel_to(url, "Ask", options=PROTO, secrets=secrets, tls={"ca": tls["ca"]}) as channel:
            assert (await ask(channel)).is_fault("tls", "does not speak TLS; is its address grpc")


async def test_a_server_of_http_is_told() -> None:
    async with bot() as server:
        url = server.url.replace("http://", "grpc://")
        async with channel_to(url, "Ask", options=PROTO) as channel:
            assert (await ask(channel)).is_fault("protocol", "does not speak HTTP/2")


async def test_a_server_that_says_nothing_is_given_up() -> None:
    silent = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    async with silent:
        url = f"grpc://127.0.0.1:{silent.sockets[0].getsockname()[1]}"
        timeouts = Timeouts.model_validate({"connect": "100ms"})
        async with channel_to(url, "Ask", options=PROTO, timeouts=timeouts) as channel:
            assert (await ask(channel)).is_fault("connect", "no connection within 100ms")
