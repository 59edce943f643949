"""What changes in the installation: as a stream of names, as a page, as the audit list."""

from __future__ import annotations

import pytest

from krawall.model.event import CredentialChanged, DocumentChanged, SessionPaused, WorkerLost
from krawall.testing.served import finish, keep, stream

EVENTS = "/api/v1/events"


async def changes(reader, count):
    return [(await reader.until("changed"))[-1] for _ in range(count)]


async def test_a_reader_learns_the_names_of_what_changed(app, client):
    async with stream(client, EVENTS) as reader:
        first, place = await reader.next(), await reader.next()
        session = await keep(app)
        bodies = (
            DocumentChanged("target", "tgt_1", "bot", 1, "created"),
            CredentialChanged("key", "set"),
            WorkerLost("wrk_1", "box"),
        )
        for body in bodies:
            await app.store.events.append(body, "ada")
        seen = await changes(reader, 4)
    assert first.retry == "1000"
    assert (place.event, place.id) == ("", "0")
    assert [message.data["names"] for message in seen] == [
        [f"session:{session.id}"], ["target:tgt_1"], ["credential:key"], ["worker:wrk_1"],
    ]  # fmt: skip
    assert [message.id for message in seen] == ["1", "2", "3", "4"]
    assert seen[0].data["event"]["type"] == "session.queued"


async def test_progress_is_told_without_a_number_and_not_to_who_asked_for_types(app, client):
    async with stream(client, EVENTS) as reader, stream(client, EVENTS, params={"types": "session.*"}) as narrow:
        for each in (reader, narrow):
            await each.next()
            await each.next()
        await app.bus.publish("events", b'{"tick": {"names": ["progress:ses_1"]}}')
        moved = (await reader.until("moved"))[-1]
        await keep(app)
        assert [message.event for message in await narrow.until("changed")] == ["changed"]
    assert moved.id is None
    assert moved.data == {"names": ["progress:ses_1"]}


async def test_a_deleted_session_is_named_too(app, client):
    session = await keep(app)
    await finish(app, session.id)
    async with stream(client, EVENTS) as reader:
        await reader.next()
        await reader.next()
        await app.store.sessions.delete(session.id, "ada")
        assert (await changes(reader, 1))[0].data["names"] == [f"session:{session.id}"]


async def test_a_reader_goes_on_after_what_it_has(app, client):
    session = await keep(app)
    for _ in range(3):
        await app.store.events.append(SessionPaused(), "ada", session=session.id)
    async with stream(client, EVENTS, headers={"Last-Event-ID": "2"}) as reader:
        assert [message.id for message in await changes(reader, 2)] == ["3", "4"]
    async with stream(client, EVENTS, params={"after": 0, "types": "session.paused"}) as reader:
        assert [message.id for message in await changes(reader, 3)] == ["2", "3", "4"]


async def test_the_same_as_a_page(app, client):
    session = await keep(app)
    for _ in range(3):
        await app.store.events.append(SessionPaused(), "ada", session=session.id)

    async def page(**params):
        answer = await client.get(EVENTS, params=params, headers={"Accept": "application/json"})
        assert answer.status_code == 200, answer.text
        return answer.json()

    found = await page(after=1, limit=2)
    assert [event["id"] for event in found["items"]] == [2, 3]
    assert found["next"] == "3"
    assert found["items"][0]["data"] == {}
    rest = await page(after=found["next"])
    assert ([event["id"] for event in rest["items"]], rest["next"]) == ([4], None)
    assert [event["id"] for event in (await page(types="session.queued"))["items"]] == [1]


async def test_the_audit_list_is_newest_first_and_says_who(app, client):
    session = await keep(app)
    await app.store.events.append(SessionPaused(), "eve", session=session.id)
    await app.store.events.append(CredentialChanged("key", "set"), "ada")
    found = (await client.get("/api/v1/audit", params={"limit": 2})).json()
    assert [(event["actor"], event["type"]) for event in found["items"]] == [
        ("ada", "credential.changed"),
        ("eve", "session.paused"),
    ]
    rest = (await client.get("/api/v1/audit", params={"cursor": found["next"]})).json()
    assert [event["type"] for event in rest["items"]] == ["session.queued"]
    assert len((await client.get("/api/v1/audit", params={"actor": "eve"})).json()["items"]) == 1
    assert len((await client.get("/api/v1/audit", params={"session": session.id})).json()["items"]) == 2
    assert len((await client.get("/api/v1/audit", params={"types": "session.*"})).json()["items"]) == 2


@pytest.mark.parametrize("query", ["types=sunrise", "cursor=x", "limit=0"])
async def test_a_wrong_question_is_refused(client, query):
    assert (await client.get(f"/api/v1/audit?{query}")).status_code == 422


async def test_a_stream_of_unknown_types_is_refused_before_it_begins(client):
    assert (await client.get(EVENTS, params={"types": "sunrise"})).status_code == 422
    assert (await client.get(EVENTS, headers={"Last-Event-ID": "x"})).status_code == 422
