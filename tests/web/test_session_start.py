"""The start form over HTTP: filled in by an address, estimated, refused with reasons, started."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest

from krawall.model.kept import DocumentKind
from krawall.model.session import State

LOOPBACK = "http://127.0.0.1:9/v1/chat/completions"


@pytest.fixture
def client(pages) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=pages.url, headers={"Accept": "text/html,*/*"}, follow_redirects=False) as made:
        yield made


@pytest.fixture(scope="module")
def target(pages) -> str:
    body = {"preset": "mock", "url": LOOPBACK}
    return str(pages.do(lambda app: app.documents.create(DocumentKind.target, body, "ada", name="Form bot")).id)


def test_without_a_target_the_form_says_how_to_make_one(client):
    page = client.get("/sessions/new")
    assert page.status_code == 200
    assert 'href="/targets/new"' in page.text
    assert "Choose a scenario to see what it takes" in page.text


def test_an_address_fills_the_form_and_says_what_it_takes(client, target):
    page = client.get(f"/sessions/new?scenario=template:branching&target={target}&load=users&users=3&conversations=30")
    assert f'<option value="{target}" selected>' in page.text
    assert "<dt>Conversations</dt><dd>30</dd>" in page.text
    assert "on this machine" in page.text
    assert f'<option value="{target}" selected>' in client.get("/sessions/new?target=Form+bot").text
    assert "never more than" in page.text


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"load": "users", "users": "many", "conversations": "3"}, "users"),
        ({"load": "rate", "rate": "fast", "duration": "10s"}, "rate"),
        ({"cap-cost": "cheap"}, "cap-cost"),
        ({"cap-duration": "soon"}, "cap-duration"),
        ({"thresholds": "p95(nothing) < 2s"}, "thresholds"),
        ({"duration": "long", "load": "users", "users": "2"}, "duration"),
        ({"seed": "-1"}, "seed"),
    ],
)
def test_what_is_wrong_stands_at_its_field_with_what_was_typed(client, target, typed, field):
    given = {"scenario": "template:branching", "target": target, **typed}
    for path, status in (("/sessions/new", 422), ("/sessions/estimate", 200)):
        answer = client.post(path, data=given)
        assert answer.status_code == status
        assert f'id="f-{field}-error"' in answer.text, (path, answer.text.partition("This cannot start yet")[2][:300])
        assert typed[field].replace("<", "&lt;") in answer.text


def test_a_scenario_has_to_be_chosen_and_has_to_exist(client, target):
    assert "Choose a scenario" in client.post("/sessions/new", data={"target": target}).text
    gone = client.post("/sessions/new", data={"scenario": "scn_gone", "target": target})
    assert gone.status_code == 422
    assert "This cannot start yet" in gone.text


def test_caps_are_laid_over_those_of_the_scenario(client, pages, target):
    body = {"name": "Capped", "steps": [{"message": "hello"}], "budget": {"cost": "$2", "requests": 70}}
    kept = pages.do(lambda app: app.documents.create(DocumentKind.scenario, body, "ada", name="Capped"))
    page = client.get(f"/sessions/new?scenario={kept.id}&target={target}&cap-requests=9")
    assert "the cap is $2.00" in page.text


def test_starting_leads_to_the_session(client, pages, target):
    started = client.post(
        "/sessions/new",
        data={"scenario": "template:branching", "target": target, "load": "users", "users": "2", "conversations": "4", "name": "From the form"},
    )  # fmt: skip
    assert started.status_code == 303
    id = started.headers["location"].removeprefix("/sessions/")
    session = pages.do(lambda app: app.sessions.get(id))
    assert (session.name, session.target, session.state) == ("From the form", "Form bot", State.queued)
    shown = client.get(started.headers["location"])
    assert "Started From the form" in shown.text


def test_the_dashboard_offers_to_run_at_once(client, target):
    page = client.get("/").text
    quick = page.partition("Quick execute")[2]
    assert target in quick
    assert "template:branching" in quick
