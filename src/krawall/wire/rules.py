"""Rules about messages, as people write them (`{path: type, equals: done}`) and compiled: which one ends a reply, which one counts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from krawall.model.base import Document, Duration
from krawall.wire.paths import Path, parse_path

Scalar = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Rule:
    """Holds for a message in which something stands at `path`, and is `equals` where that is given."""

    path: Path
    equals: Scalar | None = None

    def holds(self, document: object) -> bool:
        """Say whether it holds."""
        found = self.path.find(document)
        return bool(found) if self.equals is None else self.equals in found


class Where(Document):
    """A message in which something stands at `path`; with `equals`, this."""

    path: str
    equals: Scalar | None = None

    def rule(self) -> Rule:
        """Return it compiled. Raises ValueError when the path is none."""
        return Rule(parse_path(self.path), self.equals)


class Silence(Document):
    """The reply is over when nothing has come for so long."""

    silence: Duration


def rules_of(written: object) -> tuple[Rule, ...]:
    """Return the rules among what somebody wrote: one, a list of them, or something else that ends a reply. Raises ValueError."""
    each: Iterable[object] = written if isinstance(written, list) else (written,)
    return tuple(where.rule() for where in each if isinstance(where, Where))
