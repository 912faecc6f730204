"""Kill actors at random moments under load, and compare what is there with what was acknowledged.

    python benchmarks/durability.py [--kills 200] [--writers 4] [--seed 0] [--json FILE]

Each kill is a SIGKILL of one actor, or of all of them at once, while writers remember, forget, revise, checkpoint, fork
and run transactions. Then everything is asked back: an acknowledged write must be there once and whole; one that was
not acknowledged may be there or not, but never in halves. Every ``--reopen`` kills the cluster is stopped, and the
vault is opened anew by another one. Ends with an error if anything is missing.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import signal
import tempfile
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import psutil

import quantum_memory as qm

POOLS = ("vault", "agents", "episodic", "graph", "quantum", "emotion")
EVERYTHING = "all at once"
CONFIG = {
    "perception": {"model": "hashing"},
    "ray": {"dashboard": False},
    "vault": {"seal_events": 64, "snapshot_events": 50, "keeper_s": 0.2},
}


@dataclass
class Ledger:
    """What one writer was told about its agent: groups of texts that must be there, or may be, wholly or not at all."""

    agent: str
    sure: list[tuple[str, ...]] = field(default_factory=list)
    unsure: list[tuple[str, ...]] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    perhaps_gone: set[str] = field(default_factory=set)
    forks: dict[str, str] = field(default_factory=dict)
    commits: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


class Loader(threading.Thread):
    """A writer that never stops until told, and writes down what was acknowledged."""

    def __init__(self, memory: qm.MemoryCluster, agent: str, seed: int) -> None:
        super().__init__(daemon=True)
        self.ledger, self._memory = Ledger(agent), memory
        self._chance, self._done, self._number = random.Random(seed), threading.Event(), 0  # noqa: S311
        self.broken: BaseException | None = None

    def stop(self) -> None:
        self._done.set()

    def run(self) -> None:
        alice = None
        while not self._done.is_set():
            act = self._chance.choices(
                (self._remember, self._transaction, self._abort, self._forget, self._checkpoint, self._fork),
                (8, 3, 1, 2, 2, 1),
            )[0]
            try:
                alice = alice or self._memory.agent(self.ledger.agent)
                act(alice)
            except qm.Unavailable:
                self.ledger.counts["not acknowledged"] += 1
            except BaseException as error:  # noqa: BLE001  (the main thread raises it)
                self.broken = error
                return

    def _texts(self, count: int) -> tuple[str, ...]:
        self._number += 1
        return tuple(f"{self.ledger.agent} wrote {self._number} part {part}" for part in range(count))

    def _told(self, texts: tuple[str, ...], what: str, acknowledged: bool) -> None:
        (self.ledger.sure if acknowledged else self.ledger.unsure).append(texts)
        if acknowledged:
            self.ledger.counts[what] += 1

    def _remember(self, alice: qm.AgentHandle) -> None:
        texts, acknowledged = self._texts(3), False
        try:
            alice.remember(list(texts))
            acknowledged = True
        finally:
            self._told(texts, "remember", acknowledged)

    def _transaction(self, alice: qm.AgentHandle) -> None:
        texts, acknowledged = self._texts(3), False
        try:
            with alice.transaction():
                for text in texts:
                    alice.remember(text)
            acknowledged = True
        finally:
            self._told(texts, "transaction", acknowledged)

    def _abort(self, alice: qm.AgentHandle) -> None:
        """A transaction that is given up: nothing of it may be seen, acknowledged or not."""
        (text,) = self._texts(1)
        self.ledger.gone.add(text)
        with suppress(ZeroDivisionError), alice.transaction():
            alice.remember(text)
            raise ZeroDivisionError
        self.ledger.counts["abort"] += 1

    def _forget(self, alice: qm.AgentHandle) -> None:
        texts = self._texts(1)
        self.ledger.perhaps_gone.add(texts[0])
        (identity,) = alice.remember(list(texts))
        alice.forget(identity)
        self.ledger.perhaps_gone.discard(texts[0])
        self.ledger.gone.add(texts[0])
        self.ledger.counts["forget"] += 1

    def _checkpoint(self, alice: qm.AgentHandle) -> None:
        self._number += 1
        message = f"commit {self._number}"
        alice.checkpoint(message)
        self.ledger.commits.append(message)
        self.ledger.counts["checkpoint"] += 1

    def _fork(self, alice: qm.AgentHandle) -> None:
        self._number += 1
        name = f"fork {self._number}"
        child = alice.fork(name)
        text = f"{name} of {self.ledger.agent}"
        child.remember(text)
        self.ledger.forks[name] = text
        self.ledger.gone.add(text)  # of the fork alone
        self.ledger.counts["fork"] += 1


def faults(memory: qm.MemoryCluster, ledger: Ledger) -> list[str]:
    """What is not as it was acknowledged."""
    alice = memory.agent(ledger.agent)
    texts = [one.text for one in alice.memories()]
    there, found = set(texts), []
    found += [f"twice: {text}" for text, count in Counter(texts).items() if count > 1]
    for group in ledger.sure:
        found += [f"lost: {text}" for text in group if text not in there]
        places = [texts.index(text) for text in group if text in there]
        if places != list(range(places[0], places[0] + len(places))) if places else False:
            found.append(f"torn apart: {group[0]}")
    for group in ledger.unsure:
        if 0 < sum(text in there for text in group) < len(group):
            found.append(f"half applied: {group[0]}")
    found += [f"not forgotten, or seen where it never was: {text}" for text in ledger.gone & there]
    expected = {text for group in (*ledger.sure, *ledger.unsure) for text in group} | ledger.perhaps_gone
    found += [f"nobody wrote: {text}" for text in there - expected]
    messages = Counter(commit.message for commit in alice.commits())
    found += [f"commit {name}: {messages[name]} times" for name in ledger.commits if messages[name] != 1]
    for name, text in ledger.forks.items():
        own = [one.text for one in memory.agent(ledger.agent, branch=name).memories()]
        if own.count(text) != 1:
            found.append(f"{name}: {own.count(text)} times its own")
    sought = random.Random(len(texts)).sample(texts, min(3, len(texts)))  # noqa: S311
    found += [
        f"not found: {text}" for text in sought if text not in {hit.memory.text for hit in alice.recall(text, k=5)}
    ]
    return found


def kill(memory: qm.MemoryCluster, target: str) -> None:
    processes = memory.processes()
    for pool in POOLS if target == EVERYTHING else (target,):
        for pid in processes[pool]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def campaign(
    folder: str, kills: int, writers: int, seed: int, reopen: int
) -> tuple[Counter[str], Counter[str], list[str]]:
    chance = random.Random(seed)  # noqa: S311
    targets: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    found: list[str] = []
    ledgers: list[Ledger] = []
    done = 0
    while done < kills:
        with qm.connect(storage=folder, config=CONFIG) as memory:
            for ledger in ledgers:  # what an earlier cluster acknowledged, read by one that knows nothing of it
                found += faults(memory, ledger)
            loaders = [
                Loader(memory, f"round {done} writer {number}", seed + done + number) for number in range(writers)
            ]
            for loader in loaders:
                loader.start()
            for _ in range(min(reopen, kills - done)):
                time.sleep(chance.uniform(0.2, 2.0))
                target = chance.choice((*POOLS, "vault", EVERYTHING))
                kill(memory, target)
                targets[target] += 1
                done += 1
            time.sleep(1.0)
            for loader in loaders:
                loader.stop()
            for loader in loaders:
                loader.join(180)
                assert not loader.is_alive(), f"{loader.ledger.agent} hangs"
                if loader.broken is not None:
                    raise loader.broken
            ledgers = [loader.ledger for loader in loaders]
            for ledger in ledgers:
                found += faults(memory, ledger)
                counts.update(ledger.counts)
        print(f"{done} kills, {sum(counts.values())} operations, {len(found)} faults", flush=True)
    with qm.connect(storage=folder, config=CONFIG) as memory:
        for ledger in ledgers:
            found += faults(memory, ledger)
    return targets, counts, found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--writers", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--reopen", type=int, default=10, help="kills between two clusters")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        targets, counts, found = campaign(folder, asked.kills, asked.writers, asked.seed, asked.reopen)
    print(
        f"\n{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, {psutil.cpu_count()} cores, {asked.writers} writers, "
        f"{time.perf_counter() - started:.0f} s\n"
    )
    print("| killed | times |\n| --- | ---: |")
    for target, times in sorted(targets.items()):
        print(f"| {target} | {times} |")
    print("\n| acknowledged | times |\n| --- | ---: |")
    for name, times in sorted(counts.items()):
        print(f"| {name} | {times} |")
    print(f"\nlost, halved, doubled or misplaced: {len(found)}")
    for fault in found[:20]:
        print(f"  {fault}")
    if asked.json:
        asked.json.write_text(json.dumps({"targets": targets, "counts": counts, "faults": found}, indent=1))
    raise SystemExit(bool(found))


if __name__ == "__main__":
    main()
