"""Segments of logs for tests, and the messages in them worked out line by line: the slow road that the archive must agree with."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from krawall.archive.segments import open_segment, segments
from krawall.model.exchange import Exchange, Line
from krawall.wire.log import Header, encode_lines, read_lines


def write_segment(folder: Path, name: str, lines: Iterable[Line], tail: bytes = b"") -> Path:
    """Write `log/NAME.jsonl` in a session's folder; `tail`: bytes after the last line."""
    shard, process, number = map(int, name.split("-"))
    path = folder / "log" / f"{name}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    header = Header(1, "0", "ses_1", shard, process, number, "")
    path.write_bytes(encode_lines([header, *lines]) + tail)
    return path


def shown_messages(folder: Path) -> list[dict[str, Any]]:
    """Return the messages of a log as the API shows them."""
    found = []
    for key, path in segments(folder / "log").items():
        with open_segment(path) as file:
            for line in read_lines(file):
                if isinstance(line, Exchange):
                    order = line.done_ns, key.shard, key.attempt, line.conversation, line.turn, line.attempt
                    found.append((order, _shown(line, key.shard)))
    found.sort(key=lambda pair: pair[0])
    return [{"n": n, **message} for n, (_, message) in enumerate(found)]


def _shown(line: Exchange, shard: int) -> dict[str, Any]:
    fault, usage, sent = line.fault, line.usage, line.sent_ns
    ours = fault.kind.value if fault and fault.injected else None
    return {
        "conversation": line.conversation,
        "user": line.user,
        "turn": line.turn,
        "attempt": line.attempt,
        "step": line.step,
        "phase": line.phase,
        "at_ms": (sent or line.start_ns) / 1e6,
        "latency_ms": ((line.last_ns or line.done_ns) - sent) / 1e6 if sent else None,
        "ttft_ms": (line.seen_ns - sent) / 1e6 if line.seen_ns else None,
        "status": line.status if line.status is not None else fault.status if fault else None,
        "error": fault.kind.value if fault else None,
        "detail": fault.detail if fault else None,
        "injected": line.injected or ours,
        "tokens_in": usage.tokens_in if usage else None,
        "tokens_out": usage.tokens_out if usage else None,
        "estimated": usage.estimated if usage else False,
        "cost_usd": usage.cost_pico / 1e12 if usage else 0.0,
        "checks": [{"name": check.name, "ok": check.ok, "detail": check.detail} for check in line.checks],
        "repetition": line.repetition if line.repetition >= 0 else None,
        "shard": shard,
        "said": line.said,
        "heard": line.heard,
    }
