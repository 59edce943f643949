"""The providers' own Python clients against the mock bot: what they read is what they would read from the provider."""

from typing import Any

import anthropic
import pytest

from krawall.mockbot.bot import count_tokens

QUICK = {"first_token": "0", "gap": "0"}
WEATHER = {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}}


def messages_client(bot: Any, **options: Any) -> anthropic.AsyncAnthropic:
    return anthropic.AsyncAnthropic(base_url=bot.server.url, api_key="k1", max_retries=0, **options)


def said(text: str) -> list[Any]:
    return [{"role": "user", "content": text}]


async def hear(stream: Any, heard: list[Any]) -> None:
    """Keep what a stream brings, also when it breaks."""
    async for each in stream:
        heard.append(each)


async def test_messages_are_answered_whole_and_streamed_with_the_same_text_and_bill(start: Any) -> None:
    bot = await start(**QUICK, api_key="k1")
    async with messages_client(bot) as client:
        asked: Any = {"model": "m", "max_tokens": 500, "system": "Be brief.", "messages": said("What is 3 plus 4?")}
        whole = await client.messages.create(**asked)
        assert whole.content[0].type == "text"
        assert (whole.content[0].text, whole.stop_reason) == ("3 plus 4 is 7.", "end_turn")
        assert (whole.usage.input_tokens, whole.usage.output_tokens) == (7, count_tokens("3 plus 4 is 7."))
        async with client.messages.stream(**asked) as stream:
            text = "".join([piece async for piece in stream.text_stream])
            final = await stream.get_final_message()
        assert (text, final.usage) == ("3 plus 4 is 7.", whole.usage)
        kinds = [event.type async for event in await client.messages.create(**asked, stream=True)]
        assert (kinds[0], kinds[-2:]) == ("message_start", ["message_delta", "message_stop"])


async def test_messages_show_thoughts_and_end_by_length(start: Any) -> None:
    bot = await start(**QUICK, reasoning="9", tokens="20")
    async with messages_client(bot) as client:
        thinking: Any = {"type": "enabled", "budget_tokens": 1024}
        async with client.messages.stream(
            model="m", max_tokens=15, messages=said("my parcel"), thinking=thinking
        ) as stream:
            final = await stream.get_final_message()
        thought, answer = final.content
        assert (thought.type, answer.type, final.stop_reason) == ("thinking", "text", "max_tokens")
        assert thought.thinking.startswith("The user writes about parcel.")
        assert (count_tokens(thought.thinking), count_tokens(answer.text)) == (9, 6)
        assert final.usage.output_tokens == 15
        whole = await client.messages.create(model="m", max_tokens=15, messages=said("my parcel"), thinking=thinking)
        assert whole.content[0] == thought


async def test_messages_call_tools_and_come_to_an_end(start: Any) -> None:
    bot = await start(**QUICK, tools=1.0)
    async with messages_client(bot) as client:
        tools: Any = [{"name": "weather", "description": "d", "input_schema": WEATHER}]
        history = said("my city is Ulm. How is the weather?")
        async with client.messages.stream(model="m", max_tokens=99, messages=history, tools=tools) as stream:
            final = await stream.get_final_message()
        [use] = final.content
        assert (final.stop_reason, use.type, use.name, use.input["city"]) == ("tool_use", "tool_use", "weather", "Ulm")
        assert isinstance(use.input["days"], int)
        result = {"type": "tool_result", "tool_use_id": use.id, "content": "rain"}
        history += [{"role": "assistant", "content": [use.model_dump()]}, {"role": "user", "content": [result]}]
        last = await client.messages.create(model="m", max_tokens=99, messages=history, tools=tools)
        assert last.stop_reason == "end_turn"


async def test_messages_refuse(start: Any) -> None:
    bot = await start(**QUICK, refusal=1.0)
    async with messages_client(bot) as client:
        whole = await client.messages.create(model="m", max_tokens=99, messages=said("x"))
        assert (whole.stop_reason, whole.content[0].type) == ("refusal", "text")


@pytest.mark.parametrize(
    ("status", "raised"),
    [
        (400, anthropic.BadRequestError),
        (403, anthropic.PermissionDeniedError),
        (404, anthropic.NotFoundError),
        (429, anthropic.RateLimitError),
        (500, anthropic.InternalServerError),
        (529, anthropic.InternalServerError),
    ],
)
async def test_messages_errors_are_those_of_the_client(start: Any, status: int, raised: type[Exception]) -> None:
    bot = await start(errors={str(status): 1.0})
    async with messages_client(bot) as client:
        with pytest.raises(raised, match=r"told to fail|rate limit"):
            await client.messages.create(model="m", max_tokens=9, messages=said("x"))


async def test_messages_need_a_key_and_a_version(start: Any) -> None:
    bot = await start(api_key="other")
    async with messages_client(bot) as client:
        with pytest.raises(anthropic.AuthenticationError):
            await client.messages.create(model="m", max_tokens=9, messages=said("x"))
        with pytest.raises(anthropic.AuthenticationError):
            await client.models.list()
    bot = await start()
    body = {"model": "m", "max_tokens": 9, "messages": said("x")}
    seen = await (await bot.client()).ask("POST", "/v1/messages", body)
    assert (seen.status, seen.json()["error"]["message"]) == (400, "anthropic-version: header is required")
    async with messages_client(bot) as client:
        assert [model.id async for model in await client.models.list()] == ["mock"]


async def test_messages_fail_in_the_middle_of_a_stream(start: Any) -> None:
    bot = await start(**QUICK, stream_error=1.0, tokens="30", seed=2)
    async with messages_client(bot) as client:
        heard: list[str] = []
        async with client.messages.stream(model="m", max_tokens=99, messages=said("a lamp")) as stream:
            with pytest.raises(anthropic.APIStatusError, match="overloaded_error"):
                await hear(stream.text_stream, heard)
        assert 0 < len(heard) < 30
    assert bot.server.stats()["ends"] == {"failed": 1}
