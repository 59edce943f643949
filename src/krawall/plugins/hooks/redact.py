"""The hook `redact`: takes what is about people out of what is written down; the conversation itself goes on with the whole text."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from krawall.model.base import Document
from krawall.model.check import Regex
from krawall.model.hook import Hook, Hooked, Surroundings

Named = Literal["email", "phone", "card", "iban", "ip"]

_PATTERNS: dict[str, str] = {
    "email": r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+",
    # 13 to 19 digits in the groups that cards and people write; the check digit is not looked at: better one too many.
    "card": r"(?<![\d.])(?:\d[ -]?){12,18}\d(?![\d.])",
    "iban": r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?\b",
    "phone": r"(?<![\w.])\+?\(?\d{1,4}\)?(?:[ /.-]?\(?\d{2,4}\)?){2,5}(?![\w.])",
    "ip": r"\b(?:\d{1,3}\.){3}\d{1,3}\b",
}
_ORDER: tuple[Named, ...] = ("email", "iban", "ip", "card", "phone")  # what is more exact goes first


class Own(Document):
    """A pattern of one's own; what it finds is written as `[NAME]`."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9 _-]{0,30}$")]
    pattern: Regex


class Redact(Hook):
    """Write `[email]` and the like in place of what these patterns find, in everything that is kept of a session."""

    shorthand: ClassVar[str] = "what"
    kind: Literal["redact"] = "redact"
    what: list[Named | Own] = Field(
        ["email", "phone", "card", "iban"], description="names of patterns, or patterns of one's own"
    )

    def open(self, around: Surroundings) -> AbstractAsyncContextManager[Hooked]:
        """Compile the patterns."""
        return _opened(self)


@asynccontextmanager
async def _opened(settings: Redact) -> AsyncIterator[Hooked]:
    yield Redacting(settings)


class Redacting(Hooked):
    """One pass over a text per pattern."""

    def __init__(self, settings: Redact) -> None:
        own = [(each.pattern, each.name) for each in settings.what if isinstance(each, Own)]
        named = [(_PATTERNS[name], name) for name in _ORDER if name in settings.what]
        self._patterns = [(re.compile(pattern), f"[{name}]") for pattern, name in (*own, *named)]

    def keep(self, text: str) -> str:
        """Return a text without what the patterns find."""
        for pattern, word in self._patterns:
            text = pattern.sub(word, text)
        return text
