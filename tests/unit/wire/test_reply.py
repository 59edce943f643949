"""What bodies and events say, by mapping; exact counts over random streams."""

from __future__ import annotations

import contextlib
import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from krawall.model.exchange import Usage
from krawall.model.target import ReplyMapping, UsagePaths
from krawall.wire.reply import Found, NotMapped, compile_reply, merge_usage
from krawall.wire.sse import EventParser

CHAT = ReplyMapping(
    text=["choices[0].delta.content", "choices[0].message.content"],
    reasoning=["choices[0].delta.reasoning_content", "choices[0].message.reasoning_content"],
    tools=["choices[0].delta.tool_calls", "choices[0].message.tool_calls"],
    finish="choices[0].finish_reason",
    error="error",
    conversation_id="conversation",
    usage=UsagePaths(
        input="usage.prompt_tokens",
        output="usage.completion_tokens",
        cached="usage.prompt_tokens_details.cached_tokens",
        reasoning="usage.completion_tokens_details.reasoning_tokens",
    ),
    done="[DONE]",
)


def body(**changes: object) -> bytes:
    message = {"role": "assistant", "content": "Hello."}
    whole = {
        "id": "c1",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "model": "m",
        **changes,
    }
    return json.dumps(whole).encode()


def choice(**message: object) -> bytes:
    return body(choices=[{"message": message}])


def test_a_whole_reply() -> None:
    usage = {
        "prompt_tokens": 7,
        "completion_tokens": 3.0,
        "prompt_tokens_details": {"cached_tokens": 2},
        "completion_tokens_details": None,
    }
    found = compile_reply(CHAT).read(body(usage=usage, conversation=12))
    assert found == Found("Hello.", None, False, "stop", None, "12", Usage(7, 3, cached=2))


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b'{"choices":[{"delta":{"role":"assistant","content":""}}],"usage":null}', Found("")),
        (b'{"choices":[{"delta":{"content":" a"},"finish_reason":null}]}', Found(" a")),
        (b'{"choices":[{"delta":{"reasoning_content":"hm"}}]}', Found(reasoning="hm")),
        (b'{"choices":[{"delta":{"tool_calls":[{"id":"t"}]}}]}', Found(tool=True)),
        (b'{"choices":[{"delta":{"tool_calls":[]},"finish_reason":""}]}', Found()),
        (b'{"choices":[{"delta":{},"finish_reason":"length"}]}', Found(finish="length")),
        (b'{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}', Found(usage=Usage(1, 2))),
        (b'{"choices":[{"delta":"odd"}],"error":{"message":"busy","code":1}}', Found(error="busy")),
        (b'{"error":"busy"}', Found(error="busy")),
        (b'{"error":{"code":5}}', Found(error='{"code":5}')),
        (b'{"error":{"error":{"message":"deep"}}}', Found(error="deep")),
        (b'{"error":false,"choices":{"delta":1}}', Found()),
        (b'{"usage":{"prompt_tokens":"7","completion_tokens":-1}}', Found()),
        (b'{"usage":{"prompt_tokens":1.5,"completion_tokens":1e300}}', Found()),
        (b'{"usage":{"prompt_tokens":true,"completion_tokens":4}}', Found(usage=Usage(0, 4))),
        (b'{"usage":[1]}', Found()),
        (b"[]", Found()),
        (b"null", Found()),
        (b"3", Found()),
        (b'{"choices":[{"delta":{"content":7}}]}', Found("7")),
        (b'{"choices":[{"delta":{"content":true}}]}', Found("true")),
        (
            b'{"choices":[{"delta":{"content":[{"type":"text","text":"a"},{"type":"image"},{"text":"b"},"c"]}}]}',
            Found("abc"),
        ),
        (b'{"choices":[{"delta":{"content":{"type":"text","text":"a"}}}]}', Found("a")),
        (b'{"choices":[{"delta":{"content":{"a":1}}}]}', Found('{"a":1}')),
        (b'{"choices":[{"delta":{"content":"\xff\xc3\xa9"}}]}', Found("\ufffdé")),
        (b'{"choices":[{"delta":{"content":"a\\ud83d"}}]}', Found("a\ufffd")),
        (b'{"choices":[{"delta":{"content":"\\ud83d\\ude00"},"logprobs":-Infinity}]}', Found("😀")),
    ],
)
def test_events(data: bytes, found: Found) -> None:
    assert compile_reply(CHAT).event(data) == found


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", r"reply is not JSON: \(empty\)"),
        (b"<html>\x1b[31m" + b"x" * 100, r"reply is not JSON: '<html>\\x1b\[31mx+' \.\.\.$"),
        (b'{"choices": [', "reply is not JSON"),
        (b"[" * 100_000, "reply is not JSON"),
        (
            b'{"id": 1, "answer": "x"}',
            r"nothing at choices\[0\].delta.content or choices\[0\].message.content; the reply has: id, answer",
        ),
        (choice(role="assistant", text="x"), r"; choices\[0\].message has: role, text$"),
        (b'{"choices": []}', "; choices is a list of 0$"),
        (b'{"choices": "soon"}', "; choices is '\"soon\"'$"),
        (b"{}", "; the reply is an empty object$"),
        (b"[]", "; the reply is a list of 0$"),
    ],
)
def test_a_body_that_is_not_mapped_says_what_there_is(data: bytes, words: str) -> None:
    with pytest.raises(NotMapped, match=words):
        compile_reply(CHAT).read(data)


@pytest.mark.parametrize(
    "data",
    [
        choice(content=None),
        choice(tool_calls=[{"id": 1}]),
        b'{"error": {"message": "busy"}}',
        choice(reasoning_content="hm"),
    ],
)
def test_a_reply_without_text_is_a_reply_when_it_says_so(data: bytes) -> None:
    assert compile_reply(CHAT).read(data).text is None


def test_input_counted_apart_from_cached_is_added_up() -> None:
    usage = UsagePaths(
        input=["usage.input_tokens", "message.usage.input_tokens"], output="usage.output_tokens",
        cached="message.usage.cache_read", cache_write="message.usage.cache_write", input_excludes_cached=True,
    )  # fmt: skip
    reader = compile_reply(ReplyMapping(text="delta.text", usage=usage))
    start = reader.event(b'{"message":{"usage":{"input_tokens":10,"cache_read":100,"cache_write":5}}}').usage
    end = reader.event(b'{"usage":{"output_tokens":9}}').usage
    assert start == Usage(115, 0, cached=100, cache_write=5)
    assert end == Usage(0, 9)
    assert merge_usage(start, end) == Usage(115, 9, cached=100, cache_write=5)


def test_formats() -> None:
    assert compile_reply(ReplyMapping(format="text")).read(b"Hi \xff").text == "Hi \ufffd"
    assert compile_reply(ReplyMapping()).read(b"just words").text == "just words"
    assert compile_reply(ReplyMapping(error="error")).read(b'{"a": 1}').text == '{"a": 1}'
    lines = compile_reply(
        ReplyMapping(format="ndjson", text="message.content", finish=["reason", "done"], usage=UsagePaths(output="n"))
    )
    whole = b'{"message":{"content":"He"},"done":false}\r\n\n{"message":{"content":"llo"}}\n{"done":true,"n":2}'
    assert lines.read(whole) == Found("Hello", finish="true", usage=Usage(0, 2))
    for bad in (b"", b'{"message":{}}\n', b'{"message":{"content":"a"}}\nnot json'):
        with pytest.raises(NotMapped):
            lines.read(bad)


def test_queries_join_their_matches_and_guards_choose() -> None:
    mapping = ReplyMapping(
        text=["delta if type == 'response.text.delta'", "output[?@.type=='message'].content[*].text"],
        reasoning="delta if type == 'response.reasoning.delta'",
        tools="output[?@.type=='call']",
        error="$..message",
    )
    reader = compile_reply(mapping)
    assert reader.event(b'{"type":"response.text.delta","delta":"He"}') == Found("He")
    assert reader.event(b'{"type":"response.reasoning.delta","delta":"hm"}') == Found(reasoning="hm")
    output = [{"type": "call"}, {"type": "message", "content": [{"text": "a"}, {"text": "b"}]}]
    assert reader.read(json.dumps({"output": output}).encode()) == Found("ab", tool=True)
    assert reader.event(b'{"a":[{"message":"first"},{"message":"second"}]}').error == "first"


def test_the_document_and_the_end_of_a_stream() -> None:
    reader = compile_reply(CHAT)
    assert reader.done == b"[DONE]"
    assert reader.document(b'{"a": [1]}') == {"a": [1]}
    assert reader.document(b"no") is None


def test_a_wrong_path_is_refused() -> None:
    with pytest.raises(ValueError, match="'a b' is not a path"):
        compile_reply(ReplyMapping(text="a b"))


junk = st.recursive(st.none() | st.booleans() | st.floats() | st.text(max_size=3), lambda inner: st.lists(inner, max_size=2) | st.dictionaries(
    st.sampled_from(["choices", "delta", "message", "content", "usage", "error", "prompt_tokens", "tool_calls", "text", "type"]), inner, max_size=4
), max_leaves=15)  # fmt: skip


@settings(max_examples=100)
@given(junk.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=30))
def test_no_reply_breaks_the_reader(data: bytes) -> None:
    reader = compile_reply(CHAT)
    for read in (reader.event, reader.read):
        with contextlib.suppress(NotMapped):
            assert isinstance(read(data), Found)


def stream_of(rng: random.Random, count: int) -> tuple[bytes, int, int, Usage]:
    """Return `count` events as bytes, how many carry text, how many letters, and the usage that they end with."""
    parts: list[bytes] = []
    texts = letters = made = 0
    given = rng.randrange(1, 1000)
    for _ in range(count):
        delta: dict[str, object] = {}
        kind = rng.random()
        if kind < 0.8:
            text = rng.choice(["a", " parcel", "é", "😀\n", "\r\n\n", "data: x", '"'])
            delta["content"] = text
            texts, letters, made = texts + 1, letters + len(text), made + 1
        elif kind < 0.9:
            delta["reasoning_content"] = "hm"
        chunk: dict[str, object] = {
            "id": "x",
            "choices": [{"index": 0, "delta": delta, "finish_reason": None}],
            "usage": None,
        }
        if rng.random() < 0.1:
            chunk["usage"] = {"prompt_tokens": given, "completion_tokens": made}
        end = rng.choice([b"\n", b"\n", b"\n", b"\r\n", b"\r"])
        name = b"event: chunk" + end if rng.random() < 0.1 else b""
        comment = b": ping" + end * 2 if rng.random() < 0.05 else b""
        parts.append(comment + name + b"data: " + json.dumps(chunk, ensure_ascii=rng.random() < 0.5).encode() + end * 2)
    last = {"choices": [], "usage": {"prompt_tokens": given, "completion_tokens": made}}
    parts.append(b"data:" + json.dumps(last).encode() + b"\n\ndata: [DONE]\n\n")
    return b"".join(parts), texts, letters, Usage(given, made)


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 2**32))
def test_ten_thousand_events_are_counted_exactly_over_any_split(seed: int) -> None:
    rng = random.Random(seed)
    stream, texts, letters, usage = stream_of(rng, 10_000)
    parser, reader = EventParser(), compile_reply(CHAT)
    at = events = seen_texts = seen_letters = 0
    seen: Usage | None = None
    while at < len(stream):
        size = rng.choice([1, 7, 150, 1400, 16_384])
        for event in parser.feed(stream[at : at + size]):
            events += 1
            if event.data == reader.done:
                continue
            found = reader.event(event.data)
            seen_texts += bool(found.text)
            seen_letters += len(found.text or "")
            seen = merge_usage(seen, found.usage) if found.usage else seen
        at += size
    assert (events, seen_texts, seen_letters, seen) == (10_002, texts, letters, usage)
    assert not parser.pending
