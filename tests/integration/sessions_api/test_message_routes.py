"""The log of a session over REST: pages, one conversation, files in four formats, the report; running and over."""

from __future__ import annotations

import csv
import io
import json

import duckdb
import pytest

from krawall.archive.compact import compact
from krawall.clock import wall_ns
from krawall.model.session import State
from krawall.testing.logs import S, some_lines, write_session
from krawall.testing.served import finish, keep


@pytest.fixture
async def session(app):
    """A finished session with three conversations of two turns; the last turn of all failed."""
    session = await keep(app)
    write_session(app.archive.place(session.id), session.id)
    await finish(app, session.id)
    return session


def path(session, rest):
    return f"/api/v1/sessions/{session.id}/{rest}"


async def get(client, session, rest, **params):
    answer = await client.get(path(session, rest), params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_conversation_is_replayed_with_what_is_out_of_the_ordinary(client, session):
    found = await get(client, session, "conversations/2/replay")
    assert [(turn["number"], len(turn["attempts"])) for turn in found["turns"]] == [(1, 1), (2, 1)]
    assert [(each["turn"], each["kind"]) for each in found["anomalies"]] == [(2, "error"), (2, "check")]
    assert found["turns"][0]["attempts"][0]["sent_ms"] == 0
    assert (await client.get(path(session, "conversations/99/replay"))).status_code == 404


async def test_the_request_of_a_turn_is_rebuilt(client, session):
    found = await get(client, session, "conversations/1/turns/2/request")
    assert (found["turn"], found["connector"], found["history"]) == (2, "echo", 0)
    assert "Any news?" in found["body"]
    assert found["doubts"] == ["nothing was sent: the connector echo answers by itself"]
    for missing in ("conversations/1/turns/9/request", "conversations/99/turns/1/request"):
        assert (await client.get(path(session, missing))).status_code == 404


@pytest.mark.parametrize("compacted", [False, True])
async def test_pages_of_messages_with_filters(app, client, session, compacted):
    if compacted:
        compact(app.archive.place(session.id))
    first = await get(client, session, "messages", limit=4)
    assert [item["n"] for item in first["items"]] == [0, 1, 2, 3]
    assert (first["next"], first["newest"]) == (4, 5)
    assert first["items"][0]["said"] == "=1+1 my parcel is late"
    assert first["items"][0]["latency_ms"] == 100
    assert first["items"][0]["checks"] == [{"name": "contains", "ok": True, "detail": ""}]
    assert (await get(client, session, "messages", **{"from": 4}))["next"] is None

    async def numbers(**filters):
        return [item["n"] for item in (await get(client, session, "messages", **filters))["items"]]

    assert await numbers(error="any") == await numbers(error="server") == await numbers(status=500) == [5]
    assert await numbers(conversation=1) == [2, 3]
    assert await numbers(step="steps.0") == await numbers(turn=1) == [0, 2, 4]
    assert await numbers(search="ECHO 1.2") == [3]
    assert await numbers(slower_ms=1000) == await numbers(phase="warm-up") == []
    assert (await get(client, session, "messages", bodies=False))["items"][0]["said"] is None


async def test_pages_of_conversations(client, session):
    found = await get(client, session, "conversations")
    assert [item["outcome"] for item in found["items"]] == ["completed", "completed", "failed"]
    assert found["items"][0]["took_ms"] == 3000
    failed = await get(client, session, "conversations", outcome="failed", search="tea")
    assert [item["conversation"] for item in failed["items"]] == [2]


async def test_one_conversation_from_its_first_message_to_its_end(client, session):
    found = await get(client, session, "conversations/2")
    assert [item["kind"] for item in found["items"]] == ["message", "checked", "message", "end"]
    assert found["items"][2]["error"] == "server"
    assert (await client.get(path(session, "conversations/9"))).status_code == 404
    assert (await client.get(path(session, "conversations/-1"))).status_code == 422
    assert (await client.get(path(session, "conversations/first"))).status_code == 422


async def test_a_session_that_has_not_begun_has_no_messages(app, client):
    session = await keep(app)
    assert await get(client, session, "messages") == {"items": [], "next": None, "newest": -1}
    assert await get(client, session, "conversations") == {"items": [], "next": None, "newest": -1}


async def test_while_it_runs_only_what_is_settled_is_shown(app, client):
    session = await keep(app)
    write_session(app.archive.place(session.id), session.id, some_lines(3))
    fence = await app.store.sessions.claim(session.id, "wrk_1")
    await app.store.sessions.write(session.id, fence, state=State.starting)
    await app.store.sessions.write(session.id, fence, state=State.running, started_ns=wall_ns() - 15 * S)
    assert [item["conversation"] for item in (await get(client, session, "messages"))["items"]] == [0, 0, 1, 1]


@pytest.mark.parametrize(
    "query",
    ["from=-1", "limit=0", "limit=5000", "error=sadness", "status=x", "slower_ms=nan", "from=1e3", "conversation=-2"],
)
async def test_a_wrong_question_is_refused(client, session, query):
    assert (await client.get(path(session, f"messages?{query}"))).status_code == 422


async def test_files_of_messages(client, session):
    async def file(what, format):
        answer = await client.get(path(session, "export"), params={"what": what, "format": format})
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-disposition"] == f'attachment; filename="{session.id}-{what}.{format}"'
        return answer

    rows = list(csv.DictReader(io.StringIO((await file("messages", "csv")).text)))
    assert len(rows) == 6
    assert rows[0]["said"] == "'=1+1 my parcel is late"
    assert len((await file("messages", "json")).json()) == 6
    lines = (await file("conversations", "jsonl")).text.splitlines()
    assert [json.loads(line)["conversation"] for line in lines] == [0, 1, 2]
    assert (await file("messages", "parquet")).content[:4] == b"PAR1"


async def test_a_parquet_file_can_be_read(client, session, tmp_path):
    data = (await client.get(path(session, "export"), params={"format": "parquet"})).content
    (tmp_path / "taken.parquet").write_bytes(data)
    assert duckdb.sql(f"SELECT count(*) FROM '{tmp_path}/taken.parquet'").fetchall() == [(6,)]


async def test_files_of_seconds_and_of_the_result(app, client):
    session = await keep(app)
    for second in range(3):
        await app.store.ticks.add(session.id, second, json.dumps({"at_s": second, "users": 2}).encode())
    export = path(session, "export")
    text = (await client.get(export, params={"what": "ticks", "format": "csv"})).text
    assert [row["second"] for row in csv.DictReader(io.StringIO(text))] == ["0", "1", "2"]
    assert len((await client.get(export, params={"what": "ticks", "format": "json"})).json()) == 3
    assert (await client.get(export, params={"what": "summary", "format": "json"})).status_code == 409
    fence = await app.store.sessions.claim(session.id, "wrk_1")
    summary = {"name": "=cmd()", "metrics": {"ttft": {"p95": 12.5}}, "thresholds": [{"text": "x"}]}
    await app.store.sessions.write(session.id, fence, summary=json.dumps(summary).encode())
    assert (await client.get(export, params={"what": "summary", "format": "json"})).json() == summary
    assert json.loads((await client.get(export, params={"what": "summary", "format": "jsonl"})).text) == summary
    flat = (await client.get(export, params={"what": "summary", "format": "csv"})).text.splitlines()
    assert flat == ["name,value", "name,'=cmd()", "metrics.ttft.p95,12.5", "thresholds.0.text,x"]
    for wrong in ({"what": "ticks", "format": "parquet"}, {"what": "feelings"}, {"format": "pdf"}):
        assert (await client.get(export, params=wrong)).status_code == 422


async def test_the_report_is_made_when_nobody_has_and_runs_nothing(app, client, session):
    answer = await client.get(path(session, "report"))
    assert answer.status_code == 200, answer.text
    assert answer.text.startswith("<!doctype html>")
    assert "sandbox" in answer.headers["content-security-policy"]
    assert (app.archive.place(session.id) / "report.html").exists()
    assert (await client.get(path(session, "report"))).text == answer.text


async def test_there_is_no_report_before_the_end_nor_of_what_never_began(app, client):
    session = await keep(app)
    assert (await client.get(path(session, "report"))).status_code == 409
    await finish(app, session.id)
    assert (await client.get(path(session, "report"))).status_code == 404
