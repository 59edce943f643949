"""The built-in hooks in whole conversations over real sockets: signing in, what is written down, what is noted."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import msgspec
import pytest

from krawall.errors import DocumentError
from krawall.model.target import Target
from krawall.plugins.hooking import hooks_of
from krawall.testing.asking import Known
from krawall.testing.playing import Played, plan_of, play

Handler = Callable[[str, dict[str, str], bytes], tuple[int, dict[str, str], object]]
CANARY = "canary-7f3d9a51"
SECRETS = {"BOT_USER": "ada", "BOT_PASSWORD": CANARY}


@asynccontextmanager
async def answering(handler: Handler) -> AsyncIterator[str]:
    """Serve HTTP/1.1 on loopback: the handler gets path, headers and body, and returns status, headers and JSON."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                line, *rest = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                headers = {name.lower(): value for name, _, value in (each.partition(": ") for each in rest if each)}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                status, more, answer = handler(line.split()[1], headers, body)
                data = json.dumps(answer).encode()
                lines = "".join(f"{name}: {value}\r\n" for name, value in more.items())
                writer.write(f"HTTP/1.1 {status} X\r\ncontent-length: {len(data)}\r\n{lines}\r\n".encode() + data)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


async def conversation(url: str, hooks: list[Any], *texts: str, directory: str = "") -> Played:
    scenario = {
        "name": "hooked",
        "target": {"preset": "custom-http", "url": f"{url}/chat", "hooks": hooks},
        "steps": [{"message": text} for text in texts or ("hi",)],
    }
    return await play(plan_of(json.dumps(scenario)), secrets=Known(SECRETS), directory=directory)


class Shop:
    """A bot behind a login of two calls: a form gives a cookie, the cookie gives a token that is good for `uses` messages."""

    def __init__(self, uses: int = 100) -> None:
        self.uses = uses
        self.logins = self.tokens = 0
        self.left: dict[str, int] = {}
        self.calls: list[str] = []

    def __call__(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], object]:
        self.calls.append(path)
        if path == "/login":
            if parse_qs(body.decode()) != {"user": ["ada"], "password": [CANARY]}:
                return 403, {}, {"error": f"wrong password {body.decode()}"}
            self.logins += 1
            return 302, {"set-cookie": f"sid=session-{self.logins}; Path=/; HttpOnly", "location": "/home"}, {}
        if path.startswith("/token/ada"):
            assert headers["cookie"] == f"sid=session-{self.logins}"
            self.tokens += 1
            token = f"secret-token-{self.tokens}"
            self.left[token] = self.uses
            return 200, {}, {"data": [{"token": token}], "ttl": 3600}
        token = headers.get("authorization", "").removeprefix("Bearer ")
        if self.left.get(token, 0) < 1:
            return 401, {}, {"error": f"{token} is used up"}
        self.left[token] -= 1
        return 200, {}, {"reply": f"You are signed in with {token}."}


def login(url: str, **more: Any) -> list[Any]:
    return [
        {
            "login": {
                "calls": [
                    {
                        "url": f"{url}/login",
                        "form": {"user": "${BOT_USER}", "password": "${BOT_PASSWORD}"},
                        "take": {"sid": {"cookie": "sid"}},
                    },
                    {
                        "method": "GET",
                        "url": f"{url}/token/${{BOT_USER}}",
                        "headers": {"Cookie": "sid={sid}"},
                        "take": {"token": "data[0].token", "ttl": "ttl"},
                    },
                ],
                "expires in": "ttl",
                **more,
            }
        }
    ]


async def test_a_login_of_several_calls_is_made_once_and_its_token_is_written_nowhere():
    shop = Shop()
    async with answering(shop) as url:
        played = await conversation(url, login(url), "hi", "again", "bye")
    assert shop.calls == ["/login", "/token/ada", "/chat", "/chat", "/chat"]
    assert [each.fault for each in played.exchanges] == [None] * 3
    assert played.exchanges[0].heard == "You are signed in with ***."
    assert b"secret-token" not in msgspec.json.encode(played.lines)


async def test_a_used_up_token_is_replaced_within_the_same_attempt():
    shop = Shop(uses=2)
    async with answering(shop) as url:
        played = await conversation(url, login(url), "1", "2", "3", "4")
    assert [each.fault for each in played.exchanges] == [None] * 4
    assert shop.logins == 2
    assert [each.attempt for each in played.exchanges] == [1, 1, 1, 1]


async def test_a_refresh_is_made_in_place_of_the_login():
    shop = Shop(uses=2)
    async with answering(shop) as url:
        refresh = [
            {
                "method": "GET",
                "url": f"{url}/token/ada",
                "headers": {"Cookie": "sid={sid}"},
                "take": {"token": "data[0].token", "ttl": "ttl"},
            }
        ]
        played = await conversation(url, login(url, refresh=refresh), "1", "2", "3")
    assert [each.fault for each in played.exchanges] == [None] * 3
    assert (shop.logins, shop.tokens) == (1, 2)


async def test_where_a_refresh_is_refused_it_signs_in_anew():
    shop = Shop(uses=2)
    async with answering(shop) as url:
        refresh = [{"url": f"{url}/gone", "take": {"token": "token"}}]
        played = await conversation(url, login(url, refresh=refresh), "1", "2", "3")
    assert [each.fault for each in played.exchanges] == [None] * 3
    assert shop.calls == ["/login", "/token/ada", "/chat", "/chat", "/chat", "/gone", "/login", "/token/ada", "/chat"]


async def test_what_is_taken_and_not_sent_again_is_no_secret():
    """Seconds of validity stand in every second text."""

    def server(path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], object]:
        if path == "/login":
            return 200, {"x-token": "abcdef-123456"}, {"ttl": 3600, "name": "Ada Lovelace"}
        return 200, {}, {"reply": f"3600 {headers['x-who']} and {headers['authorization']}"}

    async with answering(server) as url:
        call = {"url": f"{url}/login", "take": {"token": {"header": "X-Token"}, "ttl": "ttl", "name": "name"}}
        send = {"authorization": "Token {token}", "x-who": "someone"}
        played = await conversation(url, [{"login": {"calls": [call], "send": send, "expires in": "ttl"}}])
    assert played.exchanges[0].heard == "3600 someone and Token ***"


async def test_braces_that_name_no_taken_value_are_sent_as_they_are_and_a_value_is_not_looked_into():
    seen: list[object] = []

    def server(path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], object]:
        if path == "/one":
            return 200, {}, {"id": "${BOT_PASSWORD} {token}/?#", "token": "t1"}
        if path != "/chat":
            seen.append((path, json.loads(body)))
            return 200, {}, {"token": "t2"}
        return 200, {}, {"reply": headers["authorization"]}

    async with answering(server) as url:
        calls = [
            {"url": f"{url}/one", "take": {"id": "id", "token": "token"}},
            {"url": f"{url}/two/{{id}}", "body": {"query": "{me {name}}", "deep": [{"id": "{id}"}]}, "take": {"token": "token"}},
        ]  # fmt: skip
        played = await conversation(url, [{"login": {"calls": calls}}])
    assert seen == [
        ("/two/%24%7BBOT_PASSWORD%7D%20%7Btoken%7D%2F%3F%23", {"query": "{me {name}}", "deep": [{"id": "${BOT_PASSWORD} {token}/?#"}]})
    ]  # fmt: skip
    assert played.exchanges[0].fault is None


async def test_a_login_that_fails_says_which_call_and_no_secret():
    def refusing(path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], object]:
        return 403, {}, {"error": body.decode()}

    async with answering(refusing) as url:
        played = await conversation(url, login(url))
    assert played.lines == [], "nothing was sent: it is known before the session begins"
    assert (played.last.state, played.last.reason) == ("failed", "unreachable: login call 1 is answered with 403")


async def test_what_is_not_in_the_answer_is_named():
    async with answering(lambda path, headers, body: (200, {}, {})) as url:
        played = await conversation(url, [{"login": {"calls": [{"url": f"{url}/x", "take": {"token": "a.b"}}]}}])
    assert played.last.reason == "unreachable: login call 1: token: not in the answer"


async def test_people_are_taken_out_of_what_is_written_down_and_not_out_of_the_conversation():
    seen: list[str] = []

    def echo(path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], object]:
        seen.append(json.loads(body)["message"])
        if "fail" in seen[-1]:
            return 500, {}, {"error": "cannot reach ada@example.com"}
        return 200, {}, {"reply": f"I write to {seen[-1]} and order 4711."}

    hooks = [{"redact": ["email", "card", "iban", "phone", "ip", {"name": "order", "pattern": r"order \d+"}]}]
    async with answering(echo) as url:
        played = await conversation(
            url,
            hooks,
            "ada@example.com",
            "4111 1111 1111 1111",
            "DE89 3704 0044 0532 0130 00",
            "+49 40 123 456 78",
            "10.1.2.3",
            "fail",
        )
    assert seen[0] == "ada@example.com"
    assert [each.said for each in played.exchanges[:5]] == ["[email]", "[card]", "[iban]", "[phone]", "[ip]"]
    assert played.exchanges[0].heard == "I write to [email] and [order]."
    fault = played.exchanges[5].fault
    assert fault is not None
    assert "example.com" not in fault.detail


async def test_every_request_is_noted_by_its_fingerprint(tmp_path: Path):
    shop = Shop()
    async with answering(shop) as url:
        hooks = [*login(url), "audit"]
        await conversation(url, hooks, "where is my parcel?", directory=str(tmp_path))
    lines = [json.loads(line) for line in (tmp_path / "audit-0-1.jsonl").read_bytes().splitlines()]
    assert [line["what"] for line in lines] == ["sent", "received"]
    assert lines[0]["sha256"] == hashlib.sha256(b"where is my parcel?").hexdigest()
    assert (lines[0]["letters"], lines[0]["session"], lines[0]["host"]) == (19, "ses_test", url.removeprefix("http://"))
    assert "text" not in lines[0]
    assert lines[1]["status"] == 200
    assert (tmp_path / "audit-0-1.jsonl").stat().st_mode & 0o777 == 0o600
    assert b"secret-token" not in (tmp_path / "audit-0-1.jsonl").read_bytes()


@pytest.mark.parametrize(
    ("hooks", "place", "words"),
    [
        ([{"redcat": ["email"]}], "target.hooks.0", "did you mean 'redact'"),
        ([{"redact": ["emial"]}], "target.hooks.0.redact.what.0", "emial"),
        ([{"login": {"calls": []}}], "target.hooks.0.login.calls", "at least 1"),
        ([{"audit": {"text": True}}], "target.hooks.0.audit.text", "unknown key"),
        ([{"login": 5}], "target.hooks.0", "takes a mapping"),
        ([{"a": 1, "b": 2}], "target.hooks.0", "one word"),
        ([{"login": {"calls": [{"url": "http://127.0.0.1/", "take": {"a": "b"}}]}}], "target.hooks.0.login", "no call takes 'token'; they take a"),
        ([{"login": {"calls": [{"url": "http://127.0.0.1/", "body": {"user": {"password": "secret"}}}]}}], "target.hooks.0.login.calls.0", "looks like a secret"),
        ([{"login": {"calls": [{"url": "http://127.0.0.1/", "headers": {"authorization": "Basic abc"}}]}}], "target.hooks.0.login.calls.0", "looks like a secret"),
        ([{"login": {"calls": [{"url": "http://127.0.0.1/"}], "send": {"x-api-key": "plain"}}}], "target.hooks.0.login", "looks like a secret"),
        ([{"login": {"calls": [{"url": "http://127.0.0.1/", "form": {"password": "secret"}}]}}], "target.hooks.0.login.calls.0", "looks like a secret"),
    ],
)  # fmt: skip
def test_a_wrong_hook_is_told_at_its_place(hooks, place, words):
    with pytest.raises(DocumentError) as wrong:
        hooks_of(Target(url="http://127.0.0.1/", hooks=hooks))
    first = wrong.value.places[0]
    assert first.path.startswith(place)
    assert words in first.message
