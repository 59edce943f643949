"""The forms of the builder in a browser and without scripts: every kind of step, the settings, names, what is wrong at its field."""

from __future__ import annotations

import re
import urllib.parse
import urllib.request

import pytest
from playwright.sync_api import expect

from krawall.model.kept import DocumentKind
from krawall.services.draft import Draft

STEPS = [
    {"message": "Hello, my parcel {{ data.order }} is late.", "expect": [{"contains": "parcel"}, {"ttft": "< 2s"}]},
    {"set": {"ticket": {"json": "$.ticket.id"}, "tone": {"regex": "(calm|angry)", "default": "calm"}}},
    {
        "loop": None,
        "while": "turn < 5",
        "steps": [
            {"delay": "1s..4s"},
            {"expect": [{"length": "> 0"}, {"similar": "Hello", "at least": 0.4, "hard": True}]},
        ],
    },
    {
        "if": "'escalate' in reply.lower()",
        "then": [{"message": "Please escalate {{ ticket }}."}],
        "else": [{"end": "customer leaves"}],
    },
    {"choose": [{"weight": 3, "steps": ["Thank you."]}, {"weight": 1, "steps": ["Goodbye."]}]},
]
BODY = {
    "name": "Late parcel",
    "category": "logic",
    "vars": {"greeting": "Good morning", "city": {"any of": ["Hamburg", "Lyon"]}},
    "data": {"rows": [{"order": "PX-1", "count": 2}]},
    "load": {"users": [{"over": "30s", "to": 50}, {"over": "2m", "to": 50}], "pause": "2s..5s"},
    "budget": {"cost": "2 USD", "tokens": "500k"},
    "thresholds": ["p95(ttft) < 800ms", "rate(checks) > 99%, abort after 30s"],
    "on_error": {"default": "skip", "rules": [{"status": [429, 503], "do": "retry", "max": 5}]},
    "inject": [{"kind": "delay", "share": 0.1, "by": "50ms"}],
    "steps": STEPS,
}  # fmt: skip


@pytest.fixture(scope="module")
def draft(pages):
    """The id of a draft of a scenario that has a step of every kind."""

    return begun(pages)


def begun(pages):
    async def begin(app):
        editing = await app.drafts.open(None, "local")
        return (await app.drafts.edit(editing.id, "local", "Fill", lambda old: Draft.of(BODY))).id

    return pages.do(begin)


def fields_of(pages, draft, step):
    async def look(app):
        return (await app.drafts.get(draft, "local")).draft.node(step).fields

    return pages.do(look)


def head_of(pages, draft):
    async def look(app):
        return (await app.drafts.get(draft, "local")).draft.head

    return pages.do(look)


@pytest.mark.parametrize(("theme", "step", "width"), [("light", "s1", 1440), ("dark", "s2", 390), ("dark", "s9", 1440)])
def test_every_form_looks_right_and_breaks_no_rule(page, draft, shot, violations, theme, step, width):
    page.add_init_script(f"localStorage.theme = '{theme}'")
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"/scenarios/{draft}?step={step}")
    shot(page, f"inspector-{step}-{theme}-{width}")
    if step == "s1":
        page.get_by_role("button", name="Insert a name").click()
        expect(page.get_by_role("dialog", name="Names that this step can use")).to_be_visible()
        shot(page, f"inspector-names-{theme}-{width}")
    assert violations(page) == []
    page.goto(f"/scenarios/{draft}?tab=settings")
    shot(page, f"settings-{theme}-{width}")
    assert step == "s9" or violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def kept(page):
    """Wait for the answer to what is done in a block."""
    return page.expect_response(lambda response: "/draft/" in response.url and response.request.method == "POST")


def test_what_is_typed_is_kept_and_the_caret_stays(page, pages):
    draft = begun(pages)
    page.goto(f"/scenarios/{draft}?step=s1")
    text = page.get_by_role("textbox", name="Message", exact=True)
    text.click()
    page.keyboard.press("End")
    with kept(page):
        page.keyboard.type(" Where", delay=5)
    with kept(page):
        page.keyboard.type(" is it?", delay=5)
    expect(text).to_be_focused()
    expect(text).to_have_value("Hello, my parcel {{ data.order }} is late. Where is it?")
    page.get_by_role("button", name="Insert a name").click()
    page.get_by_role("button", name=re.compile("^greeting")).click()
    expect(text).to_have_value(re.compile(r"is it\?\{\{ greeting \}\}$"))
    expect(page.locator("#step-s1")).to_contain_text("Where is it?{{ greeting }}")
    assert fields_of(pages, draft, "s1")["text"].endswith("Where is it?{{ greeting }}")


def test_checks_come_and_go_and_what_is_wrong_stands_at_its_field(page, pages):
    draft = begun(pages)
    page.goto(f"/scenarios/{draft}?step=s1")
    with kept(page):
        page.get_by_role("button", name="Add check").click()
    third = page.get_by_role("group", name="Check 3")
    with kept(page):
        third.get_by_role("combobox", name="Check 3").select_option(label="Response time")
    with kept(page):
        third.get_by_label("To the last token").fill("soon")
    expect(third.get_by_label("To the last token")).to_have_attribute("aria-invalid", "true")
    expect(third).to_contain_text("'soon' is not a limit")
    assert fields_of(pages, draft, "s1")["expect"][2] == {"latency": "soon"}
    with kept(page):
        third.get_by_label("To the last token").fill("< 3s")
    expect(third.get_by_label("To the last token")).not_to_have_attribute("aria-invalid", "true")
    page.get_by_role("button", name="Move check 3 up").click()
    expect(page.get_by_role("combobox", name="Check 2")).to_have_value("latency")
    page.get_by_role("button", name="Remove check 1").click()
    expect(third).to_have_count(0)
    assert fields_of(pages, draft, "s1")["expect"] == [{"latency": "< 3s"}, {"ttft": "< 2s"}]


def test_weights_of_branches_are_set_in_the_inspector(page, pages):
    draft = begun(pages)
    page.goto(f"/scenarios/{draft}?step=s9")
    with kept(page):
        page.get_by_label("Weight of branch 2").fill("9")
    expect(page.locator("#canvas")).to_contain_text("weight 9, 75 %")


def test_settings_are_kept_as_they_are_typed(page, pages):
    draft = begun(pages)
    pages.do(lambda app: app.documents.create(DocumentKind.target, {"preset": "mock"}, "ada", name="Parcel bot"))
    page.goto(f"/scenarios/{draft}?tab=settings")
    expect(page.get_by_role("combobox", name="Target")).to_have_attribute("list", "targets")
    expect(page.locator("#targets option[value='Parcel bot']")).to_have_count(1)
    with kept(page):
        page.locator("#settings-about").get_by_role("textbox", name="Name").fill("Very late parcel")
    expect(page.get_by_role("heading", level=1)).to_have_text("Very late parcel")
    with kept(page):
        page.get_by_label("How much").select_option(label="Arrivals at a rate")
    with kept(page):
        page.get_by_role("textbox", name="Arrivals", exact=True).fill("7/s")
    with kept(page):
        page.get_by_role("group", name="Threshold 1").get_by_label("Metric").select_option("errors")
    expect(page.get_by_role("group", name="Threshold 1").get_by_label("Limit")).to_have_value("1%")
    with kept(page):
        page.get_by_label("Everything else, as YAML").fill("target: [")
    expect(page.get_by_label("Everything else, as YAML")).to_have_attribute("aria-invalid", "true")
    head = head_of(pages, draft)
    assert (head["name"], head["load"]["rate"], head["?"]) == ("Very late parcel", "7/s", "target: [")
    assert head["thresholds"][0] == "rate(errors) < 1%"
    assert {key: head[key] for key in ("vars", "data", "on_error", "inject")} == {
        key: BODY[key] for key in ("vars", "data", "on_error", "inject")
    }


def test_forms_work_without_scripts(pages):
    draft = begun(pages)

    def post(deed, **form):
        body = urllib.parse.urlencode(form).encode()
        with urllib.request.urlopen(f"{pages.url}/scenarios/{draft}/draft/{deed}", body) as answer:
            return answer.read().decode()

    page = post("set", step="s4", time="3s")
    assert 'value="3s"' in page
    assert fields_of(pages, draft, "s4") == {"time": "3s"}
    post("set", step="s5", add="checks")
    post("head", system="Be brief.")
    assert head_of(pages, draft)["system"] == "Be brief."
