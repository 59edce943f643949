"""Steps and conditions of original files, as steps and expressions of ours."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from krawall.conversation.template import Texts
from krawall.errors import DocumentError
from krawall.plugins.assemble import write_scenario
from krawall.services.imports import Imported, import_original
from krawall.services.original_steps import quoted, with_delays
from krawall.wire.yaml import read, write


def imported(flow: list[Any], **more: Any) -> Imported:
    return import_original(write({"name": "n", "flowConfig": flow, **more}), "file")


def steps(found: Imported) -> Any:
    return read(write_scenario(found.scenario), "ours").data["steps"]  # type: ignore[index, call-overload]


def refused(text: str) -> DocumentError:
    with pytest.raises(DocumentError) as caught:
        import_original(text, "old.yaml")
    return caught.value


def say(text: str) -> dict[str, Any]:
    return {"type": "message", "content": text}


def test_the_last_message_of_the_flow_has_no_delay_after_it() -> None:
    flow = [say("a"), {"type": "conditional", "condition": "length>3", "thenSteps": [say("b"), say("c")]}]
    assert steps(imported(flow, delayBetweenMs=5)) == [
        {"message": "a"},
        {"delay": "5ms"},
        {"conditional": "reply|length > 3", "then": [{"message": "b"}, {"delay": "5ms"}, {"message": "c"}]},
    ]


_MESSAGES = st.just({"message": "m"})
_FLOWS = st.recursive(
    st.lists(_MESSAGES | st.just({"delay": "1s"}), max_size=3),
    lambda inner: st.lists(
        _MESSAGES
        | st.builds(lambda steps: {"loop": 2, "steps": steps}, inner)
        | st.builds(lambda then, other: {"if": "x", "then": then, "else": other}, inner, inner),
        max_size=3,
    ),
    max_leaves=8,
)


@given(_FLOWS)
def test_any_two_messages_have_a_delay_between_them(flow: list[dict[str, Any]]) -> None:
    for lane in ("then", "else"):
        played = _played(with_delays(flow, "7ms", False), lane)
        assert "mm" not in "".join(played).replace("d", "")
        assert "".join(played).replace("p", "") == "".join(_played(flow, lane))
        assert "".join(played).count("p") <= "".join(played).count("m")


def _played(flow: list[dict[str, Any]], lane: str) -> list[str]:
    out: list[str] = []
    for step in flow:
        if "message" in step:
            out.append("m")
        elif "delay" in step:
            out.append("p" if step["delay"] == "7ms" else "d")
        elif "loop" in step:
            out += _played(step["steps"], lane) * step["loop"]
        else:
            out += _played(step.get(lane, []), lane)
    return out


class _Reply:
    """A scope that knows the last reply alone."""

    def __init__(self, reply: str) -> None:
        self.reply = reply

    def lookup(self, name: str) -> object:
        return self.reply


def holds(condition: str, reply: str) -> object:
    (branch,) = steps(imported([{"type": "conditional", "condition": condition, "thenSteps": [say("yes")]}]))
    texts = Texts("jinja")
    assert texts.add("here", branch["conditional"], True, ()) == []
    return texts.evaluate(branch["conditional"], _Reply(reply))


@pytest.mark.parametrize(
    ("condition", "reply", "expected"),
    [
        ("contains:Parcel", "your PARCEL is here", True),
        ("contains:Parcel", "nothing", False),
        ("contains:ÄRGER", "viel ärger", True),
        ("response.contains('It\\'s \"here\"')", 'it\'s "HERE" now', True),
        ('response.contains("late")', "Late again", True),
        ("contains:a\\b'c", "A\\B'C", True),
        ("equals:Yes", "Yes", True),
        ("equals:Yes", "yes", False),
        ("length>3", "four", True),
        ("length > 4", "four", False),
        ("length<5", "four", True),
        ("length<4", "four", False),
    ],
)
def test_conditions(condition: str, reply: str, expected: bool) -> None:
    assert holds(condition, reply) is expected


@given(st.text(max_size=20).filter(lambda text: "{{" not in text), st.text(max_size=10))
@settings(deadline=None, max_examples=25)
def test_a_text_in_a_condition_is_a_text_whatever_is_in_it(text: str, around: str) -> None:
    assert holds(f"equals:{text}", text) is True
    assert holds(f"equals:{text}", text + "x") is False
    assert holds(f"contains:{text}", around + text + around) is True


@given(st.text(max_size=40))
def test_a_quoted_text_is_that_text(text: str) -> None:
    texts = Texts("jinja")
    assert texts.add("here", quoted(text), True, ()) == []
    assert texts.evaluate(quoted(text), _Reply("")) == text


def test_a_regular_expression_becomes_a_set_and_an_if() -> None:
    flow = {"type": "conditional", "condition": r"matches:(\d)?x*", "thenSteps": [say("yes")], "elseSteps": [say("no")]}
    found = imported([say("hi"), flow, flow], messageTemplates={"matched_1": "taken"})
    assert steps(found)[1:3] == [
        {"set": {"matched_2": {"regex": r"(\d)?x*", "default": False}}},
        {"conditional": "matched_2 is not false", "then": [{"message": "yes"}], "else": [{"message": "no"}]},
    ]
    assert "matched_3 is not false" in write_scenario(found.scenario)
    texts = Texts("jinja")
    assert texts.add("here", "matched_2 is not false", True, ("matched_2",)) == []
    # What `set` finds is a text, or None where the first group took no part; only its default is false.
    assert [texts.evaluate("matched_2 is not false", _Value(value)) for value in ("", "1", None, False)] == [
        True,
        True,
        True,
        False,
    ]


class _Value:
    def __init__(self, value: object) -> None:
        self.value = value

    def lookup(self, name: str) -> object:
        return self.value


@pytest.mark.parametrize(
    ("step", "path", "message"),
    [
        ("{type: mesage, content: hi}", "type", "did you mean 'message'?"),
        ("{type: message}", "content", "is missing"),
        ("{type: message, content: hi, message: ho}", "message", "says the same"),
        ("{type: message, content: hi, tone: loud}", "tone", "unknown key 'tone'"),
        ("{type: message, content: [a]}", "content", "must be a text"),
        ("{type: message, content: '{{> part}}'}", "content", "partials"),
        ("{type: message, config: {contents: hi}}", "config.contents", "did you mean 'content'?"),
        ("{type: delay}", "durationMs", "is missing"),
        ("{type: delay, durationMs: soon}", "durationMs", "must be a number"),
        ("{type: loop, steps: [{type: message, content: hi}]}", "iterations", "is missing"),
        ("{type: loop, iterations: 2, steps: []}", "steps", "an empty loop"),
        ("{type: conditional, condition: 'contain:x'}", "condition", "did you mean 'contains:TEXT'?"),
        ("{type: conditional, condition: 'contains:{{x}}'}", "condition", "tags in conditions"),
        ("{type: conditional, condition: 'matches:[a'}", "condition", "not a regular expression"),
        ("hello", "", "a step is a mapping"),
    ],
)
def test_a_step_that_cannot_be_kept_is_refused_at_its_place(step: str, path: str, message: str) -> None:
    error = refused(f"name: n\nflowConfig:\n  - type: message\n    content: hi\n  - {step}\n")
    assert ("flowConfig.1." + path).rstrip(".") in [place.path for place in error.places]
    assert {place.line for place in error.places} == {5}
    assert message in str(error)
