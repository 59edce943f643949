"""The first pages in a real Chromium: empty, full, wrong; made, tested and deleted by a person."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from krawall.clock import wall_ns
from krawall.model.kept import DocumentKind
from krawall.model.session import Outcome, State, Verdict
from krawall.testing.pages import mock_bot
from krawall.testing.served import a_plan, a_session


def test_a_target_is_made_tested_revised_and_deleted(page: Page, pages, forgive):
    forgive("422")
    with mock_bot(pages) as url:
        page.goto("/")
        page.get_by_role("link", name="New target").first.click()
        page.get_by_text("Change", exact=True).click()
        page.get_by_role("radio", name="Mock").check(force=True)
        page.get_by_text("More settings").click()
        page.get_by_label("Whole address").fill("no address")
        page.get_by_role("button", name="Save target").click()
        expect(page.get_by_label("Whole address")).to_have_attribute("aria-invalid", "true")
        expect(page.get_by_label("Name", exact=True)).to_have_attribute("aria-invalid", "true")
        page.get_by_label("Name", exact=True).fill("Support bot")
        page.get_by_label("Whole address").fill("")
        page.get_by_role("textbox", name="Address", exact=False).first.fill(url)
        page.get_by_role("button", name="Save target").click()
        expect(page.get_by_role("heading", level=1, name="Support bot")).to_be_visible()
        expect(page.locator("#toasts").get_by_text("Saved Support bot")).to_be_visible()
        page.get_by_role("button", name="Test connection").click()
        expect(page.get_by_text("It answers")).to_be_visible()
        expect(page.locator(".steps li.ok")).not_to_have_count(0)
        target = page.url
        page.set_viewport_size({"width": 1440, "height": 900})
        page.goto(target)
        page.get_by_role("link", name="Edit target").click()
        page.get_by_text("More settings").click()
        page.get_by_label("Everything else").fill("request: {model: [")
        page.get_by_role("button", name="Save target").click()
        expect(page.get_by_label("Everything else")).to_have_attribute("aria-invalid", "true")
        expect(page.get_by_label("Everything else")).to_have_value("request: {model: [")
        page.get_by_label("Everything else").fill("request: {model: small}")
        page.get_by_role("button", name="Save target").click()
        expect(page.locator("#toasts").get_by_text("revision 2")).to_be_visible()
        page.goto(target)
        page.get_by_role("button", name="More actions").click()
        page.get_by_role("menuitem", name="Delete target").click()
        page.get_by_role("dialog").get_by_role("button", name="Delete target").click()
        expect(page.get_by_text("No targets yet")).to_be_visible()


def test_what_somebody_else_changed_is_not_overwritten(page: Page, pages, forgive):
    forgive("422")
    body = {"preset": "mock", "url": "http://127.0.0.1:8010/x"}
    kept = pages.do(lambda app: app.documents.create(DocumentKind.target, body, "ada", name="Two editors"))
    page.goto(f"/targets/{kept.id}/edit")
    pages.do(lambda app: app.documents.revise(DocumentKind.target, kept.id, {**body, "stream": True}, "bob", etag=None))
    page.get_by_label("Description").fill("typed for long")
    page.get_by_role("button", name="Save target").click()
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_label("Description")).to_have_value("typed for long")
    pages.do(lambda app: app.documents.delete(DocumentKind.target, kept.id, "ada"))


def test_a_template_becomes_a_scenario_and_the_palette_finds_it(page: Page):
    page.goto("/scenarios")
    page.get_by_role("listitem").filter(has_text="Branching").get_by_role("button", name="Use template").click()
    expect(page.get_by_role("heading", level=1, name="Branching")).to_be_visible()
    page.set_viewport_size({"width": 1440, "height": 900})
    page.get_by_role("button", name="Save scenario").click()
    expect(page.locator("#toasts").get_by_text("Branching")).to_be_visible()
    page.keyboard.press("Control+k")
    page.keyboard.type("branch")
    expect(page.locator("#palette").get_by_role("option", name="Branching")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1, name="Branching")).to_be_visible()


def test_sessions_are_filtered_and_ordered_by_the_address(page: Page, pages):
    page.goto("/sessions")
    expect(page.get_by_text("No sessions yet")).to_be_visible()
    pages.do(_play)
    page.reload()
    expect(page.get_by_role("link", name="Late parcel")).to_be_visible()
    page.goto("/sessions")
    page.get_by_role("link", name="Late parcel").click()
    expect(page.get_by_role("heading", level=1, name="Late parcel")).to_be_visible()
    page.set_viewport_size({"width": 1440, "height": 900})
    page.get_by_role("button", name="Pause", exact=True).click()
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto("/sessions")
    page.get_by_role("link", name="p95").click()
    expect(page.get_by_role("columnheader", name="p95")).to_have_attribute("aria-sort", "descending")
    page.wait_for_load_state()
    page.get_by_label("Status").select_option("failed")
    expect(page.get_by_role("row")).to_have_count(2)
    assert "sort=-p95_ms" in page.url
    assert "status=failed" in page.url
    page.get_by_role("link", name="Clear filters").click()
    expect(page.get_by_role("row")).to_have_count(4)
    page.goto("/sessions?q=zzz")
    expect(page.get_by_text("No session fits these filters")).to_be_visible()


def test_an_open_list_shows_a_new_session_by_itself(page: Page, pages):
    with page.expect_response(lambda response: "/api/v1/events" in response.url):
        page.goto("/sessions")
    pages.do(lambda app: app.store.sessions.create(a_session(name="Just now"), a_plan().to_json(), key=None))
    expect(page.get_by_role("link", name="Just now")).to_be_visible()


async def _play(app) -> None:
    now = wall_ns()
    for number, (name, outcome, verdict) in enumerate(
        (
            ("Late parcel", None, None),
            ("Shop audit", Outcome.completed, Verdict.passed),
            ("Rapid fire", Outcome.failed, Verdict.none),
        )
    ):
        made = a_session(name=name, target="Support bot", created_ns=now - (number + 1) * 600_000_000_000)
        await app.store.sessions.create(made, a_plan().to_json(), key=None)
        fence = await app.store.sessions.claim(made.id, "wrk_1")
        began = {
            "started_ns": made.created_ns + 2_000_000_000,
            "turns": 812,
            "errors": number,
            "cost_pico": 1_030_000_000_000,
            "p95_ms": 1115.0 + number,
        }
        await app.store.sessions.write(made.id, fence, state=State.starting)
        await app.store.sessions.write(made.id, fence, state=State.running, **began)
        if outcome:
            await app.store.sessions.write(
                made.id,
                fence,
                state=State.finished,
                outcome=outcome,
                verdict=verdict,
                finished_ns=made.created_ns + 200_000_000_000,
            )
