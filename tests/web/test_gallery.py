"""The gallery in a real Chromium: every component, both themes, wide and narrow, without a violation of WCAG 2.2 AA."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

THEMES = ("light", "dark")


@pytest.fixture(params=THEMES)
def theme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def themed(page: Page, theme: str, width: int = 1440) -> Page:
    page.set_viewport_size({"width": width, "height": 900})
    page.add_init_script(f"localStorage.setItem('theme', '{theme}')")
    return page


def test_what_lies_over_the_page_has_no_violation(page: Page, theme, violations, shot):
    themed(page, theme).goto("/gallery")
    page.get_by_role("button", name="Search").click()
    shot(page, f"palette-{theme}")
    assert violations(page) == []
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Open dialog").click()
    shot(page, f"dialog-{theme}")
    assert violations(page) == []
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Delete target").first.click()
    expect(page.get_by_role("button", name="Cancel")).to_be_focused()
    assert violations(page) == []
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    shot(page, f"keys-{theme}")
    assert violations(page) == []
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Theme").click()
    assert violations(page) == []


def test_a_menu_walks_by_arrows_and_gives_focus_back(page: Page, violations):
    page.goto("/gallery")
    opener = page.get_by_role("button", name="Actions for Late parcel")
    opener.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("menuitem", name="Restart")).to_be_focused()
    assert violations(page) == []
    page.keyboard.press("ArrowUp")
    expect(page.get_by_role("menuitem", name="Delete session")).to_be_focused()
    page.keyboard.press("e")
    expect(page.get_by_role("menuitem", name="Export")).to_be_focused()
    page.keyboard.press("Escape")
    expect(opener).to_be_focused()
    box, at = page.locator("#menu-ses_04"), page.get_by_role("button", name="Actions for Polite persistence")
    at.click()
    placed, button = box.bounding_box(), at.bounding_box()
    assert placed
    assert button
    assert abs(placed["x"] + placed["width"] - button["x"] - button["width"]) < 40, "the menu stands at its button"


def test_tooltips_come_with_focus_and_go_with_escape(page: Page):
    page.goto("/gallery")
    page.keyboard.press("Tab")
    page.get_by_role("button", name="Copy", exact=True).first.focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Shift+Tab")
    expect(page.locator("#tip")).to_have_text("Copy")
    expect(page.locator("#tip")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#tip")).to_be_hidden()


def test_a_theme_is_remembered_and_does_not_flash(page: Page):
    page.goto("/gallery")
    page.get_by_role("button", name="Theme").click()
    page.get_by_role("menuitemradio", name="Dark").click()
    page.reload(wait_until="commit")
    page.wait_for_selector("body")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.get_by_role("button", name="Theme").click()
    expect(page.get_by_role("menuitemradio", name="Dark")).to_have_attribute("aria-checked", "true")
    page.get_by_role("menuitemradio", name="System").click()
    assert page.evaluate("[document.documentElement.dataset.theme, localStorage.theme]") == [None, None]


def test_the_sidebar_folds_to_a_rail_and_stays_so(page: Page, shot, violations):
    page.goto("/gallery")
    page.keyboard.press("[")
    assert page.get_by_role("navigation", name="Main").bounding_box()["width"] == 57
    page.reload()
    expect(page.get_by_role("button", name="Expand")).to_have_attribute("aria-expanded", "false")
    page.get_by_role("link", name="Targets").hover()
    expect(page.locator("#tip")).to_have_text("Targets")
    shot(page, "gallery-rail")
    assert violations(page) == []


def test_the_sidebar_is_a_drawer_where_it_is_narrow(page: Page, shot, violations):
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto("/gallery")
    side = page.get_by_role("navigation", name="Main")
    expect(side).to_be_hidden()
    page.get_by_role("button", name="Menu").click()
    expect(side).to_be_visible()
    shot(page, "gallery-drawer")
    assert violations(page) == []
    page.keyboard.press("Escape")
    expect(side).to_be_hidden()


def test_the_palette_finds_by_letters_and_opens_by_enter(page: Page):
    page.goto("/gallery")
    page.keyboard.press("Control+k")
    box = page.get_by_role("combobox", name="Search")
    expect(box).to_be_focused()
    page.keyboard.type("cmp")
    page.keyboard.press("Backspace")
    page.keyboard.press("Backspace")
    page.keyboard.press("Backspace")
    page.keyboard.type("runs")
    options = page.locator("#palette").get_by_role("option")
    expect(options).to_have_count(1)
    assert box.get_attribute("aria-activedescendant") == options.first.get_attribute("id")
    page.keyboard.type(" zzz")
    expect(page.get_by_text("Nothing is called so")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#palette")).to_be_hidden()
    expect(page.get_by_role("button", name="Search")).to_be_visible()


def test_single_letters_rest_while_somebody_types_and_can_be_switched_off(page: Page):
    page.goto("/gallery")
    page.get_by_role("textbox", name="Model").press_sequentially("n?[g")
    expect(page.locator("dialog[open]")).to_have_count(0)
    assert page.evaluate("document.documentElement.dataset.nav") is None
    page.get_by_role("heading", name="Components").click()
    page.keyboard.press("?")
    page.get_by_role("checkbox", name="Single letters work as keys").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("[")
    assert page.evaluate("document.documentElement.dataset.nav") is None
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox", name="Search")).to_be_focused()


def test_a_form_shows_its_errors_in_place_and_its_success_on_the_next_page(page: Page, forgive, violations):
    forgive("422")
    page.goto("/gallery")
    page.get_by_role("radio", name="WebSocket").check(force=True)
    page.get_by_role("button", name="Save target").click()
    name = page.locator("#example-form").get_by_role("textbox", name="Name")
    expect(page.locator("#example-form").get_by_text("Give the target a name")).to_be_visible()
    expect(name).to_be_focused()
    assert violations(page) == []
    name.fill("Bot & <b>")
    page.get_by_role("button", name="Save target").click()
    expect(page.locator("#toasts").get_by_text("Saved Bot & <b>")).to_be_visible()
    page.reload()
    expect(page.locator("#toasts").get_by_text("Saved Bot")).to_have_count(0)


@pytest.mark.parametrize("how", ["500", "abort", "403"])
def test_a_request_that_fails_loses_nothing_and_can_be_made_again(page: Page, forgive, how):
    forgive("Failed to load resource")
    forgive("ERR_FAILED")
    forgive("htmx")
    page.goto("/gallery")
    failing = True

    def answer(route):
        if route.request.method != "POST" or not failing:
            route.continue_()
        elif how == "abort":
            route.abort()
        else:
            body = '{"detail": "the disk is full", "hint": "make room", "status": 500}'
            route.fulfill(
                status=int(how), content_type="application/problem+json", body=body, headers={"HX-Reswap": "none"}
            )

    page.route("**/gallery", answer)
    name = page.locator("#example-form").get_by_role("textbox", name="Name")
    name.fill("Support bot")
    page.get_by_role("button", name="Save target").click()
    told = "The server does not answer" if how == "abort" else "the disk is full"
    expect(page.locator("#toasts").get_by_text(told)).to_be_visible()
    expect(name).to_have_value("Support bot")
    failing = False
    page.locator("#toasts").get_by_role("button", name="Try again").click()
    expect(page.locator("#toasts").get_by_text("Saved Support bot")).to_be_visible()


def test_a_form_works_without_scripts(browser, pages, browser_context_args):
    context = browser.new_context(**{**browser_context_args, "java_script_enabled": False})
    page = context.new_page()
    page.goto("/gallery")
    page.get_by_role("button", name="Save target").click()
    expect(page.get_by_text("Give the target a name")).to_be_visible()
    context.close()
