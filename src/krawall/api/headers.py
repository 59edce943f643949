"""What every answer carries: headers that tell browsers what not to do, and the request's id, which its log lines carry too."""

from __future__ import annotations

import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from krawall.ids import new_id
from krawall.logs import bound

_SANE = re.compile(r"[A-Za-z0-9._-]{8,64}")
_POLICY = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
ALWAYS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",  # for browsers that do not know frame-ancestors
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
FILES = "/static/"
"""Where files of pages are. They are no documents: of what browsers must not do only two things concern them."""
_OF_FILES = {name: ALWAYS[name] for name in ("X-Content-Type-Options", "Cross-Origin-Resource-Policy")}
_YEAR_S = 31_536_000


class SafeHeaders:
    """Adds headers to what a route or page has not set itself. The outermost layer, so that errors carry them too.

    `https`: browsers reach the server by HTTPS, whatever the proxy before it speaks with us. `private`: paths that begin
    like this are answers about somebody's data, which no cache may keep.
    """

    def __init__(self, app: ASGIApp, *, https: bool = False, private: tuple[str, ...] = ("/api/",)) -> None:
        self._app = app
        self._https = https
        self._private = private

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with its id: that of X-Request-Id when it looks like one, else a new one."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        asked = Headers(scope=scope).get("x-request-id", "")
        request_id = asked if _SANE.fullmatch(asked) else new_id("req")
        scope.setdefault("state", {})["request_id"] = request_id
        added = self._for(scope, request_id)

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in added.items():
                    headers.setdefault(name, value)
            await send(message)

        with bound(request_id=request_id):
            await self._app(scope, receive, with_headers)

    def _for(self, scope: Scope, request_id: str) -> dict[str, str]:
        if scope["path"].startswith(FILES):
            return dict(_OF_FILES)
        added = {**ALWAYS, "X-Request-Id": request_id}
        if self._https or scope["scheme"] == "https":
            added["Strict-Transport-Security"] = f"max-age={_YEAR_S}"
        if scope["path"].startswith(self._private):
            added["Cache-Control"] = "no-store"
        return added
