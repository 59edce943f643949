"""Each fault of a target over real sockets, seen from the engine: one record, counted once, nothing hangs, nothing leaks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from krawall.metrics.cell import Cell
from krawall.model.exchange import Exchange, Usage
from krawall.testing import replies
from krawall.testing.hostile import Action, close, endless, gone, hostile, read, reset, send
from krawall.testing.playing import Played, plan_of, play
from krawall.testing.replies import DONE, LAST_CHUNK, chunk, delta, event, finish, opening
from krawall.wire.log import encode_lines

GOOD = replies.whole(replies.chat("fine"))
TURN = [read(), send(GOOD)]
QUICK = "connect: 5s, first token: 120ms, turn: 10s"
STALL = "connect: 5s, between tokens: 120ms, turn: 10s"
PROBE = [gone()]  # the engine connects once before it plays


async def played(
    scripts: Sequence[Sequence[Action]],
    *,
    stream: bool = False,
    timeouts: str = "turn: 10s",
    steps: str = "[hi]",
    on_error: str = "default: end",
    target: str = "",
) -> Played:
    async with hostile(PROBE, *scripts) as server:
        plan = plan_of(
            f"name: t\ntarget: {{stream: {str(stream).lower()}, {target}}}\nsteps: {steps}\ntimeouts: {{{timeouts}}}\n"
            f"load: {{users: 1, conversations: 1}}\non_error: {{{on_error}}}",
            server.url(),
        )
        got = await play(plan)
    assert got.trouble == ""
    assert (got.last.state, got.last.health.in_flight, got.last.health.users) == ("done", 0, 0)
    return got


def only(got: Played, kind: str, words: str) -> Exchange:
    """The one attempt there was, after checking that its fault was counted exactly once."""
    (line,) = got.exchanges
    assert line.fault is not None, line
    assert (line.fault.kind, line.fault.injected) == (kind, False), line.fault
    assert words in line.fault.detail
    view: Cell = got.tally.view()
    assert (view.errors, view.failed) == ({kind: 1}, {kind: 1})
    assert (view.attempts, view.turns, view.ok) == (1, 1, 0)
    assert view.outcomes == {"failed": 1}
    assert got.told[0].reason == f"{kind}: {line.fault.detail}"
    return line


WHOLE: dict[str, tuple[list[Action], str, str]] = {
    "vanishes": ([close()], "connect", "without an answer"),
    "resets": ([reset()], "connect", "without an answer"),
    "garbage": ([send(b"\0\1\2")], "protocol", "not an HTTP/1.1 reply"),
    "cut in the head": ([send(GOOD[:30]), close()], "truncated", "in mid-reply"),
    "cut in the body": ([send(GOOD[:-3]), reset()], "truncated", "in mid-reply"),
    "not json": ([send(replies.whole(b"<html>"))], "protocol", "not JSON"),
    "other keys": ([send(replies.whole(b'{"a": 1}'))], "protocol", "nothing at choices"),
    "empty": ([send(replies.whole(replies.chat("")))], "protocol", "the reply is empty"),
    "401": ([send(replies.whole(b"{}", 401))], "rejected", "401"),
    "429": ([send(replies.whole(b"{}", 429, retry_after="1"))], "rate_limited", "429"),
    "503": ([send(replies.whole(b"{}", 503))], "server", "503"),
    "redirect": ([send(replies.whole(b"", 307, location="http://evil.test/"))], "protocol", "evil.test"),
    "endless body": ([send(opening(content_type="application/json")), endless(chunk(b" " * 9000))], "protocol", "larger than"),
}  # fmt: skip

STREAMS: dict[str, tuple[list[Action], str, str]] = {
    "cut": ([send(opening() + chunk(delta("one "))), close()], "truncated", "in mid-reply"),
    "ends early": ([send(opening() + chunk(delta("one ")) + LAST_CHUNK)], "truncated", "before its end"),
    "error event": ([send(opening() + chunk(delta("one ") + event({"error": "out"}))), close()], "server", "out"),
    "broken event": ([send(opening() + chunk(delta("one ") + b"data: {\n\n"))], "protocol", "not JSON"),
    "json": ([send(replies.whole(b'{"error": "no streams"}'))], "protocol", "no streams"),
    "no tokens": ([send(opening() + chunk(finish(0, 0) + DONE) + LAST_CHUNK)], "protocol", "the reply is empty"),
}


@pytest.mark.parametrize("how", WHOLE)
async def test_a_fault_is_recorded_and_counted_once(how: str) -> None:
    script, kind, words = WHOLE[how]
    line = only(await played([[read(), *script]], target="sizes: {body: 100k}"), kind, words)
    assert line.sent_ns > 0
    assert line.heard == ""


@pytest.mark.parametrize("how", STREAMS)
async def test_a_fault_of_a_stream_is_recorded_and_counted_once(how: str) -> None:
    script, kind, words = STREAMS[how]
    line = only(await played([[read(), *script]], stream=True), kind, words)
    assert line.heard == ("one " if how in ("cut", "ends early", "error event", "broken event") else "")
    assert line.events == bool(line.heard)
    if line.heard:  # the target did work for it: it is counted, and marked as an estimate
        assert line.usage is not None
        assert line.usage.tokens_out > 0
        assert line.usage.estimated


# time -----------------------------------------------------------------------------------------------------

SLOW: dict[str, tuple[bool, list[Action], str]] = {
    "silent": (False, [], "no first token within 120ms"),
    "silent stream": (True, [], "no first token within 120ms"),
    "half a head": (False, [send(GOOD[:30])], "no first token within 120ms"),
    "only an interim reply": (False, [send(replies.head(100))], "no first token within 120ms"),
    "half a body": (False, [send(GOOD[:-3])], "no first token within 120ms"),
    "a body that never ends": (False, [send(opening(content_type="application/json")), endless(chunk(b" "))], "no first token within 120ms"),
    "a stream of nothing": (True, [send(opening()), endless(chunk(b": ping\n\n"))], "no first token within 120ms"),
    "a stream of events without tokens": (True, [send(opening()), endless(chunk(event({"choices": []})))], "no first token within 120ms"),
    "stalls": (True, [send(opening() + chunk(delta("one ") + delta("two")))], "no further token within 120ms"),
    "stalls and pings": (True, [send(opening() + chunk(delta("one "))), endless(chunk(b": ping\n\n"))], "no further token within 120ms"),
}  # fmt: skip


@pytest.mark.parametrize("how", SLOW)
async def test_a_target_that_takes_too_long_is_a_timeout(how: str) -> None:
    stream, script, words = SLOW[how]
    timeouts = QUICK if "first" in words else STALL
    line = only(await played([[read(), *script]], stream=stream, timeouts=timeouts), "timeout", words)
    assert line.heard == {"stalls": "one two", "stalls and pings": "one "}.get(how, "")


async def test_a_stream_without_end_is_bounded_by_the_turn() -> None:
    script = [read(), send(opening()), endless(chunk(delta("on ")))]
    line = only(
        await played([script], stream=True, timeouts="turn: 400ms"), "timeout", "the turn took longer than 400ms"
    )
    assert line.heard.startswith("on on on ")
    assert line.events == line.heard.count("on ") == len(line.gaps_us) + 1


async def test_a_conversation_is_bounded_by_its_own_timeout() -> None:
    got = await played([[read()]], timeouts="conversation: 120ms")
    only(got, "timeout", "the conversation took longer than 120ms")


async def test_a_head_without_end_is_bounded_by_its_size_before_any_time() -> None:
    script = [read(), send(b"HTTP/1.1 200 OK\r\n"), endless(b"x-filler: " + b"a" * 900 + b"\r\n")]
    only(await played([script], target="sizes: {header: 20000}"), "protocol", "head is larger than 20,000 bytes")


# several turns --------------------------------------------------------------------------------------------


async def test_every_fault_of_many_is_counted_once_and_the_next_turn_is_not_hurt() -> None:
    faults = [script for how, (script, _, _) in WHOLE.items() if how != "endless body"]
    scripts = [part for script in faults for part in ([read(), *script, close()], [*TURN, close()])]
    got = await played(scripts, steps=f"[{{loop: {len(scripts)}, steps: [hi]}}]", on_error="default: skip")
    kinds: dict[str, int] = {}
    for how, (_, kind, _) in WHOLE.items():
        if how != "endless body":
            kinds[kind] = kinds.get(kind, 0) + 1
    view = got.tally.view()
    assert [line.fault is None for line in got.exchanges] == [False, True] * len(faults)
    assert (view.errors, view.failed) == (kinds, kinds)
    assert (view.attempts, view.ok, view.outcomes) == (2 * len(faults), len(faults), {"completed": 1})


async def test_a_stale_connection_is_no_fault() -> None:
    got = await played([[*TURN, read(), close()], TURN * 2], steps="[a, b, c]")
    view = got.tally.view()
    assert (view.attempts, view.ok, view.errors) == (3, 3, {})
    assert [bool(line.connect_ns) for line in got.exchanges] == [True, True, False]


async def test_a_retry_after_is_kept_and_the_retry_is_an_attempt_at_the_same_turn() -> None:
    busy = send(replies.whole(b"{}", 429, retry_after_ms="60"))
    got = await played([[read(), busy, *TURN]], on_error="rules: [{status: [429], do: retry, wait: 1ms}]")
    first, second = got.exchanges
    assert ((first.turn, first.attempt, first.final), (second.turn, second.attempt)) == ((1, 1, False), (1, 2))
    assert second.planned_ns - first.done_ns >= 60_000_000
    view = got.tally.view()
    assert (view.errors, view.failed, view.turns, view.ok) == ({"rate_limited": 1}, {}, 1, 1)


async def test_a_target_that_is_not_there_fails_before_anything_is_played() -> None:
    async with hostile(PROBE) as server:
        pass
    got = await play(plan_of("name: t\nsteps: [hi]", server.url()))
    assert (got.last.state, got.exchanges, got.trouble) == ("failed", [], "")
    assert got.last.reason == f"unreachable: 127.0.0.1:{server.port}: Connection refused"


async def test_a_key_that_the_server_repeats_is_in_no_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KRAWALL_TEST_KEY", "canary-Zq7-9f3c")

    async def repeat(peer: Any) -> None:
        await peer.write(replies.whole(peer.server.requests[-1].head, 401, content_type="text/plain"))

    got = await played([[read(), repeat]], target='auth: {bearer: "${KRAWALL_TEST_KEY}"}')
    line = only(got, "rejected", "authorization: Bearer ***")
    assert line.status == 401
    assert b"canary" not in encode_lines(got.lines)
    assert "canary" not in repr(got.last)


async def test_what_a_broken_reply_cost_is_billed() -> None:
    usage = event({"choices": [], "usage": {"prompt_tokens": 100, "completion_tokens": 50}})
    script = [read(), send(opening() + chunk(delta("one ") + usage)), close()]
    got = await played([script], stream=True, target="prices: {input: 1, output: 2}")
    line = only(got, "truncated", "")
    assert line.usage == Usage(100, 50, cost_pico=200_000_000)
    assert got.tally.view().cost_pico == 200_000_000
