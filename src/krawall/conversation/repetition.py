"""How much a bot repeats itself: the nearest of its last replies in the same conversation."""

from __future__ import annotations

from collections.abc import Sequence

from rapidfuzz import process
from rapidfuzz.distance import Levenshtein

REPLIES = 10
"""So many replies back are compared."""

LONGEST = 2_000
"""So many characters of a reply are compared."""

FLOOR = 0.6
"""Similarities below are given as 0: unrelated texts of one language reach 0.2 to 0.4, and the floor makes it cheap."""


def score(reply: str, earlier: Sequence[str]) -> float:
    """Return 0..1: the highest normalised Levenshtein similarity of `reply` to the last ten of `earlier`.

    1 is a reply said before word for word (in its first 2,000 characters); 0 is nothing like it, or nothing to compare
    with. An empty reply scores 0: silence is another fault than repetition.
    """
    if not reply or not earlier:
        return 0.0
    recent = earlier[-REPLIES:]
    if reply in recent:
        return 1.0
    found = process.extractOne(
        reply[:LONGEST],
        [text[:LONGEST] for text in recent],
        scorer=Levenshtein.normalized_similarity,
        score_cutoff=FLOOR,
    )
    return found[1] if found else 0.0
