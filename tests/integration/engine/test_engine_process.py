"""An engine in its own process against a mock bot: killed without warning, steered over its pipe, given sealed credentials."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from krawall.clock import monotonic_ns
from krawall.conduct.conductor import Conductor
from krawall.engine.process import Child, child
from krawall.mockbot.behaviour import Behaviour
from krawall.mockbot.http import Server, serve
from krawall.model.exchange import Exchange, Told
from krawall.model.plan import Plan, ShardSpec
from krawall.model.progress import Orders
from krawall.services.directory import SessionDirectory
from krawall.services.playing import Session
from krawall.services.reading import recount
from krawall.testing.hostile import hostile, read, send
from krawall.testing.playing import PLENTY, plan_of
from krawall.testing.replies import chat, whole
from krawall.vault import Vault

SCENARIO = """
name: Killed
target: {preset: openai-chat}
steps: [{loop: 100000, steps: ["Message {{ turn }}."]}]
load: {users: 4, conversations: 4}
"""


def plan(server: Server, text: str = SCENARIO) -> Plan:
    return plan_of(text, f"{server.url}/v1/chat/completions")


async def until(true: Callable[[], bool]) -> None:
    """Wait until something is so, a minute at most."""
    async with asyncio.timeout(60):
        while not true():  # noqa: ASYNC110  what is waited for happens in another process
            await asyncio.sleep(0.01)


@asynccontextmanager
async def engine(made: Plan, folder: Path) -> AsyncIterator[tuple[Child, Conductor]]:
    """Play a plan in one process; its conductor answers as long as the block lasts."""
    conductor = Conductor(made, 1, monotonic_ns)
    spec = ShardSpec("ses_test", 0, 1, 1, str(folder / "log"))
    (folder / "log").mkdir(exist_ok=True)
    with SessionDirectory(folder).engine_log() as errors:
        async with child(made.to_json(), spec, errors.fileno()) as running, asyncio.TaskGroup() as group:
            answering = group.create_task(_answer(running, conductor))
            yield running, conductor
            answering.cancel()


async def _answer(running: Child, conductor: Conductor) -> None:
    async for progress in running.reports():
        running.send(conductor.report(progress))


def lines(folder: Path) -> list[Exchange]:
    directory = SessionDirectory(folder)
    return [line for line in directory.lines(directory.segments()) if isinstance(line, Exchange)]


async def test_attempts_in_flight_that_die_with_the_process_are_counted_exactly(tmp_path: Path) -> None:
    async with serve(Behaviour(latency="30s")) as bot, engine(plan(bot), tmp_path) as (running, _):
        await until(lambda: bot.stats()["in_flight"] == 4)
        os.kill(running.pid, signal.SIGKILL)
        await running.wait()
        assert bot.stats()["requests"] == 4
    assert lines(tmp_path) == []
    assert SessionDirectory(tmp_path).lost_in_flight(0, 1) == 4


async def test_every_answered_attempt_is_in_the_log_or_counted_as_lost(tmp_path: Path) -> None:
    async with serve(Behaviour(latency="3ms", oracle=True)) as bot, engine(plan(bot), tmp_path) as (running, _):
        await until(lambda: len(lines(tmp_path)) > 100)
        os.kill(running.pid, signal.SIGKILL)
        await running.wait()
        await until(lambda: bot.stats()["in_flight"] == 0)
        requests, answered = bot.stats()["requests"], bot.stats()["by_status"]["200"]  # type: ignore[index]
    written, lost = len(lines(tmp_path)), SessionDirectory(tmp_path).lost_in_flight()
    assert written > 100
    assert lost > 0
    assert written <= answered <= written + lost
    assert requests <= written + lost <= requests + 4, "at most one a user had not reached the bot yet"


async def test_a_clean_end_loses_nothing(tmp_path: Path) -> None:
    made = SCENARIO.replace("100000", "3")
    async with serve(Behaviour(latency="1ms")) as bot, engine(plan(bot, made), tmp_path) as (running, conductor):
        await running.wait()
    assert len(lines(tmp_path)) == 12
    assert SessionDirectory(tmp_path).lost_in_flight() == 0
    assert conductor.reports[0].state == "done"


async def test_recount_sees_what_died_with_a_session_that_was_cut_off(tmp_path: Path) -> None:
    async with serve(Behaviour(latency="30s")) as bot:
        session = Session(plan(bot), tmp_path / "out", 1)
        async with asyncio.TaskGroup() as group:
            playing = group.create_task(session.play())
            await until(lambda: bot.stats()["in_flight"] == 4)
            [process] = session._children.values()
            os.kill(process.pid, signal.SIGKILL)
            await until(lambda: bot.stats()["requests"] == 8)
            assert recount(tmp_path / "out").lost == {"attempts in flight": 8}, "the manifest does not know of it yet"
            session.stop()
            session.stop()
            summary = await playing
    assert summary.lost == {"processes": 1, "attempts in flight": 4}
    assert recount(tmp_path / "out").lost == summary.lost
    assert [gap.shard for gap in summary.gaps] == [0]
    assert recount(tmp_path / "out").gaps == summary.gaps


async def reported_again(session: Session) -> None:
    """Wait until every engine has reported twice more."""
    known = [progress.seq for progress in session._conductor.reports]
    await until(lambda: all(now.seq > then + 1 for now, then in zip(session._conductor.reports, known, strict=True)))


async def test_a_session_is_paused_and_changed_over_the_pipe(tmp_path: Path) -> None:
    text = SCENARIO.replace("100000", "2").replace("conversations: 4", "duration: 1h")
    async with serve(Behaviour(latency="5ms")) as bot:
        session = Session(plan(bot, text), tmp_path / "out", 2)
        async with asyncio.TaskGroup() as group:
            playing = group.create_task(session.play())
            await until(lambda: bot.stats()["requests"] > 50)  # type: ignore[operator]
            session.pause()
            await reported_again(session)
            assert session._conductor.in_flight == 0
            quiet = bot.stats()["requests"]
            await reported_again(session)
            assert bot.stats()["requests"] == quiet
            session.adjust(users=9)
            session.resume()
            await until(lambda: session._conductor.users == 9)
            session.stop()
            summary = await playing
    assert [line.conversation >= 10_000_000 for line in lines(tmp_path / "out")].count(True) > 0
    assert len(summary.pauses) == 1
    assert summary.lost == {}


# credentials of a server ----------------------------------------------------------------------------------


async def asked(tmp_path: Path, text: str, sealed: dict[str, bytes], **more: object) -> tuple[list[str], str]:
    """Play one turn against a server; return the authorizations that it saw, and the last word of the engine."""
    async with hostile([], [read(), send(whole(chat("hello")))]) as server:
        made = plan_of(text, server.url())
        words: list[str] = []
        spec = ShardSpec("ses_test", 0, 1, 1, str(tmp_path / "log"))
        with SessionDirectory(tmp_path).engine_log() as errors:
            async with child(
                made.to_json(),
                spec,
                errors.fileno(),
                sealed=sealed,
                keys=str(tmp_path),
                environment=False,
                **more,  # type: ignore[arg-type]
            ) as running:
                async for progress in running.reports():
                    words.append(progress.reason)
                    running.send(Orders(monotonic_ns(), allowance=PLENTY, answers=progress.seq))
        return [value for request in server.requests for value in request.values("authorization")], words[-1]


ONE = """
name: Sealed
target: {preset: openai-chat, auth: {bearer: "${BOT_KEY}"}}
env: [WORKER_SECRET]
steps: ["The secret is '{{ env.WORKER_SECRET }}'."]
load: {users: 1, conversations: 1}
"""


async def test_credentials_come_sealed_and_the_workers_environment_stays_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOT_KEY", "of the worker")
    monkeypatch.setenv("WORKER_SECRET", "hidden")
    vault = Vault.open(tmp_path, None)
    seen, _ = await asked(tmp_path, ONE, {"BOT_KEY": vault.seal("BOT_KEY", "of the vault")})
    assert seen == ["Bearer of the vault"]
    assert [line.said for line in lines(tmp_path)] == ["The secret is ''."]


async def test_what_texts_may_read_is_handed_over(tmp_path: Path) -> None:
    vault = Vault.open(tmp_path, None)
    await asked(tmp_path, ONE, {"BOT_KEY": vault.seal("BOT_KEY", "key")}, env={"WORKER_SECRET": "allowed"})
    assert [line.said for line in lines(tmp_path)] == ["The secret is 'allowed'."]


async def test_a_credential_that_is_not_there_is_not_looked_for_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOT_KEY", "of the worker")
    seen, last = await asked(tmp_path, ONE, {})
    assert seen == []
    assert "${BOT_KEY} is not a credential of this server" in last


async def test_conversations_of_a_change_are_told_to_their_end(tmp_path: Path) -> None:
    text = SCENARIO.replace("100000", "1").replace("conversations: 4", "conversations: 400")
    async with serve(Behaviour(latency="4ms")) as bot:
        session = Session(plan(bot, text), tmp_path / "out", 2)
        steering: list[Callable[[], None]] = [
            lambda: session.adjust(users=12), session.pause, session.resume, lambda: session.adjust(users=2)
        ]  # fmt: skip

        async def steer() -> None:
            for number, act in enumerate(steering):
                await until(lambda number=number: number == 2 or bot.stats()["requests"] > 60 * (number + 1))  # type: ignore[misc,operator]
                act()

        async with asyncio.TaskGroup() as group:
            group.create_task(steer())
            summary = await session.play()
    directory = SessionDirectory(tmp_path / "out")
    told = [line.conversation for line in directory.lines(directory.segments()) if isinstance(line, Told)]
    assert len(told) == len(set(told)) == 400
    assert summary.conversations.completed == 400
