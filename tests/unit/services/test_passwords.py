"""Which passwords are taken, and that hashes verify their own password only."""

from __future__ import annotations

import asyncio
import unicodedata

import pytest
from argon2 import PasswordHasher
from hypothesis import given, settings
from hypothesis import strategies as st

from krawall.errors import DocumentError, TooMany
from krawall.services.passwords import LONGEST, SHORTEST, Passwords, check

QUICK = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("", "0 characters"),
        ("short-one-1", "11 characters"),
        ("x" * (LONGEST + 1), "more than"),
        ("annabellinda", "the user's name"),
        ("AnnaBelLinda2026!", "the user's name"),
        ("12annabellinda", "the user's name"),
        ("aaaaaaaaaaaaaaaa", "repeats"),
        ("abababababababab", "repeats"),
        ("secret1secret1secret1", "repeats"),
        ("passwpasswpassw", "repeats"),
    ],
)
def test_what_can_be_guessed_is_refused_without_being_shown(password: str, why: str) -> None:
    with pytest.raises(DocumentError, match=why) as refused:
        check(password, "annabellinda")
    assert len(password) < 3 or password not in str(refused.value)


@pytest.mark.parametrize(
    "password", ["correct horse", "annabellinda rides", "837465019283", "ünïcödé wörd", "x7" * 6 + "abc"]
)
def test_others_are_taken(password: str) -> None:
    check(password, "annabellinda")


@given(st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=SHORTEST, max_size=40), st.integers(3, 9))
def test_a_pattern_over_and_over_is_refused_however_it_is_cut(word: str, times: int) -> None:
    with pytest.raises(DocumentError):
        check((word[:4] * times + word[:4])[: max(SHORTEST, 4 * times)], "someone")


@settings(max_examples=15, deadline=None)
@given(st.text(max_size=30), st.text(max_size=30))
def test_a_hash_verifies_its_own_password_only(password: str, other: str) -> None:
    async def play() -> None:
        ours = Passwords(QUICK)
        kept = await ours.hash(password)
        assert await ours.verify(kept, password)
        assert await ours.verify(kept, unicodedata.normalize("NFD", password))
        if unicodedata.normalize("NFC", other) != unicodedata.normalize("NFC", password):
            assert not await ours.verify(kept, other)
        assert password not in kept or len(password) < 4

    asyncio.run(play())


@pytest.mark.parametrize("kept", [None, "", "$argon2id$v=19$broken", "plain"])
async def test_no_hash_or_a_broken_one_verifies_nothing(kept: str | None) -> None:
    assert not await Passwords(QUICK).verify(kept, "")


async def test_the_hash_for_nobody_costs_what_a_real_one_costs() -> None:
    """Argon2's work follows from the parameters in the hash alone."""
    ours = Passwords(QUICK)
    kept = await ours.hash("correct horse")
    assert not ours.is_outdated(kept)
    assert not ours.is_outdated(ours._nobody)
    assert len(ours._nobody) == len(kept)
    assert Passwords(PasswordHasher(time_cost=2, memory_cost=64, parallelism=1)).is_outdated(kept)


async def test_a_flood_is_sent_away() -> None:
    ours = Passwords(QUICK)
    tried = await asyncio.gather(*(ours.verify(None, "x") for _ in range(150)), return_exceptions=True)
    assert {type(each) for each in tried} == {bool, TooMany}
    assert not await ours.verify(None, "x")
