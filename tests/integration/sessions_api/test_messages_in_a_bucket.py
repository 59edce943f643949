"""The log of a session whose files are in a bucket: what was pushed can be asked, before and after compaction."""

from __future__ import annotations

import csv
import io
import shutil

import pytest

from krawall.archive.archive import Archive
from krawall.archive.compact import compact
from krawall.services.messages import Messages
from krawall.settings import Settings
from krawall.testing.buckets import s3_server
from krawall.testing.logs import write_session
from krawall.testing.served import finish, keep


@pytest.fixture(scope="module")
def buckets():
    with s3_server() as server:
        yield server


@pytest.fixture
def settings(tmp_path, valkey, buckets, request):
    url = buckets.make(f"b{abs(hash(request.node.name)) % 10**8}")
    return Settings(data=tmp_path, redis=valkey.url, worker=False, archive=url)


@pytest.mark.parametrize("compacted", [False, True])
async def test_pages_files_and_report_come_from_the_bucket(app, client, settings, tmp_path, compacted):
    session = await keep(app)
    played = Archive.open(settings.archive_url, tmp_path / "elsewhere")  # the worker's machine
    write_session(played.place(session.id), session.id)
    if compacted:
        compact(played.place(session.id))
        await app.store.sessions.mark_compacted(session.id)
    await played.release(session.id)
    await finish(app, session.id)
    shutil.rmtree(tmp_path / "elsewhere")
    path = f"/api/v1/sessions/{session.id}"
    assert len((await client.get(f"{path}/messages")).json()["items"]) == 6
    assert len((await client.get(f"{path}/conversations/1")).json()["items"]) == 4
    text = (await client.get(f"{path}/export")).text
    assert len(list(csv.DictReader(io.StringIO(text)))) == 6
    report = await client.get(f"{path}/report")
    assert report.status_code == 200, report.text
    assert (
        await Messages(app.store, Archive.open(settings.archive_url, tmp_path / "third")).report(session.id)
        == report.content
    )


async def test_a_session_without_files_has_no_messages(app, client):
    session = await keep(app)
    assert (await client.get(f"/api/v1/sessions/{session.id}/messages")).json()["items"] == []
    await finish(app, session.id)
    assert (await client.get(f"/api/v1/sessions/{session.id}/report")).status_code == 404
