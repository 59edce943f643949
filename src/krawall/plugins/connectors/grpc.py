"""The connector `grpc`: one call of a method out, one message or a stream of messages back."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

import msgspec
from pydantic import Field, model_validator

from krawall.errors import DocumentError, Place
from krawall.model.base import NS_PER_S, Document, Duration
from krawall.model.connector import Channel, Connector, Gate, Line, Secrets
from krawall.model.exchange import FaultKind, Message, Prompt, TargetFault
from krawall.model.policy import Timeouts
from krawall.model.target import Target
from krawall.net.caller import Route
from krawall.net.grpc_call import Calling, Encode, GrpcChannel, Outgoing
from krawall.net.grpc_dial import Dialer, metadata_of
from krawall.net.grpc_reflection import reflect
from krawall.net.protoc import compile_proto, packed, unpacked
from krawall.version import __version__
from krawall.wire.proto import Method, find_method
from krawall.wire.reply import compile_reply
from krawall.wire.request import compile_request
from krawall.wire.rules import Rule, Where, rules_of

_QUESTIONS = ("message", "text", "query", "question", "prompt", "input", "content")
_IDS = ("conversation_id", "session_id", "thread_id", "chat_id")
_SAMPLES = (
    Prompt([Message("user", "hello")], "hello"),
    Prompt([Message("user", "hello")], "hello", "be brief", "c1"),
)


class ProtoFile(Document):
    """A .proto beside the scenario; what it imports is looked for in its folder and in the scenario's."""

    file: str


class ProtoText(Document):
    """The text of a .proto under the name by which others import it."""

    name: Annotated[str, Field(pattern=r"^\w[\w-]*(\.\w[\w-]*)*(/\w[\w-]*(\.\w[\w-]*)*)*$")]
    text: str


class Grpc(Connector):
    """Call a method of a gRPC service. Whether requests and replies stream is read from its description."""

    schemes: ClassVar[tuple[str, ...]] = ("grpc", "grpcs")
    kind: Literal["grpc"] = "grpc"
    service: str = Field("", description="with or without its package; not needed where there is one only")
    method: str = Field(
        "",
        description="not needed where one only takes one message and answers with one, or with `stream: true` with several",
    )
    proto: str | ProtoFile | list[ProtoFile | ProtoText] | None = Field(
        None,
        description="the text of a .proto, {file: chat.proto}, or a list of {file: ...} and {name: ..., text: ...}",
    )
    reflection: bool = Field(True, description="without `proto` ask the server for its description (v1, else v1alpha)")
    descriptors: str = Field("", description="a FileDescriptorSet in base64: what a plan keeps of `proto`")
    per: Literal["turn", "user"] = Field(
        "turn", description="bidirectional methods: a call for each turn, or one that the user keeps"
    )
    opening: list[Any] = Field(
        [], description="messages sent first on a call whose requests stream, in the words of `body`"
    )
    ends: list[Where] | Where | None = Field(
        None,
        description="the last message of a reply; on a kept call else one with a finish reason, or where none is mapped each",
    )
    deadline: Annotated[Duration, Field(gt=0)] | None = Field(
        None, description="of each call, told to the server; else the scenario's timeout of a turn"
    )

    @model_validator(mode="after")
    def _a_source(self) -> Self:
        if self.proto is not None and self.descriptors:
            raise ValueError("give `proto` or `descriptors`, not both")
        if not (self.proto or self.descriptors or self.reflection):
            raise ValueError("without reflection the service must be described: give its `proto`")
        return self

    @property
    def _asks(self) -> bool:
        return self.proto is None and not self.descriptors

    def planned(self, target: Target, folder: Path | None) -> Self:
        """Return the settings with `proto` compiled, so that whoever plays the plan needs no file and no compiler."""
        _check(target)
        if self._asks:
            self.rules()
            return self
        files = self.files(folder)
        self.calling(target, self.found(files, target.stream), Timeouts())
        if self.proto is None:
            return self
        kept = self.model_dump(mode="json", exclude_unset=True, exclude={"proto"})
        return self.model_validate({**kept, "descriptors": packed(files)})

    def open(
        self, target: Target, secrets: Secrets, gate: Gate, session: str, timeouts: Timeouts
    ) -> AbstractAsyncContextManager[Line]:
        """Open the line."""
        return self._opened(target, secrets, gate, session, timeouts)

    @asynccontextmanager
    async def _opened(
        self, target: Target, secrets: Secrets, gate: Gate, session: str, timeouts: Timeouts
    ) -> AsyncIterator[Line]:
        _check(target)
        route = Route(target, secrets, gate, session, timeouts, __version__, self.schemes)
        method = None if self._asks else self.found(self.files(None), target.stream)
        yield GrpcLine(self, route, Dialer(route, secrets.resolve), timeouts, method)

    def files(self, folder: Path | None) -> list[bytes]:
        """Return the descriptors. Raises DocumentError."""
        try:
            if self.descriptors:
                return unpacked(self.descriptors)
            texts, folders = _read(self.proto, folder)
            return compile_proto(texts, folders)
        except (ValueError, OSError) as error:
            raise _wrong("descriptors" if self.descriptors else "proto", str(error)) from None

    def found(self, files: list[bytes], stream: bool) -> Method:
        """Return the method. Raises DocumentError."""
        try:
            return find_method(files, self.service, self.method, stream=stream)
        except ValueError as error:
            raise _wrong("service" if "service" in str(error) else "method", str(error)) from None

    def rules(self) -> tuple[Rule, ...]:
        """Return what ends a reply. Raises DocumentError."""
        try:
            return rules_of(self.ends)
        except ValueError as error:
            raise _wrong("ends", str(error)) from None

    def calling(self, target: Target, method: Method, timeouts: Timeouts) -> Calling:
        """Return how calls go, without metadata. Raises DocumentError for what does not fit the method."""
        if self.per == "user" and not (method.client_streaming and method.server_streaming):
            raise _wrong("per", f"{method.path} is {method.words}; only a bidirectional call can be kept")
        if self.opening and not method.client_streaming:
            raise _wrong("opening", f"{method.path} is {method.words}; its request is one message")
        if target.body is None:
            target = target.model_copy(update={"body": _body(method)})
        encode = opening = _encoder(target, method, "target.body")
        if method.client_streaming:
            first = target.model_copy(update={"body": self.opening, "request": {}})
            opening = _encoder(first, method, "target.options.opening")
        return Calling(
            method,
            encode,
            opening,
            compile_reply(target.reply),
            (),
            (self.deadline or timeouts.turn) / NS_PER_S,
            self.per == "user",
            bool(self.opening),
            self.rules(),
            bool(target.reply.finish),
            target.reply.ends and method.server_streaming,
            bool(target.reply.conversation_id),
        )


class GrpcLine:
    """What users share: the route, and how calls go once the method is known."""

    def __init__(self, settings: Grpc, route: Route, dialer: Dialer, timeouts: Timeouts, method: Method | None) -> None:
        self._settings = settings
        self._route = route
        self._dialer = dialer
        self._timeouts = timeouts
        self._metadata = metadata_of(route)
        self._asking = asyncio.Lock()
        self._calling = self._made(method) if method else None

    def channel(self) -> Channel:
        """Return a user's channel."""
        return GrpcChannel(self._route, self._dialer, self._prepare, self._calling)

    async def probe(self) -> None:
        """Connect once, and ask for the description where the server gives it."""
        channel, _ = await self._dialer.dial()
        try:
            await self._prepare(channel)
        finally:
            await channel.close()

    async def _prepare(self, channel: Any) -> Calling:
        async with self._asking:
            if self._calling is None:
                timeout_s = self._timeouts.first_token / NS_PER_S
                files = await reflect(channel, self._route, self._metadata, self._settings.service, timeout_s)
                try:
                    self._calling = self._made(self._settings.found(files, self._route.target.stream))
                except DocumentError as error:
                    words = "; ".join(str(place) for place in error.places)
                    raise TargetFault(FaultKind.protocol, self._route.quote(words)) from None
        return self._calling

    def _made(self, method: Method) -> Calling:
        calling = self._settings.calling(self._route.target, method, self._timeouts)
        return dataclasses.replace(calling, metadata=self._metadata)


def _body(method: Method) -> dict[str, str]:
    """Return the message of a target that does not say how it goes, by the names of its fields. Raises DocumentError."""
    question = next((name for name in _QUESTIONS if name in method.takes), None)
    if question is None:
        words = f"say how the message goes; its fields of text are {', '.join(method.takes) or 'none'}"
        raise DocumentError("target", [Place("target.body", words)])
    told = next((name for name in _IDS if name in method.takes), None)
    return {question: "$message"} | ({told: "$conversation_id"} if told else {})


def _encoder(target: Target, method: Method, place: str) -> Encode:
    """Return what makes the messages of a prompt: a body that is a list is several, where requests stream."""
    encode = compile_request(target)
    streams = method.client_streaming
    pieces = msgspec.json.Decoder(list[msgspec.Raw]).decode

    def made(prompt: Prompt) -> Outgoing:
        body = encode(prompt)
        if streams and body.startswith(b"["):
            return Outgoing(body, [method.encode(bytes(piece)) for piece in pieces(body)])
        return Outgoing(body, [method.encode(body)])

    for sample in _SAMPLES:
        try:
            made(sample)
        except ValueError as error:
            raise DocumentError("target", [Place(place, str(error))]) from None
    return made


def _read(proto: object, folder: Path | None) -> tuple[dict[str, str], list[Path]]:
    """Return texts by file name and the folders of files. Raises ValueError, OSError."""
    if isinstance(proto, str):
        return {"target.proto": proto}, []
    texts: dict[str, str] = {}
    folders: list[Path] = []
    for each in proto if isinstance(proto, list) else [proto]:
        if isinstance(each, ProtoText):
            texts[each.name] = each.text
        elif isinstance(each, ProtoFile):
            if folder is None:
                raise ValueError(f"{each.file!r} cannot be read here; write the text of the .proto instead")
            path = folder / each.file
            texts[path.name] = path.read_text(encoding="utf-8")
            folders += [path.parent]
    return texts, [*folders, *([folder] if folder and folders else [])]


def _check(target: Target) -> None:
    """Refuse what a target cannot have here. Raises DocumentError."""
    places = []
    if target.auth and target.auth.query:
        places.append(Place("target.auth.query", "gRPC has no query; use auth: {header: ...}, which becomes metadata"))
    if target.url.partition("://")[2].partition("/")[2]:
        places.append(Place("target.url", "a gRPC address ends after the port; name service and method in `options`"))
    if places:
        raise DocumentError("target", places)


def _wrong(option: str, words: str) -> DocumentError:
    return DocumentError("target", [Place(f"target.options.{option}", words)])
