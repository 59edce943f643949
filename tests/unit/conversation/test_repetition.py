"""Repetition: 1 for a reply said before, 0 for nothing like it, only the last ten replies count."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import Levenshtein

from krawall.conversation.repetition import FLOOR, REPLIES, score

REPLY = st.text("abc ", min_size=1, max_size=12)


@given(REPLY, st.lists(REPLY, max_size=14))
def test_it_is_the_best_similarity_of_the_last_ten_above_the_floor(reply: str, earlier: list[str]) -> None:
    best = max((Levenshtein.normalized_similarity(reply, text) for text in earlier[-REPLIES:]), default=0.0)
    assert score(reply, earlier) == pytest.approx(best if best >= FLOOR else 0.0)


@given(REPLY, st.lists(REPLY, max_size=5))
def test_a_reply_said_before_is_a_repetition(reply: str, others: list[str]) -> None:
    assert score(reply, [reply, *others]) == 1.0


def test_only_the_beginning_of_a_long_reply_counts_and_silence_is_no_repetition() -> None:
    assert score("a" * 2000 + "b" * 500, ["a" * 2000 + "c" * 900]) == 1.0
    assert score("", ["", ""]) == 0.0
    assert score("a", []) == 0.0
