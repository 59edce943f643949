"""Where the parts of a reply probably stand: paths suggested from what a target sent, the likeliest first. Pure.

A guess by names and values: it knows how people call such fields, not who serves them. What it suggests can be read by
`wire.paths` and finds its sample in what was sent.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from krawall.model.base import Record
from krawall.services.leaves import Leaf, Seen, leaves, see
from krawall.wire.document import count
from krawall.wire.paths import parse_path

MOST_PER_PART = 3
_SAMPLE = 120  # letters

Part = Literal[
    "text", "reasoning", "finish", "error", "conversation_id", "usage.input", "usage.output", "usage.cached",
    "usage.cache_write", "usage.reasoning", "done", "format",
]  # fmt: skip


class Suggestion(Record, frozen=True):
    """A path for one part of a reply mapping, and the beginning of what stands there. For `done` and `format` the value itself."""

    part: Part
    path: str
    sample: str


@dataclass(frozen=True)
class _Found:
    """Everything at one path: the values in order, and in how many events."""

    path: str
    keys: tuple[str, ...]  # names on the way, `a_b` and `aB` both as `ab`
    values: list[object]
    role: str
    kind: str  # of the object that holds it, or of the event

    @property
    def text(self) -> str:
        """The values as one text, as a stream of pieces gives it."""
        return "".join(value for value in self.values if isinstance(value, str))


def suggest(
    pieces: Sequence[bytes], said: str = "", failed: bool = False, scrub: Callable[[str], str] = str
) -> list[Suggestion]:
    """Return suggestions for a reply, by part and likelihood.

    Args:
        pieces: the body as it came, or the messages of a connection.
        said: what the target was asked, which is rarely its answer.
        failed: the reply's status was that of an error.
        scrub: takes out of samples what nobody may see.
    """
    seen = see(pieces)
    found = _grouped(seen)
    made = [*_format(seen, found), *_ranked("text", scrub, ((_text_score(each, seen, said), each) for each in found))]
    made += _ranked("reasoning", scrub, ((_reasoning_score(each), each) for each in found))
    made += _ranked("finish", scrub, ((_word_score(each, _FINISH), each) for each in found))
    made += _ranked("error", scrub, ((_error_score(each, failed), each) for each in found))
    made += _ranked("conversation_id", scrub, ((_id_score(each), each) for each in found))
    for part in _USAGE:
        made += _ranked(part, scrub, ((_usage_score(each, part), each) for each in found))
    if seen.end:
        made.append(Suggestion("done", seen.end, seen.end))
    return made


def _format(seen: Seen, found: list[_Found]) -> list[Suggestion]:
    if seen.shape == "lines":
        return [Suggestion("format", "ndjson", "")]
    return [Suggestion("format", "text", seen.text[:_SAMPLE])] if seen.shape == "text" and not found else []


def _ranked(part: Part, scrub: Callable[[str], str], scored: Iterable[tuple[float, _Found]]) -> list[Suggestion]:
    """Return the best few of those that have a chance at all."""
    likely = [(-score, len(each.keys), each.path, each) for score, each in scored if score > 0]
    best = sorted(likely, key=lambda found: found[:3])
    readable = [each for *_, path, each in best[: 3 * MOST_PER_PART] if _is_path(path)]
    return [Suggestion(part, each.path, scrub(_sample(part, each))[:_SAMPLE]) for each in readable[:MOST_PER_PART]]


def _sample(part: Part, found: _Found) -> str:
    if part in ("text", "reasoning"):
        return found.text
    value = max((count(each) or 0 for each in found.values), default=0) if part in _USAGE else found.values[-1]
    return str(value)


# what is where -------------------------------------------------------------------------------------------


def _grouped(seen: Seen) -> list[_Found]:
    """Return what stands in all documents by its path; where events of several kinds share one, by kind."""
    by_path: dict[str, list[tuple[Leaf, str]]] = {}
    for document in seen.documents:
        event = _event_kind(document, seen.kind_key)
        for leaf in leaves(document):
            by_path.setdefault(leaf.path, []).append((leaf, event))
    made = []
    for path, found in by_path.items():
        kinds = list(dict.fromkeys(event for _, event in found))
        for kind in kinds:
            guarded = f"{path} if {seen.kind_key} == '{kind}'" if len(kinds) > 1 and kind else path
            mine = [leaf for leaf, event in found if event == kind] if len(kinds) > 1 else [leaf for leaf, _ in found]
            first = mine[0]
            made.append(
                _Found(guarded, first.names, [leaf.value for leaf in mine], first.role, f"{first.kind} {kind}".strip())
            )
    return made


def _event_kind(document: object, key: str) -> str:
    kind = document.get(key) if key and isinstance(document, dict) else None
    return kind if isinstance(kind, str) and not set(kind) & set("'\"\n") else ""


def _is_path(text: str) -> bool:
    try:
        parse_path(text)
    except ValueError:
        return False
    return True


# texts ---------------------------------------------------------------------------------------------------

_TEXT_NAMES = {
    "reply": 7, "answer": 7, "outputtext": 7, "generatedtext": 7, "completion": 6, "response": 6, "content": 6, "text": 6,
    "message": 5, "output": 5, "delta": 5, "token": 4, "msg": 5, "utterance": 5, "result": 4, "say": 4, "speech": 4,
    "body": 3, "value": 2, "data": 2, "chunk": 4, "markdown": 3,
}  # fmt: skip
_NOT_TEXT = {
    "prompt", "input", "inputs", "instructions", "system", "question", "query", "id", "url", "uri", "href", "link", "model",
    "role", "type", "object", "created", "createdat", "timestamp", "time", "date", "name", "title", "description", "status",
    "state", "event", "code", "error", "errors", "reasoning", "reasoningcontent", "thinking", "thought", "thoughts", "summary",
    "fingerprint", "systemfingerprint", "signature", "encryptedcontent", "language", "locale", "version", "finishreason",
    "stopreason", "donereason", "obfuscation", "arguments", "partialjson", "etag", "hash", "logprobs", "refusal", "user",
    "email", "traceid", "requestid",
}  # fmt: skip
_ASIDE = {
    "usage", "metadata", "meta", "debug", "request", "prompt", "input", "source", "sources", "citations", "context", "documents",
    "error", "errors", "reasoning", "thinking", "tools", "toolcalls", "logprobs", "annotations", "headers", "safetyratings",
}  # fmt: skip
_AROUND = {
    "message",
    "choices",
    "delta",
    "output",
    "candidates",
    "response",
    "parts",
    "content",
    "answer",
    "reply",
    "generations",
}
_MACHINE = re.compile(r"[\w.:/+=-]*[0-9_:/+=-][\w.:/+=-]*")
_DATE = re.compile(r"\d{4}-\d\d-\d\d[T ]?")


def _text_score(found: _Found, seen: Seen, said: str) -> float:
    text = found.text
    if not text.strip() or not all(isinstance(value, str) for value in found.values):
        return 0.0
    name = found.keys[-1] if found.keys else "text"
    if (
        name in _NOT_TEXT
        or name in _IDS
        or name.endswith("id")
        or set(found.keys[:-1]) & _ASIDE
        or found.role in ("user", "system", "tool", "function")
    ):
        return 0.0
    score = 1.0 + _TEXT_NAMES.get(name, 0) + min(2, len(set(found.keys[:-1]) & _AROUND))
    score += 4 * (found.role in ("assistant", "model", "bot", "ai", "agent")) + _kind_score(found.kind)
    score += min(4.0, math.log2(len(text)) / 2) + 2 * (" " in text.strip())
    score -= 5 * bool(_DATE.match(text) or "://" in text[:12])
    score -= 5 * bool(len(text) >= 12 and _MACHINE.fullmatch(text)) + 6 * (text.strip() == said.strip() != "")
    return score + _stream_score(found.values, len(seen.documents))


def _kind_score(kind: str) -> float:
    """Return what the type of a part or an event says: `text_delta` is for people, `reasoning_summary` is not."""
    words = kind.lower()
    if re.search(r"reason|think|thought|tool|function|argument|json|user|input|error|refusal|audio|transcript", words):
        return -8.0
    return 2.0 * ("text" in words or "message" in words) + 1.0 * ("delta" in words)


def _stream_score(values: list[object], documents: int) -> float:
    """Return what it says that a text comes in pieces: the same one again and again is none, a growing one no delta."""
    texts = [value for value in values if isinstance(value, str)]
    if documents < 3 or len(texts) < 2:
        return 0.0
    if len(set(texts)) == 1 and len(texts) >= 3:
        return -8.0
    grows = all(after.startswith(before) for before, after in pairwise(texts))
    return -4.0 if grows and len(texts) >= 3 else 3.0


def _reasoning_score(found: _Found) -> float:
    if not found.text.strip() or set(found.keys) & {"usage", "signature", "error"}:
        return 0.0
    name = found.keys[-1] if found.keys else ""
    if name in ("reasoning", "reasoningcontent", "thinking", "thought", "thoughts"):
        return 5.0
    if re.search(r"reason|think|thought", found.kind) and name in ("text", "delta", "content", "summary"):
        return 4.0 + 1.0 * ("delta" in found.kind)
    return 0.0


# words, ids, errors, counts ------------------------------------------------------------------------------

_FINISH = {"finishreason": 5.0, "stopreason": 5.0, "donereason": 4.0, "finish": 3.0, "stop": 1.0}
_IDS = {
    "conversationid": 6.0, "sessionid": 5.0, "threadid": 5.0, "chatid": 5.0, "dialogid": 4.0, "contextid": 3.0, "conversation": 3.0,
    "session": 2.0, "thread": 2.0,
}  # fmt: skip
_ERRORS = {"error", "errors", "errormessage", "fault", "exception"}
_USAGE: dict[Part, tuple[re.Pattern[str], set[str]]] = {
    "usage.input": (re.compile(r"(?:prompt|input|request)(?:tokens?(?:count|s)?|evalcount|tok)|tokens(?:in|prompt|input)"), {"input", "prompt", "in"}),
    "usage.output": (re.compile(r"(?:completion|output|response|candidates?|generated|reply)(?:tokens?(?:count|s)?|tok)|^evalcount|tokens(?:out|completion|output|generated)"), {"output", "completion", "out"}),
    "usage.cached": (re.compile(r"cached(?:content|input|prompt)?tokens?(?:count)?|cache(?:read|hit)\w*tokens?|promptcachehittokens"), {"cached"}),
    "usage.cache_write": (re.compile(r"cache(?:write|creation)\w*tokens?"), set()),
    "usage.reasoning": (re.compile(r"(?:reasoning|thoughts?|thinking)tokens?(?:count)?"), {"reasoning"}),
}  # fmt: skip
_OTHER_COUNT = re.compile(r"cost|price|limit|max|rate|duration|remaining|audio|image|accepted|rejected|details")


def _word_score(found: _Found, names: dict[str, float]) -> float:
    word = found.values[-1]
    name = found.keys[-1] if found.keys else ""
    return names.get(name, 0.0) if isinstance(word, str) and 0 < len(word) <= 60 and "if " not in word else 0.0


def _id_score(found: _Found) -> float:
    value = found.values[-1]
    if isinstance(value, bool) or not isinstance(value, str | int) or not found.keys or len(str(value)) > 200:
        return 0.0
    whole = "".join(found.keys[-2:]) if found.keys[-1] == "id" else found.keys[-1]
    return _IDS.get(whole, 0.0) if str(value).strip() else 0.0


def _error_score(found: _Found, failed: bool) -> float:
    text = found.text
    if not text.strip():
        return 0.0
    within = set(found.keys) & _ERRORS
    if within and found.keys[-1] in (*_ERRORS, "message", "detail", "msg"):
        return 5.0 + 1.0 * (found.keys[-1] == "message")
    return 3.0 if failed and found.keys and found.keys[-1] in ("detail", "message", "msg", "title") else 0.0


def _usage_score(found: _Found, part: Part) -> float:
    counts = [each for value in found.values if not isinstance(value, bool) and (each := count(value)) is not None]
    if not counts or not found.keys or not any(isinstance(value, int | float) for value in found.values):
        return 0.0
    pattern, short = _USAGE[part]
    name = found.keys[-1]
    inside = any("usage" in key or "tokens" in key for key in found.keys[:-1])
    if _OTHER_COUNT.search(name) or not (pattern.search(name) or (inside and name in short)):
        return 0.0
    if part in ("usage.input", "usage.output") and re.search(r"cache|reason|thought", name):
        return 0.0
    # Counts are cumulative: where several report, the largest is the last word.
    return 3.0 + 2.0 * inside + min(1.0, max(counts) / 1e6) + 0.5 * bool(max(counts))
