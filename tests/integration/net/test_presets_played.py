"""Each preset against the mock bot's dialect of that provider: texts, usage, reasoning, tools, refusals, faults; whole and streamed."""

from __future__ import annotations

import pytest

from krawall.clock import monotonic_ns
from krawall.engine.mark import Stamps
from krawall.mockbot.behaviour import Behaviour
from krawall.mockbot.http import serve
from krawall.model.exchange import Message, Prompt, TargetFault
from krawall.model.target import Target
from krawall.plugins.preset import facts, resolve
from krawall.testing.asking import line_of

PRESETS = ["openai-chat", "openai-responses", "anthropic", "gemini", "azure-openai", "ollama", "vllm", "mock"]
SHOW_THOUGHTS = {
    "openai-responses": {"reasoning": {"summary": "auto"}},
    "gemini": {"generationConfig": {"thinkingConfig": {"includeThoughts": True}}},
}
SPEECH = [Message("user", "Where is my parcel?"), Message("assistant", "In Lyon."), Message("user", "And now?")]


async def answer(name: str, stream: bool, **behaviour: object) -> tuple[object, Stamps]:
    async with serve(Behaviour(**{"first_token": "1ms", "gap": "0ms", "seed": 3, **behaviour})) as bot:
        asked = {"model": "mock", "deployment": "mock", "resource": "r"}
        known = {field.name for field in facts(name).fields}
        fields = {key: value for key, value in {**asked, "base": bot.url}.items() if key in known}
        target = resolve(
            Target.model_validate(
                {"preset": name, "fields": fields, "stream": stream, "request": SHOW_THOUGHTS.get(name, {})}
            )
        )
        async with line_of(target) as line:
            channel, mark = line.channel(), Stamps(monotonic_ns)
            try:
                return await channel.exchange(Prompt(SPEECH, "And now?", "You are brief."), mark), mark
            except TargetFault as fault:
                return fault, mark
            finally:
                await channel.close()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", PRESETS)
async def test_text_and_usage_arrive(name, stream):
    reply, mark = await answer(name, stream, tokens="12")
    assert not isinstance(reply, TargetFault), reply.fault
    assert reply.text
    assert reply.text == "".join(mark.text)
    assert reply.usage.tokens_out == 12
    assert reply.usage.tokens_in > 3
    assert reply.usage.estimated is False
    assert reply.finish
    assert mark.events == (12 if stream else 1)


@pytest.mark.parametrize("name", ["openai-chat", "openai-responses", "anthropic", "gemini", "ollama", "vllm"])
async def test_thoughts_are_no_text_and_are_counted(name):
    plain, _ = await answer(name, True, tokens="12")
    reply, mark = await answer(name, True, tokens="12", reasoning="8", gap="2ms")
    assert not isinstance(reply, TargetFault), reply.fault
    assert len("".join(mark.text)) == len(reply.text)
    assert reply.usage.tokens_out == plain.usage.tokens_out + 8
    assert mark.token_ns < mark.seen_ns, "a thought came before what a person can read"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", ["openai-chat", "openai-responses", "anthropic", "gemini", "ollama"])
async def test_a_tool_call_is_a_reply_without_text(name, stream):
    reply, mark = await answer(name, stream, tools=1.0)
    assert not isinstance(reply, TargetFault), reply.fault
    assert reply.text == ""
    assert mark.seen_ns == 0 or not mark.text
    assert mark.token_ns > 0


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", PRESETS)
async def test_a_refusal_is_text_that_a_person_reads(name, stream):
    reply, _ = await answer(name, stream, refusal=1.0)
    assert not isinstance(reply, TargetFault), reply.fault
    assert len(reply.text) > 10


@pytest.mark.parametrize("name", PRESETS)
async def test_an_error_in_mid_stream_is_a_fault_with_what_came_before(name):
    fault, mark = await answer(name, True, stream_error=1.0, tokens="12")
    assert isinstance(fault, TargetFault)
    assert fault.fault.kind == "server"
    assert fault.fault.detail
    assert mark.events < 12


@pytest.mark.parametrize("name", PRESETS)
async def test_a_stream_that_stops_early_is_truncated(name):
    fault, _ = await answer(name, True, truncate=1.0, tokens="12")
    assert isinstance(fault, TargetFault)
    assert fault.fault.kind == "truncated"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", PRESETS)
async def test_statuses_are_faults_in_the_providers_own_words(name, stream):
    fault, _ = await answer(name, stream, errors={"429": 1.0})
    assert isinstance(fault, TargetFault)
    assert (fault.fault.kind, fault.fault.status) == ("rate_limited", 429)
    assert "rate limit" in fault.fault.detail
    refused, _ = await answer(name, stream, api_key="secret")
    assert isinstance(refused, TargetFault)
    assert (refused.fault.kind, refused.fault.status) == ("rejected", 401)
