"""A hook's own requests: to granted hosts alone, without redirects, under our name, with the target's certificates."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from typing import Any

import pytest
import trustme

from krawall.engine.gate import Pinned
from krawall.errors import Refused
from krawall.model.base import NS_PER_S
from krawall.model.exchange import TargetFault
from krawall.model.plan import Granted
from krawall.model.target import Target
from krawall.net.fetch import MOST_BODY, Fetcher
from krawall.testing import replies
from krawall.testing.asking import Known
from krawall.testing.hostile import close, endless, gone, hostile, read, send
from krawall.version import __version__

BESIDE = {"tokens.test": ["127.0.0.1"], "away.test": ["127.0.0.1"]}


def fetcher(secrets: Mapping[str, str] | None = None, **target: Any) -> Fetcher:
    granted = Granted(tier="loopback", host="127.0.0.1", addresses=["127.0.0.1"], beside=BESIDE)
    return Fetcher(
        Target(url="http://127.0.0.1/", **target), Known(secrets or {}), Pinned(granted), "ses_0123456789abcdefghijkl"
    )


async def test_every_header_of_an_answer_is_there_and_cookies_one_a_line() -> None:
    answer = b"HTTP/1.1 200 OK\r\nX-Token: t\r\nSet-Cookie: a=1\r\nset-cookie: b=2; Path=/\r\nVary: a\r\nVary: b\r\ncontent-length: 2\r\n\r\nok"
    async with hostile([read(), send(answer)]) as server:
        got = await fetcher()("POST", server.url("/token?x=1", host="tokens.test"), {"X-Mine": "yes"}, b"body")
    assert (got.status, got.body) == (200, b"ok")
    assert got.headers["x-token"] == "t"
    assert got.headers["set-cookie"] == "a=1\nb=2; Path=/"
    assert got.headers["vary"] == "a, b"
    (request,) = server.requests
    assert request.head.startswith(b"POST /token?x=1 HTTP/1.1\r\n")
    assert (request.values("x-mine"), request.values("host"), request.body) == (["yes"], [f"tokens.test:{server.port}"], b"body")  # fmt: skip


async def test_a_hook_cannot_change_who_we_are_nor_how_long_the_body_is() -> None:
    forged = {"User-Agent": "Mozilla/5.0", "X-Krawall-Session": "none", "Host": "evil.test", "Content-Length": "3", "Transfer-Encoding": "chunked"}  # fmt: skip
    async with hostile([read(), send(replies.whole(b"{}"))]) as server:
        await fetcher()("POST", server.url(), forged, b"12345")
    (request,) = server.requests
    assert request.values("user-agent") == [f"krawall/{__version__}"]
    assert request.values("x-krawall-session") == ["ses_0123456789abcdefghijkl"]
    assert (request.values("host"), request.values("content-length")) == ([f"127.0.0.1:{server.port}"], ["5"])
    assert request.values("transfer-encoding") == []


async def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    async with hostile([gone()]) as other, hostile([read(), send(replies.whole(b"", 302, location=other.url()))]) as server:  # fmt: skip
        got = await fetcher()("GET", server.url())
        assert (got.status, got.headers["location"]) == (302, other.url())
        assert other.connections == 0


@pytest.mark.parametrize("url", ["http://other.test/", "http://127.0.0.2/", "http://localhost/", "http://[::1]/"])
async def test_a_host_that_was_not_granted_is_not_asked(url: str) -> None:
    with pytest.raises(Refused, match="not granted"):
        await fetcher()("GET", url)


async def test_a_header_that_would_begin_another_is_never_sent() -> None:
    async with hostile([]) as server:
        with pytest.raises(TargetFault, match="no header can be"):
            await fetcher()("GET", server.url(), {"cookie": "a=1\r\nx: y"})
    assert server.connections == 0


@pytest.mark.parametrize(
    ("script", "kind", "words"),
    [
        ([read(), close()], "connect", "without an answer"),
        ([read(), gone()], "timeout", r"^127.0.0.1:\d+: no answer within 200ms$"),
        ([read(), send(b"\0\0 nonsense")], "protocol", "not an HTTP"),
        ([read(), send(replies.opening()), endless(replies.chunk(b"x" * 60_000))], "protocol", f"{MOST_BODY:,} bytes"),
    ],
    ids=["closed", "silent", "nonsense", "endless"],
)
async def test_what_is_no_answer_is_a_fault(script: Any, kind: str, words: str) -> None:
    async with hostile(script) as server:
        with pytest.raises(TargetFault, match=words) as trouble:
            await fetcher()("GET", server.url(), timeout_ns=NS_PER_S // 5 if kind == "timeout" else 20 * NS_PER_S)
    assert trouble.value.fault.kind == kind


async def test_no_connection_is_left_open() -> None:
    async with hostile(*[[read(), send(replies.whole(b"{}")), gone()]] * 3) as server:
        ask = fetcher()
        await asyncio.gather(*(ask("GET", server.url()) for _ in range(3)))
    assert server.connections == 3


# certificates ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


def serving(ca: trustme.CA, *, ours: bool) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("tokens.test").configure_cert(context)
    if ours:
        context.verify_mode = ssl.CERT_REQUIRED
        ca.configure_trust(context)
    return context


@pytest.mark.parametrize("ours", [False, True], ids=["trusted", "mutual"])
async def test_certificates_of_the_target_count_for_its_token_server_too(ca: trustme.CA, ours: bool) -> None:
    made = ca.issue_cert("tester.test")
    secrets = {
        "CA": ca.cert_pem.bytes().decode(),
        "CERT": b"".join(blob.bytes() for blob in made.cert_chain_pems).decode(),
        "KEY": made.private_key_pem.bytes().decode(),
    }
    tls = {"ca": "${CA}", "certificate": "${CERT}", "key": "${KEY}"}
    async with hostile([read(), send(replies.whole(b"{}"))], tls=serving(ca, ours=ours)) as server:
        got = await fetcher(secrets, tls=tls)("GET", server.url(host="tokens.test"))
        assert got.status == 200


async def test_a_token_server_that_nobody_vouches_for_is_not_trusted(ca: trustme.CA) -> None:
    async with hostile([read(), send(replies.whole(b"{}"))], tls=serving(ca, ours=False)) as server:
        with pytest.raises(TargetFault, match="the certificate is not accepted"):
            await fetcher()("GET", server.url(host="tokens.test"))
        with pytest.raises(TargetFault, match=r"not accepted.*mismatch"):
            await fetcher({"CA": ca.cert_pem.bytes().decode()}, tls={"ca": "${CA}"})(
                "GET", server.url(host="away.test")
            )
    assert server.requests == []
