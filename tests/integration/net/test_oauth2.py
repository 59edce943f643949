"""OAuth 2.0 client credentials against a real token server on loopback: early renewal, 401, one renewal for many, measured times."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from urllib.parse import parse_qs

import pytest

from krawall.clock import monotonic_ns
from krawall.engine.gate import Pinned
from krawall.engine.hooked import hooked
from krawall.engine.mark import Stamps
from krawall.engine.program import connector_of
from krawall.model.connector import Channel
from krawall.model.exchange import TargetFault
from krawall.model.plan import Granted, ShardSpec
from krawall.model.policy import Timeouts
from krawall.model.target import Target
from krawall.plugins.preset import resolve
from krawall.testing.asking import Known, prompt_of
from krawall.wire.redact import Redactor

SECRETS = {"CLIENT_SECRET": "s3cret-of-the-client"}


class Servers:
    """A token server and a chatbot that takes its tokens, on one port. `gate`: tokens are handed out once it is set."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []
        self.bodies: list[dict[str, list[str]]] = []
        self.seen: list[str] = []
        self.refuse: set[str] = set()
        self.expires: float | None = 3600
        self.status = 200
        self.gate = asyncio.Event()
        self.gate.set()
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer requests of one connection."""
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                line, *rest = head.decode().split("\r\n")
                headers = dict(each.lower().split(": ", 1) for each in rest if each)
                raw = dict(each.split(": ", 1) for each in rest if each)
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                status, answer = await self._answer(line.split()[1], {k.lower(): v for k, v in raw.items()}, body)
                data = json.dumps(answer).encode()
                writer.write(
                    b"HTTP/1.1 %d X\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
                    % (status, len(data), data)
                )
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, object]:
        if path == "/token":
            self.asked.append(headers)
            self.bodies.append(parse_qs(body.decode()))
            await self.gate.wait()
            if self.status != 200:
                return self.status, {"error": "invalid_client", "error_description": body.decode()}
            token = f"token-number-{len(self.asked)}"
            return 200, {"access_token": token, "token_type": "Bearer", "expires_in": self.expires}
        self.seen.append(headers.get("authorization", ""))
        if self.seen[-1].removeprefix("Bearer ") in self.refuse:
            return 401, {"error": {"message": f"{self.seen[-1]} is no longer valid"}}
        return 200, {"reply": "Hello."}


@pytest.fixture
async def servers() -> AsyncIterator[Servers]:
    found = Servers()
    listening = await asyncio.start_server(found.serve, "127.0.0.1", 0)
    found.port = listening.sockets[0].getsockname()[1]
    yield found
    listening.close()


@asynccontextmanager
async def channels(
    servers: Servers, count: int = 1, now: Callable[[], int] = monotonic_ns, **oauth: object
) -> AsyncIterator[list[Channel]]:
    url = f"http://127.0.0.1:{servers.port}"
    auth = {"oauth2": {"token url": f"{url}/token", "client id": "me", "client secret": "${CLIENT_SECRET}", **oauth}}
    target = resolve(Target.model_validate({"preset": "custom-http", "url": f"{url}/chat", "auth": auth}))
    gate = Pinned(Granted(tier="loopback", host="127.0.0.1", addresses=["127.0.0.1"]))
    known, spec = Known(SECRETS), ShardSpec("ses_test", 0, 1, 1, "")
    connector = connector_of("http", {})
    async with (
        connector.open(target, known, gate, "ses_test", Timeouts()) as line,
        hooked(line, target, known, gate, spec, now, Redactor([])) as (outer, _),
    ):
        made = [outer.channel() for _ in range(count)]
        yield made
        for channel in made:
            await channel.close()


async def say(channel: Channel) -> Stamps:
    mark = Stamps(monotonic_ns)
    await channel.exchange(prompt_of("hi"), mark)
    return mark


async def test_one_token_serves_everybody(servers):
    async with channels(servers, 5) as users:
        await asyncio.gather(*(say(user) for user in users))
        await asyncio.gather(*(say(user) for user in users))
    assert len(servers.asked) == 1
    assert servers.seen == ["Bearer token-number-1"] * 10
    assert servers.asked[0]["authorization"] == "Basic " + base64.b64encode(b"me:s3cret-of-the-client").decode()
    assert servers.bodies[0] == {"grant_type": ["client_credentials"]}


async def test_scope_audience_and_credentials_go_where_they_are_told(servers):
    async with channels(servers, scope="a b", audience="bots", credentials="body") as (user,):
        await say(user)
    assert servers.bodies[0] == {
        "grant_type": ["client_credentials"], "scope": ["a b"], "audience": ["bots"],
        "client_id": ["me"], "client_secret": ["s3cret-of-the-client"],
    }  # fmt: skip
    assert "authorization" not in servers.asked[0]


async def test_a_token_is_renewed_before_it_expires_and_nobody_waits_for_it(servers):
    clock = [0]
    servers.expires = 100
    async with channels(servers, now=lambda: clock[0], early="30s") as (user,):
        await say(user)
        clock[0] = 69_000_000_000
        await say(user)
        assert len(servers.asked) == 1
        servers.gate.clear()
        clock[0] = 71_000_000_000
        mark = await say(user)  # answered while the token server is silent
        assert servers.seen[-1] == "Bearer token-number-1"
        assert mark.held_ns < 50_000_000
        servers.gate.set()
        while servers.seen[-1] != "Bearer token-number-2":
            await say(user)
    assert len(servers.asked) == 2


async def test_after_a_401_another_token_is_fetched_once_and_the_message_sent_once_more(servers):
    servers.refuse = {"token-number-1"}
    async with channels(servers, 4) as users:
        await asyncio.gather(*(say(user) for user in users))
    assert len(servers.asked) == 2
    assert servers.seen.count("Bearer token-number-2") == 4


async def test_what_renewal_takes_is_in_no_measured_time(servers):
    async with channels(servers) as (user,):
        await say(user)
        servers.refuse = {"token-number-1"}
        servers.gate.clear()
        mark = Stamps(monotonic_ns)
        asking = asyncio.ensure_future(user.exchange(prompt_of("hi"), mark))
        while len(servers.asked) < 2:  # noqa: ASYNC110 - it is the server that is waited for
            await asyncio.sleep(0)
        began = monotonic_ns()
        while monotonic_ns() - began < 300_000_000:  # noqa: ASYNC110 - a slow token server, while the loop runs
            await asyncio.sleep(0)
        servers.gate.set()
        await asking
    assert mark.held_ns >= 300_000_000
    assert mark.last_ns - mark.sent_ns < 250_000_000
    assert mark.sent_ns > began + 300_000_000, "sent is the second time"


async def test_a_token_server_that_refuses_is_the_fault_and_says_no_secret(servers):
    servers.status = 401
    clock = [0]
    async with channels(servers, now=lambda: clock[0], credentials="body") as (user,):
        with pytest.raises(TargetFault) as trouble:
            await say(user)
        fault = trouble.value.fault
        assert (fault.kind, fault.status) == ("rejected", 401)
        assert fault.detail == "the token server answers 401: invalid_client"
        servers.status = 200
        with pytest.raises(TargetFault):
            await say(user)
        assert len(servers.asked) == 1, "a token server in trouble is left alone for a while"
        clock[0] = 1_000_000_000
        await say(user)


async def test_a_token_server_elsewhere_is_not_asked(servers):
    async with channels(servers, **{"token url": "http://127.9.9.9:1/token"}) as (user,):
        with pytest.raises(Exception, match="was not granted"):
            await say(user)
