"""Original files: what they become, what is said about it, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from krawall.conversation.names import ORIGINAL_NAMES
from krawall.engine.program import compile_texts
from krawall.errors import DocumentError
from krawall.model.exchange import FaultKind
from krawall.model.scenario import Category
from krawall.model.step import count_messages
from krawall.plugins.assemble import read_scenario, write_scenario
from krawall.services.imports import Imported, import_original, is_original
from krawall.wire.yaml import read, write

PARCEL = """\
name: Parcel helpdesk
description: Asks about a late parcel and follows up by branch
category: LOGIC
flowConfig:
  - id: s1
    type: message
    config: { content: "{{opening}} My reference is {{messageIndex}}." }
    next: s2
  - id: s2
    type: delay
    config: { durationMs: 150 }
  - id: s3
    type: conditional
    config:
      condition: "contains:reference"
      thenSteps:
        - { id: s3a, type: message, config: { content: "You said: {{lastResponse}}" } }
      elseSteps:
        - { id: s3b, type: message, config: { content: "{{#if lastResponse}}Look again.{{else}}Anybody?{{/if}}" } }
  - id: s4
    type: loop
    config:
      iterations: 3
      bodySteps:
        - { id: s4a, type: message, config: { content: "Follow-up {{index}}: any news?" } }
repetitions: 2
concurrency: 2
delayBetweenMs: 100
verbosityLevel: normal
messageTemplates:
  opening: "Good morning, my parcel is late."
"""
SUMS = """\
name: Quick sums
category: PERFORMANCE
flowConfig:
  - type: loop
    iterations: 5
    steps:
      - { type: message, content: "What is {{index}} plus {{index}}?" }
  - { type: message, content: "Thank you, that was message {{messageIndex}}." }
repetitions: 1
concurrency: 3
delayBetweenMs: 0
verbosityLevel: minimal
messageTemplates: {}
errorHandling:
  onError: retry
  retryConfig: { maxRetries: 2, delayMs: 200, backoffMultiplier: 2, maxDelayMs: 1000 }
  statusCodeRules:
    - { codes: [429], action: retry, retryConfig: { maxRetries: 4, delayMs: 500 } }
    - { codes: [401, 403], action: abort }
"""


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


def test_the_nested_shape() -> None:
    found = import_original(PARCEL, "parcel.yaml")
    scenario = found.scenario
    assert scenario.name == "Parcel helpdesk"
    assert scenario.category is Category.logic
    assert scenario.language == "handlebars"
    assert scenario.vars == {"opening": "Good morning, my parcel is late."}
    assert scenario.load is not None
    assert (scenario.load.model, scenario.load.peak_users, scenario.load.conversations) == ("closed", 2, 2)
    pause = {"delay": "100ms"}
    assert steps(found) == [
        {
            "loop": 2,
            "steps": [
                {"message": "{{opening}} My reference is {{messageIndex}}."},
                pause,
                {"delay": "150ms"},
                {
                    "conditional": "'reference' in reply|lower",
                    "then": [{"message": "You said: {{lastResponse}}"}, pause],
                    "else": [{"message": "{{#if lastResponse}}Look again.{{else}}Anybody?{{/if}}"}, pause],
                },
                {"loop": 3, "steps": [{"message": "Follow-up {{index}}: any news?"}, pause]},
            ],
        }
    ]
    assert count_messages(scenario.steps) == (10, 10)
    told = " ".join(found.changes)
    for word in (
        "Handlebars",
        "'LOGIC'",
        "opening",
        "normal",
        "contains:reference",
        "repetitions: 2",
        "100ms",
        "2 virtual users",
    ):
        assert word in told
    assert "`id` and `next`" in told


def test_the_flat_shape_with_its_error_handling() -> None:
    found = import_original(SUMS, "sums.yaml")
    assert steps(found) == [
        {"loop": 5, "steps": [{"message": "What is {{index}} plus {{index}}?"}]},
        {"message": "Thank you, that was message {{messageIndex}}."},
    ]
    busy, denied, rest = found.scenario.on_error.rules
    assert (busy.status, busy.do, busy.max, busy.wait, busy.factor, busy.cap) == (
        [429],
        "retry",
        4,
        500_000_000,
        1.5,
        30 * 10**9,
    )
    assert (denied.status, denied.do) == ([401, 403], "abort")
    assert (rest.status, rest.kind, rest.do, rest.max, rest.wait, rest.cap) == ([], [], "retry", 2, 200_000_000, 10**9)
    assert {rule.jitter for rule in (busy, rest)} == {0}
    assert "minimal" in " ".join(found.changes)


@pytest.mark.parametrize("text", [PARCEL, SUMS])
def test_what_comes_out_compiles_and_survives_yaml(text: str) -> None:
    scenario = import_original(text, "file").scenario
    assert compile_texts(scenario)[1] == []
    assert read_scenario(write_scenario(scenario), "again") == scenario


def test_an_original_file_is_known_by_its_flow() -> None:
    assert is_original({"flowConfig": []})
    assert not is_original({"name": "ours", "steps": []})
    assert not is_original(["flowConfig"])
    assert "this is no scenario of the original" in str(refused("name: x\nsteps: [hello]\n"))


@pytest.mark.parametrize(
    ("said", "ours"),
    [
        ("STRESS_TEST", Category.stress),
        ("EDGE_CASE", Category.edge_case),
        ("CONTEXT", Category.context),
        ("PERFORMANCE", Category.performance),
        ("LOGIC", Category.logic),
        ("KRAWALL", Category.cost),
        ("ATTACK_SURFACE", Category.attack_surface),
        ("my own words", Category.other),
    ],
)
def test_categories(said: str, ours: Category) -> None:
    found = imported([say("hello")], category=said)
    assert found.scenario.category is ours
    assert any(repr(said) in change for change in found.changes)


@pytest.mark.parametrize("level", ["minimal", "basic", "normal", "verbose", "extreme"])
def test_verbosity_is_a_suffix_of_every_message_for_two_levels_only(level: str) -> None:
    found = imported([say("{{a}} hi"), {"type": "loop", "iterations": 2, "steps": [say("ho")]}], verbosityLevel=level)
    first, loop = steps(found)
    assert first["message"].startswith("{{a}} hi")
    more = level in ("verbose", "extreme")
    assert (first["message"] != "{{a}} hi") == more
    assert (loop["steps"][0]["message"] != "ho") == more
    assert any(f"verbosityLevel: {level}" in change for change in found.changes)


@pytest.mark.parametrize("times", [1, 3])
def test_the_repetition_index_counts_the_passes(times: int) -> None:
    found = imported([say("pass {{repetitionIndex}}")], repetitions=times)
    assert found.scenario.vars == {"repetitionIndex": 0}
    assert compile_texts(found.scenario)[1] == []
    inner = [{"set": {"repetitionIndex": {"value": "loop.index - 1"}}}, {"message": "pass {{repetitionIndex}}"}]
    assert steps(found) == ([{"loop": 3, "steps": inner}] if times == 3 else inner[1:])


@pytest.mark.parametrize(
    ("handling", "default", "rules"),
    [
        ({"onError": "skip"}, "skip", []),
        ({"onError": "abort"}, "abort", []),
        ({"onError": "retry", "retryConfig": {"maxRetries": 0}}, "skip", []),
        ({"onError": "retry"}, None, [("retry", 3, 1000)]),
        ({"statusCodeRules": [{"codes": [503], "action": "skip"}]}, None, [("skip", 3, 500)]),
        (
            {
                "onError": "abort",
                "retryConfig": {"delayMs": 7},
                "statusCodeRules": [{"codes": [500], "action": "retry"}],
            },
            "abort",
            [("retry", 3, 7)],
        ),
    ],
)
def test_error_handling(handling: dict[str, Any], default: str | None, rules: list[tuple[str, int, int]]) -> None:
    policy = imported([say("hi")], errorHandling=handling).scenario.on_error
    assert policy.default == default
    assert [(rule.do, rule.max, rule.wait // 1_000_000) for rule in policy.rules] == rules
    assert all(kind in FaultKind for rule in policy.rules for kind in rule.kind)


@pytest.mark.parametrize(
    ("line", "text", "path", "message"),
    [
        (1, "nam: x\n", "nam", "unknown key 'nam'; did you mean 'name'?"),
        (3, "concurrency: 0\n", "concurrency", "whole number of 1"),
        (3, "repetitions: 1.5\n", "repetitions", "whole number of 1"),
        (3, "delayBetweenMs: -1\n", "delayBetweenMs", "number of 0 or more"),
        (3, "verbosityLevel: verbos\n", "verbosityLevel", "did you mean 'verbose'?"),
        (4, "messageTemplates:\n  lastResponse: hm\n", "messageTemplates.lastResponse", "already has a meaning"),
        (4, "messageTemplates:\n  my-name: hm\n", "messageTemplates.my-name", "letters, digits and _ only"),
        (4, "errorHandling:\n  onErr: skip\n", "errorHandling.onErr", "did you mean 'onError'?"),
        (4, "errorHandling:\n  onError: retri\n", "errorHandling.onError", "did you mean 'retry'?"),
        (
            5,
            "errorHandling:\n  statusCodeRules:\n    - {codes: [99], action: skip}\n",
            "errorHandling.statusCodeRules.0.codes.0",
            "no status code",
        ),
        (
            5,
            "errorHandling:\n  retryConfig:\n    maxRetrys: 1\n",
            "errorHandling.retryConfig.maxRetrys",
            "'maxRetries'",
        ),
    ],
)
def test_what_cannot_be_kept_is_refused_at_its_place(line: int, text: str, path: str, message: str) -> None:
    base = "name: n\nflowConfig: [{type: message, content: hi}]\n"
    if path.startswith("errorHandling.retryConfig"):
        text += "  onError: retry\n"
    error = refused(text + base if line == 1 else base + text)
    assert [(place.path, place.line) for place in error.places][-1 if line > 1 else 0] == (path, line)
    assert message in str(error)


def test_all_errors_are_told_at_once() -> None:
    error = refused("flowConfig:\n  - {type: message}\n  - {type: delay}\nconcurrency: many\nrepeat: 2\n")
    assert [place.line for place in error.places] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    "handling",
    [
        {"onError": "skip", "retryConfig": {"maxRetries": 2}},
        {"statusCodeRules": [{"codes": [401], "action": "abort", "retryConfig": {"maxRetries": 2}}]},
    ],
)
def test_a_retry_configuration_that_nothing_uses_is_not_lost_silently(handling: dict[str, Any]) -> None:
    assert any(
        "`retryConfig` is left out" in change for change in imported([say("hi")], errorHandling=handling).changes
    )


def test_a_name_that_nobody_knows_is_told() -> None:
    found = imported(
        [say("Dear {{customer}}, {{#each history}}{{role}}{{/each}}"), say("Dear {{ customer }}, {{timestamp}}")]
    )
    assert [change for change in found.changes if "nothing is called" in change] == [
        "flowConfig.1.content: nothing is called `customer`; it stays empty."
    ]


_CONTENT = st.text(
    alphabet=st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="{}\\"), max_size=20
) | st.sampled_from(
    [
        "{{lastResponse}}",
        "{{{response}}} {{index}}",
        "{{#if response}}a{{else}}b{{/if}}",
        "{{greet}}",
        "{{repetitionIndex}}",
        "{{randomInt}}",
    ]
)
_CONDITION = st.sampled_from(
    ["contains:x", "equals:it's", "length>10", "length<3", "matches:a+", 'response.contains("y")']
)
_SAY = st.builds(say, _CONTENT) | st.builds(
    lambda text: {"id": "s", "type": "message", "config": {"message": text}}, _CONTENT
)
_WAIT = st.builds(lambda ms: {"type": "delay", "durationMs": ms}, st.integers(0, 10_000))
_FLOW = st.recursive(
    st.lists(_SAY | _WAIT, min_size=1, max_size=3),
    lambda inner: st.lists(
        _SAY
        | st.builds(
            lambda n, body: {"type": "loop", "config": {"iterations": n, "bodySteps": body}}, st.integers(0, 9), inner
        )
        | st.builds(
            lambda c, a, b: {"type": "conditional", "condition": c, "thenSteps": a, "elseSteps": b},
            _CONDITION,
            inner,
            inner,
        ),
        min_size=1,
        max_size=3,
    ),
    max_leaves=6,
)
_EXTRAS = st.fixed_dictionaries(
    {},
    optional={
        "description": _CONTENT,
        "category": st.sampled_from(["LOGIC", "KRAWALL", "whatever"]),
        "repetitions": st.integers(1, 5),
        "concurrency": st.integers(1, 50),
        "delayBetweenMs": st.integers(0, 2000),
        "verbosityLevel": st.sampled_from(["minimal", "verbose", "extreme"]),
        "messageTemplates": st.just({"greet": "Hello {{x}}"}),
        "errorHandling": st.sampled_from(
            [{"onError": "skip"}, {"onError": "retry", "retryConfig": {"backoffMultiplier": 1.25}}]
        ),
    },
)


@given(_FLOW, _EXTRAS)
@settings(deadline=None, max_examples=25)
def test_whatever_is_imported_compiles_and_survives_yaml(flow: list[Any], extras: dict[str, Any]) -> None:
    found = imported(flow, **extras)
    assert compile_texts(found.scenario)[1] == []
    assert read_scenario(write_scenario(found.scenario), "again") == found.scenario
    told = " ".join(found.changes)
    for key in ("verbosityLevel", "messageTemplates", "concurrency"):
        assert key not in extras or key in told
    for content in _contents(flow):
        assert content in str(steps(found)) or repr(content)[1:-1] in str(steps(found))


def _contents(value: Any) -> list[str]:
    if isinstance(value, list):
        return [text for inner in value for text in _contents(inner)]
    if isinstance(value, dict):
        own = [value[key] for key in ("content", "message") if isinstance(value.get(key), str)]
        return own + [text for inner in value.values() for text in _contents(inner)]
    return []


def test_the_guide_tells_of_every_name_that_texts_of_the_original_have() -> None:
    guide = (Path(__file__).parents[3] / "docs" / "guide" / "importing.md").read_text(encoding="utf-8")
    assert [name for name in ORIGINAL_NAMES if f"`{name}`" not in guide] == []
