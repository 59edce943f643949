"""Ways to a gRPC server: a channel of one user's own at pinned addresses, TLS, metadata. The library is loaded when it is first needed."""

from __future__ import annotations

import asyncio
import base64
import binascii
import os
import re
import ssl
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from krawall.clock import monotonic_ns
from krawall.errors import DocumentError, Place
from krawall.model.auth import Tls
from krawall.model.base import NS_PER_S, format_duration
from krawall.model.exchange import FaultKind, TargetFault
from krawall.net.caller import OURS, Route
from krawall.net.dial import pem
from krawall.net.grpc_faults import no_way
from krawall.wire.proto import library

Metadata = tuple[tuple[str, str | bytes], ...]

_NAME = re.compile(r"[0-9a-z_.-]+")  # https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md, Header-Name
_VALUE = re.compile(r"[\x20-\x7e]*")
_NOT_TO_SET = OURS | {"content-type", "te", "connection", "accept-encoding"}
_HEALTH = "/grpc.health.v1.Health/Check"
_MOST_OWN = 1024 * 1024 * 1024  # bytes of a request: bounded by the author of the scenario


def load() -> Any:
    """Return the library `grpc.aio`; it logs nothing, what goes wrong is a fault of an exchange.

    Raises:
        PluginError: it is not installed.
    """
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    return library("grpc.aio")


class Dialer:
    """Makes the connections of a line's users: each has one of its own, found at the target's pinned addresses.

    `aio` is the library.
    """

    def __init__(self, route: Route, resolve: Callable[[str], str]) -> None:
        self.aio = load()
        self._grpc = library("grpc")
        self._route = route
        self._connectivity = self._grpc.ChannelConnectivity
        self._credentials = _credentials(self._grpc, route, resolve)
        target = route.target
        self._options = [
            ("grpc.primary_user_agent", route.who["user-agent"]),
            ("grpc.default_authority", route.site.authority),
            ("grpc.use_local_subchannel_pool", 1),  # or users would share connections
            ("grpc.enable_http_proxy", 0),
            ("grpc.enable_retries", 0),  # the scenario's error policy retries, and each attempt is told
            ("grpc.service_config_disable_resolution", 1),
            ("grpc.max_receive_message_length", target.sizes.event),
            ("grpc.max_send_message_length", _MOST_OWN),
            ("grpc.max_metadata_size", target.sizes.header),
        ]
        if self._credentials is not None:
            self._options.append(("grpc.ssl_target_name_override", route.site.host))

    async def dial(self) -> tuple[Any, int]:
        """Return a new channel that is connected, and how long that took, ns.

        Raises:
            TargetFault: kind `connect`, `tls` or `protocol`.
        """
        route, began = self._route, monotonic_ns()
        trouble = TargetFault(FaultKind.connect, f"{route.site.host} has no address")
        try:
            async with asyncio.timeout(route.connect_ns / NS_PER_S):
                for address in route.addresses:
                    channel, ready = self._channel(address), False
                    try:
                        await self._ready(channel)
                        ready = True
                        return channel, monotonic_ns() - began
                    except TargetFault as fault:
                        trouble = fault
                    finally:
                        if not ready:
                            await channel.close()
        except TimeoutError:
            words = f"{route.site.host}:{route.site.port}: no connection within {format_duration(route.connect_ns)}"
            trouble = TargetFault(FaultKind.connect, words)
        raise trouble

    def is_open(self, channel: Any) -> bool:
        """Say whether a channel is still connected."""
        return bool(channel.get_state() == self._connectivity.READY)

    def _channel(self, address: str) -> Any:
        where = f"ipv6:[{address}]" if ":" in address else f"ipv4:{address}"
        where = f"{where}:{self._route.site.port}"
        if self._credentials is None:
            return self.aio.insecure_channel(where, options=self._options)
        return self.aio.secure_channel(where, self._credentials, options=self._options)

    async def _ready(self, channel: Any) -> None:
        state = channel.get_state(try_to_connect=True)
        while state != self._connectivity.READY:
            if state == self._connectivity.TRANSIENT_FAILURE:
                raise await self._reason(channel)
            await channel.wait_for_state_change(state)
            state = channel.get_state(try_to_connect=True)

    async def _reason(self, channel: Any) -> TargetFault:
        """Ask why there is no connection: the library tells it to a call only. Of all calls this one does no harm."""
        details = ""
        try:
            await channel.unary_unary(_HEALTH)(b"", timeout=self._route.connect_ns / NS_PER_S)
        except self.aio.AioRpcError as error:
            details = error.details() or ""
        return no_way(self._route, details)


def metadata_of(route: Route) -> Metadata:
    """Return who we are and the target's own headers as metadata.

    Raises:
        DocumentError: gRPC cannot carry one. The message names the place, never the value.
    """
    try:
        own = tuple(metadata(route.headers))
    except ValueError as error:
        raise DocumentError("target", [Place("target.headers", str(error))]) from None
    return (("x-krawall-session", route.who["x-krawall-session"]), *own)


def metadata(headers: Mapping[str, str]) -> list[tuple[str, str | bytes]]:
    """Return headers (names in lower case) as metadata; those that are ours or the protocol's are left out.

    The value of a name that ends in -bin is base64 and becomes bytes.

    Raises:
        ValueError: gRPC cannot carry a name or a value; never repeats the value.
    """
    found: list[tuple[str, str | bytes]] = []
    for name, value in headers.items():
        if name in _NOT_TO_SET:
            continue
        if not _NAME.fullmatch(name) or name.startswith("grpc-"):
            raise ValueError(f"{name!r} cannot be the name of metadata")
        if name.endswith("-bin"):
            with suppress(binascii.Error, ValueError):
                found.append((name, base64.b64decode(value, validate=True)))
                continue
            raise ValueError(f"the value of {name!r} is not base64")
        if not _VALUE.fullmatch(value):
            raise ValueError(f"the value of {name!r} has letters that metadata cannot have")
        found.append((name, value))
    return found


def _credentials(grpc: Any, route: Route, resolve: Callable[[str], str]) -> Any:
    """Return what TLS takes, None without it. The route has checked the certificates already."""
    if not route.site.secure:
        return None
    tls: Tls = route.target.tls
    trusted = [Path(route.target.ca_file).read_bytes()] if route.target.ca_file else []
    trusted += [_bytes(tls.ca, resolve)] if tls.ca else []
    key = _bytes(tls.key, resolve) if tls.key else None
    certificate = _bytes(tls.certificate, resolve) if tls.certificate else None
    roots = b"\n".join([*_system_roots(), *trusted]) if trusted else None
    return grpc.ssl_channel_credentials(roots, key, certificate)


def _bytes(given: str, resolve: Callable[[str], str]) -> bytes:
    with pem(given, resolve) as path:
        return Path(path).read_bytes()


def _system_roots() -> list[bytes]:
    """Return the authorities that the system trusts: the library takes its own only when none are given."""
    found = ssl.get_default_verify_paths().cafile
    if found:
        return [Path(found).read_bytes()]
    known = ssl.create_default_context().get_ca_certs(binary_form=True)
    return [ssl.DER_cert_to_PEM_cert(each).encode() for each in known]
