"""OpenTelemetry traces, by option: spans of requests and jobs, sent to an OTLP endpoint. Needs the extra `otel`, loaded when asked for.

Attribute names are those of OpenTelemetry's semantic conventions 1.45 (HTTP, messaging, GenAI).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self
from urllib.parse import urlsplit

from krawall.errors import KrawallError, PluginError
from krawall.model.job import QUEUES, Compact, ConductSession, Deliver, Job, PlayShard
from krawall.model.target import Target
from krawall.version import __version__

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span

Value = str | int | float | bool
Kind = Literal["internal", "server", "consumer"]


class Noted:
    """The span that is under way; notes are lost when tracing is off."""

    def __init__(self, span: Span | None = None) -> None:
        self._span = span

    def note(self, attributes: Mapping[str, Value], name: str | None = None) -> None:
        """Add attributes, and rename it if a better name is known by now."""
        if self._span is not None:
            self._span.set_attributes(attributes)
            if name is not None:
                self._span.update_name(name)

    def fail(self, kind: str, message: str = "") -> None:
        """Mark it as failed. `kind`: a word of few values, such as an error's code or a status."""
        if self._span is not None:
            from opentelemetry.trace import StatusCode

            self._span.set_attribute("error.type", kind)
            self._span.set_status(StatusCode.ERROR, message or None)


class _Failing:
    """Marks a span as failed when its block raises. The text of what is not an error of ours is not sent: nobody has looked
    for secrets in it."""

    def __init__(self, noted: Noted) -> None:
        self._noted = noted

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if isinstance(error, KrawallError):
            self._noted.fail(error.code, error.message)
        elif kind is not None:
            self._noted.fail(kind.__qualname__)


class Tracing:
    """Makes spans and sends them in the background. One per process, closed at its end; without an endpoint it costs nothing."""

    def __init__(self, provider: TracerProvider | None = None) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("krawall", __version__) if provider is not None else None

    @classmethod
    def open(cls, endpoint: str, *, service: str = "krawall", exporter: SpanExporter | None = None) -> Self:
        """Return tracing to an OTLP endpoint over HTTP, such as http://127.0.0.1:4318; off when it is empty.

        `exporter`: where spans go instead, at once.

        Raises:
            PluginError: the extra `otel` is not installed.
        """
        if not endpoint and exporter is None:
            return cls()
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
        except ImportError as error:
            raise PluginError(
                f"traces are asked for, and OpenTelemetry is not installed ({error.name})",
                hint="pip install 'krawall[otel]', or leave KRAWALL_OTEL empty",
            ) from None
        provider = TracerProvider(
            resource=Resource.create({"service.name": service, "service.version": __version__}),
            shutdown_on_exit=False,
        )
        if exporter is not None:
            provider.add_span_processor(SimpleSpanProcessor(exporter))
        else:
            provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=_traces_url(endpoint))))
        return cls(provider)

    async def close(self) -> None:
        """Send what is left. Waits at most as long as the exporter's time limit."""
        if self._provider is not None:
            await asyncio.to_thread(self._provider.shutdown)

    @contextmanager
    def span(
        self,
        name: str,
        kind: Kind = "internal",
        attributes: Mapping[str, Value] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Iterator[Noted]:
        """Trace the block. `headers` of a request may name the span that it belongs to (W3C traceparent)."""
        if self._tracer is None:
            yield Noted()
            return
        from opentelemetry.trace import SpanKind
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        parent = TraceContextTextMapPropagator().extract(headers) if headers is not None else None
        with (
            self._tracer.start_as_current_span(
                name, parent, SpanKind[kind.upper()], attributes, record_exception=False, set_status_on_exception=False
            ) as span,
            _Failing(noted := Noted(span)),
        ):
            yield noted

    @contextmanager
    def job(self, job: Job, *, id: str, attempt: int) -> Iterator[Noted]:
        """Trace the work on a job. `attempt`: 1-based try."""
        queue, tag = QUEUES[type(job)], str(job.__struct_config__.tag)
        attributes: dict[str, Value] = {
            "messaging.system": "bullmq",
            "messaging.operation.type": "process",
            "messaging.destination.name": queue,
            "messaging.message.id": id,
            "krawall.job": tag,
            "krawall.job.attempt": attempt,
        }
        if isinstance(job, ConductSession | PlayShard | Compact):
            attributes["krawall.session.id"] = job.session
        if isinstance(job, PlayShard):
            attributes["krawall.shard"] = job.shard
        if isinstance(job, Deliver):
            attributes["krawall.delivery.id"] = job.delivery
        with self.span(f"process {tag}", "consumer", attributes) as noted:
            yield noted


def about_target(target: Target) -> dict[str, Value]:
    """Return what a span says of the chatbot that a session talks to (GenAI conventions): no header, no path, no query."""
    found: dict[str, Value] = {"gen_ai.operation.name": "chat", "gen_ai.request.stream": target.stream}
    if target.preset:
        found["gen_ai.provider.name"] = target.preset
    for field, name in (
        ("model", "model"),
        ("max_tokens", "max_tokens"),
        ("temperature", "temperature"),
        ("seed", "seed"),
    ):
        value = target.request.get(field)
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            found[f"gen_ai.request.{name}"] = value
    try:
        url = urlsplit(target.url)
        host, port = url.hostname, url.port
    except ValueError:
        return found
    if host and "$" not in url.netloc:
        found["server.address"] = host
        found["server.port"] = port or {"http": 80, "https": 443}.get(url.scheme, 0)
    return found


def _traces_url(endpoint: str) -> str:
    return endpoint if endpoint.rstrip("/").endswith("/v1/traces") else endpoint.rstrip("/") + "/v1/traces"
