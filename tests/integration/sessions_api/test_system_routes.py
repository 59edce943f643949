"""Health, dashboard, queue, workers and settings; with everything there, and with one thing dead."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from krawall.clock import wall_ns
from krawall.metrics.tally import Tally
from krawall.model.account import Role
from krawall.model.job import Compact
from krawall.model.kept import WorkerFacts
from krawall.model.session import Outcome, State, Verdict
from krawall.services.latencies import kept
from krawall.settings import Settings
from krawall.testing.logs import some_lines
from krawall.testing.served import keep

DAY_NS = 86_400 * 10**9


async def a_worker(app, **changes):
    facts = {
        "id": "wrk_1",
        "host": "box",
        "pid": 7,
        "version": "0",
        "state": "ready",
        "started_ns": 1,
        "seen_ns": wall_ns(),
        "slots": 2,
    }
    await app.store.workers.beat(WorkerFacts(**{**facts, **changes}))


async def test_all_is_well(app, client):
    await a_worker(app)
    found = (await client.get("/api/health")).json()
    assert (found["ok"], found["ready"]) == (True, True)
    assert {name: check["ok"] for name, check in found["dependencies"].items()} == dict.fromkeys(
        ("database", "migrations", "queue", "archive", "workers"), True
    )
    assert found["dependencies"]["workers"]["detail"] == "1 alive"
    assert (await client.get("/api/health/live")).json() == {"ok": True}
    assert (await client.get("/api/health/ready")).status_code == 200


async def test_without_a_worker_requests_can_still_be_served(app, client):
    await a_worker(app, seen_ns=wall_ns() - 60 * 10**9)
    found = (await client.get("/api/health")).json()
    assert (found["ok"], found["ready"]) == (False, True)
    assert "no worker is alive" in found["dependencies"]["workers"]["detail"]
    assert (await client.get("/api/health/ready")).status_code == 200


@pytest.mark.parametrize("how", ["kill", "freeze"])
async def test_a_dead_queue_is_told_in_time_and_the_rest_answers(app, client, valkey, how):
    getattr(valkey, how)()
    try:
        async with asyncio.timeout(20):
            health, ready, live, queue, board = await asyncio.gather(
                *(
                    client.get(f"/api/{path}")
                    for path in ("health", "health/ready", "health/live", "v1/queue", "v1/dashboard")
                )
            )
    finally:
        valkey.start() if how == "kill" else valkey.thaw()
    found = health.json()["dependencies"]
    assert [name for name, check in found.items() if not check["ok"]] == ["queue", "workers"]
    assert found["queue"]["detail"]
    assert ready.status_code == 503
    assert live.status_code == 200
    assert queue.json()["ok"] is False
    assert queue.json()["detail"]
    assert board.json()["active_jobs"] == 0


async def test_strangers_learn_only_whether_all_is_well(app, client):
    await app.accounts.create_user("ada", "correct horse battery", Role.admin, "system")
    found = (await client.get("/api/health")).json()
    assert set(found) == {"ok", "ready", "version", "dependencies"}
    assert found["version"] is found["dependencies"] is None
    assert (await client.get("/api/health/live")).status_code == 200
    for path in ("queue", "workers", "dashboard", "settings", "audit", "events"):
        assert (await client.get(f"/api/v1/{path}")).status_code == 401


async def test_the_queue_counts_its_jobs(app, client):
    await app.jobs.enqueue(Compact("ses_1"), id="compact.ses_1")
    found = (await client.get("/api/v1/queue")).json()
    assert found["counts"]["chores"]["waiting"] == 1
    assert found["server"]["version"]


async def test_workers_are_listed_with_whether_they_live(app, client):
    await a_worker(app)
    await a_worker(app, id="wrk_2", seen_ns=wall_ns() - 60 * 10**9)
    await a_worker(app, id="wrk_3", state="stopping")
    found = (await client.get("/api/v1/workers")).json()["items"]
    assert {worker["id"]: worker["alive"] for worker in found} == {"wrk_1": True, "wrk_2": False, "wrk_3": False}


async def test_the_dashboard_sums_the_last_day_and_the_one_before(app, client):
    now = wall_ns()
    live = await keep(app, created_ns=now)
    for hours, target, outcome, verdict in (
        (1, "bot", Outcome.completed, Verdict.passed),
        (2, "bot", Outcome.completed, Verdict.failed),
        (3, "shop", Outcome.failed, Verdict.none),
        (4, "shop", Outcome.aborted, Verdict.failed),
        (30, "shop", Outcome.failed, Verdict.none),
    ):
        await ended(app, now - hours * 3600 * 10**9, target, outcome, verdict)
    found = (await client.get("/api/v1/dashboard")).json()
    assert [session["id"] for session in found["live"]] == [live.id]
    assert found["day"]["sessions"] == 5
    assert found["day"]["turns"] == 40
    assert found["day"]["cost_usd"] == pytest.approx(2.0)
    assert found["day"]["outcomes"] == {"completed": 2, "failed": 1, "aborted": 1}
    assert found["day_before"]["sessions"] == 1
    assert [(each["target"], each["sessions"], each["bad"]) for each in found["failing"]] == [
        ("shop", 2, 2),
        ("bot", 2, 1),
    ]
    assert found["recent"][0]["type"] == "session.queued"
    assert (found["times"]["sessions"], found["times"]["latency"]["count"]) == (4, 20)
    assert found["times"]["latency"]["p95"] == pytest.approx(100, rel=0.01)
    assert found["times"]["ttft"]["p50"] == pytest.approx(50, rel=0.01)
    assert found["times_before"]["latency"]["count"] == 5


async def test_the_dashboard_says_where_a_session_is(app, client):
    session = await keep(app)
    assert (await client.get("/api/v1/dashboard")).json()["live"][0]["progress"] is None
    fence = await app.store.sessions.claim(session.id, "wrk_1")
    place = {"progress": 0.25, "left_s": 90.0, "users": 3, "turns_per_s": 1.5, "warning": ""}
    await app.store.sessions.write(session.id, fence, picture=msgspec.json.encode(place))
    live = (await client.get("/api/v1/dashboard")).json()["live"][0]
    assert {name: live[name] for name in place} == place
    assert live["id"] == session.id


async def ended(app, created_ns, target, outcome, verdict):
    session = await keep(app, created_ns=created_ns, target=target)
    fence = await app.store.sessions.claim(session.id, "wrk_1")
    tally = Tally()
    for line in some_lines():
        tally.add(line)
    await app.store.sessions.write(
        session.id, fence, state=State.finished, outcome=outcome, verdict=verdict, turns=10, cost_pico=500_000_000_000,
        latencies=kept(tally),
    )  # fmt: skip


class TestSettings:
    @pytest.fixture
    def settings(self, tmp_path, valkey, monkeypatch):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "krawall.toml").write_text('keep_days = 30\nlog_level = "debug"\n')
        monkeypatch.setenv("KRAWALL_LOG_LEVEL", "warning")
        monkeypatch.setenv("KRAWALL_OTEL", "http://ada:secret@127.0.0.1:4318/?token=secret")
        return Settings(data=tmp_path, redis=valkey.url, worker=False)

    async def test_where_each_came_from_and_no_secret(self, client):
        answer = await client.get("/api/v1/settings")
        found = {each["name"]: each for each in answer.json()["items"]}
        assert (found["keep_days"]["value"], found["keep_days"]["source"]) == (30, "file")
        assert (found["log_level"]["value"], found["log_level"]["source"]) == ("warning", "environment")
        assert (found["worker"]["value"], found["worker"]["source"]) == (False, "flag")
        assert found["port"]["source"] == "default"
        assert found["port"]["variable"] == "KRAWALL_PORT"
        assert found["otel"]["value"] == "http://ada:***@127.0.0.1:4318/?hidden"
        assert "secret" not in answer.text
