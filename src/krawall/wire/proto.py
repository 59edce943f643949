"""Protocol buffers: a method found among descriptors, and its messages as JSON both ways.

JSON as in the ProtoJSON mapping (https://protobuf.dev/programming-guides/json/), but with the names of fields as they are written in
the .proto, whole 64-bit numbers as numbers, and fields that are not set with their defaults: what a mapping reads is there.
An enumeration that is `..._UNSPECIFIED` is left out: a finish reason that says so is none.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import msgspec

from krawall.errors import PluginError

_encode = msgspec.json.Encoder().encode
_TEXT = 9  # FieldDescriptor.TYPE_STRING


def library(name: str) -> Any:
    """Return a module of the extra `grpc`.

    Raises:
        PluginError: it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise PluginError(
            f"gRPC needs the package of {name}, which is not installed ({error})",
            hint="install Krawall with its extra: krawall[grpc]",
        ) from None


@dataclass(frozen=True, slots=True)
class Method:
    """A method that is called: its path on the wire, who streams, and how messages become bytes.

    `encode` takes a JSON object and raises ValueError when it does not fit the request message; `decode` takes the bytes of a
    reply message and raises ValueError when they are none. `takes` are the fields of the request message that are text.
    """

    path: str
    client_streaming: bool
    server_streaming: bool
    encode: Callable[[bytes], bytes]
    decode: Callable[[bytes], bytes]
    takes: tuple[str, ...]

    @property
    def words(self) -> str:
        """What kind of method it is."""
        names = {(False, False): "unary", (False, True): "server streaming", (True, False): "client streaming"}
        return names.get((self.client_streaming, self.server_streaming), "bidirectional streaming")


def services(files: Iterable[bytes]) -> dict[str, list[str]]:
    """Return service -> its methods, of serialized FileDescriptorProtos."""
    return {service: sorted(methods) for service, methods in _Pool(files).services.items()}


def find_method(files: Iterable[bytes], service: str, method: str, *, stream: bool = False) -> Method:
    """Return a method of serialized FileDescriptorProtos. Their order is of no matter.

    Without a name it is the only one there is, or the only one that takes one message and answers with a stream (`stream`) or
    with one message.

    Raises:
        ValueError: there is no such one, or a choice; the message names what there is.
    """
    pool = _Pool(files)
    chosen = _choice("service", service, list(pool.services))
    methods = pool.services[chosen]
    plain = [each for each in methods.values() if not each.client_streaming and each.server_streaming == stream]
    if not method and len(plain) == 1:
        method = plain[0].name
    found = methods[_choice(f"method of {chosen}", method, list(methods))]
    return _compiled(f"/{chosen}/{found.name}", found, pool)


class _Pool:
    """Descriptors and what is made of them."""

    def __init__(self, files: Iterable[bytes]) -> None:
        protos = library("google.protobuf.descriptor_pb2")
        self.pool = library("google.protobuf.descriptor_pool").DescriptorPool()
        self.services: dict[str, dict[str, Any]] = {}
        parsed = {}
        broken = library("google.protobuf.message").Error
        try:
            for data in files:
                file = protos.FileDescriptorProto.FromString(data)
                parsed[file.name] = file
            for name in parsed:
                self._add(name, parsed, set())
        except (broken, TypeError, KeyError, ValueError) as error:  # which, differs between implementations of protobuf
            raise ValueError(f"these are no descriptors that belong together: {error}") from None
        for name in parsed:
            for service in self.pool.FindFileByName(name).services_by_name.values():
                if not service.full_name.startswith("grpc."):  # health, reflection: no chatbots
                    self.services[service.full_name] = dict(service.methods_by_name)

    def _add(self, name: str, parsed: dict[str, Any], under_way: set[str]) -> None:
        file = parsed[name]
        if name in under_way:
            return
        under_way.add(name)
        for needed in file.dependency:
            if needed in parsed:
                self._add(needed, parsed, under_way)
        self.pool.Add(file)


def _choice(what: str, wanted: str, there: list[str]) -> str:
    if wanted in there:
        return wanted
    tails = [name for name in there if name.rpartition(".")[2] == wanted]
    if len(tails) == 1:
        return tails[0]
    if not there:
        raise ValueError(f"there is no {what}")
    listed = ", ".join(sorted(there)[:12])
    if not wanted:
        if len(there) == 1:
            return there[0]
        raise ValueError(f"which {what}? there are {listed}")
    known = [*there, *(name.rpartition(".")[2] for name in there)]
    near = difflib.get_close_matches(wanted, known, 1, 0.5)
    raise ValueError(f"there is no {what} named {wanted!r}; " + (f"did you mean {near[0]!r}?" if near else listed))


def _compiled(path: str, method: Any, pool: _Pool) -> Method:
    json_format = library("google.protobuf.json_format")
    made = library("google.protobuf.message_factory").GetMessageClass
    given, back = made(method.input_type), made(method.output_type)
    odd = _is_odd(method.output_type, set())
    broken = library("google.protobuf.message").Error

    def encode(body: bytes) -> bytes:
        if not body.startswith(b"{"):
            raise ValueError(f"the body is no {method.input_type.full_name}: it is not an object")
        try:
            data: bytes = json_format.Parse(body, given(), descriptor_pool=pool.pool).SerializeToString()
        except json_format.ParseError as error:
            raise ValueError(f"the body is no {method.input_type.full_name}: {' '.join(str(error).split())}") from None
        return data

    def decode(data: bytes) -> bytes:
        try:
            message = back.FromString(data)
        except broken as error:
            raise ValueError(f"the message is no {method.output_type.full_name}: {error}") from None
        document = json_format.MessageToDict(
            message,
            preserving_proto_field_name=True,
            always_print_fields_with_no_presence=True,
            descriptor_pool=pool.pool,
        )
        if odd:
            _tidy(document, method.output_type)
        return _encode(document)

    takes = tuple(each.name for each in method.input_type.fields if each.type == _TEXT and not each.is_repeated)
    return Method(path, method.client_streaming, method.server_streaming, encode, decode, takes)


def _is_odd(message: Any, seen: set[str]) -> bool:
    """Say whether there are numbers of 64 bits in a message, which ProtoJSON writes as texts, or enumerations."""
    if message.full_name in seen:
        return False
    seen.add(message.full_name)
    return any(
        _is_whole(each) or each.enum_type is not None or (each.message_type and _is_odd(each.message_type, seen))
        for each in message.fields
    )


def _is_whole(field: Any) -> bool:
    return field.type in (3, 4, 6, 16, 18)  # FieldDescriptor.TYPE_INT64, UINT64, FIXED64, SFIXED64, SINT64


def _tidy(document: Any, message: Any) -> None:
    """Turn those texts into numbers and leave unspecified enumerations out, in place. Well-known types have a form of their own."""
    if not isinstance(document, dict) or message.full_name.startswith("google.protobuf."):
        return
    for field in message.fields:
        value = document.get(field.name)
        if value is None:
            continue
        kind = field.message_type
        if kind is not None and kind.GetOptions().map_entry:
            held = kind.fields_by_name["value"]
            for key, inner in value.items():
                value[key] = _tidied(inner, held)
        elif isinstance(value, list) and not (kind and kind.full_name.startswith("google.protobuf.")):
            value[:] = [_tidied(inner, field) for inner in value]
        elif field.enum_type is not None and str(value).endswith("UNSPECIFIED"):
            del document[field.name]
        else:
            document[field.name] = _tidied(value, field)


def _tidied(value: Any, field: Any) -> Any:
    if _is_whole(field) and isinstance(value, str):
        return int(value)
    if field.message_type is not None:
        _tidy(value, field.message_type)
    return value
