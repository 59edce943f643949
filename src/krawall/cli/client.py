"""A client of the REST API for commands: requests, problems as our own errors, downloads, the stream of a session."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, BinaryIO, Self
from urllib.parse import urlsplit

import httpx2
import msgspec
from cyclopts import Parameter

from krawall.cli import problems
from krawall.clock import monotonic_ns
from krawall.errors import DocumentError, NotFound, Place, Unavailable
from krawall.ids import new_id
from krawall.version import __version__
from krawall.wire.sse import EventParser

BASE = "/api/v1"
LOCAL_SERVER = "http://127.0.0.1:8600"
CONNECT_S = 5.0
ANSWER_S = 60.0
SILENCE_S = 45.0
"""A stream says something every 15 seconds; after three times that it is dead."""
PATIENCE_S = 60.0
"""How long a stream that broke is asked for again before the server counts as gone."""

_GROUP = "Server"


@Parameter(name="*")
@dataclass(frozen=True)
class Where:
    """Which server a command speaks to, and with which token. The token is never an argument: those are in the process list."""

    server: Annotated[str, Parameter(env_var="KRAWALL_SERVER", group=_GROUP)] = LOCAL_SERVER
    """Address of the server."""

    token_file: Annotated[Path | None, Parameter(group=_GROUP)] = None
    """A file that holds an API token; without one, KRAWALL_TOKEN counts."""


@dataclass(frozen=True)
class Message:
    """One message of a stream. `id`: of the last event so far, empty when there was none."""

    name: str
    data: Any
    id: str


class Client:
    """One connection to a server. Lives for one command, inside `with`. `wait`: sleeps for seconds between two attempts."""

    def __init__(self, where: Where, *, wait: Callable[[float], None] = time.sleep) -> None:
        self.address = _address(where.server)
        self._wait = wait
        headers = {"User-Agent": f"krawall/{__version__}", "Accept": "application/json"}
        if token := _token(where):
            headers["Authorization"] = f"Bearer {token}"
        self._http = httpx2.Client(
            base_url=self.address + BASE,
            headers=headers,
            timeout=httpx2.Timeout(ANSWER_S, connect=CONNECT_S),
            trust_env=not _is_loopback(self.address),  # a proxy of the environment does not lead to this machine
        )

    def __enter__(self) -> Self:
        self._http.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.__exit__(kind, error, trace)

    def get(self, path: str, **query: object) -> Any:
        """Return what the server answers.

        Raises:
            KrawallError: what the server's problem says; Unavailable when no server answers. All requests raise alike.
        """
        return _json(self._ask("GET", path, params=_given(query)))

    def text(self, path: str, accept: str, **query: object) -> str:
        """Return an answer in another media type, such as application/yaml, as text."""
        return self._ask("GET", path, params=_given(query), headers={"Accept": accept}).text

    def pages(self, path: str, most: int, **query: object) -> Iterator[dict[str, Any]]:
        """Yield the items of a list, at most so many, page by page."""
        cursor: str | None = None
        while most > 0:
            page = self.get(path, **query, limit=min(most, 200), cursor=cursor)
            yield from page["items"][:most]
            most -= len(page["items"])
            cursor = page["next"]
            if cursor is None or not page["items"]:
                return

    def post(self, path: str, body: object = None, **query: object) -> Any:
        """Ask for a change and return what became of it."""
        return _json(self._ask("POST", path, json=body, params=_given(query)))

    def post_once(self, path: str, body: object = None) -> Any:
        """Ask for a change that must not happen twice: under a key, so that a broken connection is tried again."""
        headers = {"Idempotency-Key": new_id("key")}
        for tries in range(3):
            try:
                return _json(self._ask("POST", path, json=body, headers=headers))
            except _Broken:
                if tries == 2:
                    raise
                self._wait(0.5 * 2**tries)
        raise AssertionError("the last attempt returns or raises")

    def put(self, path: str, body: object, etag: str | None = None) -> Any:
        """Replace something; `etag` names the revision that it was made from, `*` any."""
        return _json(self._ask("PUT", path, json=body, headers={"If-Match": etag} if etag else None))

    def delete(self, path: str) -> None:
        """Delete something."""
        self._ask("DELETE", path)

    def send_file(self, path: str, chunks: Iterable[bytes], media_type: str, **query: object) -> Any:
        """Post bytes as they come and return what became of them."""
        answer = self._ask(
            "POST",
            path,
            content=iter(chunks),
            params=_given(query),
            headers={"Content-Type": media_type},
            timeout=httpx2.Timeout(600.0, connect=CONNECT_S),
        )
        return _json(answer)

    def send_files(self, path: str, files: dict[str, bytes], **query: object) -> Any:
        """Post YAML files by name, as a form, and return what became of them."""
        parts = [("files", (name, text, "application/yaml")) for name, text in files.items()]
        return _json(self._ask("POST", path, files=parts, params=_given(query)))

    def download(self, path: str, out: BinaryIO, **query: object) -> int:
        """Write an answer of any size to a file; return its length in bytes."""
        size = 0
        with self._errors(), self._http.stream("GET", path, params=_given(query), headers={"Accept": "*/*"}) as answer:
            _check(answer, self.address)
            for chunk in answer.iter_bytes():
                size += out.write(chunk)
        return size

    def follow(self, path: str) -> Iterator[Message]:
        """Yield the messages of a stream up to `end`. A stream that breaks is resumed after the last event that came.

        Raises:
            Unavailable: it broke, and no server has answered for a minute.
        """
        last, since_ns, tries = "", 0, 0
        while True:
            try:
                for message in self._stream(path, last):
                    last, since_ns, tries = message.id or last, monotonic_ns(), 0
                    yield message
                    if message.name == "end":
                        return
            except Unavailable:
                if not since_ns or monotonic_ns() - since_ns > PATIENCE_S * 1e9:
                    raise
            self._wait(min(5.0, 0.5 * 2**tries))
            tries += 1

    def post_stream(self, path: str, **query: object) -> Iterator[Message]:
        """Ask for something and yield the messages that tell how it goes. Nothing is asked twice."""
        return self._messages("POST", path, {}, 2 * SILENCE_S, _given(query))

    def _stream(self, path: str, last: str) -> Iterator[Message]:
        return self._messages("GET", path, {"Last-Event-ID": last} if last else {}, SILENCE_S)

    def _messages(
        self, method: str, path: str, headers: dict[str, str], silence_s: float, query: dict[str, str] | None = None
    ) -> Iterator[Message]:
        headers = {"Accept": "text/event-stream", **headers}
        timeout = httpx2.Timeout(silence_s, connect=CONNECT_S)
        streaming = self._http.stream(method, path, params=query, headers=headers, timeout=timeout)
        with self._errors(), streaming as answer:
            _check(answer, self.address)
            parser = EventParser()
            for chunk in answer.iter_bytes():
                for event in parser.feed(chunk):
                    yield Message(event.event or "message", msgspec.json.decode(event.data), event.id)

    def _ask(self, method: str, path: str, **options: Any) -> httpx2.Response:
        with self._errors():
            answer = self._http.request(method, path, **{k: v for k, v in options.items() if v is not None})
        return _check(answer, self.address)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except httpx2.ConnectError as error:
            raise Unavailable(
                f"no server answers at {self.address}: {_reason(error)}",
                hint="start one with `krawall serve`, or name another with --server or KRAWALL_SERVER",
            ) from None
        except httpx2.TimeoutException:
            raise _Broken(f"{self.address} does not answer in time") from None
        except httpx2.TransportError as error:
            raise _Broken(f"the connection to {self.address} broke: {_reason(error)}") from None
        except msgspec.DecodeError:
            raise problems.strange(self.address) from None


class _Broken(Unavailable):
    """A connection that was there broke: whether the server did what was asked is not known."""


def name_of(text: str) -> str:
    """Return a name or an id as one part of a path.

    Raises:
        NotFound: it is empty.
    """
    from urllib.parse import quote

    if not text:
        raise NotFound("an empty name names nothing")
    return quote(text, safe="")


def _address(server: str) -> str:
    parts = urlsplit(server if "://" in server else f"http://{server}")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise DocumentError("--server", [Place("", f"{server!r} is no address such as {LOCAL_SERVER}")])
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/').removesuffix(BASE)}"


def _is_loopback(address: str) -> bool:
    host = urlsplit(address).hostname or ""
    return host in ("localhost", "::1") or host.startswith("127.")


def _token(where: Where) -> str:
    if where.token_file is None:
        return os.environ.get("KRAWALL_TOKEN", "").strip()
    try:
        return where.token_file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise NotFound(f"cannot read the token in {str(where.token_file)!r}: {error}") from None


def _given(query: dict[str, object]) -> dict[str, str] | None:
    """Return what is given of a query as texts: `true` and `false` for booleans."""
    texts = {
        name.rstrip("_"): str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in query.items()
        if value is not None and value != ""
    }
    return texts or None


def _check(answer: httpx2.Response, address: str) -> httpx2.Response:
    if answer.is_success:
        return answer
    answer.read()
    raise problems.error_of(answer.status_code, dict(answer.headers), answer.content, address)


def _json(answer: httpx2.Response) -> Any:
    try:
        return msgspec.json.decode(answer.content) if answer.content else None
    except msgspec.DecodeError:
        raise problems.strange(f"{answer.url.scheme}://{answer.url.netloc.decode()}") from None


def _reason(error: Exception) -> str:
    """Return the words of the innermost cause: the outer ones say less."""
    inner: BaseException = error
    while inner.__cause__ is not None or inner.__context__ is not None:
        inner = inner.__cause__ or inner.__context__ or inner
    strerror = getattr(inner, "strerror", None)
    return str(strerror or inner or error).rstrip(".").lower()
