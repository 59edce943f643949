"""A person starts a session, watches it, changes its load, pauses, stops and reads the result: real server, worker and mock bot."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Page, expect

from krawall.testing.installation import Installation, free_port, furnish


@dataclass
class Running:
    """A whole installation. `url`: of its pages."""

    installation: Installation
    url: str


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Installation(tmp_path_factory.mktemp("journey")) as made:
        made.serve(free_port())
        furnish(made)
        yield Running(made, made.url)


def number(page: Page, name: str) -> int:
    return int((page.locator(f'[data-live-value="{name}"]').text_content() or "0").replace(",", "") or 0)


def test_start_watch_change_the_load_pause_stop_and_read(page: Page, pages: Running, looked_at):
    page.goto("/sessions/new")
    page.get_by_role("combobox", name="Scenario").select_option("Late parcel")
    expect(page.locator("#estimate")).to_contain_text("Conversations")
    page.get_by_role("combobox", name="Target").select_option("Support bot")
    expect(page.locator("#estimate")).to_contain_text("on this machine")
    page.get_by_role("radio", name="Users").check(force=True)
    page.get_by_role("textbox", name="Users at a time").fill("none")
    expect(page.locator("#estimate")).to_contain_text("integer")
    page.get_by_role("textbox", name="Users at a time").fill("3")
    expect(page.locator("#estimate")).to_contain_text("about 10 min")
    looked_at("session-new")
    page.get_by_role("button", name="Start session").click()

    expect(page.get_by_role("heading", level=1, name="Late parcel")).to_be_visible()
    expect(page.locator(".head").get_by_text("Running")).to_be_visible(timeout=60_000)
    expect(page.locator("time-chart[kind=latency] canvas")).to_be_visible()
    expect(page.locator('[data-live-value="users"]')).to_have_text("3", timeout=10_000)
    expect(page.locator(".log-row").first).to_contain_text("#", timeout=10_000)
    assert page.locator(".log-row").count() < 200
    before = number(page, "turns")
    expect(page.locator('[data-live-value="turns"]')).not_to_have_text(f"{before:,}")
    looked_at("session-live")

    page.get_by_role("button", name="Change load").first.click()
    dialog = page.get_by_role("dialog", name="Change load")
    dialog.get_by_label("Users at a time").fill("6")
    dialog.get_by_role("button", name="Change load").click()
    expect(page.locator('[data-live-value="users"]')).to_have_text("6", timeout=10_000)

    page.get_by_role("button", name="Pause", exact=True).click()
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    expect(page.locator(".head").get_by_text("Paused")).to_be_visible()
    page.get_by_role("button", name="Resume").click()
    expect(page.locator(".head").get_by_text("Running")).to_be_visible()

    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.locator(".head").get_by_text("Cancelled")).to_be_visible(timeout=20_000)
    expect(page.get_by_text("Stopped by local")).to_be_visible()
    expect(page.locator("time-chart[kind=latency] canvas")).to_be_visible()
    expect(page.get_by_role("img", name="Response time over time")).to_be_visible()
    looked_at("session-finished")

    page.get_by_role("link", name="Messages", exact=True).click()
    page.get_by_role("combobox", name="Show").select_option("server")
    expect(page.locator(".log-row").first).to_contain_text("500")
    looked_at("session-messages")
    page.get_by_role("link", name="Conversations", exact=True).click()
    page.get_by_role("combobox", name="Outcome").select_option("completed")
    expect(page.get_by_role("table").get_by_text("Completed").first).to_be_visible()
    looked_at("session-conversations")


def test_quick_execute_leads_to_the_session_and_stop_now_ends_it(page: Page, pages: Running):
    page.goto("/")
    quick = page.locator(".quick")
    quick.get_by_role("combobox", name="Scenario").select_option("Late parcel")
    quick.get_by_role("button", name="Run").click()
    expect(page.get_by_role("button", name="Stop now")).to_be_visible()
    expect(page.locator(".head").get_by_text("Running")).to_be_visible(timeout=60_000)
    page.get_by_role("button", name="Stop now").click()
    page.get_by_role("dialog").get_by_role("button", name="Stop now").click()
    expect(page.locator(".head").get_by_text("Cancelled")).to_be_visible(timeout=20_000)


def test_a_stream_that_was_cut_is_said_and_its_hole_is_filled(page: Page, pages: Running):
    started = pages.installation.post("/sessions", {"scenario": "Late parcel", "target": "Support bot", "name": "Cut"})
    page.goto(f"/sessions/{started['id']}")
    expect(page.locator(".head").get_by_text("Running")).to_be_visible(timeout=60_000)
    expect(page.locator("time-chart[kind=latency] canvas")).to_be_visible()
    live = page.locator("live-session")
    live.evaluate("each => each.close()")
    expect(page.get_by_text("Reconnecting, last update")).to_be_visible(timeout=10_000)
    pages.installation.post(f"/sessions/{started['id']}/pause", {})
    live.evaluate("each => each.open()")
    expect(page.locator("#stale")).to_be_hidden()
    expect(page.get_by_role("button", name="Resume")).to_be_visible()  # what happened meanwhile came after the cut
    shown = live.evaluate("each => [...each.seconds.keys()]")
    kept = [each["second"] for each in pages.installation.get(f"/sessions/{started['id']}/ticks")["items"]]
    assert set(shown) >= {second for second in kept if second <= max(shown)}
    pages.installation.post(f"/sessions/{started['id']}/cancel", {})
    expect(page.locator(".head").get_by_text("Cancelled")).to_be_visible(timeout=20_000)
