"""GET requests to a granted host, one after another on connections of their own: what is there, without saying anything."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from krawall.guard.hosts import Site
from krawall.ids import new_id
from krawall.model.exchange import TargetFault
from krawall.model.plan import Plan
from krawall.net.dial import dial, tls_context
from krawall.net.http1 import Closed
from krawall.version import __version__
from krawall.wire.document import NotMapped, decode_any

MOST_BODY = 4_000_000
MOST_HEAD = 65_536
ANSWER_S = 10.0


@dataclass
class Looked:
    """What a path answered. `status` 0: nothing. `json`: the decoded body, None when it is none."""

    status: int = 0
    kind: str = ""
    body: bytes = b""
    json: object = None
    parts: list[bytes] = field(default_factory=list)

    def on_byte(self, at_ns: int) -> None:
        """The first byte is of no interest."""

    def on_head(self, status: int, headers: dict[bytes, bytes]) -> None:
        """Keep the head."""
        self.status = status
        self.kind = headers.get(b"content-type", b"").decode("latin-1").lower()

    def on_body(self, data: bytes, at_ns: int) -> bool:
        """Keep the body; a stream of events is not waited for."""
        self.parts.append(data)
        return "event-stream" in self.kind


async def look_up(plan: Plan, site: Site, paths: Sequence[str]) -> dict[str, Looked]:
    """Return what each path answers to a GET, no faster than the host's tier allows. Stops when nobody answers."""
    found: dict[str, Looked] = {}
    per_s, session = plan.granted.requests_per_s, new_id("tst")
    for path in dict.fromkeys(paths):
        if found and per_s:
            await asyncio.sleep(1 / per_s)
        try:
            async with asyncio.timeout(ANSWER_S):
                found[path] = await _get(plan, site, path, session)
        except (TargetFault, Closed, TimeoutError):
            found[path] = Looked()
            if len(found) == 1:
                break
    return found


async def _get(plan: Plan, site: Site, path: str, session: str) -> Looked:
    context = tls_context(site, plan.target.ca_file)
    connection, _ = await dial(site, plan.granted.addresses, context, round(ANSWER_S * 1e9), MOST_HEAD, MOST_BODY)
    looked = Looked()
    headers = {
        "host": site.authority,
        "user-agent": f"krawall/{__version__}",
        "x-krawall-session": session,
        "accept": "application/json",
        "connection": "close",
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    try:
        await connection.request(f"GET {path} HTTP/1.1\r\n{lines}\r\n".encode("latin-1"), looked)
    finally:
        connection.abort()
    looked.body = b"".join(looked.parts)
    try:
        looked.json = decode_any(looked.body)
    except NotMapped:
        looked.json = None
    return looked
