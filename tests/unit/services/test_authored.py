"""Authored documents: every place that is wrong, with its line; what is right is kept as it was written."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krawall.errors import DocumentError, NotFound
from krawall.guard.hosts import AddressClass
from krawall.model.kept import DocumentKind
from krawall.plugins import registry
from krawall.services.authored import KINDS, House, name_problems, reachable, read_authored

SCENARIO, TARGET, WEBHOOK = DocumentKind.scenario, DocumentKind.target, DocumentKind.webhook
HOUSE = House()
ECHO = {"connector": "echo"}
HOOK = {"name": "ops", "url": "https://example.com/hook", "events": ["session.*"]}


def wrong(kind: DocumentKind, given: Any, house: House = HOUSE, **names: Any) -> list[tuple[str, int | None]]:
    with pytest.raises(DocumentError) as raised:
        read_authored(kind, given, house, **names)
    return [(place.path, place.line) for place in raised.value.places]


@pytest.mark.parametrize("name", registry.names("templates"))
def test_every_template_is_right_and_kept_as_it_was_written(name):
    from krawall.wire.yaml import read

    text = registry.data_text("templates", name)
    made = read_authored(SCENARIO, text, HOUSE)
    assert made.body == read(text, name).data
    assert made.name == made.body["name"]


def test_every_mistake_in_a_scenario_is_named_with_its_line():
    text = """name: a
steps:
  - hello
  - message: '{{ loop.'
  - message: bye
    expect: [{that: "usage.input <"}]
target: {preset: nonsense}
data: {file: rows.csv}
env: [HOME]
thresholds: [p95(nonsense) < 1s]
"""
    found = dict(wrong(SCENARIO, text))
    assert {path.split(".")[0] for path in found} == {"steps", "target", "data", "env", "thresholds"}
    assert found["data.file"] == 8
    assert found["env.0"] == 9
    assert found["target.preset"] == 7
    assert list(found.values()) == sorted(found.values())


def test_a_wrong_shape_does_not_hide_what_a_server_refuses():
    found = wrong(SCENARIO, "name: a\nsteps: [{mesage: x}]\ndata: {file: rows.csv}\nenv: [HOME]\n")
    assert found == [("steps.0", 2), ("data.file", 3), ("env.0", 4)]


def test_variables_that_the_settings_allow_are_allowed():
    body = {"name": "a", "steps": ["hello {{ env.REGION }}"], "env": ["REGION"]}
    assert read_authored(SCENARIO, body, House(("REGION",))).body == body
    assert wrong(SCENARIO, body) == [("env.0", None)]


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ({"preset": "custom-http"}, "url"),
        ({"preset": "mock", "url": "http://127.0.0.1/", "ulr": 1}, "ulr"),
        ({"preset": "nonsense", "url": "http://127.0.0.1/"}, "preset"),
        ({"connector": "nonsense", "url": "http://127.0.0.1/"}, "connector"),
        ({"connector": "echo", "options": {"fail every": -1}}, "options.fail every"),
        ({"preset": "mock", "url": "http://0x7f.1/"}, "url"),
        ({"preset": "mock", "url": "http://user@host/"}, "url"),
        ({"preset": "mock", "url": "http://127.0.0.1/", "ca file": "/etc/x.pem"}, "ca file"),
        ({"preset": "mock", "url": "http://127.0.0.1/", "headers": {"authorization": "secret"}}, ""),
        ({"preset": "mock", "url": "http://127.0.0.1/", "reply": {"text": "a[["}}, "reply"),
        ({**ECHO, "kind": "scenario"}, "kind"),
        ({**ECHO, "body": {"a": "x\0"}}, "body.a"),
        ({**ECHO, "body": 2**64}, "body"),
    ],
)
def test_a_wrong_target_says_where(target, path):
    assert [place for place, _ in wrong(TARGET, target, name="bot")] == [path]


def test_an_unknown_key_of_a_target_names_the_nearest_word():
    with pytest.raises(DocumentError, match="did you mean 'url'"):
        read_authored(TARGET, {"ulr": "http://127.0.0.1/"}, HOUSE, name="bot")


def test_a_target_says_where_it_is():
    made = read_authored(TARGET, {"preset": "mock", "url": "http://LOCALHOST:8010/x", "name": "bot"}, HOUSE)
    assert made.site is not None
    assert (made.name, made.site.host, made.body) == (
        "bot",
        "localhost",
        {"preset": "mock", "url": "http://LOCALHOST:8010/x"},
    )
    assert read_authored(TARGET, {**ECHO, "name": "bot"}, HOUSE).site is None
    hidden = {"preset": "mock", "url": "http://${HOST}.example.com/"}
    assert read_authored(TARGET, hidden, HOUSE, name="bot").site is None


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"url": "ftp://example.com/"}, "url"),
        ({"url": "https://user:pw@example.com/"}, "url"),
        ({"events": ["session.nonsense"]}, "events"),
        ({"events": []}, "events"),
        ({"evnts": []}, "evnts"),
        ({"enabled": "perhaps"}, "enabled"),
    ],
)
def test_a_wrong_webhook_says_where(change, path):
    assert [place for place, _ in wrong(WEBHOOK, {**HOOK, **change})] == [path]


def test_webhooks_to_private_addresses_are_refused_where_it_is_known_that_they_may_not():
    body = {**HOOK, "url": "http://127.0.0.1:9/"}
    assert wrong(WEBHOOK, body, House((), False)) == [("url", None)]
    assert read_authored(WEBHOOK, body, House((), True)).body == body
    assert wrong(WEBHOOK, {**HOOK, "url": "http://169.254.169.254/"}, House((), True)) == [("url", None)]


@pytest.mark.parametrize("kind", list(AddressClass))
def test_only_public_addresses_and_private_ones_on_demand_are_reachable(kind):
    assert reachable(kind, False) == (kind is AddressClass.PUBLIC)
    assert reachable(kind, True) == (kind in (AddressClass.PUBLIC, AddressClass.PRIVATE, AddressClass.LOOPBACK))


@pytest.mark.parametrize(
    "name", [None, 3, "", " a", "a ", "a\nb", "a\0", "\ud800", "x" * 201, "template:a", "tgt_01jd3x8k2v7q9m4tzabcde"]
)
def test_names_that_cannot_be(name):
    assert [place.path for place in name_problems(name)] == ["name"]


@given(st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=200))
def test_names_of_letters_in_any_script_can_be(name):
    assert name_problems(name) == [] or name.startswith("template:")


def test_the_name_that_is_given_takes_the_place_of_the_one_inside():
    assert read_authored(WEBHOOK, HOOK, HOUSE, name="other").body == {**HOOK, "name": "other"}
    assert read_authored(WEBHOOK, HOOK, HOUSE, otherwise="other").body == HOOK
    nameless = {key: value for key, value in HOOK.items() if key != "name"}
    assert read_authored(WEBHOOK, nameless, HOUSE, otherwise="other").body == {"name": "other", **nameless}
    assert wrong(WEBHOOK, nameless) == [("name", None)]


@pytest.mark.parametrize("kind", [kind for kind in DocumentKind if kind not in KINDS])
def test_kinds_without_a_model_are_not_kept(kind):
    with pytest.raises(NotFound):
        read_authored(kind, {"name": "a"}, HOUSE)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("text", ["", "[]", "a", "- a", "null", "3", "{", "a: 1\na: 2", "--- a\n--- b", "!!python/x 1"])
def test_what_is_no_mapping_is_no_document(kind, text):
    assert wrong(kind, text)


@given(
    st.sampled_from(KINDS),
    st.dictionaries(
        st.sampled_from(
            ["name", "steps", "url", "preset", "connector", "events", "load", "target", "auth", "vars", "data", "kind"]
        ),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
            max_leaves=6,
        ),
    ),
)
def test_whatever_is_given_is_a_document_or_an_error_with_places(kind, body):
    found = None
    try:
        read_authored(kind, body, HOUSE)
    except DocumentError as error:
        found = error.places
    assert found is None or found
    for place in found or ():
        place.path.encode()
        place.message.encode()
