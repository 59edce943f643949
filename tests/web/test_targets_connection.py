"""Connection tests on the page of a target: told while they happen, shown again by an address, and one POST without scripts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import pytest
from playwright.sync_api import Page, expect

from krawall.mockbot.behaviour import Behaviour
from krawall.mockbot.http import serve
from krawall.model.kept import DocumentKind

KIND = DocumentKind.target


@contextmanager
def mock_bot(pages) -> Iterator[str]:
    """The mock bot in the server's loop; gives its address."""
    opened = serve(Behaviour())

    async def begin(app):
        return await opened.__aenter__()

    async def end(app) -> None:
        await opened.__aexit__(None, None, None)

    server = pages.do(begin)
    try:
        yield server.url
    finally:
        pages.do(end)


@pytest.fixture(scope="module")
def bot(pages) -> Iterator[str]:
    with mock_bot(pages) as url:
        yield url


@pytest.fixture
def client(pages) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=pages.url, headers={"Accept": "text/html,*/*"}, follow_redirects=False) as made:
        yield made


def keep(pages, name: str, body: dict) -> str:
    return str(pages.do(lambda app: app.documents.create(KIND, body, "ada", name=name)).id)


def test_each_step_is_told_while_the_test_runs(page: Page, pages, bot, violations, shot):
    id = keep(pages, "Told", {"preset": "mock", "fields": {"base": bot}, "stream": True})
    page.goto(f"/targets/{id}")
    page.get_by_label("Message").fill("Where is my parcel?")
    page.get_by_role("button", name="Test connection").click()
    expect(page.get_by_text("It answers")).to_be_visible()
    expect(page.locator(".steps li.ok")).to_have_count(5)
    expect(page.locator(".tree .badge").filter(has_text="Reply text")).not_to_have_count(0)
    for theme in ("light", "dark"):
        page.evaluate("theme => document.documentElement.dataset.theme = theme", theme)
        assert violations(page) == []
        for width in (1440, 390):
            page.set_viewport_size({"width": width, "height": 900})
            shot(page, f"target-tested-{theme}-{width}")
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_reply_that_stands_elsewhere_leads_to_the_mapping(page: Page, pages, bot, shot):
    body = {"preset": "custom-http", "url": f"{bot}/v1/chat/completions", "reply": {"text": "reply"},
            "body": {"model": "mock", "messages": "$messages"}}  # fmt: skip
    id = keep(pages, "Elsewhere", body)
    page.goto(f"/targets/{id}")
    page.get_by_role("button", name="Test connection").click()
    expect(page.get_by_text("It does not answer as the target says")).to_be_visible()
    expect(page.get_by_text("Where things seem to stand")).to_be_visible()
    shot(page, "target-elsewhere")


def test_without_scripts_the_test_is_one_post(client, pages, bot):
    id = keep(pages, "Plain", {"preset": "mock", "fields": {"base": bot}})
    sent = client.post(f"/targets/{id}/test", data={"message": "hello"})
    assert sent.status_code == 303
    shown = client.get(sent.headers["location"])
    assert "It answers" in shown.text
    assert "Whole reply" in shown.text
    other = keep(pages, "Another", {"preset": "mock", "fields": {"base": bot}})
    assert "It answers" not in client.get(sent.headers["location"].replace(id, other)).text


def test_a_server_that_goes_away_is_said_and_the_message_stays(page: Page, pages, bot, forgive):
    forgive("ERR_FAILED")
    id = keep(pages, "Gone", {"preset": "mock", "fields": {"base": bot}})
    page.goto(f"/targets/{id}")
    page.route("**/test", lambda route: route.abort())
    page.get_by_label("Message").fill("typed for long")
    page.get_by_role("button", name="Test connection").click()
    expect(page.get_by_role("button", name="Try again")).to_be_visible()
    expect(page.get_by_label("Message")).to_have_value("typed for long")
    page.unroute("**/test")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_text("It answers")).to_be_visible()
