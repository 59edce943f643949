"""Whether a reply is what its author expects: one function for all conditions of an `expect`.

`similar` and `contains` compare letters and words: they are blind to negation ("it is here", "it is not here").
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable
from functools import lru_cache

import jsonpath
from rapidfuzz import fuzz

from krawall.conversation.facts import Facts, NotJson, read_json
from krawall.conversation.language import LANGUAGES, guess
from krawall.conversation.schema import compile_schema
from krawall.errors import Place
from krawall.model.base import format_duration, parse_duration, parse_size
from krawall.model.check import Expectation
from krawall.model.exchange import Check

__all__ = ["Facts", "NotJson", "check", "problems", "read_json", "similarity"]

SEARCHED = 100_000
"""So many characters of a reply a regular expression looks at. This bounds patterns that take quadratic time; a pattern
that takes exponential time, such as `(a+)+$`, is slow on thirty characters, and the author's to avoid."""

COMPARED = 5_000
"""So many characters of a reply and of its reference `similar` compares."""

_LIMIT = re.compile(r"(<=|>=|<|>|==|=)\s*(.+)")
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
    "==": operator.eq,
}


Condition = Callable[[Facts], str]
"""A compiled condition: returns why it does not hold, or an empty text."""


def check(expectation: Expectation, facts: Facts) -> Check:
    """Return whether `expectation` holds for a reply; `detail` of a failed check names what was found instead.

    `name` is the condition and what it asks for, as written: `contains: {{ data.order }}`. An expectation that cannot be
    understood (see `problems`) does not hold.
    """
    name, condition = _compiled(_Same(expectation))
    why = condition(facts)
    return Check(name, not why, why)


def problems(expectation: Expectation, path: str) -> list[Place]:
    """Return what is wrong with an expectation at `path` that its model cannot see: paths, schemas, units, languages."""
    word = expectation.condition
    try:
        _COMPILERS[word](expectation)
    except ValueError as error:
        return [Place(f"{path}.{word}", str(error))]
    return []


class _Same:
    """An expectation compared by identity, since it may hold what cannot be hashed; the cache keeps it alive."""

    __slots__ = ("it",)

    def __init__(self, it: Expectation) -> None:
        self.it = it

    def __hash__(self) -> int:
        return id(self.it)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.it is self.it


@lru_cache(maxsize=4096)
def _compiled(same: _Same) -> tuple[str, Condition]:
    expectation, word = same.it, same.it.condition
    try:
        condition = _COMPILERS[word](expectation)
    except ValueError as error:
        why = str(error)
        return word, lambda _facts: why
    return _name(expectation, word), condition


def _name(expectation: Expectation, word: str) -> str:
    if word == "schema":
        return word
    asked = expectation.json_path if word == "json" else getattr(expectation, word)
    tail = f" == {_short(_plain(expectation.equals), 40)}" if _wants_value(expectation) else ""
    return f"{word}: {_short(str(asked), 60)}{tail}"


def _short(text: str, length: int = 60) -> str:
    line = " ".join(text[: 4 * length].split())
    return line if len(line) <= length else line[: length - 1] + "…"


def _plain(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _reply(facts: Facts) -> str:
    return f"the reply is {_short(facts.text)!r}" if facts.text else "the reply is empty"


def _contains(expectation: Expectation) -> Condition:
    template = expectation.contains or ""

    def condition(facts: Facts) -> str:
        wanted = facts.render(template)
        return "" if wanted.casefold() in facts.folded else f"{_short(wanted)!r} is missing; {_reply(facts)}"

    return condition


def _lacks(expectation: Expectation) -> Condition:
    template = expectation.lacks or ""

    def condition(facts: Facts) -> str:
        unwanted = facts.render(template)
        at = facts.folded.find(unwanted.casefold())
        return "" if at < 0 else f"found: {_short(facts.folded[max(0, at - 20) : at + len(unwanted) + 20])!r}"

    return condition


def _regex(expectation: Expectation) -> Condition:
    try:
        search = re.compile(expectation.regex or "").search
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from None
    return lambda facts: "" if search(facts.text[:SEARCHED]) else f"nothing matches; {_reply(facts)}"


def _wants_value(expectation: Expectation) -> bool:
    return expectation.json_path is not None and "equals" in expectation.model_fields_set


def _json(expectation: Expectation) -> Condition:
    try:
        path = jsonpath.compile(expectation.json_path or "", strict=True)
    except jsonpath.JSONPathError as error:  # its text can fail on short paths, so only its first word is used
        raise ValueError(f"not a JSONPath: {error.args[0] if error.args else 'unknown mistake'}") from None
    wants_value, wanted = _wants_value(expectation), expectation.equals

    def condition(facts: Facts) -> str:
        try:
            found = path.findall(facts.json)
        except NotJson:
            return f"not JSON; {_reply(facts)}"
        if not found:
            return "the path finds nothing"
        if not wants_value or any(_equal(value, wanted) for value in found):
            return ""
        return f"found {_short(_plain(found[0]))}"

    return condition


def _equal(one: object, other: object) -> bool:
    """JSON's equality: 1 and 1.0 are equal, 1 and true are not."""
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _schema(expectation: Expectation) -> Condition:
    first_misfit = compile_schema(expectation.json_schema or {})

    def condition(facts: Facts) -> str:
        try:
            return _short(first_misfit(facts.json), 160)
        except NotJson:
            return f"not JSON; {_reply(facts)}"

    return condition


def _limited(word: str, limit: str | None, unit: str, measure: Callable[[Facts], int | None]) -> Condition:
    """Compile `< 2s` (`unit` ns) or `>= 10` (any other unit) over what `measure` gives."""
    parts = _LIMIT.fullmatch((limit or "").strip())
    if not parts:
        raise ValueError(f"{limit!r} is not a limit; write it like '< 2s' or '>= 10'")
    holds, bound = _COMPARE[parts[1]], (parse_duration if unit == "ns" else parse_size)(parts[2])

    def condition(facts: Facts) -> str:
        value = measure(facts)
        if value is None:
            return f"{word} was not measured"
        if holds(value, bound):
            return ""
        return f"was {_rounded(value) if unit == 'ns' else f'{value:,} {unit}'}"

    return condition


def _rounded(ns: int) -> str:
    """Write a duration with three figures or so: `1.23s`, `812ms`."""
    if ns >= 1_000_000_000:
        return f"{ns / 1e9:.2f}s"
    return f"{ns / 1e6:.0f}ms" if ns >= 10_000_000 else format_duration(round(ns, -3))


def _language(expectation: Expectation) -> Condition:
    wanted = (expectation.language or "").lower().partition("-")[0]
    if wanted not in LANGUAGES:
        raise ValueError(
            f"{expectation.language!r} is none of the languages that can be told: {', '.join(sorted(LANGUAGES))}"
        )

    def condition(facts: Facts) -> str:
        found = guess(facts.text)
        if found is None:
            return "too short to tell"
        return "" if found == wanted else f"looks like {found}; {_reply(facts)}"

    return condition


def _similar(expectation: Expectation) -> Condition:
    template, bound = expectation.similar or "", expectation.at_least

    def condition(facts: Facts) -> str:
        value = similarity(facts.text, facts.render(template))
        return "" if value >= bound else f"similarity is {value:.2f}; {_reply(facts)}"

    return condition


def similarity(text: str, reference: str) -> float:
    """Return 0..1: the mean of rapidfuzz's `token_set_ratio` (shared words, order and extra words ignored) and `ratio`
    (shared letters in order), letter case and spacing ignored. Blind to negation and to meaning."""
    one, other = (" ".join(part[:COMPARED].casefold().split()) for part in (text, reference))
    return (fuzz.token_set_ratio(one, other) + fuzz.ratio(one, other)) / 200


def _that(expectation: Expectation) -> Condition:
    expression = expectation.that or ""

    def condition(facts: Facts) -> str:
        value = facts.evaluate(expression)
        return "" if value else f"is {_short(_plain(value))}"

    return condition


_COMPILERS: dict[str, Callable[[Expectation], Condition]] = {
    "contains": _contains,
    "lacks": _lacks,
    "regex": _regex,
    "json": _json,
    "schema": _schema,
    "length": lambda it: _limited("length", it.length, "characters", lambda facts: len(facts.text)),
    "latency": lambda it: _limited("latency", it.latency, "ns", lambda facts: facts.latency_ns),
    "ttft": lambda it: _limited("ttft", it.ttft, "ns", lambda facts: facts.ttft_ns),
    "tokens": lambda it: _limited("tokens", it.tokens, "tokens", lambda facts: facts.tokens_out),
    "language": _language,
    "similar": _similar,
    "that": _that,
}
