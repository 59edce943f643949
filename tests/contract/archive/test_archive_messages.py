"""One suite over every form in which the log of a session can be there: plain, compressed, some of both, Parquet."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from krawall.archive.query import conversation, conversations, messages
from krawall.model.exchange import Check, Checked, Dropped, Exchange, Fault, FaultKind, Line, Told, Usage
from krawall.testing.segments import shown_messages, write_segment

Form = Callable[[Path], Path]

TEXTS = st.text(max_size=12) | st.sampled_from(["", "Hello", "ÄRGER", "100%_", "a\0b", "it's", "ὈΔΥΣΣΕΎΣ", "$search"])
TIMES = st.integers(0, 10**12)

EXCHANGES = st.builds(
    Exchange,
    conversation=st.integers(0, 4),
    user=st.integers(0, 3),
    turn=st.integers(1, 3),
    attempt=st.integers(1, 2),
    phase=st.sampled_from(["warm-up", "measure"]),
    step=st.sampled_from(["steps.1", "steps.1.loop.0", "steps.10"]),
    planned_ns=TIMES,
    start_ns=TIMES,
    sent_ns=TIMES,
    done_ns=TIMES,
    seen_ns=TIMES,
    last_ns=TIMES,
    gaps_us=st.lists(st.integers(0, 9), max_size=2),
    usage=st.none() | st.builds(Usage, st.integers(0, 99), st.integers(0, 99), cost_pico=st.integers(0, 10**12)),
    status=st.sampled_from([None, 200, 429]),
    fault=st.none()
    | st.builds(Fault, st.sampled_from(FaultKind), TEXTS, st.sampled_from([None, 500]), injected=st.booleans()),
    final=st.booleans(),
    injected=st.sampled_from([None, "timeout"]),
    checks=st.lists(st.builds(Check, TEXTS, st.booleans(), TEXTS), max_size=2),
    repetition=st.sampled_from([-1.0, 0.0, 0.25]),
    said=TEXTS,
    heard=TEXTS,
)
OTHERS = st.sampled_from(
    [
        Told(1, 0, "measure", 0, 1, 2, "completed"),
        Dropped(9, "measure", 5),
        Checked(1, 1, "measure", "steps.2", [Check("polite", True)]),
    ]
)
SEGMENTS = st.dictionaries(
    st.sampled_from(["0-1-0", "0-1-1", "0-2-0", "1-1-0"]),
    st.lists(EXCHANGES, max_size=8, unique_by=lambda line: (line.conversation, line.turn, line.attempt)).flatmap(
        lambda lines: st.lists(OTHERS, max_size=2).map(lambda others: [*lines, *others])
    ),
    max_size=4,
)
TAILS = st.sampled_from([b"", b'{"k":"x","conversation":1,"us', b"\n\n", b"\xff\xfe\n", b'{"k":"new"}\n[1]\nnull\n'])
FILTERS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "search": TEXTS,
        "error": st.sampled_from(["any", "timeout", "it's"]),
        "status": st.sampled_from([200, 429]),
        "step": st.sampled_from(["steps.1", "steps.1.loop.0", "steps"]),
        "conversation": st.integers(0, 4),
        "turn": st.integers(1, 3),
        "phase": st.just("measure"),
        "slower_ms": st.sampled_from([0, 0.5, 1e5]),
    },
)


def fits(message: dict[str, Any], filters: dict[str, Any]) -> bool:
    """Whether a message fits, as the words of the filters say it."""
    search, error, step, slower = (filters.get(name) for name in ("search", "error", "step", "slower_ms"))
    texts = (message["said"], message["heard"], message["detail"] or "")
    return all(
        (
            not search or any(search.lower() in text.lower() for text in texts),
            error is None or (message["error"] is not None if error == "any" else message["error"] == error),
            step is None or message["step"] == step or message["step"].startswith(f"{step}."),
            slower is None or (message["latency_ms"] is not None and message["latency_ms"] > slower),
            *(
                message[name] == filters[name]
                for name in ("status", "conversation", "turn", "phase")
                if name in filters
            ),
        )
    )


def unique(logs: dict[str, list[Line]]) -> dict[str, list[Line]]:
    """Leave one message of each conversation, turn and attempt to a process, as there is in a real log."""
    seen: set[tuple[object, ...]] = set()
    found: dict[str, list[Line]] = {}
    for name, lines in logs.items():
        found[name] = []
        for line in lines:
            key = (name.rpartition("-")[0], line.conversation, getattr(line, "turn", 0), getattr(line, "attempt", 0))
            if not isinstance(line, Exchange) or key not in seen:
                found[name].append(line)
            if isinstance(line, Exchange):
                seen.add(key)
    return found


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(logs=SEGMENTS.map(unique), tail=TAILS, filters=FILTERS, limit=st.integers(1, 7))
def test_pages_hold_what_the_lines_say(
    form: Form, logs: dict[str, list[Line]], tail: bytes, filters: dict[str, Any], limit: int
) -> None:
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made) / "session"
        for name, lines in logs.items():
            write_segment(folder, name, lines, tail)
        whole = shown_messages(folder)
        form(folder)

        assert messages(folder, limit=1000).items == whole
        wanted = [message for message in whole if fits(message, filters)]
        found, start = [], 0
        while start is not None:
            page = messages(folder, start=start, limit=limit, **filters)
            assert page.newest == len(whole) - 1
            assert len(page.items) <= limit
            found += page.items
            assert page.next is None or page.next > start
            start = page.next
        if not (search := filters.get("search")) or search.isascii():  # letters of few languages have one lower case
            assert found == wanted


def message(number: int, **changes: Any) -> Exchange:
    """Return message `number` of conversation 0, done at that ns."""
    facts: dict[str, Any] = {
        "conversation": 0, "user": 0, "turn": number, "attempt": 1, "phase": "measure", "step": "steps.0",
        "planned_ns": 1, "start_ns": 1, "sent_ns": 1, "done_ns": number, "said": f"said {number}", "heard": f"heard {number}",
    }  # fmt: skip
    return Exchange(**{**facts, **changes})


def numbers(items: list[dict[str, Any]]) -> list[int]:
    return [item["n"] for item in items]


def test_a_session_without_files_has_no_messages(tmp_path: Path) -> None:
    page = messages(tmp_path / "nowhere", search="x")

    assert (page.items, page.next, page.newest) == ([], None, -1)
    assert conversations(tmp_path / "nowhere").items == []
    assert conversation(tmp_path / "nowhere", 0) == []


def test_a_session_without_segments_has_no_messages(tmp_path: Path, form: Form) -> None:
    page = messages(form(tmp_path))

    assert (page.items, page.next, page.newest) == ([], None, -1)
    assert conversations(tmp_path).newest == -1


def test_empty_segments_and_segments_without_messages_are_no_trouble(tmp_path: Path, form: Form) -> None:
    write_segment(tmp_path, "0-1-0", [])
    write_segment(tmp_path, "0-1-1", [Dropped(1, "measure", 5)])
    write_segment(tmp_path, "1-1-0", [message(1)])
    (tmp_path / "log" / "1-1-1.jsonl").touch()

    assert numbers(messages(form(tmp_path)).items) == [0]


def test_what_was_said_may_hold_any_character(tmp_path: Path, form: Form) -> None:
    texts = [
        "nul \0 inside",
        "half \ud83d of a pair",
        "'; DROP TABLE messages; --",
        "\r\n\t",
        "🙂",
        "%",
        "a" * 3_000_000,
    ]
    write_segment(tmp_path, "0-1-0", [message(number, said=text) for number, text in enumerate(texts, 1)])

    found = messages(form(tmp_path)).items

    assert [item["said"] for item in found] == [text.replace("\ud83d", "?") for text in texts]
    json.dumps(found).encode()


@pytest.mark.parametrize("typed", ["'; DROP TABLE messages; --", "$1", "%", "_", "\\", "\0", "\ud800", "' OR 1=1 --"])
def test_what_is_typed_is_a_text_and_nothing_else(tmp_path: Path, form: Form, typed: str) -> None:
    known = typed.encode("utf-8", "replace").decode()
    write_segment(tmp_path, "0-1-0", [message(1, said=f"<{known}>", step=known), message(2, said="", heard="")])
    form(tmp_path)

    assert numbers(messages(tmp_path, search=typed).items) == [0]
    assert numbers(messages(tmp_path, step=typed).items) == [0]
    assert messages(tmp_path, error=typed).items == []
    assert messages(tmp_path, phase=typed).items == []
    assert conversations(tmp_path, outcome=typed, search=typed).items == []


def test_search_finds_any_case_and_the_detail_of_errors(tmp_path: Path, form: Form) -> None:
    lines = [
        message(1, said="Where is my PARCEL?"),
        message(2, heard="Your parcel is late."),
        message(3, fault=Fault(FaultKind.server, "Parcel service down")),
        message(4),
    ]
    write_segment(tmp_path, "0-1-0", lines)
    form(tmp_path)

    assert numbers(messages(tmp_path, search="pArCeL").items) == [0, 1, 2]
    assert numbers(messages(tmp_path, search="parcel", error="server").items) == [2]
    assert numbers(messages(tmp_path, search="parcel", start=1, limit=1).items) == [1]


def test_without_bodies_texts_are_left_out(tmp_path: Path, form: Form) -> None:
    write_segment(tmp_path, "0-1-0", [message(1, said="secret", fault=Fault(FaultKind.timeout, "late"))])

    (found,) = messages(form(tmp_path), bodies=False).items

    assert (found["said"], found["heard"], found["detail"]) == (None, None, "late")


def test_all_attempts_at_a_shard_are_part_of_the_log(tmp_path: Path, form: Form) -> None:
    write_segment(tmp_path, "0-1-0", [message(1)], tail=b'{"k":"x","conv')
    write_segment(tmp_path, "0-2-0", [message(2, turn=1), Told(0, 0, "measure", 0, 1, 3, "completed", turns=1)])
    form(tmp_path)

    assert numbers(messages(tmp_path).items) == [0, 1]
    found = conversation(tmp_path, 0)
    assert [item["kind"] for item in found] == ["message", "message", "end"]
    assert [item.get("at_ms") for item in found] == [1e-6, 1e-6, 1e-6]
    assert conversations(tmp_path).items[0]["outcome"] == "completed"


def test_a_conversation_is_told_in_order_with_what_was_checked(tmp_path: Path, form: Form) -> None:
    lines: list[Line] = [
        message(10, turn=1, final=False, fault=Fault(FaultKind.timeout, "late")),
        message(11, turn=1, attempt=2),
        Checked(0, 1, "measure", "steps.1", [Check("polite", False, "it was not")]),
        message(20, turn=2, checks=[Check("short", True)]),
        Checked(7, 1, "measure", "steps.1", [Check("other", True)]),
        Told(0, 3, "measure", 0, 5, 21, "failed", 2, 7, 8, 10**11, "why", 1, 1, True),
    ]
    write_segment(tmp_path, "0-1-0", lines)

    found = conversation(form(tmp_path), 0)

    assert [(item["kind"], item.get("turn"), item.get("attempt")) for item in found] == [
        ("message", 1, 1),
        ("message", 1, 2),
        ("checked", 1, None),
        ("message", 2, 1),
        ("end", None, None),
    ]
    assert found[2]["checks"] == [{"name": "polite", "ok": False, "detail": "it was not"}]
    assert found[3]["checks"] == [{"name": "short", "ok": True, "detail": ""}]
    assert found[4] == {
        "kind": "end", "n": 0, "conversation": 0, "user": 3, "phase": "measure", "outcome": "failed", "reason": "why",
        "at_ms": 5e-6, "took_ms": 16e-6, "turns": 2, "tokens_in": 7, "tokens_out": 8, "cost_usd": 0.1, "checks_ok": 1,
        "checks_bad": 1, "slow": True, "shard": 0,
    }  # fmt: skip
    assert conversation(tmp_path, 1) == []
    assert [item["kind"] for item in conversation(tmp_path, 7)] == ["checked"]


def test_conversations_are_listed_in_the_order_of_their_ends(tmp_path: Path, form: Form) -> None:
    lines = [Told(number, 0, "measure", 0, 1, 100 - number, "completed" if number % 2 else "failed", reason=f"R{number}")
             for number in range(10)]  # fmt: skip
    write_segment(tmp_path, "0-1-0", lines)
    form(tmp_path)

    page = conversations(tmp_path, limit=3)
    assert [item["conversation"] for item in page.items] == [9, 8, 7]
    assert (page.next, page.newest) == (3, 9)
    assert [item["conversation"] for item in conversations(tmp_path, outcome="failed", start=4).items] == [4, 2, 0]
    assert [item["conversation"] for item in conversations(tmp_path, search="r3").items] == [3]
    assert [item["conversation"] for item in conversations(tmp_path, search="5").items] == [5]


@pytest.mark.parametrize("name", ["it's", "a*b", "a[b]c", "a?b", "a b", "a\\b", "$x{1}"])
def test_a_folder_may_have_any_name(tmp_path: Path, form: Form, name: str) -> None:
    write_segment(tmp_path / name, "0-1-0", [message(1)])

    assert numbers(messages(form(tmp_path / name)).items) == [0]
