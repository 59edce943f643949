"""What a reply says: the mapping of a target compiled to a reader for whole bodies and for the events of a stream."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from krawall.model.base import Record
from krawall.model.exchange import Usage
from krawall.model.target import Paths, ReplyMapping
from krawall.wire.document import MOST, NotMapped, as_error, as_text, as_word, count, decode_any, shown
from krawall.wire.extract import Group, Merge, compile_extract
from krawall.wire.paths import nearest, parse_path, show

__all__ = ["Found", "NotMapped", "Reader", "compile_reply", "merge_usage"]


class Found(Record, frozen=True):
    """What one body or one event says. None: nothing of the kind. `text` may be "" (an event that opens a reply).

    `usage.tokens_in` includes cached and cache-written tokens, `usage.tokens_out` reasoning, also where the provider counts them
    apart.
    """

    text: str | None = None
    reasoning: str | None = None
    tool: bool = False
    finish: str | None = None
    error: str | None = None
    conversation_id: str | None = None
    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class Reader:
    """A compiled mapping, made once per plan and shared by all users.

    `read` takes a whole body, `event` the data of one event of a stream; both raise NotMapped. `done`: the data that ends a
    stream, which is no event to read.
    """

    read: Callable[[bytes], Found]
    event: Callable[[bytes], Found]
    done: bytes | None = None

    @staticmethod
    def document(body: bytes) -> object:
        """Return the decoded body; None when it is not one JSON document."""
        try:
            return decode_any(body)
        except NotMapped:
            return None


def compile_reply(mapping: ReplyMapping) -> Reader:
    """Compile a mapping. Without any text path the whole body, or the whole data of an event, is the text.

    Raises:
        ValueError: a path is not one.
    """
    done = None if mapping.done is None else mapping.done.encode()
    if mapping.format == "text":
        return Reader(_plain, _plain, done)
    event = _compile_event(mapping)
    if mapping.format == "ndjson":
        return Reader(_whole_lines(mapping, event), event, done)
    return Reader(_whole_json(mapping, event), event, done)


def merge_usage(old: Usage | None, new: Usage) -> Usage:
    """Return what two reports of one reply say together: the larger of each count.

    Providers report cumulative counts, and some report input at the start of a stream and output at its end.
    """
    if old is None:
        return new
    return Usage(
        max(old.tokens_in, new.tokens_in),
        max(old.tokens_out, new.tokens_out),
        max(old.cached, new.cached),
        max(old.cache_write, new.cache_write),
        max(old.reasoning, new.reasoning),
        old.estimated and new.estimated,
        max(old.cost_pico, new.cost_pico),
    )


def _plain(data: bytes) -> Found:
    return Found(data.decode("utf-8", "replace"))


def _group(paths: Paths, merge: Merge) -> Group:
    return Group(tuple(parse_path(path) for path in ([paths] if isinstance(paths, str) else paths)), merge)


def _first(found: list[object]) -> object:
    return found[0]


def _groups(mapping: ReplyMapping) -> list[Group]:
    usage = mapping.usage
    once = (mapping.tools, mapping.finish, mapping.error, mapping.conversation_id)
    counts = (usage.input, usage.output, usage.cached, usage.cache_write, usage.reasoning)
    texts = (mapping.text, mapping.reasoning)
    return [_group(paths, as_text) for paths in texts] + [_group(paths, _first) for paths in once + counts]


def _compile_event(mapping: ReplyMapping) -> Callable[[bytes], Found]:
    groups = _groups(mapping)
    extract = compile_extract(groups)
    whole = not groups[0].paths
    counts = _compile_counts(mapping.usage.input_excludes_cached, mapping.usage.output_excludes_reasoning)

    def event(data: bytes) -> Found:
        try:
            text, reasoning, tool, finish, error, conversation, given, made, cached, written, thought = extract(data)
        except (ValueError, RecursionError):  # not JSON, or not of the shape that the paths suppose
            document = decode_any(data)
            text, reasoning, tool, finish, error, conversation, given, made, cached, written, thought = (
                group.find(document) for group in groups
            )
        if text.__class__ is not str and text is not None:
            text = as_text(text)
        if reasoning.__class__ is not str and reasoning is not None:
            reasoning = as_text(reasoning)
        if finish is not None and (finish.__class__ is not str or not finish):
            finish = as_word(finish)
        if error is not None:
            error = as_error(error)
        if conversation is not None:
            conversation = as_word(conversation)
        usage = None
        if not (given is None and made is None and cached is None and written is None and thought is None):
            usage = counts(given, made, cached, written, thought)
        if whole:
            text = data.decode("utf-8", "replace")
        return Found(text, reasoning, tool is not None and bool(tool), finish, error, conversation, usage)

    return event


def _compile_counts(
    input_excludes_cached: bool, output_excludes_reasoning: bool
) -> Callable[[object, object, object, object, object], Usage | None]:
    def counts(given: object, made: object, cached: object, written: object, thought: object) -> Usage | None:
        if (  # nearly every reply
            type(given) is int
            and type(made) is int
            and cached is written is thought is None
            and 0 <= given <= MOST
            and 0 <= made <= MOST
        ):
            return Usage(given, made)
        tokens_in = None if given is None else count(given)
        tokens_out = None if made is None else count(made)
        read = None if cached is None else count(cached)
        wrote = None if written is None else count(written)
        reasoned = None if thought is None else count(thought)
        if tokens_in is tokens_out is read is wrote is reasoned is None:
            return None
        apart = (read or 0) + (wrote or 0) if input_excludes_cached else 0
        beside = reasoned or 0 if output_excludes_reasoning else 0
        return Usage((tokens_in or 0) + apart, (tokens_out or 0) + beside, read or 0, wrote or 0, reasoned or 0)

    return counts


def _whole_json(mapping: ReplyMapping, event: Callable[[bytes], Found]) -> Callable[[bytes], Found]:
    if not any(group.paths for group in _groups(mapping)):
        return _plain

    def read(body: bytes) -> Found:
        found = event(body)
        if found.text is None and _says_nothing(found):
            _demand(mapping.text, decode_any(body))
        return found

    return read


def _whole_lines(mapping: ReplyMapping, event: Callable[[bytes], Found]) -> Callable[[bytes], Found]:
    def read(body: bytes) -> Found:
        lines = [line for line in body.split(b"\n") if line.strip()]
        found = _together([event(line) for line in lines])
        if found.text is None and _says_nothing(found):
            if not lines:
                raise NotMapped("reply is not JSON: " + shown(body))
            _demand(mapping.text, decode_any(lines[0]))
        return found

    return read


def _says_nothing(found: Found) -> bool:
    return found.reasoning is None and found.error is None and not found.tool


def _together(parts: Sequence[Found]) -> Found:
    """Return what the events of one body say together: texts joined, of the rest the last word (of errors the first)."""
    texts = [part.text for part in parts if part.text is not None]
    thoughts = [part.reasoning for part in parts if part.reasoning is not None]
    usage: Usage | None = None
    for part in parts:
        if part.usage is not None:
            usage = merge_usage(usage, part.usage)
    return Found(
        "".join(texts) if texts else None,
        "".join(thoughts) if thoughts else None,
        any(part.tool for part in parts),
        next((part.finish for part in reversed(parts) if part.finish is not None), None),
        next((part.error for part in parts if part.error is not None), None),
        next((part.conversation_id for part in reversed(parts) if part.conversation_id is not None), None),
        usage,
    )


def _demand(paths: Paths, document: object) -> None:
    """Raise NotMapped, naming what there is instead, unless a text path leads to null: a reply that is there and empty."""
    names = [paths] if isinstance(paths, str) else paths
    there: tuple[tuple[str | int, ...], object] = ((), document)
    for name in names:
        path = parse_path(name)
        reached, value = nearest(document, path.segments)
        if value is None and reached == path.segments:
            return
        if len(reached) > len(there[0]):
            there = (reached, value)
    where = show(there[0]) if there[0] else "the reply"
    raise NotMapped(f"nothing at {' or '.join(names)}; {where} {_inventory(there[1])}")


def _inventory(value: object) -> str:
    if isinstance(value, dict):
        keys = [key if key.isprintable() else repr(key) for key in value]
        return ("has: " + ", ".join(keys[:8]) + (", ..." if len(keys) > 8 else "")) if keys else "is an empty object"
    if isinstance(value, list):
        return f"is a list of {len(value)}"
    return "is " + shown(msgspec.json.encode(value))
