"""The page of a session over HTTP: queued, under way, finished with and without a result, its tabs and its deeds."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx2
import msgspec
import pytest

from krawall.model.session import Outcome, State, Verdict
from krawall.model.summary import (
    Conversations,
    Generator,
    Judged,
    Numbers,
    Part,
    Picture,
    Point,
    Rates,
    Summary,
    Tokens,
)
from krawall.testing.logs import some_lines
from krawall.testing.segments import write_segment
from krawall.testing.served import a_plan, a_session, finish

TABS = ("", "?tab=messages", "?tab=conversations", "?tab=seconds", "?tab=plan", "?tab=nonsense")


def numbers(count: int = 400, unit: str = "ms") -> Numbers:
    return Numbers(count, 10, 120, 100, 150, 200, 250, 400, 500, 600, unit)


def a_picture(**changes) -> Picture:
    facts = {
        "name": "Late parcel", "target": "bot", "state": "running", "phase": "measure", "elapsed_s": 12.4, "length_s": 60.0, "left_s": 47.6,
        "progress": 0.2, "users": 5, "in_flight": 3, "conversations": Conversations(started=40, completed=30), "turns": 120, "turns_per_s": 9.7,
        "errors": {"timeout": 3}, "metrics": {"latency": numbers(120), "ttft": numbers(5)}, "recent": {}, "tokens": Tokens(100, 200),
        "cost_usd": 0.0123, "cost_cap_usd": 5.0,
    }  # fmt: skip
    return Picture(**{**facts, **changes})


def a_summary(**changes) -> Summary:
    part = Part("steps.0", 300, {"timeout": 2}, {"latency": numbers(300)})
    facts = {
        "session": "ses_x", "plan_hash": "h", "seed": 7, "state": "finished", "outcome": "completed", "reason": "", "verdict": "failed", "exit_code": 10,
        "conversations": Conversations(started=100, completed=98, failed=2), "turns": 300, "attempts": 310, "errors": {"timeout": 2, "server": 1},
        "metrics": {"latency": numbers(), "ttft": numbers(9)}, "rates": Rates(12.5), "tokens": Tokens(4000, 6000, 500), "cost_usd": 0.84,
        "thresholds": [Judged("rate(errors) < 5%", 0.01, "pass"), Judged("p95(latency) < 100ms", 250.0, "fail", "p95(latency) is 250 ms, the limit is < 100 ms")],
        "generator": Generator(), "directory": "", "duration_s": 62.0, "steps": [part], "turn_parts": [msgspec.structs.replace(part, name="1")],
        "checks": {"is polite": [290, 10]},
    }  # fmt: skip
    return Summary(**{**facts, **changes})


@pytest.fixture
def client(pages) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=pages.url, headers={"Accept": "text/html,*/*"}, follow_redirects=False) as made:
        yield made


@pytest.fixture
def kept(pages):
    """`kept(state, ...)` keeps a session that has come so far, and gives its address."""

    def keep(upto: State, picture: Picture | None = None, summary: Summary | None = None, **changes) -> str:
        async def keeping(app) -> str:
            sessions = app.store.sessions
            made = a_session(**changes)
            await sessions.create(made, a_plan().to_json(), key=None)
            if upto is State.queued:
                return made.id
            fence = await sessions.claim(made.id, "wrk_1")
            await sessions.write(made.id, fence, state=State.starting)
            body = msgspec.json.encode(picture) if picture else None
            await sessions.write(made.id, fence, state=State.running, started_ns=made.created_ns, picture=body)
            for second in range(3):
                point = Point(second + 1.0, 5, 40, 1, 100.0, 250.0, None, 50.0, None, 700, 0.01)
                await app.store.ticks.add(made.id, second, msgspec.json.encode(point))
            if upto is State.finished:
                await sessions.write(
                    made.id, fence, state=State.finished, outcome=Outcome.completed, verdict=Verdict.failed if summary else Verdict.none,
                    finished_ns=made.created_ns + 10**11, summary=msgspec.json.encode(summary) if summary else None,
                )  # fmt: skip
            return made.id

        return f"/sessions/{pages.do(keeping)}"

    return keep


def text_of(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html.partition("<main")[2].partition("</main")[0]))


@pytest.mark.parametrize("tab", TABS)
def test_every_tab_of_every_state_is_a_page_without_inline_code(client, kept, tab):
    for path in (
        kept(State.queued), kept(State.running), kept(State.running, a_picture()), kept(State.finished), kept(State.finished, summary=a_summary()),
        kept(State.finished, summary=a_summary(turns=0, outcome="failed", reason="it broke", thresholds=[], metrics={}, steps=[], turn_parts=[])),
    ):  # fmt: skip
        answer = client.get(path + tab)
        assert answer.status_code == 200
        assert not re.search(r"""\s(?:style|on\w+)=""", answer.text)
        named = re.findall(r"""(?:src|href|action|hx-get|hx-post)="([^"]*)\"""", answer.text)
        assert [each for each in named if not each.startswith(("/", "#"))] == []


def test_a_queued_session_says_why_nothing_happens(client, kept):
    words = text_of(client.get(kept(State.queued)).text)
    assert "Why it is not getting on" in words
    assert "No worker is alive" in words


def test_a_running_session_is_whole_without_scripts(client, kept):
    page = client.get(kept(State.running, a_picture(warning="the generator is late"))).text
    words = text_of(page)
    for each in (
        "Measuring",
        "12 s so far",
        "about 48 s left",
        "250 ms",
        "too few",
        "3 of 123",
        "Timeout",
        "the generator is late",
        "Change load",
        "Stop now",
    ):
        assert each in words, each
    assert 'max="1"' in page
    assert 'value="0.2000"' in page


def test_a_finished_session_begins_with_its_verdict_and_the_weightiest_reason(client, kept):
    words = text_of(client.get(kept(State.finished, summary=a_summary())).text)
    assert (
        words.index("p95(latency) is 250 ms")
        < words.index("Messages Conversations Seconds")
        < words.index("Thresholds")
    )
    assert words.index("p95(latency) &lt; 100ms") < words.index("rate(errors) &lt; 5%")
    for each in ("0.97 %", "3 of 310 attempts", "$0.84", "Step 1", "is polite", "Kept up", "Prompt"):
        assert each in words, each


def test_the_load_is_changed_or_the_form_says_why_not(client, pages, kept):
    path = kept(State.running, a_picture())
    assert client.post(f"{path}/adjust", data={"users": "3"}).status_code == 303
    session = pages.do(lambda app: app.sessions.get(path.removeprefix("/sessions/")))
    assert session.wish.users == 3
    for wrong in ({"users": "many"}, {"rate": "5"}, {"rate": "nan"}, {"users": ""}):
        answer = client.post(f"{path}/adjust", data=wrong)
        assert answer.status_code == 422
        assert "error" in answer.text


def test_a_session_whose_load_was_changed_can_start_again_with_that_load(client, pages, kept):
    path = kept(State.running, a_picture())
    id = path.removeprefix("/sessions/")
    assert client.post(f"{path}/adjust", data={"users": "3"}).status_code == 303
    pages.do(lambda app: finish(app, id))
    assert "Restart with 3 users" in text_of(client.get(path).text)
    changed = client.post(f"{path}/restart-changed", data={}).headers["location"].removeprefix("/sessions/")
    plain = client.post(f"{path}/restart", data={}).headers["location"].removeprefix("/sessions/")
    assert pages.do(lambda app: app.sessions.get(changed)).wish.users == 3
    assert pages.do(lambda app: app.sessions.get(plain)).wish.users is None
    events = pages.do(lambda app: app.store.events.after(0, session=changed))
    assert [type(each.body).__name__ for each in events] == ["SessionQueued", "SessionAdjusted"]


def test_every_picture_has_its_numbers_and_the_charts_one_range(client, pages, kept):
    path = kept(State.finished, summary=a_summary())
    pages.do(lambda app: logged(app, path.removeprefix("/sessions/")))
    html = client.get(path).text
    assert html.count('class="behind"') == 2
    assert html.count("data-table") == html.count("<time-chart") == 6
    assert 'id="range"' in html


async def logged(app, id: str) -> None:
    write_segment(app.archive.place(id), "0-1-1", some_lines(20))


def test_deeds_lead_back(client, pages, kept):
    path = kept(State.running, a_picture())
    for deed in ("pause", "resume", "stop", "cancel"):
        assert client.post(f"{path}/{deed}", data={}).headers["location"] == path
    done = kept(State.finished, summary=a_summary())
    assert client.post(f"{done}/restart", data={}).headers["location"].startswith("/sessions/ses_")
    assert client.post(f"{done}/delete", data={}).headers["location"] == "/sessions"
    assert client.get(done).status_code == 404
