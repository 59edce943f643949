"""Who is calling: the person at this machine, a login by its cookie, or an API token; and whether a browser was lured into it.

Local mode (bound to loopback, no accounts) needs no login, so there the Host header must name this machine: a name that an
attacker points to 127.0.0.1 (DNS rebinding) is refused. In every mode a browser's unsafe request must come from our own pages.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
from collections.abc import Awaitable, Callable
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request, Response
from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as Connection

from krawall.errors import Forbidden, Unauthorized, Unavailable
from krawall.model.account import LOCAL, Caller, Scope
from krawall.services.accounts import Accounts, is_loopback, needs_account

COOKIE = "krawall_session"
CSRF_HEADER = "X-CSRF-Token"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_PROXIED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip")
_PORTS = {"http": "80", "https": "443"}
_HEALTH = "/api/health"
HEALTH_S = 5.0


class Access:
    """Finds out who is calling and keeps it in the request's state; refuses what a foreign page made a browser send.

    It does not ask for a caller: routes do, by `needs`. `host`: where the server binds, `public_url`: how browsers reach it
    through a proxy, `without_csrf`: paths at which a cookie does not count, such as that of the login.
    """

    def __init__(
        self, app: ASGIApp, *, host: str, public_url: str = "", without_csrf: tuple[str, ...] = ("/api/v1/login",)
    ) -> None:
        self._app = app
        self._may_be_local = not needs_account(host, public_url)
        self._public = _authority(public_url)
        self._https = public_url.startswith("https://")
        self._without_csrf = without_csrf

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        """Pass a request on. Raises Forbidden."""
        if scope["type"] == "http":
            await self._identify_in_time(scope)
        await self._app(scope, receive, send)

    async def _identify_in_time(self, scope: Connection) -> None:
        """Whoever asks how we are must get an answer when the database is frozen, even if it is one for strangers."""
        if not scope["path"].startswith(_HEALTH):
            await self._identify(scope)
            return
        scope.setdefault("state", {})["caller"] = None
        if scope["path"] == _HEALTH:  # the others say the same to everybody
            with contextlib.suppress(TimeoutError, Unavailable):
                async with asyncio.timeout(HEALTH_S):
                    await self._identify(scope)

    async def _identify(self, scope: Connection) -> None:
        accounts: Accounts = scope["app"].state.krawall.accounts
        headers = Headers(scope=scope)
        state = scope.setdefault("state", {})
        state["caller"] = None
        state["https"] = self._https or scope["scheme"] == "https"
        unsafe = scope["method"] not in _SAFE
        if self._may_be_local and not await accounts.exist():
            _check_host(headers)
            if unsafe:
                self._check_origin(headers)
            state["caller"] = LOCAL
            return
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            state["caller"] = await accounts.caller_of_token(token.strip())
            state["wrong_token"] = state["caller"] is None
            return
        if unsafe:
            self._check_origin(headers)
        secret = cookie_parser(headers.get("cookie", "")).get(COOKIE)
        if secret and scope["path"] not in self._without_csrf:
            login = await accounts.caller_of_cookie(secret)
            if login is not None:
                if unsafe:
                    _check_csrf(headers, login.csrf)
                state["caller"], state["csrf"] = login.caller, login.csrf

    def _check_origin(self, headers: Headers) -> None:
        """Refuse what a page of another origin sent. Programs that are no browsers send neither header."""
        origin = headers.get("origin")
        ours = {_authority(f"//{headers.get('host', '')}"), self._public} - {""}
        # Without its scheme: before us a proxy may speak HTTPS where we speak HTTP.
        foreign = origin is not None and not any(_same(origin, host) for host in ours)
        if foreign or headers.get("sec-fetch-site", "none") in ("cross-site", "same-site"):
            raise Forbidden(
                f"the request comes from another site ({origin or 'unnamed'})",
                hint="if this is your proxy's address, set KRAWALL_PUBLIC_URL to it",
            )


def caller_of(request: Request) -> Caller | None:
    """Return who is calling, None if nobody is logged in."""
    found: Caller | None = request.scope.get("state", {}).get("caller")
    return found


async def caller(request: Request) -> Caller:
    """Return who is calling. A dependency of routes.

    Raises:
        Unauthorized: nobody is logged in, or the token is not valid.
    """
    found = caller_of(request)
    if found is not None:
        return found
    if request.scope.get("state", {}).get("wrong_token"):
        raise Unauthorized("the token is not valid", hint="it may have expired, or its user may be disabled")
    raise Unauthorized("nobody is logged in", hint="log in, or send `Authorization: Bearer krw_...`")


def needs(scope: Scope) -> Callable[[Request], Awaitable[Caller]]:
    """Return a dependency that lets only callers with a scope pass; it raises Unauthorized or Forbidden."""

    async def allowed(request: Request) -> Caller:
        found = await caller(request)
        if scope not in found.scopes:
            raise Forbidden(f"{found.name} does not have the scope {scope.value!r}")
        return found

    return allowed


Known = Annotated[Caller, Depends(caller)]
Reader = Annotated[Caller, Depends(needs(Scope.read))]
Runner = Annotated[Caller, Depends(needs(Scope.run))]
Admin = Annotated[Caller, Depends(needs(Scope.admin))]


def csrf_of(request: Request) -> str:
    """Return what unsafe requests of this login must send as X-CSRF-Token; empty when they need not."""
    return str(request.scope.get("state", {}).get("csrf", ""))


def give_cookie(request: Request, response: Response, secret: str, lasts_s: int) -> None:
    """Let the browser keep a login. `lasts_s`: how long at most."""
    response.set_cookie(
        COOKIE, secret, max_age=lasts_s, path="/", httponly=True, samesite="lax", secure=request.scope["state"]["https"]
    )


def take_cookie(request: Request, response: Response) -> None:
    """Let the browser forget its login."""
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax", secure=request.scope["state"]["https"])


def _check_csrf(headers: Headers, expected: str) -> None:
    if not hmac.compare_digest(headers.get(CSRF_HEADER, "").encode(), expected.encode()):
        raise Forbidden(
            f"the header {CSRF_HEADER} is missing or wrong",
            hint="take it from GET /api/v1/me; programs do better with a token",
        )


def _check_host(headers: Headers) -> None:
    """Refuse, in local mode, what was sent to another name, or by somebody behind a proxy, which may name us as it likes."""
    host = headers.get("host", "")
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        name = ""
    if any(proxied in headers for proxied in _PROXIED):
        raise Forbidden(
            "the request came through a proxy, and there is no account to tell its sender by",
            hint="make one with `krawall users create`, and set KRAWALL_PUBLIC_URL and KRAWALL_PROXIES",
        )
    if not is_loopback(name):
        raise Forbidden(
            f"the Host header {host[:100]!r} does not name this machine",
            hint="open http://127.0.0.1 or http://localhost",
        )


def _same(origin: str, host: str) -> bool:
    """Whether an origin (RFC 6454) is that of a host and port."""
    scheme = origin.partition("://")[0]
    port = _PORTS.get(scheme, "")
    return bool(port) and _authority(origin, port) in (host, f"{host}:{port}")


def _authority(url: str, default_port: str = "") -> str:
    """Return `host:port` of a URL in lower case, without the port when there is none; empty when it is no URL."""
    try:
        parts = urlsplit(url)
        port = str(parts.port) if parts.port is not None else default_port
    except ValueError:
        return ""
    host = (parts.hostname or "").lower()
    return f"{host}:{port}" if host and port else host
