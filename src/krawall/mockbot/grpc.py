"""The mock bot's gRPC port: the service of chat.proto, with health and reflection (v1 and v1alpha). Needs the extra `grpc`."""

from __future__ import annotations

import errno
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import resources
from typing import Any

import msgspec

from krawall.mockbot.grpc_calls import Calls
from krawall.mockbot.pacer import Pacer
from krawall.mockbot.state import State
from krawall.net.grpc_dial import load
from krawall.net.protoc import compile_proto
from krawall.wire.proto import library

SERVICE = "krawall.mock.v1.Chat"
_PACKAGE = SERVICE.rpartition(".")[0]
_MESSAGES = ("Question", "Answer", "Part")
_REFLECTION = ("grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection")


def proto() -> str:
    """Return the text of chat.proto."""
    return resources.files("krawall.mockbot").joinpath("chat.proto").read_text(encoding="utf-8")


class GrpcTls(msgspec.Struct, frozen=True):
    """How the port speaks TLS, in PEM. With `authority` clients must have a certificate of its making."""

    key: bytes
    certificate: bytes
    authority: bytes | None = None


@asynccontextmanager
async def serve_grpc(
    state: State, pacer: Pacer, host: str, port: int, tls: GrpcTls | None = None
) -> AsyncIterator[int]:
    """Serve until the block ends; give the port, a free one for 0.

    Raises:
        PluginError: the extra `grpc` is not installed.
        OSError: the port is taken.
    """
    aio, grpc = load(), library("grpc")
    pool = library("google.protobuf.descriptor_pool").DescriptorPool()
    health_protos = library("grpc_health.v1.health_pb2")
    told = [
        each.DESCRIPTOR.serialized_pb for each in (health_protos, library("grpc_reflection.v1alpha.reflection_pb2"))
    ]
    for file in [*compile_proto({"chat.proto": proto()}), *told]:
        pool.AddSerializedFile(file)
    server = aio.server(options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers(
        (_chat(grpc, state, pacer, pool), *_reflections(grpc, pool)),
    )
    health = library("grpc_health.v1.health")
    health_grpc = library("grpc_health.v1.health_pb2_grpc")
    servicer = health.aio.HealthServicer()
    health_grpc.add_HealthServicer_to_server(servicer, server)
    await servicer.set(SERVICE, health_protos.HealthCheckResponse.SERVING)
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        if tls is None:
            bound = server.add_insecure_port(where)
        else:
            pairs = [(tls.key, tls.certificate)]
            credentials = grpc.ssl_server_credentials(pairs, tls.authority, tls.authority is not None)
            bound = server.add_secure_port(where, credentials)
    except RuntimeError as error:
        raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE)) from error
    await server.start()
    try:
        yield bound
    finally:
        await server.stop(0)


def _chat(grpc: Any, state: State, pacer: Pacer, pool: Any) -> Any:
    made = library("google.protobuf.message_factory").GetMessageClass
    messages = {name: made(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}")) for name in _MESSAGES}
    calls = Calls(state, pacer, messages, grpc.StatusCode)
    read, answer, part = (
        messages["Question"].FromString, messages["Answer"].SerializeToString, messages["Part"].SerializeToString
    )  # fmt: skip
    return grpc.method_handlers_generic_handler(
        SERVICE,
        {
            "Ask": grpc.unary_unary_rpc_method_handler(calls.ask, read, answer),
            "Stream": grpc.unary_stream_rpc_method_handler(calls.stream, read, part),
            "Tell": grpc.stream_unary_rpc_method_handler(calls.tell, read, answer),
            "Talk": grpc.stream_stream_rpc_method_handler(calls.talk, read, part),
        },
    )


def _reflections(grpc: Any, pool: Any) -> list[Any]:
    """Both versions of the protocol: their messages are the same, their names are not."""
    protos = library("grpc_reflection.v1alpha.reflection_pb2")
    names = (SERVICE, "grpc.health.v1.Health", *_REFLECTION)
    servicer = library("grpc_reflection.v1alpha.reflection").aio.ReflectionServicer(names, pool=pool)
    handler = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        protos.ServerReflectionRequest.FromString,
        protos.ServerReflectionResponse.SerializeToString,
    )
    return [grpc.method_handlers_generic_handler(name, {"ServerReflectionInfo": handler}) for name in _REFLECTION]
