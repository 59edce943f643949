"""What opens over a page: palette, keys, menus and the dialogs of every page have no violation, close by Esc and give focus back."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from krawall.testing.pages import Pages
from krawall.testing.shown import Shown, fill, places

OPENING = ("gallery", "target", "scenarios", "scenario", "session-running", "session-passed")
"""Pages with dialogs and menus of their own."""
OPENERS = """() => [...document.querySelectorAll('[popovertarget], [commandfor][command=show-modal]')].filter(each => each.checkVisibility() && !each.closest('[popover], dialog'))
    .map((each, at) => { each.dataset.opener = at; return each.getAttribute('popovertarget') ?? each.getAttribute('commandfor') })"""


@pytest.fixture(scope="module")
def shown(pages: Pages) -> Shown:
    return pages.do(fill)


@pytest.fixture(scope="module")
def opened() -> set[str]:
    """What was looked at already: palette, keys and themes are on every page."""
    return set()


@pytest.mark.parametrize("name", OPENING)
def test_what_opens_has_no_violation_and_gives_focus_back(page: Page, violations, shot, shown, opened, name):
    page.goto(places(shown)[name])
    for at, id in enumerate(page.evaluate(OPENERS)):
        if id in opened:
            continue
        opened.add(id)
        opener = page.locator(f'[data-opener="{at}"]')
        opener.focus()
        opener.press("Enter")
        over = page.locator(f'[id="{id}"]')
        expect(over, id).to_be_visible()
        if over.evaluate(
            "each => each.matches('dialog, [role=menu]')"
        ):  # other popovers leave focus where it is, and Tab leads in
            expect(over.locator(":focus"), id).to_have_count(1)
        for theme in ("light", "dark"):
            page.evaluate("theme => document.documentElement.dataset.theme = theme", theme)
            assert violations(page, again=theme == "dark", within=f'[id="{id}"]') == [], (id, theme)
        shot(page, f"over-{name}-{id}")
        page.keyboard.press("Escape")
        expect(over, id).to_be_hidden()
        expect(opener, id).to_be_focused()


def test_forced_colours_leave_focus_state_and_choices_visible(page: Page, shown, shot):
    page.emulate_media(forced_colors="active", reduced_motion="reduce")
    page.goto(places(shown)["sessions"])
    current = page.locator(".side [aria-current]")
    assert current.evaluate("each => getComputedStyle(each).outlineStyle") == "solid"
    page.get_by_label("Status").focus()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    assert page.locator(".badge").first.evaluate("each => getComputedStyle(each).borderTopStyle") == "solid"
    assert page.evaluate("document.getAnimations().length") == 0
    shot(page, "forced-colours")
