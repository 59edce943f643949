"""What no route could keep is refused before any route sees it: NUL and halves of characters in texts, numbers without end."""

from __future__ import annotations

import json
import re
from urllib.parse import unquote_to_bytes

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from krawall.api.errors import CODES, problem
from krawall.errors import Place
from krawall.services.keepable import unkeepable

# What can make a JSON body unfit. A body without any of it is not read here.
_SUSPECT = re.compile(rb"\\u0000|\\u[dD][89a-fA-F]|NaN|Infinity|[eE]\+?\d{3}|\d{19}")


class Edge:
    """Refuses paths, queries and JSON bodies that hold what databases, JSON or other programs cannot take."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        where = "path" if "\0" in scope["path"] else "query" if b"\0" in _plain(scope["query_string"]) else ""
        if where:
            answer = problem(scope, 400, CODES[400], f"the {where} has a NUL character")
            await answer(scope, receive, send)
            return
        if not _is_json(Headers(scope=scope).get("content-type", "")):
            await self._app(scope, receive, send)
            return
        messages = await _whole(receive)
        body = b"".join(message.get("body", b"") for message in messages)
        if wrong := unfit(body):
            answer = problem(scope, 422, CODES[422], "the body holds what cannot be kept", places=wrong)
            await answer(scope, receive, send)
            return
        left = iter(messages)

        async def again() -> Message:
            return next(left, None) or await receive()

        await self._app(scope, again, send)


def unfit(body: bytes) -> list[Place]:
    """Return the places of a JSON body that hold what cannot be kept. What is not JSON is left to the route."""
    if not _SUSPECT.search(body):
        return []
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return []
    return unkeepable(data, "body")


def _plain(query: bytes) -> bytes:
    return unquote_to_bytes(query)


def _is_json(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/json" or kind.endswith("+json")


async def _whole(receive: Receive) -> list[Message]:
    """Return the messages of a body, of which how many bytes it may have is watched by a layer above."""
    messages = [await receive()]
    while messages[-1]["type"] == "http.request" and messages[-1].get("more_body"):
        messages.append(await receive())
    return messages
