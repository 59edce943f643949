"""A target goes through its form and comes back as it was; what the form has no field for stays as YAML."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krawall.errors import DocumentError
from krawall.web.pages.sessions import read_query
from krawall.web.pages.target_form import body_of, field_of, values_of
from krawall.web.presets import preset_of, presets

NAMES = st.from_regex(r"[A-Z][A-Z_]{0,8}", fullmatch=True)
REFERENCES = NAMES.map("${{{}}}".format)
WORDS = st.from_regex(r"[a-z][a-z0-9-]{0,10}", fullmatch=True)
ODD = st.one_of(
    st.booleans(),
    st.integers(-5, 5),
    st.none(),
    WORDS,
    st.lists(WORDS, max_size=2),
    st.dictionaries(WORDS, WORDS, max_size=2),
)
PATHS = st.one_of(
    st.sampled_from(["reply", "choices[0].text", " odd ", "two\nlines", ""]), st.lists(WORDS, max_size=3), ODD
)
REPLIES = st.dictionaries(
    st.sampled_from(["text", "error", "conversation id", "conversation_id", "tools", "done", "finish"]),
    PATHS,
    max_size=3,
).flatmap(
    lambda reply: st.one_of(
        st.just(reply),
        st.dictionaries(st.sampled_from(["input", "output", "cached", "reasoning"]), PATHS, max_size=3).map(
            lambda usage: {**reply, "usage": usage}
        ),
    )
)
BODIES = st.fixed_dictionaries(
    {},
    optional={
        "preset": WORDS,
        "url": WORDS.map("http://{}/chat".format),
        "description": WORDS,
        "history": st.sampled_from(["append", "server", "none"]),
        "stream": ODD,
        "fields": st.one_of(st.dictionaries(WORDS, WORDS, min_size=1, max_size=3), ODD),
        "auth": st.one_of(
            st.builds(lambda reference: {"bearer": reference}, REFERENCES),
            st.builds(
                lambda kind, name, reference: {kind: {name: reference}},
                st.sampled_from(["header", "query"]),
                WORDS,
                REFERENCES,
            ),
            st.builds(lambda user, reference: {"basic": {"user": user, "password": reference}}, WORDS, REFERENCES),
            ODD,
        ),
        "request": st.one_of(st.dictionaries(WORDS, ODD, min_size=1, max_size=2), ODD),
        "body": st.one_of(st.just("$message"), st.dictionaries(WORDS, ODD, max_size=2), ODD),
        "reply": st.one_of(REPLIES, ODD),
        "prices": st.just({"input": 0.15}),
    },
)


@given(BODIES)
def test_a_target_comes_back_as_it_was(body):
    assert body_of(values_of(body)) == body


@given(BODIES)
def test_an_operators_word_does_not_pass_through_a_form(body):
    assert body_of(values_of({**body, "confirmed": "bot.internal"})) == body
    assert "confirmed" not in body_of({**values_of(body), "rest": "confirmed: bot.internal"})


@pytest.mark.parametrize("text", ["a: [", "- a list", "{", "a: 1\na: 2"])
def test_yaml_that_cannot_be_read_says_so_at_its_field(text):
    with pytest.raises(DocumentError) as raised:
        body_of({"rest": text})
    assert {field_of(place.path) for place in raised.value.places} == {"rest"}


def test_places_of_a_target_belong_to_fields():
    assert field_of("url") == "url"
    assert field_of("fields.model") == "field.model"
    assert field_of("auth.bearer") == "credential"
    assert field_of("reply.done") == ""


def test_every_preset_has_a_title_and_a_line():
    assert presets()[0].name == "mock"
    assert all(each.title and each.about for each in presets())
    assert preset_of("nothing") is None


@given(st.dictionaries(st.sampled_from(["q", "status", "verdict", "sort", "cursor", "other"]), st.text(max_size=400)))
def test_what_an_address_says_wrongly_is_left_out(query):
    read = read_query(query)
    assert read.keys() <= {"q", "cursor", "status", "verdict", "sort"}
    assert all(0 < len(value) <= 300 for value in read.values())


def test_paths_are_fields_and_what_has_none_stays_beside_them():
    body = {"reply": {"text": ["a", "b"], "done": "[DONE]", "usage": {"input": "u.in", "input excludes cached": True}}}
    values = values_of(body)
    assert (values["reply.text"], values["reply.usage.input"]) == ("a\nb", "u.in")
    assert "[DONE]" in values["rest"]
    assert "excludes" in values["rest"]
    assert body_of({**values, "reply.usage.output": "u.out"})["reply"]["usage"] == {
        "input": "u.in", "output": "u.out", "input excludes cached": True
    }  # fmt: skip


def test_a_path_that_is_said_twice_is_refused():
    with pytest.raises(DocumentError) as caught:
        body_of({"reply.text": "a", "rest": "reply: {text: b}"})
    assert [place.path for place in caught.value.places] == ["reply.text"]


@pytest.mark.parametrize(
    ("place", "name"),
    [("reply.text", "reply.text"), ("reply.usage.input[0]", "reply.usage.input"), ("reply.conversation_id", "reply.conversation id"),
     ("body.messages", "body"), ("request", "request"), ("reply.done", "")],
)  # fmt: skip
def test_what_is_wrong_with_a_mapping_stands_at_its_field(place, name):
    assert field_of(place) == name
