"""The Anthropic Messages dialect."""

import json
from typing import Any

import pytest

from krawall.mockbot import anthropic
from krawall.mockbot.bot import Answer
from krawall.mockbot.dialect import BadRequest, Reply
from krawall.mockbot.manner import Tool
from krawall.mockbot.personas import Message

ANSWER = Answer(["Hello", " there"], "stop", 12, 4)
THOUGHT = Answer(["Hello", " there"], "stop", 12, 4, ["So", " it", " is."])
CALLED = Answer(['{"city":', '"Ulm"}'], "stop", 12, 0, [], "tool", "weather")


def request(**fields: Any) -> bytes:
    body = {"model": "m", "max_tokens": 99, "messages": [{"role": "user", "content": "hi"}]}
    return json.dumps(body | fields).encode()


def events(answer: Answer, **fields: Any) -> list[Any]:
    """Write a whole stream and read it again; each event must be framed under its own type."""
    writer = anthropic.events(Reply(anthropic.parse(request(stream=True, **fields)), answer, 7))
    raw = writer.early(1) + writer.opening(2)
    raw += b"".join(writer.token(index, 3) for index in range(answer.tokens)) + b"".join(writer.ending(4))
    found = []
    for block in raw.decode().removesuffix("\n\n").split("\n\n"):
        name, data = block.split("\n")
        found.append(json.loads(data.removeprefix("data: ")))
        assert name == f"event: {found[-1]['type']}"
    return found


def test_system_blocks_and_results_of_tools_are_read() -> None:
    call = anthropic.parse(
        request(
            system=[{"type": "text", "text": "Be brief."}],
            messages=[
                {"role": "user", "content": [{"type": "text", "text": "a "}, {"type": "text", "text": "b"}]},
                {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "x", "input": {}}]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "42"}]},
            ],
            tools=[{"name": "x", "input_schema": {"type": "object", "properties": {"n": {"type": "integer"}}}}],
        )
    )
    assert call.ask.messages == [
        Message("system", "Be brief."),
        Message("user", "a b"),
        Message("assistant", ""),
        Message("tool", "42"),
    ]
    assert call.ask.tools == (Tool("x", {"n": "integer"}),)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "truncated"),
        (request(messages=[]), "at least one message"),
        (request(messages=[{"role": "system", "content": "x"}]), "unexpected role 'system'"),
        (request(max_tokens=0), "max_tokens"),
        (b'{"model": "m", "messages": []}', "max_tokens"),
    ],
)
def test_a_bad_request_is_refused_with_the_field(body: bytes, message: str) -> None:
    with pytest.raises(BadRequest, match=message):
        anthropic.parse(body)


def test_a_stream_is_message_block_deltas_reason_and_bill() -> None:
    found = events(ANSWER)
    assert [each["type"] for each in found] == [
        "message_start",
        *("content_block_start", "ping", "content_block_delta", "content_block_delta", "content_block_stop"),
        *("message_delta", "message_stop"),
    ]
    assert found[0]["message"]["usage"]["input_tokens"] == 12
    assert found[0]["message"]["content"] == []
    assert [each["delta"] for each in found[3:5]] == [{"type": "text_delta", "text": piece} for piece in ANSWER.pieces]
    assert found[6]["delta"] == {"stop_reason": "end_turn", "stop_sequence": None}
    assert found[6]["usage"]["output_tokens"] == 2
    assert [each["ts"] for each in found] == [1, 3, 3, 3, 3, 4, 4, 4]


def test_thoughts_are_a_signed_block_before_the_reply() -> None:
    found = events(THOUGHT)
    assert [(each["type"], each.get("index")) for each in found[1:-2]] == [
        ("content_block_start", 0),
        ("ping", None),
        *[("content_block_delta", 0)] * 4,
        ("content_block_stop", 0),
        ("content_block_start", 1),
        *[("content_block_delta", 1)] * 2,
        ("content_block_stop", 1),
    ]
    assert "".join(each["delta"].get("thinking", "") for each in found if "index" in each and "delta" in each) == (
        "So it is."
    )
    assert found[6]["delta"]["type"] == "signature_delta"
    assert found[-2]["usage"]["output_tokens"] == 5


def test_thoughts_that_are_not_to_be_seen_are_billed_all_the_same() -> None:
    found = events(THOUGHT, thinking={"type": "disabled"})
    assert {each.get("index") for each in found} == {None, 0}
    assert found[-2]["usage"]["output_tokens"] == 5
    [block] = json.loads(anthropic.whole(Reply(anthropic.parse(request(thinking={"type": "disabled"})), THOUGHT, 7)))[
        "content"
    ]
    assert block == {"type": "text", "text": "Hello there"}


def test_thoughts_that_eat_the_maximum_leave_no_reply() -> None:
    found = events(Answer([], "length", 12, 0, ["So"]))
    assert [each["type"] for each in found[-4:]] == [
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert found[-2]["delta"]["stop_reason"] == "max_tokens"


def test_a_call_of_a_tool_is_a_block_of_partial_json() -> None:
    found = events(CALLED)
    assert found[1]["content_block"] == {"type": "tool_use", "id": "toolu_7", "name": "weather", "input": {}}
    assert "".join(each["delta"]["partial_json"] for each in found[3:5]) == '{"city":"Ulm"}'
    assert found[-2]["delta"]["stop_reason"] == "tool_use"
    [block] = json.loads(anthropic.whole(Reply(anthropic.parse(request()), CALLED, 7)))["content"]
    assert block["input"] == {"city": "Ulm"}


def test_the_cache_serves_those_who_ask_for_it() -> None:
    def usage(**fields: Any) -> Any:
        return json.loads(anthropic.whole(Reply(anthropic.parse(request(**fields)), ANSWER, 7)))["usage"]

    assert (usage()["input_tokens"], usage()["cache_read_input_tokens"]) == (12, 0)
    cached = usage(system=[{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}])
    assert (cached["input_tokens"], cached["cache_read_input_tokens"]) == (8, 4)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, "invalid_request_error"), (401, "authentication_error"), (429, "rate_limit_error"), (500, "api_error")],
)
def test_errors_are_objects_with_a_type(status: int, kind: str) -> None:
    assert json.loads(anthropic.error(status, "x")) == {"type": "error", "error": {"type": kind, "message": "x"}}
