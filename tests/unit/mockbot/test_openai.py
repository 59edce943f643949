"""The OpenAI dialect."""

import json
from typing import Any

import pytest

from krawall.mockbot import openai
from krawall.mockbot.behaviour import Usage
from krawall.mockbot.bot import Answer
from krawall.mockbot.dialect import BadRequest, Reply
from krawall.mockbot.personas import Message

ANSWER = Answer(["Hello", " there", ' "you"'], "stop", 12, 4)
USAGE = {
    "prompt_tokens": 12,
    "completion_tokens": 3,
    "total_tokens": 15,
    "prompt_tokens_details": {"cached_tokens": 4},
    "completion_tokens_details": {"reasoning_tokens": 0},
}


def request(**fields: Any) -> bytes:
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}]} | fields).encode()


def events(usage: Usage = "end", **fields: Any) -> list[Any]:
    """Write a whole stream and read it again."""
    writer = openai.events(Reply(openai.parse(request(stream=True, **fields)), ANSWER, 7, usage))
    raw = [writer.opening(100), *(writer.token(index, 101 + index) for index in range(3)), *writer.ending(200)]
    assert all(event.startswith(b"data: ") and event.endswith(b"\n\n") for event in raw)
    assert raw.pop() == b"data: [DONE]\n\n"
    return [json.loads(event[6:]) for event in raw]


def test_content_may_be_text_parts_or_missing() -> None:
    parts = [
        {"type": "text", "text": "a "},
        {"type": "image_url", "image_url": {"url": "x"}},
        {"type": "text", "text": "b"},
    ]
    call = openai.parse(
        request(
            messages=[
                {"role": "system", "content": parts},
                {"role": "assistant", "content": None},
                {"role": "user", "content": "c"},
            ]
        )
    )
    assert call.ask.messages == [Message("system", "a b"), Message("assistant", ""), Message("user", "c")]


def test_the_newer_name_of_the_maximum_wins() -> None:
    assert openai.parse(request(max_tokens=5)).ask.max_tokens == 5
    assert openai.parse(request(max_tokens=5, max_completion_tokens=9)).ask.max_tokens == 9


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "truncated"),
        (b"\xff", "malformed"),
        (b"{}", "messages"),
        (request(messages=[]), "messages must not be empty"),
        (request(messages=[{"content": "x"}]), "role"),
        (request(max_tokens=0), "max_tokens"),
        (request(stream="yes"), "stream"),
    ],
)
def test_a_bad_request_is_refused_with_the_field(body: bytes, message: str) -> None:
    with pytest.raises(BadRequest, match=message):
        openai.parse(body)


def test_structured_output_is_read_from_the_response_format() -> None:
    schema = {"properties": {"city": {"type": "string"}, "n": {"type": "integer"}, "any": {}}}
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    assert openai.parse(request(response_format=wanted)).ask.json_fields == {
        "city": "string",
        "n": "integer",
        "any": "string",
    }
    assert openai.parse(request(response_format={"type": "json_object"})).ask.json_fields == {}
    assert openai.parse(request(response_format={"type": "text"})).ask.json_fields is None


def test_a_whole_reply_has_text_finish_reason_and_usage() -> None:
    body = json.loads(openai.whole(Reply(openai.parse(request()), ANSWER, 7)))
    assert body["choices"][0]["message"]["content"] == 'Hello there "you"'
    assert body["choices"][0]["finish_reason"] == "stop"
    assert (body["id"], body["model"], body["usage"]) == ("chatcmpl-7", "m", USAGE)


def test_a_stream_is_role_tokens_finish_and_usage_each_with_its_time() -> None:
    role, *tokens, finish, usage = events()
    assert role["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert [token["choices"][0]["delta"] for token in tokens] == [{"content": piece} for piece in ANSWER.pieces]
    assert [token["choices"][0]["finish_reason"] for token in tokens] == [None] * 3
    assert (finish["choices"][0]["delta"], finish["choices"][0]["finish_reason"]) == ({}, "stop")
    assert (usage["choices"], usage["usage"]) == ([], USAGE)
    assert [event["ts"] for event in (role, *tokens, finish, usage)] == [100, 101, 102, 103, 200, 200]


def test_usage_none_leaves_it_to_the_request() -> None:
    assert all("usage" not in event for event in events("none"))
    assert events("none", stream_options={"include_usage": True})[-1]["usage"] == USAGE


def test_usage_every_puts_running_totals_on_every_chunk() -> None:
    chunks = events("every")
    assert [chunk["usage"]["completion_tokens"] for chunk in chunks] == [0, 1, 2, 3, 3]
    assert chunks[-1]["usage"] == USAGE
    assert events("every", stream_options={"include_usage": True})[-1]["choices"] == []


def test_errors_are_objects_with_type_and_code() -> None:
    assert json.loads(openai.error(429, "slow"))["error"] == {
        "message": "slow",
        "type": "rate_limit_error",
        "param": None,
        "code": "rate_limit_exceeded",
    }
    assert json.loads(openai.error(503, "x"))["error"]["type"] == "server_error"
