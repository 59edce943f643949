"""Which passwords are taken, and their hashes: Argon2id (RFC 9106), in a thread, a few at a time."""

from __future__ import annotations

import asyncio
import base64
import unicodedata
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from krawall.errors import DocumentError, Place, TooMany

SHORTEST = 12
LONGEST = 1024
_FEWEST_DISTINCT = 5
_AT_ONCE = 2  # each takes 64 MiB and a core for some 50 ms
_MOST_WAITING = 100


def check(password: str, name: str) -> None:
    """Refuse a password that can be guessed from itself or from the user's name.

    Raises:
        DocumentError: it is too short, too long, the user's name or one pattern over and over. The message never holds it.
    """
    normal = _normal(password)
    wrong = None
    if len(normal) < SHORTEST:
        wrong = f"has {len(normal)} characters; at least {SHORTEST} are needed"
    elif len(normal) > LONGEST:
        wrong = f"has more than {LONGEST} characters"
    elif _is_name(normal.casefold(), _normal(name).casefold()):
        wrong = "is the user's name"
    elif len(set(normal)) < _FEWEST_DISTINCT or _repeats(normal):
        wrong = "repeats itself"
    if wrong:
        raise DocumentError(
            "account", [Place("password", wrong)], hint="four words that do not belong together do well"
        )


class Passwords:
    """Hashes and verifies. One per process, since it bounds the memory and the cores that this takes."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._waiting = 0
        # Costs what a real one costs; no password has it. For names that nobody has.
        self._nobody = (
            f"$argon2id$v=19$m={self._hasher.memory_cost},t={self._hasher.time_cost},p={self._hasher.parallelism}"
            f"${_b64(bytes(self._hasher.salt_len))}${_b64(bytes(self._hasher.hash_len))}"
        )

    async def hash(self, password: str) -> str:
        """Return the hash to keep."""
        async with self._place():
            return await asyncio.to_thread(self._hasher.hash, _normal(password))

    async def verify(self, kept: str | None, password: str) -> bool:
        """Tell whether a password has the hash; None takes as long and is never right."""
        if len(password) > LONGEST:
            password = ""
        async with self._place():
            return await asyncio.to_thread(self._verify, kept, _normal(password))

    def is_outdated(self, kept: str) -> bool:
        """Tell whether a hash was made with other parameters than new ones are."""
        return self._hasher.check_needs_rehash(kept)

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        """Wait for a turn. Who would wait behind too many is sent away, so that a flood does not hold memory."""
        if self._waiting >= _MOST_WAITING:
            raise TooMany("too many logins at once", retry_after_s=5.0)
        self._waiting += 1
        try:
            async with self._places:
                yield
        finally:
            self._waiting -= 1

    def _verify(self, kept: str | None, password: str) -> bool:
        try:
            return self._hasher.verify(kept or self._nobody, password) and kept is not None
        except (VerificationError, InvalidHashError):
            return False


def _normal(text: str) -> str:
    return unicodedata.normalize("NFC", text)  # RFC 8265 section 4.2: two ways to type a letter are one


def _is_name(text: str, name: str) -> bool:
    """Whether a text is the name, with no more than digits and marks around it."""
    before, found, after = text.partition(name)
    return bool(found) and not (before + after).strip(" 0123456789!?.,-_")


def _repeats(text: str) -> bool:
    """Whether a text is a shorter one at least three times over, the last perhaps cut."""
    return any(text == (text[:period] * len(text))[: len(text)] for period in range(1, len(text) // 3 + 1))


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode().rstrip("=")
