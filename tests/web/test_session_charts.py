"""Charts of a finished session in a browser: one range for all that the address keeps, tables behind them, keys; a log of many rows."""

from __future__ import annotations

import msgspec
import pytest
from playwright.sync_api import Page, expect

from krawall.model.session import Outcome, State, Verdict
from krawall.model.summary import Conversations, Generator, Numbers, Point, Rates, Summary, Tokens
from krawall.testing.logs import some_lines
from krawall.testing.segments import write_segment
from krawall.testing.served import a_plan, a_session

SECONDS = 90
MESSAGES = 3000


def a_point(second: int) -> Point:
    kinds = {"timeout": 1} if second % 9 == 0 else {"server": 2} if second % 10 == 0 else {}
    slow = 100.0 + second
    return Point(
        second + 1.0, 5, 40, sum(kinds.values()), slow, 2 * slow, None, 50.0, 90.0, 700, 0.01, kinds, 300, 40,
    )  # fmt: skip


def a_summary() -> Summary:
    latency = Numbers(400, 10, 120, 100, 150, 200, 250, 400, 500, 600, "ms")
    return Summary(
        session="ses_x", plan_hash="h", seed=7, state="finished", outcome="completed", reason="", verdict="passed", exit_code=0,
        conversations=Conversations(started=100, completed=98, failed=2), turns=300, attempts=310, errors={"timeout": 2},
        metrics={"latency": latency, "ttft": latency}, rates=Rates(12.5), tokens=Tokens(4000, 6000, 500), cost_usd=0.9,
        thresholds=[], generator=Generator(), directory="", duration_s=90.0,
    )  # fmt: skip


@pytest.fixture(scope="module")
def finished(pages) -> str:
    """The address of a session that is over."""

    async def keeping(app) -> str:
        sessions, made = app.store.sessions, a_session()
        await sessions.create(made, a_plan().to_json(), key=None)
        fence = await sessions.claim(made.id, "wrk_1")
        await sessions.write(made.id, fence, state=State.starting)
        await sessions.write(made.id, fence, state=State.running, started_ns=made.created_ns)
        async with app.store.begin() as tx:
            for second in range(SECONDS):
                await app.store.ticks.add(made.id, second, msgspec.json.encode(a_point(second)), tx=tx)
        await sessions.write(
            made.id, fence, state=State.finished, outcome=Outcome.completed, verdict=Verdict.passed,
            finished_ns=made.created_ns + 10**11, summary=msgspec.json.encode(a_summary()),
        )  # fmt: skip
        write_segment(app.archive.place(made.id), "0-1-1", some_lines(MESSAGES // 2))
        return made.id

    return f"/sessions/{pages.do(keeping)}"


def scale(page: Page, kind: str) -> list[float]:
    return page.locator(f"time-chart[kind={kind}]").evaluate("c => [c.chart.scales.x.min, c.chart.scales.x.max]")


def test_a_range_holds_for_all_charts_and_stands_in_the_address(page: Page, finished: str):
    page.goto(finished)
    latency = page.locator("time-chart[kind=latency] .u-over")
    box = latency.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 3, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 2 / 3, box["y"] + 60, steps=4)
    page.mouse.up()
    expect(page.get_by_role("button", name="Show all")).to_be_visible()
    assert scale(page, "latency") == scale(page, "tokens") == scale(page, "cost") == [30, 60]
    assert page.url.endswith("?from=30&to=60")

    page.reload()
    expect(page.get_by_label("From second")).to_have_value("30")
    assert scale(page, "errors") == [30, 60]
    page.get_by_label("To second").fill("50")
    page.get_by_role("button", name="Show", exact=True).click()
    assert scale(page, "throughput") == [30, 50]
    page.locator("h1").click()
    page.keyboard.press("w")
    assert scale(page, "latency") == [0, SECONDS]
    assert page.url.endswith(finished)


def test_every_chart_is_a_table_too_and_says_what_it_shows(page: Page, finished: str, violations, shot):
    page.goto(f"{finished}?from=0&to=20")
    image = page.get_by_role("img", name="Response time by second. p50 between 100 ms and 120 ms")
    expect(image).to_be_visible()
    expect(page.locator(".errors-chart .legend")).to_have_text("TimeoutServer error (5xx)")
    expect(page.locator(".latency-chart .legend")).to_have_text("p50p95p99: too few turns")
    for button in page.locator("[data-table]").all():
        button.click()
    for summary in page.locator(".behind > summary").all():
        summary.click()
    errors = page.get_by_role("region", name="Errors by second")
    expect(errors.get_by_role("row").nth(1)).to_have_text("1 s10")
    tokens = page.get_by_role("region", name="Tokens by second").get_by_role("row")
    expect(tokens.nth(1)).to_have_text("1 s26070040")
    expect(page.get_by_role("region", name="Turns by time and response time").locator("table")).to_be_visible()
    shot(page, "session-tables-light-1440")
    assert violations(page) == []
    page.get_by_role("button", name="Table: Errors by second").click()
    expect(page.locator("time-chart[kind=errors] canvas")).to_be_visible()


def test_a_long_log_has_few_rows_of_one_height_and_shows_what_is_scrolled_to(page: Page, finished: str):
    page.goto(f"{finished}?tab=messages")
    expect(page.locator("#log-count")).to_have_text(f"{MESSAGES:,} messages")
    log = page.get_by_role("log")
    most = 0
    for part in (0.1, 0.5, 0.9, 1.0, 0.3):
        log.evaluate("(each, part) => { each.scrollTop = each.scrollHeight * part }", part)
        rows = page.locator(".log-row")
        expect(rows.filter(has_text="…")).to_have_count(0)
        most = max(most, page.evaluate("document.querySelectorAll('log-view *').length"))
        heights = rows.evaluate_all("each => each.slice(0, 3).map(row => row.getBoundingClientRect().height)")
        assert heights == [28, 28, 28]  # asked at once: rows come and go while the log moves
    assert most < 200
