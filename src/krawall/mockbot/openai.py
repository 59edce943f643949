"""The OpenAI chat-completions dialect: requests, whole replies, chunks of server-sent events, error objects.

Fields follow the public API reference of `POST /v1/chat/completions`. Every chunk carries one field more, `ts`: the
monotonic time at which it was sent, ns. `created` is a constant, so that the same request has the same reply.

Thoughts are `reasoning_content`, as DeepSeek and vLLM show them (OpenAI's own chat does not), unless the request says
`include_reasoning: false`; completion_tokens counts them in any case.
"""

from __future__ import annotations

from typing import Any

import msgspec

from krawall.mockbot.bot import Answer, Ask
from krawall.mockbot.dialect import EVENT_STREAM, BadRequest, Call, Reply
from krawall.mockbot.manner import Tool, kinds
from krawall.mockbot.personas import Message

PATH = "/v1/chat/completions"
STREAM = EVENT_STREAM
NEEDS: tuple[bytes, ...] = ()
KEYS: tuple[bytes, ...] = (b"api-key",)
CREATED = 1_700_000_000  # s since 1970
_ERRORS = {
    401: ("authentication_error", "invalid_api_key"),
    404: ("invalid_request_error", "not_found"),
    429: ("rate_limit_error", "rate_limit_exceeded"),
}
_DELTAS = {
    "text": b'{"content":%s}',
    "refusal": b'{"refusal":%s}',
    "tool": b'{"tool_calls":[{"index":0,"function":{"arguments":%s}}]}',
}
_TOKEN = b'%s%d,"choices":[{"index":0,"delta":{"content":%s},"logprobs":null,"finish_reason":null}]}\n\n'
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


class _Function(msgspec.Struct):
    name: str
    parameters: dict[str, Any] = {}


class _Tool(msgspec.Struct):
    type: str = "function"
    function: _Function | None = None


class _Request(msgspec.Struct):
    messages: list[_Message]
    model: str = "mock"
    stream: bool | None = False
    stream_options: _StreamOptions | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    response_format: _ResponseFormat | None = None
    tools: list[_Tool] = []
    include_reasoning: bool = True


_decode = msgspec.json.Decoder(_Request).decode


def is_deployment(path: str) -> bool:
    """Tell whether this is a chat or a response as Azure names its paths: `/openai/v1/...`, `/openai/deployments/NAME/...`."""
    return path.startswith("/openai/") and path.endswith(("/chat/completions", "/responses"))


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
        Ask(messages, cap, _fields(request.response_format), _tools(request.tools) if request.tools else ()),
        model=request.model,
        stream=bool(request.stream),
        include_usage=options is not None and options.include_usage,
        shows_thoughts=request.include_reasoning,
    )


def whole(reply: Reply) -> bytes:
    """Return the body of a chat.completion."""
    answer = reply.answer
    message: dict[str, Any] = {"role": "assistant", "content": answer.text, "refusal": None}
    if answer.kind != "text" or answer.thoughts:
        message |= _more(reply)
    return _encode(
        {
            "id": f"chatcmpl-{reply.number}",
            "object": "chat.completion",
            "created": CREATED,
            "model": reply.call.model,
            "choices": [
                {
                    "index": 0,
                    "message": message,
                    "logprobs": None,
                    "finish_reason": _finish(answer),
                }
            ],
            "usage": _usage(answer, answer.tokens),
        }
    )


class _Events:
    """Chunks of one stream: role, one per token, finish reason, usage, [DONE]."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self._every = reply.usage == "every"
        self._pieces = reply.answer.pieces
        self._thoughts = len(reply.answer.thoughts)
        self._plain = reply.answer.kind == "text" and not self._thoughts and not self._every
        self._head = b'data: {"id":"chatcmpl-%d","object":"chat.completion.chunk","created":%d,"model":%s,"ts":' % (
            reply.number,
            CREATED,
            _encode(reply.call.model),
        )

    def early(self, ts: int) -> bytes:
        return b""

    def opening(self, ts: int) -> bytes:
        content = b'""' if self._reply.answer.kind == "text" else b"null"
        return self._chunk(ts, b'{"role":"assistant","content":%s}' % content, b"null", 0)

    def token(self, index: int, ts: int) -> bytes:
        if self._plain:
            return _TOKEN % (self._head, ts, _encode(self._pieces[index]))
        kind, at = self._reply.answer.kind, index - self._thoughts
        if at < 0:
            return self._thought(index, ts)
        named = self._called(ts, index) if at == 0 and kind == "tool" else b""
        return named + self._chunk(ts, _DELTAS[kind] % _encode(self._pieces[at]), b"null", index + 1)

    def ending(self, ts: int) -> list[bytes]:
        answer = self._reply.answer
        total = answer.tokens
        events = [self._chunk(ts, b"{}", _encode(_finish(answer)), total)]
        if self._reply.call.include_usage or self._reply.usage == "end":
            events.append(b'%s%d,"choices":[],"usage":%s}\n\n' % (self._head, ts, _encode(_usage(answer, total))))
        events.append(b"data: [DONE]\n\n")
        return events

    def failure(self, ts: int, message: str) -> list[bytes]:
        return [b"data: %s\n\n" % error(500, message)]

    def _thought(self, index: int, ts: int) -> bytes:
        if not self._reply.call.shows_thoughts:
            return b""
        delta = b'{"reasoning_content":%s}' % _encode(self._reply.answer.thoughts[index])
        return self._chunk(ts, delta, b"null", index + 1)

    def _called(self, ts: int, sent: int) -> bytes:
        """Return the chunk that names a tool, before its arguments."""
        call = {"index": 0} | _call(self._reply) | {"function": {"name": self._reply.answer.tool, "arguments": ""}}
        return self._chunk(ts, _encode({"content": None, "tool_calls": [call]}), b"null", sent)

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
        "completion_tokens_details": {
            "reasoning_tokens": min(completion, len(answer.thoughts)) if answer.thoughts else 0
        },
    }


def models() -> bytes:
    """Return the body of `GET /v1/models`."""
    model = {"id": "mock", "object": "model", "created": CREATED, "owned_by": "krawall"}
    return _encode({"object": "list", "data": [model]})


def _more(reply: Reply) -> dict[str, Any]:
    """Return what is other in a message that is no plain text."""
    answer = reply.answer
    more: dict[str, Any] = {}
    if answer.kind == "refusal":
        more = {"content": None, "refusal": answer.text}
    elif answer.kind == "tool":
        function = {"name": answer.tool, "arguments": answer.text}
        more = {"content": None, "tool_calls": [_call(reply) | {"function": function}]}
    if answer.thoughts and reply.call.shows_thoughts:
        more["reasoning_content"] = answer.thought
    return more


def _call(reply: Reply) -> dict[str, Any]:
    return {"id": f"call_{reply.number}", "type": "function"}


def _finish(answer: Answer) -> str:
    return "tool_calls" if answer.kind == "tool" and answer.finish == "stop" else answer.finish


def _tools(offered: list[_Tool]) -> tuple[Tool, ...]:
    return tuple(Tool(each.function.name, kinds(each.function.parameters)) for each in offered if each.function)


def _text(content: str | list[_Part] | None) -> str:
    if isinstance(content, str):
        return content
    return "".join(part.text for part in content or () if part.type == "text")


def _fields(wanted: _ResponseFormat | None) -> dict[str, str] | None:
    if wanted is None or wanted.type == "text":
        return None
    return kinds(wanted.json_schema.schema) if wanted.json_schema else {}
