"""Ways to a host: pinned addresses, TLS with verification, connect time."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Sequence

from krawall.clock import monotonic_ns
from krawall.errors import DocumentError, Place
from krawall.guard.hosts import Site
from krawall.model.base import NS_PER_S, format_duration
from krawall.model.exchange import FaultKind, TargetFault
from krawall.net.http1 import Connection


def tls_context(site: Site, ca_file: str | None) -> ssl.SSLContext | None:
    """Return a verifying context for https, wss and grpcs, None for the others. There is no switch to turn verification off.

    Raises:
        DocumentError: the file of authorities cannot be read.
    """
    if not site.secure:
        return None
    context = ssl.create_default_context()
    if ca_file:
        try:
            context.load_verify_locations(ca_file)
        except OSError as error:  # also ssl.SSLError: no certificate in it
            reason = "is no PEM file of certificates" if isinstance(error, ssl.SSLError) else os_reason(error)
            raise DocumentError("target", [Place("target.ca file", f"{ca_file!r}: {reason}")]) from None
    context.set_alpn_protocols(["http/1.1"])
    return context


async def dial(
    site: Site, addresses: Sequence[str], context: ssl.SSLContext | None, timeout_ns: int, max_head: int, max_body: int
) -> tuple[Connection, int]:
    """Return a new connection to the first address that answers, and how long it took, ns (TCP + TLS; names are resolved before).

    Raises:
        TargetFault: kind `connect` or `tls`.
    """
    loop = asyncio.get_running_loop()
    began = monotonic_ns()
    trouble = TargetFault(FaultKind.connect, f"{site.host} has no address")
    try:
        async with asyncio.timeout(timeout_ns / NS_PER_S):
            for address in addresses:
                try:
                    _, connection = await loop.create_connection(
                        lambda: Connection(loop, max_head, max_body),
                        address,
                        site.port,
                        ssl=context,
                        server_hostname=site.host if context else None,
                    )
                except ssl.SSLError as error:
                    raise TargetFault(FaultKind.tls, tls_reason(error)) from None
                except OSError as error:
                    trouble = TargetFault(FaultKind.connect, f"{site.host}:{site.port}: {os_reason(error)}")
                else:
                    return connection, monotonic_ns() - began
    except TimeoutError:
        trouble = TargetFault(
            FaultKind.connect, f"{site.host}:{site.port}: no connection within {format_duration(timeout_ns)}"
        )
    raise trouble


def os_reason(error: OSError) -> str:
    """Return what the operating system says of an error."""
    return os.strerror(error.errno) if error.errno else str(error) or type(error).__name__


def tls_reason(error: ssl.SSLError) -> str:
    """Return why TLS failed, in words for the one who wrote the address."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is not accepted: {error.verify_message}"
    if error.reason == "WRONG_VERSION_NUMBER":  # what OpenSSL calls bytes that are no TLS at all
        return "the server does not speak TLS; is its address http, not https?"
    return f"TLS failed: {error.reason or error}"
