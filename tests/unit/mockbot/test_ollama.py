"""The Ollama dialect."""

import json
from typing import Any

import pytest

from krawall.mockbot import ollama
from krawall.mockbot.bot import Answer
from krawall.mockbot.dialect import BadRequest, Reply
from krawall.mockbot.manner import Tool
from krawall.mockbot.personas import Message

ANSWER = Answer(["Hello", " there"], "stop", 12, 4)
THOUGHT = Answer(["Hello"], "stop", 12, 4, ["So", " it", " is."])
CALLED = Answer(['{"city":', '"Ulm"}'], "stop", 12, 0, [], "tool", "weather")


def request(**fields: Any) -> bytes:
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}]} | fields).encode()


def lines(answer: Answer, **fields: Any) -> list[Any]:
    """Write a whole stream and read it again."""
    writer = ollama.events(Reply(ollama.parse(request(**fields)), answer, 7))
    raw = writer.early(10) + writer.opening(30)
    raw += b"".join(writer.token(index, 40) for index in range(answer.tokens)) + b"".join(writer.ending(100))
    return [json.loads(line) for line in raw.splitlines()]


def whole(answer: Answer, **fields: Any) -> Any:
    return json.loads(ollama.whole(Reply(ollama.parse(request(**fields)), answer, 7)))


def test_streaming_is_the_default_and_options_are_read() -> None:
    assert ollama.parse(request()).stream
    assert not ollama.parse(request(stream=False)).stream
    assert ollama.parse(request(options={"num_predict": 5})).ask.max_tokens == 5
    assert ollama.parse(request(options={"num_predict": -1})).ask.max_tokens is None
    assert ollama.parse(request(format="json")).ask.json_fields == {}
    assert ollama.parse(request(format={"properties": {"n": {"type": "integer"}}})).ask.json_fields == {"n": "integer"}


def test_messages_and_tools_are_read() -> None:
    tools = [{"type": "function", "function": {"name": "x", "parameters": {"properties": {"n": {"type": "integer"}}}}}]
    history = [{"role": "user", "content": "a"}, {"role": "tool", "content": "42", "tool_name": "x"}]
    call = ollama.parse(request(messages=history, tools=tools))
    assert call.ask.messages == [Message("user", "a"), Message("tool", "42")]
    assert call.ask.tools == (Tool("x", {"n": "integer"}),)


@pytest.mark.parametrize("body", [b"{", b"{}", request(messages=[]), request(stream="yes")])
def test_a_bad_request_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest):
        ollama.parse(body)


def test_a_stream_is_one_line_a_token_and_a_last_one_with_the_bill() -> None:
    *tokens, last = lines(ANSWER)
    assert [line["message"] for line in tokens] == [{"role": "assistant", "content": piece} for piece in ANSWER.pieces]
    assert [line["done"] for line in tokens] == [False, False]
    assert (last["done"], last["done_reason"], last["message"]["content"]) == (True, "stop", "")
    assert (last["prompt_eval_count"], last["eval_count"]) == (12, 2)
    assert (last["total_duration"], last["prompt_eval_duration"], last["eval_duration"]) == (90, 20, 70)


def test_thoughts_are_shown_unless_the_request_says_no() -> None:
    assert [line["message"].get("thinking") for line in lines(THOUGHT)] == ["So", " it", " is.", None, None]
    assert [line["message"]["content"] for line in lines(THOUGHT, think=False)] == ["Hello", ""]
    assert whole(THOUGHT)["message"] == {"role": "assistant", "content": "Hello", "thinking": "So it is."}
    assert "thinking" not in whole(THOUGHT, think=False)["message"]
    assert whole(THOUGHT)["eval_count"] == 4


def test_a_tool_is_called_in_one_piece() -> None:
    calls = [{"function": {"name": "weather", "arguments": {"city": "Ulm"}}}]
    assert [line["message"].get("tool_calls") for line in lines(CALLED)] == [calls, None]
    assert whole(CALLED)["message"]["tool_calls"] == calls


def test_errors_are_one_text_also_in_a_stream() -> None:
    assert json.loads(ollama.error(404, "x")) == {"error": "x"}
    [line] = ollama.events(Reply(ollama.parse(request()), ANSWER, 7)).failure(1, "x")
    assert line == b'{"error":"x"}\n'
