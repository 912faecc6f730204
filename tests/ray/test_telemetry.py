"""What Ray exports and what reaches a file of spans and the actors' logs, of a real cluster with views of their own."""

from __future__ import annotations

import json
import logging
import time
import urllib.request
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import ray

from quantum_memory.actors.directory import ACTOR_NAMES
from quantum_memory.cluster.connect import MemoryCluster, connect
from quantum_memory.errors import MemoryNotFound
from quantum_memory.telemetry import catalog as cat
from tests.ray.conftest import FAST

WAIT_S = 60.0
VIEWS = ("episodic", "graph", "quantum")
UNTOLD = "the baker's daughter is his"
Spans = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def watched(cluster: MemoryCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[MemoryCluster, Path]]:
    """A cluster beside the session's whose spans go to a folder and whose logs are JSON."""
    folder = tmp_path_factory.mktemp("watched")
    told = {"traces": True, "exporter": (folder / "spans").as_uri(), "logs": "json"}
    with connect(storage=folder / "vault", config=FAST | {"telemetry": told}, namespace="watched") as memory:
        yield memory, folder / "spans"
        memory.stop()


def until(found: Callable[[], Any]) -> Any:
    """The first answer that holds something; the last one when the time is over."""
    end = time.monotonic() + WAIT_S
    while not (answer := found()) and time.monotonic() < end:
        time.sleep(0.5)
    return answer


def exported() -> str:
    """What this node exports for Prometheus."""
    every: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]  # Ray leaves it untyped
    (node,) = [one for one in every if one["Alive"]]
    address = f"http://{node['NodeManagerAddress']}:{node['MetricsExportPort']}/metrics"
    with urllib.request.urlopen(address, timeout=10) as answer:
        text: str = answer.read().decode()
    return text


def samples(name: str, label: str = "") -> dict[str, float]:
    """Every sample of a metric that is exported under a label: its labels as they are written, and its value."""
    found = {}
    for line in exported().splitlines():
        if line.startswith((f"ray_{name}{{", f"ray_{name}_count{{")):
            labels, _, value = line.partition("{")[2].rpartition("} ")
            if label in labels:
                found[labels] = float(value)
    return found


def spans_in(folder: Path) -> Spans:
    files = folder.glob("spans-*.jsonl")
    lines = [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    return {span["context"]["span_id"]: span for span in lines}


def chain(span: dict[str, Any], spans: Spans) -> list[str]:
    names = [span["name"]]
    while span["parent_id"] is not None and span["parent_id"] in spans:
        span = spans[span["parent_id"]]
        names.append(span["name"])
    return names


def done(operation: str, times: int) -> bool:
    """Whether so many operations ended well, as far as Ray tells by now."""
    told = samples(cat.OPERATIONS.name, f'operation="{operation}"')
    return sum(value for labels, value in told.items() if 'outcome="ok"' in labels) >= times


def test_ray_exports_what_an_operation_measured(watched: tuple[MemoryCluster, Path]) -> None:
    memory, _ = watched
    alice = memory.agent("alice of the metrics")
    for number in range(3):
        alice.remember(f"number {number} has been at the lake")
    alice.recall("the lake")
    alice.fork("what if")
    alice.checkpoint("here")
    for operation, times in (("remember", 3), ("recall", 1), ("fork", 1)):
        assert until(partial(done, operation, times)), operation
    for metric, label in (
        (cat.OPERATION_SECONDS, 'operation="remember"'),
        *((cat.VIEW_SECONDS, f'view="{view}"') for view in (*VIEWS, "vault", "emotion")),
        *((cat.BATCH_SIZE, f'pool="{view}"') for view in (*VIEWS, "vault", "emotion")),
        (cat.CACHE, 'cache="percepts"'),
        (cat.CACHE, 'cache="states"'),
        (cat.MOOD_INFIDELITY, ""),
        (cat.BRANCHES, 'how="fork"'),
        (cat.BRANCHES, 'how="checkpoint"'),
        (cat.JOURNAL_EVENTS, ""),
        (cat.JOURNAL_COMMIT_SECONDS, ""),
        (cat.JOURNAL_BATCH, ""),
        *((cat.RESIDENT_BYTES, f'pool="{pool}"') for pool in ACTOR_NAMES),
        *((cat.RESIDENT_AGENTS, f'pool="{view}"') for view in VIEWS),
    ):
        here = until(partial(samples, metric.name, label))
        assert here, (metric.name, label)
        assert max(here.values()) > 0, (metric.name, label)
    assert samples(cat.JOURNAL_LAG.name, 'view="graph"')
    assert "alice" not in "".join(line for line in exported().splitlines() if "quantum_memory" in line)


def test_a_trace_leads_from_the_driver_over_the_orchestrator_to_the_views(watched: tuple[MemoryCluster, Path]) -> None:
    memory, folder = watched
    alice = memory.agent("alice of the spans")
    alice.remember(UNTOLD)
    alice.recall(UNTOLD)
    with pytest.raises(MemoryNotFound):
        alice.forget("no such memory")

    def of_recall() -> list[list[str]]:
        spans = spans_in(folder)
        found = [chain(span, spans) for span in spans.values() if span["name"] == "episodic.contenders"]
        return [names for names in found if len(names) == 3]

    ways = until(of_recall)
    assert ways
    assert ways[-1] == ["episodic.contenders", "agents.recall", "agents.recall_one"]
    spans = spans_in(folder)
    written = [chain(span, spans) for span in spans.values() if span["name"] == "vault.write"]
    assert ["vault.write", "agents.remember", "agents.remember_one"] in written
    pids = {span["resource"]["attributes"]["process.pid"] for span in spans.values()}
    assert len(pids) >= 4, "the driver, the orchestrator, the vault and the views each made their own"
    told = {name: value for span in spans.values() for name, value in span["attributes"].items()}
    assert told["quantum_memory.agent"] == "alice of the spans"
    assert "MemoryNotFound" in {span["attributes"].get("error.type") for span in spans.values()}
    assert UNTOLD not in "".join(file.read_text(encoding="utf-8") for file in folder.iterdir())


def test_actors_and_methods_have_names_that_say_what_they_are(watched: tuple[MemoryCluster, Path]) -> None:
    memory, _ = watched
    assert memory.agent("alice of the names").memories() == []
    for pool, pids in memory.processes().items():
        actor = ray.get_actor(f"{ACTOR_NAMES[pool]}-0", namespace="watched")
        assert f"Actor({ACTOR_NAMES[pool]}" in repr(actor), pool
        assert pids


def test_status_tells_of_memory_agents_and_lag(watched: tuple[MemoryCluster, Path]) -> None:
    memory, _ = watched
    memory.agent("alice of the status").remember("hello")
    told = memory.status()
    assert set(told) == set(ACTOR_NAMES)
    assert all(one["resident_bytes"] > 10 << 20 for each in told.values() for one in each)
    (agents,) = told["agents"]
    assert agents["agents"] >= 1
    assert [agents[f"{view}_lag"] for view in VIEWS] == [0, 0, 0]
    assert all(told[view][0]["branches"] >= 1 for view in VIEWS)


def test_actors_log_lines_of_json_without_secrets(watched: tuple[MemoryCluster, Path]) -> None:
    assert watched[0].processes()["vault"]
    vault: Any = ray.get_actor("VaultActor-0", namespace="watched")

    def complain(_: object) -> None:
        logging.getLogger("quantum_memory.actors.vault").warning("%s is at %s", "it", "postgresql://me:s3cret@host/db")

    ray.get(vault.__ray_call__.remote(complain))
    worker: Any = ray._private.worker.global_worker
    logs = Path(worker.node.get_logs_dir_path())

    def complaints() -> list[dict[str, Any]]:
        lines = [line for file in logs.glob("worker-*.err") for line in file.read_text(errors="replace").splitlines()]
        return [json.loads(line) for line in lines if line.startswith("{") and "postgresql://" in line]

    (told,) = until(complaints)
    assert (told["pool"], told["actor"], told["message"]) == (
        "vault",
        "VaultActor-0",
        "it is at postgresql://***@host/db",
    )
