"""What the default persona can really do: sums, recall of facts, JSON on request, taking up key words. Pure.

Each skill returns the whole reply, or "" when the message does not call for it. Only the end of a long message is read
for a question, so a large prompt costs no more than a small one.
"""

from __future__ import annotations

import re
from random import Random

import msgspec

_READ = 2_000  # characters of a message that are searched

_SUM = re.compile(
    r"(?<![\w.-])-?\d{1,15}(?:\s*(?:\+|\*|×)\s*-?\d{1,15}|\s+(?:-|x|plus|minus|times)\s+-?\d{1,15})+(?![\w.]*\d)",
    re.IGNORECASE,
)
_TERM = re.compile(r"(\+|\*|×|x|plus|minus|times|(?<=\s)-(?=\s))?\s*(-?\d+)", re.IGNORECASE)
_MY = re.compile(r"\b[Mm][Yy] ")
_FACT = re.compile(
    r"\bmy ([a-z][a-z -]{0,30}?) is (?!my\b)([^,;!?\n]{1,80}?)(?=\.?\s*$|[.,;!?\n](?:\s|$)|\s+(?:and|but)\b)",
    re.IGNORECASE | re.MULTILINE,
)
_RECALL = re.compile(
    r"\b(?:what|which|who|remember|recall|tell me)\b[^.!?\n]{0,60}?\bmy ([a-z][a-z -]{0,30}?)\s*(?:[?.!]|$|\bis\b)",
    re.IGNORECASE,
)
_KEYS = re.compile(
    r"\b(?:keys?|fields?|properties)\b\s*:?\s*((?:[\w-]+(?:\s*,\s*(?:and\s+)?|\s+and\s+))*[\w-]+)", re.IGNORECASE
)
_QUOTED = re.compile(r"[\"'`]([A-Za-z_][\w-]{0,40})[\"'`]")
_JSON = re.compile(r"\bjson\b", re.IGNORECASE)
_DIGIT = re.compile(r"\d")
_WORD = re.compile(r"[^\W_](?:[\w-]{0,22}[^\W_])?")
_COMMON = frozenset(
    [
        "about",
        "after",
        "again",
        "also",
        "answer",
        "because",
        "been",
        "before",
        "being",
        "could",
        "does",
        "doing",
        "done",
        "each",
        "from",
        "give",
        "good",
        "have",
        "hello",
        "here",
        "into",
        "just",
        "know",
        "like",
        "make",
        "many",
        "more",
        "morning",
        "most",
        "much",
        "need",
        "only",
        "other",
        "over",
        "please",
        "really",
        "should",
        "some",
        "such",
        "tell",
        "than",
        "thank",
        "thanks",
        "that",
        "their",
        "them",
        "then",
        "there",
        "these",
        "they",
        "thing",
        "this",
        "those",
        "today",
        "very",
        "want",
        "was",
        "were",
        "what",
        "when",
        "where",
        "which",
        "while",
        "will",
        "with",
        "would",
        "your",
        "yours",
        "evening",
        "afternoon",
    ]
)
_NUMERIC = ("age", "amount", "count", "number", "price", "quantity", "score", "total", "year")
_VALUES = ("amber", "birch", "cedar", "delta", "ember", "fjord")


def sum_up(message: str) -> str:
    """Answer a sum of whole numbers: `What is 3 plus 4?`, `3 + 4 * 2`. Times binds before plus and minus."""
    found = _SUM.search(message[-_READ:])
    if not found:
        return ""
    terms: list[int] = []
    for sign, digits in _TERM.findall(found[0]):
        number = int(digits)
        if sign.lower() in ("*", "×", "x", "times"):
            terms[-1] *= number
        else:
            terms.append(-number if sign.lower() in ("-", "minus") else number)
    return f"{found[0]} is {sum(terms)}."


def recall(said: list[str]) -> str:
    """Answer `what is my X?` from the newest `my X is Y` among the user's messages."""
    last = said[-1][-_READ:] if said else ""
    asked = _RECALL.search(last) if _MY.search(last) else None
    if not asked:
        return ""
    thing = asked[1].lower()
    value = _fact(said, thing)
    return f"Your {thing} is {value}." if value else f"You have not told me your {thing} yet."


def statement(message: str) -> str:
    """Acknowledge `my X is Y`."""
    message = message[-_READ:]
    fact = _FACT.search(message) if _MY.search(message) else None
    return f"Noted, your {fact[1]} is {fact[2].strip()}." if fact else ""


def json_reply(said: list[str], fields: dict[str, str] | None, rng: Random) -> str:
    """Answer with a JSON object, when the request (`fields` is not None) or the newest message asks for JSON.

    Fields come from the request, else from the names quoted in the message, else from `keys a, b and c`. Values are facts
    of the conversation where it knows them, else drawn.
    """
    last = said[-1][-_READ:] if said else ""
    if fields is None and not _JSON.search(last):
        return ""
    wanted = fields or dict.fromkeys(_named(last) or ["answer"], "")
    reply = {name: _value(name, kind, said, rng) for name, kind in wanted.items()}
    return msgspec.json.encode(reply).decode()


def key_words(message: str) -> list[str]:
    """Return up to three words worth taking up: those with a digit (order numbers) first, then long, uncommon ones."""
    marked: list[str] = []
    plain: list[str] = []
    for word in _WORD.findall(message[:_READ]):
        if not word.isalpha() and _DIGIT.search(word):
            if word not in marked:
                marked.append(word)
        elif len(word) > 3 and len(plain) < 3 and word.lower() not in _COMMON and word not in plain:
            plain.append(word)
        if len(marked) == 2 and plain:
            break
    return (marked[:2] + plain)[:3]


def _fact(said: list[str], thing: str) -> str:
    for message in reversed(said):
        for name, value in reversed(_FACT.findall(message[-_READ:])):
            if name.lower() == thing:
                return str(value).strip()
    return ""


def _named(message: str) -> list[str]:
    quoted = [name for name in _QUOTED.findall(message) if name.lower() != "json"]
    if quoted:
        return quoted
    listed = _KEYS.search(message)
    return [name for name in re.split(r"\s*,\s*(?:and\s+)?|\s+and\s+", listed[1]) if name] if listed else []


def _value(name: str, kind: str, said: list[str], rng: Random) -> object:
    known = _fact(said, name.lower().replace("_", " ")) if kind in ("", "string") else ""
    if known:
        return known
    kind = kind or ("integer" if name.lower() in _NUMERIC else "string")
    drawn: dict[str, object] = {
        "integer": rng.randint(1, 99),
        "number": rng.randint(10, 9999) / 100,
        "boolean": rng.random() < 0.5,
        "array": [],
        "object": {},
    }
    return drawn[kind] if kind in drawn else rng.choice(_VALUES)
