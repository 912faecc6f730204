"""Kill actors, nodes and the head's GCS at random under a mixed load, and look for what was lost or done twice.

    python benchmarks/chaos.py [--seconds 600] [--nodes 3] [--agents 8] [--rate 40] [--seed 0] [--json FILE] [--untimed]

Several Ray nodes run on this machine: a head with the vault, where no other actor fits, and others that are killed
whole and replaced. Two drivers, each a process of its own, work on the same agents: they remember, recall, ask for
moods, fork, make checkpoints and roll back. Each operation has an id of its own, which goes into what it writes, and
each driver writes down what was acknowledged, in a file. At the end every acknowledged write is looked for in what the
agents show and in the journal, each id is counted there, and what they show is compared with what a new cluster shows.

A recovery is the time from a kill until an agent that lived there has remembered something in a call that was begun
after the kill. Ends with an error if a bound is broken; with ``--untimed`` the times are told and decide nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TextIO

import psutil

import quantum_memory as qm
from quantum_memory.actors.vault import utc_now
from quantum_memory.memory.events import Felt, Remembered, RolledBack
from quantum_memory.memory.vault import Vault
from quantum_memory.memory.vault.opening import blocks_of
from quantum_memory.policies.placement import member_of
from quantum_memory.testing.nodes import Nodes

CALL_S, PER_TEXT_S = 60.0, 0.5
LATE_S = 1.0
"""How much later than its deadline a call may end on a busy machine."""
ACTOR_S, NODE_S = 5.0, 30.0
GIVEN_UP_S = 150.0
POOLS = ("vault", "agents", "episodic", "graph", "quantum", "emotion")
SHARDED = ("agents", "episodic", "graph", "quantum")
"""Pools whose members have agents of their own; all agents need every member of the others."""
CONFIG: dict[str, Any] = {
    "perception": {"model": "hashing"},
    "pools": {"vault": {"num_cpus": 0}, "agents": {"size": 2}, "episodic": {"size": 2}},
    "vault": {"seal_events": 64, "snapshot_events": 50, "keeper_s": 0.5},
    "timeouts": {"call_s": CALL_S, "per_text_s": PER_TEXT_S},
}
ACTS = {"remember": 10, "recall": 6, "mood": 3, "checkpoint": 1, "fork": 1, "rollback": 1}
NAMESPACE = "chaos"


class Done(NamedTuple):
    """A call that came to an end, as a driver wrote it down. Times are in seconds since the epoch."""

    id: str
    what: str
    agent: str
    began_s: float
    ended_s: float
    error: str | None
    place: tuple[str, int] | None


class Client(threading.Thread):
    """Works on one agent until it is told to stop, and writes down what came of each call.

    A quarter of the agents turns back now and then; what they remembered is looked for in the journal alone.
    """

    def __init__(self, memory: qm.MemoryCluster, agent: str, name: str, pace_s: float, ledger: TextIO) -> None:
        super().__init__(daemon=True)
        self._alice, self._name, self._pace_s, self._ledger = memory.agent(agent), name, pace_s, ledger
        self._chance, self._over, self._number = random.Random(name), threading.Event(), 0  # noqa: S311
        self._turns = agent.startswith("turning")

    def run(self) -> None:
        while not self._over.wait(self._chance.expovariate(1.0 / self._pace_s)):
            what = self._chance.choices(list(ACTS), list(ACTS.values()))[0]
            if what != "rollback" or self._turns:
                self._number += 1
                getattr(self, f"_{what}")(f"{self._name}-{self._number}")

    def stop(self) -> None:
        self._over.set()

    def _call(self, one: str, what: str, operation: Any, *arguments: Any, **more: Any) -> Any:
        """What it gives, or nothing if it failed."""
        began_s, error, answer = time.time(), None, None
        try:
            answer = operation(*arguments, **more)
        except Exception as failed:  # noqa: BLE001  (every kind is counted)
            error = f"{type(failed).__name__}: {failed}"
        place = (answer.branch, answer.seq) if isinstance(answer, qm.Place) else None
        done = Done(one, what, self._alice.name, began_s, time.time(), error, place)
        self._ledger.write(json.dumps(done) + "\n")  # in one piece, and no buffer keeps it: see ``drive``
        return answer

    def _remember(self, one: str) -> None:
        self._call(one, "remember", self._alice.remember, one)

    def _recall(self, one: str) -> None:
        self._call(one, "recall", self._alice.recall, f"what was {self._name}?")

    def _mood(self, one: str) -> None:
        self._call(one, "mood", self._alice.mood)

    def _checkpoint(self, one: str) -> None:
        self._call(one, "checkpoint", self._alice.checkpoint, one)

    def _fork(self, one: str) -> None:
        fork = self._call(one, "fork", self._alice.fork, one)
        if fork is not None:
            self._call(f"{one}-in", "remember in a fork", fork.remember, f"{one}-in")

    def _rollback(self, one: str) -> None:
        there = self._call(one, "checkpoint", self._alice.checkpoint, one)
        if there is not None:
            self._remember(f"{one}-undone")
            self._call(f"{one}-back", "rollback", self._alice.rollback, there)


def names(agents: int) -> list[str]:
    """What the agents are called; a quarter of them turn back."""
    turning = max(1, agents // 4)
    return [f"agent {number}" for number in range(agents - turning)] + [f"turning {n}" for n in range(turning)]


def drive(name: str, ledger: Path, agents: int, pace_s: float) -> None:
    """What a driver does, until its standard input is closed. What Ray says goes elsewhere than what it says itself."""
    told = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    with ledger.open("w", buffering=1, encoding="utf-8") as written, qm.connect(namespace=NAMESPACE) as memory:
        clients = [Client(memory, agent, f"{name}-{n}", pace_s, written) for n, agent in enumerate(names(agents))]
        for client in clients:
            client.start()
        print("ready", file=told)
        sys.stdin.read()
        for client in clients:
            client.stop()
        for client in clients:
            client.join(CALL_S * 4)
        print("hangs" if any(client.is_alive() for client in clients) else "over", file=told)
        os._exit(0)


class Drivers:
    """The drivers' processes and what they have written down so far."""

    def __init__(self, nodes: Nodes, folder: Path, agents: int, rate: float, seed: int) -> None:
        self._files = [folder / f"driver {number}.jsonl" for number in range(2)]
        pace_s = len(self._files) * agents / rate
        self._running = [
            subprocess.Popen(
                [sys.executable, __file__, "--drive", f"{seed}{'ab'[number]}", str(file), str(agents), str(pace_s)],
                env=nodes.environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for number, file in enumerate(self._files)
        ]
        for process in self._running:
            self._expect(process, "ready")
        self._read = [0] * len(self._files)
        self.done: list[Done] = []
        self._remembered: dict[str, list[Done]] = defaultdict(list)

    @staticmethod
    def _expect(process: subprocess.Popen[str], word: str) -> None:
        assert process.stdout is not None
        said = process.stdout.readline().strip()
        if said != word:
            raise RuntimeError(f"a driver said {said!r} where {word!r} was to come")

    def look(self) -> None:
        """Take in what was written down since."""
        for number, file in enumerate(self._files):
            with file.open(encoding="utf-8") as lines:
                lines.seek(self._read[number])
                text = lines.read()
            whole = text[: text.rfind("\n") + 1]
            self._read[number] += len(whole.encode())
            for line in whole.splitlines():
                done = Done(*json.loads(line))
                self.done.append(done)
                if done.what == "remember" and done.error is None:
                    self._remembered[done.agent].append(done)

    def recovered(self, agent: str, since_s: float) -> float | None:
        """When it first remembered something in a call that was begun after ``since_s``."""
        return min((done.ended_s for done in self._remembered[agent] if done.began_s >= since_s), default=None)

    def stop(self) -> None:
        """Let them finish the calls that they have begun. Raises: RuntimeError if one hangs."""
        for process in self._running:
            assert process.stdin is not None
            process.stdin.close()
        for process in self._running:
            self._expect(process, "over")
            process.wait(60)
            assert process.stdout is not None
            process.stdout.close()
        self.look()

    def kill(self) -> None:
        for process in self._running:
            if process.poll() is None:
                process.kill()
                process.wait()


class Workers(Protocol):
    """Whoever calls while things die.

    Attributes:
        done: the calls that came to an end and were looked at.
    """

    done: list[Done]

    def look(self) -> None:
        """Take in what was done since."""

    def recovered(self, agent: str, since_s: float) -> float | None:
        """When an agent first remembered something in a call that was begun after ``since_s``."""


@dataclass
class Recoveries:
    """Kills by what was killed, and how long it took until agents worked again, in seconds."""

    counts: Counter[str] = field(default_factory=Counter)
    times: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    never: list[str] = field(default_factory=list)

    def wait(self, what: str, since_s: float, agents: Iterable[str], workers: Workers) -> None:
        """Wait until each of these agents has worked again since, and note how long that took."""
        self.counts[what] += 1
        waiting = set(agents)
        while waiting and time.time() < since_s + GIVEN_UP_S:
            time.sleep(0.05)
            workers.look()
            for agent in sorted(waiting):
                at_s = workers.recovered(agent, since_s)
                if at_s is not None:
                    self.times[what].append(at_s - since_s)
                    waiting.discard(agent)
        self.never += [f"{agent} after {what}" for agent in sorted(waiting)]
        print(f"{what}: {time.time() - since_s:.1f} s, {len(workers.done)} calls so far", flush=True)

    def of(self, *kinds: str) -> list[float]:
        return [took_s for kind in kinds for took_s in self.times.get(kind, ())]


class Kills(Recoveries):
    """Kills of actors, nodes and the GCS.

    Args:
        chance: what is killed when.
    """

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self.chance = chance

    def one(self, nodes: Nodes, memory: qm.MemoryCluster, drivers: Drivers, lineages: dict[str, str]) -> None:
        """Kill something, and wait until everything works again."""
        what = self.chance.choices((*POOLS, "two actors", "node", "gcs"), (3, 3, 3, 2, 2, 2, 3, 2.5, 1.5))[0]
        processes = memory.processes()
        if what == "gcs":
            since_s = time.time()
            nodes.kill_gcs()
            time.sleep(self.chance.uniform(0.0, 3.0))
            nodes.start_gcs()
            self.wait(what, since_s, lineages, drivers)
            return
        if what == "node":
            node = self.chance.choice(nodes.others)
            dead = {(pool, n) for pool, pids in processes.items() for n, pid in enumerate(pids) if node.holds(pid)}
            since_s = time.time()
            nodes.kill(node)
            self.wait(what, since_s, lived(dead, processes, lineages), drivers)
            nodes.add()
            return
        members = [(pool, number) for pool in POOLS for number in range(len(processes[pool]))]
        chosen = [self.chance.choice([one for one in members if one[0] == what or what == "two actors"])]
        if what == "two actors":
            chosen.append(self.chance.choice([one for one in members if one not in chosen]))
        for pool, number in chosen:
            since_s = time.time()
            with suppress(ProcessLookupError):
                os.kill(processes[pool][number], signal.SIGKILL)
            if what == "two actors":
                time.sleep(self.chance.uniform(0.0, 1.0))
        self.wait(what, since_s, lived(chosen, processes, lineages), drivers)


def lived(dead: Iterable[tuple[str, int]], processes: dict[str, list[int]], lineages: dict[str, str]) -> list[str]:
    """The agents that had something of theirs in these members of pools."""
    return [
        agent
        for agent, lineage in lineages.items()
        if any(pool not in SHARDED or member_of(lineage, len(processes[pool])) == number for pool, number in dead)
    ]


def faults(memory: qm.MemoryCluster, done: Sequence[Done]) -> tuple[list[str], list[str]]:
    """What the agents do not show though it was acknowledged, and what they show twice."""
    lost, doubled = [], []
    by_agent: dict[str, list[Done]] = defaultdict(list)
    for one in done:
        by_agent[one.agent].append(one)
    for agent, calls in by_agent.items():
        alice = memory.agent(agent, create=False)
        shown = {
            "remember": Counter(one.text for one in alice.memories()),
            "checkpoint": Counter(one.message for one in alice.commits()),
            "fork": Counter(branch.branch for branch in alice.branches()),
        }
        if agent.startswith("turning"):
            del shown["remember"]
        for call in calls:
            if call.what in shown:
                times = shown[call.what][call.id]
                lost += [f"{agent}: {call.what} {call.id}"] * (times == 0 and call.error is None)
                doubled += [f"{agent}: {call.what} {call.id}, {times} times"] * (times > 1)
    return lost, doubled


class Written(NamedTuple):
    """What a journal holds, rolled back stretches included: how often each text and each cause of a feeling, and where
    branches turned back.
    """

    texts: Counter[str]
    causes: Counter[str]
    turned: set[tuple[str, int]]


def written(storage: Path, agents: Iterable[str]) -> Written:
    """Look through the journal of a vault that nobody holds open."""
    found = Written(Counter(), Counter(), set())
    with Vault.open(storage, now=utc_now, blocks=blocks_of(storage)) as vault:
        for agent in agents:
            for branch in vault.branches(agent):
                for entry in vault.entries(branch.id, branch.fork_seq, vault.head(branch.id)):
                    if isinstance(entry.event, Remembered):
                        found.texts.update(memory.text for memory in entry.event.memories)
                    elif isinstance(entry.event, Felt):
                        found.causes[entry.event.cause] += 1
                    elif isinstance(entry.event, RolledBack):
                        found.turned.add((entry.place.branch, entry.place.seq))
    return found


def journalled(storage: Path, done: Sequence[Done]) -> tuple[list[str], list[str]]:
    """What is not in the journal though it was acknowledged, and what is there twice."""
    texts, _, turned = written(storage, {one.agent for one in done})
    kept = [one for one in done if one.what.startswith("remember")]
    lost = [f"journal: {one.what} {one.id}" for one in kept if one.error is None and not texts[one.id]]
    lost += [
        f"journal: {one.what} {one.id}"
        for one in done
        if one.what == "rollback" and one.error is None and one.place and tuple(one.place) not in turned
    ]
    return lost, [f"journal: {one.what} {one.id}, {texts[one.id]} times" for one in kept if texts[one.id] > 1]


def shown(memory: qm.MemoryCluster, agents: Sequence[str]) -> dict[str, list[tuple[str, str]]]:
    """What each agent remembers, in order."""
    return {agent: [(one.id, one.text) for one in memory.agent(agent).memories()] for agent in agents}


def quantile(times: Sequence[float], share: float) -> float:
    """The smallest time that so many are no longer than."""
    return sorted(times)[max(0, -int(-share * len(times) // 1) - 1)] if times else float("nan")


def operations(done: Sequence[Done]) -> Iterator[str]:
    yield "| operation | acknowledged | failed | p50 ms | p95 ms | longest s |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: |"
    for what in dict.fromkeys(sorted(one.what for one in done)):
        calls = [one for one in done if one.what == what]
        times = [one.ended_s - one.began_s for one in calls]
        failed = sum(one.error is not None for one in calls)
        yield (
            f"| {what} | {len(calls) - failed} | {failed} | {1e3 * statistics.median(times):.0f} "
            f"| {1e3 * quantile(times, 0.95):.0f} | {max(times):.1f} |"
        )


Row = tuple[str, tuple[str, ...], str]
"""A line of the table: its name, the kinds of kills in it, and the bound in seconds, if it has one."""


def rows(kills: Recoveries) -> Iterator[Row]:
    yield from ((pool, (pool,), "") for pool in POOLS if pool in kills.counts)
    yield from (("one actor, of any kind", POOLS, f"{ACTOR_S:g}"), ("two actors", ("two actors",), ""))
    yield from (("node", ("node",), f"{NODE_S:g}"), ("gcs", ("gcs",), ""))


def recoveries(kills: Recoveries, lines: Iterable[Row]) -> Iterator[str]:
    yield "| killed | times | agents | p50 s | p95 s | longest s | bound at p95 |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    for name, kinds, bound in lines:
        times = kills.of(*kinds)
        if times:
            yield (
                f"| {name} | {sum(kills.counts[kind] for kind in kinds)} | {len(times)} | {quantile(times, 0.5):.1f} "
                f"| {quantile(times, 0.95):.1f} | {max(times):.1f} | {bound} |"
            )


def play(asked: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """The whole of it; what came of it."""
    storage, agents = folder / "vault", names(asked.agents)
    kills = Kills(random.Random(asked.seed))  # noqa: S311
    with Nodes({"num_cpus": 0}, asked.nodes - 1, {"num_cpus": 1}) as nodes:
        with qm.connect(nodes.address, storage=storage, config=CONFIG, namespace=NAMESPACE) as memory:
            lineages = {name: handle.info.lineage for name, handle in memory.open(agents).items()}
            drivers = Drivers(nodes, folder, asked.agents, asked.rate, asked.seed)
            try:
                until = time.monotonic() + asked.seconds
                while time.monotonic() < until:
                    time.sleep(kills.chance.uniform(0.5, 3.0))
                    kills.one(nodes, memory, drivers, lineages)
                drivers.stop()
            finally:
                drivers.kill()
            lost, doubled = faults(memory, drivers.done)
            before = shown(memory, agents)
            memory.stop()
        missing, twice = journalled(storage, drivers.done)
        with qm.connect(storage=storage, config=CONFIG, namespace="afterwards") as again:
            after = shown(again, agents)
            again.stop()
        differ = [agent for agent in agents if before[agent] != after[agent]]
    left = nodes.left()
    done = drivers.done
    late = [
        f"{one.what} {one.id}: {one.ended_s - one.began_s:.1f} s"
        for one in done
        if one.ended_s - one.began_s > CALL_S + PER_TEXT_S + LATE_S
    ]
    errors = Counter((one.error or "").split(":")[0] for one in done if one.error is not None)
    return {
        "kills": kills,
        "done": done,
        "errors": errors,
        "bad": {
            "acknowledged and lost": lost + missing,
            "done twice": doubled + twice,
            "agents that a new cluster shows otherwise": differ,
            "calls beyond their deadline": late,
            "failed otherwise than by being unavailable": [
                f"{one.what} {one.id}: {one.error}"
                for one in done
                if one.error is not None and not unavailable(one.error)
            ],
            "agents that never worked again": kills.never,
            "processes left behind": [process.command for process in left],
        },
    }


def unavailable(error: str) -> bool:
    """Whether an error is one that says to wait and try again."""
    kind = getattr(qm.errors, error.split(":", maxsplit=1)[0], None)
    return isinstance(kind, type) and issubclass(kind, qm.Unavailable)


def main() -> None:
    if sys.argv[1:2] == ["--drive"]:
        name, ledger, agents, pace_s = sys.argv[2:]
        drive(name, Path(ledger), int(agents), float(pace_s))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--nodes", type=int, default=3, help="the head among them; at least 3")
    parser.add_argument("--agents", type=int, default=8)
    parser.add_argument("--rate", type=float, default=40.0, help="calls a second, both drivers together")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--untimed", action="store_true", help="times are told and decide nothing")
    asked = parser.parse_args()
    if asked.nodes < 3:
        parser.error("--nodes: at least 3: a head, and where to go when a node dies")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        came = play(asked, Path(folder))
    kills, done = came["kills"], came["done"]
    print(
        f"\n{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, {psutil.cpu_count()} cores, {asked.nodes} nodes, "
        f"{asked.agents} agents, 2 drivers, {asked.seconds:g} s, {sum(kills.counts.values())} kills\n"
    )
    print("\n".join(operations(done)), end="\n\n")
    print("\n".join(recoveries(kills, rows(kills))), end="\n\n")
    print(f"failed, by error: {dict(came['errors']) or 'none'}")
    for name, found in came["bad"].items():
        print(f"{name}: {len(found)}")
        for one in found[:10]:
            print(f"  {one}")
    slow = [
        f"{what}: {quantile(times, 0.95):.1f} s of {bound_s:g} s at p95"
        for what, times, bound_s in (("an actor", kills.of(*POOLS), ACTOR_S), ("a node", kills.of("node"), NODE_S))
        if times and quantile(times, 0.95) > bound_s
    ]
    print(f"bounds of recovery: {'; '.join(slow) or 'hold'}")
    if asked.json:
        told = {"kills": kills.counts, "recoveries": kills.times, "errors": came["errors"], "bad": came["bad"]}
        asked.json.write_text(json.dumps(told, indent=1))
    os._exit(any(came["bad"].values()) or bool(slow and not asked.untimed))


if __name__ == "__main__":
    main()
