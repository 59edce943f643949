"""Spans of requests and jobs, and what they say."""

from __future__ import annotations

import sys

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from krawall.errors import PluginError, Unavailable
from krawall.model.job import Deliver, PlayShard
from krawall.model.target import Target
from krawall.services.tracing import Tracing, about_target


@pytest.fixture
def kept() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def tracing(kept: InMemorySpanExporter) -> Tracing:
    return Tracing.open("", exporter=kept)


def test_a_job_is_a_span_that_names_session_shard_and_try(tracing: Tracing, kept: InMemorySpanExporter) -> None:
    with tracing.job(PlayShard("ses_1", 2), id="ses_1:2", attempt=3) as span:
        span.note({"krawall.turns": 7})
    (made,) = kept.get_finished_spans()
    assert (made.name, made.kind) == ("process shard", SpanKind.CONSUMER)
    assert dict(made.attributes or {}) == {
        "messaging.system": "bullmq",
        "messaging.operation.type": "process",
        "messaging.destination.name": "shards",
        "messaging.message.id": "ses_1:2",
        "krawall.job": "shard",
        "krawall.job.attempt": 3,
        "krawall.session.id": "ses_1",
        "krawall.shard": 2,
        "krawall.turns": 7,
    }
    assert made.resource.attributes["service.name"] == "krawall"


def test_a_failure_is_marked_and_a_strangers_text_is_not_sent(tracing: Tracing, kept: InMemorySpanExporter) -> None:
    with pytest.raises(Unavailable), tracing.job(Deliver("dlv_1"), id="dlv_1", attempt=1):
        raise Unavailable("the database is gone")
    with pytest.raises(ValueError), tracing.span("x"):
        raise ValueError("hunter2")
    ours, strange = kept.get_finished_spans()
    assert (ours.status.status_code, ours.status.description) == (StatusCode.ERROR, "the database is gone")
    assert (ours.attributes or {})["error.type"] == "unavailable"
    assert (strange.status.status_code, strange.status.description) == (StatusCode.ERROR, None)
    assert (strange.attributes or {})["error.type"] == "ValueError"
    assert not ours.events
    assert not strange.events


def test_spans_nest_and_a_request_may_name_their_parent(tracing: Tracing, kept: InMemorySpanExporter) -> None:
    parent = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
    with tracing.span("outer", "server", {"a": 1}, parent), tracing.span("inner"):
        pass
    inner, outer = kept.get_finished_spans()
    assert outer.parent is not None
    assert f"{outer.parent.span_id:016x}" == "b7ad6b7169203331"
    assert inner.parent is not None
    assert inner.parent.span_id == outer.context.span_id
    assert inner.context.trace_id == outer.context.trace_id == 0x0AF7651916CD43DD8448EB211C80319C


async def test_without_an_endpoint_nothing_is_loaded_or_made() -> None:
    tracing = Tracing.open("")
    with tracing.span("x") as span, tracing.job(Deliver("d"), id="d", attempt=1):
        span.note({"a": 1}, "y")
        span.fail("z")
    await tracing.close()


def test_without_the_extra_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("opentelemetry.exporter")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(PluginError, match="OpenTelemetry is not installed") as missing:
        Tracing.open("http://127.0.0.1:4318")
    assert "krawall[otel]" in (missing.value.hint or "")


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (
            Target(
                preset="custom-http",
                url="https://bot.test/v1/chat?x=1",
                stream=True,
                headers={"x": "${KEY}"},
                request={"model": "small", "max_tokens": 400, "seed": 1, "temperature": 0.5, "user": "me"},
            ),
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "custom-http",
                "gen_ai.request.stream": True,
                "gen_ai.request.model": "small",
                "gen_ai.request.max_tokens": 400,
                "gen_ai.request.temperature": 0.5,
                "gen_ai.request.seed": 1,
                "server.address": "bot.test",
                "server.port": 443,
            },
        ),
        (
            Target(url="http://${HOST}/", request={"model": ["no"], "seed": True}),
            {"gen_ai.operation.name": "chat", "gen_ai.request.stream": False},
        ),
    ],
)
def test_a_target_is_described_by_the_genai_conventions(target: Target, said: dict[str, object]) -> None:
    assert about_target(target) == said
