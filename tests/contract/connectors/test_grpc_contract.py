"""The connector `grpc` passes the suite of every connector: unary and streaming, with a .proto and by reflection, plain and over TLS.

Servers that keep the rules are grpcio's own; those that do not are HTTP/2 frames written by hand (RFC 9113).
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
import trustme
from google.protobuf import descriptor_pool, message_factory
from grpc_reflection.v1alpha import reflection

from krawall.net.protoc import compile_proto
from krawall.testing.asking import target_of
from krawall.testing.contracts.connector import FAULTS, HOWS, TEXT, Scene, cases
from krawall.testing.hostile import Action, Peer, gone, hostile, send

PROTO = """
syntax = "proto3";
package parcels.v1;
service Desk {
  rpc Ask (Question) returns (Answer);
  rpc Stream (Question) returns (stream Part);
}
message Question { string message = 1; string conversation_id = 2; }
message Answer { string reply = 1; string conversation_id = 2; }
message Part { string text = 1; string finish = 2; }
"""
CANARY = {"BOT_KEY": "canary-Zq7-9f3c"}
SIZES = {"body": 20_000, "header": 20_000, "event": 20_000}
MAPPING = {"text": ["reply", "text"], "finish": "finish"}
POOL = descriptor_pool.DescriptorPool()
for _file in compile_proto({"desk.proto": PROTO}):
    POOL.AddSerializedFile(_file)


def message(name: str, **fields: str) -> bytes:
    made = message_factory.GetMessageClass(POOL.FindMessageTypeByName(f"parcels.v1.{name}"))
    data: bytes = made(**fields).SerializeToString()
    return data


class Desk(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpcio has no types
    """A service that behaves in one way."""

    def __init__(self, how: str) -> None:
        self.how = how
        self.sent: list[bytes] = []

    def service(self, call: Any) -> Any:
        if call.method == "/parcels.v1.Desk/Ask":
            return grpc.unary_unary_rpc_method_handler(self.ask)
        if call.method == "/parcels.v1.Desk/Stream":
            return grpc.unary_stream_rpc_method_handler(self.stream)
        return None

    async def _meet(self, request: bytes, context: Any) -> None:
        told = dict(context.invocation_metadata())
        whole = " ".join(f"{name}: {value}" for name, value in told.items())
        self.sent.append(whole.encode() + request)
        match self.how:
            case "silent":
                await asyncio.Event().wait()
            case "rejecting":
                await context.abort(grpc.StatusCode.UNAUTHENTICATED, f"who is {whole}?")
            case "busy":
                context.set_trailing_metadata((("grpc-retry-pushback-ms", "7000"),))
                await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "come back later")
            case "broken":
                await context.abort(grpc.StatusCode.INTERNAL, "it failed")

    async def ask(self, request: bytes, context: Any) -> bytes:
        await self._meet(request, context)
        match self.how:
            case "unmapped":
                return b"\xff\xff\xff"
            case "empty":
                return b""
            case "huge":
                return message("Answer", reply="x" * 30_000)
        return message("Answer", reply=TEXT)

    async def stream(self, request: bytes, context: Any) -> AsyncIterator[bytes]:
        await self._meet(request, context)
        match self.how:
            case "unmapped":
                yield b"\xff\xff\xff"
            case "empty":
                yield message("Part", finish="stop")
            case "huge":
                while True:
                    yield message("Part", text="x" * 900)
            case _:
                for part in ("one ", "two ", "three"):
                    yield message("Part", text=part)
                yield message("Part", finish="stop")


def frame(kind: int, flags: int, data: bytes = b"", stream: int = 0) -> bytes:
    """Return a frame (RFC 9113 section 4.1)."""
    return len(data).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + data


def fields(**pairs: str) -> bytes:
    """Return literal fields without indexing (RFC 7541 section 6.2.2); an underscore at the beginning stands for a colon."""
    said = b""
    for name, value in pairs.items():
        key = (":" + name[1:] if name.startswith("_") else name.replace("_", "-")).encode()
        said += b"\x00" + bytes([len(key)]) + key + bytes([len(value)]) + value.encode()
    return said


SETTINGS = frame(4, 0) + frame(4, 1)
HEADERS = frame(1, 4, fields(_status="200", content_type="application/grpc", x_desk="3"), 1)


def request() -> Action:
    """Take the preface, agree, read frames to the end of the first request."""

    async def act(peer: Peer) -> None:
        await peer.reader.readexactly(24)
        await peer.write(SETTINGS)
        while True:
            head = await peer.reader.readexactly(9)
            await peer.reader.readexactly(int.from_bytes(head[:3]))
            if head[3] == 0 and head[4] & 1:
                return

    return act


def settle() -> Action:
    """Exchange some pings, so that the library has handed on what was sent: what it holds when a connection breaks is lost."""

    async def act(peer: Peer) -> None:
        for _ in range(20):
            await peer.write(frame(6, 0, b"settling"))
            head = b""
            while head[3:5] != b"\x06\x01":
                head = await peer.reader.readexactly(9)
                await peer.reader.readexactly(int.from_bytes(head[:3]))

    return act


def fin() -> Action:
    """End the connection without a TLS goodbye, for which the client would have to wait."""

    async def act(peer: Peer) -> None:
        peer.writer.get_extra_info("socket").shutdown(socket.SHUT_WR)

    return act


def wild(how: str, elsewhere: str, *, stream: bool) -> list[Action]:
    """Return what a server does that keeps no rules."""
    data = message("Part", text="one ") if stream else message("Answer", reply=TEXT)
    whole = b"\0" + len(data).to_bytes(4) + data
    acts: dict[str, list[Action]] = {
        "vanishing": [fin()],
        "cut": [send(HEADERS + frame(0, 0, whole if stream else whole[:-4], 1)), settle(), fin()],
        "garbage": [send(b"\xff\xff\xff\xff is not what was agreed"), gone()],
        "moved": [send(frame(1, 5, fields(_status="307", location=elsewhere), 1)), fin()],
    }
    return [request(), *acts[how]]


@asynccontextmanager
async def served(desk: Desk, authority: trustme.CA | None, *, reflected: bool) -> AsyncIterator[int]:
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((desk,))
    if reflected:
        reflection.enable_server_reflection(("parcels.v1.Desk", reflection.SERVICE_NAME), server, POOL)
    if authority is None:
        port = server.add_insecure_port("127.0.0.1:0")
    else:
        issued = authority.issue_cert("127.0.0.1")
        pair = (issued.private_key_pem.bytes(), issued.cert_chain_pems[0].bytes())
        port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([pair]))
    await server.start()
    try:
        yield port
    finally:
        await server.stop(0)


@dataclass(frozen=True)
class Tls:
    authority: trustme.CA
    ca_file: Path
    vouched: Callable[..., ssl.SSLContext]


def grpc_stage(tls: Tls | None, *, stream: bool, reflected: bool) -> Any:
    @asynccontextmanager
    async def stage(how: str) -> AsyncIterator[Scene]:
        desk = Desk(how)
        async with AsyncExitStack() as stack:
            other = await stack.enter_async_context(hostile([gone()]))
            if how in ("vanishing", "cut", "garbage", "moved"):
                context = tls.vouched("h2") if tls else None
                scripts = wild(how, other.url(), stream=stream)
                port = (await stack.enter_async_context(hostile(scripts, tls=context))).port
            else:
                port = await stack.enter_async_context(
                    served(desk, tls.authority if tls else None, reflected=reflected)
                )
            if how == "absent":
                await stack.aclose()
            told: dict[str, Any] = {"method": "Stream" if stream else "Ask", "service": "parcels.v1.Desk"}
            yield Scene(
                target_of(
                    connector="grpc",
                    url=f"{'grpcs' if tls else 'grpc'}://127.0.0.1:{port}",
                    auth={"bearer": "${BOT_KEY}"},
                    sizes=SIZES,
                    reply=MAPPING,
                    stream=stream,
                    options=told | ({"reflection": True} if reflected else {"proto": PROTO}),
                    **({"ca_file": str(tls.ca_file)} if tls else {}),
                ),
                CANARY,
                lambda: desk.sent,
                lambda: other.connections,
            )

    return stage


@pytest.mark.parametrize("stream", [False, True], ids=["unary", "server streaming"])
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("case", cases(HOWS), ids=str)
async def test_grpc_does_what_every_connector_must(
    case: Any, tls: bool, stream: bool, authority: trustme.CA, ca_file: Path, vouched: Callable[..., ssl.SSLContext]
) -> None:
    await case.run(grpc_stage(Tls(authority, ca_file, vouched) if tls else None, stream=stream, reflected=False))


WILD = {"vanishing", "cut", "garbage", "moved"}  # these have no reflection
assert set(FAULTS) > WILD


@pytest.mark.parametrize("case", cases(set(HOWS) - WILD), ids=str)
async def test_grpc_by_reflection_does_what_every_connector_must(case: Any) -> None:
    await case.run(grpc_stage(None, stream=True, reflected=True))
