"""The settings of a scenario go through their form and come back as they were."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from krawall.metrics.catalog import METRICS
from krawall.metrics.rule import parse
from krawall.model.scenario import Scenario
from krawall.plugins import registry
from krawall.plugins.assemble import scenario_from
from krawall.services.draft import Draft
from krawall.web.pages.builder_head_shapes import HEAD, SECTIONS
from krawall.web.pages.builder_limits import example, functions
from krawall.web.pages.builder_rows import Rows
from krawall.web.pages.builder_settings import head_fields, head_texts, with_head
from krawall.web.pages.builder_shapes import OneOf, Record
from krawall.wire.yaml import read

EXAMPLES = sorted(Path(__file__).resolve().parents[3].glob("examples/*.yaml"))
WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\x00"), max_size=10)
SCALARS = st.one_of(
    WORDS,
    st.integers(-9, 10**6),
    st.booleans(),
    st.floats(0, 2, width=16),
    st.sampled_from(["30s", "5/s", "2 USD", "", "7"]),
)
ODD = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(WORDS, inner, max_size=2), max_leaves=4
)


def values(shape):
    """Return values that mostly have a shape."""
    if isinstance(shape, Record):
        keys = {part.key: values(part.shape) | ODD for part in shape.parts}
        if isinstance(shape.one_of, OneOf):
            keys |= {way.key: values(way.shape) | ODD for way in shape.one_of.ways}
        return st.fixed_dictionaries({}, optional=keys)
    if isinstance(shape, Rows):
        return st.lists(values(shape.of), max_size=3)
    return ODD


HEADS = st.fixed_dictionaries(
    {"name": WORDS},
    optional={part.key: values(part.shape) for part in HEAD.parts if part.key != "name"} | {
        "odd": ODD,
        "vars": st.dictionaries(WORDS, SCALARS | st.lists(SCALARS, max_size=3).map(lambda all: {"any of": all}), max_size=3),
        "data": st.fixed_dictionaries({}, optional={"rows": st.lists(st.fixed_dictionaries({"a": SCALARS, "b c": SCALARS}), max_size=3), "pick": WORDS}),
        "thresholds": st.lists(st.sampled_from(["p95(ttft) < 800ms", "rate(errors)<1%", "rate(checks) > 99%, abort after 30s", "x"]), max_size=3),
    },
)  # fmt: skip


def back(head):
    return {key: value for key, value in head_fields(head_texts(head)).items() if value is not None}


@settings(max_examples=40)
@given(HEADS)
def test_settings_come_back_as_they_were(head):
    assert back(head) == head


@pytest.mark.parametrize(
    "text",
    [
        *(registry.data_text("templates", name) for name in registry.names("templates")),
        *(path.read_text() for path in EXAMPLES),
    ],
    ids=[*registry.names("templates"), *(path.stem for path in EXAMPLES)],
)
def test_templates_and_examples_come_back_and_only_targets_need_yaml(text):
    body = read(text, "scenario").data
    head = Draft.of(body).head
    assert back(head) == head
    rest = read(head_texts(head).get("rest", "{}"), "rest").data
    assert rest.keys() <= {"target"}
    assert with_head(Draft.of(body), head_texts(head)).body() == Draft.of(body).body()


def test_every_key_of_a_scenario_is_asked_for_in_a_section():
    known = {field.alias or name for name, field in Scenario.model_fields.items()}
    in_sections = [key for _, _, _, keys in SECTIONS for key in keys]
    assert sorted([*in_sections, "krawall", "steps"]) == sorted(known)
    assert {part.key for part in HEAD.parts} == known - {"steps"}


def form_of(head, **typed):
    return {**head_texts(head), **{name.replace("__", "."): text for name, text in typed.items()}}


@pytest.mark.parametrize("way", ["users", "user-stages", "rate", "rate-stages"])
def test_every_kind_of_load_that_is_chosen_is_one_that_plays(way):
    head = {"name": "x", "load": {"users": 2, "conversations": 5}}
    load = head_fields(form_of(head, load__what=way))["load"]
    assert scenario_from({"name": "x", "load": load, "steps": ["hi"]}, "x").load is not None


def test_no_load_is_chosen_by_leaving_it_out():
    assert head_fields(form_of({"name": "x", "load": {"users": 2, "conversations": 5}}, load__what=""))["load"] is None


@pytest.mark.parametrize("metric", METRICS)
def test_a_threshold_whose_metric_was_changed_can_be_judged(metric):
    head = {"name": "x", "thresholds": ["p95(ttft) < 800ms"]}
    (line,) = head_fields(form_of(head, thresholds__0__metric=metric))["thresholds"]
    assert parse(line).metric == metric
    for function in functions(metric):
        assert parse(f"{function}({metric}) < {5 if function == 'count' else example(metric)}").function == function


def test_a_limit_that_was_typed_wrongly_stays():
    head = {"name": "x", "thresholds": ["p95(ttft) < 800ms"]}
    assert head_fields(form_of(head, thresholds__0__limit="soon"))["thresholds"] == ["p95(ttft) < soon"]


def test_rows_of_data_are_a_table():
    head = {"name": "x", "data": {"rows": [{"order": "PX-1", "count": 2}, {"order": "7", "count": 3}]}}
    assert head_texts(head)["data.rows"] == 'order,count\nPX-1,2\n"""7""",3\n'
    typed = head_fields(form_of(head, data__rows="order,count\r\nA,1\r\nB"))
    assert typed["data"] == {"rows": "order,count\nA,1\nB"}


def test_a_form_of_one_field_leaves_the_others_alone():
    assert head_fields({"name": "New name", "csrf": "x"}) == {"name": "New name"}
    assert head_fields({"name": "x", "steps": "?"}) == {"name": "x"}


def test_names_of_variables_that_are_being_typed_are_not_lost():
    head = {"name": "x", "vars": {"a": 1, "b": 2}}
    assert head_fields(form_of(head, vars__1__name="a"))["vars"] == {"a": 1, "a (2)": 2}
    drawn = head_fields(form_of(head, vars__0__what="drawn"))["vars"]
    assert drawn == {"a": {"any of": [1]}, "b": 2}
