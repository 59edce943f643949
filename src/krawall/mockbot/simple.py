"""The plain JSON dialect of `POST /chat`: one message in, one reply out, the history held by the server.

    {"message": "...", "conversation_id": "c1", "stream": false, "max_tokens": 100}
    {"reply": "...", "conversation_id": "c1", "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}}

Streamed, a token is `data: {"text": "...", "ts": ns}` and the end `event: done` with all but the reply. What was thought is
`thought` instead of `text`, and adds `reasoning_tokens` to the usage; a tool that is called is `tool`, with `arguments` in the
place of the text; `refused` marks a refusal. An error in mid-stream is `event: error`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from krawall.mockbot.bot import Answer, Ask
from krawall.mockbot.dialect import EVENT_STREAM, BadRequest, Call, Reply
from krawall.mockbot.manner import read_back
from krawall.mockbot.personas import Message

PATH = "/chat"
STREAM = EVENT_STREAM
NEEDS: tuple[bytes, ...] = ()
KEYS: tuple[bytes, ...] = (b"x-api-key",)
_encode = msgspec.json.Encoder().encode


class _Request(msgspec.Struct):
    message: str
    conversation_id: str | None = None
    stream: bool = False
    max_tokens: int | None = None


_decode = msgspec.json.Decoder(_Request).decode


def parse(body: bytes) -> Call:
    """Read a request. Raises BadRequest."""
    try:
        request = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequest(str(error)) from None
    if request.max_tokens is not None and request.max_tokens < 1:
        raise BadRequest("max_tokens must be at least 1")
    ask = Ask([Message("user", request.message)], request.max_tokens)
    return Call(ask, stream=request.stream, conversation=request.conversation_id or "")


def whole(reply: Reply) -> bytes:
    """Return the body of a reply."""
    return _encode(content(reply))


def content(reply: Reply) -> dict[str, Any]:
    """Return a reply as fields."""
    answer = reply.answer
    said: dict[str, Any] = {"reply": answer.text}
    if answer.kind == "tool":
        said = {"reply": "", "tool": {"name": answer.tool, "arguments": read_back(answer.text)}}
    if answer.kind == "refusal":
        said["refused"] = True
    if answer.thoughts:
        said["thought"] = answer.thought
    return said | {"conversation_id": reply.call.conversation, "usage": _usage(answer)}


class _Events:
    """Events of one stream: tokens, then done."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self._thoughts = len(reply.answer.thoughts)

    def early(self, ts: int) -> bytes:
        return b""

    def opening(self, ts: int) -> bytes:
        return b""

    def token(self, index: int, ts: int) -> bytes:
        answer, at = self._reply.answer, index - self._thoughts
        if at < 0:
            return b'data: {"thought":%s,"ts":%d}\n\n' % (_encode(answer.thoughts[index]), ts)
        if answer.kind == "tool":
            return b'data: {"tool":%s,"arguments":%s,"ts":%d}\n\n' % (
                _encode(answer.tool),
                _encode(answer.pieces[at]),
                ts,
            )
        return b'data: {"text":%s,"ts":%d}\n\n' % (_encode(answer.pieces[at]), ts)

    def ending(self, ts: int) -> list[bytes]:
        usage = {} if self._reply.usage == "none" else {"usage": _usage(self._reply.answer)}
        refused = {"refused": True} if self._reply.answer.kind == "refusal" else {}
        done = {"conversation_id": self._reply.call.conversation, "ts": ts} | refused | usage
        return [b"event: done\ndata: %s\n\n" % _encode(done)]

    def failure(self, ts: int, message: str) -> list[bytes]:
        return [b"event: error\ndata: %s\n\n" % _encode({"error": {"message": message, "status": 500}, "ts": ts})]


def events(reply: Reply) -> _Events:
    """Return the writer of a stream."""
    return _Events(reply)


def error(status: int, message: str) -> bytes:
    """Return an error object."""
    return _encode({"error": {"message": message, "status": status}})


def _usage(answer: Answer) -> dict[str, int]:
    usage = {
        "prompt_tokens": answer.prompt_tokens,
        "completion_tokens": answer.tokens,
        "total_tokens": answer.prompt_tokens + answer.tokens,
    }
    return usage | {"reasoning_tokens": len(answer.thoughts)} if answer.thoughts else usage
