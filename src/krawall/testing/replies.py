"""HTTP/1.1 replies as bytes, for scripts of a hostile server. Well-formed unless asked otherwise."""

from __future__ import annotations

from krawall.model.exchange import json_bytes


def head(status: int = 200, **headers: str) -> bytes:
    """Return a head with its blank line; `_` in a name stands for `-`."""
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} Any\r\n{lines}\r\n".encode("latin-1")


def whole(body: bytes, status: int = 200, **headers: str) -> bytes:
    """Return a reply with a content-length; JSON unless `content_type` says otherwise."""
    return head(status, **{"content_type": "application/json", "content_length": str(len(body)), **headers}) + body


def chat(text: str, tokens_in: int = 3, tokens_out: int = 2) -> bytes:
    """Return the body of a chat completion."""
    usage = {"prompt_tokens": tokens_in, "completion_tokens": tokens_out}
    message = {"role": "assistant", "content": text}
    return json_bytes({"choices": [{"message": message, "finish_reason": "stop"}], "usage": usage})


def chunk(data: bytes) -> bytes:
    """Return one chunk of a chunked body (RFC 9112 section 7.1)."""
    return b"%x\r\n%b\r\n" % (len(data), data)


LAST_CHUNK = b"0\r\n\r\n"
DONE = b"data: [DONE]\n\n"


def chunked(*parts: bytes, status: int = 200, **headers: str) -> bytes:
    """Return a whole chunked reply, a chunk for each part; an event stream unless `content_type` says otherwise."""
    return opening(status, **headers) + b"".join(map(chunk, parts)) + LAST_CHUNK


def opening(status: int = 200, **headers: str) -> bytes:
    """Return the head of a chunked event stream."""
    return head(status, **{"content_type": "text/event-stream", "transfer_encoding": "chunked", **headers})


def delta(text: str) -> bytes:
    """Return the event of one token in the chat completions dialect."""
    return event({"choices": [{"delta": {"content": text}}]})


def finish(tokens_in: int = 3, tokens_out: int = 2) -> bytes:
    """Return the event that ends a stream: finish reason and usage."""
    usage = {"prompt_tokens": tokens_in, "completion_tokens": tokens_out}
    return event({"choices": [{"delta": {}, "finish_reason": "stop"}], "usage": usage})


def event(data: object) -> bytes:
    """Return a server-sent event with `data` as JSON."""
    return b"data: %b\n\n" % json_bytes(data)
