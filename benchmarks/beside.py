"""What one caller's questions cost another: recalls beside as many questions of each kind as come through at once.

    python benchmarks/beside.py [--asking 16] [--memories 4000] [--only NAME ...]

A replica that listens itself and two keys of one tenant. One key asks something of an agent with a fork, commits and a
graph of its words, so many times at once and again as soon as it is answered; meanwhile the other one recalls from a
small agent of its own by vector, twenty times, one after the other. Everything is on this machine.

There is no bound: the first line, recalls with nothing beside them, is what the others stand beside.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import sys
import tempfile
import time
from datetime import UTC, datetime
from statistics import median
from typing import Any, NamedTuple

import aiohttp
import numpy as np
from serve import DIM, caller, free_port

import quantum_memory as qm
from quantum_memory.actors.vault import utc_now
from quantum_memory.cluster.connect import NAMESPACE
from quantum_memory.cluster.service.access.keys import mint
from quantum_memory.cluster.serving import Serving
from quantum_memory.memory.vault.writes import OpenSession

RECALLS, PAUSE_S, WARM_S = 20, 0.02, 0.5
RATES = {"per_s": 1e5, "burst": 1e6}
ALICE, BOB = "/v1/agents/alice", "/v1/agents/bob"
ABOUT = {"query": "Thing1 knows Thing2"}


class Question(NamedTuple):
    """What is asked: of an agent, and with a body where it is a POST."""

    path: str
    body: dict[str, Any] | None = None


def questions(memory: str) -> dict[str, Question]:
    """What can be read of an agent; of one memory where that is what it is about."""
    return {
        "recall": Question("/recall", ABOUT),
        "recall of 1,000": Question("/recall", ABOUT | {"k": 1000}),
        "recall with company": Question("/recall", ABOUT | {"k": 100, "neighbours": 5}),
        "context": Question("/context", ABOUT | {"tokens": 8000}),
        "mood": Question("/mood"),
        "mood/history": Question("/mood/history?limit=1000"),
        "memories": Question("/memories?limit=1000"),
        "memories, embeddings": Question("/memories?limit=1000&embeddings=true"),
        "provenance": Question(f"/provenance?memory={memory}"),
        "log": Question("/log?limit=1000"),
        "commits": Question("/commits?limit=1000"),
        "diff": Question("/diff?left=main&right=what-if"),
        "tree": Question("/tree"),
        "concepts": Question("/concepts?top=1000"),
        "relations": Question("/relations"),
        "neighbours": Question("/neighbours?name=Thing5&depth=3&limit=1000"),
        "paths": Question("/paths?start=Thing5&goal=Town5&limit=20&longest=4"),
        "export": Question("/export"),
    }


def filled(memory: qm.MemoryCluster, count: int) -> str:
    """Two agents, one of them small, and the id of a memory of the other."""
    chance = np.random.default_rng(0)

    def said(many: int) -> list[qm.Utterance]:
        words = chance.integers(300, size=(many, 4))
        vectors = chance.normal(size=(many, DIM)).astype(np.float32)
        pads = chance.uniform(-0.5, 0.5, (many, 3))
        return [
            qm.Utterance(f"Thing{a} knows Thing{b} and Place{c} near Town{d}.", embedding=one, pad=qm.PAD(*pad))
            for (a, b, c, d), one, pad in zip(words.tolist(), vectors, pads.tolist(), strict=True)
        ]

    alice, bob = memory.agent("alice"), memory.agent("bob")
    for number in range(8):
        first, *_ = alice.remember(said(count // 8))
        alice.checkpoint(f"commit {number}")
    fork = alice.fork("what-if")
    for _ in range(30):
        fork.feel("joy")
        alice.feel("fear")
    fork.remember(said(300))
    bob.remember(said(300))
    return str(first)


async def ask(session: aiohttp.ClientSession, url: str, asked: Question) -> None:
    """Ask, read the whole answer, and see that it is one."""
    method = "GET" if asked.body is None else "POST"
    async with session.request(method, url + asked.path, json=asked.body) as answer:
        await answer.read()
        answer.raise_for_status()


async def recalls(session: aiohttp.ClientSession, url: str) -> list[float]:
    """How long each takes, in ms, of some after each other."""
    vector, times = np.random.default_rng(1).normal(size=DIM).round(6).tolist(), []
    for _ in range(RECALLS):
        begun = time.perf_counter()
        await ask(session, url, Question("/recall", {"vector": vector, "k": 10}))
        times.append((time.perf_counter() - begun) * 1e3)
        await asyncio.sleep(PAUSE_S)
    return times


async def measured(url: str, keys: list[str], memory: str, asked: argparse.Namespace) -> None:
    async with caller(keys[0]) as one, caller(keys[1]) as other:
        for _ in range(2):
            alone = await recalls(other, url + BOB)
        print(f"| nothing | | {median(alone):.0f} | {max(alone):.0f} |", flush=True)
        for name, question in questions(memory).items():
            if asked.only and name not in asked.only:
                continue
            times = []
            for _ in range(4):
                begun = time.perf_counter()
                await ask(one, url + ALICE, question)
                times.append((time.perf_counter() - begun) * 1e3)

            async def again(question: Question = question) -> None:
                while True:
                    await ask(one, url + ALICE, question)

            asking = [asyncio.create_task(again()) for _ in range(asked.asking)]
            await asyncio.sleep(WARM_S)
            beside = await recalls(other, url + BOB)
            for task in asking:
                task.cancel()
            await asyncio.gather(*asking, return_exceptions=True)
            print(f"| {name} | {min(times):.0f} | {median(beside):.0f} | {max(beside):.0f} |", flush=True)
            await asyncio.sleep(WARM_S)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--asking", type=int, default=16)
    parser.add_argument("--memories", type=int, default=4_000)
    parser.add_argument("--only", nargs="*", default=[])
    asked = parser.parse_args()
    config = {
        "perception": {"model": "hashing", "dim": DIM},
        "ray": {"dashboard": False},
        "service": {
            "limits": {"key": RATES, "connection": RATES, "everyone": RATES},
            "replicas": {"least": 1, "most": 1},
        },
    }
    memory = qm.connect("local", storage=tempfile.mkdtemp(), config=config)
    about = filled(memory, asked.memories)
    minted = [mint("benchmark", "default", f"key {number}", "reader", now=utc_now()) for number in range(2)]
    memory.ask_vault("write", [OpenSession("benchmark", "a benchmark"), *(one.write for one in minted)])
    print(f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, {os.cpu_count()} cores, {asked.asking} at once\n")
    print("| beside | one takes, ms | recalls, p50, ms | longest, ms |\n| --- | ---: | ---: | ---: |", flush=True)
    port = free_port()
    with Serving(memory.settings, NAMESPACE, "127.0.0.1", port):
        time.sleep(3.0)
        asyncio.run(measured(f"http://127.0.0.1:{port}", [one.text for one in minted], about, asked))
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
