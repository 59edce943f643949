"""From an empty database to a finished session, and into one of its conversations, by a person who never opens a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Page, expect

from krawall.testing.installation import Installation, free_port


@dataclass
class Running:
    """A whole installation that nobody has used. `bot`: the address of a mock bot; `url`: of the pages."""

    bot: str
    url: str


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Installation(tmp_path_factory.mktemp("first")) as made:
        made.serve(free_port())
        bot = made.bot(free_port())
        made.behave(bot, first_token="5ms", gap="1ms", tokens="10")
        yield Running(bot, made.url)


def test_a_person_gets_from_nothing_to_a_verdict_and_reads_a_conversation(page: Page, pages: Running):
    page.goto("/")
    expect(page.get_by_text("0 of 3 done")).to_be_visible()
    page.get_by_role("main").get_by_role("link", name="New target").first.click()
    page.get_by_label("Name", exact=True).fill("Support bot")
    page.get_by_label("Address", exact=False).first.fill(pages.bot)
    page.get_by_role("button", name="Test connection").first.click()
    expect(page.get_by_text("It answers")).to_be_visible()
    page.get_by_role("button", name="Save target").click()
    expect(page.get_by_role("heading", level=1, name="Support bot")).to_be_visible()

    page.get_by_role("link", name="Dashboard", exact=True).click()
    expect(page.get_by_text("1 of 3 done")).to_be_visible()
    page.get_by_role("link", name="Choose a template").click()
    page.get_by_role("link", name="Rapid fire").first.click()
    page.get_by_role("button", name="Use template").click()
    page.get_by_role("link", name="Settings").click()
    page.get_by_role("textbox", name="Name", exact=True).first.fill("First try")
    page.get_by_role("button", name="Save scenario").click()
    expect(page.get_by_role("heading", level=1, name="First try")).to_be_visible()
    expect(page.get_by_text("Saved First try")).to_be_visible()

    page.get_by_role("link", name="Dashboard", exact=True).click()
    expect(page.get_by_text("2 of 3 done")).to_be_visible()
    page.get_by_role("link", name="New session").first.click()
    page.get_by_role("combobox", name="Scenario").select_option("First try")
    page.get_by_role("combobox", name="Target").select_option("Support bot")
    page.get_by_role("radio", name="Users").check(force=True)
    page.get_by_role("textbox", name="Users at a time").fill("2")
    page.get_by_role("textbox", name="Conversations").fill("4")
    page.get_by_role("button", name="Start session").click()
    expect(page.locator(".head").get_by_text("Completed")).to_be_visible(timeout=90_000)
    expect(page.locator(".head")).to_contain_text("Passed")

    page.get_by_role("link", name="Conversations", exact=True).click()
    page.get_by_role("table").get_by_role("link").first.click()
    turns = page.locator(".turn:visible")
    expect(turns).not_to_have_count(0)
    whole = turns.count()
    page.get_by_label("Position").fill("0")
    expect(turns).to_have_count(1)
    page.get_by_role("button", name="Play").click()
    expect(turns).to_have_count(whole)  # however fast it was: to the end
    page.get_by_role("link", name="Dashboard", exact=True).click()
    expect(page.get_by_role("region", name="Last 24 hours")).to_contain_text("4 conversations")
