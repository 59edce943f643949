"""The output items of an OpenAI response: what was thought, a message, a call of a function."""

from __future__ import annotations

from typing import Any

from krawall.mockbot.dialect import Reply


def reasoning(reply: Reply, *, shown: bool) -> dict[str, Any]:
    """Return the item of thoughts: one summary where they are shown, none otherwise."""
    summary = [{"type": "summary_text", "text": reply.answer.thought}] if shown else []
    return {"id": f"rs_{reply.number}", "type": "reasoning", "summary": summary}


def message(reply: Reply, status: str) -> dict[str, Any]:
    """Return the item of a message; it has no content while it is in progress."""
    content = [] if status == "in_progress" else [part(reply, reply.answer.text)]
    return {
        "id": f"msg_{reply.number}",
        "type": "message",
        "status": status,
        "role": "assistant",
        "content": content,
    }


def part(reply: Reply, text: str) -> dict[str, Any]:
    """Return the content of a message: a text or a refusal."""
    if reply.answer.kind == "refusal":
        return {"type": "refusal", "refusal": text}
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def function_call(reply: Reply, status: str) -> dict[str, Any]:
    """Return the item of a call; it has no arguments while it is in progress."""
    return {
        "id": f"fc_{reply.number}",
        "type": "function_call",
        "status": status,
        "call_id": f"call_{reply.number}",
        "name": reply.answer.tool,
        "arguments": "" if status == "in_progress" else reply.answer.text,
    }
