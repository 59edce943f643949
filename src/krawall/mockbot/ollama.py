"""The Ollama dialect of `POST /api/chat`: requests, whole replies, and streams of one JSON object a line (NDJSON).

Fields follow the public API documentation. Streaming is the default. Every line of a stream carries one field more, `ts`: the
monotonic time at which it was sent, ns. Thoughts are `message.thinking`, unless the request says `think: false`; eval_count
counts them. A call of a tool comes in one piece.
"""

from __future__ import annotations

from typing import Any

import msgspec

from krawall.mockbot.bot import Answer, Ask
from krawall.mockbot.dialect import BadRequest, Call, Reply
from krawall.mockbot.manner import Tool, kinds, read_back
from krawall.mockbot.personas import Message

PATH = "/api/chat"
STREAM = b"application/x-ndjson"
NEEDS: tuple[bytes, ...] = ()
KEYS: tuple[bytes, ...] = ()
_CREATED = "2023-11-14T22:13:20Z"
_encode = msgspec.json.Encoder().encode


class _Message(msgspec.Struct):
    role: str
    content: str = ""


class _Options(msgspec.Struct):
    num_predict: int | None = None


class _Function(msgspec.Struct):
    name: str
    parameters: dict[str, Any] | None = None


class _Tool(msgspec.Struct):
    function: _Function


class _Request(msgspec.Struct):
    model: str
    messages: list[_Message]
    stream: bool = True
    format: str | dict[str, Any] | None = None
    options: _Options | None = None
    tools: list[_Tool] = []
    think: bool | str | None = None


_decode = msgspec.json.Decoder(_Request).decode


def parse(body: bytes) -> Call:
    """Read a request; a negative num_predict is no maximum. Raises BadRequest."""
    try:
        request = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise BadRequest(str(problem)) from None
    if not request.messages:
        raise BadRequest("messages must not be empty")
    cap = request.options.num_predict if request.options else None
    wanted = request.format
    fields = None if not wanted else kinds(wanted) if isinstance(wanted, dict) else {}
    tools = tuple(Tool(each.function.name, kinds(each.function.parameters)) for each in request.tools)
    messages = [Message(message.role, message.content) for message in request.messages]
    return Call(
        Ask(messages, cap if cap is not None and cap > 0 else None, fields, tools),
        model=request.model,
        stream=request.stream,
        shows_thoughts=request.think is not False,
    )


def whole(reply: Reply) -> bytes:
    """Return the body of a reply."""
    answer = reply.answer
    thinking = {"thinking": answer.thought} if answer.thoughts and reply.call.shows_thoughts else {}
    said = _called(answer) if answer.kind == "tool" and answer.pieces else {"content": answer.text}
    done = _done(answer) | _usage(answer, 0, 0)
    return _encode(_line(reply, said | thinking) | done)


class _Events:
    """Lines of one stream: one per token, then the reason and the bill."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self._thoughts = len(reply.answer.thoughts)
        self._began = self._first = 0

    def early(self, ts: int) -> bytes:
        self._began = ts
        return b""

    def opening(self, ts: int) -> bytes:
        self._first = ts
        return b""

    def token(self, index: int, ts: int) -> bytes:
        answer, at = self._reply.answer, index - self._thoughts
        if at < 0:
            thinking = {"content": "", "thinking": answer.thoughts[index]}
            return self._event(thinking, index, ts) if self._reply.call.shows_thoughts else b""
        if answer.kind == "tool":
            return self._event(_called(answer), index, ts) if at + 1 == len(answer.pieces) else b""
        return self._event({"content": answer.pieces[at]}, index, ts)

    def ending(self, ts: int) -> list[bytes]:
        answer = self._reply.answer
        usage = {} if self._reply.usage == "none" else _usage(answer, self._first - self._began, ts - self._first)
        return [_encode(_line(self._reply, {"content": ""}) | _done(answer) | usage | {"ts": ts}) + b"\n"]

    def failure(self, ts: int, message: str) -> list[bytes]:
        return [error(500, message) + b"\n"]

    def _event(self, said: dict[str, Any], index: int, ts: int) -> bytes:
        every = {"eval_count": index + 1} if self._reply.usage == "every" else {}
        return _encode(_line(self._reply, said) | {"done": False} | every | {"ts": ts}) + b"\n"


def events(reply: Reply) -> _Events:
    """Return the writer of a stream of lines."""
    return _Events(reply)


def error(status: int, message: str) -> bytes:
    """Return an error object."""
    return _encode({"error": message})


def tags() -> bytes:
    """Return the body of `GET /api/tags`."""
    details = {"format": "gguf", "family": "mock", "parameter_size": "0B", "quantization_level": "F16"}
    model = {"name": "mock:latest", "model": "mock:latest", "modified_at": _CREATED, "size": 0, "digest": ""}
    return _encode({"models": [model | {"details": details}]})


def _line(reply: Reply, said: dict[str, Any]) -> dict[str, Any]:
    return {"model": reply.call.model, "created_at": _CREATED, "message": {"role": "assistant"} | said}


def _called(answer: Answer) -> dict[str, Any]:
    function = {"name": answer.tool, "arguments": read_back(answer.text)}
    return {"content": "", "tool_calls": [{"function": function}]}


def _done(answer: Answer) -> dict[str, Any]:
    return {"done": True, "done_reason": answer.finish}


def _usage(answer: Answer, prompt_ns: int, eval_ns: int) -> dict[str, int]:
    return {
        "total_duration": prompt_ns + eval_ns,
        "load_duration": 0,
        "prompt_eval_count": answer.prompt_tokens,
        "prompt_eval_duration": prompt_ns,
        "eval_count": answer.tokens,
        "eval_duration": eval_ns,
    }
