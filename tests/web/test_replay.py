"""A conversation that is watched again: its page over HTTP in every state, and its clock in a real Chromium."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import httpx2
import pytest
from msgspec.structs import replace
from playwright.sync_api import Page, expect

from krawall.clock import wall_ns
from krawall.model.event import SessionPaused
from krawall.model.exchange import Check, Fault, FaultKind, Line, Told
from krawall.model.session import State
from krawall.testing.logs import S, an_exchange, write_session
from krawall.testing.served import finish, keep
from krawall.web.pages.conversation import moment
from krawall.web.pages.conversation_timeline import clock, place
from krawall.wire.log import encode_lines

REPLIES = (
    "Hello. Where was the parcel last seen?",
    "I have found it: it waits in the depot of Kassel since Tuesday because the house number was missing on the label.",
    "It will be with you tomorrow between 9 and 12.",
    "It will be with you tomorrow between 9 and 12.",
    "",
    "<b>Yes</b>, I have noted it.\nAnything else?",
)
LOOKS = (
    ("all", "light", 1440),
    ("none", "light", 390),
    ("all", "dark", 390),
    ("part", "dark", 1440),
    ("part", "light", 390),
)


def _told(number: int, outcome: str, end_s: float, turns: int, reason: str = "") -> Told:
    begin = number * 10 * S
    return Told(
        number,
        4,
        "measure",
        begin,
        begin,
        int(end_s * S),
        outcome,
        turns=turns,
        tokens_in=60,
        tokens_out=200,
        cost_pico=1,
        reason=reason,
    )


def lines() -> list[Line]:
    """Return three conversations: 0 is ordinary, 1 has one anomaly of each kind that a person meets, 2 ended before its first turn."""
    made: list[Line] = [an_exchange(0, 1), an_exchange(0, 2), _told(0, "completed", 3, 2)]
    at = 10 * S
    for turn, reply in enumerate(REPLIES, 1):
        took = (3 if turn == 2 else 0.6) * S
        fault = Fault(FaultKind.timeout, "no answer within 600 ms") if turn == 5 else None
        if turn == 3:
            wrong = Fault(FaultKind.rate_limited, "slow down", 429)
            made.append(replace(an_exchange(1, turn, fault=wrong), **_times(at, 0.2 * S), heard="", checks=[]))
            at += S
        checks = (
            [Check("contains tomorrow", ok=turn != 6, detail="" if turn != 6 else "the reply has no such word")]
            if turn in (3, 6)
            else []
        )
        attempt = {"attempt": 2} if turn == 3 else {}
        said = f"Question {turn}: where is my parcel?"
        made.append(
            replace(
                an_exchange(1, turn, fault=fault),
                **_times(at, took),
                **attempt,
                said=said,
                heard=reply,
                checks=checks,
                status=None if fault else 200,
            )
        )
        at += int(took) + (8 * S if turn == 3 else 2 * S)
    made += [_told(1, "failed", at / S, 6, "the reply did not hold what was expected"), _told(2, "abandoned", 31, 0)]
    return made


def _times(at: float, took: float) -> dict[str, int]:
    sent, done = int(at), int(at + took)
    return {
        "planned_ns": sent,
        "start_ns": sent,
        "sent_ns": sent,
        "done_ns": done,
        "seen_ns": sent + int(took / 3),
        "last_ns": done,
    }


@pytest.fixture(scope="module")
def session(pages) -> str:
    """The path of the conversations of a finished session."""

    async def make(app) -> str:
        kept = await keep(app)
        write_session(app.archive.place(kept.id), kept.id, lines())
        await finish(app, kept.id)
        return f"/sessions/{kept.id}/conversations"

    return pages.do(make)


@pytest.fixture
def client(pages) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=pages.url, headers={"Accept": "text/html,*/*"}) as made:
        yield made


def get(client: httpx2.Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.text


def test_the_page_is_a_transcript_in_itself(client, session):
    page = get(client, f"{session}/1")
    assert [int(number) for number in re.findall(r'id="turn-(\d+)"', page)] == [1, 2, 3, 4, 5, 6]
    assert "Question 2: where is my parcel?" in page
    assert "&lt;b&gt;Yes&lt;/b&gt;" in page
    assert "8.0 s of silence" in page
    assert "the reply did not hold what was expected".capitalize() in page
    assert "2 attempts" in page
    assert 'class="turn ahead"' not in page
    assert "style=" not in page.partition("<main")[2]


def test_what_is_odd_is_listed_and_leads_to_its_turn(client, session):
    page = get(client, f"{session}/1")
    listed = re.findall(r'data-odd="([^"]*)"', page)
    assert [words.split()[0] for words in listed] == ["3,000", "Took", "Repeats", "Timeout:", "Expected"]
    assert re.search(r'href="\?t=5.6#turn-2" data-to="5600.000"', page)
    assert page.count('class="bar bad"') == 2
    assert page.count('class="bar warn"') == 3
    assert "No anomaly" not in page


def test_the_address_says_where_it_stands(client, session):
    page = get(client, f"{session}/1?t=3.5")
    ahead = [part for part in re.findall(r"<li [^>]*>", page) if 'id="turn-' in part and " ahead" in part]
    assert len(ahead) == 4
    assert "0:03.5 of" in page
    for nonsense in ("nan", "-5", "x", "1e99"):
        assert get(client, f"{session}/1?t={nonsense}")


def test_the_record_of_a_turn_is_shown_as_it_was_kept(client, session):
    page = get(client, f"{session}/1")
    assert page.count("Log record</summary>") == 6
    assert "&#34;attempt&#34;: 2" in page
    assert "slow down" in page


def test_the_neighbours_are_a_link_away(client, session):
    first, middle = get(client, f"{session}/0"), get(client, f"{session}/1")
    assert 'rel="prev"' not in first
    assert f'href="{session}/1"' in first
    assert f'href="{session}/0"' in middle
    assert f'href="{session}/2"' in middle
    assert 'rel="next"' not in get(client, f"{session}/2")
    assert "Nothing was slow, wrong or said twice" in first


def test_a_conversation_without_a_turn_and_one_that_is_not_there(client, session):
    assert "Nothing was said in this conversation" in get(client, f"{session}/2")
    for path, status in ((f"{session}/77", 404), ("/sessions/ses_gone/conversations/0", 404), (f"{session}/-1", 422)):
        answer = client.get(path)
        assert answer.status_code == status
        assert "<h1>" in answer.text


def test_moments_are_kept_within_the_conversation():
    assert [moment(text, 5000) for text in ("", "2.5", "-1", "99", "inf", "no")] == [5000, 2500, 0, 5000, 5000, 5000]
    assert [clock(ms) for ms in (0, 4249.9, 61_000, 3_600_000)] == ["0:00.0", "0:04.2", "1:01.0", "60:00.0"]
    assert [place(ms) for ms in (0, 3000, 44_200.4)] == ["t=0", "t=3", "t=44.201"]


def test_it_is_played_stepped_and_searched(
    page: Page, session: str, violations: Callable[[Page], list[str]], shot: Callable[[Page, str], None]
):
    for name, theme, width in LOOKS:
        page.add_init_script(f"localStorage.setItem('theme', '{theme}')")
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(session + {"all": "/1", "part": "/1?t=4.5", "none": "/2"}[name])
        shot(page, f"replay-{name}-{theme}-{width}")
        assert violations(page) == [], (name, theme, width)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (name, width)
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(f"{session}/1?t=0")
    shown = page.locator(".turn:visible")
    expect(shown).to_have_count(1)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(shown).to_have_count(2)
    expect(page).to_have_url(re.compile(r"\?t=5\.6$"))
    page.keyboard.press("x")
    expect(shown).to_have_count(3)
    page.keyboard.press("ArrowLeft")
    expect(shown).to_have_count(2)
    page.locator(".odd").get_by_role("link", name="Expected contains tomorrow").click()
    expect(shown).to_have_count(6)
    expect(page).not_to_have_url(re.compile("t="))
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    expect(shown).to_have_count(1)
    for _ in range(5):
        page.keyboard.press(".")
    expect(page.get_by_role("group", name="Speed").locator("output")).to_have_text("32×")
    expect(shown).to_have_count(6)
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    page.get_by_label("Position").fill("0")
    expect(shown).to_have_count(1)


def test_its_keys_are_listed_and_the_position_follows_the_pointer(page: Page, session: str, violations):
    page.goto(f"{session}/1")
    page.keyboard.press("?")
    keys = page.get_by_role("dialog", name="Keyboard")
    expect(keys).to_contain_text("On this page")
    expect(keys).to_contain_text("To the next anomaly")
    assert violations(page) == []
    page.keyboard.press("Escape")
    slider = page.get_by_label("Position")
    box = slider.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] - 8, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] / 2, steps=4)
    page.mouse.up()
    expect(page).to_have_url(re.compile(r"\?t=\d"))
    slider.press("ArrowRight")
    expect(page.locator(".turn:visible").last).to_have_attribute("aria-current", "step")


def test_the_request_of_a_turn_is_fetched_when_it_is_opened(page: Page, session: str, looked_at, violations, shot):
    page.goto(f"{session}/1")
    turn = page.locator("#turn-4")
    turn.get_by_text("Request", exact=True).click()
    expect(turn.get_by_role("region", name="Body of request 4")).to_contain_text("Question 4: where is my parcel?")
    assert violations(page) == []
    shot(page, "replay-request-light-1440")
    page.goto(f"{session}/1/turns/4")
    expect(page.get_by_role("heading", level=1, name="Turn 4")).to_be_visible()
    looked_at("turn")
    page.get_by_role("link", name="To the replay").click()
    expect(page).to_have_url(re.compile("/conversations/1#turn-4$"))


def test_a_conversation_under_way_is_followed(page: Page, pages, shot, violations):
    all_lines = [line for line in lines() if getattr(line, "conversation", -1) == 1]

    async def begin(app) -> str:
        kept = await keep(app, name="Still running")
        fence = await app.store.sessions.claim(kept.id, "wrk_1")
        await app.store.sessions.write(kept.id, fence, state=State.starting)
        await app.store.sessions.write(kept.id, fence, state=State.running, started_ns=wall_ns() - 600 * S)
        write_session(app.archive.place(kept.id), kept.id, all_lines[:2])
        return kept.id

    async def heard(app, id: str, some: list[Line]) -> None:
        with (app.archive.place(id) / "log" / "0-1-0.jsonl").open("ab") as log:
            log.write(encode_lines(some))
        await app.store.events.append(SessionPaused(), "ada", session=id)

    id = pages.do(begin)
    with page.expect_response(lambda response: "/api/v1/events" in response.url):
        page.goto(f"/sessions/{id}/conversations/1")
    expect(page.get_by_text("Under way", exact=True)).to_be_visible()
    page.locator("#turn-1").get_by_text("Log record").click()
    pages.do(lambda app: heard(app, id, all_lines[2:4]))
    shown = page.locator(".turn:visible")
    expect(shown).to_have_count(3)
    expect(page.locator("#turn-1 details[open]")).to_have_count(1)
    assert violations(page) == []
    shot(page, "replay-live-light-1440")
    page.keyboard.press("ArrowLeft")
    expect(shown).to_have_count(2)
    pages.do(lambda app: heard(app, id, all_lines[4:]))
    expect(page.get_by_text("It goes on")).to_have_count(0)
    expect(page.locator(".turn")).to_have_count(6)
    expect(shown).to_have_count(2)
    expect(page.locator("#ending")).to_have_text("Failed")
    expect(page.get_by_role("button", name="To the newest")).to_be_hidden()


def test_without_scripts_it_is_all_there(browser, session, browser_context_args):
    context = browser.new_context(**{**browser_context_args, "java_script_enabled": False})
    page = context.new_page()
    page.goto(f"{session}/1?t=4.5")
    expect(page.locator(".turn:visible")).to_have_count(6)
    expect(page.get_by_role("button", name="Play")).to_be_hidden()
    page.locator(".odd").get_by_role("link", name="Timeout").click()
    expect(page.locator("#turn-5")).to_be_in_viewport()
    page.locator("#turn-5").get_by_text("Request", exact=True).click()
    page.get_by_role("link", name="Show the request of turn 5").click()
    expect(page.get_by_role("region", name="Body of request 5")).to_be_visible()
    context.close()
