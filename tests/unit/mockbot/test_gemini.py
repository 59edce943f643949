"""The Gemini dialect."""

import json
from typing import Any

import pytest

from krawall.mockbot import gemini
from krawall.mockbot.behaviour import Usage
from krawall.mockbot.bot import Answer
from krawall.mockbot.dialect import BadRequest, Reply
from krawall.mockbot.manner import Tool
from krawall.mockbot.personas import Message

ANSWER = Answer(["Hello", " there"], "stop", 12, 4)
THOUGHT = Answer(["Hello"], "stop", 12, 0, ["So", " it", " is."])
CALLED = Answer(['{"city":', '"Ulm"}'], "stop", 12, 0, [], "tool", "weather")
SHOWN = {"generationConfig": {"thinkingConfig": {"includeThoughts": True}}}
STREAM = "/v1beta/models/mock-1:streamGenerateContent"


def request(**fields: Any) -> bytes:
    return json.dumps({"contents": [{"role": "user", "parts": [{"text": "hi"}]}]} | fields).encode()


def dialect(query: str = "alt=sse") -> gemini.Gemini:
    found = gemini.at(STREAM, query)
    assert found is not None
    return found


def stream(answer: Answer, query: str = "alt=sse", usage: Usage = "end", **fields: Any) -> list[Any]:
    """Write a whole stream and read it again."""
    spoken = dialect(query)
    writer = spoken.events(Reply(spoken.parse(request(**fields)), answer, 7, usage))
    raw = writer.early(1) + writer.opening(2)
    raw += b"".join(writer.token(index, 3) for index in range(answer.tokens)) + b"".join(writer.ending(4))
    if "sse" not in query:
        return list(json.loads(raw))
    blocks = raw.decode().removesuffix("\r\n\r\n").split("\r\n\r\n")
    return [json.loads(block.removeprefix("data: ")) for block in blocks]


def parts(chunks: list[Any]) -> list[Any]:
    return [chunk["candidates"][0]["content"]["parts"][0] for chunk in chunks]


@pytest.mark.parametrize(
    ("path", "query", "kind"),
    [
        ("/v1beta/models/mock-1:generateContent", "", b"text/event-stream; charset=utf-8"),
        (STREAM, "key=a&alt=sse", b"text/event-stream; charset=utf-8"),
        (STREAM, "", b"application/json; charset=UTF-8"),
        (
            "/v1/projects/p/locations/l/publishers/google/models/m:generateContent",
            "",
            b"text/event-stream; charset=utf-8",
        ),
    ],
)
def test_path_and_query_say_how_to_answer(path: str, query: str, kind: bytes) -> None:
    found = gemini.at(path, query)
    assert found is not None
    assert kind == found.STREAM
    assert found.parse(request()).stream == ("stream" in path)


@pytest.mark.parametrize("path", ["/v1beta/models", "/v1beta/models/m:countTokens", "/v2/models/m:generateContent"])
def test_other_paths_are_not_its_own(path: str) -> None:
    assert gemini.at(path, "") is None


@pytest.mark.parametrize(
    ("system", "functions"),
    [("systemInstruction", "functionDeclarations"), ("system_instruction", "function_declarations")],
)
def test_contents_are_read_under_both_spellings(system: str, functions: str) -> None:
    body = request(
        contents=[
            {"parts": [{"text": "a "}, {"text": "b"}]},
            {"role": "model", "parts": [{"text": "hm", "thought": True}, {"functionCall": {"name": "x", "args": {}}}]},
            {"role": "user", "parts": [{"functionResponse": {"name": "x", "response": {"n": 1}}}]},
        ],
        tools=[{functions: [{"name": "x", "parameters": {"properties": {"n": {"type": "INTEGER"}}}}]}],
        **{system: {"parts": [{"text": "Be brief."}]}},
    )
    call = dialect().parse(body)
    assert call.ask.messages == [
        Message("system", "Be brief."),
        Message("user", "a b"),
        Message("assistant", ""),
        Message("tool", '{"name":"x","response":{"n":1}}'),
    ]
    assert call.ask.tools == (Tool("x", {"n": "integer"}),)
    assert call.model == "mock-1"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "truncated"),
        (request(contents=[]), "contents is not specified"),
        (request(generationConfig={"maxOutputTokens": 0}), "maxOutputTokens"),
    ],
)
def test_a_bad_request_is_refused_with_the_field(body: bytes, message: str) -> None:
    with pytest.raises(BadRequest, match=message):
        dialect().parse(body)


def test_a_schema_asks_for_json() -> None:
    schema = {"properties": {"n": {"type": "NUMBER"}}}
    config = {"responseMimeType": "application/json", "responseSchema": schema}
    assert dialect().parse(request(generationConfig=config)).ask.json_fields == {"n": "number"}
    assert dialect().parse(request(generationConfig={"responseSchema": schema})).ask.json_fields is None


@pytest.mark.parametrize("query", ["alt=sse", ""])
def test_a_stream_is_chunks_and_a_last_one_with_reason_and_bill(query: str) -> None:
    *tokens, last = stream(ANSWER, query)
    assert parts(tokens) == [{"text": piece} for piece in ANSWER.pieces]
    assert last["candidates"][0]["finishReason"] == "STOP"
    assert last["usageMetadata"] == {
        "promptTokenCount": 12,
        "candidatesTokenCount": 2,
        "totalTokenCount": 14,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 12}],
        "cachedContentTokenCount": 4,
    }
    assert [chunk["ts"] for chunk in (*tokens, last)] == [3, 3, 4]


def test_running_totals_leave_thoughts_out_of_the_candidates() -> None:
    chunks = stream(THOUGHT, usage="every", **SHOWN)
    assert parts(chunks)[:3] == [{"text": piece, "thought": True} for piece in THOUGHT.thoughts]
    counts = [
        (each["usageMetadata"]["candidatesTokenCount"], each["usageMetadata"]["thoughtsTokenCount"]) for each in chunks
    ]
    assert counts == [(0, 1), (0, 2), (0, 3), (1, 3), (1, 3)]
    assert chunks[-1]["usageMetadata"]["totalTokenCount"] == 16


def test_thoughts_are_hidden_where_they_are_not_asked_for() -> None:
    assert parts(stream(THOUGHT)) == [{"text": "Hello"}, {"text": ""}]
    whole = json.loads(dialect().whole(Reply(dialect().parse(request()), THOUGHT, 7)))
    assert whole["candidates"][0]["content"]["parts"] == [{"text": "Hello"}]
    assert whole["usageMetadata"]["thoughtsTokenCount"] == 3


def test_a_function_is_called_in_one_piece() -> None:
    call = {"functionCall": {"name": "weather", "args": {"city": "Ulm"}}}
    assert parts(stream(CALLED)) == [call, {"text": ""}]
    whole = json.loads(dialect().whole(Reply(dialect().parse(request()), CALLED, 7)))
    assert whole["candidates"][0]["content"]["parts"] == [call]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [(Answer(["x"], "length", 1, 0), "MAX_TOKENS"), (Answer(["x"], "stop", 1, 0, [], "refusal"), "SAFETY")],
)
def test_reasons_to_end(answer: Answer, reason: str) -> None:
    assert stream(answer)[-1]["candidates"][0]["finishReason"] == reason


def test_an_error_is_in_an_array_where_the_stream_is_one() -> None:
    body = {"error": {"code": 429, "message": "x", "status": "RESOURCE_EXHAUSTED"}}
    assert json.loads(dialect().error(429, "x")) == body
    assert json.loads(dialect("").error(429, "x")) == [body]
    writer = dialect("").events(Reply(dialect("").parse(request()), ANSWER, 7))
    broken = json.loads(writer.early(1) + writer.token(0, 2) + b"".join(writer.failure(3, "x")))
    assert broken[1]["error"]["status"] == "UNAVAILABLE"
