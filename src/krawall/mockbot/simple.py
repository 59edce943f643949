"""The plain JSON dialect of `POST /chat`: one message in, one reply out, the history held by the server.

    {"message": "...", "conversation_id": "c1", "stream": false, "max_tokens": 100}
    {"reply": "...", "conversation_id": "c1", "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}}

Streamed, a token is `data: {"text": "...", "ts": ns}` and the end `event: done` with all but the reply.
"""

from __future__ import annotations

import msgspec

from krawall.mockbot.bot import Answer, Ask
from krawall.mockbot.dialect import BadRequest, Call, Reply
from krawall.mockbot.personas import Message

PATH = "/chat"
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
    usage = _usage(reply.answer)
    return _encode({"reply": reply.answer.text, "conversation_id": reply.call.conversation, "usage": usage})


class _Events:
    """Events of one stream: tokens, then done."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply

    def opening(self, ts: int) -> bytes:
        return b""

    def token(self, index: int, ts: int) -> bytes:
        return b'data: {"text":%s,"ts":%d}\n\n' % (_encode(self._reply.answer.pieces[index]), ts)

    def ending(self, ts: int) -> list[bytes]:
        usage = {} if self._reply.usage == "none" else {"usage": _usage(self._reply.answer)}
        done = {"conversation_id": self._reply.call.conversation, "ts": ts} | usage
        return [b"event: done\ndata: %s\n\n" % _encode(done)]


def events(reply: Reply) -> _Events:
    """Return the writer of a stream."""
    return _Events(reply)


def error(status: int, message: str) -> bytes:
    """Return an error object."""
    return _encode({"error": {"message": message, "status": status}})


def _usage(answer: Answer) -> dict[str, int]:
    sent = len(answer.pieces)
    return {
        "prompt_tokens": answer.prompt_tokens,
        "completion_tokens": sent,
        "total_tokens": answer.prompt_tokens + sent,
    }
