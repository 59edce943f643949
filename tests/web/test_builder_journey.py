"""A scenario is built in a real Chromium: by mouse, by keys alone, with the same result; undone, saved, reloaded; nothing is lost."""

from __future__ import annotations

import re

import pytest
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


def to_the_end(page: Page, deed: str) -> None:
    """Press Undo or Redo until there is nothing left: what was typed slowly, on a busy machine, is more than one edit."""
    button, said = page.get_by_role("button", name=deed), page.locator("#builder-said")
    while button.get_attribute("aria-disabled") != "true":
        line = page.locator("#step-s1 .line").text_content()
        button.click()
        expect(page.locator("#step-s1 .line")).not_to_have_text(line or "")
        expect(said).to_contain_text("Redone" if deed == "Redo" else "Undone")


def test_typing_is_kept_undone_and_saved(page: Page, pages):
    id = begin(page, pages)
    text = page.locator("#step-fields textarea").first
    text.click()
    text.press("End")
    text.press_sequentially(", are you open on Sundays?", delay=15)
    page.get_by_role("link", name="YAML").click()  # at once: nothing that was typed is left behind
    expect(page.locator("#yaml")).to_have_value(re.compile(r"Hello, are you open on Sundays\?"))
    page.get_by_role("link", name="Flow").click()
    expect(page.locator("#step-s1 .line")).to_have_text("Hello, are you open on Sundays?")
    to_the_end(page, "Undo")
    expect(page.locator("#step-s1 .line")).to_have_text("Hello")
    expect(page.locator("#step-fields textarea").first).to_have_value("Hello")
    page.keyboard.press("Control+z")
    expect(page.locator("#builder-said")).to_have_text("There is nothing to undo")
    to_the_end(page, "Redo")
    expect(page.locator("#step-s1 .line")).to_have_text("Hello, are you open on Sundays?")
    page.keyboard.press("Control+s")
    expect(page).to_have_url(re.compile(r"/scenarios/scn_"))
    expect(page.locator("#toasts")).to_contain_text("revision 1")
    expect(page.locator(".headline")).to_contain_text("Revision 1")
    kept = pages.do(lambda app: app.documents.get(KIND, "New scenario"))
    assert kept.body["steps"] == [{"message": "Hello, are you open on Sundays?"}]
    assert pages.do(lambda app: app.store.drafts.of(kept.id, "local")) is None
    assert id not in page.url


def test_what_somebody_else_saved_is_shown_and_nothing_is_lost(page: Page, pages, forgive):
    forgive("409")
    body = {"name": "Two builders", "steps": [{"message": "one"}]}
    kept = pages.do(lambda app: app.documents.create(KIND, body, "ada", name="Two builders"))
    page.goto(f"/scenarios/{kept.id}")
    page.locator("#kit-delay").click()
    expect(page.locator(STEP)).to_have_count(2)
    theirs = {**body, "steps": [{"message": "two"}]}
    pages.do(lambda app: app.documents.revise(KIND, kept.id, theirs, "bob", etag=None))
    page.get_by_role("button", name="Save scenario").click()
    notice = page.get_by_role("note").filter(has_text="Somebody else saved this scenario")
    expect(notice).to_contain_text("bob saved revision 2")
    notice.get_by_text("What your draft has").click()
    expect(notice.locator(".plus")).to_contain_text(["one", "delay"])
    expect(page.locator(STEP)).to_have_count(2)
    notice.get_by_role("button", name="Save as a new scenario").click()
    dialog = page.get_by_role("dialog", name="Save as a new scenario")
    dialog.get_by_label("Name").fill("My own")
    dialog.get_by_role("button", name="Save as new").click()
    expect(page.get_by_role("heading", level=1, name="My own")).to_be_visible()
    assert pages.do(lambda app: app.documents.get(KIND, kept.id)).body["steps"] == [{"message": "two"}]
    assert len(pages.do(lambda app: app.documents.get(KIND, "My own")).body["steps"]) == 2


def test_text_that_cannot_be_read_leaves_the_draft_as_it_was(page: Page, pages, forgive):
    forgive("422")
    id = begin(page, pages)
    page.goto(f"/scenarios/{id}?tab=yaml")
    sheet = page.locator("#yaml")
    sheet.fill("name: Broken\nsteps:\n  - message: [hi\n  - delay: 2s\n")
    state = page.locator("#yaml-state")
    expect(state).to_contain_text("Line 4, column 10")
    expect(page.locator("#gutter [data-wrong]")).to_have_text("4")
    expect(page.locator("#gutter li")).to_have_count(5)
    assert shape(pages, id) == "message"
    state.get_by_role("link", name="Line 4, column 10").click()
    assert page.evaluate("document.activeElement.selectionStart") == len("name: Broken\nsteps:\n  - message: [hi\n") + 9
    sheet.fill("name: Mended\nsteps:\n  - message: hi\n  - delay: 2s\n")
    expect(state).not_to_contain_text("Line")
    expect(page.get_by_role("heading", level=1, name="Mended")).to_be_visible()
    assert shape(pages, id) == "message delay"


@pytest.mark.parametrize("fault", ["500", "abort"])
def test_a_server_that_fails_loses_nothing(page: Page, pages, forgive, fault):
    forgive("500")
    forgive("Failed to load resource")
    forgive("Failed to fetch")
    id = begin(page, pages)
    page.locator("#kit-delay").click()
    expect(page.locator(STEP)).to_have_count(2)
    page.locator("#step-s1 .pick").click()
    text = page.locator("#step-fields textarea").first
    expect(text).to_have_value("Hello")
    page.route("**/draft/**", lambda route: route.fulfill(status=500, body="") if fault == "500" else route.abort())
    text.fill("Typed for long")
    again = page.locator("#toasts").get_by_role("button", name="Try again").first
    expect(again).to_be_visible()
    page.locator("#step-s2 .pick").click()  # not before what was typed is kept
    expect(text).to_have_value("Typed for long")
    expect(page.locator("#step-s1 .pick")).to_have_attribute("aria-current", "true")
    page.unroute("**/draft/**")
    again.click()
    expect(page.locator("#step-s1 .line")).to_have_text("Typed for long")
    page.locator("#step-s2 .pick").click()
    expect(page.locator("#step-s2 .pick")).to_have_attribute("aria-current", "true")
    assert shape(pages, id) == "message delay"
    page.reload()
    expect(page.locator("#step-s1 .line")).to_have_text("Typed for long")


def test_it_works_without_a_script(browser, pages):
    context = browser.new_context(java_script_enabled=False, base_url=pages.url)
    page = context.new_page()
    id = begin(page, pages)
    page.locator("#kit-loop").click()
    expect(page.locator(STEP)).to_have_count(2)
    page.get_by_role("button", name="Move up").click()
    expect(page.locator(STEP).first).to_have_attribute("id", "step-s2")
    page.locator("#step-s1 > .card > .pick").click()
    expect(page.get_by_role("complementary", name="Message step")).to_be_visible()
    page.get_by_role("button", name="Delete step").click()
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(STEP)).to_have_count(2)
    page.get_by_role("button", name="Save scenario").click()
    expect(page.get_by_text("1 problem").first).to_be_visible()
    assert shape(pages, id) == "loop[steps: ] message"
    context.close()


def test_looks(page: Page, pages, looked_at):
    editing = pages.do(lambda app: app.drafts.open(None, "local", template="branching"))
    wrong = pages.do(
        lambda app: app.drafts.edit(editing.id, "local", "Edit", lambda draft: draft.add("loop", "s9/else")[0])
    )
    for tab in ("flow", "yaml"):
        page.goto(f"/scenarios/{wrong.id}?step=s9&tab={tab}")
        looked_at(f"builder-{tab}")
