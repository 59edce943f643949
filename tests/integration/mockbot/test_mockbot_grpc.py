"""The mock bot over gRPC, asked by a client that is not ours: grpcio's, with what it learns by reflection and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any

import grpc
import msgspec
import pytest
from google.protobuf import message_factory
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2

from krawall.clock import monotonic_ns
from krawall.mockbot.behaviour import Behaviour, Freeze
from krawall.mockbot.bot import count_tokens
from krawall.mockbot.http import Server, serve
from krawall.mockbot.personas import PERSONAS

VERSIONS = ["grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"]
CHAT = "krawall.mock.v1.Chat"


async def reflected(channel: Any, version: str) -> DescriptorPool:
    """Return the server's own account of itself."""
    call = channel.stream_stream(
        f"/{version}/ServerReflectionInfo",
        reflection_pb2.ServerReflectionRequest.SerializeToString,
        reflection_pb2.ServerReflectionResponse.FromString,
    )()
    await call.write(reflection_pb2.ServerReflectionRequest(list_services=""))
    names = {each.name for each in (await call.read()).list_services_response.service}
    assert names == {CHAT, "grpc.health.v1.Health", *VERSIONS}
    await call.write(reflection_pb2.ServerReflectionRequest(file_containing_symbol=CHAT))
    pool = DescriptorPool()
    for data in (await call.read()).file_descriptor_response.file_descriptor_proto:
        pool.AddSerializedFile(data)
    await call.done_writing()
    return pool


class Client:
    """The service's methods as calls."""

    def __init__(self, server: Server, channel: Any, pool: DescriptorPool) -> None:
        self.server = server
        self.channel = channel
        kinds = {(False, False): "unary_unary", (False, True): "unary_stream", (True, False): "stream_unary"}
        self.question = message_factory.GetMessageClass(pool.FindMessageTypeByName("krawall.mock.v1.Question"))
        for method in pool.FindServiceByName(CHAT).methods:
            kind = kinds.get((method.client_streaming, method.server_streaming), "stream_stream")
            call = getattr(channel, kind)(
                f"/{CHAT}/{method.name}",
                message_factory.GetMessageClass(method.input_type).SerializeToString,
                message_factory.GetMessageClass(method.output_type).FromString,
            )
            setattr(self, method.name.lower(), call)

    def asks(self, text: str, **fields: Any) -> Any:
        return self.question(message=text, **fields)


Start = Callable[..., Any]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    async with AsyncExitStack() as stack:

        async def begin(version: str = VERSIONS[0], **settings: Any) -> Client:
            behaviour = msgspec.convert({"first_token": "0ms", "gap": "0ms", **settings}, Behaviour)
            server = await stack.enter_async_context(serve(behaviour, grpc_port=0))
            channel = grpc.aio.insecure_channel(server.grpc_url.removeprefix("grpc://"))
            await stack.enter_async_context(channel)
            return Client(server, channel, await reflected(channel, version))

        yield begin


async def parts(call: Any) -> list[Any]:
    return [part async for part in call]


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_question_gets_a_reply_with_its_exact_usage(start: Start, version: str) -> None:
    bot = await start(version)
    answer = await bot.ask(bot.asks("what is 2 plus 3"))
    assert answer.reply == "2 plus 3 is 5."
    assert answer.usage.prompt_tokens == count_tokens("what is 2 plus 3")
    assert answer.usage.completion_tokens == count_tokens(answer.reply)
    assert (answer.finish, answer.conversation_id) == ("stop", "c1")


async def test_a_stream_says_what_a_whole_reply_says(start: Start) -> None:
    bot = await start(tokens="30", oracle=True)
    whole = await bot.ask(bot.asks("how do I return a parcel"))
    said = await parts(bot.stream(bot.asks("how do I return a parcel")))
    assert "".join(part.text for part in said) == whole.reply
    assert [part.done for part in said] == [False] * (len(said) - 1) + [True]
    assert said[-1].usage == whole.usage
    assert sorted(part.ts for part in said) == [part.ts for part in said]


async def test_the_server_holds_the_history(start: Start) -> None:
    bot = await start()
    first = await bot.ask(bot.asks("my name is Ada"))
    second = await bot.ask(bot.asks("what is my name", conversation_id=first.conversation_id))
    assert "Ada" in second.reply
    unknown = await bot.ask(bot.asks("what is my name"))
    assert "Ada" not in unknown.reply


async def test_several_messages_make_one_question(start: Start) -> None:
    bot = await start(persona="echo")
    answer = await bot.tell(iter([bot.asks("where is"), bot.asks("my parcel")]))
    assert answer.reply == "where is\nmy parcel"


async def test_a_conversation_goes_over_one_call(start: Start) -> None:
    bot = await start()
    call = bot.talk()
    said = []
    for text in ("my name is Ada", "what is my name"):
        await call.write(bot.asks(text))
        heard = [await call.read()]
        while not heard[-1].done:
            heard.append(await call.read())
        said.append("".join(part.text for part in heard))
    await call.done_writing()
    assert await call.read() is grpc.aio.EOF
    assert "Ada" in said[1]
    assert bot.server.stats()["requests"] == 2


@pytest.mark.parametrize("persona", sorted(PERSONAS))
async def test_every_persona_speaks_here_too(start: Start, persona: str) -> None:
    bot = await start(persona=persona, errors={"599": 0.0}, truncate=1e-9, disconnect=1e-9)
    answer = await bot.ask(bot.asks("hello, I want to return a lamp"))
    assert answer.reply
    assert answer.usage.total_tokens > 0


async def _refusal(call: Any) -> Any:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value


@pytest.mark.parametrize(
    ("status", "code"),
    [("429", "RESOURCE_EXHAUSTED"), ("500", "INTERNAL"), ("503", "UNAVAILABLE"), ("404", "NOT_FOUND"), ("418", "FAILED_PRECONDITION")],
)  # fmt: skip
async def test_errors_have_the_code_of_their_status(start: Start, status: str, code: str) -> None:
    bot = await start(errors={status: 1.0})
    assert (await _refusal(bot.ask(bot.asks("hi")))).code().name == code
    assert (await _refusal(parts(bot.stream(bot.asks("hi"))))).code().name == code
    assert bot.server.stats()["by_status"] == {status: 2}


async def test_over_the_limit_comes_the_time_to_wait(start: Start) -> None:
    bot = await start(limit={"rate": 0.001, "burst": 1, "retry_after_s": 1.5})
    await bot.ask(bot.asks("hi"))
    error = await _refusal(bot.ask(bot.asks("hi")))
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert dict(error.trailing_metadata())["grpc-retry-pushback-ms"] == "1500"


async def test_the_key_and_one_requests_behaviour_are_metadata(start: Start) -> None:
    bot = await start(api_key="canary")
    assert (await _refusal(bot.ask(bot.asks("hi")))).code() is grpc.StatusCode.UNAUTHENTICATED
    key = ("authorization", "Bearer canary")
    answer = await bot.ask(bot.asks("hi"), metadata=[key, ("x-mock-behaviour", "persona=echo")])
    assert answer.reply == "hi"
    error = await _refusal(bot.ask(bot.asks("hi"), metadata=[key, ("x-mock-behaviour", "persona=nobody")]))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize(
    ("settings", "code", "end"),
    [
        ({"truncate": 1.0}, None, "truncated"),
        ({"disconnect": 1.0}, "UNAVAILABLE", "disconnected"),
        ({"stream_error": 1.0}, "INTERNAL", "failed"),
    ],
)
async def test_streams_are_cut_as_told(start: Start, settings: dict[str, float], code: str | None, end: str) -> None:
    bot = await start(tokens="40", **settings)
    heard: list[Any] = []

    async def listen() -> None:
        async for part in bot.stream(bot.asks("hi")):
            heard.append(part)

    if code is None:
        await listen()
    else:
        assert (await _refusal(listen())).code().name == code
    assert len(heard) < 40
    assert not any(part.done for part in heard)
    assert bot.server.stats()["ends"] == {end: 1}


async def test_thoughts_tools_and_refusals_are_told_apart(start: Start) -> None:
    bot = await start(reasoning="5")
    said = await parts(bot.stream(bot.asks("hi")))
    assert sum(bool(part.thought) for part in said) == 5 == said[-1].usage.reasoning_tokens
    bot = await start(tools=1.0)
    said = await parts(bot.stream(bot.asks("hi")))
    assert msgspec.json.decode("".join(part.tool.arguments for part in said))
    assert (await bot.ask(bot.asks("hi"))).tool.name
    bot = await start(refusal=1.0)
    assert (await bot.ask(bot.asks("hi"))).refused


async def test_the_oracle_has_the_times_of_every_token(start: Start) -> None:
    bot = await start(oracle=True, first_token="20ms", gap="1ms")
    began = monotonic_ns()
    said = await parts(bot.stream(bot.asks("hi"), metadata=[("x-krawall-session", "ses_1")]))
    [line] = _lines(bot.server)
    record = msgspec.json.decode(line)
    assert record["sent_ns"] == [part.ts for part in said[:-1]]
    assert record["session"] == "ses_1"
    assert record["first_ns"] - began >= 20_000_000


async def test_nothing_goes_out_during_a_freeze(start: Start) -> None:
    bot = await start()
    began = monotonic_ns()
    bot.server.behaviour = Behaviour(first_token="0ms", gap="0ms", freeze=Freeze(at_s=0, for_s=0.05))
    said = await parts(bot.stream(bot.asks("hi")))
    assert said[0].ts >= began + 50_000_000


async def test_a_client_that_goes_away_is_an_aborted_request(start: Start) -> None:
    bot = await start(gap="5s", first_token="0ms")
    call = bot.stream(bot.asks("hi"))
    await call.read()
    call.cancel()
    while bot.server.stats()["in_flight"]:
        await bot.ask(bot.asks("are you there"))
    assert bot.server.stats()["ends"].get("aborted") == 1


async def test_it_says_that_it_is_well(start: Start) -> None:
    bot = await start()
    health = health_pb2_grpc.HealthStub(bot.channel)
    answer = await health.Check(health_pb2.HealthCheckRequest(service=CHAT))
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


def _lines(server: Server) -> Iterator[bytes]:
    yield from server._state.oracle.lines().splitlines()
