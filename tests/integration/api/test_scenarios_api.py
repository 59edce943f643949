"""Templates, validation and preview over the API."""

from __future__ import annotations

import pytest

from krawall.model.kept import DocumentKind
from krawall.plugins import registry
from krawall.testing.documents import ECHO, PRIVATE, SCENARIO

YAML = {"content-type": "application/yaml"}


async def test_templates_are_listed_and_shown(client):
    items = (await client.get("/templates")).json()["items"]
    assert [item["name"] for item in items] == registry.names("templates")
    shown = (await client.get("/templates/branching")).json()
    assert shown["yaml"] == registry.data_text("templates", "branching")
    assert shown["title"] == shown["body"]["name"]
    missing = await client.get("/templates/brnching")
    assert (missing.status_code, "did you mean 'branching'" in missing.json()["detail"]) == (404, True)


async def test_a_template_can_be_kept_and_played_from(client):
    shown = (await client.get("/templates/rapid-fire")).json()
    made = await client.post("/scenarios", content=shown["yaml"], headers=YAML)
    assert (made.status_code, made.json()["body"]) == (201, shown["body"])


@pytest.mark.parametrize("way", ["yaml", "body", "text"])
async def test_a_right_scenario_is_told_what_it_takes(client, way):
    scenario = {**SCENARIO, "target": {"connector": "echo", "prices": {"input": 1, "output": 2}}}
    text = "name: greeting\nsteps: [hello, bye]\nload: {users: 1, conversations: 2}\ntarget: {connector: echo, prices: {input: 1, output: 2}}\n"
    request = {
        "yaml": {"json": {"yaml": text}},
        "body": {"json": {"body": scenario}},
        "text": {"content": text, "headers": YAML},
    }
    found = (await client.post("/scenarios/validate", **request[way])).json()
    assert (found["ok"], found["errors"], found["warnings"]) == (True, [], [])
    estimate = found["estimate"]
    assert (estimate["conversations"], estimate["messages"]) == (2, 4)
    assert 0 < estimate["cost_usd"] < estimate["most_cost_usd"] < estimate["cost_cap_usd"]


async def test_a_wrong_scenario_is_told_every_place(client):
    text = "name: a\nsteps:\n- hello\n- mesage: x\nfoo: 1\n"
    found = (await client.post("/scenarios/validate", json={"yaml": text})).json()
    assert (found["ok"], found["estimate"]) == (False, None)
    assert [(place["path"], place["line"]) for place in found["errors"]] == [("steps.1", 4), ("foo", 5)]
    body = (await client.post("/scenarios/validate", json={"body": {"name": "a", "steps": []}})).json()
    assert [place["path"] for place in body["errors"]] == ["steps"]
    for wrong in ({}, {"yaml": "a: 1", "body": {}}, {"yaml": 3}, {"body": []}):
        assert (await client.post("/scenarios/validate", json=wrong)).status_code == 422


async def test_a_target_that_is_not_there_yet_is_a_warning(client):
    body = {**SCENARIO, "target": "bot"}
    found = (await client.post("/scenarios/validate", json={"body": body})).json()
    assert (found["ok"], [place["path"] for place in found["warnings"]]) == (True, ["target"])
    assert (await client.post("/scenarios", json={"body": body})).status_code == 201
    await client.post("/targets", json={"name": "bot", "body": ECHO})
    assert (await client.post("/scenarios/validate", json={"body": body})).json()["warnings"] == []


async def test_a_load_that_cannot_be_is_an_error_of_the_scenario(client):
    body = {**SCENARIO, "load": {"users": 3, "duration": "1s", "warm-up": "2s"}}
    found = (await client.post("/scenarios/validate", json={"body": body})).json()
    assert not found["ok"]


async def test_a_preview_says_what_will_be_said(client, app):
    await app.documents.create(DocumentKind.scenario, {**SCENARIO, "system": "Be kind."}, "ada")
    found = (await client.post("/scenarios/preview", json={"scenario": "greeting", "conversations": 2})).json()
    assert [each["number"] for each in found["conversations"]] == [0, 1]
    assert found["conversations"][0] == {
        "number": 0,
        "ended": "",
        "messages": [
            {"step": "", "role": "system", "text": "Be kind."},
            {"step": "steps.0", "role": "user", "text": "hello"},
            {"step": "steps.1", "role": "user", "text": "bye"},
        ],
    }
    assert (found["estimate"]["tier"], found["estimate"]["refused"]) == (None, "")


async def test_a_preview_takes_overrides_and_asks_the_guard_rails(client):
    await client.post("/targets", json={"name": "bot", "body": {"preset": "mock", "url": "http://127.0.0.1:8010/"}})
    request = {"scenario": SCENARIO, "target": "bot", "overrides": {"users": 5, "conversations": 40, "seed": 9}}
    estimate = (await client.post("/scenarios/preview", json=request)).json()["estimate"]
    assert (estimate["conversations"], estimate["tier"]) == (40, "loopback")
    assert estimate["cost_usd"] > 0
    await client.post("/targets", json={"name": "private", "body": PRIVATE})
    refused = (await client.post("/scenarios/preview", json={**request, "target": "private"})).json()
    assert refused["estimate"]["tier"] is None
    assert "private address" in refused["estimate"]["refused"]
    assert refused["conversations"][0]["messages"]
    await client.post("/targets/private/confirm")
    confirmed = (await client.post("/scenarios/preview", json={**request, "target": "private"})).json()
    assert (confirmed["estimate"]["tier"], confirmed["estimate"]["refused"]) == ("private", "")


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"scenario": "none"}, 404),
        ({"scenario": "template:none"}, 404),
        ({"scenario": SCENARIO, "target": "none"}, 404),
        ({"scenario": {"name": "a"}}, 422),
        ({"scenario": {**SCENARIO, "data": {"file": "/etc/passwd"}}}, 422),
        ({"scenario": {**SCENARIO, "env": ["HOME"]}}, 422),
        ({"scenario": SCENARIO, "target": {"url": 3}}, 422),
        ({"scenario": SCENARIO, "conversations": 6}, 422),
        ({"scenario": SCENARIO, "overrides": {"users": 1, "rate": "1/s"}}, 422),
        ({"scenario": SCENARIO, "overrides": {"rate": "often"}}, 422),
        ({"scenario": SCENARIO, "overrides": {"nonsense": 1}}, 422),
        ({}, 422),
    ],
)
async def test_previews_that_cannot_be(client, request_, status):
    answer = await client.post("/scenarios/preview", json=request_)
    assert answer.status_code == status, answer.text


async def test_who_may_only_look_may_validate_and_not_rehearse(client, viewer):
    assert (await viewer.get("/templates")).status_code == 200
    assert (await viewer.post("/scenarios/validate", json={"body": SCENARIO})).status_code == 200
    assert (await viewer.post("/scenarios/preview", json={"scenario": SCENARIO})).status_code == 403
    for method, path in (("GET", "/templates"), ("POST", "/scenarios/validate"), ("POST", "/scenarios/preview")):
        assert (await client.request(method, path, json={"body": SCENARIO})).status_code == 401


async def test_one_conversation_is_really_played(client):
    wanted = {
        "scenario": {"name": "a", "steps": ["Hello", {"loop": 30, "steps": ["More"]}]},
        "seed": 7,
        "persona": "echo",
    }
    found = (await client.post("/scenarios/try", json=wanted)).json()
    turns = found["replay"]["turns"]
    assert (found["persona"], found["seed"], len(turns)) == ("echo", 7, 20)
    assert (turns[0]["said"], turns[0]["heard"], turns[0]["attempts"][0]["status"]) == ("Hello", "Hello", 200)
    assert turns[0]["attempts"][0]["ttft_ms"] > 0
    assert "after 20 messages" in found["ended"]


async def test_trying_leaves_the_scenarios_own_target_alone(client):
    wanted = {
        "scenario": {"name": "a", "steps": ["Hello"], "target": {"preset": "mock", "url": "http://127.0.0.1:9/nobody"}}
    }
    found = (await client.post("/scenarios/try", json=wanted)).json()
    assert (found["replay"]["outcome"], found["ended"]) == ("completed", "")


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"scenario": "gone"}, 404),
        ({"scenario": {"name": "a", "steps": []}}, 422),
        ({"scenario": "template:branching", "persona": "nobody"}, 422),
    ],
)
async def test_what_cannot_be_tried(client, request_, status):
    assert (await client.post("/scenarios/try", json=request_)).status_code == status


async def test_who_may_only_look_may_not_try(viewer):
    assert (await viewer.post("/scenarios/try", json={"scenario": "template:branching"})).status_code == 403
