"""A step goes through its form and comes back as it was; what was typed wrongly stays, and stands at its field."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from krawall.plugins import registry
from krawall.plugins.assemble import step_classes
from krawall.services.draft import Draft
from krawall.services.drafts import Editing, Problem, placed
from krawall.services.lanes import lane_fields
from krawall.services.scenarios import Validation
from krawall.web.frame import Frame
from krawall.web.pages.builder_fields import Sheet
from krawall.web.pages.builder_step_shapes import from_schema
from krawall.web.pages.builder_steps import fields_of, inspector, means, step_fields, texts_of, with_step
from krawall.web.pages.builder_view import View
from krawall.wire.yaml import read

EXAMPLES = sorted(Path(__file__).resolve().parents[3].glob("examples/*.yaml"))
WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\x00"), max_size=12)
SCALARS = st.one_of(
    WORDS,
    st.integers(-9, 10**6),
    st.booleans(),
    st.floats(0, 2, width=16),
    st.sampled_from(["7", "true", "null", "[", '"', "1.0"]),
)
ODD = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(WORDS, inner, max_size=2), max_leaves=4
)
CHECKS = st.dictionaries(
    st.sampled_from(
        [
            "contains",
            "lacks",
            "regex",
            "json",
            "equals",
            "schema",
            "length",
            "similar",
            "at least",
            "that",
            "hard",
            "odd",
        ]
    ),
    ODD,
    max_size=3,
)
TAKES = st.dictionaries(st.sampled_from(["json", "regex", "value", "text", "default", "odd"]), ODD, max_size=2)
FIELDS = {
    "message": {"text": WORDS, "expect": st.lists(CHECKS | ODD, max_size=3) | ODD, "odd": ODD},
    "delay": {"time": SCALARS},
    "loop": {"times": ODD, "while": ODD, "over": ODD | st.lists(SCALARS, max_size=3), "most": ODD},
    "conditional": {"condition": WORDS | ODD},
    "expect": {"checks": st.lists(CHECKS | ODD, max_size=3)},
    "set": {"values": st.dictionaries(WORDS, TAKES | ODD, max_size=3) | ODD},
    "choose": {"odd": ODD},
    "end": {"because": WORDS | ODD},
}
KEPT_EMPTY = {"message": "text", "delay": "time", "conditional": "condition"}
"""Fields that have to be filled in: the form shows them empty when they are missing."""


@st.composite
def steps(draw):
    kind = draw(st.sampled_from(sorted(FIELDS)))
    return kind, draw(st.fixed_dictionaries({}, optional=FIELDS[kind]))


def back(kind, fields):
    """Return the fields that a form gives when nothing was changed in it."""
    return {key: value for key, value in step_fields(kind, texts_of(kind, fields)).items() if value is not None}


@settings(max_examples=100)
@given(steps())
def test_a_step_comes_back_as_it_was(step):
    kind, fields = step
    assert back(kind, fields) == fields


@pytest.mark.parametrize(
    "text",
    [
        *(registry.data_text("templates", name) for name in registry.names("templates")),
        *(path.read_text() for path in EXAMPLES),
    ],
    ids=[*registry.names("templates"), *(path.stem for path in EXAMPLES)],
)
def test_every_step_of_templates_and_examples_comes_back_and_needs_no_yaml(text):
    for node, _, _, _ in Draft.of(read(text, "scenario").data).walk():
        texts = texts_of(node.kind, node.fields)
        assert back(node.kind, node.fields) == node.fields
        assert [name for name in texts if name.endswith(("rest", "yaml"))] == []


@pytest.mark.parametrize("kind", sorted(step_classes()))
def test_every_field_of_a_step_has_a_field_in_its_form(kind):
    lanes = {lane.field for lane in lane_fields(step_classes()[kind])}
    fields = {field.alias or name for name, field in step_classes()[kind].model_fields.items()} - lanes - {"kind"}
    draft, id = Draft.of({"name": "x", "steps": ["hi"]}).add(kind)
    assert back(kind, draft.node(id).fields) == draft.node(id).fields
    asked = {"loop": {"most"}, "set": {"values"}, "expect": {"checks"}}.get(kind, fields)
    assert asked <= fields


@given(steps())
def test_a_step_of_another_package_comes_back_too(step):
    kind, fields = step
    shape = from_schema(kind)
    texts = Sheet(shape, fields, ()).texts
    assert {key: value for key, value in fields_of(shape, texts).items() if value is not None} == fields


def test_fields_of_a_step_of_another_package_are_those_of_its_schema():
    parts = {part.key: part.shape for part in from_schema("loop").parts}
    assert (parts["times"].reading, parts["while"].names, parts["over"].reading) == ("whole", "expression", "yaml")
    assert parts["most"].example == "1000"
    assert from_schema("message").parts[0].shape.names == "text"
    assert "steps" not in parts


def form_of(kind, fields, **typed):
    return {**texts_of(kind, fields), **{name.replace("__", "."): text for name, text in typed.items()}}


def test_rows_are_added_moved_and_taken_away_by_their_buttons():
    fields = {"checks": [{"contains": "a"}, {"length": "> 3"}]}
    assert step_fields("expect", form_of("expect", fields, add="checks"))["checks"][2] == {"length": "> 0"}
    assert step_fields("expect", form_of("expect", fields, up="checks.1"))["checks"] == [
        {"length": "> 3"},
        {"contains": "a"},
    ]
    assert step_fields("expect", form_of("expect", fields, drop="checks.0"))["checks"] == [{"length": "> 3"}]
    message = {"text": "hi", "expect": [{"contains": "a"}]}
    assert step_fields("message", form_of("message", message, drop="expect.0"))["expect"] is None
    assert step_fields("message", form_of("message", {"text": "hi"}, add="expect"))["expect"] == [{"length": "> 0"}]


def test_another_kind_of_check_keeps_a_text_that_fits_it():
    fields = {"checks": [{"contains": "parcel", "hard": True}]}
    lacks = step_fields("expect", form_of("expect", fields, checks__0__what="lacks"))
    assert lacks["checks"] == [{"lacks": "parcel", "hard": True}]
    length = step_fields("expect", form_of("expect", fields, checks__0__what="length"))
    assert length["checks"] == [{"length": "> 0", "hard": True}]


def test_a_loop_changes_what_it_repeats_by():
    assert step_fields("loop", form_of("loop", {"times": 3}, what="each")) == {
        "times": None, "while": None, "over": ["first", "second"], "most": None,
    }  # fmt: skip
    found = step_fields("loop", form_of("loop", {"while": "turn < 3", "most": 9}, what="times"))
    assert found == {"times": 3, "while": None, "over": None, "most": None}


def test_what_was_typed_wrongly_stays_and_its_problem_is_at_its_field():
    draft = Draft.of(
        {"name": "x", "steps": [{"loop": 3, "steps": ["hi"]}, {"message": "a", "expect": [{"length": "> 1"}]}]}
    )
    draft = with_step(draft, {"step": "s1", **form_of("loop", {"times": 3}, times="many")})
    assert draft.node("s1").fields == {"times": "many"}
    assert texts_of("loop", draft.node("s1").fields)["times"] == "many"
    draft = with_step(draft, {"step": "s3", **form_of("message", draft.node("s3").fields, expect__0__length="long")})
    assert draft.node("s3").fields["expect"] == [{"length": "long"}]
    path = f"{draft.path('s3')}.message.expect.0.length"
    assert placed(draft, [SimplePlace(path)]) == [Problem("s3", "expect.0.length", "wrong")]


class SimplePlace:
    """A place of an error."""

    def __init__(self, path):
        self.path, self.message = path, "wrong"


def test_two_values_with_one_name_are_both_kept():
    fields = {"values": {"a": {"value": "1"}, "b": {"value": "2"}}}
    found = step_fields("set", form_of("set", fields, values__1__name="a"))["values"]
    assert found == {"a": {"value": "1"}, "a (2)": {"value": "2"}}
    added = step_fields("set", form_of("set", {"values": {"value": {"value": "1"}}}, add="values"))["values"]
    assert list(added) == ["value", "value_2"]


def test_yaml_that_cannot_be_read_waits_where_it_was_typed():
    fields = {"text": "hi", "odd": 1}
    found = step_fields("message", form_of("message", fields, rest="odd: [", rest__had="odd"))
    assert found == {"text": "hi", "odd": None, "?": "odd: ["}
    draft = Draft.of({"name": "x", "steps": [{"message": "hi"}]}).set("s1", "?", "odd: [")
    assert texts_of("message", draft.node("s1").fields)["rest"] == "odd: ["
    mended = step_fields("message", {"text": "hi", "rest": "odd: [1]", "rest.had": "?"})
    assert mended == {"text": "hi", "?": None, "odd": [1]}


def test_line_ends_of_browsers_are_not_part_of_a_text():
    assert step_fields("message", {"text": "one\r\ntwo"}) == {"text": "one\ntwo"}


def test_a_part_of_a_form_takes_nothing_away():
    assert step_fields("message", {"text": "hi"}) == {"text": "hi"}


def test_a_wait_is_told_in_words():
    assert means("1s..4s") == "Anything between, equally likely: 2.5 s on average."
    assert means("2s") == "Always the same."
    assert means("soon") == means(None) == ""


def drawn(may_edit, problems=()):
    draft = Draft.of({"name": "x", "steps": [{"message": "\n<b>hi</b>", "expect": [{"length": "long"}]}]})
    editing = Editing("dft_1", "", draft, 0, "", False, False)
    view = View(Frame("/"), "dft_1", editing, problems, Validation([], []), "s1", may_edit=may_edit)
    return str(inspector(view, draft.node("s1")))


def test_who_may_only_read_sees_the_fields_and_no_way_to_send_them():
    text = drawn(False)
    assert "<fieldset disabled" in text
    assert "hx-post" not in text
    assert "Insert a name" not in text


def test_a_problem_is_told_once_and_where_it_is():
    text = drawn(True, [Problem("s1", "expect.0.length", "no <limit>"), Problem("s1", "odd", "unknown key 'odd'")])
    assert text.count("no &lt;limit&gt;") == 1
    assert 'aria-invalid="true"' in text
    assert "odd: unknown key &#39;odd&#39;" in text


def test_a_text_is_shown_as_it_is():
    assert ">\n\n&lt;b&gt;hi&lt;/b&gt;</textarea>" in drawn(True)
