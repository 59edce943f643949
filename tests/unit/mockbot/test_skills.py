"""Sums, recall, JSON and key words."""

import json
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from krawall.mockbot.skills import json_reply, key_words, recall, statement, sum_up

OPERATORS = {"+": "+", "plus": "+", "-": "-", "minus": "-", "*": "*", "x": "*", "times": "*"}


@given(
    st.integers(0, 10**9),
    st.lists(st.tuples(st.sampled_from(sorted(OPERATORS)), st.integers(0, 10**6)), min_size=1, max_size=5),
)
def test_sums_are_right(first: int, terms: list[tuple[str, int]]) -> None:
    asked = " ".join([str(first), *(f"{sign} {number}" for sign, number in terms)])
    result = eval(" ".join([str(first), *(f"{OPERATORS[sign]} {number}" for sign, number in terms)]))
    assert f"{asked} is {result}." == sum_up(f"What is {asked}?")


@pytest.mark.parametrize(
    "message", ["order 2024-05-06", "PH-1234 - 5x", "3.5 + 4.5", "call 12 34", "I have 3 plus points"]
)
def test_what_is_no_sum_of_whole_numbers_is_left_alone(message: str) -> None:
    assert sum_up(message) == ""


def test_a_sum_needs_no_spaces_round_a_plus() -> None:
    assert sum_up("3+4=?") == "3+4 is 7."


@pytest.mark.parametrize(
    ("told", "asked", "answer"),
    [
        ("Hi, my name is Ada.", "What is my name?", "Your name is Ada."),
        ("my order number is 47-11 and it is late", "Which is my order number?", "Your order number is 47-11."),
        ("My favourite city is Den Haag", "Do you remember my favourite city?", "Your favourite city is Den Haag."),
        ("My email is a.b@c.example, thanks", "what's my email", "Your email is a.b@c.example."),
        ("Hello", "What is my name?", "You have not told me your name yet."),
    ],
)
def test_facts_are_recalled_from_the_conversation(told: str, asked: str, answer: str) -> None:
    assert answer == recall([told, "Something else", asked])


def test_the_newest_fact_counts() -> None:
    assert recall(["my name is Ada", "my name is Grace", "what is my name?"]) == "Your name is Grace."


def test_a_fact_is_noted_and_other_messages_are_not() -> None:
    assert statement("By the way, my dog is Rex!") == "Noted, your dog is Rex."
    assert statement("Where is it?") == recall(["Where is it?"]) == recall([]) == ""


@pytest.mark.parametrize(
    ("message", "keys"),
    [
        ('Reply in JSON with "city" and "price".', ["city", "price"]),
        ("Give me JSON with keys name, age and city", ["name", "age", "city"]),
        ("json with fields: a, b, and c please", ["a", "b", "c"]),
        ("Answer as JSON", ["answer"]),
    ],
)
def test_json_has_the_keys_named_in_the_message(message: str, keys: list[str]) -> None:
    assert keys == list(json.loads(json_reply([message], None, Random(1))))


def test_json_uses_facts_and_plain_messages_get_none() -> None:
    reply = json.loads(json_reply(["my name is Ada", "JSON with keys name and age"], None, Random(1)))
    assert reply["name"] == "Ada"
    assert isinstance(reply["age"], int)
    assert json_reply(["my name is Ada"], None, Random(1)) == ""


def test_key_words_are_the_numbers_and_the_uncommon_words() -> None:
    assert key_words("Good morning, my parcel A-1042 to Hamburg is very late.") == ["A-1042", "parcel", "Hamburg"]
    assert key_words("?!") == key_words("") == []


@given(st.text(max_size=300))
def test_no_message_breaks_a_skill(message: str) -> None:
    for result in (sum_up(message), recall([message]), statement(message), json_reply([message], None, Random(0))):
        assert isinstance(result, str)
    assert len(key_words(message)) <= 3


@pytest.mark.parametrize("unit", ["my ", "what my ", "1 + ", "1", " ", "key a, ", "json ", "my a is "])
def test_a_large_message_is_read_in_part_only(unit: str) -> None:
    message = unit * 200_000
    assert (
        len(sum_up(message) + recall([message]) + statement(message) + json_reply([message], None, Random(0))) < 10_000
    )
    assert len(key_words(message)) <= 3
