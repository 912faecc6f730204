"""A replica against what no client would send, as bytes on a real socket to a real server: refused with a 4xx.

Limits, injections and paths as they come over the wire; what comes in good order but says what it may not is in
``test_rest_core.py``.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.unit.door_served import Door
from tests.unit.doors import Rest

MOST, IDLE_S, BODY_S = 4096, 0.4, 0.8
LIMITS = {"body_bytes": MOST, "upload_bytes": 2 * MOST, "idle_s": IDLE_S, "body_s": BODY_S, "upload_s": BODY_S}
DEEP = 10_000
NO_NUMBERS = ("NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1" + "0" * 400 + ".0")


MARK = "@here@"


class Said(NamedTuple):
    """An answer as it came."""

    status: int
    head: str
    body: str


class Caller:
    """Says bytes to the door, each time over a connection of its own."""

    def __init__(self, door: Door) -> None:
        self.door, self.key = door, door.key("admin")

    def head(self, method: str, path: str, *more: str) -> bytes:
        lines = [f"{method} {path} HTTP/1.1", "Host: door", f"Authorization: Bearer {self.key}", *more, "", ""]
        return "\r\n".join(lines).encode("latin-1")

    def say(self, *pieces: bytes, pause_s: float = 0.0) -> Said:
        """Send pieces, and read one answer. Raises: TimeoutError where none comes."""
        with socket.create_connection(("127.0.0.1", self.door.port), 10.0) as connection:
            for number, piece in enumerate(pieces):
                time.sleep(pause_s if number else 0.0)
                try:
                    connection.sendall(piece)
                except OSError:
                    break  # it is answered already
            return _answer(connection)

    def whole(self, path: str, kind: str, body: bytes, *more: str) -> str:
        """Post something, and read until the door has said everything, headers and all."""
        told = [f"Content-Type: {kind}", f"Content-Length: {len(body)}", "Connection: close", *more]
        with socket.create_connection(("127.0.0.1", self.door.port), 10.0) as connection:
            connection.sendall(self.head("POST", path, *told) + body)
            return b"".join(iter(lambda: connection.recv(1 << 16), b"")).decode("utf-8", "replace")

    def posted(self, path: str, body: bytes, *more: str) -> Said:
        kind = "Content-Type: application/json"
        return self.say(self.head("POST", path, kind, f"Content-Length: {len(body)}", *more) + body)


def _answer(connection: socket.socket) -> Said:
    got = b""
    while b"\r\n\r\n" not in got:
        piece = connection.recv(1 << 16)
        assert piece, got
        got += piece
    head, _, body = got.partition(b"\r\n\r\n")
    told = head.decode("latin-1")
    lengths = [line.split(":")[1] for line in told.lower().split("\r\n") if line.startswith("content-length:")]
    while lengths and len(body) < int(lengths[0]):
        piece = connection.recv(1 << 16)
        assert piece, got
        body += piece
    return Said(int(told.split(" ")[1]), told, body.decode("utf-8", "replace"))


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    rates = {"per_s": 1e5, "burst": 1e6}
    service = {"http": LIMITS, "limits": {"key": rates, "connection": rates, "everyone": rates}}
    made = Door(tmp_path_factory.mktemp("wire"), service=service)
    yield made
    made.close()


@pytest.fixture(scope="module")
def caller(door: Door) -> Caller:
    made = Caller(door)
    assert made.say(made.head("PUT", "/v1/agents/alice")).status in (200, 201)
    return made


def body_of(size: int) -> bytes:
    """So many bytes that are a good body."""
    empty = json.dumps({"text": "", "pad": {"pleasure": 0.1, "arousal": 0.1, "dominance": 0.1}})
    return empty.replace('""', '"' + "x" * (size - len(empty)) + '"', 1).encode()


def chunked(body: bytes, size: int) -> list[bytes]:
    pieces = [body[begin : begin + size] for begin in range(0, len(body), size)]
    return [b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces] + [b"0\r\n\r\n"]


def test_a_body_is_as_long_as_it_may_be_and_not_a_byte_longer(caller: Caller) -> None:
    path = "/v1/agents/alice/remember"
    assert caller.posted(path, body_of(MOST)).status == 200
    assert caller.posted(path, body_of(MOST + 1)).status == 413
    head = caller.head("POST", path, "Content-Type: application/json", "Transfer-Encoding: chunked")
    for size in (MOST + 1, 1000, 7):
        assert caller.say(head, *chunked(body_of(MOST), size)).status == 200
        refused = caller.say(head, *chunked(body_of(MOST + 1), size))
        assert (refused.status, json.loads(refused.body)["type"]) == (413, "/problems/body-too-large")
    lying = caller.say(caller.head("POST", path, "Content-Type: application/json", f"Content-Length: {10**12}"))
    assert lying.status == 413, "by what it says of itself, before any of it came"
    upload = caller.head("POST", "/v1/agents/alice/import?format=jsonl", "Content-Type: application/x-ndjson")
    for told in ("Content-Length: " + str(2 * MOST + 1), "Transfer-Encoding: chunked"):
        line = json.dumps({"text": "x" * (2 * MOST)}).encode()
        pieces = chunked(line, 999) if "chunked" in told else [line[: 2 * MOST + 1]]
        assert caller.say(upload[:-2] + told.encode() + b"\r\n\r\n", *pieces).status == 413


def test_a_body_that_comes_too_slowly_is_refused(caller: Caller) -> None:
    head = caller.head("POST", "/v1/agents/alice/remember", "Content-Type: application/json", "Content-Length: 100")
    for pieces, pause_s in (([head, b"{"], 0.0), ([head, *[b" "] * 40], IDLE_S / 4), ([head], 0.0)):
        begun = time.monotonic()
        said = caller.say(*pieces, pause_s=pause_s)
        assert (said.status, json.loads(said.body)["type"]) == (408, "/problems/slow-body")
        assert time.monotonic() - begun < 10.0 + BODY_S
        assert "connection: close" in said.head.lower()


@pytest.mark.parametrize(
    "lines",
    [
        ["X-Request-ID: a\r\n Set-Cookie: x=y"],
        ["X-Request-ID: a\nSet-Cookie: x=y"],
        ["X-Request-ID: a\rSet-Cookie: x=y"],
        ["X-Request-ID: a%0d%0aSet-Cookie: x=y"],
        ["X-Request-ID: a\x00b"],
        ["Idempotency-Key: a\r\n\tSet-Cookie: x=y"],
        ["Idempotency-Key: a%0d%0aSet-Cookie: x=y"],
        ["traceparent: 00-1\r\n Set-Cookie: x=y"],
        ["X-Forwarded-For: 127.0.0.1\r\n Set-Cookie: x=y"],
        ["Content-Length: 2", "Content-Length: 3"],
        ["Content-Length: 2", "Transfer-Encoding: chunked"],
        ["Transfer-Encoding: chunked, identity"],
        ["Content-Length: -1"],
        ["Content-Length: 1e3"],
        ["Content-Length: +2"],
        ["No Name: x"],
        [": x"],
        ["X-Large: " + "x" * (1 << 20)],
    ],
)
def test_headers_carry_nothing_into_an_answer(caller: Caller, lines: list[str]) -> None:
    head = caller.head("POST", "/v1/agents/alice/remember", "Content-Type: application/json", *lines)
    body = b"{}"
    try:
        said = caller.say(head + body)
    except (AssertionError, ConnectionError):
        return  # without a word
    assert 400 <= said.status < 500, said
    assert "set-cookie" not in said.head.lower()


SPELLED = (
    "..", "%2e%2e", "%2E%2e", ".%2e", "%2e", "..%2f", "..%2f..%2f..%2fetc%2fpasswd", "..%5c..%5cetc", "a%5c..%5cb",
    "..\\..\\etc", "%c0%ae%c0%ae", "%c0%ae%c0%ae%c0%af", "%e0%80%ae", "%ff%fe", "..%00", "..%2f%00", "....//", "..;/",
    "/etc/passwd", "//etc/passwd", "%2fetc%2fpasswd", "file:%2f%2f%2fetc%2fpasswd", "%7e%2f", "a%0aX:%20y",
    "a%0d%0aSet-Cookie:%20x=y", "a%00b", "acme:alice", "acme%3aalice", "other%3Aalice", "alice@main", "alice%40main",
    "%20",
)  # fmt: skip
HARMLESS = {"~": "~", "%252e%252e%252f": "%2e%2e%2f", "%2e%2e;": "..;", "...": "...", "%EF%BF%BD": "\ufffd"}
"""Text like any other, and the agent that it names."""


@pytest.mark.parametrize("spelled", SPELLED)
def test_a_path_leads_nowhere_but_to_an_agents_name(caller: Caller, spelled: str) -> None:
    asked = [
        ("PUT", f"/v1/agents/{spelled}"),
        ("GET", f"/v1/agents/{spelled}/archive"),
        ("GET", f"/v1/agents/alice/memories/{spelled}"),
        ("GET", f"/v1/agents/alice/log?branch={spelled}"),
        ("GET", f"/v1/agents/alice/log?as_of={spelled}"),
        ("GET", f"/{spelled}"),
    ]
    for method, path in asked:
        said = caller.say(caller.head(method, path))
        assert 400 <= said.status < 500, (path, said)
        assert "set-cookie" not in said.head.lower()
        assert "root:" not in said.body
    assert _agents(caller) <= {"alice", *HARMLESS.values()}


@pytest.mark.parametrize("spelled", HARMLESS)
def test_a_name_that_only_looks_like_a_path_is_a_name(caller: Caller, spelled: str) -> None:
    assert caller.say(caller.head("PUT", f"/v1/agents/{spelled}")).status in (200, 201)
    assert HARMLESS[spelled] in _agents(caller)


def _agents(caller: Caller) -> set[str]:
    return {one["name"] for one in json.loads(caller.say(caller.head("GET", "/v1/agents?limit=100")).body)["items"]}


@pytest.mark.parametrize(
    ("path", "kind", "body", "status"),
    [
        ("/v1/agents/alice/remember", "application/json", b"[" * 2000 + b"]" * 2000, 400),
        ("/v1/agents/alice/remember", "application/json", b'{"a":' * 700 + b"1" + b"}" * 500, 400),
        ("/v1/agents/alice/import?format=jsonl", "application/x-ndjson", b"[" * 4000 + b"]" * 4000, 422),
        ("/v1/agents/alice/import?format=jsonl", "application/x-ndjson", b'{"text":"x","importance":NaN}', 422),
        ("/v1/agents/alice/import?format=chatgpt", "application/json", b"[" * 4000 + b"]" * 4000, 422),
        ("/v1/agents/alice/archive", "application/octet-stream", b"[" * 4000, 422),
    ],
)
def test_what_is_nested_too_deep_is_refused(caller: Caller, path: str, kind: str, body: bytes, status: int) -> None:
    said = caller.say(caller.head("POST", path, f"Content-Type: {kind}", f"Content-Length: {len(body)}") + body)
    assert 400 <= said.status < 500, said
    assert said.status == status, said


def test_lines_that_are_nested_too_deep_or_hold_no_numbers_are_told_of(caller: Caller) -> None:
    lines = [b"[" * 3000 + b"]" * 3000, b'{"text":"x","importance":NaN}', b'{"text":"y","confidence":1e999}']
    body = b"\n".join([*lines, b'{"text":"good","id":"good"}'])
    told = caller.whole("/v1/agents/alice/remember/stream", "application/x-ndjson", body)
    events = [json.loads(line) for line in told.splitlines() if line.startswith('{"')]
    refused = [(one["line"], one["problem"]["status"]) for one in events if one["event"] == "refused"]
    assert refused == [(1, 400), (2, 400), (3, 400)]
    assert (events[-1]["event"], events[-1]["remembered"]) == ("done", 1)


@pytest.mark.parametrize("value", [*NO_NUMBERS, "[" * DEEP + "]" * DEEP], ids=range(len(NO_NUMBERS) + 1))
@pytest.mark.parametrize(("tool", "said"), [("recall", '"query":"x","k"'), ("remember", '"text":"x","importance"')])
def test_tools_are_called_with_no_such_things_either(caller: Caller, tool: str, said: str, value: str) -> None:
    call = f'{{"name":"{tool}","arguments":{{"agent":"alice",{said}:{value}}}}}'
    body = f'{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{call}}}'
    both = "Accept: application/json, text/event-stream"
    told = caller.whole("/mcp", "application/json", body.encode(), both, "MCP-Protocol-Version: 2025-06-18")
    status = int(told.split(" ")[1])
    assert status < 500, told
    assert status >= 400 or '"isError":true' in told.replace(" ", "") or '"error":' in told, told


def test_no_place_of_any_body_takes_what_is_no_number_or_too_deep(tmp_path: Path) -> None:
    """Each field of every operation's body in its turn, and each number of its query."""
    rest = Rest(tmp_path, keys=False)
    try:
        rest.put("/agents/alice")
        document = rest.app.openapi()
        deep = ["[" * DEEP + "]" * DEEP, '{"a":' * DEEP + "1" + "}" * DEEP]
        tried = 0
        for path, method, operation in _operations(document):
            url = path.removeprefix("/v1").format_map(_Named())
            for text in _spoiled(document, operation, [*NO_NUMBERS, *deep]):
                tried += 1
                headers = {"Content-Type": "application/json"}
                answer = rest.ask(method, url, who="admin", content=text, headers=headers)
                assert (answer.status_code, answer.json()["type"]) == (400, "/problems/malformed-body"), (
                    url,
                    text[:200],
                )
            for parameter in operation.get("parameters", ()):
                if parameter.get("in") == "query" and _is_number(parameter["schema"]):
                    for text in ("NaN", "inf", "-inf", "Infinity", "1e999", "9" * 5000):
                        tried += 1
                        answer = rest.ask(method, url, who="admin", params={parameter["name"]: text})
                        assert 400 <= answer.status_code < 500, (url, parameter["name"], text, answer.text)
        assert tried > 500
    finally:
        rest.close()


class _Named(dict[str, str]):
    """A name for each part of a path."""

    def __missing__(self, key: str) -> str:
        return "alice" if key == "agent" else "some"


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, found in document["paths"].items():
        for method, operation in found.items():
            yield path, method.upper(), operation


def _spoiled(document: dict[str, Any], operation: dict[str, Any], values: list[str]) -> Iterator[str]:
    """The examples of a body as text, with each value in the place of each leaf and of each field there could be."""
    told = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    schema = document["components"]["schemas"].get(told.get("$ref", "").rpartition("/")[2], {})
    for example in schema.get("examples", ()):
        fields = ({**example, name: MARK} for name in schema.get("properties", ()))
        for marked in (*fields, *_marked(example)):
            for value in values:
                yield json.dumps(marked).replace(f'"{MARK}"', value)


def _marked(value: Any) -> Iterator[Any]:
    """A value with a mark in the place of each of its leaves in turn."""
    if isinstance(value, dict):
        for name, one in value.items():
            yield from ({**value, name: changed} for changed in _marked(one))
    elif isinstance(value, list) and value:
        for place, one in enumerate(value):
            yield from ([*value[:place], changed, *value[place + 1 :]] for changed in _marked(one))
    else:
        yield MARK


def _is_number(schema: dict[str, Any]) -> bool:
    return any(one.get("type") in ("number", "integer") for one in (schema, *schema.get("anyOf", ())))
