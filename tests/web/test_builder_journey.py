"""A scenario is built in a real Chromium: by mouse, by keys alone, with the same result; undone, saved, reloaded; nothing is lost."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from krawall.model.kept import DocumentKind

KIND = DocumentKind.scenario
STEP = "#canvas .step"


def begin(page: Page, pages) -> str:
    """Open a draft of a new scenario; it has one message."""
    editing = pages.do(lambda app: app.drafts.open(None, "local"))
    page.goto(f"/scenarios/{editing.id}")
    expect(page.locator(STEP)).to_have_count(1)
    return str(editing.id)


def shape(pages, id: str) -> str:
    """Return a draft's steps as nested words, such as `message loop(message)`."""
    editing = pages.do(lambda app: app.drafts.get(id, "local"))

    def of(lane) -> str:
        return " ".join(
            node.kind + "".join(f"[{inner.field}: {of(inner)}]" for inner in node.lanes) for node in lane.steps
        )

    return of(editing.draft.root)


def drag(page: Page, what: str, where: str, *, low: bool = False) -> None:
    """Drag with the real mouse, in steps as a hand does, to the upper or lower part of something."""
    start, goal = page.locator(what).bounding_box(), page.locator(where).bounding_box()
    assert start is not None
    assert goal is not None
    page.mouse.move(start["x"] + start["width"] / 2, start["y"] + start["height"] / 2)
    page.mouse.down()
    x, y = goal["x"] + min(goal["width"] / 2, 200), goal["y"] + goal["height"] * (0.8 if low else 0.25)
    page.mouse.move(x, y - 6, steps=4)
    page.mouse.move(x, y, steps=3)
    expect(page.locator(".drop-line")).to_be_visible()
    page.mouse.up()


NESTED = "message loop[steps: conditional[then: message][else: ]]"


def test_a_nested_scenario_is_built_by_mouse(page: Page, pages):
    id = begin(page, pages)
    drag(page, "#kit-loop", "#step-s1 > .card", low=True)
    expect(page.locator("#step-s2")).to_be_visible()
    drag(page, "#kit-conditional", "#lane-s2-steps > .lane")
    expect(page.locator("#lane-s2-steps #step-s3")).to_be_visible()
    drag(page, "#kit-message", "#lane-s3-then > .lane")
    expect(page.locator("#lane-s3-then .step")).to_have_count(1)
    assert shape(pages, id) == NESTED
    drag(page, "#step-s4 .pick", "#step-s1 > .card")
    expect(page.locator(STEP).first).to_have_attribute("id", "step-s4")
    drag(page, "#step-s4 .pick", "#lane-s3-else > .lane")
    expect(page.locator("#lane-s3-else .step")).to_have_count(1)
    expect(page.locator("#builder-said")).to_have_text("Message moved to Otherwise, position 1 of 1")


def test_the_same_by_keys_alone(page: Page, pages):
    id = begin(page, pages)
    page.locator("#step-s1 > .card > .pick").focus()
    keys(page, "a", "ArrowDown", "ArrowDown", "Enter")
    expect(page.locator("#step-s2 > .card > .pick")).to_be_focused()
    keys(page, "a", "ArrowDown", "ArrowDown", "ArrowDown", "Enter")
    expect(page.locator("#step-s3 > .card > .pick")).to_be_focused()
    page.keyboard.press("Alt+ArrowRight")
    expect(page.locator("#builder-said")).to_have_text("Conditional moved to Repeat, position 1 of 1")
    expect(page.locator("#step-s3 > .card > .pick")).to_be_focused()
    keys(page, "a", "Enter")
    expect(page.locator("#step-s4 > .card > .pick")).to_be_focused()
    page.keyboard.press("Alt+ArrowRight")
    expect(page.locator("#lane-s3-then .step")).to_have_count(1)
    assert shape(pages, id) == NESTED
    page.keyboard.press("Control+d")
    expect(page.locator("#lane-s3-then .step")).to_have_count(2)
    expect(page.locator("#step-s5 > .card > .pick")).to_be_focused()
    page.keyboard.press("Delete")
    expect(page.locator("#lane-s3-then .step")).to_have_count(1)
    expect(page.locator("#step-s4 > .card > .pick")).to_be_focused()
    keys(page, "ArrowUp", "ArrowUp", "ArrowUp")
    expect(page.locator("#step-s1 > .card > .pick")).to_have_attribute("aria-current", "true")
    expect(page).to_have_url(re.compile(r"step=s1$"))
    page.keyboard.press("Alt+ArrowDown")
    expect(page.locator(STEP).first).to_have_attribute("id", "step-s2")
    page.keyboard.press("Control+z")
    expect(page.locator(STEP).first).to_have_attribute("id", "step-s1")
    page.keyboard.press("Control+Shift+z")
    expect(page.locator(STEP).first).to_have_attribute("id", "step-s2")
    page.keyboard.press("Control+z")
    expect(page.locator(STEP).first).to_have_attribute("id", "step-s1")
    page.reload()
    assert shape(pages, id) == NESTED
    expect(page.locator("#lane-s3-then .step")).to_have_count(1)


def keys(page: Page, *each: str) -> None:
    for key in each:
        page.keyboard.press(key)


def test_looks(page: Page, pages, violations: Callable[[Page], list[str]], shot: Callable[[Page, str], None]):
    editing = pages.do(lambda app: app.drafts.open(None, "local", template="branching"))
    wrong = pages.do(
        lambda app: app.drafts.edit(editing.id, "local", "Edit", lambda draft: draft.add("loop", "s9/else")[0])
    )
    for theme in ("light", "dark"):
        page.add_init_script(f"localStorage.setItem('theme', '{theme}')")
        for width in (1440, 390):
            page.set_viewport_size({"width": width, "height": 900})
            for tab in ("flow", "settings", "yaml", "preview", "revisions"):
                page.goto(f"/scenarios/{wrong.id}?step=s9&tab={tab}")
                shot(page, f"builder-{tab}-{theme}-{width}")
                assert violations(page) == [], (tab, theme, width)
                assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (tab, width)
