"""Seeds, variables and rows are functions of the session's seed and the conversation's index."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from krawall.conversation.variables import conversation_seed, draw_vars, pick_row
from krawall.model.scenario import AnyOf

SEEDS = st.integers(0, 2**63 - 1)
ROWS = [{"order": number} for number in range(7)]


@given(SEEDS, st.integers(0, 10**9), st.integers(0, 10**9))
def test_conversations_of_a_session_never_share_a_seed(seed: int, one: int, other: int) -> None:
    assert 0 <= conversation_seed(seed, one) < 2**64
    assert (conversation_seed(seed, one) == conversation_seed(seed, other)) == (one == other)


def splitmix64(state: int, count: int) -> list[int]:
    """The reference: the first `count` outputs of the generator from `state`."""
    outputs = []
    for _ in range(count):
        state = (state + 0x9E3779B97F4A7C15) % 2**64
        value = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB % 2**64
        outputs.append(value ^ (value >> 31))
    return outputs


@given(SEEDS, st.integers(0, 10**6))
def test_the_seed_is_the_same_for_ever(seed: int, conversation: int) -> None:
    assert splitmix64(1234567, 3) == [6457827717110365317, 3203168211198807973, 9817491932198370423]  # published
    (mixed,) = splitmix64(seed, 1)
    assert [conversation_seed(seed, conversation)] == splitmix64((mixed + conversation) % 2**64, 1)


@given(SEEDS, st.lists(st.lists(st.integers(), min_size=1, max_size=4), max_size=5))
def test_any_of_draws_one_of_its_values_in_document_order(seed: int, options: list[list[int]]) -> None:
    variables = {f"v{at}": AnyOf(any_of=some) for at, some in enumerate(options)}
    drawn = draw_vars(variables, Random(seed))
    assert list(drawn) == list(variables)
    assert all(drawn[f"v{at}"] in some for at, some in enumerate(options))
    assert drawn == draw_vars(variables, Random(seed))
    plain = {"plain": [1, 2], **variables, "text": "a"}  # plain values draw nothing
    assert draw_vars(plain, Random(seed)) == {"plain": [1, 2], **drawn, "text": "a"}


@given(SEEDS, st.integers(0, 1000))
def test_rows(seed: int, conversation: int) -> None:
    assert pick_row(ROWS, "in order", conversation, seed) == ROWS[conversation % 7]
    assert pick_row(ROWS, "random", conversation, seed) in ROWS
    assert pick_row(ROWS, "random", conversation, seed) == pick_row(ROWS, "random", conversation, seed)
    assert pick_row(ROWS, "once each", conversation, seed) == (ROWS[conversation] if conversation < 7 else None)


def test_random_rows_are_spread_evenly() -> None:
    counts = [0] * 7
    for conversation in range(7000):
        row = pick_row(ROWS, "random", conversation, 42)
        assert row is not None
        counts[row["order"]] += 1
    assert all(850 < count < 1150 for count in counts)
