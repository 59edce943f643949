"""YAML and JSON to plain data and back, with places in words."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from krawall.errors import DocumentError
from krawall.wire.yaml import read, write

MISREAD = [
    "yes",
    "No",
    "on",
    "OFF",
    "y",
    "null",
    "~",
    "true",
    "12:30",
    "1:30:00",
    "012",
    "0x1F",
    "0o7",
    "1_000",
    "1e3",
    ".5",
    "+1",
    "",
]
MISREAD += [
    "2001-01-01",
    "2001-12-14 21:59:43.10 -5",
    "2001-12-14t21:59:43Z",
    ".inf",
    ".NaN",
    "=",
    "<<",
    "-",
    "?",
    "1.",
    "1,000",
    "0b1",
]
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30) | st.sampled_from(MISREAD)
lines = st.text(st.sampled_from("ab :#-'\"\n\n\t |>&*!%@`{}[],?~"), max_size=20)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts | lines
plain = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts | lines, inner, max_size=4),
    max_leaves=20,
)


def same(left: object, right: object) -> bool:
    """Equality that tells 1 from 1.0 and True, and sees the order of keys."""
    return repr(left) == repr(right)


@settings(max_examples=60)
@given(plain)
@example({"a": "x\n", "b": ["\n", " x\ny", "x\n\n", "x \ny", "a\r\nb", "\u2028", "\x85", "\ufeff", "\x7f", "x\n\ty"]})
def test_what_is_written_is_read_back(data: object) -> None:
    assert same(read(write(data), "x").data, data)


@settings(max_examples=60)
@given(plain)
def test_json_is_read_as_json(data: object) -> None:
    for text in (json.dumps(data, indent="\t"), json.dumps(data, ensure_ascii=False)):
        if "Infinity" not in text:  # which is not JSON
            assert same(read(text, "x").data, data)


@settings(max_examples=60)
@given(texts | lines)
def test_a_text_is_a_text_to_every_reader(text: str) -> None:
    shown = write({"key": text}).removeprefix("key:").strip()
    plain_style = shown[:1] not in ("'", '"', "|")
    assert not (plain_style and text in MISREAD)


def test_a_document_reads_well_and_keeps_its_order() -> None:
    data = {
        "name": "Spät",
        "steps": [{"message": "Hello\n  there\n\nand bye\n"}, {"delay": "1s..4s"}, {"at": "12:30"}],
        "empty": [],
        "answer": "no",
    }
    assert write(data) == (
        "name: Spät\nsteps:\n  - message: |\n      Hello\n        there\n\n      and bye\n"
        '  - delay: 1s..4s\n  - at: "12:30"\nempty: []\nanswer: "no"\n'
    )


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12:30", "12:30"), ("no", "no"), ("2001-01-01", "2001-01-01"), ("1_000", "1_000"), ("<<", "<<"), ("~", None), ("", None),
        ("0o17", 15), ("0x1F", 31), ("017", 17), ("-3", -3), ("1e3", 1000.0), (".5", 0.5), ("-.inf", float("-inf")), ("True", True),
        ("!!str 12", "12"), ("!!int '12'", 12), ("!!float 1", 1.0), ("! 12", "12"), ("'12'", "12"), ('"\\ud83d\\ude00\\/"', "😀/"),
        ("|\n a\n b\n", "a\nb\n"), (">\n a\n b\n", "a b\n"), ("\ufeffa", "a"), ("--- a\n...\n", "a"),
    ],
)  # fmt: skip
def test_scalars_follow_the_core_schema(text: str, value: object) -> None:
    assert same(read(text, "x").data, value)


def test_aliases_and_merge_keys_are_values_of_their_own() -> None:
    source = read("base: &b {x: 1, y: [2]}\none: {<<: *b, x: 3}\ntwo: {<<: [{x: 7}, *b]}\nthree: *b\n", "x")
    data = source.data
    assert isinstance(data, dict)
    assert data["one"] == {"x": 3, "y": [2]}
    assert data["two"] == {"x": 7, "y": [2]}
    assert data["three"] == data["base"]
    assert data["three"]["y"] is not data["base"]["y"]


def test_keys_are_texts_as_written() -> None:
    assert read("429: a\nno: b\n1.0: c\n&k x: d\n", "x").data == {"429": "a", "no": "b", "1.0": "c", "x": "d"}


def test_lines_are_those_of_keys_and_elements() -> None:
    text = "# a comment\nname: x\nsteps:\n  - message: hi\n    expect:\n      - {ttft: < 2s}\n  - delay: 1s\n"
    source = read(text, "x")
    places = [
        (),
        ("name",),
        ("steps",),
        ("steps", 0),
        ("steps", 0, "expect", 0, "ttft"),
        ("steps", 1),
        ("steps", 1, "delay", "unit"),
        ("no",),
    ]
    assert [source.line_of(place) for place in places] == [2, 2, 3, 4, 6, 7, 7, 2]


def test_lines_of_json() -> None:
    source = read('{\n  "a": [1,\n  2]\n}', "x")
    assert [source.line_of(place) for place in ((), ("a",), ("a", 1))] == [1, 2, 3]
    assert read('{\n"a": 1,\n"\x7f": 2}', "x").line_of(("a",)) is None  # JSON allows a character that YAML does not


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: [1\nb: 2", 2, "column 2: while parsing a flow sequence"),
        ("a: 1\nb: 2\na: 3", 3, "column 1: the key 'a' stands twice; the first is in line 1"),
        ('{"a": 1,\n "a": 2}', 2, "column 2: the key 'a' stands twice"),
        ("a:\n\t- b", 2, "indented with spaces"),
        ("a: 1\n---\nb: 2", 2, "column 1: a second document begins"),
        ("a: !!python/object:os.system x", 1, "column 4: the tag"),
        ("a: !env X", 1, "column 4: the tag '!env' is not used here"),
        ("a: !!set {x}", 1, "column 4: the tag"),
        ("a: !!int x", 1, "column 4: the tag"),
        ("a: &x [*x]", 1, "column 8: the alias *x has no complete anchor before it"),
        ("a:\n  <<: 1", 2, "'<<' takes a mapping"),
        ("a: b\nc: 'x\x07'", 2, "column 6: the character U+0007"),
        ("? [1]\n: 2", 1, "column 3: a key must be a text"),
        ("a: " + "9" * 5000, 1, "column 4: a number with too many digits"),
        ("[" * 200, 1, "nested deeper than 100 levels"),
        ("a: &a x\nb: [" + "*a, " * 1001 + "]", 2, "more than 1,000 aliases"),
        (
            "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
            + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9)),
            6,
            "more than 200,000 values",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text: str, line: int, words: str) -> None:
    with pytest.raises(DocumentError) as caught:
        read(text, "plan.yaml")
    (place,) = caught.value.places
    assert place.line == line
    assert words in str(caught.value)
    assert str(caught.value).startswith("plan.yaml: 1 error")


def test_large_documents_are_refused() -> None:
    for text in ("# " + "x" * 2_000_000, "# " + "ä" * 1_000_001):
        with pytest.raises(DocumentError, match="larger than 2 MB"):
            read(text, "x")


@settings(max_examples=60)
@given(st.text(st.sampled_from("ab:-[]{}&*!|>'\"#%@,? \n\t0~<"), max_size=25))
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    try:
        data = read(text, "x").data
    except DocumentError:
        return
    assert same(read(write(data), "x").data, data)
