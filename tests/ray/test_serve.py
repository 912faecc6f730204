"""The door under Ray Serve, behind its proxies and without them: asked over HTTP and WebSocket, and ended again."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest
from ray import serve
from ray.serve.config import HTTPOptions
from websockets.sync.client import ClientConnection, connect

from quantum_memory.actors.vault import utc_now
from quantum_memory.cluster.connect import MemoryCluster
from quantum_memory.cluster.serve import NAME, application
from quantum_memory.cluster.service.access.keys import mint
from quantum_memory.cluster.service.limits.remote import end
from quantum_memory.cluster.serving import Serving
from quantum_memory.memory.vault.writes import OpenSession
from quantum_memory.settings import RateSettings, Settings

PER_S, BURST = 20.0, 200
MOST = 8192
WATCHING = 12

Open = Callable[[Settings, int], AbstractContextManager[object]]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def _is_free(port: int) -> bool:
    try:
        with socket.create_server(("127.0.0.1", port)):
            return True
    except OSError:
        return False


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


def _both_do_it_once(client: httpx.Client, stream: str, headers: dict[str, str], alice: str) -> None:
    """What is asked for many times at once under one key is done once, and told once to all, whoever has them."""
    watching: list[ClientConnection] = []
    with ExitStack() as open_streams:
        for _ in range(WATCHING):
            watching.append(open_streams.enter_context(connect(stream, additional_headers=headers)))
            watching[-1].send(json.dumps({"type": "hello", "features": ["presence"]}))
            wanted = {"type": "subscribe", "id": "s", "agents": [alice], "channels": ["memories", "mood"]}
            watching[-1].send(json.dumps(wanted))
            while (message := json.loads(watching[-1].recv(30.0)))["type"] != "presence":
                assert message["type"] in ("welcome", "subscribed", "emotional_update"), message
            assert message["watching"] < WATCHING, "one replica has them all"

        def remember(_: int) -> object:
            once = {"Idempotency-Key": "for-both"}
            return client.post(f"/agents/{alice}/remember", json={"text": "done once"}, headers=once).json()

        def recall(_: int) -> object:
            found = client.post(f"/agents/{alice}/recall", json={"query": "done once", "k": 1}).json()
            return found["hits"][0]["memory"]["text"]

        with ThreadPoolExecutor(WATCHING) as threads:
            answers = list(threads.map(remember, range(WATCHING)))
            assert all(answer == answers[0] for answer in answers), answers
            assert set(threads.map(recall, range(WATCHING))) == {"done once"}
        other = client.post(
            f"/agents/{alice}/remember", json={"text": "another"}, headers={"Idempotency-Key": "for-both"}
        )
        assert other.json()["type"] == "/problems/key-reused"
        for one in watching:
            one.send(json.dumps({"type": "ping"}))
            heard: list[str] = []
            while (message := json.loads(one.recv(30.0)))["type"] != "pong" or not heard:
                heard += [memory["text"] for memory in message.get("told", {}).get("memories", [])]
            assert heard == ["done once"]


def _share_the_rates(url: str, keys: list[str]) -> None:
    """One principal gets so much through both together, not through each.

    A replica whom the actor that has the rates does not answer at once goes on with its own share, as on a machine that
    has much else to do: another principal is tried then, whom nobody has counted yet.
    """
    tried = [_got_through(url, key) for key in keys[:1]]
    for key in keys[1:]:
        if min(tried) > 0:
            tried.append(_got_through(url, key))
    assert min(tried) <= BURST / 4, tried  # each by itself would let all of them through


def _got_through(url: str, key: str) -> float:
    """By how many more than the rate has it requests got through."""
    with (
        httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=60.0) as client,
        ThreadPoolExecutor(16) as threads,
    ):
        begun = time.monotonic()
        answers = list(threads.map(lambda _: client.get("/agents"), range(2 * BURST)))
        took_s = time.monotonic() - begun
    through = sum(answer.status_code == 200 for answer in answers)
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) + through == len(answers)
    assert through >= BURST * 0.8
    assert all(int(answer.headers["Retry-After"]) >= 1 for answer in refused)
    return through - BURST - PER_S * took_s - 1


def _refuse_what_comes_badly(port: int, key: str) -> None:
    """Also behind Serve's proxy: too much without a length, and too slowly."""
    head = (
        f"POST /v1/agents/serve-x/remember HTTP/1.1\r\nHost: door\r\nAuthorization: Bearer {key}\r\n"
        "Content-Type: application/json\r\n"
    ).encode()
    large = b"%x\r\n%s\r\n" % (MOST + 1, b" " * (MOST + 1))
    for status, said in (
        (413, head + b"Transfer-Encoding: chunked\r\n\r\n" + large + b"0\r\n\r\n"),
        (408, head + b"Content-Length: 50\r\n\r\n{"),
        (400, head + b"X-Request-ID: a\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}"),
    ):
        with socket.create_connection(("127.0.0.1", port), 30.0) as connection:
            connection.sendall(said)
            assert connection.recv(1 << 16).startswith(b"HTTP/1.1 %d" % status)


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
    greedy = [mint(f"serve-{way}", "default", f"greedy {number}", "reader", now=utc_now()) for number in range(4)]
    cluster.ask_vault("write", [one.write for one in greedy])
    changes = {
        "limits": door.limits.model_copy(update={"key": RateSettings(per_s=PER_S, burst=BURST)}),
        "http": door.http.model_copy(update={"body_bytes": MOST, "idle_s": 1.0}),
    }
    settings, port = cluster.settings.model_copy(update={"service": door.model_copy(update=changes)}), free_port()
    end("actors")  # rates are those of whoever asked for them first
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
            _both_do_it_once(client, f"ws://127.0.0.1:{port}/v1/stream", headers, alice)
            told.append("done once")
            _share_the_rates(f"http://127.0.0.1:{port}/v1", [one.text for one in greedy])
            _refuse_what_comes_badly(port, minted.text)
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
    until = time.monotonic() + 20.0
    while not _is_free(port):  # Serve does not wait for a proxy that it has ended
        assert time.monotonic() < until, "somebody listens there still"
        time.sleep(0.1)
