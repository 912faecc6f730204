"""What is measured: names that dashboards rely on, counts that are right, and nothing that names an agent."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantum_memory.actors import process, ray_metrics
from quantum_memory.actors.lag import Lag
from quantum_memory.actors.ray_metrics import RayMetrics
from quantum_memory.actors.watching import ALL, Caches, Watch, operation_of, outcome_of, watched
from quantum_memory.cluster.cli_status import lag_of, status_tables
from quantum_memory.errors import (
    ActorUnavailable,
    AgentNotFound,
    DeadlineExceeded,
    EmptyText,
    SomeFailed,
    StaleWriter,
    VaultUnavailable,
)
from quantum_memory.memory.held import Held
from quantum_memory.settings import TelemetrySettings
from quantum_memory.telemetry import SILENT, Recorder
from quantum_memory.telemetry import catalog as cat
from quantum_memory.telemetry.carried import shared
from quantum_memory.telemetry.metrics import Risen
from tests.unit.front import Front
from tests.unit.orchestra import DIM, ready
from tests.unit.test_cli import drawn

AGREED = {
    "operations_total": ("operation", "outcome"),
    "operation_seconds": ("operation",),
    "view_seconds": ("view", "method"),
    "batch_size": ("pool",),
    "cache_total": ("cache", "outcome"),
    "mood_fidelity": (),
    "branches_total": ("how",),
    "journal_events_total": (),
    "journal_commit_seconds": (),
    "journal_batch": (),
    "journal_lag_events": ("view",),
    "snapshots_total": ("part", "outcome"),
    "snapshot_bytes_total": (),
    "resident_agents": ("pool",),
    "resident_bytes": ("pool",),
    "evictions_total": ("pool", "why"),
    "backpressure_total": ("pool",),
    "gpu_bytes": ("pool",),
    "http_requests_total": ("route", "method", "status"),
    "http_request_seconds": ("route", "method"),
}
QUERY = np.ones(DIM, dtype=np.float32)


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def front(tmp_path: Path, recorder: Recorder) -> Iterator[Front]:
    one = Front(tmp_path / "vault", recorder)
    yield one
    one.close()


def test_the_names_are_those_that_dashboards_rely_on() -> None:
    assert {metric.name.removeprefix("quantum_memory_"): metric.labels for metric in cat.METRICS} == AGREED
    for metric in cat.METRICS:
        assert metric.name.startswith("quantum_memory_")
        assert (metric.kind == "counter") == metric.name.endswith("_total")
        assert (metric.kind == "histogram") == bool(metric.buckets)
        assert list(metric.buckets) == sorted(set(metric.buckets))
        assert all(bound > 0 for bound in metric.buckets), "Ray refuses others"
    assert (min(cat.INFIDELITIES), max(cat.INFIDELITIES)) == (1e-12, 0.1)


def test_every_metric_is_in_the_documents() -> None:
    told = (Path(__file__).parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")
    for metric in cat.METRICS:
        labels = f"{{{','.join(metric.labels)}}}" if metric.labels else ""
        assert f"`{metric.name}{labels}`" in told, metric.name


def test_a_recorder_is_strict(recorder: Recorder) -> None:
    unknown = cat.Metric("quantum_memory_x", "counter", "")
    wrongs: tuple[Callable[[], None], ...] = (
        lambda: recorder.add(unknown, 1),
        lambda: recorder.add(cat.OPERATIONS, 1, "recall"),
        lambda: recorder.add(cat.JOURNAL_EVENTS, -1),
        lambda: recorder.add(cat.JOURNAL_EVENTS, float("nan")),
        lambda: recorder.observe(cat.JOURNAL_EVENTS, 1),
        lambda: recorder.set(cat.JOURNAL_BATCH, 1),
    )
    for wrong in wrongs:
        with pytest.raises(ValueError, match="quantum_memory_"):
            wrong()
    assert all(recorder.seen(metric) == frozenset() for metric in cat.METRICS)


def test_a_life_is_counted(front: Front, recorder: Recorder) -> None:
    alice = front.agent("alice with a name that no label may hold")
    alice.remember([ready(1), ready(2)])
    alice.remember("rain again")
    before = alice.checkpoint("before")
    alice.recall(QUERY, k=2)
    fork = alice.fork("what if")
    fork.remember(ready(3))
    alice.merge(fork)
    alice.rollback(before)
    alice.clone("her twin")
    alice.mood()
    alice.mood()
    with pytest.raises(AgentNotFound):
        front.memory.agent("nobody", branch="main")
    front.memory.agent("bob").checkpoint("later")
    with pytest.raises(SomeFailed):
        front.memory.recall({alice: QUERY, "bob": QUERY}, as_of="later")
    alice.working()
    alice.concepts()  # every view has answered since the rollback, of which it was told when nobody waited
    number = recorder.number
    done = {"remember": 3, "checkpoint": 2, "recall": 2, "fork": 1, "merge": 1, "rollback": 1, "clone": 1, "mood": 2}
    for operation, times in done.items():
        assert number(cat.OPERATIONS, operation, "ok") == times, operation
        assert len(recorder.values(cat.OPERATION_SECONDS, operation)) == times
    assert number(cat.OPERATIONS, "open_branch", "refused") == 1
    assert number(cat.OPERATIONS, "recall", "refused") == 1, "bob has such a checkpoint, alice has not"
    assert not [labels for labels in recorder.seen(cat.OPERATIONS) if labels[1] in ("failed", "late")]
    # The vault makes a checkpoint of its own before a merge and before a rollback.
    assert {how: number(cat.BRANCHES, how) for how in ("fork", "clone", "checkpoint", "rollback", "merge")} == {
        "fork": 1,
        "clone": 1,
        "checkpoint": 4,
        "rollback": 1,
        "merge": 1,
    }
    events = len(alice.log(100)) + 1
    assert number(cat.JOURNAL_EVENTS) == events == 5
    assert sum(recorder.values(cat.JOURNAL_BATCH)) >= events
    assert len(recorder.values(cat.JOURNAL_COMMIT_SECONDS)) == len(recorder.values(cat.JOURNAL_BATCH))
    for view in ("episodic", "graph", "quantum"):
        assert recorder.values(cat.VIEW_SECONDS, view, "apply"), view
        assert number(cat.JOURNAL_LAG, view) == 0
        assert number(cat.RESIDENT_AGENTS, view) >= 3, "alice, her fork and her twin"
    assert recorder.values(cat.VIEW_SECONDS, "vault", "write")
    assert recorder.values(cat.VIEW_SECONDS, "emotion", "perceive")
    assert recorder.values(cat.BATCH_SIZE, "emotion") == [1]
    assert len(recorder.values(cat.MOOD_INFIDELITY)) >= 4
    assert all(0 <= value < 1e-3 for value in recorder.values(cat.MOOD_INFIDELITY))
    assert number(cat.CACHE, "readings", "hit") >= 1, "the contexts of checkpoints are read behind it all"
    assert number(cat.CACHE, "readings", "miss") >= 1
    assert number(cat.CACHE, "percepts", "miss") == 1
    assert number(cat.CACHE, "states", "hit") > 0
    labels = {label for metric in cat.METRICS for values in recorder.seen(metric) for label in values}
    assert not [label for label in labels if "alice" in label or "what if" in label or alice.info.id in label]


def test_a_repeated_write_and_the_fork_of_a_transaction_are_not_counted(front: Front, recorder: Recorder) -> None:
    alice = front.agent()
    with alice.transaction():
        alice.remember(ready(1))
    assert recorder.seen(cat.BRANCHES) == frozenset()
    assert recorder.number(cat.JOURNAL_EVENTS) == 1
    writes = front.wait(front.host._parts.journal.ask(type(front.vault).outcome, "alice", "no such operation"))
    assert writes is None
    alice.checkpoint("one")
    events = recorder.number(cat.BRANCHES, "checkpoint")
    for _ in range(2):
        front.wait(front.host.checkpoint(alice.info, "two", "the same operation"))
    assert recorder.number(cat.BRANCHES, "checkpoint") == events + 1


def test_percepts_that_were_known_and_batches_are_told(front: Front, recorder: Recorder) -> None:
    front.memory.perceive(["one", "two", "three"])
    front.memory.perceive(["two", "three", "four"])
    assert (recorder.number(cat.CACHE, "percepts", "hit"), recorder.number(cat.CACHE, "percepts", "miss")) == (2, 4)
    assert recorder.values(cat.BATCH_SIZE, "emotion") == [3, 1]
    front.memory.remember({"alice": "hello", "bob": "hi"})
    assert 2 in recorder.values(cat.BATCH_SIZE, "agents")
    assert 2 in recorder.values(cat.BATCH_SIZE, "episodic"), "both went to the views in one call"


def test_snapshots_are_counted(tmp_path: Path, recorder: Recorder) -> None:
    front = Front(tmp_path, recorder, vault={"snapshot_events": 1})
    alice = front.agent()
    for number in range(3):
        alice.remember(ready(number))
    front.reopen()  # closing writes what waits
    written = recorder.number(cat.SNAPSHOTS, "memories", "written")
    assert written > 0
    assert recorder.number(cat.SNAPSHOT_BYTES) > 0
    assert front.agent().memories()
    assert recorder.number(cat.SNAPSHOTS, "memories", "loaded") >= 1
    front.close()


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (None, "ok"),
        (EmptyText("text", ""), "refused"),
        (AgentNotFound("a"), "refused"),
        (StaleWriter("b", 1, 2), "refused"),
        (DeadlineExceeded("recall", 1.0), "late"),
        (TimeoutError(), "late"),
        (asyncio.CancelledError(), "late"),
        (VaultUnavailable("s", "r"), "failed"),
        (ZeroDivisionError(), "failed"),
    ],
)
def test_what_became_of_an_operation(error: BaseException | None, outcome: str) -> None:
    assert outcome_of(error) == outcome
    assert {operation_of(f"recall{form}") for form in ("", "_one", "_each")} == {"recall"}


@watched("agents", batches=("many",))
class Orchestrator:
    def __init__(self, recorder: Recorder, **telemetry: Any) -> None:
        self._watch = Watch("agents", TelemetrySettings(**telemetry), recorder)

    async def one(self, error: Exception | None = None) -> int:
        if error is not None:
            raise error
        return 1

    async def many(self, asked: Sequence[Exception | None]) -> int:
        return sum([await self.one(error) for error in asked])

    async def ask_each(self, asked: Sequence[Exception | None]) -> list[Exception | None]:
        return list(asked)


def test_what_an_operation_asks_of_its_own_orchestrator_is_part_of_it(
    recorder: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    host = Orchestrator(recorder)
    with caplog.at_level(logging.WARNING, "quantum_memory"):
        assert asyncio.run(host.many([None, None])) == 2
        assert not caplog.records
        with pytest.raises(ZeroDivisionError):
            asyncio.run(host.many([ZeroDivisionError("secret words")]))
    assert recorder.seen(cat.OPERATIONS) == {("many", "ok"), ("many", "failed")}
    assert recorder.values(cat.BATCH_SIZE, "agents") == [2, 1]
    (record,) = caplog.records
    assert record.getMessage() == "an operation ended with ZeroDivisionError"
    assert (vars(record)["operation"], vars(record)["outcome"]) == ("many", "failed")


def test_a_host_answers_as_if_nobody_watched() -> None:
    class Plain:
        def both(self, items: Sequence[int], *, twice: bool = False) -> list[int]:
            return [item * (1 + twice) for item in items]

    host: Any = watched("episodic", batches=ALL, hidden=("timelines",))(Plain)()
    host._watch = Watch("episodic", TelemetrySettings(), SILENT)
    assert host.both([1, 2], twice=True) == host.both([1, 2], twice=True, carried={"agent": "x"}) == [2, 4]
    with pytest.raises(TypeError):
        host.both([1], thrice=True)


@given(st.lists(st.tuples(st.sampled_from(["owe", "send", "answer", "fail"]), st.sampled_from("ab")), max_size=60))
def test_lag_is_what_no_answered_call_was_sent_after(steps: list[tuple[str, str]]) -> None:
    """Against a plain list of the events that are owed, each gone once a call that was sent after it was answered."""
    lag, sent = Lag(), list[tuple[str, int, int]]()
    owed: list[tuple[str, int]] = []
    for number, (step, key) in enumerate(steps):
        if step == "owe":
            lag.acknowledged([key])
            owed.append((key, number))
        elif step == "send":
            sent.append((key, lag.last, number))
        elif sent and step == "answer":
            asked, last, when = sent.pop(len(sent) // 2)
            lag.answered([asked], last)
            owed = [(one, at) for one, at in owed if one != asked or at > when]
        elif sent:
            sent.pop()
        assert lag.events == len(owed)


def test_a_view_that_could_not_be_told_is_behind_until_it_answers(
    front: Front, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = front.agent()
    alice.remember(ready(1))
    graph: Any = front.host._parts.graph
    real = graph._host

    class Away:
        def apply(self, _: object) -> None:
            raise VaultUnavailable("graph", "it is being restarted")

    monkeypatch.setattr(graph, "_host", Away())
    alice.remember(ready(2))
    alice.remember(ready(3))
    assert recorder.number(cat.JOURNAL_LAG, "graph") == 2
    assert recorder.number(cat.JOURNAL_LAG, "episodic") == 0
    monkeypatch.setattr(graph, "_host", real)
    told = front.wait(front.host.status())
    assert (told["graph_lag"], told["episodic_lag"], told["agents"]) == (2, 0, 1)
    alice.concepts()
    assert recorder.number(cat.JOURNAL_LAG, "graph") == 0


@given(st.lists(st.integers(0, 100)))
def test_a_count_that_others_keep_rises_as_they_count(counts: list[int]) -> None:
    recorder = Recorder()
    risen, expected, before = Risen(recorder, cat.JOURNAL_EVENTS), 0, 0
    for count in counts:
        risen.to(count)
        expected += count - before if count >= before else count
        before = count
    assert recorder.number(cat.JOURNAL_EVENTS) == expected


def test_caches_are_told_together_under_their_name(recorder: Recorder) -> None:
    one, other = Held[str, int](4), Held[str, int](4)
    caches = Caches(recorder, {"states": [one, other]})
    one.put("a", 1)
    assert (one.get("a"), other.get("a"), other.get("b")) == (1, None, None)
    for _ in range(2):
        caches.look()
        assert recorder.number(cat.CACHE, "states", "hit") == 1
        assert recorder.number(cat.CACHE, "states", "miss") == 2


class Side:
    """Ray's side, as a list of what it was given."""

    def __init__(self) -> None:
        self.given: list[tuple[str, str, float, tuple[tuple[str, str], ...]]] = []
        self.made = Counter[str]()

    def metric(self, name: str, *_: Any) -> SimpleNamespace:
        self.made[name] += 1

        def take(kind: str) -> Any:
            return lambda value, tags: self.given.append((name, kind, value, tuple(tags.items())))

        return SimpleNamespace(inc=take("inc"), observe=take("observe"), set=take("set"))


@pytest.fixture
def side(monkeypatch: pytest.MonkeyPatch) -> Side:
    made = Side()
    fake = SimpleNamespace(Counter=made.metric, Gauge=made.metric, Histogram=made.metric)
    monkeypatch.setattr(ray_metrics, "ray_side", fake)
    monkeypatch.setattr(RayMetrics, "_wake", lambda _: None)  # no thread: the test hands over
    return made


def test_ray_is_given_sums_every_value_and_the_last_of_a_gauge(side: Side) -> None:
    metrics = RayMetrics()
    for _ in range(3):
        metrics.add(cat.OPERATIONS, 1, "recall", "ok")
    metrics.add(cat.OPERATIONS, 0, "recall", "late")
    metrics.observe(cat.OPERATION_SECONDS, 0.5, "recall")
    metrics.observe(cat.OPERATION_SECONDS, 0.25, "recall")
    metrics.set(cat.JOURNAL_LAG, 5, "graph")
    metrics.set(cat.JOURNAL_LAG, 2, "graph")
    metrics.hand_over()
    recall = (("operation", "recall"),)
    assert sorted(side.given) == [
        ("quantum_memory_journal_lag_events", "set", 2, (("view", "graph"),)),
        ("quantum_memory_operation_seconds", "observe", 0.25, recall),
        ("quantum_memory_operation_seconds", "observe", 0.5, recall),
        ("quantum_memory_operations_total", "inc", 3.0, (*recall, ("outcome", "ok"))),
    ]
    metrics.hand_over()
    assert len(side.given) == 4
    assert set(side.made.values()) == {1}


def test_measurements_that_nobody_takes_are_bounded_and_a_bad_look_is_left_out(
    side: Side, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(ray_metrics, "MOST", 10)
    metrics, looked = RayMetrics(), Counter[str]()

    def good() -> None:
        looked["good"] += 1

    def bad() -> None:
        looked["bad"] += 1
        raise RuntimeError("odd")

    metrics.watch(bad)
    metrics.watch(good)
    for number in range(25):
        metrics.observe(cat.JOURNAL_BATCH, number)
    with caplog.at_level(logging.WARNING, "quantum_memory"):
        metrics.hand_over()
        metrics.hand_over()
    assert looked == {"good": 2, "bad": 1}
    assert [value for *_, value, _ in side.given] == list(range(15, 25))
    assert "measured no longer" in caplog.text


def test_a_process_knows_what_it_takes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, recorder: Recorder) -> None:
    assert 1 << 20 < process.resident_bytes() < 1 << 40
    assert process.process()["pid"] > 0
    ray_metrics.watch_process(recorder, "graph")
    assert recorder.number(cat.RESIDENT_BYTES, "graph") > 1 << 20
    monkeypatch.setattr(process, "STATM", tmp_path / "no such file")
    assert 1 << 20 < process.resident_bytes() < 1 << 40, "the most that it ever was"


def test_status_draws_pools_agents_memory_and_lag() -> None:
    own = {"pid": 11, "resident_bytes": 50 << 20}
    actors = {
        "vault": [own | {"writes_waiting": 0}],
        "graph": [own | {"branches": 1200, "states": 3400}],
        "agents": [own | {"agents": 1000, "graph_lag": 7, "episodic_lag": 0, "quantum_lag": 0}],
    }
    told = drawn(status_tables({"storage": "x", "events": 5, "keeper_error": None}, actors))
    line = next(line for line in told.splitlines() if "SemanticGraphActor-0" in line)
    cells = [cell.strip() for cell in line.split("│")[1:-1]]
    assert cells == [
        "SemanticGraphActor-0",
        "11",
        "50 MiB",
        "1,200",
        "3,400",
        "7",
    ]
    assert "QuantumMemoryAgent-0" in told
    assert "keeper error" in told
    inline = {"vault": actors["vault"], "agents": [actors["agents"][0] | {"graph_states": 4, "episodic_states": 5}]}
    assert (lag_of("agents", inline), lag_of("agents", actors), lag_of("vault", actors)) == (7, None, None)
    assert " 9 " in drawn(status_tables({}, inline))


def test_work_for_several_requests_is_told_of_all_of_them() -> None:
    first, second = {"request_id": "r1", "traceparent": "a", "agent": "x"}, {"request_id": "r2", "agent": "x"}
    assert shared([first, second, first]) == {"request_id": "r1 r2", "agent": "x"}
    assert shared([first]) == first
    assert shared([{"agent": "x"}, {"agent": "y"}]) == {}
    assert shared([first, None]) == {"request_id": "r1"}
    assert shared([{"agent": "x"}, None]) is None
    assert shared([]) is None


def test_of_what_failed_among_others_there_is_a_line_for_each_kind(
    recorder: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    gone, late = ActorUnavailable("EpisodicMemoryActor-0", "it died"), DeadlineExceeded("ask", 1.0)
    with caplog.at_level(logging.WARNING, "quantum_memory"):
        asyncio.run(Orchestrator(recorder).ask_each([None, gone, late, gone, EmptyText("text", " ")]))
    assert [(record.getMessage(), vars(record)["outcome"]) for record in caplog.records] == [
        ("an operation ended with ActorUnavailable", "failed"),
        ("an operation ended with DeadlineExceeded", "late"),
    ]
