"""A shard's row under claims, reports, zombies and the end of its session, against a model of a few lines."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from krawall.errors import Conflict
from krawall.ids import new_id
from krawall.model.session import Session, ShardState, State
from krawall.store.store import Store

ENDS = (ShardState.done, ShardState.failed)


class Shards(RuleBasedStateMachine):
    """Workers are attempt numbers: the newest is in charge, all others are zombies."""

    runner: asyncio.Runner
    store: Store

    @initialize()
    def ask(self) -> None:
        self.id = new_id("ses")
        session = Session(self.id, "n", "s", "t", "h", 1, 1, State.queued, 1, "ann")
        self.run(self.store.sessions.create(session, b"{}", key=None))
        self.attempt, self.state, self.progress, self.finished = 0, ShardState.waiting, b"", False
        self.earlier: list[tuple[int, bytes]] = []

    def run(self, doing):
        return self.runner.run(doing)

    @rule()
    def claim(self) -> None:
        claiming = self.store.shards.claim(self.id, 0, f"w{self.attempt + 1}")
        if self.finished or self.state in ENDS:
            with pytest.raises(Conflict):
                self.run(claiming)
            return
        if self.progress:
            self.earlier.append((self.attempt, self.progress))
        self.attempt, self.state, self.progress = self.attempt + 1, ShardState.playing, b""
        assert self.run(claiming).attempt == self.attempt

    @rule(behind=st.integers(-1, 3), progress=st.binary(max_size=3), state=st.sampled_from(ShardState))
    def report(self, behind: int, progress: bytes, state: ShardState) -> None:
        reporting = self.store.shards.report(self.id, 0, self.attempt - behind, progress, state)
        again = state in ENDS and state is self.state
        allowed = behind == 0 and not self.finished and (self.state is ShardState.playing or again)
        assert self.run(reporting) is allowed
        if allowed:
            self.state, self.progress = state, progress

    @precondition(lambda self: not self.finished)
    @rule()
    def finish(self) -> None:
        fence = self.run(self.store.sessions.claim(self.id, "w"))
        assert self.run(self.store.sessions.write(self.id, fence, state=State.finished))
        self.finished = True

    @invariant()
    def the_row_is_what_the_model_says(self) -> None:
        if not hasattr(self, "id"):
            return
        row = self.run(self.store.shards.get(self.id, 0))
        assert (row.attempt, row.state, row.progress) == (self.attempt, self.state, self.progress)
        kept = self.run(self.store.shards.earlier(self.id))
        assert [(each.attempt, each.progress) for each in kept] == self.earlier


def test_a_shard_obeys_its_newest_attempt_only(url):
    with asyncio.Runner() as runner:
        store = runner.run(Store.open(url, migrate=False))
        try:
            machine = type("Machine", (Shards,), {"runner": runner, "store": store})
            run_state_machine_as_test(
                machine, settings=settings(max_examples=15, stateful_step_count=15, deadline=None)
            )
        finally:
            runner.run(store.close())
