"""How much a request may hold and how often one may ask. Both layers raise; the boundary outside of them answers."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Mapping

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from krawall.clock import monotonic_ns
from krawall.errors import TooLarge, TooMany
from krawall.model.base import NS_PER_S
from krawall.services.throttle import network

MOST_BUCKETS = 20_000


class BodyLimit:
    """Counts a request's bytes as they come, since Content-Length may be missing. `longer`: more bytes for some paths."""

    def __init__(self, app: ASGIApp, *, most: int, longer: Mapping[str, int] | None = None) -> None:
        self._app = app
        self._most = most
        self._longer = dict(longer or {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on. Raises TooLarge at once by its Content-Length, or where its body is read."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most = self._longer.get(scope["path"], self._most)
        told = Headers(scope=scope).get("content-length", "")
        if told.isascii() and told.isdigit() and int(told[:20]) > most:
            raise _too_large(most)
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > most:
                raise _too_large(most)
            return message

        await self._app(scope, counted, send)


class RateLimit:
    """A token bucket per caller, or per sender of requests that have none. Inside of what finds out who is calling.

    `per_s`: requests per second in the long run, `burst`: at once.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        per_s: float,
        burst: int,
        now_ns: Callable[[], int] = monotonic_ns,
        most: int = MOST_BUCKETS,
    ) -> None:
        self._app = app
        self._buckets = Buckets(per_s, burst, most)
        self._now_ns = now_ns

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or raise TooMany."""
        if scope["type"] == "http":
            wait_s = self._buckets.take(_who(scope), self._now_ns())
            if wait_s > 0:
                raise TooMany("too many requests", retry_after_s=wait_s, hint=f"come again in {math.ceil(wait_s)} s")
        await self._app(scope, receive, send)


class Buckets:
    """Token buckets by key, at most so many: the one that was used longest ago goes first, which favours it.

    A bucket is one number, the moment at which it is full again (generic cell rate algorithm, ITU-T I.371).
    """

    def __init__(self, per_s: float, burst: int, most: int = MOST_BUCKETS) -> None:
        self._gap_ns = math.ceil(NS_PER_S / per_s)
        self._slack_ns = (max(1, burst) - 1) * self._gap_ns
        self._most = most
        self._full_ns: OrderedDict[str, int] = OrderedDict()

    def take(self, key: str, now_ns: int) -> float:
        """Take one and return 0, or take nothing and return how long to wait, seconds."""
        full_ns = max(self._full_ns.get(key, now_ns), now_ns)
        wait_ns = full_ns - self._slack_ns - now_ns
        if wait_ns > 0:
            return wait_ns / NS_PER_S
        self._full_ns[key] = full_ns + self._gap_ns
        self._full_ns.move_to_end(key)
        if len(self._full_ns) > self._most:
            self._full_ns.popitem(last=False)
        return 0.0

    def __len__(self) -> int:
        return len(self._full_ns)


def sender(scope: Scope) -> str:
    """Return the address that a request comes from, an IPv6 one as its /64; empty over a Unix socket.

    Whether X-Forwarded-For counts is decided where uvicorn is started: by the proxies that it trusts.
    """
    client = scope.get("client")
    return network(client[0]) if client else ""


def _who(scope: Scope) -> str:
    caller = scope.get("state", {}).get("caller")
    if caller is not None:
        return f"caller {caller.user} {caller.name}"
    return f"from {sender(scope)}"


def _too_large(most: int) -> TooLarge:
    return TooLarge(f"the request has more than {most:,} bytes", hint="KRAWALL_MOST_BODY raises the limit")
