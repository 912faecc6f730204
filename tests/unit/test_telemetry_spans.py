"""Spans hang together from the caller to the view, tell no word of what was asked, and are off unless asked for."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import SpanKind

from quantum_memory.actors.operations import Call, Told
from quantum_memory.errors import InvalidSettings, InvalidValue, MissingDependency, PlaceNotFound
from quantum_memory.settings import TelemetrySettings, load
from quantum_memory.telemetry.carried import CARRIED
from quantum_memory.telemetry.spans import Spans, headers, spans_of
from tests.unit.front import Front
from tests.unit.orchestra import ready

HERE = "tests.unit.test_telemetry_spans:to_memory"
UNTOLD = "the baker's daughter is his"
SPANS: list[ReadableSpan] = []


class ToMemory(SpanExporter):
    def export(self, spans: Any) -> SpanExportResult:
        SPANS.extend(spans)
        return SpanExportResult.SUCCESS


def to_memory() -> SpanExporter:
    return ToMemory()


@pytest.fixture
def spans() -> Iterator[list[ReadableSpan]]:
    gathered()
    SPANS.clear()
    yield SPANS
    SPANS.clear()


def gathered() -> dict[str, ReadableSpan]:
    """Every span that ended, by name; the exporter gets them in batches."""
    made = spans_of(HERE)
    assert made is not None
    provider: Any = made._provider
    provider.force_flush()
    return {span.name: span for span in SPANS}


def above(span: ReadableSpan, spans: dict[str, ReadableSpan]) -> list[str]:
    """The names from a span up to its root."""
    by_id = {one.context.span_id: one for one in spans.values()}
    found = [span.name]
    while span.parent is not None:
        span = by_id[span.parent.span_id]
        found.append(span.name)
    return found


def test_spans_lead_from_the_operation_to_every_view_and_the_vault(tmp_path: Path, spans: list[ReadableSpan]) -> None:
    front = Front(tmp_path, telemetry={"traces": True, "exporter": HERE})
    alice = front.agent()
    gathered()
    spans.clear()
    alice.remember([ready(1, text=UNTOLD), ready(2)])
    found = gathered()
    assert above(found["vault.write"], found) == ["vault.write", "agents.remember"]
    for view in ("episodic", "graph", "quantum"):
        assert above(found[f"{view}.apply"], found) == [f"{view}.apply", "agents.remember"]
    root = found["agents.remember"]
    assert root.kind is SpanKind.SERVER
    assert root.attributes is not None
    assert root.attributes["quantum_memory.agent"] == "alice"
    assert str(root.attributes["quantum_memory.operation_id"]).startswith("0123456789ab.")
    assert dict(found["episodic.apply"].attributes or {})["quantum_memory.agent"] == "alice"
    assert len({span.context.trace_id for span in spans}) == 1
    spans.clear()
    with pytest.raises(PlaceNotFound):
        alice.memories(as_of=UNTOLD)
    found = gathered()
    assert (found["agents.memories"].attributes or {})["error.type"] == "PlaceNotFound"
    assert not found["agents.memories"].status.is_ok
    assert all(UNTOLD not in span.to_json() for span in found.values())
    front.close()


class Member:
    """An actor's handle that notes what it is sent."""

    def __init__(self, error: Exception | None = None) -> None:
        self.sent: list[dict[str, Any]] = []

        def remote(*args: Any, **kwargs: Any) -> str:
            if error is not None:
                raise error
            self.sent.append(kwargs)
            return "a reference"

        self.recall_one = SimpleNamespace(remote=remote)


def test_a_caller_sends_the_context_of_its_span(spans: list[ReadableSpan]) -> None:
    member = Member()
    Call[Any](member, "recall_one", (), 1.0, told=Told("agents.recall_one", HERE)).send()
    (span,) = gathered().values()
    assert (span.name, span.kind) == ("agents.recall_one", SpanKind.CLIENT)
    version, trace_id, span_id, _ = member.sent[0]["carried"]["traceparent"].split("-")
    assert (version, int(trace_id, 16), int(span_id, 16)) == ("00", span.context.trace_id, span.context.span_id)


def test_a_call_within_an_operation_sends_what_that_was_called_with() -> None:
    member, carried = Member(), {"agent": "alice", "operation_id": "1"}
    token = CARRIED.set(carried)
    Call[Any](member, "recall_one", (), 1.0, {"k": 3}, told=Told("x", HERE)).send()
    CARRIED.reset(token)
    assert member.sent == [{"k": 3, "carried": carried}]


def test_a_call_that_nobody_follows_sends_nothing_more() -> None:
    member = Member()
    Call[Any](member, "recall_one", (), 1.0).send()
    assert member.sent == [{}]


def test_a_user_who_set_up_no_provider_has_no_spans() -> None:
    """Traces are on, and nobody records: no context travels."""
    program = """
from quantum_memory.telemetry.spans import spans_of, headers
spans = spans_of("")
with spans.server("x", None, {}) as told:
    print(dict(told), headers(spans.client("y")))
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
trace.set_tracer_provider(TracerProvider())
with spans.server("x", None, {}) as told:
    print(sorted(told))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["{} {}", "['traceparent']"]


def test_without_traces_opentelemetry_is_not_even_loaded() -> None:
    program = """
import sys
from quantum_memory.settings import Settings
from quantum_memory.telemetry.spans import spans_of
assert spans_of(Settings().telemetry.spans) is None
print([name for name in sys.modules if name.startswith("opentelemetry")])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr


def test_spans_in_a_file_are_lines_of_json(tmp_path: Path) -> None:
    made = Spans(f"file://{tmp_path}/spans")
    carried = headers(made.client("caller"))
    with made.server("agents.recall", carried, {"rpc.method": "recall"}) as told:
        assert told["traceparent"][3:35] == carried["traceparent"][3:35]
    with pytest.raises(ZeroDivisionError), made.server("fails", {}, {}):
        raise ZeroDivisionError(UNTOLD)
    (file,) = (tmp_path / "spans").iterdir()
    first, second = [json.loads(line) for line in file.read_text().splitlines()]
    assert first["name"] == "agents.recall"
    assert first["parent_id"] == f"0x{carried['traceparent'].split('-')[2]}"
    assert second["status"]["status_code"] == "ERROR"
    assert UNTOLD not in file.read_text()
    made.close()


@pytest.mark.parametrize(
    ("exporter", "error", "message"),
    [
        ("no_such_module:function", InvalidValue, "telemetry.exporter"),
        ("json:no_such_function", InvalidValue, "telemetry.exporter"),
        ("otlp", MissingDependency, "opentelemetry-exporter-otlp-proto-http"),
    ],
)
def test_an_exporter_that_is_not_there_is_named_and_ends_no_work(
    exporter: str, error: type[Exception], message: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(error, match=message):
        Spans(exporter)
    with caplog.at_level(logging.WARNING, "quantum_memory"):
        assert spans_of(exporter) is None
        assert spans_of(exporter) is None
    assert caplog.text.count("no spans are made here") == 1
    spans_of.cache_clear()


def test_settings_say_where_spans_go() -> None:
    assert TelemetrySettings().spans is None
    assert TelemetrySettings(exporter="otlp").spans is None, "traces are off"
    assert TelemetrySettings(traces=True).spans == ""
    assert load({"telemetry": {"traces": True, "exporter": "file:///tmp/x"}}).telemetry.spans == "file:///tmp/x"
    for wrong in ("http://collector", "file://", "module", "a b:c"):
        with pytest.raises(InvalidSettings, match=r"telemetry\.exporter"):
            load({"telemetry": {"exporter": wrong}})
    with pytest.raises(InvalidSettings, match=r"telemetry\.logs"):
        load({"telemetry": {"logs": "xml"}})
