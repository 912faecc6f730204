"""Spans of OpenTelemetry, from whoever calls to the view that answers, and their context on its way in between.

Owns the tracer of a process. A span tells names, ids and times, never what was asked or answered, and of an error its
type. Where no provider was set up that records, a span is a few attribute look-ups.

Source: W3C Trace Context, https://www.w3.org/TR/trace-context; OpenTelemetry semantic conventions for RPC spans.
"""

from __future__ import annotations

import importlib
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from quantum_memory.errors import InvalidValue, MissingDependency, QuantumMemoryError
from quantum_memory.telemetry.carried import TRACEPARENT, TRACESTATE, Carried

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span, Tracer

NAME = "quantum_memory"
logger = logging.getLogger(__name__)
FILE = "file://"
OTLP = "otlp"


class Spans:
    """Makes spans.

    Args:
        exporter: where they go: "otlp" (an OpenTelemetry collector, by OTEL_EXPORTER_OTLP_ENDPOINT and its kin),
            "file:///folder" (a file of JSON lines for each process), "module:function" (a function without arguments
            that gives a ``SpanExporter``); empty for the provider that the process has, if any.

    Raises: MissingDependency, InvalidValue.
    """

    def __init__(self, exporter: str) -> None:
        self._provider = _provider(exporter) if exporter else None
        self._tracer = _tracer(self._provider)

    @contextmanager
    def server(self, name: str, carried: Carried | None, about: Mapping[str, str]) -> Iterator[Carried]:
        """A span around the work that a call asks for; what is to travel on from it."""
        from opentelemetry.trace import SpanKind, use_span

        span = self._tracer.start_span(name, _context_of(carried), SpanKind.SERVER, about)
        with ended(span), use_span(span, end_on_exit=False, record_exception=False, set_status_on_exception=False):
            yield headers(span)

    def close(self) -> None:
        """Send what waits, and make no more. The provider of the process stays as it is."""
        if self._provider is not None:
            self._provider.shutdown()

    def client(self, name: str) -> Span:
        """A span of somebody who calls, in whatever span is current here. He ends it; see ``ended``."""
        from opentelemetry.trace import SpanKind

        return self._tracer.start_span(name, None, SpanKind.CLIENT)


@contextmanager
def ended(span: Span) -> Iterator[None]:
    """End a span with the body, in error if that raises."""
    from opentelemetry.trace import Status, StatusCode

    try:
        yield
    except BaseException as error:
        span.set_attribute("error.type", type(error).__name__)
        span.set_status(Status(StatusCode.ERROR))
        raise
    finally:
        span.end()


def headers(span: Span) -> Carried:
    """The context of a span as it travels; nothing of a span that nobody records."""
    from opentelemetry.trace import set_span_in_context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier: dict[str, str] = {}
    if span.get_span_context().is_valid:
        TraceContextTextMapPropagator().inject(carrier, set_span_in_context(span))
    return carrier


@cache
def spans_of(exporter: str | None) -> Spans | None:
    """The spans of this process that go to one place; none if nobody wants any, or if they cannot go there.

    A warning says so once: what is to be seen of the work must not end the work.
    """
    if exporter is None:
        return None
    try:
        return Spans(exporter)
    except (QuantumMemoryError, OSError) as error:
        logger.warning("no spans are made here: %s", error)
        return None


def _context_of(carried: Carried | None) -> Context | None:
    """Where a span begins: in that of the caller, wherever it is, else in whatever is current here."""
    if carried is None or TRACEPARENT not in carried:
        return None
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    told = {name: carried[name] for name in (TRACEPARENT, TRACESTATE) if name in carried}
    return TraceContextTextMapPropagator().extract(told)


def _tracer(provider: TracerProvider | None) -> Tracer:
    try:
        from opentelemetry import trace
    except ImportError:
        raise MissingDependency("opentelemetry-api", "traces", "pip install opentelemetry-sdk") from None
    return trace.get_tracer(NAME) if provider is None else provider.get_tracer(NAME)


def _provider(named: str) -> TracerProvider:
    """A provider of our own with the exporter of this name: that of the process stays whose it is."""
    exporter = _exporter(named)
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor

    provider = TracerProvider(resource=Resource.create({"service.name": NAME, "process.pid": os.getpid()}))
    at_once = named.startswith(FILE)
    provider.add_span_processor(SimpleSpanProcessor(exporter) if at_once else BatchSpanProcessor(exporter))
    return provider


def _exporter(named: str) -> SpanExporter:
    """The exporter of this name. Raises: MissingDependency, InvalidValue."""
    if named == OTLP:
        try:
            module = importlib.import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
        except ImportError:
            raise MissingDependency(
                "opentelemetry-exporter-otlp-proto-http", "telemetry.exporter: otlp", "pip install it on every node"
            ) from None
        made: SpanExporter = module.OTLPSpanExporter()
        return made
    if named.startswith(FILE):
        return _to_file(Path(url2pathname(urlsplit(named).path)))
    where, _, name = named.partition(":")
    try:
        function: Any = getattr(importlib.import_module(where), name)
    except (ImportError, AttributeError) as error:
        raise InvalidValue("telemetry.exporter", repr(named), f"a module and a function in it ({error})") from None
    found: SpanExporter = function()
    return found


def _to_file(folder: Path) -> SpanExporter:
    """Spans as lines of JSON, in a file of this process; it is written through at once."""
    from opentelemetry.sdk.trace.export import ConsoleSpanExporter

    folder.mkdir(parents=True, exist_ok=True)
    out = (folder / f"spans-{os.getpid()}.jsonl").open("a", encoding="utf-8")

    class ToFile(ConsoleSpanExporter):
        def shutdown(self) -> None:
            out.close()

    return ToFile(out=out, formatter=lambda span: f"{span.to_json(indent=None)}\n")
