"""The personas: what each says at a given point of a conversation. Pure; randomness comes from the turn's generator.

default, rate-limited, flaky   short answers that take up the prompt's words, sums, recall of "my X is Y", JSON on request
shop                           prices and orders
support                        asks back twice, then escalates with a ticket
code                           each answer is longer than the one before
repetitive                     the same sentence every time
echo                           the user's last message
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from random import Random
from zlib import crc32

import msgspec

from krawall.mockbot.skills import json_reply, key_words, recall, statement, sum_up

_LEADS = (
    "About {}: I have had a look and can help.",
    "You asked about {}. Here is what I know.",
    "Thank you for asking about {}.",
    "Regarding {}, this is how it works.",
)
_FILLER = (
    " Most people find the answer in the first two steps.",
    " It takes a moment, then the result shows up on the page.",
    " You can change this later in the settings.",
    " If anything looks odd, tell me and I will check it again.",
    " The usual case needs nothing more from you.",
    " We keep a note of it so that you do not have to repeat it.",
)
_CODE = (
    "\n    total += item.price * item.count",
    "\n    if total > limit: return limit",
    "\n    rows = sorted(rows, key=by_date)",
    "\n    for row in rows: seen.add(row.id)",
    "\n    result = merge(result, part)",
)
_WARES = {
    "lamp": "24.90",
    "chair": "89.00",
    "desk": "249.00",
    "kettle": "39.50",
    "backpack": "64.00",
    "headset": "119.00",
}
_SENTENCE = "Thank you, I have noted that and will help you with it right away."


class Message(msgspec.Struct, frozen=True):
    """One message of a conversation; `role` is system, user or assistant."""

    role: str
    text: str


class Turn:
    """What a persona may look at. `tokens` is the length wished for, `last` the newest user message."""

    def __init__(
        self, messages: list[Message], tokens: int, rng: Random, seed: int, json_fields: dict[str, str] | None
    ) -> None:
        self.said = [message.text for message in messages if message.role == "user"]
        self.last = self.said[-1] if self.said else ""
        self.tokens = tokens
        self.rng = rng
        self.seed = seed
        self.json_fields = json_fields

    def number(self, purpose: str) -> int:
        """Return four digits that stay the same for the whole conversation."""
        return crc32(f"{self.seed}\0{purpose}\0{self.said[0] if self.said else ''}".encode()) % 9000 + 1000


class Said(msgspec.Struct, frozen=True):
    """A text, and how to bring it to `tokens` tokens: by adding `filler`, or not at all when there is none.

    `ending` replaces the last token, to close what the cut left open.
    """

    text: str
    tokens: int = 0
    filler: Sequence[str] = ()
    ending: str = ""


def _default(turn: Turn) -> Said:
    exact = json_reply(turn.said, turn.json_fields, turn.rng) or sum_up(turn.last) or recall(turn.said)
    if exact:
        return Said(exact)
    words = key_words(turn.last)
    text = statement(turn.last) or (
        turn.rng.choice(_LEADS).format(_listed(words)) if words else "I am here. How can I help you?"
    )
    return Said(text, turn.tokens, _FILLER)


def _shop(turn: Turn) -> Said:
    lowered = turn.last.lower()
    ware = next((name for name in _WARES if name in lowered), None) or turn.rng.choice(sorted(_WARES))
    if re.search(r"\b(?:buy|order|take (?:it|one|the))\b", lowered):
        text = f"Your order SO-{turn.number('order')} for the {ware} is placed, {_WARES[ware]} EUR in total."
    else:
        days = turn.rng.randint(1, 5)
        text = f"The {ware} costs {_WARES[ware]} EUR and ships in {days} days. Shall I put it in your cart?"
    return Said(text, turn.tokens, _FILLER)


def _support(turn: Turn) -> Said:
    if len(turn.said) >= 3 or "escalat" in turn.last.lower():
        ticket = f"PH-{turn.number('ticket')}"
        return Said(
            f"I have escalated this to a colleague. Your ticket is {ticket}: "
            f'{{"ticket": {{"id": "{ticket}", "status": "open"}}}}'
        )
    words = _listed(key_words(turn.last)) or "this"
    text = (
        f"I am sorry about that. Which steps have you tried with {words} so far?"
        if len(turn.said) == 2
        else f"I am sorry to hear that. Could you tell me more about {words}?"
    )
    return Said(text, turn.tokens, _FILLER)


def _code(turn: Turn) -> Said:
    name = "_".join(word.lower() for word in key_words(turn.last) if word.isidentifier()) or "answer"
    grown = turn.tokens * max(1, len(turn.said))
    return Said(f"```python\ndef {name}(rows, limit):", max(2, grown), _CODE, "\n```")


def _repetitive(turn: Turn) -> Said:
    return Said(_SENTENCE)


def _echo(turn: Turn) -> Said:
    return Said(turn.last or "(empty)")


def _listed(words: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


PERSONAS: dict[str, Callable[[Turn], Said]] = {
    "default": _default,
    "shop": _shop,
    "support": _support,
    "code": _code,
    "repetitive": _repetitive,
    "rate-limited": _default,
    "flaky": _default,
    "echo": _echo,
}
