"""Health is always told in time, names what is away, and keeps to itself what is nobody's business."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request
from starlette.responses import Response

from quantum_memory.actors import process
from quantum_memory.cluster.nodes import Node, living_nodes
from quantum_memory.cluster.service.exposition import MEDIA_TYPE, Exposition
from quantum_memory.cluster.service.health import Health
from quantum_memory.cluster.service.health_routes import health_router
from quantum_memory.errors import ActorUnavailable, DeadlineExceeded, Forbidden, QuantumMemoryError
from tests.unit.front import Front
from tests.unit.orchestra import ready

AGENTS = {"pid": 3, "resident_bytes": 10, "agents": 2, "episodic_lag": 1, "graph_lag": 0}
GPU = {"gpu_bytes": 5, "gpu_free_bytes": 70, "gpu_total_bytes": 80}
VAULT = {
    "storage": "postgresql://me:s3cret@host/db",
    "events": 7,
    "keeper_error": None,
    "tending_error": None,
    "backup_error": "cannot reach s3://key:s3cret@bucket",
}
Status = Mapping[str, int] | QuantumMemoryError


class Cluster:
    """Says what it is told to say, when it is told to."""

    def __init__(self, **statuses: Sequence[Status]) -> None:
        self.statuses, self.vault, self.asked = statuses, dict[str, Any](VAULT), 0
        self.open = threading.Event()
        self.open.set()

    def each_status(self, deadline_s: float) -> Mapping[str, Sequence[Status]]:
        self.asked += 1
        assert deadline_s > 0
        self.open.wait(10.0)
        return self.statuses

    def vault_status(self) -> dict[str, Any]:
        self.open.wait(10.0)
        if not self.vault:
            raise ActorUnavailable("VaultActor-0", "it died at postgresql://me:s3cret@host/db")
        return self.vault


def admin(request: Request) -> None:
    if request.headers.get("authorization") != "Bearer admin":
        raise Forbidden("health", "it takes the role 'admin'")


def scraper(request: Request) -> None:
    if request.headers.get("authorization") != "Bearer scraper":
        admin(request)


def application(health: Health, exposition: Exposition) -> FastAPI:
    app = FastAPI()
    app.include_router(health_router(health, exposition, admin, scraper))

    async def forbidden(_: Request, __: Exception) -> Response:
        return Response(status_code=403)

    app.add_exception_handler(Forbidden, forbidden)
    return app


def answers(
    health: Health, *paths: str, told: Mapping[str, str] | None = None, nodes: Sequence[Node] = ()
) -> list[httpx.Response]:
    """What these paths answer, asked at once by a reader; nodes export what is told by address."""

    def node(request: httpx.Request) -> httpx.Response:
        if request.url.host not in (told or {}):
            raise httpx.ConnectError("nobody there")
        return httpx.Response(200, text=(told or {})[request.url.host])

    async def work() -> list[httpx.Response]:
        async with (
            httpx.AsyncClient(transport=httpx.MockTransport(node)) as scraping,
            httpx.AsyncClient(
                transport=httpx.ASGITransport(application(health, Exposition(scraping, lambda: nodes))),
                base_url="http://door",
                headers={"authorization": "Bearer admin"},
            ) as client,
        ):
            return list(await asyncio.gather(*(client.get(path) for path in paths)))

    return asyncio.run(work())


def test_a_replica_says_whether_it_serves_and_asks_nobody() -> None:
    cluster = Cluster()
    cluster.open.clear()
    health = Health(cluster)
    (answer,) = answers(health, "/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "serving"})
    health.drain()
    (answer,) = answers(health, "/health")
    assert (answer.status_code, answer.json()) == (503, {"status": "draining"})
    assert answer.headers["cache-control"] == "no-store"
    assert cluster.asked == 0


def test_whoever_balances_load_may_ask_for_the_head_alone() -> None:
    async def work() -> tuple[int, str]:
        async with httpx.AsyncClient() as scraping:
            app = application(Health(Cluster()), Exposition(scraping, list))
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://door") as client:
                answer = await client.head("/health")
                return answer.status_code, answer.headers["cache-control"]

    assert asyncio.run(work()) == (200, "no-store")


def test_details_need_an_admin_and_metrics_a_scraper() -> None:
    health = Health(Cluster(), nodes=list)

    async def work() -> list[int]:
        async with httpx.AsyncClient() as scraping:
            app = application(health, Exposition(scraping, list))
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://door") as client:
                paths = ("/health", "/health/detailed", "/health/gpu", "/metrics")
                scraping_as = {"Authorization": "Bearer scraper"}
                return [
                    (await client.get(path, headers=headers)).status_code
                    for headers in ({}, scraping_as)
                    for path in paths
                ]

    assert asyncio.run(work()) == [200, 403, 403, 403, 200, 403, 403, 200]


def test_details_name_what_is_away_and_what_went_wrong() -> None:
    late = DeadlineExceeded("episodic.status", 2.4)
    cluster = Cluster(agents=[AGENTS, AGENTS], episodic=[{"pid": 4, "resident_bytes": 1, "states": 5}, late])
    (answer,) = answers(Health(cluster), "/health/detailed")
    told = answer.json()
    assert told["away"] == [
        {
            "part": "EpisodicMemoryActor-1",
            "error": "DeadlineExceeded",
            "detail": "episodic.status: no answer within 2.4 s",
        }
    ]
    assert told["pools"] == {
        "agents": {
            "members": 2,
            "answered": 2,
            "counts": {"resident_bytes": 20, "agents": 4, "episodic_lag": 2, "graph_lag": 0},
        },
        "episodic": {"members": 2, "answered": 1, "counts": {"resident_bytes": 1, "states": 5}},
    }
    assert (told["status"], told["serving"], told["lag"]) == ("degraded", True, {"episodic": 2, "graph": 0})
    assert (told["vault"], told["errors"]) == ({"events": 7}, {"backup": "cannot reach s3://***@bucket"})
    cluster.vault = {}
    (answer,) = answers(Health(cluster), "/health/detailed")
    assert [one["part"] for one in answer.json()["away"]] == ["EpisodicMemoryActor-1", "vault"]
    assert answer.json()["vault"] is None
    assert "s3cret" not in answer.text


def test_a_cluster_that_says_nothing_is_told_of_in_time_and_asked_once() -> None:
    cluster = Cluster(agents=[AGENTS])
    cluster.open.clear()
    opening = threading.Timer(3.0, cluster.open.set)  # who had waited for it would know what it says
    opening.start()
    found = answers(Health(cluster, nodes=list, deadline_s=0.2), *["/health/detailed", "/health/gpu"] * 10)
    opening.join()
    assert {answer.status_code for answer in found} == {200}
    assert [one["part"] for one in found[0].json()["away"]] == ["actors", "vault"]
    assert found[1].json()["status"] == "unknown"
    assert cluster.asked == 1
    (answer,) = answers(Health(cluster, nodes=list), "/health/detailed")
    assert answer.json()["away"] == []


def test_gpus_are_those_that_nodes_have_and_actors_use() -> None:
    nodes = [Node("10.0.0.1", 0), Node("10.0.0.2", 0, 2.0, ("H100",))]
    cluster = Cluster(agents=[AGENTS], emotion=[AGENTS | GPU])
    (answer,) = answers(Health(cluster, nodes=lambda: nodes), "/health/gpu")
    assert answer.json() == {
        "status": "ok",
        "nodes": [{"node": "10.0.0.2", "gpus": 2.0, "kinds": ["H100"]}],
        "actors": [{"actor": "EmotionActor-0", **GPU}],
        "away": [],
    }
    (answer,) = answers(Health(Cluster(agents=[AGENTS]), nodes=lambda: nodes[:1]), "/health/gpu")
    assert answer.json() == {"status": "none", "nodes": [], "actors": [], "away": []}

    def lost() -> Sequence[Node]:
        raise RuntimeError("Ray is away")

    (answer,) = answers(Health(Cluster(agents=[AGENTS]), nodes=lost), "/health/gpu")
    assert (answer.json()["status"], answer.json()["away"][0]["part"]) == ("unknown", "nodes")


def test_a_process_tells_of_gpus_only_where_it_uses_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert process.gpu_memory() == {}
    assert set(process.process()) == {"pid", "resident_bytes"}

    class Cuda:
        def is_initialized(self) -> bool:
            return True

        def device_count(self) -> int:
            return 2

        def memory_reserved(self, number: int) -> int:
            return 10 + number

        def mem_get_info(self, number: int) -> tuple[int, int]:
            return 50 * (number + 1), 80

    class Torch:
        cuda = Cuda()

    monkeypatch.setitem(sys.modules, "torch", Torch())
    monkeypatch.delitem(sys.modules, "cupy", raising=False)
    assert process.gpu_memory() == {"gpu_bytes": 21, "gpu_free_bytes": 150, "gpu_total_bytes": 160}


def test_a_real_vault_tells_what_it_holds(tmp_path: Path) -> None:
    front = Front(tmp_path)
    front.agent("alice").remember([ready(1), ready(2)])
    (answer,) = answers(Health(front.memory, nodes=living_nodes), "/health/detailed")
    told = answer.json()
    assert (told["status"], told["away"], told["errors"]) == ("ok", [], {})
    assert told["vault"]["events"] > 0
    assert str(tmp_path) not in answer.text
    front.close()


FIRST = """# HELP ray_quantum_memory_operations_total Operations.
# TYPE ray_quantum_memory_operations_total counter
ray_quantum_memory_operations_total{operation="recall",WorkerId="1"} 3.0
# HELP ray_quantum_memory_view_seconds A call.
# TYPE ray_quantum_memory_view_seconds histogram
ray_quantum_memory_view_seconds_bucket{view="graph",le="0.1"} 1.0
ray_quantum_memory_view_seconds_count{view="graph"} 1.0
# HELP ray_node_mem_total Memory.
# TYPE ray_node_mem_total gauge
ray_node_mem_total 17.0
ray_quantum_memory_lonely 1.0
"""
SECOND = """# HELP ray_serve_replica_up Up.
# TYPE ray_serve_replica_up gauge
ray_serve_replica_up{replica="a"} 1.0
# HELP ray_quantum_memory_operations_total Operations.
# TYPE ray_quantum_memory_operations_total counter
ray_quantum_memory_operations_total{operation="recall",WorkerId="2"} 4.0
ray_quantum_memory_operations_total{operation="recall",WorkerId="1"} 3.0
# HELP ray_quantum_memory_view_seconds A call.
# TYPE ray_quantum_memory_view_seconds histogram
ray_quantum_memory_view_seconds_count{view="mood"} 1.0
"""


def test_the_page_gathers_what_nodes_export_each_metric_in_one_piece() -> None:
    nodes = [Node("10.0.0.1", 80), Node("10.0.0.2", 80), Node("10.0.0.3", 8080), Node("10.0.0.4", 0)]
    health = Health(Cluster())
    (answer,) = answers(health, "/metrics", told={"10.0.0.1": FIRST, "10.0.0.2": SECOND}, nodes=nodes)
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert (
        answer.text
        == """# HELP quantum_memory_node_answered Whether a node told its metrics.
# TYPE quantum_memory_node_answered gauge
quantum_memory_node_answered{node="10.0.0.1:80"} 1
quantum_memory_node_answered{node="10.0.0.2:80"} 1
quantum_memory_node_answered{node="10.0.0.3:8080"} 0
# HELP ray_quantum_memory_operations_total Operations.
# TYPE ray_quantum_memory_operations_total counter
ray_quantum_memory_operations_total{operation="recall",WorkerId="1"} 3.0
ray_quantum_memory_operations_total{operation="recall",WorkerId="2"} 4.0
# HELP ray_quantum_memory_view_seconds A call.
# TYPE ray_quantum_memory_view_seconds histogram
ray_quantum_memory_view_seconds_bucket{view="graph",le="0.1"} 1.0
ray_quantum_memory_view_seconds_count{view="graph"} 1.0
ray_quantum_memory_view_seconds_count{view="mood"} 1.0
ray_quantum_memory_lonely 1.0
# HELP ray_serve_replica_up Up.
# TYPE ray_serve_replica_up gauge
ray_serve_replica_up{replica="a"} 1.0
"""
    )


def test_a_node_that_is_slow_or_tells_too_much_keeps_nobody_waiting_and_fills_no_memory() -> None:
    sent = 0

    class Endless(httpx.AsyncByteStream):
        async def __aiter__(self) -> Any:
            nonlocal sent
            while True:
                sent += 1
                yield b"ray_quantum_memory_x 1\n" * 100

    async def node(request: httpx.Request) -> httpx.Response:
        if request.url.host == "slow":
            await asyncio.sleep(60)
        if request.url.host == "endless":
            return httpx.Response(200, stream=Endless())
        if request.url.host == "broken":
            return httpx.Response(500)
        return httpx.Response(200, text="".join(f'ray_serve_x{{n="{number}"}} 1\n' for number in range(10_000)))

    async def work() -> str:
        async with httpx.AsyncClient(transport=httpx.MockTransport(node)) as client:
            hosts = ("broken", "endless", "long", "slow")
            exposition = Exposition(client, lambda: [Node(host, 80) for host in hosts], 0.3, 1 << 20, 10_000)
            return await exposition.page()

    began_s = time.monotonic()
    page = asyncio.run(work())
    assert time.monotonic() - began_s < 5.0
    assert sent < 1_000
    assert len(page) <= 10_000
    assert [line[-1] for line in page.splitlines() if "node_answered{" in line] == ["0", "0", "1", "0"]
    assert page.endswith(" 1\n"), "no half line"


def test_where_nobody_says_which_nodes_live_those_known_last_are_asked() -> None:
    known = [[Node("a", 80)]]

    def nodes() -> Sequence[Node]:
        if not known:
            raise RuntimeError("Ray's head is away")
        return known.pop()

    async def work() -> tuple[str, str]:
        async with httpx.AsyncClient(
            transport=httpx.MockTransport(lambda _: httpx.Response(200, text=FIRST))
        ) as client:
            exposition = Exposition(client, nodes)
            return await exposition.page(), await exposition.page()

    first, second = asyncio.run(work())
    assert first == second
    assert "recall" in first
