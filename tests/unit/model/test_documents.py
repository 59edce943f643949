"""Documents: the shapes that are refused, short forms, what steps tell of themselves, the session's table."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krawall.errors import DocumentError, Internal
from krawall.model.session import TRANSITIONS, State, advance
from krawall.model.step import count_messages, texts, walk
from krawall.plugins.assemble import expand, read_scenario, write_scenario


def scenario(text: str, name: str = "t"):  # type: ignore[no-untyped-def]
    return read_scenario(f"name: t\n{text}", name)


def wrong(text: str) -> str:
    with pytest.raises(DocumentError) as raised:
        scenario(text)
    return str(raised.value)


def test_short_forms_are_what_they_are_short_for() -> None:
    short = scenario("steps: [hello, {delay: 1s}, {if: 'true', then: [a]}, {loop: 2, steps: [b]}, {end: bye}]")
    long = scenario(
        "steps: [{kind: message, text: hello}, {kind: delay, time: 1s}, {kind: conditional, condition: 'true', then: [a]},"
        " {kind: loop, times: 2, steps: [b]}, {kind: end, because: bye}]"
    )
    assert short == long


def test_a_loop_while_or_over_needs_no_number() -> None:
    made = scenario(
        "steps: [{loop: null, while: turn < 3, steps: [a]}, {loop: {over: 1}, steps: [b]}]".replace(
            "{over: 1}", "null, over: [x, y]"
        )
    )
    assert [step.messages() for step in made.steps] == [(1, 1000), (2, 2)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("steps: []", "at least 1"),
        ("steps: [{dealy: 1s}]", "did you mean 'delay'"),
        ("steps: [{mesage: hi, expect: [{contains: a}]}]", "did you mean 'message'"),
        ("steps: [{kind: mesage}]", "did you mean 'message'"),
        ("steps: [{loop: 2, while: 'true', steps: [a]}]", "exactly one"),
        ("steps: [{message: a, expect: [{contains: a, regex: b}]}]", "exactly one condition"),
        ("steps: [{message: a, expect: [{regex: '('}]}]", "regular expression"),
        ("steps: [a]\nvars: {turn: 1}", "already has a meaning"),
        ("steps: [a]\nload: {users: 2}", "say when it ends"),
        ("steps: [a]\nload: {users: 2, duration: 10s, warm-up: 10s}", "nothing of the timeline"),
        ("steps: [a]\ndata: {rows: []}", "empty"),
        ("steps: [a]\non_error: {breaker: {faults: 9, window: 5}}", "never open"),
        ("steps: [a]\ntarget: {auth: {bearer: secret}}", r"${BOT_KEY}"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_way_out(text: str, words: str) -> None:
    assert words in wrong(text)


def test_walk_and_count_see_every_lane() -> None:
    made = scenario(
        "steps: [a, {loop: 3, steps: [b, {if: 'true', then: [c], else: [d, e]}]}, {choose: [{weight: 3, steps: [f]}, {steps: []}]}]"
    )
    assert [path for path, _ in walk(made.steps)] == [
        "steps.0", "steps.1", "steps.1.loop.0", "steps.1.loop.1", "steps.1.loop.1.then.0", "steps.1.loop.1.else.0",
        "steps.1.loop.1.else.1", "steps.2", "steps.2.0.0",
    ]  # fmt: skip
    assert count_messages(made.steps) == (1 + 3 * 2.5 + 0.75, 1 + 3 * 3 + 1)


def test_texts_and_expressions_are_found_where_they_are() -> None:
    made = scenario(
        "steps: [{message: hi, expect: [{contains: x}, {that: 'true'}]}, {loop: null, over: [p, q], steps: [a]}, {set: {v: {value: '1'}}}]"
    )
    found = [
        (where, text, expression) for path, step in walk(made.steps) for where, text, expression in texts(step, path)
    ]
    assert found == [
        ("steps.0.text", "hi", False),
        ("steps.0.expect.0.contains", "x", False),
        ("steps.0.expect.1.that", "true", True),
        ("steps.1.loop.0.text", "a", False),
        ("steps.2.values.v.value", "1", True),
    ]


_WORDS = st.text("abc {}'\"\\:-#\n٣é", min_size=1, max_size=12)
_LEAF = st.one_of(
    st.builds(lambda text: {"message": text}, _WORDS),
    st.builds(lambda ms: {"delay": f"{ms}ms"}, st.integers(0, 5000)),
    st.builds(lambda text: {"end": text}, _WORDS),
)
_STEP = st.recursive(
    _LEAF,
    lambda inner: st.one_of(
        st.builds(
            lambda n, steps: {"loop": n, "steps": steps}, st.integers(0, 9), st.lists(inner, min_size=1, max_size=3)
        ),
        st.builds(
            lambda a, b: {"if": "turn > 1", "then": a, "else": b},
            st.lists(inner, max_size=2),
            st.lists(inner, max_size=2),
        ),
    ),
    max_leaves=8,
)


@given(
    st.lists(_STEP, min_size=1, max_size=4),
    st.dictionaries(st.sampled_from(["a", "b1", "c_c"]), st.one_of(st.integers(), _WORDS, st.none()), max_size=3),
)
def test_any_scenario_survives_yaml_and_back(steps: list[object], variables: dict[str, object]) -> None:
    from krawall.plugins.assemble import scenario_from

    made = scenario_from({"name": "n", "steps": steps, "vars": variables}, "n")
    assert read_scenario(write_scenario(made), "n") == made


def test_a_step_that_says_the_same_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="say the same thing"):
        expand({"message": "a", "text": "b"})


def test_the_table_has_no_dead_ends_and_no_way_back() -> None:
    reachable = {State.queued}
    for _ in State:
        reachable |= {after for state in reachable for after in TRANSITIONS[state]}
    assert reachable == set(State)
    assert all(
        State.finished in TRANSITIONS[state]
        or any(State.finished in TRANSITIONS[after] for after in TRANSITIONS[state])
        for state in State
        if state is not State.finished
    )
    with pytest.raises(Internal):
        advance(State.finished, State.running)
