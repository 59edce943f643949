"""What the bot does instead of plainly answering: it thinks first, refuses, or asks for a tool to be called. Pure."""

from __future__ import annotations

from random import Random
from typing import Literal

import msgspec

from krawall.mockbot.skills import json_reply, key_words

Kind = Literal["text", "tool", "refusal"]

REFUSAL = "I am sorry, but I cannot help with that request."

_THOUGHTS = (
    " First I look at what was asked, and at what was said before.",
    " There are two ways to read this, and the plain one is likelier.",
    " I should name the next step and keep it short.",
    " Let me check that against the facts that I have.",
)


class Tool(msgspec.Struct, frozen=True):
    """A function that the client offers: its name, and its parameters' names with their JSON types."""

    name: str
    parameters: dict[str, str]


LOOK_UP = Tool("look_up", {"query": "string"})
"""What is called when the client offers nothing."""


def thoughts(last: str, rng: Random) -> str:
    """Return some sentences about the newest user message, each after a space; the caller repeats and cuts them."""
    words = ", ".join(key_words(last)) or "nothing in particular"
    return f" The user writes about {words}." + "".join(rng.sample(_THOUGHTS, len(_THOUGHTS)))


def arguments(tool: Tool, said: list[str], rng: Random) -> str:
    """Return the JSON object that a tool is called with: facts of the conversation where it knows them, else drawn."""
    if not tool.parameters:
        return "{}"
    return json_reply(said, tool.parameters, rng)


def kinds(schema: object) -> dict[str, str]:
    """Read names and types out of the properties of a JSON Schema; what has no plain type is a string."""
    properties = schema.get("properties") if isinstance(schema, dict) else None
    if not isinstance(properties, dict):
        return {}
    types = {name: each.get("type") if isinstance(each, dict) else None for name, each in properties.items()}
    return {str(name): kind.lower() if isinstance(kind, str) else "string" for name, kind in types.items()}


def read_back(text: str) -> dict[str, object]:
    """Return the arguments of a call as an object: empty where a maximum cut them, so that they are no JSON any more."""
    try:
        return msgspec.json.decode(text, type=dict[str, object])
    except msgspec.DecodeError:
        return {}
