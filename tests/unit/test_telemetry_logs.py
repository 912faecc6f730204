"""Logs tell who and what, and never what was remembered, a password or a key."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantum_memory.errors import (
    CorruptRecord,
    EmptyText,
    InvalidValue,
    RelationNotFound,
    VaultUnavailable,
    WriteFailed,
)
from quantum_memory.memory.vault.vault import Vault
from quantum_memory.telemetry.carried import CARRIED
from quantum_memory.telemetry.logs import LOGGER, MAX_CHARS, JsonLines, Lines, hidden, safe, to_stderr
from tests.unit.front import Front
from tests.unit.orchestra import ready

UNTOLD = "the baker's daughter is his"


@pytest.fixture
def out() -> Iterator[io.StringIO]:
    """All that the package logs, as JSON lines; what was set up before is so again."""
    logger = logging.getLogger(LOGGER)
    before = logger.handlers, logger.level, logger.propagate
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines({"pool": "agents", "actor": "QuantumMemoryAgent-0"}))
    logger.handlers, logger.propagate = [handler], False
    logger.setLevel(logging.DEBUG)
    yield stream
    logger.handlers, logger.level, logger.propagate = before


def lines(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_line_tells_when_where_what_and_for_whom(out: io.StringIO) -> None:
    traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    token = CARRIED.set({"agent": "alice", "operation_id": "s.1", "traceparent": traceparent})
    logging.getLogger("quantum_memory.actors.x").warning("%d events, %s", 3, "why", extra={"seconds": 0.5})
    CARRIED.reset(token)
    (told,) = lines(out)
    assert told.pop("time").endswith("+00:00")
    assert told.pop("pid") > 0
    assert told == {
        "level": "warning",
        "logger": "quantum_memory.actors.x",
        "message": "3 events, why",
        "pool": "agents",
        "actor": "QuantumMemoryAgent-0",
        "agent": "alice",
        "operation_id": "s.1",
        "trace_id": "0af7651916cd43dd8448eb211c80319c",
        "span_id": "b7ad6b7169203331",
        "seconds": 0.5,
    }


def test_a_traceback_tells_places_and_no_value(out: io.StringIO) -> None:
    def fails(text: str) -> None:
        raise ValueError(text)

    try:
        fails(UNTOLD)
    except ValueError:
        logging.getLogger(LOGGER).exception("%s failed", "the clerk")
    (told,) = lines(out)
    assert (told["message"], told["error"]) == ("the clerk failed", "ValueError")
    assert [place.rpartition(" ")[2] for place in told["stack"]][-1] == "fails"
    assert UNTOLD not in out.getvalue()


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (3, 3),
        (True, True),
        (None, None),
        (0.5, 0.5),
        (float("nan"), "nan"),
        ("VaultActor-0", "VaultActor-0"),
        (InvalidValue("text", repr(UNTOLD), "another"), "InvalidValue(text)"),
        (EmptyText("query", UNTOLD), "EmptyText(query)"),
        (RelationNotFound("Ann", "loves", UNTOLD), "RelationNotFound"),
        (RuntimeError(UNTOLD), "RuntimeError"),
        (OSError(28, UNTOLD), "OSError(28)"),
        (VaultUnavailable("s", "it is closed"), "s: it is closed"),
        (WriteFailed("db", f"IntegrityError: null value\nDETAIL:  Failing row contains ({UNTOLD})."), None),
        (CorruptRecord("entry b@3", f"expected a kind, got '{UNTOLD * 3}'"), "entry b@3: expected a kind, got '***'"),
        ("postgresql+psycopg://user:pass word@host/db", None),
        ("postgresql+psycopg://user:s3cret@host/db", "postgresql+psycopg://***@host/db"),
        ("Authorization: Bearer s3cret", "Authorization: ***"),
        ("api_key=s3cret&x=1", "api_key=***&x=1"),
        ("https://host/v1?token=s3cret", "https://host/v1?token=***"),
        ("refused: bearer s3cret", "refused: bearer ***"),
        ("one\ntwo", "one two"),
    ],
)
def test_what_a_value_may_tell(value: object, told: object) -> None:
    found = safe(value)
    assert told is None or found == told
    assert UNTOLD not in str(found)
    assert "s3cret" not in str(found)
    assert "\n" not in str(found)


@given(st.text(), st.lists(st.one_of(st.text(), st.integers(), st.floats(), st.none(), st.binary()), max_size=3))
def test_every_record_becomes_one_line(message: str, filled: list[object]) -> None:
    record = logging.LogRecord("quantum_memory.x", logging.ERROR, "f", 1, message, tuple(filled), None)
    line = JsonLines().format(record)
    assert "\n" not in line
    assert isinstance(json.loads(line)["message"], str)
    assert len(Lines().format(record).splitlines()) == 1
    assert len(hidden(message)) <= MAX_CHARS + 1


def test_a_failing_life_leaves_no_word_of_a_memory_in_the_logs(
    tmp_path: Path, out: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the vault fails in the midst of it, and a view that was to be told is away."""
    front = Front(tmp_path, telemetry={"logs": "json"})
    alice = front.agent()
    alice.remember(ready(1, text=UNTOLD, id="m1"))
    graph: Any = front.host._parts.graph

    class Away:
        def apply(self, entries: object, **_: object) -> None:
            logging.getLogger("quantum_memory.graph").warning("away: %s", InvalidValue("entries", repr(entries), "x"))
            raise VaultUnavailable("graph", "it is being restarted")

    with monkeypatch.context() as patched:
        patched.setattr(graph, "_host", Away())
        alice.remember(ready(2, text=f"{UNTOLD} twice", id="m2"))

    def full(self: Vault, batch: object) -> None:
        raise ZeroDivisionError(UNTOLD)

    with monkeypatch.context() as patched:
        patched.setattr(Vault, "write", full)
        with pytest.raises(ZeroDivisionError):
            alice.remember(ready(3, text=f"{UNTOLD} thrice"))
    front.close()
    told = lines(out)
    assert UNTOLD not in out.getvalue()
    failed = next(line for line in told if line["message"] == "an operation ended with ZeroDivisionError")
    assert (failed["agent"], failed["operation"], failed["outcome"]) == ("alice", "remember", "failed")
    untold = next(line for line in told if line["message"].startswith("a view was not told"))
    assert untold["agent"] == "alice"
    assert untold["operation_id"].startswith("0123456789ab."), "of this session"


def test_what_a_view_logs_names_the_operation_that_it_is_done_for(tmp_path: Path, out: io.StringIO) -> None:
    front = Front(tmp_path, telemetry={"logs": "json"})
    alice = front.agent()
    episodic: Any = front.host._parts.episodic
    real = type(episodic._host)._known

    class Talking(type(episodic._host)):  # type: ignore[misc]  # of whatever host lives here
        def _known(self, *args: Any) -> Any:
            logging.getLogger("quantum_memory.episodic").info("asked")
            return real(self, *args)

    episodic._host.__class__ = Talking
    alice.known(["m1"])
    alice.remember(ready(1, id="m1"))
    read, written = [line for line in lines(out) if line["message"] == "asked"]
    assert read["agent"] == written["agent"] == "alice"
    assert len(read["operation_id"]) == 32, "what changes nothing has an id of its own"
    assert written["operation_id"].startswith("0123456789ab.")
    front.close()


def test_without_json_nothing_travels_with_a_call(tmp_path: Path, out: io.StringIO) -> None:
    front = Front(tmp_path)
    episodic: Any = front.host._parts.episodic
    seen: list[object] = []
    real = type(episodic._host)._known

    class Talking(type(episodic._host)):  # type: ignore[misc]  # of whatever host lives here
        def _known(self, *args: Any) -> Any:
            seen.append(CARRIED.get())
            return real(self, *args)

    episodic._host.__class__ = Talking
    front.agent().known(["m1"])
    assert seen == [None]
    front.close()


@pytest.mark.parametrize("form", ["json", "text"])
def test_a_process_logs_to_stderr_once_however_often_it_is_told(
    out: io.StringIO, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    for _ in range(2):
        to_stderr(form, "info", {"pool": "graph"})
    logger = logging.getLogger("quantum_memory.memory.x")
    logger.debug("too little")
    logger.info("a %s", "word")
    (line,) = capsys.readouterr().err.splitlines()
    assert ("pool" in json.loads(line)) if form == "json" else ("quantum_memory.memory.x: a word [pool=graph" in line)
    assert out.getvalue() == ""
