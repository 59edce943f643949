"""The hook `stamp`: writes a word under every message that goes out."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import ClassVar, Literal

import msgspec

from krawall.plugins import Hook, Hooked, Prompt, Surroundings


class Stamp(Hook):
    """Write a word under every message that goes out."""

    shorthand: ClassVar[str] = "word"
    api: ClassVar[int] = 1
    kind: Literal["stamp"] = "stamp"
    word: str = "yours"

    def open(self, around: Surroundings) -> AbstractAsyncContextManager[Hooked]:
        """Open it; it holds nothing."""
        return _opened(self.word)


@asynccontextmanager
async def _opened(word: str) -> AsyncIterator[Hooked]:
    yield _Stamping(word)


class _Stamping(Hooked):
    def __init__(self, word: str) -> None:
        self._word = word

    async def before_send(self, prompt: Prompt) -> Prompt:
        return msgspec.structs.replace(prompt, text=f"{prompt.text} {self._word}")
