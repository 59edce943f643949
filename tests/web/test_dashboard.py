"""The dashboard in a real Chromium: full in every look, moving by itself over its one stream, and honest when that is gone."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

import msgspec
import pytest
from msgspec.structs import replace
from playwright.sync_api import Page, Route, expect

from krawall.app import App
from krawall.clock import wall_ns
from krawall.metrics.tally import Tally
from krawall.model.event import DocumentChanged, ThresholdBreached
from krawall.model.kept import DocumentKind, WorkerFacts
from krawall.model.session import Outcome, State, Verdict
from krawall.services.latencies import kept
from krawall.testing.logs import S, an_exchange
from krawall.testing.served import a_plan, a_session

HOUR_NS = 3600 * S
ENDED = (
    (1, "Late parcel", "Support bot", Outcome.completed, Verdict.passed, 1.0),
    (3, "Shop audit", "Shop assistant with a long name", Outcome.completed, Verdict.failed, 1.4),
    (5, "Rapid fire", "Shop assistant with a long name", Outcome.failed, Verdict.none, 0.8),
    (29, "Late parcel", "Support bot", Outcome.completed, Verdict.passed, 0.9),
)


@pytest.fixture(scope="module")
def live(pages) -> str:
    """An installation in use; gives the id of the session under way."""

    async def fill(app: App) -> str:
        now = wall_ns()
        await app.documents.create(
            DocumentKind.target, {"preset": "mock", "url": "http://127.0.0.1:8010/x"}, "ada", name="Support bot"
        )
        await app.documents.create(
            DocumentKind.scenario, {"name": "Late parcel", "steps": ["Hello"]}, "ada", name="Late parcel"
        )
        for hours, *facts in ENDED:
            await _ended(app, now - hours * HOUR_NS, *facts)
        facts = {"host": "box-a.local", "pid": 4711, "version": "0.6.0", "started_ns": now - HOUR_NS, "slots": 4}
        await app.store.workers.beat(
            WorkerFacts(id="wrk_1", state="ready", seen_ns=now, lag_ms=3.2, playing=["ses_x"], **facts)
        )
        await app.store.workers.beat(WorkerFacts(id="wrk_2", state="ready", seen_ns=now, lag_ms=81.0, **facts))
        await app.store.workers.beat(WorkerFacts(id="wrk_3", state="gone", seen_ns=now - HOUR_NS, **facts))
        await app.store.events.append(DocumentChanged("target", "tgt_1", "Support bot", 2, "revised"), "ada")
        await app.store.events.append(ThresholdBreached("p95(latency) < 1s", 1.4, ""), "worker wrk_1")
        await _new(app, "Waiting session", now)
        return await _moved(app, await _new(app, "Black Friday rehearsal", now - 120 * S), 0.25)

    return pages.do(fill)  # fmt: skip


async def _new(app: App, name: str, created_ns: int) -> str:
    made = a_session(name=name, target="Support bot", created_ns=created_ns)
    await app.store.sessions.create(made, a_plan().to_json(), key=None)
    return made.id


async def _ended(
    app: App, at_ns: int, name: str, target: str, outcome: Outcome, verdict: Verdict, factor: float
) -> None:
    made = a_session(name=name, target=target, created_ns=at_ns)
    await app.store.sessions.create(made, a_plan().to_json(), key=None)
    fence, tally = await app.store.sessions.claim(made.id, "wrk_1"), Tally()
    for turn in range(1, 61):
        line = an_exchange(0, turn)
        took = round((0.4 + turn / 60) * factor * S)
        tally.add(
            replace(line, seen_ns=line.sent_ns + took // 3, last_ns=line.sent_ns + took, done_ns=line.sent_ns + took)
        )
    await app.store.sessions.write(
        made.id, fence, state=State.finished, outcome=outcome, verdict=verdict, turns=60, conversations=20,
        errors=round(3 * factor), cost_pico=round(240_000_000_000 * factor), latencies=kept(tally), finished_ns=at_ns + S,
    )  # fmt: skip


async def _moved(app: App, id: str, progress: float) -> str:
    """Let a session be so far, as its conductor writes it once a second."""
    session = await app.store.sessions.get(id)
    fence = await app.store.sessions.claim(id, "wrk_1")
    picture = {"progress": progress, "left_s": 480 * (1 - progress), "users": 20, "turns_per_s": 4.2, "warning": ""}
    if session.state is State.queued:
        await app.store.sessions.write(id, fence, state=State.starting)
        await app.store.sessions.write(id, fence, state=State.running, started_ns=wall_ns() - 120 * S)
    turns = round(progress * 1000)
    await app.store.sessions.write(id, fence, turns=turns, errors=2, p95_ms=800 + turns, cost_pico=turns * 10**9, picture=msgspec.json.encode(picture))  # fmt: skip
    await app.bus.publish("events", msgspec.json.encode({"tick": {"names": [f"progress:{id}"]}}))
    return id


def test_it_is_whole_in_every_look(page: Page, live: str, looked_at):
    page.goto("/")
    day = page.get_by_role("region", name="Last 24 hours")
    expect(day).to_contain_text("Response time, p95")
    expect(day).to_contain_text("of 180 replies")
    expect(page.get_by_role("row", name="Black Friday rehearsal")).to_contain_text("25 %")
    expect(page.get_by_role("row", name="Waiting session")).to_contain_text("not begun")
    expect(page.locator("#wrk_2")).to_contain_text("81.0 ms")
    looked_at("dashboard-full")


def test_numbers_move_by_themselves_and_nothing_else_is_fetched(page: Page, pages, live: str):
    asked: list[str] = []
    with page.expect_response(lambda response: "/api/v1/events" in response.url):
        page.goto("/")
    pages.do(lambda app: _new(app, "Just asked for", wall_ns()))
    expect(page.get_by_role("row", name="Just asked for")).to_be_visible()  # the stream is followed from here on
    page.on("request", lambda request: asked.append(urlsplit(request.url).query or urlsplit(request.url).path))
    row = page.get_by_role("row", name="Black Friday rehearsal")
    pages.do(lambda app: _moved(app, live, 0.5))
    expect(row).to_contain_text("50 %")
    expect(row).to_contain_text("1,300 ms")
    assert set(asked) == {"part=live"}


def test_what_happens_before_the_stream_is_open_is_not_missed(page: Page, pages, live: str):
    def late(route: Route) -> None:
        pages.do(lambda app: _new(app, "Came in between", wall_ns()))
        route.continue_()

    page.route("**/api/v1/events*", late, times=1)
    page.goto("/")
    expect(page.get_by_role("row", name="Came in between")).to_be_visible()


def test_it_says_when_nothing_comes_any_more(page: Page, live: str, forgive: Callable[[str], None]):
    forgive("ERR_FAILED")
    page.clock.install()
    page.route("**/api/v1/events*", lambda route: route.abort())
    with page.expect_event("requestfailed"):
        page.goto("/")
    page.clock.run_for(3500)
    expect(page.locator("#away")).to_contain_text("Reconnecting, last update")
    page.unroute("**/api/v1/events*")
    expect(page.locator("#away")).to_have_text("")


def test_the_live_part_alone_is_no_page(page: Page, live: str):
    page.goto("/?part=live")
    expect(page.get_by_role("heading", level=1, name="Dashboard")).to_be_visible()
