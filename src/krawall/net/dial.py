"""Ways to a host: pinned addresses, TLS with verification, connect time."""

from __future__ import annotations

import asyncio
import os
import ssl
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from krawall.clock import monotonic_ns
from krawall.errors import DocumentError, Place
from krawall.guard.hosts import Site
from krawall.model.auth import REFERENCE, Tls
from krawall.model.base import NS_PER_S, format_duration
from krawall.model.exchange import FaultKind, TargetFault
from krawall.net.http1 import Connection


def tls_context(
    site: Site, ca_file: str | None, tls: Tls | None = None, resolve: Callable[[str], str] = str
) -> ssl.SSLContext | None:
    """Return a verifying context for https, wss and grpcs, None for the others. There is no switch to turn verification off.

    `resolve` opens references in `tls`.

    Raises:
        DocumentError: a file or a text holds no certificate or key. The message never quotes a key.
    """
    if not site.secure:
        return None
    context = ssl.create_default_context()
    if ca_file:
        _trust(context, ca_file, "target.ca file")
    if tls is not None and tls.ca:
        with pem(tls.ca, resolve) as path:
            _trust(context, path, "target.tls.ca", tls.ca)
    if tls is not None and tls.certificate and tls.key:
        with pem(tls.certificate, resolve) as certificate, pem(tls.key, resolve) as key:
            try:
                context.load_cert_chain(certificate, key, password=_no_password)
            except OSError as error:
                words = os_reason(error) if not isinstance(error, ssl.SSLError) else "they do not belong together"
                raise _wrong_pem("target.tls", f"certificate and key cannot be used: {words}") from None
    context.set_alpn_protocols(["http/1.1"])
    return context


def _trust(context: ssl.SSLContext, path: str, place: str, shown: str = "") -> None:
    try:
        context.load_verify_locations(path)
    except OSError as error:  # also ssl.SSLError: no certificate in it
        why = "is no PEM file of certificates" if isinstance(error, ssl.SSLError) else os_reason(error)
        raise _wrong_pem(place, f"{shown or path!r}: {why}") from None


def _wrong_pem(place: str, words: str) -> DocumentError:
    return DocumentError("target", [Place(place, words)])


def _no_password() -> str:
    raise _wrong_pem("target.tls.key", "the key is locked by a password; store it without one, as a secret")


@contextmanager
def pem(given: str, resolve: Callable[[str], str]) -> Iterator[str]:
    """Give the path of a PEM file: `given` itself, or for a reference a file that is gone when the block is left.

    OpenSSL loads our own certificate from files only. Where there is memory that has a path it is no file on a disk.
    """
    if not REFERENCE.search(given):
        yield given
        return
    data = resolve(given).encode()
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("krawall")
        try:
            os.write(descriptor, data)
            yield f"/proc/self/fd/{descriptor}"
        finally:
            os.close(descriptor)
    else:
        with tempfile.NamedTemporaryFile(suffix=".pem") as file:  # mode 0600
            file.write(data)
            file.flush()
            yield file.name


async def dial(
    site: Site,
    addresses: Sequence[str],
    context: ssl.SSLContext | None,
    timeout_ns: int,
    max_head: int,
    max_body: int,
    made: type[Connection] = Connection,
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
                        lambda: made(loop, max_head, max_body),
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
