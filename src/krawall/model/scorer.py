"""The contract of a scorer: how good a reply is, from 0 to 1. Pure: the same texts have the same score, on every machine."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from krawall.model.base import Document, Record


class Score(Record, frozen=True):
    """A score from 0 (bad) to 1 (good) and why; `value` None: the scorer has no opinion on this reply."""

    value: float | None
    why: str = ""


@dataclass(frozen=True)
class Context:
    """What else a scorer may look at: the turns before, oldest first, as (said, heard); the system message; a reference text."""

    before: Sequence[tuple[str, str]] = field(default_factory=list)
    system: str = ""
    reference: str = ""


class Scorer(Document):
    """Settings of a scorer. The file name is the kind."""

    api: ClassVar[int] = 1
    shorthand: ClassVar[str] = ""
    kind: str

    @abstractmethod
    def score(self, said: str, heard: str, context: Context) -> Score:
        """Return how good the reply `heard` to `said` is. Must not wait, and not raise for any text."""
