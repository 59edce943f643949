"""The request of a turn, rebuilt from plan and log: the same that the engine sends, and honest about what it cannot know."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from krawall.errors import NotFound
from krawall.model.plan import Plan
from krawall.services.rebuilding import UNKNOWN_ID, rebuilt
from krawall.services.rehearsal import rehearse
from krawall.services.replaying import replay
from krawall.testing.playing import plan_of

SCENARIO = """
name: Late parcel
target: {{connector: http, url: "http://127.0.0.1:9/chat?v=1"{target}}}
system: "You are {{{{ mood }}}}, row {{{{ data.city }}}}, {{{{ rng.int(1, 1000000) }}}} of conversation {{{{ conversation }}}}."
vars: {{mood: {{any of: [kind, gruff, tired, silent]}}}}
data: {{rows: [{{city: Kassel}}, {{city: Jena}}, {{city: Trier}}], pick: random}}
steps: [Where is it?, And now?, Are you sure?]
load: {{users: 1, conversations: 3}}
{more}
"""


def a_plan(target: str = "", more: str = "", body: str = ', body: {messages: "$messages", model: small}') -> Plan:
    return plan_of(SCENARIO.format(target=body + target, more=more))


def message(turn: int, **more: Any) -> dict[str, Any]:
    return {
        "kind": "message", "n": turn, "conversation": 2, "user": 0, "turn": turn, "attempt": 1, "step": f"steps.{turn - 1}",
        "phase": "measure", "at_ms": turn * 1000.0, "latency_ms": 100.0, "ttft_ms": 50.0, "status": 200, "error": None,
        "detail": None, "injected": None, "tokens_in": 5, "tokens_out": 7, "estimated": False, "cost_usd": 0.0,
        "said": f"question {turn}", "heard": f"answer {turn}", "checks": [], "repetition": None, "shard": 0, **more,
    }  # fmt: skip


def sent(plan: Plan, items: list[dict[str, Any]], turn: int) -> Any:
    found = rebuilt(plan, "ses_1", replay("ses_1", 2, items), turn)
    return found, json.loads(found.body)


def test_history_goes_along_without_the_turns_that_failed():
    items = [message(1), message(2, error="timeout", heard=None), message(3)]
    found, body = sent(a_plan(), items, 3)
    assert [(each["role"], each["content"]) for each in body["messages"][1:]] == [
        ("user", "question 1"), ("assistant", "answer 1"), ("user", "question 3"),
    ]  # fmt: skip
    assert (found.method, found.url, found.history, found.doubts) == ("POST", "http://127.0.0.1:9/chat?v=1", 2, [])
    assert found.headers["host"] == "127.0.0.1:9"
    assert found.headers["x-krawall-session"] == "ses_1"


@given(st.integers(0, 2**31))
@settings(max_examples=12, deadline=None)
def test_the_system_prompt_is_the_one_that_the_engine_says(seed: int):
    plan = a_plan()
    plan = plan.model_copy(update={"scenario": plan.scenario.model_copy(update={"seed": seed})})
    _, body = sent(plan, [message(1)], 1)
    assert body["messages"][0] == {"role": "system", "content": rehearse(plan, 3)[2].messages[0].text}


def test_a_window_holds_back_what_it_held_back_then():
    items = [message(1), message(2), message(3)]
    _, body = sent(a_plan(more="window: last 2"), items, 3)
    assert [each["content"] for each in body["messages"][1:]] == ["question 2", "answer 2", "question 3"]


def test_secrets_are_not_resolved():
    target = ', headers: {X-Api-Key: "${KEY}"}, auth: {basic: {user: ada, password: "${PASSWORD}"}}'
    found, _ = sent(a_plan(target), [message(1)], 1)
    assert found.headers["x-api-key"] == "***"
    assert found.headers["authorization"] == "Basic ***"
    found, _ = sent(a_plan(', auth: {query: {token: "${TOKEN}"}}'), [message(1)], 1)
    assert found.url.endswith("?v=1&token=***")


def test_what_cannot_be_known_is_said():
    target = ", history: server, reply: {text: answer, conversation id: id}, hooks: [audit]"
    body = ', body: {text: "$message", id: "$conversation_id"}'
    found, made = sent(a_plan(target, body=body), [message(1), message(2)], 2)
    assert made == {"text": "question 2", "id": UNKNOWN_ID}
    assert len(found.doubts) == 2
    assert "audit" in found.doubts[0]
    assert sent(a_plan(target, body=body), [message(1)], 1)[1] == {"text": "question 1"}


def test_a_system_prompt_that_names_the_moment_is_shown_as_it_is_written():
    plan = plan_of(SCENARIO.format(target="", more="").replace("{{ mood }}", "{{ now }}"))
    found, _ = sent(plan, [message(1)], 1)
    assert "now cannot be known" in found.doubts[0]


@pytest.mark.parametrize("items", [[message(1)], [message(1), message(2, said=None)]])
def test_a_turn_that_is_not_there_or_without_its_text_has_none(items: list[dict[str, Any]]):
    with pytest.raises(NotFound):
        sent(a_plan(), items, 2)
