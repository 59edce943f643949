"""Deliveries over real sockets: signed, retried, given up, and sent to nobody who must not be reached."""

from __future__ import annotations

import asyncio
import json
import ssl
from dataclasses import replace

import pytest
import trustme

from krawall.clock import wall_ns
from krawall.model.base import NS_PER_S
from krawall.model.kept import DocumentKind
from krawall.model.webhook import DeliveryState
from krawall.testing import replies
from krawall.testing.documents import HOOK
from krawall.testing.hostile import gone, hostile, read, reset, send, tell, wait
from krawall.wire.signing import keys_of, verify
from krawall.worker import deliver as delivering
from krawall.worker.deliver import deliver

GOOD = [read(), send(replies.whole(b"", 204))]


def answering(status: int, body: bytes = b"", **headers: str):
    return [read(), send(replies.whole(body, status, **headers)), gone()]


async def made(app, url: str, **more):
    """Return a webhook to `url` with a trial delivery that is due."""
    kept = await app.documents.create(DocumentKind.webhook, {**HOOK, "url": url, **more}, "ada")
    return kept, (await app.webhooks.test(kept.id, "ada")).id


async def tried(app, id: str, tools=None):
    """Attempt a delivery now, whenever it is due; return it."""
    await app.store.deliveries.again(id, 0)
    await deliver(tools or app.tools(), id)
    return await app.store.deliveries.get(id)


async def test_a_message_arrives_signed(app):
    async with hostile(GOOD) as server:
        kept, id = await made(app, server.url("/hook?x=1"))
        secret = await app.webhooks.new_secret(kept.id, "ada", app.vault)
        delivery = await tried(app, id)
    assert (delivery.state, [each.status for each in delivery.attempts]) == (DeliveryState.delivered, [204])
    (request,) = server.requests
    assert request.head.startswith(b"POST /hook?x=1 HTTP/1.1\r\n")
    headers = {name: request.values(name)[0] for name in ("webhook-id", "webhook-timestamp", "webhook-signature")}
    assert headers["webhook-id"] == id
    assert verify(keys_of(secret), headers, request.body, now_s=wall_ns() // NS_PER_S)
    assert request.values("host") == [f"127.0.0.1:{server.port}"]
    assert request.values("content-type") == ["application/json"]
    assert request.values("user-agent")[0].startswith("krawall/")
    told = json.loads(request.body)
    assert (told["type"], told["data"]) == ("webhook.test", {"webhook": kept.id})
    (credential,) = await app.store.credentials.list()
    assert credential.used_ns is not None


async def test_what_was_delivered_or_is_not_due_is_not_sent_again(app):
    async with hostile(GOOD) as server:
        _, id = await made(app, server.url())
        await tried(app, id)
        await deliver(app.tools(), id)
        _, later = await made(app, server.url(), name="later")
        await app.store.deliveries.again(later, wall_ns() + 60 * NS_PER_S)
        await deliver(app.tools(), later)
        await deliver(app.tools(), "dlv_none")
    assert len(server.requests) == 1


async def test_a_failure_is_tried_again_with_the_same_message(app):
    async with hostile(answering(500, b"oh\x00 no"), GOOD) as server:
        _, id = await made(app, server.url())
        failed = await tried(app, id)
        assert (failed.state, failed.attempts[0].status) == (DeliveryState.waiting, 500)
        assert "oh" in failed.attempts[0].detail
        wait_ns = failed.due_ns - failed.attempts[0].at_ns
        assert 4 * NS_PER_S <= wait_ns <= 6 * NS_PER_S
        assert await app.jobs.has("chores", f"deliver.{id}.1")
        done = await tried(app, id)
    assert (done.state, [each.status for each in done.attempts]) == (DeliveryState.delivered, [500, 204])
    assert server.requests[0].body == server.requests[1].body
    assert server.requests[0].values("webhook-id") == server.requests[1].values("webhook-id")


async def test_two_that_hold_the_same_delivery_send_it_once(app):
    arrived, held = asyncio.Event(), asyncio.Event()
    async with hostile([read(), tell(arrived), wait(held), send(replies.whole(b"", 204))]) as server:
        _, id = await made(app, server.url())
        async with asyncio.TaskGroup() as group:
            group.create_task(deliver(app.tools(), id))
            await arrived.wait()
            await deliver(app.tools(), id)
            held.set()
    assert len(server.requests) == 1


async def test_gone_disables_the_webhook(app):
    async with hostile(answering(410)) as server:
        kept, id = await made(app, server.url())
        delivery = await tried(app, id)
    assert delivery.state is DeliveryState.failed
    now = await app.documents.get(DocumentKind.webhook, kept.id)
    assert (now.body["enabled"], now.actor, now.revision) == (False, "system", 2)


async def test_redirects_are_not_followed(app):
    async with hostile(answering(302, location="http://127.0.0.1:1/")) as server:
        _, id = await made(app, server.url())
        delivery = await tried(app, id)
    assert (delivery.state, delivery.attempts[0].status) == (DeliveryState.waiting, 302)
    assert "redirects are not followed" in delivery.attempts[0].detail
    assert server.connections == 1


async def test_who_does_not_answer_is_not_waited_for(app, monkeypatch):
    monkeypatch.setattr(delivering, "TIMEOUT_S", 0.05)
    async with hostile([read(), gone()]) as server:
        _, id = await made(app, server.url())
        delivery = await tried(app, id)
    assert (delivery.state, delivery.attempts[0].status) == (DeliveryState.waiting, None)
    assert delivery.attempts[0].detail


async def test_an_answer_without_end_is_read_no_further_than_needed(app):
    head = replies.head(200, content_length=str(10**12))
    async with hostile([read(), send(head + b"x" * 100_000), gone()]) as server:
        _, id = await made(app, server.url())
        assert (await tried(app, id)).state is DeliveryState.delivered


@pytest.mark.parametrize("script", [[read(), send(b"nonsense\r\n\r\n"), gone()], [reset()]], ids=["nonsense", "cut"])
async def test_answers_that_are_none_are_failures(app, script):
    async with hostile(script) as server:
        _, id = await made(app, server.url())
        delivery = await tried(app, id)
    assert (delivery.state, delivery.attempts[0].status) == (DeliveryState.waiting, None)


async def test_nobody_is_at_home(app):
    async with hostile(GOOD) as server:
        url = server.url()
    _, id = await made(app, url)
    delivery = await tried(app, id)
    assert (delivery.state, delivery.attempts[0].status) == (DeliveryState.waiting, None)


async def test_private_addresses_are_not_reached_without_leave(app):
    async with hostile(GOOD) as server:
        for name, url in (("a", server.url()), ("b", server.url(host="localhost"))):
            _, id = await made(app, url, name=name)
            delivery = await tried(app, id, replace(app.tools(), private_webhooks=False))
            assert (delivery.state, delivery.attempts[0].status) == (DeliveryState.waiting, None)
            assert "webhooks do not go there" in delivery.attempts[0].detail
    assert server.connections == 0


async def test_a_missing_or_wrong_secret_is_a_failure_that_says_so(app):
    async with hostile(GOOD) as server:
        _, id = await made(app, server.url(), credential="NOBODY")
        assert "NOBODY" in (await tried(app, id)).attempts[0].detail
        await app.credentials.put("NOBODY", "hunter2!", "ada")
        wrong = await tried(app, id)
    assert "hunter2" not in wrong.attempts[1].detail
    assert "base64" in wrong.attempts[1].detail
    assert server.connections == 0


async def test_deleted_webhooks_are_told_nothing(app):
    async with hostile(GOOD) as server:
        kept, id = await made(app, server.url())
        await app.documents.delete(DocumentKind.webhook, kept.id, "ada")
        await deliver(app.tools(), id)
    assert server.connections == 0


async def test_disabled_webhooks_are_told_nothing_but_trials(app):
    async with hostile(GOOD) as server:
        kept, trial = await made(app, server.url(), events=["document.*"])
        await app.documents.create(DocumentKind.target, {"connector": "echo"}, "ada", name="bot")
        (event,) = [
            each for each in (await app.webhooks.deliveries(kept.id)).items if each.id != trial and each.event > 2
        ]
        body = {**kept.body, "enabled": False}
        await app.documents.revise(DocumentKind.webhook, kept.id, body, "ada", etag=None)
        assert (await tried(app, event.id)).state is DeliveryState.failed
        assert server.connections == 0
        assert (await tried(app, trial)).state is DeliveryState.delivered


async def test_names_are_checked_by_their_certificates(app, monkeypatch, tmp_path):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    for host, good in (("localhost", True), ("elsewhere.example", False)):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(host).configure_cert(context)
        async with hostile(GOOD, tls=context) as server:
            _, id = await made(app, server.url(host="localhost"), name=host)
            delivery = await tried(app, id)
        assert (delivery.state is DeliveryState.delivered) == good
        if not good:
            assert "certificate" in delivery.attempts[0].detail.lower()
