"""Scenarios in a real Chromium: made of a template, copied, taken in, given out, tried, compared and restored by a person."""

from __future__ import annotations

import re
import zipfile

from playwright.sync_api import Page, expect

from krawall.clock import wall_ns
from krawall.model.kept import DocumentKind
from krawall.model.session import Outcome, State
from krawall.testing.served import a_plan, a_session

KIND = DocumentKind.scenario
DRAFT = re.compile(r"/scenarios/dft_\w+")
LATE = {
    "name": "Late parcel", "description": "A customer whose parcel is late, and who does not give up easily.", "category": "logic",
    "system": "You work for a parcel service.", "vars": {"city": {"any of": ["Hamburg", "Lyon", "Kyoto"]}},
    "steps": [
        {"message": "Good morning, my parcel to {{ city }} is late.", "expect": [{"length": ">= 1"}]},
        {"delay": "1s"},
        {"loop": 2, "steps": [{"message": "Is there any news? I have asked {{ turn - 1 }} times."}]},
        {"if": "'ticket' in reply", "then": ["Thank you."], "else": ["Please escalate this."]},
    ],
}  # fmt: skip


def make(pages, body) -> str:
    return str(pages.do(lambda app: app.documents.create(KIND, body, "ada")).id)


def test_a_list_of_scenarios_and_what_is_done_with_them(page: Page, pages, looked_at, forgive):
    forgive("422")
    make(pages, LATE)
    make(pages, {"name": "Shop audit", "category": "stress", "steps": ["Hello", {"loop": 20, "steps": ["More"]}]})
    make(pages, {"name": "Something without a category and with a rather long name that wraps", "steps": ["Hi"]})
    pages.do(_played)
    page.goto("/scenarios")
    expect(page.get_by_role("row", name="Late parcel")).to_contain_text("Completed")
    looked_at("scenarios-full")
    page.get_by_role("button", name="Actions for Late parcel").click()
    page.get_by_role("menuitem", name="Duplicate").click()
    dialog = page.get_by_role("dialog", name="Duplicate Late parcel")
    dialog.get_by_label("Name of the copy").fill("Shop audit")
    dialog.get_by_role("button", name="Duplicate").click()
    expect(dialog.get_by_label("Name of the copy")).to_have_attribute("aria-invalid", "true")
    expect(dialog.get_by_label("Name of the copy")).to_have_value("Shop audit")
    looked_at("scenarios-duplicate")
    dialog.get_by_label("Name of the copy").fill("Very late parcel")
    dialog.get_by_role("button", name="Duplicate").click()
    expect(page.get_by_role("heading", level=1, name="Very late parcel")).to_be_visible()
    page.goto("/scenarios?category=stress")
    expect(page.get_by_role("row")).to_have_count(2)
    page.get_by_label("Category").select_option("logic")
    expect(page.get_by_role("row")).to_have_count(3)
    page.get_by_role("button", name="Actions for Very late parcel").click()
    page.get_by_role("menuitem", name="Delete scenario").click()
    expect(page.get_by_role("dialog").get_by_role("button", name="Cancel")).to_be_focused()
    page.get_by_role("dialog").get_by_role("button", name="Delete scenario").click()
    expect(page.locator("#toasts").get_by_text("Deleted Very late parcel")).to_be_visible()
    page.get_by_role("checkbox", name="Choose Late parcel").check()
    page.get_by_role("checkbox", name="Choose Shop audit").check()
    with page.expect_download() as download:
        page.get_by_role("button", name="Export", exact=True).click()
    with zipfile.ZipFile(download.value.path()) as held:
        assert len(held.namelist()) == 2


def test_a_dialog_stays_open_with_what_was_typed_while_the_list_follows_others(page: Page, pages):
    with page.expect_response(lambda response: "/api/v1/events" in response.url):
        page.goto("/scenarios")
    page.get_by_role("button", name="Actions for Shop audit").click()
    page.get_by_role("menuitem", name="Duplicate").click()
    field = page.get_by_role("dialog").get_by_label("Name of the copy")
    field.fill("Half typed")
    make(pages, {"name": "By somebody else", "steps": ["Hi"]})
    expect(page.locator(".rowlink", has_text="By somebody else")).to_be_attached()
    expect(field).to_be_visible()
    expect(field).to_have_value("Half typed")


def test_a_template_is_looked_at_and_used(page: Page, looked_at):
    page.goto("/scenarios")
    page.get_by_role("link", name="Preview Branching").click()
    expect(page.get_by_role("heading", level=1, name="Branching")).to_be_visible()
    looked_at("template")
    page.get_by_role("button", name="Use template").click()
    expect(page).to_have_url(DRAFT)
    page.goto("/scenarios")
    page.keyboard.press("n")
    expect(page).to_have_url(DRAFT)


def test_files_are_imported_and_every_error_is_told(page: Page, looked_at):
    page.goto("/scenarios/import")
    looked_at("import-empty")
    page.get_by_label("Choose files").set_input_files(
        [
            {"name": "good.yaml", "mimeType": "application/yaml", "buffer": b"name: From a file\nsteps: [Hello]\n"},
            {"name": "bad.yaml", "mimeType": "application/yaml", "buffer": b"name: Bad\nsteps:\n  - mesage: Hello\n  - delay: soon\n"},
        ]
    )  # fmt: skip
    page.get_by_label("Or paste YAML").fill("name: Pasted\nsteps: [Hi]\n")
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_role("heading", name="3 documents: 2 made, 1 not taken in")).to_be_visible()
    expect(page.get_by_text("Line 3")).to_be_visible()
    expect(page.get_by_label("Or paste YAML")).to_have_value("name: Pasted\nsteps: [Hi]\n")
    looked_at("import-done")
    page.get_by_role("link", name="From a file").click()
    expect(page.get_by_role("heading", level=1, name="From a file")).to_be_visible()


def test_a_conversation_is_previewed_and_really_played(page: Page, pages, looked_at):
    id = make(pages, {**LATE, "name": "Tried parcel"})
    page.goto(f"/scenarios/{id}?tab=preview")
    expect(page.get_by_text("You work for a parcel service.")).to_be_visible()
    page.get_by_label("Conversations").select_option("2")
    expect(page.get_by_role("heading", name="Conversation 2")).to_be_visible()
    page.get_by_label("The mock bot").select_option("support")
    page.get_by_role("button", name="Play one against the mock bot").click()
    expect(page.get_by_text("It came to its end.")).to_be_visible(timeout=30_000)
    expect(page.locator("#tried .says.target")).to_have_count(4)
    looked_at("scenario-preview")
    page.locator("#tried").get_by_role("link", name="Step 3.1").first.click()
    expect(page).to_have_url(re.compile(r"step=s\d"))


def test_two_revisions_are_compared_and_an_old_one_comes_back(page: Page, pages, looked_at):
    id = make(pages, {**LATE, "name": "Revised parcel"})
    for seed in (2, 3):
        body = {**LATE, "name": "Revised parcel", "seed": seed}
        pages.do(lambda app, body=body: app.documents.revise(KIND, id, body, "bob", etag=None, note="another seed"))
    page.goto(f"/scenarios/{id}?tab=revisions")
    expect(page.get_by_role("region", name="What changed")).to_contain_text("+seed: 3")
    page.get_by_label("From").select_option("1")
    expect(page.get_by_role("region", name="What changed")).not_to_contain_text("-seed: 2")
    looked_at("scenario-revisions")
    page.get_by_role("button", name="Restore revision 1").click()
    expect(page.locator("#toasts").get_by_text("Restored revision 1 as revision 4")).to_be_visible()


async def _played(app) -> None:
    now = wall_ns()
    made = a_session(name="Late parcel", scenario="Late parcel", created_ns=now - 600_000_000_000)
    await app.store.sessions.create(made, a_plan().to_json(), key=None)
    fence = await app.store.sessions.claim(made.id, "wrk_1")
    await app.store.sessions.write(made.id, fence, state=State.starting)
    await app.store.sessions.write(made.id, fence, state=State.running, started_ns=now - 500_000_000_000)
    await app.store.sessions.write(
        made.id, fence, state=State.finished, outcome=Outcome.completed, finished_ns=now - 400_000_000_000
    )
