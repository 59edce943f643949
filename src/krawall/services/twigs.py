"""An answer as a tree in which every value has the path that leads to it, so that a person can point at what is meant. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Literal

from krawall.model.base import Record
from krawall.services.leaves import MOST_DEPTH, Seen, inner, leaves, see

MOST_TWIGS = 400
"""Values that are shown of an answer, all its kinds of documents together."""
MOST_KINDS = 12
_SHOWN = 300  # letters of a value

Kind = Literal["text", "number", "bool", "null", "within"]


class Twig(Record, frozen=True):
    """A value by its name. `within` holds others, every other kind can be read by `path`."""

    name: str
    path: str
    kind: Kind
    value: str = ""
    twigs: list[Twig] = []


class Branch(Record, frozen=True):
    """One kind of document of an answer: `title` is what tells it from others, `count` how many there were."""

    title: str
    count: int
    twigs: list[Twig]


@lru_cache(maxsize=16)
def branches(answer: str) -> tuple[Branch, ...]:
    """Return the kinds of documents of an answer, in the order of their first; none: it is a text, or nothing.

    Where documents of several kinds have a value at the same path, the path says of which kind it is meant. The newest answers
    are remembered: a page looks at the same one while its form is filled in.
    """
    seen = seen_in(answer)
    kinds: dict[tuple[str, object], list[object]] = {}
    for document in seen.documents:
        kinds.setdefault((_word(document, seen), _shape(document)), []).append(document)
    shared = _shared([(word, {leaf.path for leaf in leaves(each[0])}) for (word, _), each in kinds.items()])
    made, left = [], [MOST_TWIGS]
    for (word, _), documents in list(kinds.items())[:MOST_KINDS]:
        guard = dict.fromkeys(shared, f" if {seen.kind_key} == '{word}'") if word else {}
        made.append(Branch(word, len(documents), _twigs(_fullest(documents), guard, left)))
    return tuple(made)


@lru_cache(maxsize=16)
def seen_in(answer: str) -> Seen:
    """Return what an answer is made of. The newest answers are remembered."""
    return see([answer.encode()])


def _shape(value: object) -> object:
    """Return what is the same for documents with values at the same places."""
    if isinstance(value, dict):
        return tuple((key, _shape(inner)) for key, inner in value.items())
    if isinstance(value, list):
        return tuple(map(_shape, value))
    return value is None


def _word(document: object, seen: Seen) -> str:
    word = document.get(seen.kind_key) if seen.kind_key and isinstance(document, dict) else None
    return word if isinstance(word, str) and not set(word) & set("'\"\n") else ""


def _shared(kinds: Sequence[tuple[str, set[str]]]) -> set[str]:
    """Return the paths that documents of different words have."""
    words: dict[str, set[str]] = {}
    for word, paths in kinds:
        for path in paths:
            words.setdefault(path, set()).add(word)
    return {path for path, of in words.items() if len(of) > 1}


def _fullest(documents: Sequence[object]) -> object:
    """Return the first document that has the most to show: the first event of a stream often holds an empty text."""
    return max(documents[:20], key=lambda document: sum(bool(leaf.value) for leaf in leaves(document)))


def _twigs(document: object, guard: Mapping[str, str], left: list[int]) -> list[Twig]:
    if not isinstance(document, dict | list):
        return [Twig("$", "$", _kind(document), _text(document))]
    return _below(document, "", guard, left, 0)


def _below(
    value: dict[str, object] | list[object], path: str, guard: Mapping[str, str], left: list[int], depth: int
) -> list[Twig]:
    made = []
    for item, at, *_ in inner(value, path, (), "", ""):
        if left[0] <= 0 or depth >= MOST_DEPTH:
            break
        left[0] -= 1
        name = at[len(path) :].removeprefix(".")
        if isinstance(item, dict | list) and item:
            made.append(Twig(name, at, "within", "", _below(item, at, guard, left, depth + 1)))
        else:
            made.append(Twig(name, at + guard.get(at, ""), _kind(item), _text(item)))
    return made


def _kind(value: object) -> Kind:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "bool"
    return "number" if isinstance(value, int | float) else "text"


def _text(value: object) -> str:
    if isinstance(value, str):
        return value[:_SHOWN]
    return (
        {None: "null", True: "true", False: "false"}[value] if value is None or isinstance(value, bool) else str(value)
    )
