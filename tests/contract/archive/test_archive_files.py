"""One suite over archives in a directory and in a bucket."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from krawall.archive.archive import Archive
from krawall.archive.compact import FILES, compact
from krawall.archive.query import messages
from krawall.archive.segments import compress
from krawall.clock import wall_ns
from krawall.errors import DocumentError, NotFound, Unavailable
from krawall.model.exchange import Exchange
from krawall.testing.buckets import Buckets
from krawall.testing.segments import write_segment

SESSION = "ses_01jd3x8k2v7q9m4tz0abcde"
MESSAGES = [Exchange(0, 0, turn, 1, "measure", "steps.0", 1, 1, 1, turn, said=f"said {turn}") for turn in (1, 2, 3)]


async def test_what_is_put_is_read_listed_and_deleted(archive: Archive) -> None:
    await archive.ping()
    await archive.put(SESSION, "plan.json", b"{}")
    await archive.put(SESSION, "log/0-1-0.jsonl", b"12345")
    await archive.put(SESSION, "plan.json", b"{1}")
    await archive.put("ses_other", "plan.json", b"other")

    assert await archive.read(SESSION, "plan.json") == b"{1}"
    assert await archive.names(SESSION) == [("log/0-1-0.jsonl", 5), ("plan.json", 3)]

    await archive.delete(SESSION)
    await archive.delete(SESSION)

    assert await archive.names(SESSION) == []
    assert await archive.read("ses_other", "plan.json") == b"other"
    with pytest.raises(NotFound, match=r"no file 'plan\.json'"):
        await archive.read(SESSION, "plan.json")


async def test_an_empty_file_is_a_file(archive: Archive) -> None:
    await archive.put(SESSION, "engine.log", b"")

    assert await archive.names(SESSION) == [("engine.log", 0)]
    assert await archive.read(SESSION, "engine.log") == b""
    assert (await archive.fetch(SESSION) / "engine.log").read_bytes() == b""


@pytest.mark.parametrize("session", ["", ".", "..", "a/b", "../x", "a\0b", "a b", "-x", "x" * 200])
async def test_an_id_is_never_a_path(archive: Archive, session: str) -> None:
    with pytest.raises(NotFound):
        await archive.read(session, "plan.json")
    with pytest.raises(NotFound):
        await archive.delete(session)
    with pytest.raises(NotFound):
        archive.place(session)


@pytest.mark.parametrize("name", ["", "..", "../../etc/passwd", "/etc/passwd", "log/../../x", ".marks.json", "a//b"])
async def test_a_name_never_leaves_the_session(archive: Archive, name: str) -> None:
    for asked in (archive.read(SESSION, name), archive.put(SESSION, name, b""), archive.fetch(SESSION, name)):
        with pytest.raises(NotFound):
            await asked


async def test_what_an_engine_writes_is_fetched_by_others(archive: Archive, tmp_path: Path) -> None:
    place = archive.place(SESSION)
    write_segment(place, "0-1-0", MESSAGES[:1])

    await archive.push(SESSION)
    folder = await archive.fetch(SESSION)
    assert len(messages(folder).items) == 1

    write_segment(place, "0-1-0", MESSAGES)
    await archive.push(SESSION)
    await archive.release(SESSION)
    folder = await archive.fetch(SESSION)
    assert (folder / "log" / "0-1-0.jsonl").read_bytes().count(b"\n") == 4
    assert await archive.names(SESSION) == [("log/0-1-0.jsonl", (folder / "log" / "0-1-0.jsonl").stat().st_size)]


async def test_what_compaction_makes_in_the_fetched_folder_is_pushed(archive: Archive) -> None:
    write_segment(archive.place(SESSION), "0-1-0", MESSAGES)
    await archive.push(SESSION)
    folder = await archive.fetch(SESSION)

    assert await asyncio.to_thread(compact, folder) == 3
    await archive.push(SESSION)

    names = [name for name, _ in await archive.names(SESSION)]
    assert names == sorted([*FILES, "log/0-1-0.jsonl.zst"])
    assert len(messages(await archive.fetch(SESSION, "messages.parquet")).items) == 3


async def test_a_session_without_files_is_fetched_as_nothing(archive: Archive) -> None:
    assert messages(await archive.fetch(SESSION)).items == []
    assert await archive.push(SESSION) == []


async def test_only_what_is_asked_for_is_there(archive: Archive) -> None:
    for name in ("plan.json", "manifest.json", "report.html"):
        await archive.put(SESSION, name, name.encode())

    folder = await archive.fetch(SESSION, "plan.json", "absent.json")

    assert (folder / "plan.json").read_bytes() == b"plan.json"
    assert not (folder / "absent.json").exists()


async def test_many_ask_at_once(archive: Archive) -> None:
    write_segment(archive.place(SESSION), "0-1-0", MESSAGES)

    async def turn(number: int) -> int:
        await archive.push(SESSION)
        folder = await archive.fetch(SESSION)
        return len((await asyncio.to_thread(messages, folder)).items)

    assert await asyncio.gather(*(turn(number) for number in range(8))) == [3] * 8


def test_an_archive_has_an_address(tmp_path: Path) -> None:
    for url in (
        "",
        "archive",
        "file://",
        "file://host/x",
        "ftp://x",
        "s3://",
        "s3://key:secret@bucket",
        "s3://b?speed=1",
    ):
        with pytest.raises(DocumentError) as caught:
            Archive.open(url, tmp_path)
        assert "secret" not in str(caught.value)


async def test_a_directory_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    archive = Archive.open(f"file://{tmp_path}/file", tmp_path / "cache")

    with pytest.raises(Unavailable, match="cannot be written"):
        await archive.ping()
    with pytest.raises(Unavailable):
        await archive.put(SESSION, "plan.json", b"")


class TestBucket:
    """What only a bucket has: a spool, a cache, and a network between."""

    @pytest.fixture
    def url(self, s3: Buckets, request: pytest.FixtureRequest) -> str:
        return s3.make(request.node.name.replace("_", "-").replace("test-", "")[:60])

    async def test_only_what_is_new_is_uploaded(self, url: str, tmp_path: Path) -> None:
        archive = Archive.open(url, tmp_path)
        place = archive.place(SESSION)
        write_segment(place, "0-1-0", MESSAGES)
        write_segment(place, "0-1-1", MESSAGES)

        assert await archive.push(SESSION, names=["log/0-1-1.jsonl"]) == ["log/0-1-1.jsonl"]
        assert await archive.push(SESSION) == ["log/0-1-0.jsonl"]
        assert await archive.push(SESSION) == []
        assert await Archive.open(url, tmp_path).push(SESSION) == []

    async def test_a_compressed_segment_takes_the_place_of_the_plain_one(self, url: str, tmp_path: Path) -> None:
        archive = Archive.open(url, tmp_path)
        plain = write_segment(archive.place(SESSION), "0-1-0", MESSAGES)
        await archive.push(SESSION)
        folder = await archive.fetch(SESSION)

        compress(plain)
        await archive.push(SESSION)

        assert [name for name, _ in await archive.names(SESSION)] == ["log/0-1-0.jsonl.zst"]
        assert await archive.fetch(SESSION) == folder
        assert [path.name for path in (folder / "log").iterdir()] == ["0-1-0.jsonl.zst"]

    async def test_another_machine_sees_the_newest_form(self, url: str, tmp_path: Path) -> None:
        here, there = Archive.open(url, tmp_path / "here"), Archive.open(url, tmp_path / "there")
        write_segment(here.place(SESSION), "0-1-0", MESSAGES[:1])
        await here.push(SESSION)
        folder = await there.fetch(SESSION)
        assert len(messages(folder).items) == 1

        write_segment(here.place(SESSION), "0-1-0", MESSAGES)
        await here.push(SESSION)
        await there.fetch(SESSION)

        assert len(messages(folder).items) == 3

    async def test_big_files_go_in_parts(self, url: str, tmp_path: Path) -> None:
        archive = Archive.open(url, tmp_path)
        data = os.urandom(1 << 20) * 20
        path = archive.place(SESSION) / "big.bin"
        path.parent.mkdir(parents=True)
        path.write_bytes(data)
        await archive.push(SESSION)

        assert (await archive.fetch(SESSION) / "big.bin").read_bytes() == data

    async def test_the_cache_lets_go_of_what_nobody_asked_for_in_a_while(self, url: str, tmp_path: Path) -> None:
        archive = Archive.open(url, tmp_path, cache_bytes=2500)
        folders = []
        for number in range(3):
            await archive.put(f"ses_{number}", "plan.json", bytes(1000))
            folders.append(await archive.fetch(f"ses_{number}"))
        assert all(folder.exists() for folder in folders)  # somebody may be reading them

        for age, folder in enumerate(folders):
            long_ago = wall_ns() - (10 - age) * 3600 * 10**9
            os.utime(folder, ns=(long_ago, long_ago))
        await archive.put("ses_3", "plan.json", bytes(1000))
        await archive.fetch("ses_3")

        assert [folder.exists() for folder in folders] == [False, False, True]
        assert (await archive.fetch("ses_0") / "plan.json").stat().st_size == 1000

    async def test_a_lost_note_of_what_is_where_loses_nothing(self, url: str, tmp_path: Path) -> None:
        archive = Archive.open(url, tmp_path)
        await archive.put(SESSION, "plan.json", b"old")
        folder = await archive.fetch(SESSION)
        (folder / ".marks.json").write_bytes(b"{")
        await archive.put(SESSION, "plan.json", b"new")

        assert (await archive.fetch(SESSION) / "plan.json").read_bytes() == b"new"

    async def test_a_server_that_is_gone_is_unavailable(self, tmp_path: Path, s3: Buckets) -> None:
        archive = Archive.open("s3://bucket/x?endpoint=http://127.0.0.1:9", tmp_path)

        with pytest.raises(Unavailable, match="s3://bucket/x does not answer"):
            await archive.names(SESSION)

    async def test_a_bucket_that_is_not_there_is_unavailable(self, tmp_path: Path, s3: Buckets) -> None:
        archive = Archive.open(f"s3://nobodys?endpoint={s3.endpoint}", tmp_path)

        with pytest.raises(Unavailable):
            await archive.ping()

    def test_without_keys_no_cloud_is_asked_for_some(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)

        with pytest.raises(DocumentError, match="no keys"):
            Archive.open("s3://bucket?endpoint=http://127.0.0.1:9", tmp_path)
