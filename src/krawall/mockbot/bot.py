"""What is said: the tokenizer, and the answer to a conversation under a persona. Pure and seeded.

The text depends on (seed, persona, messages, length spread) alone, never on the order or the time of requests.
"""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import blake2b
from random import Random
from typing import Literal

import msgspec

from krawall.mockbot.personas import PERSONAS, Message, Said, Turn
from krawall.mockbot.spread import Spread

_KNOWN = 1_000  # answers kept
_PIECE = re.compile(r"\s*\S{1,8}|\s+")


def pieces(text: str) -> list[str]:
    """Split into tokens: words with the white space before them, long words cut every 8 characters.

    White space at the very end is a token of its own. `"".join(pieces(text)) == text`.
    """
    return _PIECE.findall(text)


def count_tokens(text: str) -> int:
    """Return the number of tokens of a text, as usage reports it."""
    return len(_PIECE.findall(text))


class Ask(msgspec.Struct, frozen=True):
    """A conversation so far, waiting for its next reply.

    `json_fields` is set when the request itself asks for a JSON reply: field name to JSON type; empty when the prompt names them.
    """

    messages: list[Message]
    max_tokens: int | None = None
    json_fields: dict[str, str] | None = None


class Answer(msgspec.Struct, frozen=True):
    """A reply and its exact bill. `pieces` are the tokens to send, in order.

    `cached_tokens` is what an ideal prefix cache would have seen before: the prompt of the conversation's previous turn,
    that is, every message before the last reply. Nothing is reasoned about, so reasoning tokens are always 0.
    """

    pieces: list[str]
    finish: Literal["stop", "length"]
    prompt_tokens: int
    cached_tokens: int

    @property
    def text(self) -> str:
        """The whole reply."""
        return "".join(self.pieces)


class Speaker:
    """Answers conversations, and keeps recent answers, so that a question heard before costs no more than its digest."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, str, int | None, Spread], Answer] = {}

    def answer(self, ask: Ask, persona: str, seed: int, length: Spread) -> Answer:
        """Do what `answer` does."""
        number = _digest(ask.messages, persona, seed)
        key = (number, str(ask.json_fields), ask.max_tokens, length)
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= _KNOWN:
                self._known.clear()
            known = self._known[key] = _answer(ask, persona, seed, length, Random(number))
        return known


def answer(ask: Ask, persona: str, seed: int, length: Spread) -> Answer:
    """Answer a conversation. `length` is the reply's length in tokens where the persona does not fix it (at least 1).

    Raises KeyError for an unknown persona.
    """
    return _answer(ask, persona, seed, length, Random(_digest(ask.messages, persona, seed)))


def _answer(ask: Ask, persona: str, seed: int, length: Spread, rng: Random) -> Answer:
    tokens = max(1, length.draw(rng))
    said = PERSONAS[persona](Turn(ask.messages, tokens, rng, seed, ask.json_fields))
    reply = _fitted(said, rng)
    finish: Literal["stop", "length"] = "stop"
    if ask.max_tokens is not None and len(reply) > ask.max_tokens:
        del reply[ask.max_tokens :]
        finish = "length"
    counts = [count_tokens(message.text) for message in ask.messages]
    return Answer(reply, finish, sum(counts), sum(counts[: _previous_prompt(ask.messages)]))


def _digest(messages: list[Message], persona: str, seed: int) -> int:
    """Return 128 bits that stand for all that was said."""
    digest = blake2b(f"{seed} {persona}".encode(), digest_size=16)
    for message in messages:
        digest.update(f"\0{message.role}\0{len(message.text)}\0{message.text}".encode())
    return int.from_bytes(digest.digest(), "big")


def _previous_prompt(messages: list[Message]) -> int:
    """Return how many messages the previous turn's prompt had."""
    for index in range(len(messages) - 1, -1, -1):
        if messages[index].role == "assistant":
            return index
    return 0


@lru_cache(maxsize=64)
def _cut(sentence: str) -> list[str]:
    return pieces(sentence)


def _fitted(said: Said, rng: Random) -> list[str]:
    """Bring the text to the length that was asked for; a text without filler keeps its own."""
    reply = pieces(said.text)
    if not said.filler:
        return reply
    while len(reply) < said.tokens:
        reply += _cut(rng.choice(said.filler))
    del reply[said.tokens :]
    if said.ending:
        reply[-1] = said.ending
    elif len(reply[-1].strip()) < 8:
        reply[-1] = reply[-1].rstrip(".,:;?!") + "."
    return reply
