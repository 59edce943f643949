"""Which dialect answers at which path."""

from __future__ import annotations

from krawall.mockbot import anthropic, gemini, ollama, openai, responses, simple
from krawall.mockbot.dialect import Dialect

_FIXED: dict[str, Dialect] = {
    openai.PATH: openai,
    simple.PATH: simple,
    anthropic.PATH: anthropic,
    responses.PATH: responses,
    ollama.PATH: ollama,
}


def dialect_at(path: str, query: str) -> Dialect | None:
    """Return the dialect of chats at a path, None where there is none. `query` is what follows the question mark."""
    fixed = _FIXED.get(path)
    if fixed is not None:
        return fixed
    if openai.is_deployment(path):
        return responses if path.endswith("/responses") else openai
    return gemini.at(path, query)
