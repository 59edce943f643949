"""What is said: the tokenizer, and the answer to a conversation under a persona. Pure and seeded.

The text depends on (seed, persona, messages, length spread) alone, never on the order or the time of requests.
"""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import blake2b
from itertools import cycle, islice
from random import Random
from typing import Literal

import msgspec

from krawall.mockbot import manner
from krawall.mockbot.manner import Kind, Tool
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
    `tools` are what the client offers to call.
    """

    messages: list[Message]
    max_tokens: int | None = None
    json_fields: dict[str, str] | None = None
    tools: tuple[Tool, ...] = ()


class Answer(msgspec.Struct, frozen=True):
    """A reply and its exact bill. `pieces` are the tokens to send, in order; `kind` says what they make up.

    For the kind tool they are the JSON of the arguments, and `tool` is the name. `thoughts` are tokens sent or thought before
    them; a maximum counts both. `cached_tokens` is what an ideal prefix cache would have seen before: the prompt of the
    conversation's previous turn, that is, every message before the last reply.
    """

    pieces: list[str]
    finish: Literal["stop", "length"]
    prompt_tokens: int
    cached_tokens: int
    thoughts: list[str] = []
    kind: Kind = "text"
    tool: str = ""

    @property
    def text(self) -> str:
        """The whole reply, without the thoughts."""
        return "".join(self.pieces)

    @property
    def thought(self) -> str:
        """All that was thought."""
        return "".join(self.thoughts)

    @property
    def tokens(self) -> int:
        """How many tokens were made, thoughts among them."""
        return len(self.thoughts) + len(self.pieces)


class Speaker:
    """Answers conversations, and keeps recent answers, so that a question heard before costs no more than its digest."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, str, int | None, Spread, Spread | None, str], Answer] = {}

    def answer(
        self, ask: Ask, persona: str, seed: int, length: Spread, reasoning: Spread | None = None, kind: Kind = "text"
    ) -> Answer:
        """Do what `answer` does."""
        number = _digest(ask.messages, persona, seed)
        meant = kind if kind != "tool" else f"tool {ask.tools}"
        key = (number, str(ask.json_fields), ask.max_tokens, length, reasoning, meant)
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= _KNOWN:
                self._known.clear()
            known = self._known[key] = _answer(ask, persona, seed, number, length, reasoning, kind)
        return known


def answer(
    ask: Ask, persona: str, seed: int, length: Spread, reasoning: Spread | None = None, kind: Kind = "text"
) -> Answer:
    """Answer a conversation. `length` is the reply's length in tokens where the persona does not fix it (at least 1).

    `reasoning` is how many tokens are thought before it. A tool is called in answer to a user only, not to a tool's result,
    so that a conversation comes to its end. Raises KeyError for an unknown persona.
    """
    return _answer(ask, persona, seed, _digest(ask.messages, persona, seed), length, reasoning, kind)


def _answer(
    ask: Ask, persona: str, seed: int, number: int, length: Spread, reasoning: Spread | None, kind: Kind
) -> Answer:
    rng = Random(number)
    tokens = max(1, length.draw(rng))
    turn = Turn(ask.messages, tokens, rng, seed, ask.json_fields)
    tool = ""
    if kind == "tool" and ask.messages[-1].role == "user":
        chosen = rng.choice(ask.tools or (manner.LOOK_UP,))
        tool, reply = chosen.name, pieces(manner.arguments(chosen, turn.said, rng))
    elif kind == "refusal":
        reply = pieces(manner.REFUSAL)
    else:
        kind, reply = "text", _fitted(PERSONAS[persona](turn), rng)
    thoughts = _thoughts(turn.last, reasoning, Random(f"{number} thoughts")) if reasoning else []
    finish: Literal["stop", "length"] = "stop"
    if ask.max_tokens is not None and len(thoughts) + len(reply) > ask.max_tokens:
        del thoughts[ask.max_tokens :], reply[ask.max_tokens - len(thoughts) :]
        finish = "length"
    counts = [count_tokens(message.text) for message in ask.messages]
    cached = sum(counts[: _previous_prompt(ask.messages)])
    return Answer(reply, finish, sum(counts), cached, thoughts, kind, tool)


def _thoughts(last: str, reasoning: Spread, rng: Random) -> list[str]:
    cut = list(islice(cycle(pieces(manner.thoughts(last, rng))), reasoning.draw(rng)))
    return [cut[0].lstrip(), *cut[1:]] if cut else cut


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
