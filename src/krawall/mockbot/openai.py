"""The OpenAI chat-completions dialect: requests, whole replies, chunks of server-sent events, error objects.

Fields follow the public API reference of `POST /v1/chat/completions`. Every chunk carries one field more, `ts`: the
monotonic time at which it was sent, ns. `created` is a constant, so that the same request has the same reply.
"""

from __future__ import annotations

from typing import Any

import msgspec

from krawall.mockbot.bot import Answer, Ask
from krawall.mockbot.dialect import BadRequest, Call, Reply
from krawall.mockbot.personas import Message

PATH = "/v1/chat/completions"
CREATED = 1_700_000_000  # s since 1970
_ERRORS = {
    401: ("authentication_error", "invalid_api_key"),
    404: ("invalid_request_error", "not_found"),
    429: ("rate_limit_error", "rate_limit_exceeded"),
}
_encode = msgspec.json.Encoder().encode


class _Part(msgspec.Struct):
    type: str = "text"
    text: str = ""


class _Message(msgspec.Struct):
    role: str
    content: str | list[_Part] | None = None


class _StreamOptions(msgspec.Struct):
    include_usage: bool = False


class _JsonSchema(msgspec.Struct):
    schema: dict[str, Any] = {}


class _ResponseFormat(msgspec.Struct):
    type: str = "text"
    json_schema: _JsonSchema | None = None


class _Request(msgspec.Struct):
    messages: list[_Message]
    model: str = "mock"
    stream: bool | None = False
    stream_options: _StreamOptions | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    response_format: _ResponseFormat | None = None


_decode = msgspec.json.Decoder(_Request).decode


def parse(body: bytes) -> Call:
    """Read a request. Raises BadRequest."""
    try:
        request = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequest(str(error)) from None
    if not request.messages:
        raise BadRequest("messages must not be empty")
    cap = request.max_completion_tokens if request.max_completion_tokens is not None else request.max_tokens
    if cap is not None and cap < 1:
        raise BadRequest("max_tokens must be at least 1")
    messages = [Message(message.role, _text(message.content)) for message in request.messages]
    options = request.stream_options
    return Call(
        Ask(messages, cap, _fields(request.response_format)),
        model=request.model,
        stream=bool(request.stream),
        include_usage=options is not None and options.include_usage,
    )


def whole(reply: Reply) -> bytes:
    """Return the body of a chat.completion."""
    answer = reply.answer
    return _encode(
        {
            "id": f"chatcmpl-{reply.number}",
            "object": "chat.completion",
            "created": CREATED,
            "model": reply.call.model,
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": answer.text, "refusal": None},
                    "logprobs": None,
                    "finish_reason": answer.finish,
                }
            ],
            "usage": _usage(answer, len(answer.pieces)),
        }
    )


class _Events:
    """Chunks of one stream: role, one per token, finish reason, usage, [DONE]."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self._every = reply.usage == "every"
        self._head = b'data: {"id":"chatcmpl-%d","object":"chat.completion.chunk","created":%d,"model":%s,"ts":' % (
            reply.number,
            CREATED,
            _encode(reply.call.model),
        )

    def opening(self, ts: int) -> bytes:
        return self._chunk(ts, b'{"role":"assistant","content":""}', b"null", 0)

    def token(self, index: int, ts: int) -> bytes:
        return self._chunk(ts, b'{"content":%s}' % _encode(self._reply.answer.pieces[index]), b"null", index + 1)

    def ending(self, ts: int) -> list[bytes]:
        answer = self._reply.answer
        total = len(answer.pieces)
        events = [self._chunk(ts, b"{}", _encode(answer.finish), total)]
        if self._reply.call.include_usage or self._reply.usage == "end":
            events.append(b'%s%d,"choices":[],"usage":%s}\n\n' % (self._head, ts, _encode(_usage(answer, total))))
        events.append(b"data: [DONE]\n\n")
        return events

    def _chunk(self, ts: int, delta: bytes, finish: bytes, sent: int) -> bytes:
        usage = b',"usage":' + _encode(_usage(self._reply.answer, sent)) if self._every else b""
        return b'%s%d,"choices":[{"index":0,"delta":%s,"logprobs":null,"finish_reason":%s}]%s}\n\n' % (
            self._head,
            ts,
            delta,
            finish,
            usage,
        )


def events(reply: Reply) -> _Events:
    """Return the writer of a stream of chat.completion.chunk events."""
    return _Events(reply)


def error(status: int, message: str) -> bytes:
    """Return an error object."""
    kind, code = _ERRORS.get(status, ("server_error" if status >= 500 else "invalid_request_error", None))
    return _encode({"error": {"message": message, "type": kind, "param": None, "code": code}})


def _usage(answer: Answer, completion: int) -> dict[str, Any]:
    return {
        "prompt_tokens": answer.prompt_tokens,
        "completion_tokens": completion,
        "total_tokens": answer.prompt_tokens + completion,
        "prompt_tokens_details": {"cached_tokens": answer.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": 0},
    }


def _text(content: str | list[_Part] | None) -> str:
    if isinstance(content, str):
        return content
    return "".join(part.text for part in content or () if part.type == "text")


def _fields(wanted: _ResponseFormat | None) -> dict[str, str] | None:
    if wanted is None or wanted.type == "text":
        return None
    properties = wanted.json_schema.schema.get("properties", {}) if wanted.json_schema else {}
    if not isinstance(properties, dict):
        return {}
    kinds = {name: schema.get("type") if isinstance(schema, dict) else None for name, schema in properties.items()}
    return {name: kind if isinstance(kind, str) else "string" for name, kind in kinds.items()}
