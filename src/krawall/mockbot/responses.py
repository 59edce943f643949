"""The OpenAI Responses dialect: requests, whole responses; what a stream says in which order is in `responses_events`.

Fields follow the public API reference of `POST /v1/responses`. The server holds the history: a request that names a
`previous_response_id` goes on where that response ended, also twice; `store: false` keeps nothing. Instructions are not carried
over. What was thought is shown as a summary where the request asks for one (`reasoning.summary`), and billed in any case.
"""

from __future__ import annotations

from typing import Any

import msgspec

from krawall.mockbot.bot import Answer, Ask
from krawall.mockbot.dialect import EVENT_STREAM, BadRequest, Call, Reply
from krawall.mockbot.manner import Tool, kinds
from krawall.mockbot.openai import CREATED, error
from krawall.mockbot.personas import Message
from krawall.mockbot.responses_events import Writer
from krawall.mockbot.responses_items import function_call, message, reasoning

__all__ = ["KEYS", "NEEDS", "PATH", "STREAM", "error", "events", "parse", "whole"]

PATH = "/v1/responses"
STREAM = EVENT_STREAM
NEEDS: tuple[bytes, ...] = ()
KEYS: tuple[bytes, ...] = (b"api-key",)
_encode = msgspec.json.Encoder().encode


class _Part(msgspec.Struct):
    type: str = "input_text"
    text: str = ""
    refusal: str = ""


class _Item(msgspec.Struct):
    type: str = "message"
    role: str = ""
    content: str | list[_Part] | None = None
    output: str | list[_Part] = ""


class _Tool(msgspec.Struct):
    type: str = "function"
    name: str = ""
    parameters: dict[str, Any] | None = None


class _Reasoning(msgspec.Struct):
    summary: str | None = None


class _Format(msgspec.Struct):
    type: str = "text"
    schema: dict[str, Any] = {}


class _Text(msgspec.Struct):
    format: _Format | None = None


class _Request(msgspec.Struct):
    input: str | list[_Item]
    model: str = "mock"
    instructions: str | None = None
    previous_response_id: str | None = None
    stream: bool | None = False
    store: bool | None = True
    max_output_tokens: int | None = None
    tools: list[_Tool] = []
    reasoning: _Reasoning | None = None
    text: _Text | None = None


_decode = msgspec.json.Decoder(_Request).decode


def parse(body: bytes) -> Call:
    """Read a request. Raises BadRequest."""
    try:
        request = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise BadRequest(str(problem)) from None
    cap = request.max_output_tokens
    if cap is not None and cap < 1:
        raise BadRequest("max_output_tokens must be at least 1")
    messages = [Message("user", request.input)] if isinstance(request.input, str) else _messages(request.input)
    if not messages:
        raise BadRequest("input must not be empty")
    tools = tuple(Tool(each.name, kinds(each.parameters)) for each in request.tools if each.type == "function")
    return Call(
        Ask(messages, cap, _fields(request.text), tools),
        model=request.model,
        stream=bool(request.stream),
        conversation=request.previous_response_id or "",
        chained=True,
        follows=request.previous_response_id or "",
        store=request.store is not False,
        instructions=request.instructions or "",
        shows_thoughts=request.reasoning is not None and bool(request.reasoning.summary),
    )


def whole(reply: Reply) -> bytes:
    """Return the body of a response."""
    answer = reply.answer
    output = [reasoning(reply, shown=reply.call.shows_thoughts)] if answer.thoughts else []
    if answer.pieces:
        status = "completed" if answer.finish == "stop" else "incomplete"
        output.append(function_call(reply, status) if answer.kind == "tool" else message(reply, status))
    return _encode(_finished(reply, output, _usage(answer)))


def events(reply: Reply) -> Writer:
    """Return the writer of a stream of response events."""
    usage = None if reply.usage == "none" else _usage(reply.answer)
    return Writer(reply, _response(reply), lambda output: _finished(reply, output, usage))


def _finished(reply: Reply, output: list[dict[str, Any]], usage: dict[str, Any] | None) -> dict[str, Any]:
    done: dict[str, Any] = {"status": "completed", "output": output, "usage": usage}
    if reply.answer.finish == "length":
        done |= {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
    return _response(reply) | done


def _response(reply: Reply) -> dict[str, Any]:
    """Return a response that has just begun."""
    call = reply.call
    return {
        "id": call.conversation,
        "object": "response",
        "created_at": CREATED,
        "status": "in_progress",
        "error": None,
        "incomplete_details": None,
        "instructions": call.instructions or None,
        "max_output_tokens": call.ask.max_tokens,
        "metadata": {},
        "model": call.model,
        "output": [],
        "parallel_tool_calls": True,
        "previous_response_id": call.follows or None,
        "reasoning": {"effort": None, "summary": "auto" if call.shows_thoughts else None},
        "store": call.store,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": None,
    }


def _usage(answer: Answer) -> dict[str, Any]:
    return {
        "input_tokens": answer.prompt_tokens,
        "input_tokens_details": {"cached_tokens": answer.cached_tokens},
        "output_tokens": answer.tokens,
        "output_tokens_details": {"reasoning_tokens": len(answer.thoughts)},
        "total_tokens": answer.prompt_tokens + answer.tokens,
    }


def _messages(items: list[_Item]) -> list[Message]:
    """Read messages and results of tools; calls, thoughts and references say nothing that was not said."""
    messages = []
    for item in items:
        if item.type == "function_call_output":
            messages.append(Message("tool", _said(item.output)))
        elif item.type == "message":
            if not item.role:
                raise BadRequest("input: a message needs a role")
            messages.append(Message("system" if item.role == "developer" else item.role, _said(item.content)))
    return messages


def _said(content: str | list[_Part] | None) -> str:
    if isinstance(content, str):
        return content
    return "".join(part.text or part.refusal for part in content or ())


def _fields(wanted: _Text | None) -> dict[str, str] | None:
    if wanted is None or wanted.format is None or wanted.format.type == "text":
        return None
    return kinds(wanted.format.schema)
