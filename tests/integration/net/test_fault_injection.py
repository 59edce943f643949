"""Faults that we put in ourselves: each kind is marked, drawn from the seed, and never counted as the target's."""

from __future__ import annotations

import pytest

from krawall.testing import replies
from krawall.testing.hostile import hostile, pieces, read, send
from krawall.testing.playing import Played, plan_of, play
from krawall.testing.virtual import clock, run_virtual

WORDS = ["one ", "two ", "three ", "four ", "five"]
STREAM = replies.chunked(*map(replies.delta, WORDS), replies.finish(9, 5), replies.DONE)
WHOLE = replies.whole(replies.chat("".join(WORDS), 9, 5))

FAULTS = {
    "{kind: drop}": ("connect", "never sent (injected)"),
    "{kind: status}": ("server", "503 (injected)"),
    "{kind: status, status: 429}": ("rate_limited", "429 (injected)"),
    "{kind: status, status: 403}": ("rejected", "403 (injected)"),
    "{kind: status, status: 302}": ("protocol", "302 (injected)"),
    "{kind: truncate, after: 2}": ("truncated", "cut short (injected)"),
    "{kind: disconnect}": ("truncated", "disconnected in mid-reply (injected)"),
    "{kind: malformed}": ("protocol", "a garbled reply (injected)"),
}
HARMLESS = ["{kind: delay, by: 20ms}", "{kind: slow, by: 10ms}"]


async def over_sockets(injection: str, stream: bool, turns: int = 4) -> tuple[Played, int]:
    """Play turns against a good server; return also how many requests it saw."""
    injection = injection.replace("}", ", share: 1}")
    script = [read(), pieces(STREAM, range(0, len(STREAM), 200)) if stream else send(WHOLE)]
    async with hostile(script * turns) as server:
        got = await play(
            plan_of(
                f"name: t\ntarget: {{stream: {str(stream).lower()}}}\nsteps: [{{loop: {turns}, steps: [hi]}}]\n"
                f"inject: [{injection}]\non_error: {{default: skip}}\nload: {{users: 1, conversations: 1}}",
                server.url(),
            )
        )
    assert got.trouble == ""
    assert len(got.exchanges) == turns
    return got, len(server.requests)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("injection", FAULTS)
async def test_an_injected_fault_is_marked_and_is_not_the_targets(injection: str, stream: bool) -> None:
    kind, words = FAULTS[injection]
    got, requests = await over_sockets(injection, stream)
    name = injection.split("kind: ")[1].strip("}").split(",")[0]
    for line in got.exchanges:
        assert line.fault is not None
        assert (line.injected, line.fault.injected, line.fault.kind) == (name, True, kind)
        assert line.fault.detail == words
        assert bool(line.sent_ns) == (name not in ("drop", "status"))
    view = got.tally.view()
    assert (view.errors, view.failed, view.injected) == ({}, {}, {name: 4})
    assert (view.attempts, view.turns, view.ok) == (4, 4, 0)
    assert view.statuses == {}
    assert "latency" not in view.histograms
    assert requests == (0 if name in ("drop", "status") else 4)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("injection", HARMLESS)
async def test_an_injected_wait_is_marked_and_its_times_are_not_the_targets(injection: str, stream: bool) -> None:
    got, requests = await over_sockets(injection, stream, 2)
    name = injection.split("kind: ")[1].split(",")[0]
    assert [(line.injected, line.fault, line.heard) for line in got.exchanges] == [(name, None, "".join(WORDS))] * 2
    view = got.tally.view()
    assert (view.errors, view.injected, view.ok, requests) == ({}, {name: 2}, 2, 2)
    assert "latency" not in view.histograms


async def test_a_cut_keeps_the_tokens_before_it_and_the_connection_is_not_used_again() -> None:
    got, _ = await over_sockets("{kind: disconnect, after: 2}", stream=True)
    assert {line.heard for line in got.exchanges} == {"one two "}
    assert {line.events for line in got.exchanges} == {2}
    assert all(line.connect_ns for line in got.exchanges)


async def test_what_a_garbled_reply_cost_is_counted() -> None:
    got, _ = await over_sockets("{kind: malformed}", stream=False, turns=1)
    usage = got.exchanges[0].usage
    assert usage is not None
    assert (usage.tokens_in, usage.tokens_out, usage.estimated) == (9, 5, False)


# which attempts are hit -----------------------------------------------------------------------------------


def hits(seed: int, users: int, share: float = 0.3) -> set[tuple[int, int, int]]:
    """The (conversation, turn, attempt) that were hit, in virtual time against the echo."""
    got = run_virtual(
        play(
            plan_of(
                f"name: t\ntarget: {{connector: echo}}\nsteps: [a, b, c]\nseed: {seed}\nload: {{users: {users}, conversations: 40}}\n"
                f"inject: [{{kind: status, share: {share}}}, {{kind: drop, share: {share}}}]\non_error: {{default: skip}}"
            ),
            clock,
        )
    )
    hit = {(line.conversation, line.turn, line.attempt) for line in got.exchanges if line.injected}
    assert {(line.conversation, line.turn, line.attempt) for line in got.exchanges if line.fault} == hit
    view = got.tally.view()
    assert sum(view.injected.values()) == len(hit)
    assert (view.errors, view.attempts) == ({}, 120)
    return hit


def test_the_seed_alone_says_which_attempts_are_hit() -> None:
    assert hits(1, users=1) == hits(1, users=1) == hits(1, users=7)
    assert hits(1, users=1) != hits(2, users=1)


def test_about_as_many_are_hit_as_the_share_says() -> None:
    assert 40 < len(hits(3, users=2)) < 80  # 1 - 0.7 x 0.7 = 51 % of 120
    assert hits(3, users=2, share=0.0) == set()
    assert len(hits(3, users=2, share=1.0)) == 120


def test_an_injected_fault_follows_the_error_policy_like_any_other() -> None:
    got = run_virtual(
        play(
            plan_of(
                "name: t\ntarget: {connector: echo}\nsteps: [a]\nload: {users: 1, conversations: 1}\n"
                "inject: [{kind: status, share: 1}]\n"
                "on_error: {rules: [{status: [503], do: retry, max: 2, wait: 1s, jitter: 0, then: end}]}"
            ),
            clock,
        )
    )
    assert [(line.attempt, line.final) for line in got.exchanges] == [(1, False), (2, False), (3, True)]
    assert (got.tally.view().errors, got.tally.view().injected) == ({}, {"status": 3})
    assert [told.outcome for told in got.told] == ["failed"]
