"""The door under Ray Serve, behind its proxies and without them: asked over HTTP and WebSocket, and ended again."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest
from ray import serve
from ray.serve.config import HTTPOptions
from websockets.sync.client import connect

from quantum_memory.actors.vault import utc_now
from quantum_memory.cluster.connect import MemoryCluster
from quantum_memory.cluster.serve import NAME, application
from quantum_memory.cluster.service.access.keys import mint
from quantum_memory.cluster.serving import Serving
from quantum_memory.memory.vault.writes import OpenSession
from quantum_memory.settings import Settings

Open = Callable[[Settings, int], AbstractContextManager[object]]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


@contextmanager
def proxied(settings: Settings, port: int) -> Iterator[None]:
    """As ``serve run`` opens it."""
    serve.start(http_options=HTTPOptions(host="127.0.0.1", port=port))
    try:
        serve.run(application(settings, settings, "actors"), name="quantum_memory", route_prefix="/")
        yield
    finally:
        serve.shutdown()  # type: ignore[no-untyped-call]


def direct(settings: Settings, port: int) -> AbstractContextManager[object]:
    """As ``qmem serve`` opens it."""
    return Serving(settings, "actors", "127.0.0.1", port)


def replaced(settings: Settings, port: int, headers: dict[str, str]) -> None:
    """Deploy it anew; whoever is on a replica that is replaced is told, and is not cut off."""
    with connect(f"ws://127.0.0.1:{port}/v1/stream", additional_headers=headers) as stream:
        stream.send(json.dumps({"type": "hello"}))
        assert json.loads(stream.recv(30.0))["type"] == "welcome"
        anew = application(settings, settings, "actors")
        deploying = threading.Thread(target=serve.run, args=[anew], kwargs={"name": NAME, "route_prefix": "/"})
        deploying.start()
        while (last := json.loads(stream.recv(60.0)))["type"] != "closing":
            pass
        assert last["reason"] == "shutdown"
        deploying.join(60.0)


@pytest.mark.parametrize("opened", [proxied, direct])
def test_two_replicas_serve_one_agent_and_end_in_good_order(
    cluster: MemoryCluster, tmp_path: Path, opened: Open
) -> None:
    assert not list(tmp_path.iterdir())
    way = opened.__name__
    minted, alice = (
        mint(f"serve-{way}", "default", "a test", "writer", ("serve-*",), now=utc_now()),
        f"serve-{way}-alice",
    )
    admin = mint(f"serve-{way}", "default", "another", "admin", now=utc_now())
    cluster.ask_vault("write", [OpenSession(f"serve-{way}", "a test"), minted.write, admin.write])
    door = cluster.settings.service
    door = door.model_copy(update={"replicas": door.replicas.model_copy(update={"least": 2, "most": 2})})
    settings, port = cluster.settings.model_copy(update={"service": door}), free_port()
    with ExitStack() as kept, opened(settings, port):
        assert serve.status().applications["quantum_memory"].deployments["Door"].replica_states == {"RUNNING": 2}
        headers = {"Authorization": f"Bearer {minted.text}"}
        with (
            httpx.Client(base_url=f"http://127.0.0.1:{port}/v1", headers=headers, timeout=60.0) as client,
            connect(f"ws://127.0.0.1:{port}/v1/stream", additional_headers=headers) as stream,
        ):
            stream.send(json.dumps({"type": "hello"}))
            position = json.loads(stream.recv(30.0))["position"]
            assert client.put(f"/agents/{alice}").is_success
            told = [f"thing number {number}" for number in range(20)]
            for number, text in enumerate(told):
                body, once = {"text": text}, {"Idempotency-Key": str(number)}
                answers = [client.post(f"/agents/{alice}/remember", json=body, headers=once) for _ in range(2)]
                assert answers[0].json() == answers[1].json(), "whichever replica it came to"
                found = client.post(f"/agents/{alice}/recall", json={"query": text, "k": 1}).json()
                assert found["hits"][0]["memory"]["text"] == text, (
                    "what was written through one is read through another"
                )
            assert client.put("/agents/alice").status_code == 403
            stream.send(
                json.dumps(
                    {"type": "subscribe", "id": "s", "agents": ["*"], "channels": ["memories"], "after": position}
                )
            )
            seen: list[str] = []
            while len(seen) < len(told):
                message = json.loads(stream.recv(30.0))
                seen += [one["text"] for one in message.get("told", {}).get("memories", [])]
            assert seen == told
            scraping = {"Authorization": f"Bearer {admin.text}"}
            page = httpx.get(f"http://127.0.0.1:{port}/metrics", headers=scraping, timeout=30.0).text
            assert "ray_quantum_memory_" in page
        if opened is proxied:  # Serve itself waits for sockets only there
            fewer = door.model_copy(update={"replicas": door.replicas.model_copy(update={"least": 1, "most": 1})})
            replaced(cluster.settings.model_copy(update={"service": fewer}), port, headers)
        left = kept.enter_context(connect(f"ws://127.0.0.1:{port}/v1/stream", additional_headers=headers))
        left.send(json.dumps({"type": "hello"}))
        assert json.loads(left.recv(30.0))["type"] == "welcome"
        begun = time.monotonic()
        ending = threading.Thread(target=serve.delete, args=["quantum_memory"])
        ending.start()
        while (last := json.loads(left.recv(30.0)))["type"] != "closing":
            pass
        ending.join(60.0)
        assert (last["reason"], time.monotonic() - begun < 15.0) == ("shutdown", True)
    assert [one.text for one in cluster.agent(alice).memories()] == told
    assert "quantum_memory" not in serve.status().applications
    with socket.create_server(("127.0.0.1", port)):
        """Nobody listens there any more."""
