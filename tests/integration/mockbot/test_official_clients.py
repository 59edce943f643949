"""The providers' own Python clients against the mock bot: what they read is what they would read from the provider."""

import json
from typing import Any

import anthropic
import openai
import pytest

from krawall.mockbot.behaviour import Behaviour
from krawall.mockbot.bot import count_tokens
from krawall.mockbot.manner import REFUSAL

QUICK = {"first_token": "0", "gap": "0"}
WEATHER = {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}}


def messages_client(bot: Any, **options: Any) -> anthropic.AsyncAnthropic:
    return anthropic.AsyncAnthropic(base_url=bot.server.url, api_key="k1", max_retries=0, **options)


def openai_client(bot: Any) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{bot.server.url}/v1", api_key="k1", max_retries=0)


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


async def test_chat_is_answered_whole_and_streamed_with_the_same_text_and_bill(start: Any) -> None:
    bot = await start(**QUICK, api_key="k1")
    async with openai_client(bot) as client:
        asked: Any = {"model": "m", "messages": said("What is 3 plus 4?")}
        whole = await client.chat.completions.create(**asked)
        assert whole.choices[0].message.content == "3 plus 4 is 7."
        async with client.chat.completions.stream(**asked, stream_options={"include_usage": True}) as stream:
            final = await stream.get_final_completion()
        assert final.choices[0].message.content == "3 plus 4 is 7."
        assert final.usage == whole.usage
        assert [model.id async for model in client.models.list()] == ["mock"]


async def test_chat_calls_tools_and_comes_to_an_end(start: Any) -> None:
    bot = await start(**QUICK, tools=1.0, reasoning="5")
    async with openai_client(bot) as client:
        tools: Any = [{"type": "function", "function": {"name": "weather", "parameters": WEATHER}}]
        asked: Any = {"model": "m", "messages": said("my city is Ulm. How is the weather?"), "tools": tools}
        async with client.chat.completions.stream(**asked) as stream:
            final = (await stream.get_final_completion()).choices[0]
        whole = (await client.chat.completions.create(**asked)).choices[0]
        assert final.finish_reason == whole.finish_reason == "tool_calls"
        [call], [same] = final.message.tool_calls, whole.message.tool_calls
        assert (call.function.name, call.function.arguments) == (same.function.name, same.function.arguments)
        assert json.loads(call.function.arguments)["city"] == "Ulm"
        result = {"role": "tool", "tool_call_id": same.id, "content": "rain"}
        history = [*asked["messages"], whole.message.model_dump(exclude_none=True), result]
        last = await client.chat.completions.create(model="m", messages=history, tools=tools)
        assert last.choices[0].finish_reason == "stop"
        assert last.usage.completion_tokens_details.reasoning_tokens == 5


async def test_chat_refuses(start: Any) -> None:
    bot = await start(**QUICK, refusal=1.0)
    async with openai_client(bot) as client:
        async with client.chat.completions.stream(model="m", messages=said("x")) as stream:
            final = (await stream.get_final_completion()).choices[0].message
        whole = (await client.chat.completions.create(model="m", messages=said("x"))).choices[0].message
        assert (final.content, final.refusal) == (whole.content, whole.refusal) == (None, REFUSAL)


async def test_chat_fails_in_the_middle_of_a_stream(start: Any) -> None:
    bot = await start(**QUICK, stream_error=1.0, tokens="30", seed=2)
    async with openai_client(bot) as client:
        heard: list[Any] = []
        with pytest.raises(openai.APIError, match="middle of a reply"):
            await hear(await client.chat.completions.create(model="m", messages=said("a lamp"), stream=True), heard)
        assert 0 < len(heard) < 31


@pytest.mark.parametrize(
    ("status", "raised"),
    [
        (400, openai.BadRequestError),
        (403, openai.PermissionDeniedError),
        (404, openai.NotFoundError),
        (429, openai.RateLimitError),
        (500, openai.InternalServerError),
    ],
)
async def test_errors_of_chats_and_responses_are_those_of_the_client(
    start: Any, status: int, raised: type[Exception]
) -> None:
    bot = await start(errors={str(status): 1.0})
    async with openai_client(bot) as client:
        with pytest.raises(raised, match=r"told to fail|rate limit"):
            await client.chat.completions.create(model="m", messages=said("x"))
        with pytest.raises(raised, match=r"told to fail|rate limit"):
            await client.responses.create(model="m", input="x")


async def test_the_client_for_azure_finds_its_paths_and_key(start: Any) -> None:
    bot = await start(**QUICK, api_key="k1")
    async with openai.AsyncAzureOpenAI(azure_endpoint=bot.server.url, api_key="k1", api_version="2024-10-21") as client:
        whole = await client.chat.completions.create(model="mine", messages=said("What is 3 plus 4?"))
        assert whole.choices[0].message.content == "3 plus 4 is 7."
    async with openai.AsyncOpenAI(base_url=f"{bot.server.url}/openai/v1", api_key="k1") as client:
        assert (await client.responses.create(model="mine", input="What is 3 plus 4?")).output_text == "3 plus 4 is 7."


async def test_responses_hold_the_history_and_let_it_fork(start: Any) -> None:
    bot = await start(**QUICK, api_key="k1")
    async with openai_client(bot) as client:
        first = await client.responses.create(model="m", input="my name is Ada", instructions="Be brief.")
        asked: Any = {"model": "m", "input": "What is my name?", "previous_response_id": first.id}
        whole = await client.responses.create(**asked)
        assert (whole.output_text, whole.status, whole.previous_response_id) == (
            "Your name is Ada.",
            "completed",
            first.id,
        )
        instructed = count_tokens("my name is Ada") + first.usage.output_tokens + count_tokens("What is my name?")
        assert whole.usage.input_tokens == instructed
        async with client.responses.stream(**asked) as stream:
            final = await stream.get_final_response()
        assert (final.output_text, final.usage) == (whole.output_text, whole.usage)
        assert len({first.id, whole.id, final.id}) == 3
        unkept = await client.responses.create(model="m", input="x", store=False)
        with pytest.raises(openai.BadRequestError, match="not found"):
            await client.responses.create(model="m", input="y", previous_response_id=unkept.id)


async def test_responses_show_a_summary_of_thoughts_and_end_by_length(start: Any) -> None:
    bot = await start(**QUICK, reasoning="9", tokens="20")
    async with openai_client(bot) as client:
        asked: Any = {"model": "m", "input": "my parcel", "max_output_tokens": 15, "reasoning": {"summary": "auto"}}
        *_, last = [event async for event in await client.responses.create(**asked, stream=True)]
        assert last.type == "response.incomplete"
        final = last.response
        thought, answer = final.output
        assert (thought.type, answer.type, final.status) == ("reasoning", "message", "incomplete")
        assert count_tokens(thought.summary[0].text) == 9
        assert count_tokens(final.output_text) == 6
        assert (final.usage.output_tokens, final.usage.output_tokens_details.reasoning_tokens) == (15, 9)
        assert (await client.responses.create(**asked)).usage == final.usage


async def test_responses_call_functions_refuse_and_fail(start: Any) -> None:
    bot = await start(**QUICK, tools=1.0)
    async with openai_client(bot) as client:
        tools: Any = [{"type": "function", "name": "weather", "parameters": WEATHER, "strict": False}]
        async with client.responses.stream(model="m", input="my city is Ulm", tools=tools) as stream:
            final = await stream.get_final_response()
        [call] = final.output
        assert (call.type, call.name, json.loads(call.arguments)["city"]) == ("function_call", "weather", "Ulm")
        result: Any = [{"type": "function_call_output", "call_id": call.call_id, "output": "rain"}]
        last = await client.responses.create(model="m", input=result, previous_response_id=final.id)
        assert last.output[0].type == "message"
        bot.server.behaviour = Behaviour(**QUICK, refusal=1.0)
        [message] = (await client.responses.create(model="m", input="x")).output
        assert (message.content[0].type, message.content[0].refusal) == ("refusal", REFUSAL)
        bot.server.behaviour = Behaviour(**QUICK, stream_error=1.0)
        kinds = [event.type async for event in await client.responses.create(model="m", input="x", stream=True)]
        assert (kinds[0], kinds[-1]) == ("response.created", "response.failed")
