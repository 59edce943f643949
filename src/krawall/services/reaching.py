"""The way to a target without saying anything: a connection and a TLS handshake of our own, each with its time and its words."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from krawall.clock import monotonic_ns
from krawall.guard.hosts import Site
from krawall.model.base import NS_PER_S, format_duration
from krawall.model.exchange import FaultKind, TargetFault


@dataclass(frozen=True)
class Reached:
    """A connection that nothing was said on yet. `address`: the one that answered; `took_ns`: to connect."""

    writer: asyncio.StreamWriter
    address: str
    took_ns: int

    def hang_up(self) -> None:
        """Cut it."""
        self.writer.transport.abort()


async def reach(site: Site, addresses: Sequence[str], timeout_ns: int) -> Reached:
    """Connect to the first address that answers.

    Raises:
        TargetFault: kind `connect`.
    """
    began = monotonic_ns()
    where = f"{site.host}:{site.port}"
    trouble = f"{where} has no address"
    try:
        async with asyncio.timeout(timeout_ns / NS_PER_S):
            for address in addresses:
                try:
                    _, writer = await asyncio.open_connection(address, site.port)
                except OSError as error:
                    trouble = f"{where}: {os.strerror(error.errno) if error.errno else error}"
                else:
                    return Reached(writer, address, monotonic_ns() - began)
    except TimeoutError:
        trouble = f"{where}: no connection within {format_duration(timeout_ns)}"
    raise TargetFault(FaultKind.connect, trouble)


async def shake_hands(reached: Reached, site: Site, context: ssl.SSLContext, timeout_ns: int) -> str:
    """Do the TLS handshake and return what was agreed on, in words.

    Raises:
        TargetFault: kind `tls`.
    """
    try:
        async with asyncio.timeout(timeout_ns / NS_PER_S):
            await reached.writer.start_tls(context, server_hostname=site.host)
    except TimeoutError:
        raise TargetFault(FaultKind.tls, f"no TLS handshake within {format_duration(timeout_ns)}") from None
    except ssl.SSLError as error:
        raise TargetFault(FaultKind.tls, _reason(error)) from None
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else "the server hung up"
        raise TargetFault(FaultKind.tls, f"TLS failed: {reason}") from None
    return _agreed(reached.writer)


def _reason(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is not accepted: {error.verify_message}"
    if error.reason in (
        "WRONG_VERSION_NUMBER",
        "HTTP_REQUEST",
        "PACKET_LENGTH_TOO_LONG",
    ):  # bytes that are no TLS at all
        return "the server does not speak TLS"
    return f"the handshake failed: {error.reason or error}"


def _agreed(writer: asyncio.StreamWriter) -> str:
    made = writer.get_extra_info("ssl_object")
    certificate: dict[str, Any] = writer.get_extra_info("peercert") or {}
    parts = [str(made.version())] if made is not None else []
    if issuer := _name(certificate.get("issuer")):
        parts.append(f"certificate by {issuer}")
    if until := certificate.get("notAfter"):
        parts.append(f"valid until {until}")
    return ", ".join(parts)


def _name(parts: Any) -> str:
    """Return the organisation of a distinguished name, else its common name."""
    found = {key: value for part in parts or () for key, value in part}
    return str(found.get("organizationName") or found.get("commonName") or "")
