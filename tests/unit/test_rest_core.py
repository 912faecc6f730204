"""What every request through the REST door goes through: who asks, what it brings, how it fails, what it is called."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.exceptions import HTTPException

from quantum_memory import errors
from quantum_memory.cluster.service import problems
from quantum_memory.cluster.service.bodies import DISCARD_BYTES
from quantum_memory.cluster.service.door import ROLE, DoorRoute
from quantum_memory.cluster.service.principals import ROLES
from quantum_memory.cluster.service.refusals import Refusal
from quantum_memory.cluster.service.strict_json import parsed
from quantum_memory.cluster.service.tracing import Tracing
from quantum_memory.telemetry.carried import CARRIED
from quantum_memory.telemetry.logs import JsonLines
from tests.unit.doors import Rest, Turnstile, problem, said

HEADERS = ((b"content-type", b"application/json"), (b"authorization", b"Bearer ann"))
HTTP = {"body_bytes": 8192, "idle_s": 0.2, "body_s": 0.5, "depth": 8}


@pytest.fixture
def rest(tmp_path: Path) -> Iterator[Rest]:
    made = Rest(tmp_path, service={"http": HTTP})
    yield made
    made.close()


def sent(rest: Rest, body: str | bytes, kind: str = "application/json", **options: Any) -> Any:
    headers = {"content-type": kind} | options.pop("headers", {})
    return rest.ask("POST", "/agents/alice/remember?create=true", content=body, headers=headers, **options)


def test_every_route_says_whom_it_takes(rest: Rest) -> None:
    routes = [route for route in rest.app.routes if getattr(route, "path", "").startswith("/v1/")]
    doors = [route for route in routes if isinstance(route, DoorRoute)]
    assert {route.path for route in routes if not isinstance(route, DoorRoute)} == {"/v1/openapi.json"}  # type: ignore[attr-defined]
    assert len(doors) > 5
    for route in doors:
        assert (route.openapi_extra or {})[ROLE] in ROLES, route.path
        if route.methods != {"GET"} and (route.openapi_extra or {})[ROLE] == "reader":
            assert route.operation_id in ("recall", "context", "searchLibrary"), (
                f"{route.operation_id} changes something for a reader"
            )

    async def nobody() -> None:
        """Takes no role."""

    with pytest.raises(KeyError):
        DoorRoute("/v1/nobody", nobody, openapi_extra={})


def test_nobody_gets_in_without_saying_who_he_is(rest: Rest) -> None:
    told = problem(rest.get("/agents", who="stranger"), 401, "unauthenticated")
    assert told["reason"] == "this takes an API key or a token"
    answer = rest.post("/agents/alice/remember", said(1), who="stranger")
    problem(answer, 401, "unauthenticated")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert rest.denied[-1] == (None, "remember", "alice", answer.headers["x-request-id"])


def test_what_a_role_does_not_reach_is_refused_and_told_of(rest: Rest) -> None:
    answer = rest.post("/agents/alice/remember", said(1), who="reader")
    told = problem(answer, 403, "forbidden")
    assert (told["action"], "writer" in told["reason"]) == ("remember", True)
    assert rest.denied == [("key:reader", "remember", "alice", answer.headers["x-request-id"])]


def test_nothing_of_a_body_is_read_before_it_is_known_who_asks(rest: Rest) -> None:
    async def play() -> None:
        async def receive() -> Any:
            raise AssertionError("the body was read")

        found = []

        async def send(message: Any) -> None:
            found.append(message)

        scope = {
            "type": "http", "method": "POST", "path": "/v1/agents/alice/remember", "raw_path": b"", "query_string": b"",
            "headers": [(b"content-type", b"application/json")], "scheme": "http", "server": ("d", 80), "client": None,
            "http_version": "1.1", "root_path": "",
        }  # fmt: skip
        await rest.app(scope, receive, send)
        assert found[0]["status"] == 401

    rest.run(play())


def test_tenants_do_not_see_each_other_and_names_are_the_tenants_own(rest: Rest) -> None:
    assert rest.put("/agents/alice").status_code == 201
    assert rest.put("/agents/alice").status_code == 200
    assert rest.get("/agents", who="reader").json()["items"] == [{"name": "alice"}]
    assert rest.get("/agents", who="other").json()["items"] == []
    assert rest.get("/agents", who="driver").json()["items"] == []
    told = problem(rest.get("/agents/alice/mood?as_of=nowhere"), 404, "place-not-found")
    assert told["agent"] == "alice"
    assert "acme:" not in json.dumps(told)
    for who in ("other", "driver"):
        problem(rest.get("/agents/alice", who=who), 404, "agent-not-found")
    problem(rest.get("/agents/acme:alice", who="driver"), 422, "invalid-value")
    problem(rest.get("/agents/alice", who="team"), 403, "forbidden")
    problem(rest.get("/agents/nobody", who="team"), 403, "forbidden")


@pytest.mark.parametrize("name", ["Zoë 😀", "日本語", "a b", "a%b", "100%25", "x?y#z", "a+b", "'\";--"])
def test_names_may_be_any_text(rest: Rest, name: str) -> None:
    from urllib.parse import quote

    path = f"/agents/{quote(name, safe='')}"
    assert rest.put(path).json()["name"] == name
    assert rest.post(f"{path}/remember", said(1)).status_code == 200
    assert rest.get("/agents").json()["items"] == [{"name": name}]


@pytest.mark.parametrize(
    "path", ["/agents/a%2Fb", "/agents/a%40b", "/agents/%20a", "/agents/a%00b", "/agents/%0d%0aX: y"]
)
def test_names_that_none_can_have_are_refused(rest: Rest, path: str) -> None:
    assert rest.put(path).status_code in (404, 422)


def test_methods_and_paths_that_are_none_are_problems(rest: Rest) -> None:
    answer = rest.ask("DELETE", "/agents/alice/recall")
    problem(answer, 405, "method-not-allowed")
    assert answer.headers["allow"] == "POST"
    for path, methods in (("", "GET, PUT"), ("/memories/m", "DELETE, GET, PATCH"), ("/tags/v1", "DELETE, PUT")):
        answer = rest.ask("OPTIONS", f"/agents/alice{path}")
        problem(answer, 405, "method-not-allowed")
        assert answer.headers["allow"] == methods, "those of all its routes"
    problem(rest.get("/nothing"), 404, "not-found")
    problem(rest.get("/agents/"), 404, "not-found")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("{", "line 1"),
        ('{"text": NaN}', "NaN"),
        ('{"importance": Infinity}', "Infinity"),
        ('{"importance": -Infinity}', "-Infinity"),
        ('{"importance": 1e999}', "beyond any float"),
        ('{"importance": 1e+00309}', "beyond any float"),
        ('{"importance": 1.5E400}', "beyond any float"),
        ('{"importance": 1' + "0" * 309 + ".5}", "beyond any float"),
        ('{"importance": -0.1e999}', "beyond any float"),
        ('{"importance": 1' + "0" * 5500 + "}", "too long"),
        ('{"text": "a", "text": "b"}', "'text' stands twice"),
        ('{"text": "a", "metadata": {"x": 1, "x": 1}}', "'x' stands twice"),
        ('{"metadata": ' + "[" * 1000 + "]" * 1000 + "}", "deeper than 8"),
        ('{"a":' * 500 + "1" + "}" * 500, "deeper than 8"),
        (b'{"text": "\xff"}', "byte 10 is not UTF-8"),
    ],
)
def test_json_is_strict(rest: Rest, body: str | bytes, reason: str | None) -> None:
    answer = sent(rest, body)
    assert 400 <= answer.status_code < 500
    if reason is not None:
        assert reason in problem(answer, 400, "malformed-body")["detail"]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(st.integers(0, 400).map("9".__mul__), st.integers(0, 40).map("0".__mul__), st.integers(0, 400), st.booleans())
def test_no_number_beyond_any_float_gets_past(digits: str, zeros: str, power: int, upper: bool) -> None:
    for text in (f"1{digits}.5", f"1{digits}{'E' if upper else 'e'}{zeros}{power}", f"1{digits}.0e+{zeros}{power}"):
        good = math.isfinite(float(text))
        if good:
            assert parsed(text.encode(), 4) == float(text)
        else:
            with pytest.raises(Refusal, match="400"):
                parsed(text.encode(), 4)


@given(VALUES)
def test_json_that_is_good_reads_as_it_does_elsewhere(value: Any) -> None:
    text = json.dumps(value, ensure_ascii=False)
    try:
        raw = text.encode()
    except UnicodeEncodeError:
        return
    assert parsed(raw, 64) == json.loads(text)


@settings(deadline=None)
@given(st.text('[]{}"\\a,:1 ', max_size=60), st.integers(1, 5))
def test_no_text_gets_past_the_depth(text: str, depth: int) -> None:
    """Brackets in strings do not count, whatever is escaped in them, and all others do."""
    try:
        value = parsed(text.encode(), depth)
    except Refusal as refusal:
        reason = str(refusal.detail)
    else:
        reason = ""
        assert _deep(value) <= depth
    if "deeper" in reason:
        assert text.count("[") + text.count("{") > depth
        value = _elsewhere(text)
        assert value is None or _deep(value) > depth
    elif reason and "twice" not in reason:
        assert _elsewhere(text) is None


def _elsewhere(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _deep(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max((_deep(one) for one in value.values()), default=0)
    return 1 + max((_deep(one) for one in value), default=0) if isinstance(value, list) else 0


@pytest.mark.parametrize("unit", [b'\\"', b'"', b"[],", b"\\", b"{}"])
def test_no_text_makes_the_look_at_its_depth_slow(unit: bytes) -> None:
    body = b'["' + unit * (1 << 20) + b"[" * 100
    begun = time.perf_counter()
    with pytest.raises(HTTPException):
        parsed(body, 32)
    assert time.perf_counter() - begun < 5


def test_only_json_is_read_as_json(rest: Rest) -> None:
    assert "text/plain" in problem(sent(rest, "{}", "text/plain"), 415, "unsupported-media-type")["detail"]
    problem(sent(rest, "{}", ""), 415, "unsupported-media-type")
    assert sent(rest, json.dumps(said(1)), "application/json; charset=utf-8").status_code == 200


def test_what_does_not_fit_is_told_by_its_place_and_not_repeated(rest: Rest) -> None:
    told = problem(sent(rest, '{"text": "a", "importance": "s3cret"}'), 422, "invalid-request")
    assert told["errors"][0]["at"] == "body.importance"
    assert "s3cret" not in json.dumps(told)
    told = problem(sent(rest, '{"text": "a", "txet": 1}'), 422, "invalid-request")
    assert told["errors"][0]["at"] == "body.txet"
    told = problem(sent(rest, "{}"), 422, "invalid-request")
    assert told["errors"][0]["at"] == "body.text"
    problem(sent(rest, ""), 422, "invalid-request")
    problem(sent(rest, '{"text": "\\ud800"}'), 422, "invalid-request")
    problem(sent(rest, '{"text": "a", "metadata": {"a": "\\ud800"}}'), 422, "invalid-value")


def test_bodies_over_the_limit_are_refused_by_what_they_say_and_by_what_comes(rest: Rest) -> None:
    problem(sent(rest, "x" * 9000), 413, "body-too-large")
    count, told_after = 0, list[int]()

    async def play() -> Any:
        got = []

        async def receive() -> Any:
            nonlocal count
            count += 1
            return {"type": "http.request", "body": b"x" * 100, "more_body": True}

        async def send(message: Any) -> None:
            got.append(message)
            told_after.append(count)

        await rest.app(_scope(), receive, send)
        return got

    got = rest.run(play())
    assert got[0]["status"] == 413
    assert told_after[0] == told_after[1] < 90, "it was not counted as it came"
    assert got[1]["body"], "all of the answer comes before the rest is discarded"
    assert (count - told_after[0]) * 100 <= DISCARD_BYTES + 100, "of what is discarded there is a bound too"
    assert got[-1] == {"type": "http.response.body", "body": b"", "more_body": False}


def _scope() -> dict[str, Any]:
    return {
        "type": "http", "method": "POST", "path": "/v1/agents/alice/remember", "raw_path": b"", "query_string": b"",
        "headers": [*HEADERS, (b"content-length", b"10")],
        "scheme": "http", "server": ("d", 80), "client": None, "http_version": "1.1", "root_path": "",
    }  # fmt: skip


@pytest.mark.parametrize(("pause_s", "limit_s"), [(5.0, 0.2), (0.05, 0.5)])
def test_bodies_that_come_too_slowly_are_given_up(rest: Rest, pause_s: float, limit_s: float) -> None:
    """Whether nothing comes for too long, or a little all the time."""

    async def play() -> Any:
        got = []

        async def receive() -> Any:
            await asyncio.sleep(pause_s)
            return {"type": "http.request", "body": b" ", "more_body": True}

        async def send(message: Any) -> None:
            got.append(message)

        begun = time.monotonic()
        await rest.app(_scope(), receive, send)
        assert time.monotonic() - begun < limit_s + 1
        return got

    got = rest.run(play())
    assert got[0]["status"] == 408
    assert json.loads(got[1]["body"])["type"] == "/problems/slow-body"


def test_whoever_leaves_in_the_middle_is_no_bug(rest: Rest, caplog: pytest.LogCaptureFixture) -> None:
    got = []

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        got.append(message)

    with caplog.at_level(logging.INFO):
        rest.run(rest.app(_scope(), receive, send))
    assert got == []
    assert caplog.records == []
    assert rest.get("/agents").status_code == 200


def test_requests_have_ids_that_nothing_can_be_smuggled_in_with(rest: Rest) -> None:
    assert rest.get("/agents", headers={"X-Request-ID": "a-1.b_C"}).headers["x-request-id"] == "a-1.b_C"
    for bad in ("", " ", "a b", "x" * 65, "a\tb", "-a", "a;b", "é".encode("latin-1")):
        made = rest.get("/agents", headers={"X-Request-ID": bad}).headers["x-request-id"]
        assert len(made) == 32
        assert made.isalnum()

    async def smuggled() -> Any:
        got = []

        async def receive() -> Any:
            return {"type": "http.request"}

        async def send(message: Any) -> None:
            got.append(message)

        scope = _scope()
        scope["headers"] = [(b"x-request-id", b"a\r\nSet-Cookie: x=y"), (b"authorization", b"Bearer ann\r\nX: y")]
        await rest.app(scope, receive, send)
        return dict(got[0]["headers"])

    headers = rest.run(smuggled())
    assert b"set-cookie" not in headers
    assert b"\r" not in headers[b"x-request-id"]


def test_a_bug_says_nothing_of_itself(
    rest: Rest, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    carried: list[Any] = []

    async def broken(*_: object) -> Any:
        carried.append(CARRIED.get())
        raise RuntimeError("the password is hunter2")

    monkeypatch.setattr(type(rest.app.state.door.backend), "agents_page", broken)
    with caplog.at_level(logging.ERROR):
        answer = rest.get("/agents", headers={"X-Request-ID": "me"})
    told = problem(answer, 500, "internal-error")
    assert "hunter2" not in answer.text
    assert told["request_id"] == "me"
    assert carried[0]["request_id"] == "me"
    assert [record.message for record in caplog.records] == ["a request failed"]


@pytest.mark.parametrize(
    ("error", "status", "kind", "fields"),
    [
        (errors.TooLong("text", 9, 8, "characters"), 422, "too-long", {"field": "text", "limit": 8}),
        (errors.NotFinite("pad", float("nan")), 422, "not-finite", {"value": "nan"}),
        (errors.KeyReused("k"), 422, "key-reused", {"key": "k"}),
        (errors.MemoryNotFound("m"), 404, "memory-not-found", {"memory": "m"}),
        (errors.AgentNotFound("acme:alice"), 404, "agent-not-found", {"agent": "alice"}),
        (errors.InvalidValue("other", "acme:alice@main", "another"), 422, "invalid-value", {"value": "alice@main"}),
        (errors.AlreadyExists("tag", "v1"), 409, "already-exists", {"kind": "tag", "name": "v1"}),
        (errors.RateLimited("key", 2.2), 429, "rate-limited", {"scope": "key"}),
        (errors.Busy("agents", 7, 0.1), 503, "busy", {"pool": "agents"}),
        (errors.DeadlineExceeded("recall", 1.0), 504, "deadline-exceeded", {"deadline_s": 1.0}),
        (errors.ActorUnavailable("A-0", "10.0.0.7 is gone"), 503, "actor-unavailable", None),
        (errors.VaultUnavailable("postgres://u:pw@h/d", "closed"), 503, "vault-unavailable", None),
        (errors.CorruptRecord("/var/x", "pw"), 500, "corrupt-record", None),
        (errors.InternalError("recall", "KeyError: '/var/x pw'"), 500, "internal-error", None),
        (errors.OtherEmbedding("/var/x", "a", "pw"), 409, "other-embedding", None),
        (errors.Unavailable("10.0.0.7 and pw"), 503, "unavailable", None),
    ],
)
def test_errors_of_the_domain_are_problems(
    error: errors.QuantumMemoryError, status: int, kind: str, fields: dict[str, Any] | None
) -> None:
    """What they hold is told unless it is about the machine."""
    told = problems.problem_of(error, "r", "acme")
    assert (told["status"], told["type"]) == (status, f"/problems/{kind}")
    if fields is None:
        assert set(told) == {"type", "title", "status", "detail", "request_id"}
        assert not any(word in json.dumps(told) for word in ("pw", "/var", "10.0.0.7"))
    else:
        assert fields.items() <= told.items()
    json.loads(problems.encoded(told))
    retry = problems.headers_of(error).get("Retry-After")
    assert (retry is not None) == (status in (429, 503))


def test_half_a_surrogate_in_a_problem_can_be_sent() -> None:
    assert json.loads(problems.encoded(problems.problem_of(errors.InvalidValue("a", "\ud800", "b"), "r")))["value"]


def test_the_limiter_is_asked_before_anything_is_done(tmp_path: Path) -> None:
    rest = Rest(tmp_path, Turnstile(1))
    try:
        assert rest.put("/agents/alice").status_code == 201
        answer = rest.post("/agents/alice/remember", said(1))
        assert problem(answer, 429, "rate-limited")["scope"] == "key"
        assert answer.headers["retry-after"] == "3"
        assert rest.front.agent("acme:alice").memories() == []
    finally:
        rest.close()


def test_a_key_names_the_change(rest: Rest) -> None:
    headers = {"Idempotency-Key": "monday 1".replace(" ", ".")}
    path = "/agents/alice/remember?create=true"
    first = rest.post(path, {"text": "hello"}, headers=headers)
    assert rest.post(path, {"text": "hello"}, headers=headers).json() == first.json()
    assert len(rest.front.agent("acme:alice").memories()) == 1
    for other in ({"text": "hello!"}, {"text": "hello", "speaker": "Ann"}):
        problem(rest.post(path, other, headers=headers), 422, "key-reused")
    problem(rest.post("/agents/bob/remember?create=true", {"text": "hello"}, headers=headers), 422, "key-reused")
    problem(rest.post("/agents/alice/feel", {"emotion": "joy"}, headers=headers), 422, "key-reused")
    assert rest.post(path, {"text": "hello!"}, headers=headers, who="admin").status_code == 200, (
        "keys are a caller's own"
    )
    assert len(rest.front.agent("acme:alice").memories()) == 2
    entries = [one for one in rest.front.agent("acme:alice").audit() if one.action == "remembered"]
    assert {one.who for one in entries} == {"acme/key:ann", "acme/key:admin"}


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "é".encode("latin-1")])
def test_keys_are_checked(rest: Rest, key: str) -> None:
    problem(rest.post("/agents/alice/feel", {"emotion": "joy"}, headers={"Idempotency-Key": key}), 422, "invalid-value")


def test_a_door_without_a_ledger_refuses_keys(tmp_path: Path) -> None:
    rest = Rest(tmp_path, keys=False)
    try:
        answer = rest.post("/agents/alice/remember?create=true", said(1), headers={"Idempotency-Key": "k"})
        problem(answer, 422, "keys-not-kept")
        assert rest.get("/agents", headers={"Idempotency-Key": "k"}).status_code == 200, "reads change nothing"
    finally:
        rest.close()


def test_spans_and_log_lines_tell_the_request(tmp_path: Path) -> None:
    folder = tmp_path / "spans"
    exporter = f"file://{folder}"
    rest = Rest(tmp_path / "vault", telemetry={"traces": True, "exporter": exporter})
    rest.app.add_middleware(Tracing, exporter=exporter)
    try:
        trace = "a" * 32
        headers = {"X-Request-ID": "me", "traceparent": f"00-{trace}-{'b' * 16}-01"}
        assert rest.get("/agents", headers=headers).status_code == 200
        (written,) = folder.iterdir()
        spans = [json.loads(line) for line in written.read_text().splitlines()]
        (span,) = [one for one in spans if one["name"] == "GET /v1/agents"]
        assert span["context"]["trace_id"] == f"0x{trace}"
    finally:
        rest.close()
    token = CARRIED.set({"request_id": "me"})
    try:
        record = logging.LogRecord("quantum_memory", logging.WARNING, "", 0, "hello", (), None)
        assert json.loads(JsonLines().format(record))["request_id"] == "me"
    finally:
        CARRIED.reset(token)
