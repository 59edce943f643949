"""Sessions over REST: each route in good and bad weather."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from krawall.model.account import Role, Scope
from krawall.model.event import SessionPaused
from krawall.model.job import QUEUES, ConductSession
from krawall.model.kept import WorkerFacts
from krawall.model.session import State
from krawall.model.summary import Conversations, Picture, Point, Tokens
from krawall.testing.served import BEGAN_NS, finish, keep

SESSIONS = "/api/v1/sessions"
ECHO = {
    "name": "Late parcel",
    "target": {"connector": "echo"},
    "steps": [{"message": "Where is my parcel?"}],
    "load": {"users": 1, "conversations": 1},
}


def a_picture(**changes):
    return msgspec.structs.replace(
        Picture("n", "t", "running", "measure", 1.0, None, None, None, 1, 0, Conversations(), 3, 1.0, {}, {}, {}, Tokens(), 0.1, 2.0),
        **changes,
    )  # fmt: skip


async def start(client, **more):
    return await client.post(SESSIONS, json={"scenario": ECHO, **more}, headers={"Idempotency-Key": "k1"})


async def running(app, **changes):
    """Keep a session that plays, as far as its row says."""
    session = await keep(app, **changes)
    fence = await app.store.sessions.claim(session.id, "wrk_1")
    for state in (State.starting, State.running):
        await app.store.sessions.write(session.id, fence, state=state)
    return session


def problem(response, status, code):
    assert response.status_code == status, response.text
    assert response.headers["content-type"].startswith("application/problem+json")
    assert response.json()["code"] == code
    return response.json()


# start ---------------------------------------------------------------------------------------------------


async def test_a_session_is_accepted_at_once_and_queued(app, client):
    answer = await start(client, name="nightly", seed=9)
    assert answer.status_code == 202, answer.text
    session = answer.json()
    assert answer.headers["location"] == f"{SESSIONS}/{session['id']}"
    assert (session["name"], session["state"], session["seed"], session["actor"]) == ("nightly", "queued", 9, "local")
    assert session["wish"] == {"stop": "no", "paused": False, "users": None, "rate": None}
    assert await app.jobs.has(QUEUES[ConductSession], session["id"])


async def test_the_same_key_starts_it_once_and_another_request_with_it_is_a_conflict(app, client):
    first, second = await start(client), await start(client)
    assert first.json()["id"] == second.json()["id"]
    assert await app.store.sessions.count() == 1
    problem(await start(client, seed=3), 409, "conflict")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"scenario": 7},
        {"scenario": ECHO, "users": 0},
        {"scenario": ECHO, "colour": "red"},
        {"scenario": {"name": "x", "steps": []}},
        {"scenario": {**ECHO, "steps": [{"massage": "hi"}]}},
        {"scenario": ECHO, "rate": "fast"},
        {"scenario": ECHO, "load": {"users": "\ud800"}},
        [],
        None,
    ],
)
async def test_what_makes_no_plan_is_said_place_by_place(client, body):
    import json

    answer = await client.post(SESSIONS, content=json.dumps(body), headers={"Content-Type": "application/json"})
    assert answer.status_code == 422, answer.text
    assert answer.json()["places"]


async def test_a_scenario_that_nobody_keeps_is_not_found(client):
    problem(await client.post(SESSIONS, json={"scenario": "no such thing"}), 404, "not_found")


# list and show -------------------------------------------------------------------------------------------


async def test_sessions_are_listed_newest_first_page_by_page(app, client):
    made = [(await keep(app, created_ns=BEGAN_NS + number, name=f"s{number}")).id for number in range(5)]
    first = (await client.get(SESSIONS, params={"limit": 3})).json()
    rest = (await client.get(SESSIONS, params={"limit": 3, "cursor": first["next"]})).json()
    assert [session["id"] for session in [*first["items"], *rest["items"]]] == made[::-1]
    assert rest["next"] is None


async def test_filters_and_sorting(app, client):
    old = await keep(app, name="b", target="shop")
    new = await keep(app, name="a", scenario="other", created_ns=BEGAN_NS + 10 * 10**9)
    await finish(app, old.id)

    async def ids(**params):
        answer = await client.get(SESSIONS, params=params)
        assert answer.status_code == 200, answer.text
        return [session["id"] for session in answer.json()["items"]]

    assert await ids(sort="name") == [new.id, old.id]
    assert await ids(sort="-name") == [old.id, new.id]
    assert await ids(sort="-cost_usd") == [new.id, old.id]
    assert await ids(state="finished") == await ids(outcome="completed") == await ids(verdict="passed") == [old.id]
    assert await ids(target="shop") == await ids(search="SHOP") == [old.id]
    assert await ids(scenario="other") == [new.id]
    assert await ids(**{"from": "2023-11-14T22:13:25Z"}) == [new.id]
    assert await ids(to="2023-11-14T22:13:25Z") == [old.id]
    assert await ids(to="2023-11-14T23:13:25+01:00") == [old.id]
    assert await ids(**{"from": "9999-12-31T00:00:00Z"}) == []


@pytest.mark.parametrize(
    "query",
    [
        "state=sleeping",
        "sort=colour",
        "cursor=nonsense",
        "limit=0",
        "limit=201",
        "from=yesterday",
        "to=0.5",
        "to=0",
        "outcome=won",
        "sort=created_ns",
    ],
)
async def test_a_wrong_query_is_refused(client, query):
    assert (await client.get(f"{SESSIONS}?{query}")).status_code == 422


async def test_a_session_is_shown_with_picture_and_diagnosis(app, client):
    session = await running(app)
    fence = await app.store.sessions.claim(session.id, "wrk_1")
    await app.store.sessions.write(
        session.id, fence, picture=msgspec.json.encode(a_picture(warning="the generator is late"))
    )
    shown = (await client.get(f"{SESSIONS}/{session.id}")).json()
    assert shown["picture"]["turns"] == 3
    assert shown["summary"] is None
    assert shown["started_at"] is None
    assert shown["created_at"] == "2023-11-14T22:13:20.000Z"
    assert "the generator is late" in shown["diagnosis"]
    assert any("no worker is alive" in sentence for sentence in shown["diagnosis"])


async def test_nobody_knows_an_unknown_session(client):
    for path in (
        "",
        "/plan",
        "/ticks",
        "/events",
        "/diagnosis",
        "/messages",
        "/conversations",
        "/conversations/1",
        "/report",
        "/export",
    ):
        problem(await client.get(f"{SESSIONS}/ses_nobody{path}"), 404, "not_found")
    for path in ("/stop", "/cancel", "/pause", "/resume", "/restart"):
        problem(await client.post(f"{SESSIONS}/ses_nobody{path}"), 404, "not_found")
    problem(await client.post(f"{SESSIONS}/ses_nobody/adjust", json={"users": 2}), 404, "not_found")
    problem(await client.delete(f"{SESSIONS}/ses_nobody"), 404, "not_found")


async def test_the_plan_as_json_and_as_a_scenario_that_plays_the_same(client):
    id = (await start(client)).json()["id"]
    plan = (await client.get(f"{SESSIONS}/{id}/plan")).json()
    assert plan["scenario"]["name"] == "Late parcel"
    text = await client.get(f"{SESSIONS}/{id}/plan", headers={"Accept": "application/yaml"})
    assert text.headers["content-type"].startswith("application/yaml")
    assert "Where is my parcel?" in text.text


async def test_ticks_from_a_second_on(app, client):
    session = await keep(app)
    for second in range(5):
        point = Point(second, 1, 2, 0, None, None, None, None, None, 0, 0.0)
        await app.store.ticks.add(session.id, second, msgspec.json.encode(point))
    found = (await client.get(f"{SESSIONS}/{session.id}/ticks", params={"since": 1, "limit": 2})).json()
    assert [tick["second"] for tick in found["items"]] == [1, 2]
    assert found["next"] == 3
    assert (await client.get(f"{SESSIONS}/{session.id}/ticks", params={"since": 3})).json()["next"] is None
    assert (await client.get(f"{SESSIONS}/{session.id}/ticks", params={"since": 2**40})).status_code == 422


async def test_events_of_a_session_in_order(app, client):
    session = await keep(app)
    for _ in range(3):
        await app.store.events.append(SessionPaused(), "ada", session=session.id)
    found = (await client.get(f"{SESSIONS}/{session.id}/events", params={"after": 1, "limit": 2})).json()
    assert [event["number"] for event in found["items"]] == [2, 3]
    assert found["next"] == 3
    first = (await client.get(f"{SESSIONS}/{session.id}/events", params={"limit": 1})).json()["items"][0]
    assert first["type"] == "session.queued"
    assert first["data"]["plan_hash"] == session.plan_hash


# steer ---------------------------------------------------------------------------------------------------


async def test_what_nobody_has_begun_is_over_once_it_is_stopped(client):
    id = (await start(client)).json()["id"]
    stopped = (await client.post(f"{SESSIONS}/{id}/stop")).json()
    assert (stopped["state"], stopped["outcome"]) == ("finished", "cancelled")
    problem(await client.post(f"{SESSIONS}/{id}/stop"), 409, "conflict")
    problem(await client.post(f"{SESSIONS}/{id}/pause"), 409, "conflict")


async def test_stop_drains_unless_now(app, client):
    session = await running(app)
    assert (await client.post(f"{SESSIONS}/{session.id}/stop", json={})).json()["wish"]["stop"] == "drain"
    assert (await client.post(f"{SESSIONS}/{session.id}/stop", json={"now": True})).json()["wish"]["stop"] == "now"
    assert (await client.post(f"{SESSIONS}/{session.id}/cancel")).json()["wish"]["stop"] == "now"
    assert (await client.post(f"{SESSIONS}/{session.id}/stop", json={"how": "gently"})).status_code == 422


async def test_pause_resume_and_adjust(app, client):
    session = await running(app)
    assert (await client.post(f"{SESSIONS}/{session.id}/pause")).json()["wish"]["paused"] is True
    diagnosis = (await client.get(f"{SESSIONS}/{session.id}/diagnosis")).json()["sentences"]
    assert any(sentence.startswith("paused by local") for sentence in diagnosis)
    assert (await client.post(f"{SESSIONS}/{session.id}/resume")).json()["wish"]["paused"] is False
    assert (await client.post(f"{SESSIONS}/{session.id}/adjust", json={"users": 4})).json()["wish"]["users"] == 4
    for wrong in ({}, {"users": 1, "rate": 1}, {"rate": 2}, {"users": -1}, {"users": "many"}, {"rate": 1e400}):
        import json

        answer = await client.post(
            f"{SESSIONS}/{session.id}/adjust", content=json.dumps(wrong), headers={"Content-Type": "application/json"}
        )
        assert answer.status_code == 422, (wrong, answer.text)


async def test_a_restart_is_a_new_session_of_the_same_plan(app, client):
    id = (await start(client)).json()["id"]
    again = await client.post(f"{SESSIONS}/{id}/restart", headers={"Idempotency-Key": "again"})
    twice = await client.post(f"{SESSIONS}/{id}/restart", headers={"Idempotency-Key": "again"})
    assert again.status_code == 202
    assert again.json()["restart_of"] == id
    assert again.json()["plan_hash"] == (await client.get(f"{SESSIONS}/{id}")).json()["plan_hash"]
    assert twice.json()["id"] == again.json()["id"] != id


async def test_a_restart_may_begin_with_the_load_that_the_session_was_changed_to(app, client):
    session = await running(app)
    await client.post(f"{SESSIONS}/{session.id}/adjust", json={"users": 4})
    again = (await client.post(f"{SESSIONS}/{session.id}/restart", json={"as_changed": True})).json()
    assert (again["wish"]["users"], again["restart_of"]) == (4, session.id)
    assert (await client.post(f"{SESSIONS}/{session.id}/restart")).json()["wish"]["users"] is None


async def test_only_what_is_finished_is_deleted(app, client):
    session = await keep(app)
    problem(await client.delete(f"{SESSIONS}/{session.id}"), 409, "conflict")
    await finish(app, session.id)
    assert (await client.delete(f"{SESSIONS}/{session.id}")).status_code == 204
    problem(await client.get(f"{SESSIONS}/{session.id}"), 404, "not_found")


async def test_many_at_once_each_by_itself(app, client):
    over, waiting = await keep(app), await running(app)
    await finish(app, over.id)
    ids = [over.id, waiting.id, "ses_nobody"]
    answer = await client.post(f"{SESSIONS}/bulk", json={"ids": ids, "deed": "delete"})
    results = answer.json()["results"]
    assert [(result["id"], result["ok"], result["code"]) for result in results] == [
        (over.id, True, None), (waiting.id, False, "conflict"), ("ses_nobody", False, "not_found"),
    ]  # fmt: skip
    stopped = (await client.post(f"{SESSIONS}/bulk", json={"ids": [waiting.id], "deed": "cancel"})).json()["results"]
    assert stopped[0]["session"]["wish"]["stop"] == "now"
    again = (await client.post(f"{SESSIONS}/bulk", json={"ids": [waiting.id], "deed": "restart"})).json()["results"]
    assert again[0]["session"]["restart_of"] == waiting.id
    for wrong in ({"ids": [], "deed": "stop"}, {"ids": ["x"], "deed": "kiss"}, {"ids": ["x"] * 201, "deed": "stop"}):
        assert (await client.post(f"{SESSIONS}/bulk", json=wrong)).status_code == 422


# who may -------------------------------------------------------------------------------------------------


async def test_looking_needs_a_login_and_steering_the_scope_run(app, client):
    session = await running(app)
    user = await app.accounts.create_user("ada", "correct horse battery", Role.admin, "system")
    for path in ("", f"/{session.id}", f"/{session.id}/plan", f"/{session.id}/messages", f"/{session.id}/stream"):
        problem(await client.get(SESSIONS + path), 401, "unauthorized")
    token = await _token(app, user, {Scope.read})
    headers = {"Authorization": f"Bearer {token}"}
    assert (await client.get(f"{SESSIONS}/{session.id}", headers=headers)).status_code == 200
    for path in (
        "",
        "/bulk",
        "/import",
        *(f"/{session.id}/{deed}" for deed in ("stop", "cancel", "pause", "resume", "adjust", "restart")),
    ):
        problem(await client.post(SESSIONS + path, json={}, headers=headers), 403, "forbidden")
    problem(await client.delete(f"{SESSIONS}/{session.id}", headers=headers), 403, "forbidden")


async def _token(app, user, scopes):
    from krawall.model.account import SCOPES, Caller

    made = await app.accounts.create_token(Caller("ada", SCOPES[Role.admin], user=user.id), "ci", scopes)
    return made.secret


# diagnosis -----------------------------------------------------------------------------------------------


async def test_it_says_who_waits_and_for_what(app, client):
    first = await keep(app)
    second = await keep(app, created_ns=BEGAN_NS + 1, shards=3)
    now = BEGAN_NS * 2  # far from any clock: it counts as alive
    await app.store.workers.beat(WorkerFacts("wrk_1", "box", 1, "0", "ready", now, now, slots=1, playing=[first.id]))
    said = (await client.get(f"{SESSIONS}/{second.id}/diagnosis")).json()["sentences"]
    assert said == ["1 session before this one waits for a worker too", "every place of the 1 worker is taken"]
    fence = await app.store.sessions.claim(second.id, "wrk_1")
    await app.store.sessions.write(second.id, fence, state=State.starting)
    await app.store.shards.claim(second.id, 0, "wrk_1")
    said = (await client.get(f"{SESSIONS}/{second.id}/diagnosis")).json()["sentences"]
    assert said == [
        "waiting for 2 of 3 shards to be taken by a worker; no place is free, start more workers or ask for fewer shards"
    ]


async def test_a_dead_queue_is_said_and_does_not_hang_the_answer(app, client, valkey):
    session = await keep(app)
    valkey.freeze()
    try:
        async with asyncio.timeout(10):
            said = (await client.get(f"{SESSIONS}/{session.id}")).json()["diagnosis"]
    finally:
        valkey.thaw()
    assert said[0].startswith("the queue is away")
