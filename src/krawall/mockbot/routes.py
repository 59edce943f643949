"""Which dialect answers at which path."""

from __future__ import annotations

from krawall.mockbot import anthropic, channels, gemini, jobs, ollama, openai, responses, simple
from krawall.mockbot.dialect import Dialect

_FIXED: dict[str, Dialect] = {
    openai.PATH: openai,
    simple.PATH: simple,
    anthropic.PATH: anthropic,
    responses.PATH: responses,
    ollama.PATH: ollama,
    jobs.PATH: jobs,
}


def dialect_at(path: str, query: str) -> Dialect | None:
    """Return the dialect of chats at a path, None where there is none. `query` is what follows the question mark."""
    fixed = _FIXED.get(path)
    if fixed is not None:
        return fixed
    if openai.is_deployment(path):
        return responses if path.endswith("/responses") else openai
    if path.startswith(channels.SEND_AT) and len(path) > len(channels.SEND_AT):
        return channels.Send(path.removeprefix(channels.SEND_AT))
    return gemini.at(path, query)


def stream_at(path: str) -> str:
    """Return the id of the stream that is listened to at a path, empty where there is none."""
    return path.removeprefix(channels.STREAM_AT) if path.startswith(channels.STREAM_AT) else ""
