"""Around the pages: the field that a form sends for a header, and problems as pages that a person can read.

It stands outside every layer of the API and touches only what is not of the API: `/api/`, `/metrics` and files pass as they are.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, quote

import msgspec
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from krawall.api.auth import CSRF_HEADER
from krawall.api.errors import MEDIA_TYPE
from krawall.web.answers import packed, policy
from krawall.web.assets import PREFIX
from krawall.web.frame import CSRF_FIELD, frame_of
from krawall.web.pages.problem import Problem, problem_page

NOT_PAGES = ("/api/", PREFIX)
METRICS = "/metrics"
FORM = "application/x-www-form-urlencoded"
FILES = "multipart/form-data"
MOST_FORM = 1_000_000
"""Bytes of a form that is looked into. A larger one has to send the header itself, as htmx may."""
FIRST = 2_000
"""Bytes of a form with files that are looked into: the hidden field is its first part."""
_FIRST_FIELD = re.compile(
    rb'--[^\r\n]+\r\n[^\r\n]*;\s*name="' + CSRF_FIELD.encode() + rb'"\r\n\r\n([\x21-\x7e]{1,200})\r\n'
)


class Dressing:
    """Gives a form's token to who checks it, and turns a problem document into a page."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http" or scope["path"].startswith(NOT_PAGES) or scope["path"] == METRICS:
            await self._app(scope, receive, send)
            return
        if scope["method"] == "POST":
            receive = await _with_token(scope, receive)
        await self._app(scope, receive, _Answer(scope, send))


async def _with_token(scope: Scope, receive: Receive) -> Receive:
    """Read a form ahead; its hidden field becomes the header that the check looks for."""
    headers = Headers(scope=scope)
    kind, length = headers.get("content-type", ""), headers.get("content-length", "")
    files = kind.startswith(FILES)
    if not files and (not kind.startswith(FORM) or not length.isdigit() or int(length) > MOST_FORM):
        return receive
    messages: list[Message] = [await receive()]
    size = len(messages[0].get("body", b""))
    while messages[-1].get("more_body") and not (files and size >= FIRST):
        messages.append(await receive())
        size += len(messages[-1].get("body", b""))
    body = b"".join(message.get("body", b"") for message in messages)
    token = _token_before_files(body[:FIRST]) if files else _token_in_form(body)
    if token and CSRF_HEADER not in headers:
        scope["headers"] = [*scope["headers"], (CSRF_HEADER.lower().encode(), token.encode("ascii", "replace"))]
    left = iter(messages)

    async def again() -> Message:
        return next(left, None) or await receive()

    return again


def _token_in_form(body: bytes) -> str:
    try:
        return dict(parse_qsl(body.decode("ascii", "replace"), max_num_fields=1000)).get(CSRF_FIELD, "")
    except ValueError:
        return ""


def _token_before_files(body: bytes) -> str:
    """Return the hidden field of a form with files (RFC 7578), which is its first part."""
    found = _FIRST_FIELD.match(body)
    return found[1].decode() if found else ""


class _Answer:
    """Holds a problem back until it is whole, and sends a page in its place. Everything else goes out as it comes."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope = scope
        self._send = send
        self._start: Message | None = None
        self._body = b""

    async def __call__(self, message: Message) -> None:
        """Take what is sent."""
        if message["type"] == "http.response.start" and _is_problem(message):
            self._start = message
        elif self._start is None:
            await self._send(message)
        else:
            self._body += message.get("body", b"")
            if not message.get("more_body"):
                await self._tell(self._start)

    async def _tell(self, start: Message) -> None:
        headers = MutableHeaders(raw=list(start["headers"]))
        asked = Headers(scope=self._scope)
        partial, status = asked.get("hx-request") == "true", int(start["status"])
        body = self._body
        if status == 401 and (partial or "html" in asked.get("accept", "html")):
            status, body = 204 if partial else 303, b""
            headers["HX-Redirect" if partial else "Location"] = self._login()
            del headers["content-type"], headers["content-length"]
        elif partial:
            headers["HX-Reswap"] = "none"  # app.js says it in a toast; what was typed stays
        elif "html" in asked.get("accept", ""):
            body = self._page(status, headers)
        await self._send({**start, "status": status, "headers": headers.raw})
        await self._send({"type": "http.response.body", "body": body})

    def _login(self) -> str:
        path = self._scope["path"]
        return f"/login?to={quote(path)}" if self._scope["method"] == "GET" and path != "/" else "/login"

    def _page(self, status: int, headers: MutableHeaders) -> bytes:
        problem = msgspec.json.decode(self._body, type=Problem)
        self._scope.setdefault("app", None)
        made = str(problem_page(frame_of(Request(self._scope)), problem))
        answer = packed(Headers(scope=self._scope).get("accept-encoding", ""), made, status)
        for name in ("content-type", "content-length", "content-encoding", "cache-control"):
            if name in answer.headers:
                headers[name] = answer.headers[name]
        headers["Content-Security-Policy"] = policy()
        return bytes(answer.body)


def _is_problem(message: Message) -> bool:
    return Headers(raw=message["headers"]).get("content-type", "").startswith(MEDIA_TYPE)
