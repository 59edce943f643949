"""Event sequences and bodies as the providers' public references write them, read by each preset: text, thoughts, tools, usage, ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from krawall.model.exchange import Usage
from krawall.model.target import Target
from krawall.plugins.preset import facts, resolve
from krawall.wire.reply import compile_reply, merge_usage


@dataclass(frozen=True)
class Case:
    name: str
    preset: str
    events: list[Any]
    text: str = ""
    reasoning: str = ""
    tool: bool = False
    finish: str | None = None
    error: str | None = None
    usage: Usage | None = None
    whole: bool = False
    conversation: str | None = field(default=None)

    def __str__(self) -> str:
        return f"{self.preset}: {self.name}"


def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
    return {
        "id": "c",
        "object": "chat.completion.chunk",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        **more,
    }


CHAT = [
    Case(
        "cached tokens and reasoning in the last event", "openai-chat",
        [
            chunk({"role": "assistant", "content": ""}), chunk({"content": "Hi"}), chunk({"content": "!"}), chunk({}, "stop"),
            {"id": "c", "choices": [], "usage": {
                "prompt_tokens": 2006, "completion_tokens": 300, "total_tokens": 2306,
                "prompt_tokens_details": {"cached_tokens": 1920}, "completion_tokens_details": {"reasoning_tokens": 256}}},
        ],
        text="Hi!", finish="stop", usage=Usage(2006, 300, 1920, 0, 256),
    ),
    Case("reasoning beside the text", "openai-chat",
         [chunk({"reasoning_content": "Let me"}), chunk({"reasoning_content": " see."}), chunk({"content": "Yes."}), chunk({}, "stop")],
         text="Yes.", reasoning="Let me see.", finish="stop"),
    Case("a refusal", "openai-chat",
         [chunk({"role": "assistant", "content": None, "refusal": "I'm sorry"}), chunk({"refusal": ", no."}), chunk({}, "stop")],
         text="I'm sorry, no.", finish="stop"),
    Case("a tool call in pieces", "openai-chat",
         [
             chunk({"role": "assistant", "content": None, "tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": {"name": "where", "arguments": ""}}]}),
             chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"city":'}}]}),
             chunk({"tool_calls": [{"index": 0, "function": {"arguments": '"Lyon"}'}}]}), chunk({}, "tool_calls"),
         ],
         tool=True, finish="tool_calls"),
    Case("cut by its length", "openai-chat", [chunk({"content": "And so"}), chunk({}, "length")], text="And so", finish="length"),
    Case("an error in mid-stream", "openai-chat",
         [chunk({"content": "And"}), {"error": {"message": "The server had an error", "type": "server_error", "code": None}}],
         text="And", error="The server had an error"),
    Case("a content filter", "azure-openai", [chunk({"content": "No"}), chunk({}, "content_filter")], text="No", finish="content_filter"),
    Case("the first event of a filter's results has no choices", "azure-openai",
         [{"choices": [], "prompt_filter_results": [{"prompt_index": 0}]}, chunk({"content": "Yes"}), chunk({}, "stop")], text="Yes", finish="stop"),
]  # fmt: skip


def message_start(**usage: int) -> dict[str, Any]:
    return {
        "type": "message_start",
        "message": {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "content": [],
            "stop_reason": None,
            "usage": usage,
        },
    }


def block(index: int, kind: str, **delta: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **delta}}


def message_delta(reason: str, **usage: int) -> dict[str, Any]:
    return {"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": None}, "usage": usage}


MESSAGES = [
    Case("text with cached input", "anthropic",
         [
             message_start(input_tokens=25, cache_creation_input_tokens=10, cache_read_input_tokens=2000, output_tokens=1),
             {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}, {"type": "ping"},
             block(0, "text_delta", text="Hello"), block(0, "text_delta", text="!"), {"type": "content_block_stop", "index": 0},
             message_delta("end_turn", output_tokens=15), {"type": "message_stop"},
         ],
         text="Hello!", finish="end_turn", usage=Usage(2035, 15, 2000, 10, 0)),
    Case("thinking, then text", "anthropic",
         [
             message_start(input_tokens=30, output_tokens=1),
             {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
             block(0, "thinking_delta", thinking="First"), block(0, "thinking_delta", thinking=", sums."), block(0, "signature_delta", signature="EqQBCg"),
             {"type": "content_block_stop", "index": 0}, {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
             block(1, "text_delta", text="27"), message_delta("end_turn", output_tokens=90), {"type": "message_stop"},
         ],
         text="27", reasoning="First, sums.", finish="end_turn", usage=Usage(30, 90)),
    Case("text and a tool", "anthropic",
         [
             message_start(input_tokens=472, output_tokens=2), block(0, "text_delta", text="I look."),
             {"type": "content_block_start", "index": 1, "content_block": {"type": "tool_use", "id": "toolu_1", "name": "where", "input": {}}},
             block(1, "input_json_delta", partial_json=""), block(1, "input_json_delta", partial_json='{"city": "Lyon"}'),
             message_delta("tool_use", output_tokens=89), {"type": "message_stop"},
         ],
         text="I look.", tool=True, finish="tool_use", usage=Usage(472, 89)),
    Case("cut by its length", "anthropic", [message_start(input_tokens=9, output_tokens=1), block(0, "text_delta", text="And so"), message_delta("max_tokens", output_tokens=16)],
         text="And so", finish="max_tokens", usage=Usage(9, 16)),
    Case("a refusal", "anthropic", [message_start(input_tokens=9, output_tokens=1), block(0, "text_delta", text="No."), message_delta("refusal", output_tokens=4)],
         text="No.", finish="refusal", usage=Usage(9, 4)),
    Case("overloaded in mid-stream", "anthropic",
         [message_start(input_tokens=9, output_tokens=1), block(0, "text_delta", text="And"), {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}],
         text="And", error="Overloaded", usage=Usage(9, 1)),
    Case("a whole reply with thinking and a tool", "anthropic",
         [{"id": "msg_1", "type": "message", "role": "assistant", "content": [
             {"type": "thinking", "thinking": "Hm.", "signature": "x"}, {"type": "text", "text": "I look."}, {"type": "tool_use", "id": "t", "name": "where", "input": {}}],
           "stop_reason": "tool_use", "usage": {"input_tokens": 10, "cache_read_input_tokens": 5, "cache_creation_input_tokens": 0, "output_tokens": 20}}],
         text="I look.", reasoning="Hm.", tool=True, finish="tool_use", usage=Usage(15, 20, 5), whole=True),
]  # fmt: skip


def response(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": f"response.{kind}", "sequence_number": 1, **fields}


USAGE = {
    "input_tokens": 75,
    "input_tokens_details": {"cached_tokens": 32},
    "output_tokens": 1186,
    "output_tokens_details": {"reasoning_tokens": 1024},
    "total_tokens": 1261,
}
BEGUN = [response("created", response={"id": "resp_1", "status": "in_progress", "error": None, "usage": None})]

RESPONSES = [
    Case("reasoning summary, then text", "openai-responses",
         [
             *BEGUN, response("output_item.added", output_index=0, item={"type": "reasoning", "id": "rs_1", "summary": []}),
             response("reasoning_summary_text.delta", item_id="rs_1", output_index=0, summary_index=0, delta="Thinking"),
             response("reasoning_summary_text.done", item_id="rs_1", output_index=0, summary_index=0, text="Thinking"),
             response("output_text.delta", item_id="msg_1", output_index=1, content_index=0, delta="Hi"),
             response("output_text.done", item_id="msg_1", output_index=1, content_index=0, text="Hi"),
             response("completed", response={"id": "resp_1", "status": "completed", "error": None, "usage": USAGE}),
         ],
         text="Hi", reasoning="Thinking", finish="completed", usage=Usage(75, 1186, 32, 0, 1024), conversation="resp_1"),
    Case("a refusal", "openai-responses",
         [*BEGUN, response("refusal.delta", item_id="m", output_index=0, content_index=0, delta="I can"), response("refusal.delta", item_id="m", output_index=0, content_index=0, delta="not."),
          response("completed", response={"id": "resp_1", "status": "completed", "error": None, "usage": USAGE})],
         text="I cannot.", finish="completed", usage=Usage(75, 1186, 32, 0, 1024), conversation="resp_1"),
    Case("a function call", "openai-responses",
         [*BEGUN, response("output_item.added", output_index=0, item={"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "where", "arguments": ""}),
          response("function_call_arguments.delta", item_id="fc_1", output_index=0, delta='{"city'), response("function_call_arguments.done", item_id="fc_1", output_index=0, arguments="{}"),
          response("completed", response={"id": "resp_1", "status": "completed", "error": None, "usage": USAGE})],
         tool=True, finish="completed", usage=Usage(75, 1186, 32, 0, 1024), conversation="resp_1"),
    Case("cut by its length", "openai-responses",
         [*BEGUN, response("output_text.delta", item_id="m", output_index=0, content_index=0, delta="And so"),
          response("incomplete", response={"id": "resp_1", "status": "incomplete", "error": None, "incomplete_details": {"reason": "max_output_tokens"}, "usage": USAGE})],
         text="And so", finish="max_output_tokens", usage=Usage(75, 1186, 32, 0, 1024), conversation="resp_1"),
    Case("failed in mid-stream", "openai-responses",
         [*BEGUN, response("output_text.delta", item_id="m", output_index=0, content_index=0, delta="And"),
          response("failed", response={"id": "resp_1", "status": "failed", "error": {"code": "server_error", "message": "The model failed"}, "usage": None})],
         text="And", error="The model failed", conversation="resp_1"),
    Case("an error event", "openai-responses", [{"type": "error", "code": "ERR", "message": "Something went wrong", "param": None, "sequence_number": 1}], error="Something went wrong"),
    Case("an error of a gateway", "openai-responses", [{"type": "error", "error": {"type": "server_error", "message": "Upstream failed"}}], error="Upstream failed"),
]  # fmt: skip


def candidate(*parts: dict[str, Any], finish: str | None = None, **usage: int) -> dict[str, Any]:
    made: dict[str, Any] = {"candidates": [{"content": {"role": "model", "parts": list(parts)}, "index": 0}]}
    if finish:
        made["candidates"][0]["finishReason"] = finish
    return {**made, **({"usageMetadata": usage} if usage else {})}


GEMINI = [
    Case("thoughts, then text, tokens beside each other", "gemini",
         [
             candidate({"text": "Let me think.", "thought": True}, promptTokenCount=10, thoughtsTokenCount=40, totalTokenCount=50),
             candidate({"text": "Four"}, promptTokenCount=10, candidatesTokenCount=2, thoughtsTokenCount=40, totalTokenCount=52),
             candidate({"text": "."}, finish="STOP", promptTokenCount=10, candidatesTokenCount=3, thoughtsTokenCount=40, totalTokenCount=53),
         ],
         text="Four.", reasoning="Let me think.", finish="STOP", usage=Usage(10, 43, 0, 0, 40)),
    Case("cached input", "gemini", [candidate({"text": "Yes"}, finish="STOP", promptTokenCount=696_219, cachedContentTokenCount=696_190, candidatesTokenCount=214, totalTokenCount=696_433)],
         text="Yes", finish="STOP", usage=Usage(696_219, 214, 696_190)),
    Case("a function call", "gemini", [candidate({"functionCall": {"name": "where", "args": {"city": "Lyon"}}}, finish="STOP", promptTokenCount=5, candidatesTokenCount=7)],
         tool=True, finish="STOP", usage=Usage(5, 7)),
    Case("cut by its length", "gemini", [candidate({"text": "And so"}, finish="MAX_TOKENS", promptTokenCount=5, candidatesTokenCount=16)], text="And so", finish="MAX_TOKENS", usage=Usage(5, 16)),
    Case("stopped for safety", "gemini", [{"candidates": [{"finishReason": "SAFETY", "index": 0}], "usageMetadata": {"promptTokenCount": 5}}], finish="SAFETY", usage=Usage(5, 0)),
    Case("a blocked prompt", "gemini", [{"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": {"promptTokenCount": 5}}], error="PROHIBITED_CONTENT", usage=Usage(5, 0)),
    Case("an error in mid-stream", "gemini", [candidate({"text": "And"}), {"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}], text="And", error="The model is overloaded."),
]  # fmt: skip


def line(content: str = "", done: bool = False, **more: Any) -> dict[str, Any]:
    return {
        "model": "llama3.2",
        "created_at": "2025-01-01T00:00:00Z",
        "message": {"role": "assistant", "content": content, **more.pop("message", {})},
        "done": done,
        **more,
    }


OLLAMA = [
    Case("text with its counts", "ollama", [line("The"), line(" sky"), line(done=True, done_reason="stop", prompt_eval_count=26, eval_count=282, total_duration=4883583458)],
         text="The sky", finish="stop", usage=Usage(26, 282)),
    Case("thinking", "ollama", [line(message={"thinking": "Well"}), line("Yes"), line(done=True, done_reason="stop", prompt_eval_count=3, eval_count=9)], text="Yes", reasoning="Well", finish="stop", usage=Usage(3, 9)),
    Case("a tool call", "ollama", [line(message={"tool_calls": [{"function": {"name": "where", "arguments": {}}}]}), line(done=True, done_reason="stop", prompt_eval_count=3, eval_count=9)],
         tool=True, finish="stop", usage=Usage(3, 9)),
    Case("cut by its length", "ollama", [line("And"), line(done=True, done_reason="length", prompt_eval_count=3, eval_count=1)], text="And", finish="length", usage=Usage(3, 1)),
    Case("an error in mid-stream", "ollama", [line("And"), {"error": "an error was encountered while running the model"}], text="And", error="an error was encountered while running the model"),
]  # fmt: skip

VLLM = [
    Case("running totals on every event", "vllm",
         [chunk({"role": "assistant", "content": ""}, usage={"prompt_tokens": 12, "completion_tokens": 0}), chunk({"reasoning": "Hm"}, usage={"prompt_tokens": 12, "completion_tokens": 1}),
          chunk({"content": "Yes"}, usage={"prompt_tokens": 12, "completion_tokens": 2}), chunk({}, "stop", usage={"prompt_tokens": 12, "completion_tokens": 3})],
         text="Yes", reasoning="Hm", finish="stop", usage=Usage(12, 3)),
]  # fmt: skip


@pytest.mark.parametrize("case", [*CHAT, *MESSAGES, *RESPONSES, *GEMINI, *OLLAMA, *VLLM], ids=str)
def test_a_recorded_sequence_is_read(case):
    asked = {each.name: each.example for each in facts(case.preset).fields if each.default is None and not each.secret}
    target = resolve(Target(preset=case.preset, fields=asked, stream=not case.whole))
    reader = compile_reply(target.reply)
    texts, thoughts, tool = [], [], False
    finish = error = conversation = None
    usage: Usage | None = None
    for event in case.events:
        found = (reader.read if case.whole else reader.event)(msgspec.json.encode(event))
        texts.append(found.text or "")
        thoughts.append(found.reasoning or "")
        tool = tool or found.tool
        finish, error = found.finish or finish, found.error or error
        conversation = found.conversation_id or conversation
        usage = merge_usage(usage, found.usage) if found.usage else usage
    assert ("".join(texts), "".join(thoughts), tool) == (case.text, case.reasoning, case.tool)
    assert (finish, error) == (case.finish, case.error)
    assert usage == case.usage
    assert conversation == case.conversation
