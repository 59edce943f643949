"""JSON travels gzipped to who takes it so: a minute of a session's seconds is 18 KB, and 3 KB packed. Streams and files go as they are."""

from __future__ import annotations

import gzip

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

WORTH_PACKING = 1_000
"""Bytes from which it saves a packet."""
MOST = 2_000_000
"""Bytes of an answer that is packed at once; a larger one would hold up everybody else for tens of milliseconds."""
_LEVEL = 4


class Packing:
    """Packs answers of one piece. One whose body comes in parts passes as it is."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http" or "gzip" not in Headers(scope=scope).get("accept-encoding", ""):
            await self._app(scope, receive, send)
            return
        held: list[Message] = []

        async def packing(message: Message) -> None:
            if message["type"] == "http.response.start" and _is_json(message):
                held.append(message)
                return
            if held:
                start = held.pop()
                if message["type"] == "http.response.body" and not message.get("more_body"):
                    message = _packed(start, message)
                await send(start)
            await send(message)

        await self._app(scope, receive, packing)


def _is_json(start: Message) -> bool:
    headers = Headers(raw=start["headers"])
    return headers.get("content-type", "").partition(";")[0] == "application/json" and "content-encoding" not in headers


def _packed(start: Message, message: Message) -> Message:
    """Return the body packed, and say so in the head; what is too small or too large stays."""
    body = message.get("body", b"")
    headers = MutableHeaders(raw=list(start["headers"]))
    headers.add_vary_header("Accept-Encoding")
    if WORTH_PACKING <= len(body) <= MOST:
        body = gzip.compress(body, _LEVEL, mtime=0)
        headers["Content-Encoding"] = "gzip"
        headers["Content-Length"] = str(len(body))
    start["headers"] = headers.raw
    return {**message, "body": body}
