"""Requests are counted and traced by their route's template, never by what they name, and traces lead to the vault."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI, HTTPException
from fastapi.responses import StreamingResponse
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from quantum_memory.cluster.service.counting import Counting
from quantum_memory.cluster.service.tracing import Tracing
from quantum_memory.telemetry import Recorder
from quantum_memory.telemetry.carried import CARRIED
from quantum_memory.telemetry.catalog import HTTP_REQUESTS, HTTP_SECONDS
from tests.unit.front import Front
from tests.unit.orchestra import ready
from tests.unit.test_telemetry_spans import HERE, SPANS, UNTOLD, gathered

TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE}-{CALLER}-01"


@pytest.fixture
def spans() -> Iterator[list[ReadableSpan]]:
    gathered()
    SPANS.clear()
    yield SPANS
    SPANS.clear()


def application() -> FastAPI:
    """One that answers in every way that requests can end."""
    app, agents, version = FastAPI(), APIRouter(prefix="/agents"), APIRouter(prefix="/v1")

    @agents.get("/{agent}/mood")
    async def mood(agent: str) -> str:
        if agent == "nobody":
            raise HTTPException(404)
        if agent == "breaks":
            raise RuntimeError(agent)
        return agent

    @agents.get("/{agent}/stream")
    async def stream(agent: str) -> StreamingResponse:
        async def parts() -> Any:
            yield "one"
            await asyncio.sleep(0.05)
            yield "two"

        return StreamingResponse(parts())

    async def tool(_: Request) -> PlainTextResponse:
        return PlainTextResponse("done")

    async def bare(_: Scope, __: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    version.include_router(agents)
    app.include_router(version)
    app.mount("/mcp", Starlette(routes=[Route("/tool/{name}", tool)]))
    app.mount("/bare", bare)
    return app


def asked(app: Any, *requests: tuple[str, str], **headers: str) -> list[int]:
    """The statuses of requests, one after the other."""

    async def work() -> list[int]:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://door", headers=headers) as client:
            return [(await client.request(method, path)).status_code for method, path in requests]

    return asyncio.run(work())


ASKED = (
    ("GET", "/v1/agents/alice/mood"),
    ("GET", "/v1/agents/bob/mood"),
    ("GET", "/v1/agents/nobody/mood"),
    ("GET", "/v1/agents/breaks/mood"),
    ("POST", "/v1/agents/alice/mood"),
    ("GET", "/v1/agents/alice/stream"),
    ("GET", "/mcp/tool/alice"),
    ("GET", "/mcp/alice"),
    ("GET", "/bare/alice"),
    ("GET", "/alice"),
    ("ALICE", "/v1/agents/alice/mood"),
)


def test_requests_are_counted_by_template_method_and_status() -> None:
    recorder, app = Recorder(), application()
    app.add_middleware(Counting, metrics=recorder)
    assert asked(app, *ASKED) == [200, 200, 404, 500, 405, 200, 200, 404, 204, 404, 405]
    mood = "/v1/agents/{agent}/mood"
    counted = {labels: recorder.number(HTTP_REQUESTS, *labels) for labels in recorder.seen(HTTP_REQUESTS)}
    assert counted == {
        (mood, "GET", "200"): 2,
        (mood, "GET", "404"): 1,
        (mood, "GET", "500"): 1,
        (mood, "POST", "405"): 1,
        (mood, "OTHER", "405"): 1,
        ("/v1/agents/{agent}/stream", "GET", "200"): 1,
        ("/mcp/tool/{name}", "GET", "200"): 1,
        ("/mcp/{path}", "GET", "404"): 1,
        ("/bare/{path}", "GET", "204"): 1,
        ("unmatched", "GET", "404"): 1,
    }
    assert "alice" not in str(recorder.seen(HTTP_REQUESTS) | recorder.seen(HTTP_SECONDS))
    assert len(recorder.values(HTTP_SECONDS, mood, "GET")) == 4
    assert recorder.values(HTTP_SECONDS, "/v1/agents/{agent}/stream", "GET")[0] > 0.04, "to the last of the answer"


def test_of_a_stream_the_handshake_is_counted_when_it_is_over() -> None:
    recorder = Recorder()
    accept, close = {"type": "websocket.accept"}, {"type": "websocket.close", "code": 1000}
    denied = {"type": "websocket.http.response.start", "status": 429, "headers": []}

    def stream(*said: Message) -> None:
        async def app(_: Scope, __: Receive, send: Send) -> None:
            for message in said:
                await send(dict(message))
                seen.append(len(recorder.seen(HTTP_REQUESTS)))

        asyncio.run(Counting(app, recorder)({"type": "websocket", "path": "/", "headers": []}, _nothing, _send))

    seen: list[int] = []
    stream(accept, close)
    assert seen == [1, 1], "as soon as it is open, and once"
    stream(denied)
    stream(close)
    counted = {labels[2]: recorder.number(HTTP_REQUESTS, *labels) for labels in recorder.seen(HTTP_REQUESTS)}
    assert counted == {"101": 1, "429": 1, "403": 1}
    assert {labels[1] for labels in recorder.seen(HTTP_REQUESTS)} == {"WEBSOCKET"}


def test_who_went_away_before_the_answer_is_counted_so() -> None:
    recorder = Recorder()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(60)

    async def work() -> None:
        scope: Scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
        task = asyncio.create_task(Counting(slow, recorder)(scope, _nothing, _send))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(work())
    assert recorder.number(HTTP_REQUESTS, "unmatched", "GET", "499") == 1


async def _nothing() -> Message:
    return {"type": "http.disconnect"}


async def _send(message: Message) -> None:
    assert message


def test_a_lifespan_is_neither_counted_nor_traced(spans: list[ReadableSpan]) -> None:
    passed = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        passed.append(scope["type"])

    recorder = Recorder()
    asyncio.run(Counting(Tracing(app, HERE), recorder)({"type": "lifespan"}, _nothing, _send))
    assert passed == ["lifespan"]
    assert recorder.seen(HTTP_REQUESTS) == frozenset()
    assert gathered() == {}


def door(front: Front) -> FastAPI:
    """A small application in front of real agents."""
    app = FastAPI()

    @app.post("/v1/agents/{agent}/memories")
    async def remember(agent: str) -> list[str]:
        handle = await asyncio.to_thread(front.memory.agent, agent)
        return list(await handle.remember.begin([ready(1, text=UNTOLD)]))

    app.add_middleware(Tracing, exporter=HERE)
    return app


def way(span: ReadableSpan, spans: list[ReadableSpan]) -> list[str]:
    """The names from a span up to the last that was made here."""
    by_id = {one.context.span_id: one for one in spans}
    found = [span.name]
    while span.parent is not None and span.parent.span_id in by_id:
        span = by_id[span.parent.span_id]
        found.append(span.name)
    return found


def test_one_trace_leads_from_the_caller_over_the_request_to_the_vault(
    tmp_path: Path, spans: list[ReadableSpan]
) -> None:
    front = Front(tmp_path, telemetry={"traces": True, "exporter": HERE})
    front.agent("alice")
    app = door(front)
    gathered()
    spans.clear()
    assert asked(app, ("POST", "/v1/agents/alice/memories?secret=1"), traceparent=TRACEPARENT, tracestate="a=b") == [
        200
    ]
    found = gathered()
    name = "POST /v1/agents/{agent}/memories"
    request = found[name]
    assert request.parent is not None
    assert (f"{request.parent.trace_id:032x}", f"{request.parent.span_id:016x}") == (TRACE, CALLER)
    assert way(found["vault.write"], spans) == ["vault.write", "agents.remember", name]
    assert way(found["episodic.apply"], spans) == ["episodic.apply", "agents.remember", name]
    assert {f"{span.context.trace_id:032x}" for span in spans} == {TRACE}
    assert request.kind is SpanKind.SERVER
    assert dict(request.attributes or {}) == {
        "http.request.method": "POST",
        "url.scheme": "http",
        "http.response.status_code": 200,
        "http.route": "/v1/agents/{agent}/memories",
    }
    assert "alice" not in request.to_json()
    assert all(UNTOLD not in span.to_json() and "secret" not in span.to_json() for span in spans)
    front.close()


@pytest.mark.parametrize("wrong", ["", "x", f"00-{'0' * 32}-{CALLER}-01", f"ff-{TRACE}-{CALLER}-01", "00-" + "g" * 500])
def test_what_is_no_trace_begins_a_new_one(wrong: str, spans: list[ReadableSpan]) -> None:
    app = application()
    app.add_middleware(Tracing, exporter=HERE)
    assert asked(app, ("GET", "/v1/agents/alice/mood"), traceparent=wrong) == [200]
    assert gathered()["GET /v1/agents/{agent}/mood"].parent is None


def test_failures_are_marked_and_say_no_word_of_what_failed(spans: list[ReadableSpan]) -> None:
    app = application()
    app.add_middleware(Tracing, exporter=HERE)
    assert asked(app, ("GET", "/v1/agents/breaks/mood"), ("GET", "/v1/agents/nobody/mood"), ("ALICE", "/alice")) == [
        500, 404, 404,
    ]  # fmt: skip
    gathered()
    broken, missing, odd = spans
    assert not broken.status.is_ok
    assert dict(broken.attributes or {})["error.type"] == "RuntimeError"
    assert missing.status.is_ok
    assert dict(missing.attributes or {})["http.response.status_code"] == 404
    assert odd.name == "OTHER unmatched"
    told = json.dumps([json.loads(span.to_json()) for span in spans])
    assert not any(word in told for word in ("breaks", "nobody", "ALICE", "alice"))


def test_what_is_carried_already_goes_on_and_no_traces_change_nothing(spans: list[ReadableSpan]) -> None:
    seen: list[dict[str, str]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(dict(CARRIED.get() or {}))

    scope: Scope = {"type": "websocket", "path": "/v1/stream", "headers": [(b"traceparent", b"00-1-2-3")]}

    async def work() -> None:
        token = CARRIED.set({"request_id": "r1", "traceparent": TRACEPARENT})
        await Tracing(app, HERE)(dict(scope), _nothing, _send)
        await Tracing(app, None)(dict(scope), _nothing, _send)
        CARRIED.reset(token)
        await Tracing(app, None)(dict(scope), _nothing, _send)

    asyncio.run(work())
    first, second, third = seen
    assert first["request_id"] == "r1"
    assert first["traceparent"].split("-")[1] == TRACE
    assert first["traceparent"] != TRACEPARENT
    assert (second["traceparent"], third) == (TRACEPARENT, {})
    assert list(gathered()) == ["WEBSOCKET unmatched"]
