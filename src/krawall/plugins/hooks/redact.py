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
from krawall.wire.personal import FINDERS, Named


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
    """One pass over a text per pattern, one's own first."""

    def __init__(self, settings: Redact) -> None:
        own = [each for each in settings.what if isinstance(each, Own)]
        self._own = [(re.compile(each.pattern), f"[{each.name}]") for each in own]
        self._finders = [find for name, find in FINDERS.items() if name in settings.what]

    def keep(self, text: str) -> str:
        """Return a text without what the patterns find."""
        for pattern, word in self._own:
            text = pattern.sub(word, text)
        for find in self._finders:
            text = find(text)
        return text
