"""Names in scope agree with what a plan accepts and with what conversations really have set when they come to a step."""

from __future__ import annotations

import contextlib
from random import Random
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from krawall.conversation.names import STANDARD
from krawall.engine.names import NAMES
from krawall.engine.program import compile_texts
from krawall.plugins import registry
from krawall.plugins.assemble import scenario_from
from krawall.services.draft import Draft
from krawall.services.scope import names_at
from krawall.wire.yaml import read

HEAD = {
    "name": "scope",
    "vars": {"greeting": "Good morning", "city": {"any of": ["Lyon", "Kyoto"]}},
    "data": {"rows": [{"order": "PX-1", "first name": "Ada"}]},
}
SETS = st.sampled_from("abcd").map(lambda name: {"set": {name: {"value": "turn"}}})


def lanes(inner):
    steps = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(
        st.builds(
            lambda then, other: {"conditional": "turn > 1", "then": then, "else": other},
            steps,
            st.lists(inner, max_size=2),
        ),
        st.builds(lambda times, body: {"loop": times, "steps": body}, st.integers(0, 2), steps),
        st.builds(lambda body: {"loop": None, "while": "turn > 1", "steps": body}, steps),
        st.builds(lambda one, two: {"choose": [{"weight": 2, "steps": one}, {"steps": two}]}, steps, steps),
    )


LEAVES = st.one_of(
    SETS, SETS, st.just({"message": "hello"}), st.sampled_from(["loop", "over"]).map(lambda why: {"end": why})
)
STEPS = st.lists(st.recursive(LEAVES, lanes, max_leaves=12), min_size=1, max_size=5)


def at(body, step):
    return {name.name: name for name in names_at(Draft.of(body), step)}


class Gone(Exception):
    """The conversation ended."""


class Broken(Exception):
    """The innermost loop ended."""


def play(steps, rng, have, seen):
    """Play steps as an engine would, by chance where it would look; note what has a value when a step is come to."""
    for node in steps:
        seen.append((node.id, frozenset(have)))
        if node.kind == "set":
            have.update(node.fields["values"])
        elif node.kind == "end":
            raise Broken if node.fields["because"] == "loop" else Gone
        elif node.kind == "loop":
            passes = node.fields["times"] if "times" in node.fields else rng.randrange(3)
            try:
                for _ in range(passes):
                    play(node.lanes[0].steps, rng, have, seen)
            except Broken:
                pass
        elif node.lanes:
            play(rng.choice(node.lanes).steps, rng, have, seen)


@given(STEPS, st.integers(0, 2**32))
def test_what_is_told_is_what_conversations_have(steps, seed):
    draft, rng = Draft.of({"name": "x", "steps": steps}), Random(seed)
    told = {
        node.id: {name.name: name.maybe for name in names_at(draft, node.id) if name.origin == "set"}
        for node, _, _, _ in draft.walk()
    }
    for _ in range(8):
        seen: list[tuple[str, frozenset[str]]] = []
        with contextlib.suppress(Gone, Broken):
            play(draft.root.steps, rng, set(), seen)
        for id, have in seen:
            certain = {name for name, maybe in told[id].items() if not maybe}
            assert certain <= have <= told[id].keys()


def refused(body, names):
    """Return the names that a plan does not take, each used by an expression. The place of a step does not matter to it."""
    probes = [{"conditional": name} for name in names]
    scenario = scenario_from({**body, "steps": [*body["steps"], *probes]}, "scope")
    rows = scenario.data.rows if scenario.data else None
    places = compile_texts(scenario, sorted(rows[0]) if rows else None)[1]
    return {names[int(place.path.split(".")[1]) - len(body["steps"])] for place in places}


@settings(max_examples=40)
@given(STEPS)
def test_a_plan_accepts_every_name_and_refuses_what_nobody_sets(steps):
    body = {**HEAD, "steps": steps}
    draft = Draft.of(body)
    nodes = [node for node, _, _, _ in draft.walk()]
    offered = {name.name for node in nodes for name in names_at(draft, node.id)}
    nowhere = set("abcd").difference(*(node.fields.get("values", ()) for node in nodes))
    assert refused(body, sorted({*offered, *"abcd", "data.nothing"})) == {*nowhere, "data.nothing"}


@pytest.mark.parametrize("template", registry.names("templates"))
def test_every_name_that_a_template_uses_is_told_at_its_step(template):
    body = read(registry.data_text("templates", template), template).data
    draft, scenario = Draft.of(body), scenario_from(body, template)
    texts, _ = compile_texts(scenario, sorted(scenario.data.rows[0]) if scenario.data and scenario.data.rows else None)
    for node, _, _, _ in draft.walk():
        known = {name.name.partition(".")[0] for name in names_at(draft, node.id)}
        for text in _texts(node.fields):
            assert set(texts.names(text)) <= known, (node.id, text)


def _texts(value):
    if isinstance(value, str):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _texts(inner)


def test_names_have_a_sample_and_a_source():
    steps = [
        {"set": {"ticket": {"json": "$.ticket.id"}}},
        {"loop": None, "over": ["red", "blue"], "steps": ["{{ loop.item }}"]},
        {"if": "turn > 1", "then": [{"set": {"late": {"text": "x"}}}], "else": []},
        "last",
    ]
    found = at({**HEAD, "steps": steps}, "s6")
    assert found["city"].sample == "Lyon, Kyoto"
    assert found["data.order"].sample == "PX-1"
    assert found["data['first name']"].sample == "Ada"
    assert (found["ticket"].about, found["ticket"].step) == ("set from the reply, read as JSON: $.ticket.id", "s1")
    assert (found["ticket"].maybe, found["late"].maybe) == (False, True)
    assert "loop.item" not in found
    inside = at({**HEAD, "steps": steps}, "s3")
    assert inside["loop.item"].sample == "red, blue"
    assert "late" not in inside


def test_a_variable_that_a_step_sets_again_has_a_value_from_the_start():
    body = {
        "name": "x",
        "vars": {"asked": 0},
        "steps": [{"loop": 2, "steps": [{"set": {"asked": {"value": "asked + 1"}}}]}],
    }
    assert at(body, "s2")["asked"].maybe is False


def test_the_system_prompt_knows_no_step():
    found = at({**HEAD, "steps": [{"set": {"a": {"value": "1"}}}]}, "")
    assert "a" not in found
    assert "greeting" in found


def test_the_words_of_the_original_are_told_where_they_are_known():
    found = at({"name": "x", "language": "handlebars", "steps": ["hi"]}, "s1")
    assert found["messageIndex"].only_texts
    assert "rng.int(1, 6)" not in found
    assert "messageIndex" not in at({"name": "x", "steps": ["hi"]}, "s1")


def test_what_a_loop_and_usage_hold_is_what_the_engine_gives():
    body = {"name": "x", "steps": [{"loop": None, "over": ["a"], "steps": ["hi"]}]}
    usage = SimpleNamespace(tokens_in=1, tokens_out=1, cached=0, reasoning=0, cost_pico=1)
    talk = SimpleNamespace(loops=[(1, "a", 1)], usage=usage)
    found = at(body, "s2")
    for top in ("loop", "usage"):
        assert {name.partition(".")[2] for name in found if name.startswith(f"{top}.")} == NAMES[top](talk).keys()


def test_every_standard_name_is_told_where_it_means_something():
    body = {**HEAD, "env": ["HOME"], "steps": [{"loop": 1, "steps": ["hi"]}]}
    tops = {name.partition(".")[0].partition("[")[0] for name in at(body, "s2")}
    assert set(STANDARD) - {"var"} <= tops


@pytest.mark.parametrize(
    "head", [{"vars": [1]}, {"vars": {"a b": 1, "turn": 2}}, {"data": "x"}, {"data": {"rows": ["x"]}}, {"env": 3}]
)
def test_a_draft_that_is_wrong_has_names_all_the_same(head):
    assert {"reply", "turn"} <= at({"name": "x", **head, "steps": [{"set": "nothing"}, "hi"]}, "s2").keys()
