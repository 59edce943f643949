"""What a failed call is to whoever measures: gRPC's status codes as faults, and how long a server asks to wait.

A status comes from the server or is made up by the library when a connection fails; the library tells these apart by words
alone, so its words are known here and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from krawall.model.base import NS_PER_S
from krawall.model.exchange import FaultKind, TargetFault
from krawall.net.caller import LONGEST_WAIT_NS, Route, retry_after, status_fault

# https://grpc.io/docs/guides/status-codes/, and the HTTP status that google/rpc/code.proto gives each.
CODES: dict[str, tuple[FaultKind, int]] = {
    "CANCELLED": (FaultKind.server, 499),  # by the server: what we cancel never comes here
    "UNKNOWN": (FaultKind.server, 500),
    "INVALID_ARGUMENT": (FaultKind.rejected, 400),
    "DEADLINE_EXCEEDED": (FaultKind.timeout, 504),
    "NOT_FOUND": (FaultKind.rejected, 404),
    "ALREADY_EXISTS": (FaultKind.rejected, 409),
    "PERMISSION_DENIED": (FaultKind.rejected, 403),
    "RESOURCE_EXHAUSTED": (FaultKind.rate_limited, 429),
    "FAILED_PRECONDITION": (FaultKind.rejected, 400),
    "ABORTED": (FaultKind.rejected, 409),
    "OUT_OF_RANGE": (FaultKind.rejected, 400),
    "UNIMPLEMENTED": (FaultKind.protocol, 501),
    "INTERNAL": (FaultKind.server, 500),
    "UNAVAILABLE": (FaultKind.server, 503),
    "DATA_LOSS": (FaultKind.server, 500),
    "UNAUTHENTICATED": (FaultKind.rejected, 401),
}

_NO_WAY = "failed to connect to all addresses"
_REASON = re.compile(r"last error: \w+: (?:ipv[46]:\S+: )?")
_LOST = re.compile(
    r"(?:Stream removed \()?(?:Socket closed|Connection reset|Broken pipe|Transport closed|recvmsg|GOAWAY|Endpoint|keepalive)"
    r"|Stream removed \(|Internal error from Core"
)
_PARSED = re.compile(
    r"Failed parsing HTTP/2|HTTP2|http1\.x|Data frame|larger than max|decompress|compressed", re.IGNORECASE
)
_TLS = re.compile(r"handshake|SSL|CERTIFICATE|Peer name|Hostname Verification", re.IGNORECASE)
_HTTP = re.compile(r"http2 header with status: (\d{3})")


class Lost(Exception):
    """The connection was gone before anything of a reply came."""


def no_way(route: Route, details: str) -> TargetFault:
    """Return the fault of a connection that cannot be made, in the library's words."""
    words = _REASON.sub("", details.removeprefix(_NO_WAY).lstrip("; ")) or "no connection"
    words = words.removeprefix("Failed to connect to remote host: ")
    kind = FaultKind.connect
    if _PARSED.search(words):
        kind, words = FaultKind.protocol, f"the server does not speak HTTP/2: {words}"
    elif _TLS.search(words):
        kind, words = FaultKind.tls, _tls_words(words)
    return TargetFault(kind, route.quote(f"{route.site.host}:{route.site.port}: {words}"))


def _tls_words(words: str) -> str:
    if "WRONG_VERSION_NUMBER" in words:
        return "the server does not speak TLS; is its address grpc, not grpcs?"
    if "Peer name" in words or "Hostname" in words:
        return "the certificate is not accepted: it is for another host"
    if "CERTIFICATE_VERIFY_FAILED" in words:
        said = re.search(r"CERTIFICATE_VERIFY_FAILED: ([^\]:]+)", words)
        return "the certificate is not accepted" + (f": {said[1]}" if said else "")
    return f"TLS failed: {words}"


def call_fault(route: Route, error: Any, *, heard: bool) -> TargetFault:
    """Return the fault that a failed call is. `heard`: something of the reply had come.

    Raises:
        Lost: the connection went before anything came; it may have been a stale one.
    """
    code, details = error.code().name, error.details() or ""
    if details.startswith(_NO_WAY):
        return no_way(route, details)
    if found := _HTTP.search(details):
        return _http_fault(route, int(found[1]))
    if code == "DEADLINE_EXCEEDED" and (not details or "Deadline Exceeded" in details):
        return TargetFault(FaultKind.timeout, "the deadline of the call ran out", status=504)
    if "larger than max" in details:
        return TargetFault(FaultKind.protocol, f"a message is larger than the target's sizes allow: {details}"[:300])
    if _LOST.match(details):
        return _lost(route, code, details, heard=heard)
    kind, status = CODES.get(code, (FaultKind.server, 500))
    said = route.quote(details)
    wait = wait_ns(error.trailing_metadata() or ()) if status in (429, 503) else None
    return TargetFault(kind, f"{code}: {said}" if said else code, status=status, retry_after_ns=wait)


def _lost(route: Route, code: str, details: str, *, heard: bool) -> TargetFault:
    words = route.quote(details.removeprefix("Stream removed (").removesuffix(")"))
    if details.startswith("Internal"):  # writing failed; the server's own status is lost then
        code, words = "UNAVAILABLE", "the server ended the call before all of it was sent"
    if code == "UNAVAILABLE":
        if not heard:
            raise Lost(f"the connection ended without an answer: {words}")
        return TargetFault(FaultKind.truncated, f"the connection ended in mid-reply: {words}")
    if _PARSED.search(details) or code in ("UNKNOWN", "INTERNAL"):
        return TargetFault(FaultKind.protocol, f"not the gRPC protocol: {words}")
    if heard:
        return TargetFault(FaultKind.truncated, f"the server ended the call in mid-reply: {words}")
    kind, status = CODES.get(code, (FaultKind.server, 500))
    return TargetFault(kind, f"{code}: {words}", status=status)


def _http_fault(route: Route, status: int) -> TargetFault:
    """Return the fault of an answer that is not gRPC's: a proxy, or a server of something else."""
    if 300 <= status < 400:
        return TargetFault(FaultKind.protocol, f"{status}: a redirect, which gRPC does not have", status=status)
    return status_fault(route, status, {}, "an answer of HTTP, not of gRPC")


def wait_ns(metadata: Iterable[tuple[str, Any]]) -> int | None:
    """Return how long trailing metadata ask to wait, ns; a year at most.

    `grpc-retry-pushback-ms` (gRFC A6), a google.rpc.RetryInfo among the details, or the headers that HTTP has.
    """
    held = dict(metadata)
    pushback = str(held.get("grpc-retry-pushback-ms", ""))
    if pushback.isascii() and pushback.isdigit():
        return min(int(pushback) * 1_000_000, LONGEST_WAIT_NS)
    details = held.get("grpc-status-details-bin")
    if isinstance(details, bytes) and (wait := _retry_info(details)) is not None:
        return min(wait, LONGEST_WAIT_NS)
    return retry_after({name.encode(): str(value).encode("latin-1", "replace") for name, value in held.items()})


def _retry_info(status: bytes) -> int | None:
    """Return the delay of a RetryInfo (google/rpc/error_details.proto) in a google.rpc.Status, ns."""
    for number, detail in _fields(status):
        held = dict(_fields(detail)) if number == 3 and isinstance(detail, bytes) else {}
        kind, value = held.get(1), held.get(2)
        if isinstance(kind, bytes) and kind.endswith(b"/google.rpc.RetryInfo") and isinstance(value, bytes):
            delay = dict(_fields(value)).get(1, b"")
            parts = dict(_fields(delay)) if isinstance(delay, bytes) else {}
            seconds, nanos = parts.get(1, 0), parts.get(2, 0)
            if isinstance(seconds, int) and isinstance(nanos, int):
                return seconds * NS_PER_S + nanos
    return None


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield the fields of a message as the wire has them, up to what cannot be read (https://protobuf.dev/programming-guides/encoding/)."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        if tag & 7 == 0:
            number, at = _varint(data, at)
            yield tag >> 3, number
        elif tag & 7 == 2:
            size, at = _varint(data, at)
            yield tag >> 3, data[at : at + size]
            at += size
        else:
            return


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data):
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128 or shift > 63:
            break
    return value, at
