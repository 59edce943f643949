"""Taking in the directory of a session that was played elsewhere."""

from __future__ import annotations

import pytest

from krawall.ids import new_id
from krawall.settings import Settings
from krawall.testing.logs import pack, write_session

IMPORT = "/api/v1/sessions/import"
TAR = {"Content-Type": "application/gzip"}


@pytest.fixture
def settings(tmp_path, valkey):
    return Settings(data=tmp_path, redis=valkey.url, worker=False, most_import=1_000_000)


@pytest.fixture
def tar(tmp_path):
    id = new_id("ses")
    write_session(tmp_path / "played" / id, id)
    return id, pack(tmp_path / "played" / id, tmp_path / "played.tar.gz")


async def test_a_session_comes_in_once(app, client, tar):
    id, data = tar
    answer = await client.post(IMPORT, content=data, headers=TAR)
    assert answer.status_code == 201, answer.text
    session = answer.json()
    assert answer.headers["location"] == f"/api/v1/sessions/{id}"
    assert (session["id"], session["state"], session["turns"]) == (id, "finished", 6)
    shown = (await client.get(f"/api/v1/sessions/{id}")).json()
    assert shown["summary"]["turns"] == 6
    assert len((await client.get(f"/api/v1/sessions/{id}/messages")).json()["items"]) == 6
    assert len((await client.get(f"/api/v1/sessions/{id}/ticks")).json()["items"]) == 3
    assert (await client.get(f"/api/v1/sessions/{id}/report")).status_code == 200
    assert (await client.post(IMPORT, content=data, headers=TAR)).status_code == 409


async def test_it_may_come_in_pieces_without_a_length(client, tar):
    _, data = tar

    async def pieces():
        for at in range(0, len(data), 100):
            yield data[at : at + 100]

    assert (await client.post(IMPORT, content=pieces(), headers=TAR)).status_code == 201


async def test_what_is_too_large_is_refused_before_it_is_kept(app, client):
    async def pieces():
        for _ in range(20):
            yield b"x" * 100_000

    assert (await client.post(IMPORT, content=b"x" * 1_000_001, headers=TAR)).status_code == 413
    assert (await client.post(IMPORT, content=pieces(), headers=TAR)).status_code == 413
    assert not list(app.settings.home.glob("import-*"))


@pytest.mark.parametrize("data", [b"", b"nonsense", b"\x1f\x8b\x08\x00"])
async def test_what_is_no_session_is_refused(client, data):
    answer = await client.post(IMPORT, content=data, headers=TAR)
    assert answer.status_code == 422, answer.text
    assert answer.json()["code"] == "document"


async def test_another_kind_of_body_is_refused(client):
    assert (await client.post(IMPORT, json={})).status_code == 415
