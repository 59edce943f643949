"""Connection tests on the page of a target: told while they happen, shown again by an address, and one POST without scripts."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest
from playwright.sync_api import Page, expect

from krawall.model.kept import DocumentKind
from krawall.testing.pages import mock_bot

KIND = DocumentKind.target


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


def test_each_step_is_told_while_the_test_runs(page: Page, pages, bot, looked_at):
    id = keep(pages, "Told", {"preset": "mock", "fields": {"base": bot}, "stream": True})
    page.goto(f"/targets/{id}")
    page.get_by_label("Message").fill("Where is my parcel?")
    page.get_by_role("button", name="Test connection").click()
    expect(page.get_by_text("It answers")).to_be_visible()
    expect(page.locator(".steps li.ok")).to_have_count(5)
    expect(page.locator(".tree .badge").filter(has_text="Reply text")).not_to_have_count(0)
    looked_at("target-tested")


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


# the form beside what it comes to ------------------------------------------------------------------------


def test_another_preset_keeps_what_was_typed(page: Page, client):
    page.goto("/targets/new?preset=openai-chat")
    page.get_by_label("Name", exact=True).fill("Support bot")
    page.get_by_role("textbox", name="Model").fill("small")
    page.get_by_text("Change", exact=True).click()
    page.get_by_role("radio", name="Anthropic").check(force=True)
    expect(page.locator(".presets summary")).to_contain_text("Anthropic")
    expect(page.get_by_label("Name", exact=True)).to_have_value("Support bot")
    expect(page.get_by_role("textbox", name="Model")).to_have_value("small")
    typed = {"preset": "openai-chat", "to": "mock", "name": "Support bot", "field.model": "small", "secret": "canary"}
    sent = client.post("/targets/preset", data=typed)
    shown = client.get(sent.headers["location"]).text
    assert 'value="Support bot"' in shown
    assert "canary" not in shown
    assert "field.model" not in shown, "the mock bot has no such field"


def test_paths_are_pressed_out_of_an_answer(page: Page, pages, bot, looked_at):
    page.goto("/targets/new?preset=custom-http")
    page.get_by_label("Name", exact=True).fill("Picked")
    page.get_by_label("Address", exact=True).fill(f"{bot}/v1/chat/completions")
    page.get_by_role("textbox", name="Body", exact=False).first.fill("model: mock\nmessages: $messages")
    page.get_by_role("textbox", name="Reply text").fill("nowhere")
    sent = page.locator("#preview").get_by_role("region", name="Body")
    expect(sent).to_contain_text('"content": "Hello! This is a connection test')
    page.get_by_role("button", name="Test connection").click()
    expect(page.get_by_text("It does not answer as the target says")).to_be_visible()
    expect(page.locator("#preview")).to_contain_text("nothing at nowhere")
    page.get_by_role("textbox", name="Reply text").focus()
    page.locator(".twig", has_text="content").click()
    expect(page.get_by_role("textbox", name="Reply text")).to_have_value("choices[0].message.content")
    expect(page.locator(".read").first).to_contain_text("Regarding connection")
    page.get_by_role("textbox", name="Tokens in").focus()
    page.locator(".twig").first.focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator(".twig").nth(1)).to_be_focused()
    page.locator(".twig", has_text="prompt_tokens").first.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("textbox", name="Tokens in")).to_have_value("usage.prompt_tokens")
    looked_at("target-form")
    page.get_by_role("button", name="Test connection").click()
    expect(page.get_by_text("It answers")).to_be_visible()
    page.get_by_role("button", name="Save target").click()
    expect(page.get_by_role("heading", level=1, name="Picked")).to_be_visible()
    kept = pages.do(lambda app: app.documents.get(KIND, "Picked"))
    assert kept.body["reply"] == {"text": "choices[0].message.content", "usage": {"input": "usage.prompt_tokens"}}
    assert kept.body["body"] == {"model": "mock", "messages": "$messages"}


def test_an_address_is_recognised(page: Page, pages, bot, shot):
    page.goto("/targets/new")
    page.get_by_label("Address").fill(bot)
    shot(page, "target-detect")
    page.get_by_role("button", name="Recognise").click()
    expect(page.get_by_text("How it was recognised")).to_be_visible()
    expect(page.locator("#preview .read").first).to_be_visible()
    shot(page, "target-recognised")
    page.get_by_role("button", name="Save target").click()
    expect(page.get_by_role("heading", level=1, name="127.0.0.1")).to_be_visible()
    page.get_by_role("button", name="Test connection").click()
    expect(page.get_by_text("It answers")).to_be_visible()


def test_without_scripts_nothing_that_was_typed_is_lost(client, bot):
    typed = {"preset": "custom-http", "name": "By hand", "url": f"{bot}/v1/chat/completions", "body": "messages: $messages",
             "reply.text": "nowhere", "secret": "very-secret-thing", "credential": "A_KEY"}  # fmt: skip
    tested = client.post("/targets/test", data=typed)
    assert tested.status_code == 303
    shown = client.get(tested.headers["location"]).text
    assert "nothing at" in shown
    assert 'value="By hand"' in shown
    held = tested.headers["location"].partition("from=")[2]
    picked = client.post(
        "/targets/mapping", data={**typed, "from": held, "pick": "choices[0].message.content", "pick-for": "reply.text"}
    )
    shown = client.get(picked.headers["location"]).text
    assert 'value="choices[0].message.content"' in shown
    assert "very-secret-thing" not in shown
    found = client.post("/targets/detect", data={"url": bot})
    assert "How it was recognised" in client.get(found.headers["location"]).text
    wrong = client.post("/targets/detect", data={"url": "no address"})
    assert wrong.status_code == 422
    assert 'value="no address"' in wrong.text


# the page of a target ------------------------------------------------------------------------------------


def test_a_copy_gets_a_name_and_a_host_a_word(page: Page, pages, forgive, violations, shot):
    forgive("422")
    id = keep(pages, "Original", {"preset": "custom-http", "url": "http://10.1.2.3/chat"})
    page.goto(f"/targets/{id}")
    page.get_by_role("button", name="Confirm host").click()
    assert violations(page) == []
    page.get_by_role("button", name="I operate 10.1.2.3").click()
    expect(page.locator("#toasts").get_by_text("Confirmed that you operate")).to_be_visible()
    assert pages.do(lambda app: app.documents.get(KIND, id)).body["confirmed"] == "10.1.2.3"
    page.get_by_role("button", name="More actions").click()
    page.get_by_role("menuitem", name="Duplicate").click()
    page.get_by_label("Name of the copy").fill("Original")
    shot(page, "target-duplicate")
    page.get_by_role("button", name="Duplicate target").click()
    expect(page.get_by_label("Name of the copy")).to_have_attribute("aria-invalid", "true")
    page.get_by_label("Name of the copy").fill("Second")
    page.get_by_role("button", name="Duplicate target").click()
    expect(page.get_by_role("heading", level=1, name="Second")).to_be_visible()


def test_any_two_revisions_are_compared_and_an_old_one_comes_back(page: Page, pages, violations, shot):
    body = {"preset": "mock", "fields": {"base": "http://127.0.0.1:8010"}}
    id = keep(pages, "Revised", body)
    for more in ({"stream": True}, {"request": {"max_tokens": 40}}):
        pages.do(lambda app, more=more: app.documents.revise(KIND, id, {**body, **more}, "bob", etag=None))
    page.goto(f"/targets/{id}?tab=revisions")
    expect(page.locator(".diff .minus")).to_contain_text("stream: true")
    page.get_by_label("From", exact=True).select_option("1")
    expect(page.get_by_role("heading", name="From revision 1 to 3")).to_be_visible()
    assert page.locator(".diff .minus").count() == 0
    assert violations(page) == []
    shot(page, "target-revisions-any")
    page.get_by_role("button", name="Bring back revision 2").click()
    expect(page.get_by_text("as revision 2 was")).to_be_visible()
    assert pages.do(lambda app: app.documents.get(KIND, id)).body["stream"] is True


def test_a_secret_that_is_typed_is_not_sent_for_looking(page: Page):
    page.goto("/targets/new?preset=custom-http")
    page.get_by_label("Signs in with").select_option("bearer")
    page.get_by_label("Value of the credential").fill("very-secret-thing")
    with page.expect_request(lambda each: "/preview" in each.url and "Looked" in (each.post_data or "")) as asked:
        page.get_by_label("Name", exact=True).fill("Looked at")
    assert "very-secret-thing" not in (asked.value.post_data or "")
    expect(page.get_by_label("Value of the credential")).to_have_value("very-secret-thing")
