"""A server's own account of its services: the reflection protocol, v1 and before that v1alpha (grpc/reflection/v1/reflection.proto)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from krawall.model.exchange import FaultKind, TargetFault
from krawall.net.caller import Route
from krawall.net.grpc_dial import Metadata, load
from krawall.net.grpc_faults import Lost, call_fault
from krawall.wire.proto import library

_SERVICES = ("grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection")
_MOST_FILES = 500
_MOST_BYTES = 32_000_000


async def reflect(channel: Any, route: Route, metadata: Metadata, service: str, timeout_s: float) -> list[bytes]:
    """Return the serialized FileDescriptorProtos of a service, or of all, with everything that they import.

    `service` may be the name without its package.

    Raises:
        TargetFault: the server does not tell, or not in a way that can be read.
    """
    aio = load()
    for name in _SERVICES:
        call = partial(channel.unary_unary(f"/{name}/ServerReflectionInfo"), metadata=metadata, timeout=timeout_s)
        try:
            return await _Asking(call).everything(service)
        except aio.AioRpcError as error:
            if error.code().name != "UNIMPLEMENTED":
                raise _fault(route, error) from None
        except ValueError as error:
            raise TargetFault(FaultKind.protocol, route.quote(f"reflection: {error}")) from None
    raise TargetFault(FaultKind.protocol, "the server has no reflection; give its .proto in `options`", status=501)


def _fault(route: Route, error: Any) -> TargetFault:
    try:
        return call_fault(route, error, heard=False)
    except Lost as lost:
        return TargetFault(FaultKind.connect, str(lost))


class _Asking:
    """Questions, a call for each: on the wire a stream of one message is no other than one message.

    The messages of both versions of the protocol are the same.
    """

    def __init__(self, call: Callable[[bytes], Awaitable[bytes]]) -> None:
        self._call = call
        self._protos = library("grpc_reflection.v1alpha.reflection_pb2")
        self._files: dict[str, bytes] = {}

    async def everything(self, service: str) -> list[bytes]:
        answer = await self._ask(list_services="")
        names = [each.name for each in answer.list_services_response.service]
        known = [name for name in names if not name.startswith("grpc.")]  # health, reflection: no chatbots
        wanted = [name for name in known if service in (name, name.rpartition(".")[2])]
        for name in wanted or known:
            self._keep((await self._ask(file_containing_symbol=name)).file_descriptor_response.file_descriptor_proto)
        await self._imports()
        return list(self._files.values())

    async def _imports(self) -> None:
        protos = library("google.protobuf.descriptor_pb2")
        seen: set[str] = set()
        while missing := [name for name in self._files if name not in seen]:
            for name in missing:
                seen.add(name)
                for needed in protos.FileDescriptorProto.FromString(self._files[name]).dependency:
                    if needed not in self._files:
                        answer = await self._ask(file_by_filename=needed)
                        self._keep(answer.file_descriptor_response.file_descriptor_proto)

    def _keep(self, files: Sequence[bytes]) -> None:
        protos = library("google.protobuf.descriptor_pb2")
        for data in files:
            self._files[_parsed(protos.FileDescriptorProto, data).name] = data
        if len(self._files) > _MOST_FILES or sum(map(len, self._files.values())) > _MOST_BYTES:
            raise ValueError(f"more than {_MOST_FILES} files or {_MOST_BYTES:,} bytes")

    async def _ask(self, **question: str) -> Any:
        data = await self._call(self._protos.ServerReflectionRequest(**question).SerializeToString())
        answer = _parsed(self._protos.ServerReflectionResponse, data)
        if answer.HasField("error_response"):
            raise ValueError(answer.error_response.error_message or f"error {answer.error_response.error_code}")
        return answer


def _parsed(kind: Any, data: bytes) -> Any:
    broken: type[Exception] = library("google.protobuf.message").DecodeError
    try:
        return kind.FromString(data)
    except broken as error:
        raise ValueError(f"bytes that are no message: {error}") from None
