from __future__ import annotations

import asyncio

import pytest

from krawall.errors import NotFound
from krawall.model.event import CredentialChanged, SessionPaused, WebhookTest
from krawall.model.kept import DocumentKind
from krawall.model.webhook import Attempt, DeliveryState

HOOK = DocumentKind.webhook
FAR = 2**62


@pytest.fixture
def subscribe(store):
    async def subscribe(name: str, *events: str, **fields: object) -> str:
        body = {"name": name, "url": "http://x", **({"events": list(events)} if events else {}), **fields}
        return (await store.documents.create(HOOK, name, body, "ann")).id

    return subscribe


async def _told(store, webhook: str) -> list[str]:
    page = await store.deliveries.of(webhook)
    return [type((await store.events.get(each.event)).body).__name__ for each in reversed(page.items)]


async def test_an_event_is_delivered_to_who_wants_it(store, make_session, subscribe):
    every, sessions, default = await subscribe("all", "*"), await subscribe("s", "session.queued"), await subscribe("d")
    off, away = await subscribe("off", "*", enabled=False), await subscribe("away", "*")
    await store.documents.archive(HOOK, away, "ann")
    before = len(await _told(store, every))
    await store.sessions.create(make_session(), b"{}", key=None)
    await store.events.append(SessionPaused(), "ann", session="ses_a")
    await store.events.append(CredentialChanged("c", "set"), "ann")
    assert (await _told(store, every))[before:] == ["SessionQueued", "SessionPaused", "CredentialChanged"]
    assert await _told(store, sessions) == ["SessionQueued"]
    assert await _told(store, default) == ["SessionQueued", "SessionPaused"]
    assert await _told(store, off) == []
    assert "SessionQueued" not in await _told(store, away)


async def test_a_revised_subscription_counts_from_its_commit_on(store, make_session, subscribe):
    hook = await subscribe("h", "credential.changed")
    await store.sessions.create(make_session(), b"{}", key=None)
    await store.documents.revise(
        HOOK, hook, {"name": "h", "url": "http://x", "events": ["session.*"]}, "ann", etag=None
    )
    await store.events.append(SessionPaused(), "ann", session="ses_a")
    assert await _told(store, hook) == ["SessionPaused"]


async def test_what_is_undone_is_not_delivered(store, subscribe, undone):
    hook = await subscribe("h", "credential.*")
    async with undone(store) as tx:
        await store.credentials.put("c", b"x", "k1", "ann", tx=tx)
    assert await _told(store, hook) == []
    assert await store.deliveries.due(FAR) == []


async def test_a_trial_goes_to_the_one_who_asked(store, subscribe):
    asked, off = await subscribe("asked", "session.*"), await subscribe("off", "session.*", enabled=False)
    every = await subscribe("all", "webhook.*")
    await store.events.append(WebhookTest(asked), "ann")
    await store.events.append(WebhookTest(off), "ann")
    assert await _told(store, asked) == ["WebhookTest"]
    assert await _told(store, off) == ["WebhookTest"]
    assert await _told(store, every) == []


async def test_attempts_are_recorded_until_it_is_delivered(store, subscribe):
    hook = await subscribe("h", "credential.*")
    await store.credentials.put("c", b"x", "k1", "ann")
    [id] = await store.deliveries.due(FAR)
    made = await store.deliveries.get(id)
    assert (made.webhook, made.state, made.attempts) == (hook, DeliveryState.waiting, [])
    assert [each.id for each in await store.deliveries.of_event(made.event)] == [id]
    bad, good = Attempt(5, 1.5, 500, "ü"), Attempt(9, 2.5, 200)
    await store.deliveries.record(id, bad, DeliveryState.waiting, FAR)
    assert await store.deliveries.due(FAR - 1) == []
    assert await store.deliveries.due(FAR) == [id]
    done = await store.deliveries.record(id, good, DeliveryState.delivered, 0)
    assert done.attempts == [bad, good]
    assert await store.deliveries.get(id) == done
    assert await store.deliveries.due(FAR) == []
    again = await store.deliveries.again(id, 7)
    assert (again.state, again.due_ns, again.attempts) == (DeliveryState.waiting, 7, [bad, good])
    with pytest.raises(NotFound):
        await store.deliveries.record("dlv_none", good, DeliveryState.delivered, 0)


async def test_attempts_at_the_same_time_are_all_on_record(store, other, subscribe):
    await subscribe("h", "credential.*")
    await store.credentials.put("c", b"x", "k1", "ann")
    [id] = await store.deliveries.due(FAR)
    await asyncio.gather(
        *(
            each.deliveries.record(id, Attempt(n, 1.0, None), DeliveryState.waiting, 0)
            for n, each in enumerate([store, other] * 5)
        )
    )
    assert sorted(each.at_ns for each in (await store.deliveries.get(id)).attempts) == list(range(10))


async def test_deliveries_are_paged_newest_first_and_go_with_their_webhook(store, subscribe):
    hook = await subscribe("h", "credential.*")
    for number in range(5):
        await store.credentials.put(f"c{number}", b"x", "k1", "ann")
    every = (await store.deliveries.of(hook)).items
    assert [each.event for each in every] == sorted((each.event for each in every), reverse=True)
    first = await store.deliveries.of(hook, limit=3)
    assert first.items + (await store.deliveries.of(hook, first.next, 3)).items == every
    assert len(await store.deliveries.due(FAR, limit=2)) == 2
    await store.documents.delete(HOOK, hook, "ann")
    assert await store.deliveries.due(FAR) == []
