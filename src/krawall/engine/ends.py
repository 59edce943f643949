"""How a conversation leaves its steps early. Raised inside the engine only, never as a user's error."""

from __future__ import annotations


class Ended(Exception):
    """The scenario ended the conversation."""


class Failed(Exception):
    """The error policy or a hard check ended the conversation."""


class Stopped(Exception):
    """The session stops; the conversation is abandoned (or capped, when a budget is the reason)."""
