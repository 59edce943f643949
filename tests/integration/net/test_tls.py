"""TLS: certificates are always verified, and what is wrong with one is said in words."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trustme

from krawall.errors import DocumentError
from krawall.model.policy import Timeouts
from krawall.testing import replies
from krawall.testing.asking import Answer, Pins, ask, line_of, talk, target_of
from krawall.testing.hostile import Action, close, hostile, pieces, read, reset, send

GOOD = replies.whole(replies.chat("fine"))
TURN = [read(), send(GOOD)]
Serve = Callable[..., ssl.SSLContext]


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def ca_file(ca: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("tls") / "ca.pem"
    ca.cert_pem.write_to_path(str(path))
    return str(path)


@pytest.fixture(scope="module")
def serve(ca: trustme.CA) -> Serve:
    def context(*names: str, authority: trustme.CA = ca, **fields: Any) -> ssl.SSLContext:
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(*(names or ("127.0.0.1", "bot.test")), **fields).configure_cert(made)
        return made

    return context


async def once(
    context: ssl.SSLContext | None, ca_file: str | None, *script: Action, host: str = "127.0.0.1", scheme: str = "https"
) -> Answer:
    """Ask a server once over `scheme`, whatever the server speaks."""
    async with hostile(list(script) or TURN, tls=context) as server:
        target = target_of(url=f"{scheme}://{host}:{server.port}/v1", ca_file=ca_file)
        timeouts = Timeouts.model_validate({"connect": "10s"})
        async with line_of(target, gate=Pins(host, ["127.0.0.1"]), timeouts=timeouts) as line:
            channel = line.channel()
            try:
                return await ask(channel)
            finally:
                await channel.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "bot.test"])
async def test_a_certificate_of_a_known_authority_is_accepted(serve: Serve, ca_file: str, host: str) -> None:
    answer = await once(serve(), ca_file, host=host)
    assert answer.text == "fine"
    assert answer.mark.connect_ns > 0


async def test_a_tls_connection_is_kept_too(serve: Serve, ca_file: str) -> None:
    async with talk(TURN * 5, tls=serve(), ca_file=ca_file) as (server, channel):
        assert [(await ask(channel)).text for _ in range(5)] == ["fine"] * 5
    assert server.connections == 1


async def test_a_stream_over_tls_may_come_a_byte_at_a_time(serve: Serve, ca_file: str) -> None:
    answer = await once(serve(), ca_file, read(), pieces(GOOD))
    assert answer.text == "fine"


async def test_an_unknown_authority_is_refused(serve: Serve) -> None:
    assert (await once(serve(), None)).is_fault("tls", "^the certificate is not accepted: .*(self.signed|local issuer)")


async def test_another_authority_of_the_same_name_is_refused(serve: Serve, ca_file: str) -> None:
    assert (await once(serve(authority=trustme.CA()), ca_file)).is_fault("tls", "the certificate is not accepted")


@pytest.mark.parametrize("host", ["127.0.0.1", "bot.test"])
async def test_another_host_is_refused(serve: Serve, ca_file: str, host: str) -> None:
    answer = await once(serve("other.test"), ca_file, host=host)
    assert answer.is_fault("tls", f"the certificate is not accepted: .*mismatch.*{host}")


async def test_an_expired_certificate_is_refused(serve: Serve, ca_file: str) -> None:
    long_ago = {"not_before": datetime(2001, 1, 1, tzinfo=UTC), "not_after": datetime(2002, 1, 1, tzinfo=UTC)}
    assert (await once(serve(**long_ago), ca_file)).is_fault("tls", "certificate has expired")


async def test_a_server_without_tls_behind_https_is_a_tls_fault(ca_file: str) -> None:
    answer = await once(None, ca_file, send(b"HTTP/1.1 400 Bad Request\r\n\r\n"), close())
    assert answer.is_fault("tls", "does not speak TLS")


async def test_a_server_with_tls_behind_http_is_no_answer(serve: Serve) -> None:
    answer = await once(serve(), None, scheme="http")
    assert answer.fault.kind in ("connect", "protocol")  # closed, or a TLS alert, as its library likes
    assert answer.reply is None


@pytest.mark.parametrize("ending", [close(), reset()], ids=["closed", "reset"])
async def test_an_end_in_the_handshake_is_no_connection(ca_file: str, ending: Action) -> None:
    answer = await once(None, ca_file, ending)
    assert answer.fault.kind in ("connect", "tls")


async def test_a_handshake_that_takes_too_long_is_a_connect_fault(ca_file: str) -> None:
    async with hostile([]) as server:
        target = target_of(url=f"https://127.0.0.1:{server.port}/", ca_file=ca_file)
        async with line_of(target, timeouts=Timeouts.model_validate({"connect": "80ms"})) as line:
            answer = await ask(line.channel())
            assert answer.is_fault("connect", f"^127.0.0.1:{server.port}: no connection within 80ms$")


@pytest.mark.parametrize("ending", [close(), reset()], ids=["closed", "reset"])
async def test_an_end_in_mid_reply_is_truncated(serve: Serve, ca_file: str, ending: Action) -> None:
    assert (await once(serve(), ca_file, read(), send(GOOD[:-9]), ending)).is_fault("truncated", "in mid-reply")


async def test_a_file_of_authorities_that_is_none_is_an_error_in_the_target(tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("no certificate")
    for path, words in [(tmp_path / "gone.pem", "No such file"), (empty, "no PEM file of certificates")]:
        with pytest.raises(DocumentError, match=words) as raised:
            async with line_of(target_of(url="https://127.0.0.1:1/", ca_file=str(path))):
                pass
        assert raised.value.places[0].path == "target.ca file"


async def test_a_probe_verifies_too(serve: Serve) -> None:
    async with hostile(TURN, tls=serve()) as server, line_of(target_of(url=server.url())) as line:
        with pytest.raises(Exception, match="the certificate is not accepted"):
            async with asyncio.timeout(10):
                await line.probe()


async def mutual(serve: Serve, ca: trustme.CA, tls: dict[str, str], secrets: dict[str, str]) -> Answer:
    """Ask a server that wants a certificate of its authority from us too."""
    context = serve()
    context.verify_mode = ssl.CERT_REQUIRED
    ca.configure_trust(context)
    async with hostile(TURN, tls=context) as server:
        target = target_of(url=f"https://127.0.0.1:{server.port}/v1", tls=tls)
        async with line_of(target, gate=Pins("127.0.0.1", ["127.0.0.1"]), secrets=secrets) as line:
            channel = line.channel()
            try:
                return await ask(channel)
            finally:
                await channel.close()


@pytest.fixture(scope="module")
def ours(ca: trustme.CA) -> dict[str, str]:
    """Our own certificate, its key and the authority, as PEM texts."""
    made = ca.issue_cert("tester.test")
    chain = b"".join(blob.bytes() for blob in made.cert_chain_pems)
    return {"CA": ca.cert_pem.bytes().decode(), "CERT": chain.decode(), "KEY": made.private_key_pem.bytes().decode()}


REFERENCES = {"ca": "${CA}", "certificate": "${CERT}", "key": "${KEY}"}


async def test_a_certificate_of_our_own_is_shown_by_reference(serve, ca, ours):
    assert (await mutual(serve, ca, REFERENCES, ours)).text == "fine"


async def test_a_certificate_of_our_own_is_shown_from_files(serve, ca, ours, tmp_path: Path):
    files = {}
    for name, word in (("CA", "ca"), ("CERT", "certificate"), ("KEY", "key")):
        (tmp_path / name).write_text(ours[name])
        files[word] = str(tmp_path / name)
    assert (await mutual(serve, ca, files, {})).text == "fine"


async def test_without_it_the_server_hangs_up(serve, ca, ours):
    answer = await mutual(serve, ca, {"ca": "${CA}"}, ours)
    assert answer.trouble is not None
    assert answer.fault.kind in ("tls", "connect")


@pytest.mark.parametrize("wrong", ["CERT", "KEY", "CA"])
async def test_what_is_no_certificate_or_key_is_an_error_that_quotes_no_key(serve, ca, ours, wrong):
    broken = ours | {wrong: "-----BEGIN canary-4711-----"}
    with pytest.raises(DocumentError) as trouble:
        await mutual(serve, ca, REFERENCES, broken)
    assert trouble.value.places[0].path.startswith("target.tls")
    assert "canary" not in str(trouble.value)


async def test_a_key_of_another_certificate_is_an_error(serve, ca, ours):
    other = ca.issue_cert("other.test").private_key_pem.bytes().decode()
    with pytest.raises(DocumentError, match="do not belong together"):
        await mutual(serve, ca, REFERENCES, ours | {"KEY": other})


async def test_a_key_that_is_locked_asks_nobody_for_its_password(serve, ca, ours):
    from cryptography.hazmat.primitives import serialization as form

    key = form.load_pem_private_key(ours["KEY"].encode(), None)
    locked = key.private_bytes(
        form.Encoding.PEM, form.PrivateFormat.PKCS8, form.BestAvailableEncryption(b"canary-pass")
    )
    with pytest.raises(DocumentError, match="locked by a password") as trouble:
        await mutual(serve, ca, REFERENCES, ours | {"KEY": locked.decode()})
    assert trouble.value.places[0].path == "target.tls.key"


def test_a_document_holds_no_certificate_and_no_key(ours):
    with pytest.raises(ValueError, match="keep PEM text as a secret"):
        target_of(url="https://127.0.0.1/", tls={"certificate": ours["CERT"], "key": ours["KEY"]})
