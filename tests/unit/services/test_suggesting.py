"""Paths suggested for a reply nobody has mapped yet: on bodies of real dialects, in any order and among other fields."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from krawall.model.target import ReplyMapping, UsagePaths
from krawall.services.leaves import leaves, see
from krawall.services.suggesting import suggest
from krawall.wire.paths import parse_path
from krawall.wire.reply import compile_reply

NOISE: dict[str, Any] = {
    "id": "chatcmpl-9f2c1d7be0a14c61",
    "request_id": "req_0123456789abcdef",
    "model": "some-large-model-2025-01-01",
    "created_at": "2025-03-01T12:00:00Z",
    "version": "1.2.3",
    "trace": {"trace_id": "4bf92f3577b34da6a3ce929d0e0e4736", "region": "eu-west-1"},
    "debug": {"text": "matched the rule book on page four and then went on to answer as it says there"},
    "latency": 0.31,
    "flags": [True, False],
}

# Whole bodies as the providers document them; TEXT stands where the answer is.
TEXT = "\0"
BODIES: dict[str, tuple[dict[str, Any], tuple[int, int]]] = {
    "chat": (
        {
            "object": "chat.completion",
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": TEXT, "refusal": None, "annotations": []},
                    "logprobs": None,
                    "finish_reason": "stop",
                }
            ],
            "usage": {
                "prompt_tokens": 19,
                "completion_tokens": 10,
                "total_tokens": 29,
                "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
                "completion_tokens_details": {"reasoning_tokens": 0, "accepted_prediction_tokens": 0},
            },
        },
        (19, 10),
    ),
    "responses": (
        {
            "object": "response",
            "status": "completed",
            "error": None,
            "instructions": "You are a helpful assistant who answers in long and friendly sentences.",
            "output": [
                {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "I think about it."}]},
                {
                    "type": "message",
                    "id": "msg_67ccd2bf17f0819081ff3bb2cf6508e6",
                    "status": "completed",
                    "role": "assistant",
                    "content": [{"type": "output_text", "text": TEXT, "annotations": []}],
                },
            ],
            "usage": {
                "input_tokens": 36,
                "input_tokens_details": {"cached_tokens": 4},
                "output_tokens": 87,
                "output_tokens_details": {"reasoning_tokens": 12},
                "total_tokens": 123,
            },
        },
        (36, 87),
    ),
    "messages": (
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "thinking", "thinking": "let me see", "signature": "xx"}, {"type": "text", "text": TEXT}],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 12, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 3, "output_tokens": 6},
        },
        (12, 6),
    ),
    "candidates": (
        {
            "candidates": [
                {"content": {"parts": [{"text": TEXT}], "role": "model"}, "finishReason": "STOP", "avgLogprobs": -0.1}
            ],
            "usageMetadata": {"promptTokenCount": 4, "candidatesTokenCount": 11, "totalTokenCount": 15},
            "modelVersion": "m-2.0",
        },
        (4, 11),
    ),
    "local": (
        {
            "message": {"role": "assistant", "content": TEXT},
            "done": True,
            "done_reason": "stop",
            "total_duration": 4935886791,
            "prompt_eval_count": 26,
            "prompt_eval_duration": 342546000,
            "eval_count": 282,
            "eval_duration": 4535599000,
        },
        (26, 282),
    ),
    "own": ({"conversation_id": "c-1", "reply": TEXT, "tokens": {"input": 7, "output": 9}}, (7, 9)),
    "wrapped": (
        {"data": {"session": {"id": "s-17"}, "answer": {"text": TEXT, "language": "en"}}, "status": "ok"},
        (0, 0),
    ),
    "history": (
        {
            "messages": [
                {"role": "user", "content": "a question that is rather long, so that its length cannot decide"},
                {"role": "assistant", "content": TEXT},
            ]
        },
        (0, 0),
    ),
}  # fmt: skip

words = st.lists(
    st.sampled_from(["the", "parcel", "left", "on", "Monday", "and", "we", "are", "sorry"]), min_size=1, max_size=30
)
answers = words.map(" ".join)


def filled(value: Any, text: str) -> Any:
    if isinstance(value, dict):
        return {key: filled(inner, text) for key, inner in value.items()}
    if isinstance(value, list):
        return [filled(inner, text) for inner in value]
    return text if value == TEXT else value


def shuffled(value: Any, rng: random.Random) -> Any:
    """The same document with the keys of every object in another order."""
    if isinstance(value, dict):
        keys = sorted(value, key=lambda _: rng.random())
        return {key: shuffled(value[key], rng) for key in keys}
    return [shuffled(inner, rng) for inner in value] if isinstance(value, list) else value


def first(found: list[Any], part: str) -> str | None:
    return next((each.path for each in found if each.part == part), None)


def mapped(found: list[Any]) -> ReplyMapping:
    """The mapping that the first suggestion of each part makes."""
    usage = {part: first(found, f"usage.{part}") or [] for part in ("input", "output")}
    return ReplyMapping(text=first(found, "text") or [], usage=UsagePaths.model_validate(usage))


@pytest.mark.parametrize("name", BODIES)
@settings(max_examples=40)
@given(text=answers, seed=st.integers(0, 2**32), noise=st.sets(st.sampled_from(sorted(NOISE))))
def test_the_first_suggestions_read_the_answer_and_the_usage_of_a_body(name, text, seed, noise):
    body, (tokens_in, tokens_out) = BODIES[name]
    whole = {**{key: NOISE[key] for key in noise}, **filled(body, text)}
    raw = json.dumps(shuffled(whole, random.Random(seed))).encode()
    found = suggest([raw], said="where is my parcel")
    reply = compile_reply(mapped(found)).read(raw)
    assert reply.text == text
    usage = (reply.usage.tokens_in, reply.usage.tokens_out) if reply.usage else (0, 0)
    assert usage == (tokens_in, tokens_out)


def chat_chunks(tokens: list[str]) -> list[Any]:
    head = {
        "id": "chatcmpl-123",
        "object": "chat.completion.chunk",
        "created": 1694268190,
        "model": "m",
        "system_fingerprint": "fp_44",
    }
    deltas = [{"role": "assistant", "content": ""}, *({"content": token} for token in tokens)]
    chunks = [{**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    return [
        *chunks,
        {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        {**head, "choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 12, "total_tokens": 21}},
    ]


def message_events(tokens: list[str]) -> list[Any]:
    text = {"type": "content_block_delta", "index": 1}
    return [
        {"type": "message_start", "message": {"id": "msg_1", "role": "assistant", "content": [], "usage": {"input_tokens": 25, "output_tokens": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "well, what do they want to know?"}},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
        {"type": "ping"},
        *({**text, "delta": {"type": "text_delta", "text": token}} for token in tokens),
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 15}},
        {"type": "message_stop"},
    ]  # fmt: skip


def response_events(tokens: list[str]) -> list[Any]:
    item = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    whole = "".join(tokens)
    return [
        {"type": "response.created", "response": {"id": "resp_67", "status": "in_progress", "output": []}},
        {"type": "response.reasoning_summary_text.delta", "item_id": "rs_1", "delta": "They ask for a parcel, so I look it up."},
        {"type": "response.output_item.added", "item": {"type": "message", "role": "assistant", "content": []}},
        *({"type": "response.output_text.delta", **item, "delta": token} for token in tokens),
        {"type": "response.output_text.done", **item, "text": whole},
        {
            "type": "response.completed",
            "response": {
                "id": "resp_67",
                "status": "completed",
                "output": [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": whole}]}],
                "usage": {"input_tokens": 37, "output_tokens": 11, "total_tokens": 48},
            },
        },
    ]  # fmt: skip


def simple_events(tokens: list[str]) -> list[Any]:
    return [
        *({"type": "delta", "text": token, "ts": 17 + at} for at, token in enumerate(tokens)),
        {"type": "done", "conversation_id": "c-9", "usage": {"input_tokens": 3, "output_tokens": 4}},
    ]


STREAMS = {
    "chat": (chat_chunks, (9, 12)),
    "messages": (message_events, (25, 15)),
    "responses": (response_events, (37, 11)),
    "simple": (simple_events, (3, 4)),
}
tokens_of = st.lists(
    st.sampled_from([" the", " parcel", " left", " on", " Monday", ".", " sorry"]), min_size=3, max_size=20
)


@pytest.mark.parametrize("shape", ["events", "lines", "messages"])
@pytest.mark.parametrize("name", STREAMS)
@settings(max_examples=30)
@given(tokens=tokens_of, seed=st.integers(0, 2**32))
def test_the_first_suggestions_read_the_answer_and_the_usage_of_a_stream(name, shape, tokens, seed):
    make, (tokens_in, tokens_out) = STREAMS[name]
    rng = random.Random(seed)
    events = [json.dumps(shuffled(event, rng)).encode() for event in make(tokens)]
    if shape == "events":
        pieces = [b"".join(b"event: x\ndata: %b\n\n" % event for event in events) + b"data: [DONE]\n\n"]
    elif shape == "lines":
        pieces = [b"\n".join(events) + b"\n"]
    else:
        pieces = events
    found = suggest(pieces, said="where is my parcel")
    read = compile_reply(mapped(found)).event
    heard = [read(event) for event in events]
    assert "".join(each.text or "" for each in heard) == "".join(tokens)
    usages = [each.usage for each in heard if each.usage]
    assert max(usage.tokens_in for usage in usages) == tokens_in
    assert max(usage.tokens_out for usage in usages) == tokens_out
    assert first(found, "done") == ("[DONE]" if shape == "events" else None)
    assert first(found, "format") == ("ndjson" if shape == "lines" else None)


documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=5),
    max_leaves=20,
)


@given(document=documents)
def test_every_path_that_is_suggested_finds_something(document):
    raw = json.dumps(document).encode()
    for each in suggest([raw], failed=True):
        if each.part not in ("done", "format"):
            assert parse_path(each.path).find(document), each


@given(pieces=st.lists(st.binary(max_size=60), max_size=5))
def test_any_bytes_are_looked_at_without_complaint(pieces):
    suggest(pieces)


@given(document=documents)
def test_every_value_has_a_path_that_leads_to_it(document):
    for leaf in leaves(document):
        assert leaf.value in parse_path(leaf.path).find(document)


def test_the_rest_of_a_reply_is_found_too():
    body = {
        "conversationId": "c-1",
        "choices": [{"message": {"content": "fine", "reasoning_content": "hm"}, "finish_reason": "length"}],
        "usage": {"prompt_tokens": 1, "prompt_tokens_details": {"cached_tokens": 5}, "completion_tokens": 2},
        "completion_tokens_details": {"reasoning_tokens": 3},
    }
    found = suggest([json.dumps(body).encode()])
    assert first(found, "conversation_id") == "conversationId"
    assert first(found, "finish") == "choices[0].finish_reason"
    assert first(found, "reasoning") == "choices[0].message.reasoning_content"
    assert first(found, "usage.cached") == "usage.prompt_tokens_details.cached_tokens"
    assert first(found, "usage.reasoning") == "completion_tokens_details.reasoning_tokens"


def test_errors_are_found_by_name_or_because_the_status_says_so():
    assert first(suggest([b'{"error": {"message": "no such model", "code": 4}}']), "error") == "error.message"
    assert first(suggest([b'{"detail": "not authenticated"}'], failed=True), "error") == "detail"
    assert first(suggest([b'{"detail": "not authenticated"}']), "error") is None


def test_what_was_asked_is_not_the_answer():
    body = b'{"content": "where is my parcel, please?", "answer": "gone"}'
    assert first(suggest([body], said="where is my parcel, please?"), "text") == "answer"


def test_a_text_that_grows_is_no_delta():
    events = [{"partial": {"text": "the parcel"[: 3 * n]}, "delta": "the parcel"[3 * n - 3 : 3 * n]} for n in (1, 2, 3)]
    raw = b"".join(b"data: %b\n\n" % json.dumps(event).encode() for event in events)
    assert first(suggest([raw]), "text") == "delta"


def test_keys_that_are_no_names_are_quoted():
    assert first(suggest([b'{"the reply": {"text": "fine"}}']), "text") == "['the reply'].text"


def test_a_text_without_any_structure_is_the_format_itself():
    assert first(suggest([b"Good morning, what can I do for you?"]), "format") == "text"
    assert suggest([b""]) == []
    assert see([b"data: hello\n\ndata: there\n\n"]).shape == "text"


def test_a_list_of_chunks_is_read_as_one():
    chunks = [{"candidates": [{"content": {"parts": [{"text": text}]}}]} for text in ("Good ", "morning")]
    raw = json.dumps(chunks).encode()
    found = suggest([raw])
    assert compile_reply(mapped(found)).read(raw).text == "Good morning"
