"""The OpenAI Responses dialect."""

import json
from typing import Any

import pytest

from krawall.mockbot import responses
from krawall.mockbot.bot import Answer
from krawall.mockbot.dialect import BadRequest, Reply
from krawall.mockbot.manner import Tool
from krawall.mockbot.personas import Message

ANSWER = Answer(["Hello", " there"], "stop", 12, 4)
THOUGHT = Answer(["Hello"], "stop", 12, 4, ["So", " it", " is."])
CALLED = Answer(['{"city":', '"Ulm"}'], "stop", 12, 0, [], "tool", "weather")
SHOWN = {"reasoning": {"summary": "auto"}}


def request(**fields: Any) -> bytes:
    return json.dumps({"model": "m", "input": "hi"} | fields).encode()


def events(answer: Answer, **fields: Any) -> list[Any]:
    """Write a whole stream and read it again; each event must be framed under its own type and numbered."""
    writer = responses.events(Reply(responses.parse(request(stream=True, **fields)), answer, 7))
    raw = writer.early(1) + writer.opening(2)
    raw += b"".join(writer.token(index, 3) for index in range(answer.tokens)) + b"".join(writer.ending(4))
    found = []
    for block in raw.decode().removesuffix("\n\n").split("\n\n"):
        name, data = block.split("\n")
        found.append(json.loads(data.removeprefix("data: ")))
        assert name == f"event: {found[-1]['type']}"
    assert [each["sequence_number"] for each in found] == list(range(len(found)))
    return found


def names(found: list[Any]) -> list[str]:
    return [each["type"].removeprefix("response.") for each in found]


def test_items_are_read_and_calls_and_thoughts_passed_over() -> None:
    call = responses.parse(
        request(
            input=[
                {"role": "developer", "content": "Be brief."},
                {"role": "user", "content": [{"type": "input_text", "text": "hi"}]},
                {"type": "reasoning", "id": "rs_1", "summary": []},
                {"type": "function_call", "call_id": "c", "name": "x", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "c", "output": "42"},
            ],
            tools=[
                {"type": "function", "name": "x", "parameters": {"properties": {"n": {"type": "integer"}}}},
                {"type": "web_search"},
            ],
        )
    )
    assert call.ask.messages == [Message("system", "Be brief."), Message("user", "hi"), Message("tool", "42")]
    assert call.ask.tools == (Tool("x", {"n": "integer"}),)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "truncated"),
        (b"{}", "input"),
        (request(input=[]), "input must not be empty"),
        (request(input=[{"content": "x"}]), "role"),
        (request(max_output_tokens=0), "max_output_tokens"),
    ],
)
def test_a_bad_request_is_refused_with_the_field(body: bytes, message: str) -> None:
    with pytest.raises(BadRequest, match=message):
        responses.parse(body)


def test_a_stream_is_a_message_item_between_created_and_completed() -> None:
    found = events(ANSWER)
    assert names(found) == [
        *("created", "in_progress", "output_item.added", "content_part.added"),
        *("output_text.delta", "output_text.delta", "output_text.done"),
        *("content_part.done", "output_item.done", "completed"),
    ]
    assert [each["delta"] for each in found[4:6]] == ANSWER.pieces
    done = found[-1]["response"]
    assert (done["status"], done["output"][0]["content"][0]["text"]) == ("completed", "Hello there")
    assert (done["usage"]["input_tokens"], done["usage"]["output_tokens"]) == (12, 2)
    assert [each["ts"] for each in found] == [1, 1, *[3] * 4, *[4] * 4]


def test_thoughts_are_an_item_with_a_summary_where_it_is_asked_for() -> None:
    found = events(THOUGHT, **SHOWN)
    assert names(found)[2:10] == [
        *("output_item.added", "reasoning_summary_part.added"),
        *["reasoning_summary_text.delta"] * 3,
        *("reasoning_summary_text.done", "reasoning_summary_part.done", "output_item.done"),
    ]
    done = found[-1]["response"]
    assert done["output"][0]["summary"] == [{"type": "summary_text", "text": "So it is."}]
    assert done["usage"]["output_tokens_details"] == {"reasoning_tokens": 3}
    assert {each["output_index"] for each in found[10:-1]} == {1}


def test_thoughts_that_are_not_asked_for_are_an_empty_item() -> None:
    found = events(THOUGHT)
    assert names(found)[2:5] == ["output_item.added", "output_item.done", "output_item.added"]
    assert found[-1]["response"]["output"][0]["summary"] == []
    assert found[-1]["response"]["usage"]["output_tokens"] == 4


def test_thoughts_that_eat_the_maximum_leave_an_incomplete_response() -> None:
    found = events(Answer([], "length", 12, 0, ["So"]), **SHOWN)
    assert names(found)[-2:] == ["output_item.done", "incomplete"]
    assert found[-1]["response"]["incomplete_details"] == {"reason": "max_output_tokens"}
    assert [item["type"] for item in found[-1]["response"]["output"]] == ["reasoning"]


def test_a_call_of_a_tool_is_an_item_of_its_own() -> None:
    found = events(CALLED)
    assert names(found)[2:] == [
        *("output_item.added", "function_call_arguments.delta", "function_call_arguments.delta"),
        *("function_call_arguments.done", "output_item.done", "completed"),
    ]
    assert found[2]["item"]["arguments"] == ""
    assert found[5]["arguments"] == found[-1]["response"]["output"][0]["arguments"] == '{"city":"Ulm"}'


def test_a_refusal_is_a_part_of_a_message() -> None:
    found = events(Answer(["No."], "stop", 1, 0, [], "refusal"))
    assert names(found)[3:6] == ["content_part.added", "refusal.delta", "refusal.done"]
    assert found[3]["part"] == {"type": "refusal", "refusal": ""}
    assert found[-1]["response"]["output"][0]["content"] == [{"type": "refusal", "refusal": "No."}]


def test_a_failure_is_a_failed_response() -> None:
    writer = responses.events(Reply(responses.parse(request(stream=True)), ANSWER, 7))
    [event] = writer.failure(1, "broken")
    failed = json.loads(event.split(b"data: ")[1])["response"]
    assert (failed["status"], failed["error"]["message"]) == ("failed", "broken")
