"""What the names in texts stand for, looked up only by texts that use them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from krawall.clock import iso
from krawall.conversation.dice import Dice
from krawall.conversation.facts import NotJson, read_json

if TYPE_CHECKING:
    from krawall.engine.conversation import Talk


def _reply_json(talk: Talk) -> object:
    try:
        return read_json(talk.last.text) if talk.last else None
    except NotJson:
        return None


def _loop(talk: Talk) -> object:
    index, item, length = talk.loops[-1] if talk.loops else (0, None, 0)
    return {
        "index": index,
        "index0": index - 1,
        "item": item,
        "length": length,
        "first": index == 1,
        "last": index == length,
    }


def _usage(talk: Talk) -> object:
    usage = talk.usage
    return {
        "input": usage.tokens_in, "output": usage.tokens_out, "cached": usage.cached, "reasoning": usage.reasoning,
        "total": usage.tokens_in + usage.tokens_out, "cost": usage.cost_pico / 1e12,
    }  # fmt: skip


NAMES: dict[str, Callable[[Talk], object]] = {
    "turn": lambda talk: talk.turn,
    "conversation": lambda talk: talk.index,
    "user": lambda talk: talk.user.index,
    "loop": _loop,
    "reply": lambda talk: talk.last.text if talk.last else "",
    "reply_json": _reply_json,
    "history": lambda talk: talk.history.as_data(),
    "usage": _usage,
    "now": lambda talk: iso(talk.shard.wall_ns()),
    "rng": lambda talk: Dice(lambda: talk.rng),
    "data": lambda talk: talk.row or {},
    "var": lambda talk: talk.vars,
    "env": lambda talk: talk.program.env,
}

# The original product's names, in handlebars scenarios; what each means: conversation.names.ORIGINAL_NAMES.
ORIGINAL: dict[str, Callable[[Talk], object]] = {
    "messageIndex": lambda talk: talk.turn - 1,
    "repetitionIndex": lambda talk: talk.loops[0][0] - 1 if talk.loops else 0,
    "timestamp": lambda talk: iso(talk.shard.wall_ns()),
    "lastResponse": lambda talk: talk.last.text if talk.last else "",
    "response": lambda talk: talk.last.text if talk.last else "",
    "conversationId": lambda talk: talk.conversation_id or str(talk.index),
    "messageCount": lambda talk: len(talk.history.messages),
    "tokenCount": lambda talk: talk.tokens_in + talk.tokens_out,
    "lastAssistantMessage": lambda talk: talk.last_of("assistant"),
    "lastUserMessage": lambda talk: talk.last_of("user"),
    "index": lambda talk: talk.loops[-1][0] - 1 if talk.loops else 0,
    "sessionId": lambda talk: talk.program.spec.session,
}
