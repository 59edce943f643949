"""Questions about the messages of a session, running or over. They block: for a thread. The folder is that of the session;
one that is not there, or has no log yet, has no messages.

The work of one call is bounded: a page holds at most `limit` items, and fewer where they lie far apart in a big session.
`next` alone says whether there are more.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from krawall.archive import columns
from krawall.archive.duck import Connection, answering
from krawall.archive.export import export as export
from krawall.archive.pages import Asked, Row, find, messages_of, near, records, rows
from krawall.archive.readers import readers

MOST_TURNS = 10_000  # messages that are read of one conversation


@dataclass(frozen=True, slots=True)
class MessagePage:
    """A page of messages or conversations. `next`: the `start` of the next page, None when there is none (yet).

    `newest`: the number of the newest one there is, whether it fits the filters or not; -1: there are none.
    """

    items: list[Row]
    next: int | None
    newest: int


def messages(
    folder: Path,
    *,
    start: int = 0,
    limit: int = 200,
    search: str = "",
    error: str | None = None,
    status: int | None = None,
    step: str | None = None,
    conversation: int | None = None,
    turn: int | None = None,
    phase: str | None = None,
    slower_ms: float | None = None,
    bodies: bool = True,
    until_ns: int | None = None,
) -> MessagePage:
    """Return the messages from number `start` on that fit all filters, in order.

    Args:
        search: text that `said`, `heard` or the detail of the error contains, in any case.
        error: kind of fault, or "any".
        step: a step, and those nested in it.
        slower_ms: latency above so many ms.
        bodies: without, `said` and `heard` are None.
        until_ns: of a running session, ns since it began: what was done later is not shown yet. Leave about a second
            and a half to now, so that all lines of that time are written: numbers are then those it will always have.

    Raises:
        Unavailable: its files cannot be read.
    """
    kind = None if error == "any" else error
    slower_ns = None if slower_ms is None else round(slower_ms * 1e6)
    where, facts = _where(
        error=kind, status=status, step=step, conversation=conversation, turn=turn, phase=phase, slower_ns=slower_ns
    )
    if error == "any":
        where.append("error IS NOT NULL")
    text = ""
    if search:
        text = " OR ".join(f"contains(lower({column}), lower($search))" for column in columns.TEXTS.split(", "))
        facts["search"] = _clean(search)
    asked = Asked("messages", where, text, facts, max(start, 0), max(limit, 1))
    reader = readers.get(folder)
    with answering(folder), reader.cursor(until_ns) as cursor:
        newest = reader.newest(cursor, "messages", until_ns)
        found = find(cursor, asked, newest)
        if bodies:
            found = near(found)
        return MessagePage(messages_of(cursor, found.numbers, bodies), found.following, newest)


def conversations(
    folder: Path,
    *,
    start: int = 0,
    limit: int = 200,
    outcome: str | None = None,
    search: str = "",
    until_ns: int | None = None,
) -> MessagePage:
    """Return the conversations that are over, from number `start` on, in the order in which they ended.

    Their outcomes are completed, ended, failed, capped, abandoned; and lost, for those that a process took with it when
    it died and that nobody played again. `search`: text in the reason, or a conversation's number.

    Raises:
        Unavailable: as for `messages`.
    """
    where, facts = _where(outcome=outcome)
    if search:
        where.append("contains(lower(reason), lower($search)) OR conversation::VARCHAR = $search")
        facts["search"] = _clean(search)
    asked = Asked("conversations", where, "", facts, max(start, 0), max(limit, 1))
    reader = readers.get(folder)
    with answering(folder), reader.cursor(until_ns) as cursor:
        newest = reader.newest(cursor, "conversations", until_ns)
        found = find(cursor, asked, newest)
        items = rows(cursor, "conversations", columns.CONVERSATION_SHOWN, found.numbers)
        return MessagePage(items, found.following, newest)


def conversation(folder: Path, number: int, *, until_ns: int | None = None) -> list[Row]:
    """Return what happened in a conversation, in order; empty when there is no such one (yet).

    Items have a `kind`: "message" (as in `messages`), "checked" (what an `expect` step found: turn, step, phase, checks)
    after the message it is about, and "end" (as in `conversations`). One that was played again after its process died is
    there twice, one playing after the other.

    Raises:
        Unavailable: as for `messages`.
    """
    reader = readers.get(folder)
    with answering(folder), reader.cursor(until_ns) as cursor:
        asked = Asked("messages", ["conversation = $conversation"], "", {"conversation": number}, 0, MOST_TURNS)
        numbers = find(cursor, asked, reader.newest(cursor, "messages", until_ns)).numbers
        found = messages_of(cursor, numbers, True, f"process, {columns.MESSAGE_SHOWN}")
        items = [("message", item) for item in found]
        items += [("checked", item) for item in _of(cursor, "checked", "turn, step, phase, checks", number)]
        items += [("end", item) for item in _of(cursor, "conversations", columns.CONVERSATION_SHOWN, number)]
        return [{"kind": kind, **item} for kind, item in _in_order(items)]


def _of(cursor: Connection, table: str, shown: str, number: int) -> list[Row]:
    return records(
        cursor.execute(f"SELECT process, {shown} FROM {table} WHERE conversation = $number", {"number": number})
    )


def _in_order(items: list[tuple[str, Row]]) -> list[tuple[str, Row]]:
    """Put playing after playing, turn after turn, the end last; and take out whose playing it was."""
    kinds = {"message": 0, "checked": 1, "end": 2}

    def place(item: tuple[str, Row]) -> tuple[int, bool, int, int, int]:
        kind, row = item
        return row["process"], kind == "end", row.get("turn", 0), kinds[kind], row.get("attempt", 0)

    items.sort(key=place)
    for _, row in items:
        del row["process"]
    return items


_CONDITIONS = {
    "error": "error = $error",
    "status": "status = $status",
    "step": "step = $step OR starts_with(step, $step || '.')",
    "conversation": "conversation = $conversation",
    "turn": "turn = $turn",
    "phase": "phase = $phase",
    "slower_ns": "latency_ns > $slower_ns",
    "outcome": "outcome = $outcome",
}


def _where(**asked: str | int | None) -> tuple[list[str], dict[str, object]]:
    """Return the conditions for what was asked, and the values of their parameters."""
    given = {name: value for name, value in asked.items() if value is not None}
    facts: dict[str, object] = {
        name: _clean(value) if isinstance(value, str) else value for name, value in given.items()
    }
    return [_CONDITIONS[name] for name in given], facts


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode()  # half a surrogate pair cannot be asked for: no text holds one
