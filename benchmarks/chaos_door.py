"""Kill what stands behind the door and the door's own parts under the load of its Python client, and look for what was
lost or done twice.

    python benchmarks/chaos_door.py [--seconds 240] [--proxied] [--agents 4] [--rate 20] [--seed 0] [--json FILE]
        [--victims WHAT ...] [--untimed]

Ray, the memory and Serve with two replicas run on this machine, as ``qmem serve`` starts them or, ``--proxied``, as
``serve run`` does. Two clients, each with one thread an agent, remember
one thing and many, recall, feel, fork, make checkpoints and send streams of lines, with the client's own retries and
idempotency keys; each call has an id, which goes into what it writes. A quarter of what was acknowledged is sent once
more under its key, and has to be answered as before. Two subscribers follow the stream from its beginning.

Killed by their process ids, first each in its turn and then at random: a replica, both replicas, Serve's proxy if there
is one, an actor of each pool, the vault. At the end every acknowledged write is looked for through the door and in the
journal, each id is counted there, and what the subscribers were told is compared, change by change, with the vault's
own order of changes.

A recovery is the time from a kill until an agent has remembered something in a call that was begun after the kill. A
call that fails is a fault, whatever the error: the client has a minute. Ends with an error if there is one, or a bound
is broken; with ``--untimed`` the times are told and decide nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import signal
import socket
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import psutil
from chaos import CONFIG, SHARDED, Done, Recoveries, Row, operations, quantile, recoveries, written
from ray import serve
from ray.serve.config import HTTPOptions

import quantum_memory as qm
from quantum_memory.actors.vault import utc_now
from quantum_memory.cluster.connect import NAMESPACE
from quantum_memory.cluster.serve import NAME, application
from quantum_memory.cluster.service.access.keys import mint
from quantum_memory.cluster.service.stream.session import HISTORY, MEMORIES
from quantum_memory.cluster.serving import Serving
from quantum_memory.memory.vault.writes import OpenSession
from quantum_memory.policies.placement import member_of
from quantum_memory.settings import Settings

sys.path.insert(0, str(Path(__file__).parents[1] / "clients" / "python" / "src"))

from quantum_memory_client import Client, ClientError, Retries  # a distribution of its own, not installed
from quantum_memory_client.following import Channel

DEADLINE_S, ATTEMPT_S = 60.0, 30.0
"""Of the client, for a call and for one attempt: its own defaults."""
BOUND_S = 15.0
"""Of a recovery, at the 95th percentile, of what is restarted at once."""
SERVES = {"both replicas": 45.0, "proxy": 60.0}
"""The same of what Serve has to miss first."""
TOLD_S = 60.0
"""How long subscribers may take to hear of the last change."""
POOLS = ("vault", "agents", "episodic", "graph", "quantum", "emotion")
REPLICA, PROXY = "ray::ServeReplica:quantum_memory", "ray::ProxyActor"
VICTIMS = ("replica", *POOLS, "both replicas", "proxy")
ONE = ("replica", *POOLS)
CHANNELS: tuple[Channel, ...] = ("memories", "history")
ACTS = {"remember": 10, "remember_many": 3, "recall": 6, "feel": 2, "checkpoint": 1, "fork": 1, "stream": 1}
MANY = 3


class Worker(threading.Thread):
    """Works on one agent through one client until it is told to stop, and notes what came of each call."""

    def __init__(self, client: Client, agent: str, name: str, pace_s: float, note: Callable[[Done], None]) -> None:
        super().__init__(daemon=True)
        self._client, self._agent, self._name, self._pace_s, self._note = client, agent, name, pace_s, note
        self._chance, self._over, self._number = random.Random(name), threading.Event(), 0  # noqa: S311
        self.odd: list[str] = []

    def run(self) -> None:
        while not self._over.wait(self._chance.expovariate(1.0 / self._pace_s)):
            self._number += 1
            what = self._chance.choices(list(ACTS), list(ACTS.values()))[0]
            getattr(self, f"_{what}")(f"{self._name}-{self._number}")

    def stop(self) -> None:
        self._over.set()

    def _call(self, one: str, what: str, call: Callable[[], Any], *, again: bool = True) -> Any:
        """What it gives, or nothing if it failed. Now and then it is sent once more, to be answered as before."""
        began_s, error, answer = time.time(), None, None
        try:
            answer = call()
        except Exception as failed:  # noqa: BLE001  (every kind is counted)
            error = f"{type(failed).__name__}: {failed}"
        self._note(Done(one, what, self._agent, began_s, time.time(), error, None))
        if again and answer is not None and self._chance.random() < 0.25:
            try:
                repeated = call()
            except ClientError as failed:
                repeated = f"{type(failed).__name__}: {failed}"
            if repeated != answer:
                self.odd.append(f"{what} {one}: {answer} and then {repeated}")
        return answer

    def _remember(self, one: str) -> None:
        self._call(one, "remember", lambda: self._client.remember(self._agent, one, idempotency_key=one))

    def _remember_many(self, one: str) -> None:
        said: list[Any] = [{"text": f"{one}/{number}"} for number in range(MANY)]
        self._call(one, "remember many", lambda: self._client.remember_many(self._agent, said, idempotency_key=one))

    def _recall(self, one: str) -> None:
        self._call(one, "recall", lambda: self._client.recall(self._agent, query=one), again=False)

    def _feel(self, one: str) -> None:
        self._call(one, "feel", lambda: self._client.feel(self._agent, emotion="joy", cause=one, idempotency_key=one))

    def _checkpoint(self, one: str) -> None:
        self._call(one, "checkpoint", lambda: self._client.checkpoint(self._agent, message=one, idempotency_key=one))

    def _fork(self, one: str) -> None:
        fork = self._call(one, "fork", lambda: self._client.fork(self._agent, one, idempotency_key=one))
        if fork is not None:
            inside = f"{one}-in"
            self._call(
                inside,
                "remember in a fork",
                lambda: self._client.remember(self._agent, inside, branch=one, idempotency_key=inside),
            )

    def _stream(self, one: str) -> None:
        said: list[Any] = [{"text": f"{one}/{number}", "id": f"{one}.{number}"} for number in range(MANY)]
        self._call(one, "stream", lambda: list(self._client.remember_stream(self._agent, said)), again=False)


class Load:
    """All workers, and what they have done. Kept by one lock."""

    def __init__(self, clients: Sequence[Client], agents: Sequence[str], rate: float, seed: int) -> None:
        pace_s = len(clients) * len(agents) / rate
        self._workers = [
            Worker(client, agent, f"{seed}{'ab'[place]}{number}", pace_s, self._note)
            for place, client in enumerate(clients)
            for number, agent in enumerate(agents)
        ]
        self._lock = threading.Lock()
        self._new: list[Done] = []
        self.done: list[Done] = []
        for worker in self._workers:
            worker.start()

    def _note(self, done: Done) -> None:
        with self._lock:
            self._new.append(done)

    def look(self) -> None:
        """Take in what was done since."""
        with self._lock:
            self.done += self._new
            self._new.clear()

    def recovered(self, agent: str, since_s: float) -> float | None:
        """When it first remembered something in a call that was begun after ``since_s``."""
        return min(
            (
                one.ended_s
                for one in reversed(self.done)
                if one.agent == agent and one.what == "remember" and one.error is None and one.began_s >= since_s
            ),
            default=None,
        )

    def stop(self) -> list[str]:
        """Let them finish what they have begun; what was answered otherwise the second time, and who hangs."""
        for worker in self._workers:
            worker.stop()
        for worker in self._workers:
            worker.join(4 * DEADLINE_S)
        self.look()
        hanging = [f"{worker.name} hangs" for worker in self._workers if worker.is_alive()]
        return hanging + [odd for worker in self._workers for odd in worker.odd]


class Told(NamedTuple):
    """A change as a subscriber was told of it, without what it brought."""

    position: int
    kind: str
    agent: str
    branch: str
    action: str


class Subscriber(threading.Thread):
    """Follows all agents from a position on, over as many connections as it takes.

    Attributes:
        heard: what it was told, in order.
        lagging: how often it was told that something is not told.
        error: what ended it, if anything did.
    """

    def __init__(self, client: Client, after: int) -> None:
        super().__init__(daemon=True)
        self._client, self._after = client, after
        self.heard: list[Told] = []
        self.lagging = 0
        self.error: str | None = None
        self.start()

    def run(self) -> None:
        try:
            with self._client.stream("*", CHANNELS, after=self._after) as events:
                for event in events:
                    self.lagging += event["type"] == "lagging"
                    if event["type"] == "memory_operation" or event["type"] == "history":
                        what = event["operation"]
                        told = Told(event["position"], event["type"], event["agent"], event["branch"] or "", what)
                        self.heard.append(told)
        except Exception as failed:  # noqa: BLE001  (it was to go on for good)
            self.error = f"{type(failed).__name__}: {failed}"

    def upto(self) -> int:
        return self.heard[-1].position if self.heard else 0


def happened(memory: qm.MemoryCluster, after: int) -> Iterator[Told]:
    """What subscribers are to be told: the vault's order of changes, as the stream's channels have it."""
    while True:
        page = memory.feed(after, 256)
        for entry in page.entries:
            if entry.agent is None:
                continue
            for kind, actions in (("memory_operation", MEMORIES), ("history", HISTORY)):
                if entry.action in actions:
                    yield Told(entry.position, kind, entry.agent, entry.name or "", entry.action)
        if page.upto == after:
            return
        after = page.upto


def mistold(wanted: Sequence[Told], heard: Sequence[Told]) -> list[str]:
    """How what was told differs from what happened."""
    missed, extra = Counter(wanted) - Counter(heard), Counter(heard) - Counter(wanted)
    found = [f"missed: {one}" for one in missed.elements()] + [f"too much: {one}" for one in extra.elements()]
    positions = [one.position for one in heard]
    return found + ["out of order"] * (positions != sorted(positions))


def victims(memory: qm.MemoryCluster) -> dict[str, list[tuple[int, int]]]:
    """What can be killed: by what it is, the number of each member and its process."""
    found = {pool: list(enumerate(pids)) for pool, pids in memory.processes().items() if pool in POOLS}
    for what, title in (("replica", REPLICA), ("proxy", PROXY)):
        found[what] = list(enumerate(titled(title)))
    return found


def titled(title: str) -> list[int]:
    """Processes below this one that Ray has given this title."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            if " ".join(process.cmdline()).startswith(title):
                found.append(process.pid)
    return found


def kill(what: str, memory: qm.MemoryCluster, chance: random.Random) -> list[tuple[str, int]]:
    """End what is asked for as a crash would; the members of which pools that was."""
    there = victims(memory)
    chosen = there["replica"] if what == "both replicas" else [chance.choice(there[what])]
    for _, pid in chosen:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return [(what, number) for number, _ in chosen]


def whole(memory: qm.MemoryCluster, *, proxied: bool) -> bool:
    """Whether everything that was killed is there again."""
    there = victims(memory)
    return len(there["replica"]) >= 2 and (bool(there["proxy"]) or not proxied)


def lived(dead: Sequence[tuple[str, int]], memory: qm.MemoryCluster, lineages: dict[str, str]) -> list[str]:
    """The agents that had something of theirs there: all, but for the members of sharded pools."""
    sizes = {pool: len(pids) for pool, pids in memory.processes().items()}
    return [
        agent
        for agent, lineage in lineages.items()
        if any(what not in SHARDED or member_of(lineage, sizes[what]) == number for what, number in dead)
    ]


def texts_of(one: Done) -> list[str]:
    """What a call writes as memories."""
    if one.what in ("remember", "remember in a fork"):
        return [one.id]
    return [f"{one.id}/{number}" for number in range(MANY)] if one.what in ("remember many", "stream") else []


def shown(client: Client, agent: str, forks: Sequence[str]) -> Counter[tuple[str, str]]:
    """What the door shows of an agent: texts, checkpoints and branches."""
    found = Counter(("text", one["text"]) for one in client.list_memories(agent, limit=500))
    for fork in forks:
        inside = (one["text"] for one in client.list_memories(agent, branch=fork, limit=500))
        found.update(("text", text) for text in inside if text == f"{fork}-in")
    found.update(("checkpoint", one["message"] or "") for one in client.list_commits(agent, limit=500))
    found.update(("fork", one["name"]) for one in client.list_branches(agent, limit=500))
    return found


def faults(client: Client, done: Sequence[Done]) -> tuple[list[str], list[str]]:
    """What the door does not show though it was acknowledged, and what it shows twice."""
    lost, doubled = [], []
    by_agent: dict[str, list[Done]] = defaultdict(list)
    for one in done:
        by_agent[one.agent].append(one)
    for agent, calls in by_agent.items():
        forks = [one.id for one in calls if one.what == "fork" and one.error is None]
        there = shown(client, agent, forks)
        for one in calls:
            kinds = [("text", text) for text in texts_of(one)]
            kinds += [(one.what, one.id)] if one.what in ("checkpoint", "fork") else []
            lost += [f"{agent}: {one.what} {kind[1]}" for kind in kinds if one.error is None and not there[kind]]
            doubled += [f"{agent}: {one.what} {kind[1]}" for kind in kinds if there[kind] > 1]
    return lost, doubled


def journalled(storage: Path, done: Sequence[Done]) -> tuple[list[str], list[str]]:
    """The same in the journal, feelings too."""
    texts, causes, _ = written(storage, {one.agent for one in done})
    lost, doubled = [], []
    for one in done:
        counts = [texts[text] for text in texts_of(one)] + ([causes[one.id]] if one.what == "feel" else [])
        lost += [f"journal: {one.what} {one.id}"] * (one.error is None and 0 in counts)
        doubled += [f"journal: {one.what} {one.id}"] * any(count > 1 for count in counts)
    return lost, doubled


def settled(memory: qm.MemoryCluster, after: int, subscribers: Sequence[Subscriber]) -> list[Told]:
    """What happened, once subscribers were told of the last of it or have had their time."""
    wanted = list(happened(memory, after))
    until = time.monotonic() + TOLD_S
    while time.monotonic() < until and any(one.upto() < wanted[-1].position for one in subscribers):
        time.sleep(0.2)
    return wanted


def chaos(memory: qm.MemoryCluster, load: Load, lineages: dict[str, str], asked: argparse.Namespace) -> Recoveries:
    """Kill each in its turn, and then at random until the time is over."""
    chance, kills = random.Random(asked.seed), Recoveries()  # noqa: S311
    until, turns = time.monotonic() + asked.seconds, list(asked.victims)
    while turns or time.monotonic() < until:
        time.sleep(chance.uniform(0.3, 2.0))
        what = turns.pop(0) if turns else chance.choice(asked.victims)
        since_s = time.time()
        dead = kill(what, memory, chance)
        kills.wait(what, since_s, lived(dead, memory, lineages), load)
        while not whole(memory, proxied=asked.proxied) and time.time() < since_s + DEADLINE_S:
            time.sleep(0.1)
        kills.times[f"{what}, whole"].append(time.time() - since_s)
    return kills


@contextmanager
def proxied(settings: Settings, port: int) -> Iterator[None]:
    """As ``serve run`` opens the door."""
    serve.start(http_options=HTTPOptions(host="127.0.0.1", port=port))
    serve.run(application(settings, settings, NAMESPACE), name=NAME, route_prefix="/")
    yield
    serve.shutdown()  # type: ignore[no-untyped-call]


def direct(settings: Settings, port: int) -> AbstractContextManager[object]:
    """As ``qmem serve`` opens it."""
    return Serving(settings, NAMESPACE, "127.0.0.1", port)


def play(asked: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """The whole of it; what came of it."""
    storage = folder / "vault"
    agents = [f"agent {number}" for number in range(asked.agents)]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = int(listener.getsockname()[1])
    replicas = {"least": 2, "most": 2, "num_cpus": 0.0}
    config = CONFIG | {"ray": {"dashboard": False, "num_cpus": 4}, "service": {"replicas": replicas}}
    memory = qm.connect("local", storage=storage, config=config)
    lineages = {name: handle.info.lineage for name, handle in memory.open(agents).items()}
    minted = mint("chaos", "default", "chaos", "writer", now=utc_now())
    memory.ask_vault("write", [OpenSession("chaos", "chaos"), minted.write])
    after = int(memory.position())
    way = proxied if asked.proxied else direct
    with way(memory.settings, port):
        retries = Retries(deadline_s=DEADLINE_S)
        url = f"http://127.0.0.1:{port}"
        clients = [Client(url, minted.text, retries=retries, timeout_s=ATTEMPT_S) for _ in range(2)]
        subscribers = [Subscriber(client, after) for client in clients]
        load = Load(clients, agents, asked.rate, asked.seed)
        kills = chaos(memory, load, lineages, asked)
        odd = load.stop()
        wanted = settled(memory, after, subscribers)
        told = [mistold(wanted, one.heard) for one in subscribers]
        lost, doubled = faults(clients[0], load.done)
    memory.stop()
    missing, twice = journalled(storage, load.done)
    late = [f"{one.what} {one.id}" for one in load.done if one.ended_s - one.began_s > DEADLINE_S + ATTEMPT_S]
    return {
        "kills": kills,
        "done": load.done,
        "told": len(wanted),
        "bad": {
            "acknowledged and lost": lost + missing,
            "done twice": doubled + twice,
            "answered otherwise under the same key": odd,
            "told otherwise than it happened": [one for found in told for one in found],
            "ends of subscribers": [one.error for one in subscribers if one.error],
            "subscribers that were not told": [one.name for one in subscribers if one.lagging],
            "failed in spite of being sent again": [
                f"{one.what} {one.id}: {one.error}" for one in load.done if one.error
            ],
            "beyond the deadline": late,
            "agents that never worked again": kills.never,
        },
    }


def lines_of(kills: Recoveries) -> Iterator[Row]:
    """Of the table: until an agent works again, and until everything is there again."""
    yield from ((what, (what,), f"{SERVES.get(what, BOUND_S):g}") for what in VICTIMS if what in kills.counts)
    yield "one replica or actor", ONE, f"{BOUND_S:g}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=240.0)
    parser.add_argument("--agents", type=int, default=4)
    parser.add_argument("--rate", type=float, default=20.0, help="calls a second, both clients together")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--proxied", action="store_true", help="behind Serve's proxy, as serve run has it")
    parser.add_argument("--victims", nargs="+", choices=VICTIMS)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--untimed", action="store_true", help="times are told and decide nothing")
    asked = parser.parse_args()
    asked.victims = asked.victims or [what for what in VICTIMS if asked.proxied or what != "proxy"]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        came = play(asked, Path(folder))
    kills, done = came["kills"], came["done"]
    way = "behind a proxy" if asked.proxied else "that listen"
    count = sum(kills.counts.values())
    print(
        f"\n{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, {psutil.cpu_count()} cores, {asked.agents} agents, "
        f"2 replicas {way}, 2 clients, {asked.seconds:g} s, {count} kills, {came['told']} changes told\n"
    )
    print("\n".join(operations(done)), end="\n\n")
    print("\n".join(recoveries(kills, lines_of(kills))), end="\n\n")
    for name, found in came["bad"].items():
        print(f"{name}: {len(found)}")
        for one in found[:10]:
            print(f"  {one}")
    bounds = [(ONE, BOUND_S), *(((what,), bound_s) for what, bound_s in SERVES.items())]
    slow = [", ".join(kinds) for kinds, bound_s in bounds if quantile(kills.of(*kinds), 0.95) > bound_s]
    print(f"bounds of recovery: {'; '.join(slow) + ': broken' if slow else 'hold'}")
    if asked.json:
        told = {"kills": kills.counts, "recoveries": kills.times, "bad": came["bad"], "done": len(done)}
        asked.json.write_text(json.dumps(told, indent=1))
    sys.stdout.flush()
    os._exit(any(came["bad"].values()) or bool(slow and not asked.untimed))


if __name__ == "__main__":
    main()
