"""A hook's own requests: one connection each, to hosts that were granted, never elsewhere."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from urllib.parse import urlsplit

from krawall.guard.hosts import Site, parse_url
from krawall.model.base import NS_PER_S, format_duration
from krawall.model.connector import Gate, Secrets
from krawall.model.exchange import FaultKind, TargetFault
from krawall.model.hook import Fetched
from krawall.model.target import Target
from krawall.net.dial import dial, tls_context
from krawall.net.http1 import Closed, Connection
from krawall.net.whole import Whole
from krawall.version import __version__
from krawall.wire.auth import can_be_sent

MOST_HEAD = 65_536
MOST_BODY = 1_000_000
"""Bytes of an answer to a hook; tokens are small."""


class Fetcher:
    """Implements `model.hook.Fetch`. It shows and trusts the certificates of the target; `session` goes into the identification header.

    TLS is set up once: reading the system's authorities takes milliseconds, in which nobody's reply would be read.
    """

    def __init__(self, target: Target, secrets: Secrets, gate: Gate, session: str) -> None:
        self._target = target
        self._resolve = secrets.resolve
        self._gate = gate
        self._session = session
        self._context: ssl.SSLContext | None = None

    async def __call__(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        timeout_ns: int = 30 * NS_PER_S,
    ) -> Fetched:
        """Ask once. Redirects are not followed.

        Raises:
            TargetFault: there was no answer.
            Refused: the host was not granted.
        """
        site = parse_url(url)
        addresses = self._gate.addresses(site.host, site.port)
        if site.secure and self._context is None:
            self._context = tls_context(site, self._target.ca_file, self._target.tls, self._resolve)
        context = self._context if site.secure else None
        payload = self._head(method, site, headers or {}, len(body)) + body
        receiver = Whole()
        try:
            async with asyncio.timeout(timeout_ns / NS_PER_S):
                connection, _ = await dial(site, addresses, context, timeout_ns, MOST_HEAD, MOST_BODY, _Keeping)
                try:
                    await connection.request(payload, receiver)
                finally:
                    connection.abort()
        except Closed as closed:
            raise TargetFault(FaultKind.connect, f"{site.origin}: {closed}") from None
        except TimeoutError:
            where = urlsplit(site.origin).netloc
            raise TargetFault(FaultKind.timeout, f"{where}: no answer within {format_duration(timeout_ns)}") from None
        return Fetched(
            receiver.status,
            {name.decode("latin-1"): value.decode("latin-1") for name, value in receiver.headers.items()},
            b"".join(receiver.parts),
        )

    def _head(self, method: str, site: Site, headers: Mapping[str, str], length: int) -> bytes:
        """Return the head of a request. Nobody may say who we are, or how long the body is, but us."""
        whole = {
            **{name.lower(): value for name, value in headers.items()},
            "host": site.authority,
            "user-agent": f"krawall/{__version__}",
            "x-krawall-session": self._session,
            "content-length": str(length),
            "connection": "close",
        }
        whole.pop("transfer-encoding", None)
        for name, value in whole.items():
            if not can_be_sent(name, value):
                raise TargetFault(
                    FaultKind.protocol, f"a hook wants to send a header {name!r:.80} that no header can be"
                )
        lines = "".join(f"{name}: {value}\r\n" for name, value in whole.items())
        return f"{method} {site.path} HTTP/1.1\r\n{lines}\r\n".encode("latin-1")


class _Keeping(Connection):
    """A connection that keeps every header: a hook may look for any."""

    __slots__ = ()

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        before = self._headers.get(name)
        separator = b"\n" if name == b"set-cookie" else b", "  # RFC 9110 section 5.3
        self._headers[name] = value if before is None else before + separator + value
