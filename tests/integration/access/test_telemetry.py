"""What the server says of itself: over HTTP, with a real queue that dies, and to a real collector of traces."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from fastapi import APIRouter, FastAPI
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client.parser import text_string_to_metric_families

from krawall.api import errors
from krawall.api.auth import Access
from krawall.api.headers import SafeHeaders
from krawall.api.telemetry import Readings, Telemetry, Watched, read, router
from krawall.errors import NotFound
from krawall.model.account import Role
from krawall.model.job import Deliver
from krawall.model.kept import WorkerFacts
from krawall.queue.jobs import Jobs
from krawall.services.accounts import Accounts
from krawall.services.tracing import Tracing
from krawall.store.store import Store
from krawall.testing.valkeys import valkey_server

PASSWORD = "correct horse battery"


async def nothing() -> Readings:
    return Readings({}, {}, {}, {"database": True})


def make(accounts: Accounts, telemetry: Telemetry, *, open_to_all: bool = False) -> FastAPI:
    things = APIRouter(prefix="/api/v1/things")

    @things.get("/{id}")
    async def thing(id: str) -> str:
        if id == "missing":
            raise NotFound("no thing")
        if id == "broken":
            raise ValueError("hunter2")
        return id

    api = FastAPI()
    api.state.krawall = SimpleNamespace(accounts=accounts)
    api.state.routes = things.routes
    api.include_router(things)
    api.include_router(router(telemetry, nothing, open_to_all=open_to_all))
    errors.install(api)
    api.add_middleware(Access, host="127.0.0.1")
    api.add_middleware(errors.Boundary)
    api.add_middleware(Watched, telemetry=telemetry)
    api.add_middleware(SafeHeaders)
    return api


def client(api: FastAPI, **headers: str) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=api), base_url="http://127.0.0.1", headers=headers, trust_env=False
    )


def samples(text: str) -> dict[tuple[str, ...], float]:
    """Return values by name and labels, in the order of the labels' names."""
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_requests_are_counted_by_the_routes_template(accounts: Accounts) -> None:
    async with client(make(accounts, Telemetry())) as web:
        for path in ("a", "b", "missing", "broken"):
            await web.get(f"/api/v1/things/{path}")
        await web.get("/nowhere/at/all")
        await web.request("BREW", "/api/v1/things/a")
        answer = await web.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    found = samples(answer.text)
    counted = {key[1:]: value for key, value in found.items() if key[0] == "krawall_http_requests_total"}
    assert counted == {
        ("GET", "/api/v1/things/{id}", "200"): 2,
        ("GET", "/api/v1/things/{id}", "404"): 1,
        ("GET", "/api/v1/things/{id}", "500"): 1,
        ("GET", "other", "404"): 1,
        ("other", "/api/v1/things/{id}", "405"): 1,
    }
    assert found["krawall_http_request_seconds_count", "GET", "/api/v1/things/{id}"] == 4
    assert found["krawall_http_requests_under_way",] == 1  # the scrape itself
    assert found["process_open_fds",] > 0
    assert found["krawall_part_up", "database"] == 1


async def test_a_scraper_is_answered_in_the_format_it_asks_for(accounts: Accounts) -> None:
    async with client(make(accounts, Telemetry()), accept="application/openmetrics-text; version=1.0.0") as web:
        answer = await web.get("/metrics")
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")


@pytest.mark.parametrize(("open_to_all", "status"), [(False, 401), (True, 200)])
async def test_metrics_need_a_reader_unless_a_setting_opens_them(
    accounts: Accounts, open_to_all: bool, status: int
) -> None:
    await accounts.create_user("ann", PASSWORD, Role.admin, "local")
    made = await accounts.login("ann", PASSWORD, "")
    async with client(make(accounts, Telemetry(), open_to_all=open_to_all)) as web:
        assert (await web.get("/metrics")).status_code == status
        assert (await web.get("/metrics", headers={"cookie": f"krawall_session={made.secret}"})).status_code == 200


async def test_rows_and_queue_are_read_and_what_is_away_is_told(store: Store) -> None:
    await store.workers.beat(WorkerFacts("wrk_1", "here", 1, "1", "ready", 1, 1, 2))
    with valkey_server() as server:
        jobs = Jobs(server.url)
        await jobs.enqueue(Deliver("dlv_1"), id="deliver.dlv_1", delay_s=60)
        there = await read(store, jobs)
        assert there.workers == {"ready": 1}
        assert there.jobs["chores"]["delayed"] == 1
        assert there.parts == {"database": True, "queue": True}
        shown = samples(bytes(Telemetry().show(there).body).decode())
        assert shown["krawall_jobs", "chores", "delayed"] == 1
        assert shown["krawall_jobs", "sessions", "waiting"] == 0
        assert shown["krawall_sessions", "running"] == 0
        server.kill()
        assert (await read(store, jobs)).parts == {"database": True, "queue": False}
        server.start()
        assert (await read(store, jobs)).parts == {"database": True, "queue": True}
        await jobs.close()


def test_values_that_are_gone_do_not_stay(accounts: Accounts) -> None:
    telemetry = Telemetry()
    telemetry.show(Readings({"running": 3}, {"odd": {"active": 1}}, {"lost": 2}, {"queue": False}))
    found = samples(bytes(telemetry.show(Readings({}, {}, {}, {})).body).decode())
    assert found["krawall_sessions", "running"] == 0
    assert ("krawall_workers", "lost") not in found
    assert ("krawall_jobs", "odd", "active") not in found


async def test_each_request_is_a_span_and_a_line(accounts: Accounts, caplog: pytest.LogCaptureFixture) -> None:
    kept = InMemorySpanExporter()
    caplog.set_level(logging.DEBUG, "krawall.api")
    async with client(make(accounts, Telemetry(Tracing.open("", exporter=kept)))) as web:
        await web.get("/api/v1/things/a?secret=hunter2")
        await web.get("/api/v1/things/broken")
    first, second = kept.get_finished_spans()
    assert (first.name, dict(first.attributes or {})) == (
        "GET /api/v1/things/{id}",
        {
            "http.request.method": "GET",
            "url.scheme": "http",
            "url.path": "/api/v1/things/a",
            "http.route": "/api/v1/things/{id}",
            "http.response.status_code": 200,
        },
    )
    assert (second.attributes or {})["error.type"] == "500"
    lines: list[dict[str, Any]] = [record.msg for record in caplog.records if isinstance(record.msg, dict)]
    assert [(line["event"], line["status"], line["level"]) for line in lines] == [
        ("request", 200, "debug"),
        ("request", 500, "info"),
    ]
    assert all(line["request_id"].startswith("req_") for line in lines)
    assert "hunter2" not in json.dumps(lines)


@contextmanager
def collector() -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    """Give the URL of a server that takes what OTLP posts, and what it took."""
    taken: list[tuple[str, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            taken.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", taken
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("path", ["", "/", "/v1/traces"])
async def test_spans_reach_a_collector_before_the_process_ends(path: str) -> None:
    with collector() as (url, taken):
        tracing = Tracing.open(url + path, service="krawall-worker")
        with tracing.job(Deliver("dlv_1"), id="deliver.dlv_1", attempt=1):
            pass
        await tracing.close()
    ((where, body),) = taken
    sent = ExportTraceServiceRequest.FromString(body).resource_spans[0]
    assert where == "/v1/traces"
    assert "krawall-worker" in [each.value.string_value for each in sent.resource.attributes]
    assert [span.name for span in sent.scope_spans[0].spans] == ["process deliver"]
