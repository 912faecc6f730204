"""The door under Ray Serve: recalls and remembers a second, and how soon subscribers hear of a mood.

    python benchmarks/serve.py [--placement inline] [--memories 10000] [--rate 170] [--seconds 20] [--replicas 1]
        [--proxied] [--json FILE]

Everything is on this machine, the load generator too: an agent of so many memories with ready embeddings and the
replicas, which listen themselves as those of ``qmem serve`` do, or with --proxied stand behind Serve's proxy. Requests
come at a fixed rate, whether those before them are answered or not; a time is from when one was due until its whole
answer is there. Recalls are by vector, ten hits; remembers bring one ready embedding each. Beside them stands an
application of Serve that does nothing, asked in the same way through Serve's proxy. Then 200 subscribers watch the
agent's mood while something is felt every second: from the acknowledgement of the feeling to the message, for each of
them.

Bounds: at 170 requests a second 100 ms at the 99th percentile, for recalls and remembers; 200 ms at the 95th percentile
for moods.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
from ann import made_like_sentences
from calls import told
from ray import serve
from ray.serve.config import HTTPOptions
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

import quantum_memory as qm
from quantum_memory.actors.vault import utc_now
from quantum_memory.cluster.connect import NAMESPACE
from quantum_memory.cluster.serve import NAME, application
from quantum_memory.cluster.service.access.keys import mint
from quantum_memory.cluster.serving import Serving
from quantum_memory.memory.vault.writes import OpenSession

DIM, BATCH = 384, 1_000
BOUND_P99_MS, BOUND_MOOD_P95_MS = 100.0, 200.0
SUBSCRIBERS, FELT = 200, 20
Ask = Callable[[int], Awaitable[bool]]


def trivial() -> Starlette:
    """An application that reads a body and does nothing with it."""

    async def nothing(request: Request) -> JSONResponse:
        return JSONResponse({"given": len(await request.json())})

    return Starlette(routes=[Route("/nothing", nothing, methods=["POST"])])


async def at_rate(ask: Ask, rate: float, seconds: float) -> dict[str, float]:
    """Requests at a fixed rate: how many a second were answered well, and their times in ms."""
    loop, times, good = asyncio.get_running_loop(), [], 0
    begun = loop.time() + 0.1

    async def one(number: int) -> None:
        nonlocal good
        due = begun + number / rate
        await asyncio.sleep(due - loop.time())
        well = await ask(number)
        good += well
        times.append(loop.time() - due)

    count = int(rate * seconds)
    await asyncio.gather(*(one(number) for number in range(count)))
    return {"per_s": good / (loop.time() - begun), "bad": count - good, **percentiles(times)}


def percentiles(times_s: list[float]) -> dict[str, float]:
    """The times in ms."""
    found = np.percentile(times_s, [50, 95, 99]) * 1e3
    return dict(zip(("p50_ms", "p95_ms", "p99_ms"), found.tolist(), strict=True))


@asynccontextmanager
async def caller(key: str) -> AsyncIterator[aiohttp.ClientSession]:
    connector = aiohttp.TCPConnector(limit=64)
    headers = {"Authorization": f"Bearer {key}"}
    async with aiohttp.ClientSession(headers=headers, connector=connector) as session:
        yield session


def posts(session: aiohttp.ClientSession, path: str, bodies: list[bytes]) -> Ask:
    async def ask(number: int) -> bool:
        headers = {"Content-Type": "application/json"}
        async with session.post(path, data=bodies[number % len(bodies)], headers=headers) as answer:
            await answer.read()
            return answer.status < 300

    return ask


async def moods(url: str, key: str, alice: qm.AgentHandle) -> dict[str, float]:
    """How long after a feeling was acknowledged each subscriber heard of the mood, in ms."""
    heard: list[asyncio.Queue[tuple[int, float]]] = [asyncio.Queue() for _ in range(SUBSCRIBERS)]
    ready = asyncio.Semaphore(0)

    async def watch(session: aiohttp.ClientSession, queue: asyncio.Queue[tuple[int, float]]) -> None:
        async with session.ws_connect("/v1/stream") as stream:
            await stream.send_json({"type": "hello"})
            await stream.send_json({"type": "subscribe", "id": "s", "agents": ["alice"], "channels": ["mood"]})
            received = 0
            async for message in stream:
                now, told = time.perf_counter(), json.loads(message.data)
                if told["type"] == "subscribed":
                    ready.release()
                if told["type"] not in {"welcome", "heartbeat", "closing"}:
                    received += 1
                if told["type"] == "emotional_update":
                    queue.put_nowait((told["position"], now))
                if received % 64 == 0:
                    await stream.send_json({"type": "ack", "received": received})

    async with aiohttp.ClientSession(
        url, headers={"Authorization": f"Bearer {key}"}, connector=aiohttp.TCPConnector(limit=0)
    ) as session:
        watching = [asyncio.create_task(watch(session, queue)) for queue in heard]
        for _ in heard:
            await ready.acquire()
        await asyncio.sleep(3.0)
        times: list[float] = []
        for number in range(FELT):
            for queue in heard:
                while not queue.empty():
                    queue.get_nowait()
            before = await asyncio.to_thread(alice.feel, ("joy", "fear", "anger")[number % 3])
            acknowledged = time.perf_counter()
            assert before.seq
            got = await asyncio.wait_for(asyncio.gather(*(queue.get() for queue in heard)), 30.0)
            times += [at - acknowledged for _, at in got]
            await asyncio.sleep(1.0)
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)
    return {"per_s": len(times) / FELT, "bad": 0, **percentiles(times)}


def filled(memory: qm.MemoryCluster, count: int) -> tuple[qm.AgentHandle, Any]:
    """An agent of so many memories, and vectors to ask it."""
    vectors = made_like_sentences(count + 1_000)
    alice, said = memory.agent("alice"), told(vectors[:count])
    while some := list(islice(said, BATCH)):
        alice.remember(some)
    return alice, vectors[count:]


async def measured(
    url: str, trivial_url: str, key: str, alice: qm.AgentHandle, more: Any, asked: argparse.Namespace
) -> dict[str, Any]:
    recalls = [json.dumps({"vector": [round(float(x), 6) for x in one], "k": 10}).encode() for one in more[:200]]
    pad = {"pleasure": 0.1, "arousal": 0.0, "dominance": 0.0}
    remembers = [
        json.dumps({"text": f"Something new, number {number}.", "embedding": vector["vector"], "pad": pad}).encode()
        for number, vector in enumerate(json.loads(one) for one in recalls)
    ]
    found: dict[str, Any] = {}
    async with caller(key) as session:
        ways = {
            "nothing": posts(session, f"{trivial_url}/trivial/nothing", recalls),
            "recall": posts(session, f"{url}/v1/agents/alice/recall", recalls),
            "remember": posts(session, f"{url}/v1/agents/alice/remember", remembers),
        }
        for name, way in ways.items():
            await at_rate(way, asked.rate / 4, 4.0)
            found[name] = await at_rate(way, asked.rate, asked.seconds)
            show(name, found[name])
            if name == "nothing":
                await asyncio.to_thread(serve.delete, "trivial")  # it is in nobody's way from here on
    found["mood"] = await moods(url, key, alice)
    show("mood", found["mood"])
    return found


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def show(name: str, row: dict[str, float]) -> None:
    numbers = f"{row['per_s']:.0f} | {row['bad']:.0f} | {row['p50_ms']:.1f} | {row['p95_ms']:.1f} | {row['p99_ms']:.1f}"
    print(f"| {name} | {numbers} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--placement", choices=["actors", "inline"], default="actors")
    parser.add_argument("--memories", type=int, default=10_000)
    parser.add_argument("--rate", type=float, default=170.0)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--replicas", type=int, default=1)
    parser.add_argument("--proxied", action="store_true")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    proxy, port = free_port(), free_port()
    rates = {"per_s": 1e5, "burst": 1e6}
    config = {
        "placement": asked.placement,
        "perception": {"model": "hashing", "dim": DIM},
        "ray": {"dashboard": False},
        "service": {
            "limits": {"key": rates, "connection": rates, "everyone": rates},
            "replicas": {"least": asked.replicas, "most": asked.replicas},
        },
    }
    folder = tempfile.mkdtemp()
    memory = qm.connect("local", storage=folder, config=config)
    alice, more = filled(memory, asked.memories)
    minted = mint("benchmark", "default", "benchmark", "writer", now=utc_now())
    memory.ask_vault("write", [OpenSession("benchmark", "a benchmark"), minted.write])
    print(f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, {os.cpu_count()} cores, {asked.placement}, ", end="")
    way = "behind Serve's proxy" if asked.proxied else "listening themselves"
    print(f"{asked.rate:g} requests a second, {asked.replicas} replicas {way}\n")
    print("| what | a second | failed | p50, ms | p95, ms | p99, ms |\n| --- | ---: | ---: | ---: | ---: | ---: |")
    serve.start(http_options=HTTPOptions(host="127.0.0.1", port=proxy))
    app: Any = serve.deployment(max_ongoing_requests=256)(serve.ingress(trivial)())
    serve.run(app.bind(), name="trivial", route_prefix="/trivial")
    with ExitStack() as kept:
        if asked.proxied:
            port = proxy
            serve.run(application(memory.settings, memory.settings, NAMESPACE), name=NAME, route_prefix="/")
        else:
            kept.enter_context(Serving(memory.settings, NAMESPACE, "127.0.0.1", port))
        time.sleep(3.0)
        urls = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{proxy}"
        found = asyncio.run(measured(*urls, minted.text, alice, more, asked))
    print()
    for name, bound, key in (
        ("recall", BOUND_P99_MS, "p99_ms"), ("remember", BOUND_P99_MS, "p99_ms"), ("mood", BOUND_MOOD_P95_MS, "p95_ms")
    ):  # fmt: skip
        share = bound / found[name][key]
        print(f"{name} {key}: {share:.2f} of the bound: {'holds' if share >= 1 else 'MISSED'}")
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=1))
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
