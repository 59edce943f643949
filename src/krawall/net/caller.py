"""One user's way to ask over HTTP/1.1: keeps a connection, sends a request, turns statuses into faults. Connectors read the body."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Sequence
from email.utils import parsedate_to_datetime
from urllib.parse import quote

from krawall.clock import wall_ns
from krawall.guard.hosts import Site, parse_url
from krawall.guard.tiers import redirect_allowed
from krawall.model.base import NS_PER_S
from krawall.model.connector import Gate, Mark, Secrets, Tap
from krawall.model.exchange import FaultKind, Prompt, TargetFault, Usage
from krawall.model.policy import Timeouts
from krawall.model.target import Target
from krawall.net.dial import dial, tls_context
from krawall.net.http1 import Closed, Connection, Receiver
from krawall.wire import auth
from krawall.wire.redact import Redactor
from krawall.wire.reply import Found, NotMapped, Reader

VERSION_AGENT = "krawall"
OURS = frozenset({"host", "user-agent", "x-krawall-session", "content-length", "transfer-encoding"})
"""Headers that nobody may set: who we are, and how long the body is."""

LONGEST_WAIT_NS = 366 * 86_400 * NS_PER_S  # no session waits a year; "never" is often written as the year 9999
_QUOTED = 300  # letters of the server's own words in a fault


class Route:
    """What all users of a target share: where it is, how it is asked. One per process and target.

    `who` are the headers that say who we are, `headers` the target's own (names in lower case); `path` has auth's query.
    """

    def __init__(
        self,
        target: Target,
        secrets: Secrets,
        gate: Gate,
        session: str,
        timeouts: Timeouts,
        version: str,
        schemes: Sequence[str] = ("http", "https"),
    ) -> None:
        self.target = target
        self.site: Site = parse_url(secrets.resolve(target.url), schemes)
        self.addresses: Sequence[str] = gate.addresses(self.site.host, self.site.port)
        self.context: ssl.SSLContext | None = tls_context(self.site, target.ca_file, target.tls, secrets.resolve)
        self.connect_ns = timeouts.connect
        headers = auth.headers(target, secrets.resolve)
        self.redact = redactor_of(target, secrets)
        query = auth.query(target, secrets.resolve)
        self._query = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in query)
        self.path = self._path(self.site.path)
        self.who = {"user-agent": f"{VERSION_AGENT}/{version}", "x-krawall-session": session}
        self.headers = {name: value for name, value in headers.items() if name not in OURS}
        self.head = self.head_of(target.method, self.site.path) + b"content-length: "

    def _path(self, path: str) -> str:
        return path + ("&" if "?" in path else "?") + self._query if self._query else path

    def head_of(self, method: str, path: str) -> bytes:
        """Return the beginning of a request to this host: its first line and headers, without the length of its body."""
        whole = {
            "host": self.site.authority,
            **self.who,
            "accept": "text/event-stream, application/json" if self.target.stream else "application/json, text/plain",
            **({} if method == "GET" else {"content-type": "application/json"}),
            **self.headers,
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in whole.items())
        return f"{method} {self._path(path)} HTTP/1.1\r\n{lines}".encode("latin-1")

    def quote(self, text: str) -> str:
        """Return the beginning of what the server says, on one line. Secrets go first: a cut one would not be found."""
        return " ".join(self.redact(text).split())[:_QUOTED]

    async def connect(self, most: int | None = None) -> tuple[Connection, int]:
        """Return a new connection and how long it took, ns. `most`: bytes of a body, where it is not the target's bound."""
        sizes = self.target.sizes
        body = sizes.body if most is None else most
        return await dial(self.site, self.addresses, self.context, self.connect_ns, sizes.header, body)

    async def probe(self) -> None:
        """Connect once and hang up.

        Raises:
            TargetFault: there is no way to the target.
        """
        connection, _ = await self.connect()
        connection.abort()


def secret_values(target: Target, secrets: Secrets) -> list[str]:
    """Return the values of every reference of a target, for scrubbing."""
    return [secrets.resolve(f"${{{name}}}") for name in auth.secrets_of(target)]


def redactor_of(target: Target, secrets: Secrets) -> Redactor:
    """Return what scrubs a target's secrets: the one that `secrets` bring along, which learns of tokens, or one of its own."""
    shared = getattr(secrets, "redactor", None)
    return shared if isinstance(shared, Redactor) else Redactor(secret_values(target, secrets))


class Caller:
    """One user's connection. `call` sends one request; the receiver reads the reply."""

    __slots__ = ("_connection", "_encode", "_extra", "_payload", "_route", "slow_ns", "tap")

    def __init__(self, route: Route, encode: Callable[[Prompt], bytes]) -> None:
        self._route = route
        self._encode = encode
        self._connection: Connection | None = None
        self._payload = b""
        self._extra = b""
        self.slow_ns = 0
        self.tap: Tap | None = None

    def call(self, prompt: Prompt, mark: Mark, receiver: Receiver) -> Awaitable[None]:
        """Send `prompt`; what is returned is done once the reply is complete. Raises what `Connection.request` raises, and

        TargetFault: there is no way to the target.
        """
        body = self._encode(prompt)
        if self.tap is not None:
            self.tap("sent", body)
            receiver = Tapped(receiver, self.tap)
        extra = b""
        if prompt.extra:
            extra = "".join(f"{k}: {v}\r\n" for k, v in prompt.extra.items() if k not in OURS).encode("latin-1")
        self._extra = extra
        self._payload = b"%b%d\r\n%b\r\n%b" % (self._route.head, len(body), extra, body)
        connection = self._connection
        if connection is None or not connection.open:
            return self._dial(mark, receiver)
        connection.slow_s = self.slow_ns / NS_PER_S
        mark.sent()
        return connection.request(self._payload, receiver)

    async def again(self, closed: Closed, mark: Mark, receiver: Receiver) -> None:
        """Send the same once more, on a new connection, when the server had closed a kept one meanwhile.

        No byte of a reply came, so nothing is counted twice (RFC 9112 section 9.3.1 leaves this to clients; Go and
        browsers do the same).

        Raises:
            TargetFault: the connection was a fresh one, or the new one fails too.
        """
        if not closed.stale:
            raise TargetFault(FaultKind.connect, str(closed)) from None
        try:
            await self._dial(mark, receiver if self.tap is None else Tapped(receiver, self.tap))
        except Closed as twice:
            raise TargetFault(FaultKind.connect, str(twice)) from None
        except asyncio.CancelledError:
            self.hang_up()  # what is still to come would be taken for the next reply
            raise

    async def look(self, path: str, receiver: Receiver) -> None:
        """Ask for `path` of the same host with a GET, as the request before it; on a new connection if need be.

        Raises:
            TargetFault: it cannot be asked, or the reply breaks the protocol.
        """
        payload = b"%b%b\r\n" % (self._route.head_of("GET", path), self._extra)
        if self.tap is not None:
            receiver = Tapped(receiver, self.tap)
        for _ in range(2):  # a kept connection may have been closed meanwhile
            connection = self._connection
            if connection is None or not connection.open:
                connection, _took = await self._route.connect()
                self._connection = connection
            try:
                await connection.request(payload, receiver)
                return
            except Closed as closed:
                if not closed.stale:
                    raise TargetFault(FaultKind.connect, str(closed)) from None
        raise TargetFault(FaultKind.connect, "the connection was closed without an answer, twice")

    async def _dial(self, mark: Mark, receiver: Receiver) -> None:
        connection, took = await self._route.connect()
        mark.dialled(took)
        self._connection = connection
        connection.slow_s = self.slow_ns / NS_PER_S
        mark.sent()
        await connection.request(self._payload, receiver)

    def hang_up(self) -> None:
        """Close at once; what is under way is lost."""
        if self._connection:
            self._connection.abort()
            self._connection = None

    async def close(self) -> None:
        """Hang up."""
        self.hang_up()


class Tapped:
    """A receiver whose bytes somebody else hears first."""

    def __init__(self, receiver: Receiver, tap: Tap) -> None:
        self._receiver = receiver
        self._tap = tap
        self.on_byte = receiver.on_byte
        self.on_head = receiver.on_head

    def on_body(self, data: bytes, at_ns: int) -> bool:
        """Pass the bytes on."""
        self._tap("received", data)
        return self._receiver.on_body(data, at_ns)


def status_fault(route: Route, status: int, headers: dict[bytes, bytes], words: str) -> TargetFault:
    """Return the fault that a status other than 2xx is. `words`: what `words_of` found in the body."""
    said = f": {words}" if words else ""
    if status == 429:
        return TargetFault(FaultKind.rate_limited, f"429{said}", status=status, retry_after_ns=retry_after(headers))
    if status >= 500:
        return TargetFault(FaultKind.server, f"{status}{said}", status=status, retry_after_ns=retry_after(headers))
    if status >= 400:
        return TargetFault(FaultKind.rejected, f"{status}{said}", status=status)
    if status >= 300:
        return TargetFault(FaultKind.protocol, f"{status}: a redirect {_whereto(route, headers)}", status=status)
    return TargetFault(FaultKind.protocol, f"unexpected status {status}{said}", status=status)


def _whereto(route: Route, headers: dict[bytes, bytes]) -> str:
    location = headers.get(b"location", b"").decode("latin-1")
    if not location:
        return "without a location"
    known = redirect_allowed(route.site, location)
    where = "the same host: put that address into the target" if known else "elsewhere: not followed"
    return f"to {route.redact(location)[:200]} ({where})"


def words_of(route: Route, reader: Reader, body: bytes) -> str:
    """Return what the server says in a body that is no reply: its error by the mapping, else its first words."""
    try:
        if error := reader.event(body).error:
            return route.quote(error)
    except NotMapped:
        pass
    return route.quote(body[:4096].decode("utf-8", "replace"))


def unreadable(
    route: Route, read: Callable[[bytes], Found], body: bytes, error: NotMapped, status: int, usage: Usage | None = None
) -> TargetFault:
    """Return the fault of a body that `read` could not map.

    The error quotes the body's beginning, which may end in the midst of a secret: then it is read again without secrets.
    """
    text = body.decode("utf-8", "replace")
    scrubbed = route.redact(text)
    if scrubbed is not text:
        try:
            read(scrubbed.encode())
        except NotMapped as again:
            error = again
        else:
            error = NotMapped("the reply cannot be read")
    return TargetFault(FaultKind.protocol, route.redact(str(error))[:_QUOTED], status=status, usage=usage)


def hidden(usage: Usage | None) -> bool:
    """Tell whether a target thought without showing it: such a reply may end, by its length, before it says a word."""
    return usage is not None and usage.reasoning > 0


def empty(finish: str | None) -> str:
    """Return the words for a reply that says nothing; why it ended often tells why."""
    return f"the reply is empty; it ended with {finish[:60]!r}" if finish else "the reply is empty"


def retry_after(headers: dict[bytes, bytes]) -> int | None:
    """Return how long a Retry-After (RFC 9110 section 10.2.3) or retry-after-ms asks to wait, ns; a year at most."""
    try:
        if millis := headers.get(b"retry-after-ms"):
            wait = round(float(millis) * 1_000_000)
        else:
            value = headers.get(b"retry-after", b"").decode("latin-1").strip()
            if not value:
                return None
            if value.replace(".", "", 1).isdigit():
                wait = round(float(value) * NS_PER_S)
            else:
                wait = round(parsedate_to_datetime(value).timestamp() * NS_PER_S) - wall_ns()
    except (ValueError, OverflowError):
        return None
    return min(max(0, wait), LONGEST_WAIT_NS)
