"""The Anthropic Messages dialect: requests, whole messages, the named events of a stream, error objects.

Fields and the order of events follow the public API reference of `POST /v1/messages`: message_start, ping, and for every block
of content a start, its deltas and a stop; then message_delta with the stop reason and the bill, and message_stop. Every event
carries one field more, `ts`: the monotonic time at which it was sent, ns.

input_tokens leaves out what the prompt cache served, and the cache serves requests with a `cache_control` only. Thoughts are a
block of their own, unless the request disables thinking; output_tokens counts them.
"""

from __future__ import annotations

from typing import Any

import msgspec

from krawall.mockbot.bot import Answer, Ask
from krawall.mockbot.dialect import EVENT_STREAM, BadRequest, Call, Reply
from krawall.mockbot.manner import Tool, kinds, read_back
from krawall.mockbot.personas import Message

PATH = "/v1/messages"
STREAM = EVENT_STREAM
NEEDS: tuple[bytes, ...] = (b"anthropic-version",)
KEYS: tuple[bytes, ...] = (b"x-api-key",)
_SIGNATURE = "a3Jhd2FsbA=="  # thoughts are sent back signed; nothing checks it
_ERRORS = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_DELTAS = {
    "text": b'{"type":"text_delta","text":%s}',
    "refusal": b'{"type":"text_delta","text":%s}',
    "tool": b'{"type":"input_json_delta","partial_json":%s}',
}
_encode = msgspec.json.Encoder().encode


class _Block(msgspec.Struct):
    type: str = "text"
    text: str = ""
    content: str | list[Any] | None = None


class _Message(msgspec.Struct):
    role: str
    content: str | list[_Block]


class _Tool(msgspec.Struct):
    name: str
    input_schema: dict[str, Any] = {}


class _Thinking(msgspec.Struct):
    type: str = "enabled"
    display: str | None = None


class _Request(msgspec.Struct):
    model: str
    max_tokens: int
    messages: list[_Message]
    system: str | list[_Block] | None = None
    stream: bool | None = False
    tools: list[_Tool] = []
    thinking: _Thinking | None = None


_decode = msgspec.json.Decoder(_Request).decode


def parse(body: bytes) -> Call:
    """Read a request. Raises BadRequest."""
    try:
        request = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequest(str(error)) from None
    if not request.messages:
        raise BadRequest("messages: at least one message is required")
    if request.max_tokens < 1:
        raise BadRequest("max_tokens: Input should be greater than or equal to 1")
    messages = [Message("system", _text(request.system))] if request.system else []
    for message in request.messages:
        if message.role not in ("user", "assistant"):
            raise BadRequest(f"messages: unexpected role {message.role!r}")
        messages.append(Message(_role(message), _text(message.content)))
    thinking = request.thinking
    return Call(
        Ask(messages, request.max_tokens, tools=tuple(Tool(t.name, kinds(t.input_schema)) for t in request.tools)),
        model=request.model,
        stream=bool(request.stream),
        shows_thoughts=thinking is None or (thinking.type != "disabled" and thinking.display != "omitted"),
        cache=b'"cache_control"' in body,
    )


def whole(reply: Reply) -> bytes:
    """Return the body of a message."""
    answer = reply.answer
    content = [_opened(reply, "thinking") | {"thinking": answer.thought, "signature": _SIGNATURE}]
    if not (answer.thoughts and reply.call.shows_thoughts):
        content = []
    if answer.kind == "tool":
        content.append(_opened(reply, "tool_use") | {"input": read_back(answer.text)})
    elif answer.pieces:
        content.append(_opened(reply, "text") | {"text": answer.text})
    return _encode(_message(reply) | {"content": content} | _stopped(answer) | {"usage": _usage(reply, answer.tokens)})


class _Events:
    """Events of one stream: message, blocks with their deltas, stop reason and bill."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self._thoughts = len(reply.answer.thoughts)
        self._shows = reply.call.shows_thoughts
        self._block = "tool_use" if reply.answer.kind == "tool" else "text"
        self._delta = _DELTAS[reply.answer.kind]
        self._index = 1 if self._thoughts and self._shows else 0  # of the block of the reply

    def early(self, ts: int) -> bytes:
        usage = {} if self._reply.usage == "none" else {"usage": _usage(self._reply, 1)}
        message = _message(self._reply) | {"content": [], "stop_reason": None, "stop_sequence": None} | usage
        return _event(b"message_start", {"message": message}, ts)

    def opening(self, ts: int) -> bytes:
        return self._start("thinking", 0, ts) if self._index else b""

    def token(self, index: int, ts: int) -> bytes:
        answer, at = self._reply.answer, index - self._thoughts
        if at < 0:
            delta = b'{"type":"thinking_delta","thinking":%s}' % _encode(answer.thoughts[index])
            return self._deltas(0, delta, ts) if self._shows else b""
        start = self._reply_start(ts) if at == 0 else b""
        return start + self._deltas(self._index, self._delta % _encode(answer.pieces[at]), ts)

    def ending(self, ts: int) -> list[bytes]:
        answer = self._reply.answer
        if answer.pieces:
            events = [_event(b"content_block_stop", {"index": self._index}, ts)]
        else:
            events = [self._signed(ts)] if self._index else []
        usage = {} if self._reply.usage == "none" else {"usage": _usage(self._reply, answer.tokens)}
        events.append(_event(b"message_delta", {"delta": _stopped(answer)} | usage, ts))
        events.append(_event(b"message_stop", {}, ts))
        return events

    def failure(self, ts: int, message: str) -> list[bytes]:
        return [b"event: error\ndata: %s\n\n" % error(529, message)]

    def _reply_start(self, ts: int) -> bytes:
        """End the thoughts, where some were shown, and begin the block of the reply."""
        return (self._signed(ts) if self._index else b"") + self._start(self._block, self._index, ts)

    def _start(self, kind: str, index: int, ts: int) -> bytes:
        start = _event(b"content_block_start", {"index": index, "content_block": _opened(self._reply, kind)}, ts)
        return start if index else start + _event(b"ping", {}, ts)

    def _signed(self, ts: int) -> bytes:
        delta = b'{"type":"signature_delta","signature":"%s"}' % _SIGNATURE.encode()
        return self._deltas(0, delta, ts) + _event(b"content_block_stop", {"index": 0}, ts)

    def _deltas(self, index: int, delta: bytes, ts: int) -> bytes:
        return b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":%s,"ts":%d}\n\n' % (
            index,
            delta,
            ts,
        )


def events(reply: Reply) -> _Events:
    """Return the writer of a stream of message events."""
    return _Events(reply)


def error(status: int, message: str) -> bytes:
    """Return an error object."""
    kind = _ERRORS.get(status, "api_error" if status >= 500 else "invalid_request_error")
    return _encode({"type": "error", "error": {"type": kind, "message": message}})


def models() -> bytes:
    """Return the body of `GET /v1/models` for a request with `anthropic-version`."""
    model = {"type": "model", "id": "mock", "display_name": "Mock", "created_at": "2023-11-14T22:13:20Z"}
    return _encode({"data": [model], "has_more": False, "first_id": "mock", "last_id": "mock"})


def _event(name: bytes, data: dict[str, Any], ts: int) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (name, _encode({"type": name.decode()} | data | {"ts": ts}))


def _message(reply: Reply) -> dict[str, Any]:
    return {"id": f"msg_{reply.number}", "type": "message", "role": "assistant", "model": reply.call.model}


def _opened(reply: Reply, kind: str) -> dict[str, Any]:
    """Return a block of content as it begins."""
    if kind == "thinking":
        return {"type": kind, "thinking": "", "signature": ""}
    if kind == "tool_use":
        return {"type": kind, "id": f"toolu_{reply.number}", "name": reply.answer.tool, "input": {}}
    return {"type": kind, "text": ""}


def _stopped(answer: Answer) -> dict[str, Any]:
    reasons = {"text": "end_turn", "tool": "tool_use", "refusal": "refusal"}
    reason = "max_tokens" if answer.finish == "length" else reasons[answer.kind]
    return {"stop_reason": reason, "stop_sequence": None}


def _usage(reply: Reply, output: int) -> dict[str, Any]:
    answer = reply.answer
    cached = answer.cached_tokens if reply.call.cache else 0
    return {
        "input_tokens": answer.prompt_tokens - cached,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": cached,
        "output_tokens": output,
        "output_tokens_details": {"thinking_tokens": min(output, len(answer.thoughts))},
    }


def _role(message: _Message) -> str:
    """A result of a tool comes in a user's message; the bot must not take it for words of the user."""
    blocks = message.content
    only_results = isinstance(blocks, list) and bool(blocks) and all(block.type == "tool_result" for block in blocks)
    return "tool" if only_results else message.role


def _text(content: str | list[_Block] | None) -> str:
    if isinstance(content, str):
        return content
    return "".join(_block_text(block) for block in content or ())


def _block_text(block: _Block) -> str:
    if block.type == "text":
        return block.text
    if isinstance(block.content, str):
        return block.content  # of a tool's result
    parts = block.content or ()
    return "".join(str(part.get("text", "")) for part in parts if isinstance(part, dict))
