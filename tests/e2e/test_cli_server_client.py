"""The client of commands against a small server that answers by a script: errors, pages, repeats, a stream that breaks."""

from __future__ import annotations

import io
import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from krawall.cli.client import Client, Where
from krawall.errors import Conflict, DocumentError, Forbidden, NotFound, Unavailable

Answer = Callable[[BaseHTTPRequestHandler, "Script"], None]


class Script:
    """A server on loopback. `answers` are used up in order, the last one stays; `seen` are the requests."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []
        script = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                script.seen.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                answer = script.answers.pop(0) if len(script.answers) > 1 else script.answers[0]
                answer(self, script)

            do_GET = do_POST = do_PUT = do_DELETE = handle_any

            def log_message(self, format: str, *arguments: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def script() -> Iterator[Script]:
    made = Script()
    yield made
    made.close()


def says(body: object, status: int = 200, kind: str = "application/json") -> Answer:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()

    def answer(handler: BaseHTTPRequestHandler, _: Script) -> None:
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    return answer


def problem(status: int, code: str, detail: str) -> Answer:
    return says({"code": code, "title": "T", "status": status, "detail": detail}, status, "application/problem+json")


def breaks(handler: BaseHTTPRequestHandler, _: Script) -> None:
    """Close the connection without a word."""
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


def streams(*messages: str) -> Answer:
    """Send messages of a stream and close the connection."""

    def answer(handler: BaseHTTPRequestHandler, _: Script) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.send_header("Connection", "close")
        handler.end_headers()
        for message in messages:
            handler.wfile.write(message.encode())
        handler.close_connection = True

    return answer


def client(script: Script, waits: list[float] | None = None) -> Client:
    return Client(Where(script.url), wait=(waits if waits is not None else []).append)


def test_requests_carry_the_token_and_what_is_given(
    script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KRAWALL_TOKEN", "krw_from-the-environment")
    script.answers = [says({"ok": 1})]
    with client(script) as asking:
        assert asking.get("/sessions", state="running", archived=False, cursor=None, search="") == {"ok": 1}
    (tmp_path / "token").write_text("krw_from-a-file\n")
    with Client(Where(f"{script.url}/api/v1/", tmp_path / "token")) as asking:
        asking.put("/targets/x", {"a": 1}, '"1-abc"')
    (first, second) = script.seen
    assert first[1] == "/api/v1/sessions?state=running&archived=false"
    assert first[2]["authorization"] == "Bearer krw_from-the-environment"
    assert second[1] == "/api/v1/targets/x"
    assert second[2]["authorization"] == "Bearer krw_from-a-file"
    assert (second[2]["if-match"], second[3]) == ('"1-abc"', b'{"a":1}')


def test_a_problem_is_raised_as_what_it_is(script: Script) -> None:
    script.answers = [problem(404, "not_found", "there is no target 'x'"), problem(403, "forbidden", "not you")]
    with client(script) as asking:
        with pytest.raises(NotFound, match="there is no target"):
            asking.get("/targets/x")
        with pytest.raises(Forbidden):
            asking.delete("/targets/x")


def test_no_server_says_how_to_start_one() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        where = Where(f"127.0.0.1:{unused.getsockname()[1]}")
        with Client(where) as asking, pytest.raises(Unavailable, match="no server answers at http://127") as raised:
            asking.get("/sessions")
    assert "krawall serve" in str(raised.value.hint)
    assert "refused" in raised.value.message


@pytest.mark.parametrize("server", ["ftp://127.0.0.1", "http://", "http://user:secret@127.0.0.1:8600"])
def test_an_address_that_is_none_is_refused(server: str) -> None:
    with pytest.raises(DocumentError, match="--server"):
        Client(Where(server))


def test_pages_are_read_to_the_end_or_as_far_as_wanted(script: Script) -> None:
    pages = [says({"items": [{"n": n}, {"n": n + 1}], "next": f"c{n}"}) for n in (0, 2)]
    script.answers = [*pages, says({"items": [{"n": 4}], "next": None})]
    with client(script) as asking:
        assert [item["n"] for item in asking.pages("/sessions", 1000)] == [0, 1, 2, 3, 4]
        assert [path.partition("?")[2] for _, path, _, _ in script.seen] == [
            "limit=200",
            "limit=200&cursor=c0",
            "limit=200&cursor=c2",
        ]
        script.answers = [says({"items": [{"n": 0}, {"n": 1}], "next": "more"})]
        assert len(list(asking.pages("/sessions", 2))) == 2


def test_what_must_not_happen_twice_is_repeated_under_one_key(script: Script) -> None:
    script.answers = [breaks, breaks, says({"id": "ses_1"}, 202)]
    waits: list[float] = []
    with client(script, waits) as asking:
        assert asking.post_once("/sessions", {}) == {"id": "ses_1"}
    keys = {headers["idempotency-key"] for _, _, headers, _ in script.seen}
    assert (len(script.seen), len(keys), len(waits)) == (3, 1, 2)
    script.answers = [problem(409, "conflict", "busy")]
    with client(script) as asking, pytest.raises(Conflict):
        asking.post_once("/sessions", {})
    assert len(script.seen) == 4, "an answer is an answer"


def test_a_stream_that_breaks_goes_on_after_the_last_event(script: Script) -> None:
    script.answers = [
        streams(
            'event: snapshot\nid: 2\ndata: {"event": 2}\n\n', 'event: event\nid: 3\ndata: {"n": 3}\n\n', "data: {ha"
        ),
        breaks,
        problem(503, "unavailable", "starting"),
        streams(
            'event: event\nid: 4\ndata: {"n": 4}\n\n', ": still there\n\n", 'event: end\ndata: {"why": "over"}\n\n'
        ),
    ]
    waits: list[float] = []
    with client(script, waits) as asking:
        told = [(message.name, message.data) for message in asking.follow("/sessions/x/stream")]
    assert told == [("snapshot", {"event": 2}), ("event", {"n": 3}), ("event", {"n": 4}), ("end", {"why": "over"})]
    assert [headers.get("last-event-id") for _, _, headers, _ in script.seen] == [None, "3", "3", "3"]
    assert len(waits) == 3


def test_a_stream_that_never_began_is_an_error_at_once(script: Script) -> None:
    script.answers = [problem(404, "not_found", "no such session")]
    with client(script) as asking, pytest.raises(NotFound):
        list(asking.follow("/sessions/x/stream"))
    script.answers = [breaks]
    with client(script) as asking, pytest.raises(Unavailable):
        list(asking.follow("/sessions/x/stream"))


def test_large_answers_go_to_a_file_and_their_errors_do_not(script: Script) -> None:
    body = b"a,b\n" * 100_000
    script.answers = [says(body, kind="text/csv"), problem(404, "not_found", "no such session")]
    out = io.BytesIO()
    with client(script) as asking:
        assert asking.download("/sessions/x/export", out, what="messages") == len(body)
        assert out.getvalue() == body
        with pytest.raises(NotFound):
            asking.download("/sessions/y/export", out)


def test_what_is_no_krawall_server_is_named(script: Script) -> None:
    script.answers = [says(b"<h1>hello</h1>", 200, "text/html"), says(b"<h1>no</h1>", 502, "text/html")]
    with client(script) as asking:
        for _ in range(2):
            with pytest.raises(Unavailable, match=script.url):
                asking.get("/sessions")
