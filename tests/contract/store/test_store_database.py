from __future__ import annotations

import asyncio
import gc
import sys
from urllib.parse import urlsplit

import pytest
from sqlalchemy import text

from krawall.errors import Conflict, DocumentError, Internal, KrawallError, NotFound, Unavailable
from krawall.model.event import SessionPaused, WorkerLost
from krawall.model.kept import DocumentKind
from krawall.store.database import Database, to_its_end
from krawall.store.store import Store

WORKER = """
import asyncio, sys
from krawall.model.event import SessionPaused
from krawall.model.session import Session, ShardState, State
from krawall.store.store import Store

async def main(url, me):
    store = await Store.open(url)
    asked = Session(f"ses_{me}", "n", "s", "t", "h", 1, 3, State.queued, 1, "ann")
    id = (await store.sessions.create(asked, b"{}", key="one")).session.id
    shard = await store.shards.claim(id, int(me), f"wrk_{me}")
    for step in range(15):
        await store.events.append(SessionPaused(), f"worker {me}", session=id)
        assert await store.shards.report(id, int(me), shard.attempt, b"%d" % step, ShardState.playing)
    await store.close()

asyncio.run(main(*sys.argv[1:]))
"""


async def test_processes_that_begin_together_write_the_same_database(empty_url):
    """Three processes make the tables, the session and forty-five events at the same time."""
    running = [await _worker(empty_url, number) for number in range(3)]
    ended = [(await process.communicate())[1] for process in running]
    assert ([process.returncode for process in running], ended) == ([0, 0, 0], [b"", b"", b""])
    store = await Store.open(empty_url, migrate=False)
    try:
        [session] = (await store.sessions.list()).items
        assert [each.number for each in await store.events.after(session=session.id)] == list(range(1, 47))
        assert [each.progress for each in await store.shards.of(session.id)] == [b"14"] * 3
    finally:
        await store.close()


async def _worker(url: str, number: int) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", WORKER, url, str(number), stderr=asyncio.subprocess.PIPE
    )


async def test_sqlite_is_set_up_for_several_processes(tmp_path):
    database = await Database.open(f"sqlite:///{tmp_path}/krawall.db")
    try:
        async with database.begin() as tx:
            said = [
                (await tx.first(text(f"PRAGMA {name}")))[0] for name in ("journal_mode", "foreign_keys", "synchronous")
            ]
        assert said == ["wal", 1, 1]
    finally:
        await database.close()


async def test_stores_that_open_together_make_the_tables_once(empty_url):
    stores = await asyncio.gather(*(Store.open(empty_url) for _ in range(6)))
    for each in stores:
        assert await each.pending() == []
        await each.close()


async def test_a_reader_sees_what_is_committed_and_cannot_write(store, other):
    async with store.begin() as tx:
        await store.events.append(WorkerLost("w", "h"), "system", tx=tx)
        assert await other.events.newest() == 0
    assert await other.events.newest() == 1
    with pytest.raises(KrawallError):
        await _write_in_a_read(store)
    assert await other.events.newest() == 1


async def _write_in_a_read(store: Store) -> None:
    async with store.database.read() as tx:
        await tx.run(text("DELETE FROM events"))


async def test_a_transaction_inside_another_is_our_mistake_and_not_a_long_wait(store):
    with pytest.raises(Internal, match="inside another"):
        await _begin_twice(store)
    await store.events.append(WorkerLost("w", "h"), "system")


async def _begin_twice(store: Store) -> None:
    async with store.begin():
        await store.events.append(WorkerLost("w", "h"), "system")


async def test_tasks_that_are_cancelled_in_mid_write_leave_the_others_alone(store, make_session):
    """Cancelled once or twice after any number of steps of the loop: it wrote all of it or nothing, and others write.

    The collector is off: a connection that kept its lock until somebody cleared it away would stop the next writer.
    """
    await store.sessions.create(make_session(), b"{}", key=None)
    heard = []
    store.listen(heard.extend)
    gc.disable()
    try:
        for steps in range(60):
            tasks = [asyncio.ensure_future(store.events.append(SessionPaused(), "ann", session="ses_a"))]
            tasks += [asyncio.ensure_future(store.events.list(session="ses_a"))]
            for _ in range(steps):
                await asyncio.sleep(0)
            for task in tasks:
                task.cancel()
            await asyncio.sleep(0)
            for task in tasks[: steps % 2]:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if steps % 10 == 0:
                await store.events.append(SessionPaused(), "ann", session="ses_a")
    finally:
        gc.enable()
    events = await store.events.after(session="ses_a")
    assert [each.number for each in events] == list(range(1, len(events) + 1))
    assert (await store.sessions.get("ses_a")).events == len(events) >= 7
    if store.database.dialect == "sqlite":
        assert heard == events[1:]


async def test_what_the_connection_does_is_done_before_a_cancellation_is_obeyed():
    done = []

    async def work() -> None:
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        done.append("work")

    async def ask() -> None:
        try:
            await to_its_end(work())
        finally:
            done.append("ask")

    asking = asyncio.ensure_future(ask())
    await asyncio.sleep(0)
    asking.cancel()
    await asyncio.sleep(0)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    assert asking.cancelled()
    assert done == ["work", "ask"]


async def test_a_server_that_does_not_answer_is_unavailable(postgres):
    with postgres.database() as url:
        impatient = await Database.open(url, wait_s=0.1)
        try:
            with pytest.raises(Unavailable, match="in time"):
                await _sleep(impatient)
            await impatient.ping()
        finally:
            await impatient.close()


async def _sleep(database: Database) -> None:
    async with database.read() as tx:
        await tx.run(text("SELECT pg_sleep(20)"))


async def test_who_waits_too_long_for_another_is_told_so(store, url):
    impatient = await Database.open(url, wait_s=0.1)
    try:
        async with store.begin():
            with pytest.raises(Unavailable, match=r"locked|lock timeout"):
                await _begin(impatient)
        await _begin(impatient)
    finally:
        await impatient.close()


async def _begin(database: Database) -> None:
    async with database.begin():
        pass


async def test_values_that_no_database_keeps_are_the_askers_mistake(store):
    """One database may keep what the other does not; neither answers with an error of its driver."""
    asked = [
        lambda: store.documents.create(DocumentKind.target, "zero \x00", {}, "ann"),
        lambda: store.documents.create(DocumentKind.target, "half \ud800", {}, "ann"),
        lambda: store.documents.list(DocumentKind.target, search="\x00"),
        lambda: store.events.after(2**70),
        lambda: store.events.after(limit=2**70),
        lambda: store.sessions.list(created_from=-(2**70)),
        lambda: store.events.get(2**70),
    ]
    for ask in asked:
        try:
            await ask()
        except (DocumentError, NotFound) as error:
            refused = error
            assert "\n[SQL" not in str(refused)
    assert await store.events.newest() <= 1


async def test_a_broken_rule_of_a_table_is_a_conflict(store):
    with pytest.raises(Conflict, match="does not allow"):
        await store.logins.create("usr_none", "h", "c", 5)


async def test_a_database_without_tables_says_how_to_get_them(empty_url):
    store = await Store.open(empty_url, migrate=False)
    try:
        assert await store.pending() == ["0001", "0002"]
        with pytest.raises(Unavailable, match="krawall migrate"):
            await store.sessions.list()
        with pytest.raises(Unavailable, match="krawall migrate"):
            await store.events.append(WorkerLost("w", "h"), "system")
    finally:
        await store.close()


@pytest.mark.parametrize(
    "gone",
    [
        "postgresql://me:secret@127.0.0.1:1/krawall",
        "postgresql://me:secret@/krawall?host=/nowhere/at/all",
    ],
)
async def test_a_server_that_is_not_there_is_unavailable_and_its_password_stays_unsaid(gone):
    with pytest.raises(Unavailable) as refused:
        await Store.open(gone)
    assert "krawall cannot be used" in str(refused.value).replace("?host=%2Fnowhere%2Fat%2Fall", "")
    assert "secret" not in str(refused.value)


async def test_a_database_that_is_not_there_is_unavailable(postgres):
    with pytest.raises(Unavailable, match="nosuch"):
        await Store.open(postgres.url("nosuch"))


async def test_files_that_are_no_database_are_unavailable(tmp_path):
    (tmp_path / "text").write_text("not a database, whatever its name says " * 100)
    (tmp_path / "folder").mkdir()
    for name in ("text", "folder", "text/below.db"):
        with pytest.raises(Unavailable, match=name):
            await Store.open(f"sqlite:///{tmp_path}/{name}")


async def test_connections_that_are_cut_come_back(postgres):
    """What was under way is undone and said so; the next one connects again."""
    with postgres.database() as url:
        store, admin = await Store.open(url), await Database.open(postgres.url("postgres"))
        try:
            with pytest.raises(Unavailable):
                await _append_while_cut_off(store, admin)
            await store.events.append(WorkerLost("w", "h"), "system")
            assert [each.body.worker for each in await store.events.after()] == ["w"]
        finally:
            await store.close()
            await admin.close()


async def _append_while_cut_off(store: Store, admin: Database) -> None:
    cut = text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname LIKE 'fresh%'")
    async with store.begin() as tx:
        await store.events.append(WorkerLost("undone", "h"), "system", tx=tx)
        async with admin.begin(ordered=False) as other:
            await other.run(cut)
        await store.events.append(WorkerLost("undone", "h"), "system", tx=tx)


async def test_a_database_that_is_dropped_under_us_is_unavailable(postgres):
    with postgres.database() as url:
        store = await Store.open(url)
        try:
            postgres.drop(urlsplit(url).path.lstrip("/"))
            for ask in (store.database.ping, store.sessions.list, store.pending):
                with pytest.raises(Unavailable):
                    await ask()
        finally:
            await store.close()
