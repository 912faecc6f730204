"""Agents that are put away: what they answer when they come back, who goes first, and what is written down before."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.actors.episodic_memory import EpisodicMemoryHost
from quantum_memory.actors.journal import Draft, Journal
from quantum_memory.actors.ports import LocalVault
from quantum_memory.actors.pressure import HIGH, LOW, Pressure, give_back, node_bytes, own_bytes
from quantum_memory.actors.quantum_state import QuantumStateHost
from quantum_memory.actors.requests import FeelRequest, MergeRequest, RelateRequest
from quantum_memory.actors.residence import Residence, Rules
from quantum_memory.actors.semantic_graph import SemanticGraphHost
from quantum_memory.actors.vault import VaultHost
from quantum_memory.actors.views import Sprout, ViewHost
from quantum_memory.memory.clerk import Clerk
from quantum_memory.memory.events import Entry, Forgotten, Remembered
from quantum_memory.memory.residents import Residents
from quantum_memory.memory.snapshots import Leaving
from quantum_memory.settings import load
from quantum_memory.telemetry import Recorder
from quantum_memory.telemetry.catalog import EVICTIONS, RESIDENT_AGENTS
from quantum_memory.types import NEUTRAL, PAD, PARTS, Branch, Memory, Place, Relation, Skill
from tests.unit.histories import START, PlainHistory
from tests.unit.orchestra import Orchestra, ready

HOSTS = (EpisodicMemoryHost, SemanticGraphHost, QuantumStateHost)


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def orchestra(tmp_path: Path) -> Iterator[Orchestra]:
    one = Orchestra(tmp_path)
    yield one
    one.close()


def hosts(orchestra: Orchestra) -> tuple[ViewHost, ...]:
    """The view hosts that live in an orchestra."""
    return tuple(port._host for port in orchestra.parts.views)  # type: ignore[attr-defined]


def twins(orchestra: Orchestra) -> tuple[ViewHost, ...]:
    """Hosts of the same history that nobody puts anything away in."""
    return tuple(kind(orchestra.settings, orchestra.vault) for kind in HOSTS)


def put_away(one: ViewHost, branches: list[str]) -> int:
    """Put away some branches of a host, if it holds them."""
    left = [branch for branch in branches if branch in one.residence.residents]
    return one.residence.let_go(lambda: [one_ for one_ in left if one_ in one.residence.residents], None, "idle", 10.0)


def answers(among: tuple[ViewHost, ...], place: Place) -> dict[str, Any]:
    """All that three hosts say of a place, in a form that compares bit by bit."""
    episodic, graph, quantum = among
    assert isinstance(episodic, EpisodicMemoryHost)
    assert isinstance(graph, SemanticGraphHost)
    assert isinstance(quantum, QuantumStateHost)
    (found,), (mood,) = episodic.memories([place]), quantum.read([place])
    return {
        "memories": [(one, one.embedding.tobytes()) for one in found],
        "working": episodic.working([place]),
        "skills": episodic.all_skills([place]),
        "web": graph.webs([place]),
        "concepts": graph.concepts([(place, 5)]),
        "tensors": quantum.tensors([place]),
        "mood": (mood.at, mood.mean, mood.spread, mood.entropy, mood.fidelity),
    }


STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["remember", "remember", "remember", "forget", "feel", "relate", "learn", "fork", "roll back", "merge"]
        ),
        st.integers(0, 5),
        st.integers(0, 50),
        st.sets(st.integers(0, 5)),
        st.sets(st.integers(0, 2)),
    ),
    max_size=20,
)


class Played:
    """Steps played into an orchestra whose hosts put branches away in between, and into hosts that never do."""

    def __init__(self, orchestra: Orchestra) -> None:
        self.orchestra, self.branches = orchestra, [orchestra.agent("alice")]
        self.still, self.evicting = twins(orchestra), hosts(orchestra)
        self.told = {self.branches[0].id: 0}
        self.gone = 0

    def step(self, number: int, what: str, at: int, which: int, gone: set[int], from_: set[int]) -> None:
        branch = self.branches[at % len(self.branches)]
        self._play(what, branch, number, which)
        self._tell()
        ids = [self.branches[one].id for one in gone if one < len(self.branches)]
        self.gone += sum(put_away(self.evicting[one], ids) for one in from_)

    def _play(self, what: str, branch: Branch, number: int, which: int) -> None:
        orchestra, host, op = self.orchestra, self.orchestra.host, f"op-{number}"
        memories = orchestra.memories(branch)
        match what:
            case "remember":
                texts = [f"Ann met Bob{n} at the mill." for n in range(which % 4 + 1)]
                orchestra.remember(branch, [ready(100 * number + n, text) for n, text in enumerate(texts)], op)
            case "forget" if memories:
                orchestra.run(host.forget(branch, [memories[which % len(memories)].id], op))
            case "feel":
                orchestra.run(host.feel(FeelRequest(branch, PAD(0.02 * which - 0.5, 0.3, -0.2), 0.7, "", op)))
            case "relate":
                orchestra.run(host.relate(RelateRequest(branch, Relation("Ann", "knows", f"Bob{which}"), op)))
            case "learn":
                orchestra.run(host.learn(branch, Skill(f"skill {which % 3}", ("a", f"b{number}")), op))
            case "fork" if len(self.branches) < 6:
                new = orchestra.fork(branch, f"fork-{number}")
                self._tell()
                self.branches.append(new)
                self.told[new.id] = new.fork_seq
                sprout = Sprout(Place(str(new.parent), new.fork_seq), new.id)
                for one in self.still:
                    one.fork([sprout])
            case "roll back":
                parts = PARTS if which % 2 else (PARTS[which % len(PARTS)],)
                orchestra.run(host.rollback(branch, Place(branch.id, self._seq(branch, which)), parts, op))
            case "merge" if len(self.branches) > 1:
                source = self.branches[which % len(self.branches)]
                if source != branch:
                    orchestra.run(host.merge(MergeRequest(branch, source, None, "ours", 0.5, op)))

    def _seq(self, branch: Branch, which: int) -> int:
        head = self.orchestra.vault.head(branch.id)
        return branch.fork_seq + which % (head - branch.fork_seq + 1)

    def _tell(self) -> None:
        for branch, seen in self.told.items():
            head = self.orchestra.vault.head(branch)
            for one in self.still if head > seen else ():
                one.apply(self.orchestra.vault.entries(branch, seen, head))
            self.told[branch] = head

    def compare(self) -> None:
        for branch in self.branches:
            place = Place(branch.id, self.orchestra.vault.head(branch.id))
            assert answers(self.evicting, place) == answers(self.still, place)


@settings(deadline=None, max_examples=10)
@given(STEPS, st.sampled_from([0, 2000]))
def test_what_was_put_away_at_any_time_answers_as_if_it_had_stayed(steps: list[Any], every: int) -> None:
    with TemporaryDirectory() as folder:
        orchestra = Orchestra(Path(folder), vault={"snapshot_events": every})
        try:
            played = Played(orchestra)
            for number, step in enumerate(steps):
                played.step(number, *step)
                if number % 8 == 7:
                    played.compare()
            played.compare()
        finally:
            orchestra.close()


def test_a_mood_beyond_its_reach_comes_back_bit_for_bit_because_it_was_written_down(orchestra: Orchestra) -> None:
    played = Played(orchestra)
    (alice,) = played.branches
    for number in range(6):
        orchestra.remember(alice, [ready(50 * number + n) for n in range(50)], f"op-{number}")
        for step in range(4):
            orchestra.run(orchestra.host.feel(FeelRequest(alice, PAD(0.1 * step, 0, 0), 0.5, "", f"f-{number}-{step}")))
    orchestra.remember(alice, [ready(1000 + n) for n in range(40)], "last")
    played._tell()
    what_if = orchestra.fork(alice, "what-if")
    played.branches.append(what_if)
    played.told[what_if.id] = what_if.fork_seq
    played.compare()
    written = [one.status()["snapshots"] for one in played.evicting]
    for one in played.evicting:
        assert put_away(one, [what_if.id, alice.id]) == 2
        assert one.status()["branches"] == one.status()["states"] == 0
    assert all(one.status()["snapshots"] > before for one, before in zip(played.evicting, written, strict=True))
    played.compare()
    assert [one.status()["snapshots_failed"] for one in played.evicting] == [0, 0, 0]


def residence(share: list[float], idle_s: float = 100.0) -> tuple[Residence, Clock, Recorder]:
    """A residence whose memory is as short as a list says, one number for each look, the last one for all after."""
    clock, recorder = Clock(), Recorder()
    pressure = Pressure(100, lambda: int(100 * (share.pop(0) if len(share) > 1 else share[0])), lambda: None)
    return Residence("graph", Rules(idle_s, pressure), Clerk("test"), metrics=recorder, clock=clock), clock, recorder


class Shelf:
    """What a timeline is to a residence."""

    def __init__(self, residence: Residence) -> None:
        self.residents, self.gone = residence.residents, [""]
        self.gone.clear()
        residence.furnish(self)  # type: ignore[arg-type]

    def leaving(self, _: str) -> None:
        return None

    def put_away(self, branch: str) -> None:
        self.gone.append(branch)
        self.residents.release(branch)


def test_idle_ones_go_and_only_they() -> None:
    one, clock, recorder = residence([0.1])
    shelf = Shelf(one)
    for number in range(200):
        clock.now = float(number)
        one.residents.hold(f"b{number}")
    one.residents.used("b7")
    assert one.sweep() == 99
    assert shelf.gone == [f"b{number}" for number in range(100) if number != 7]
    assert recorder.number(EVICTIONS, "graph", "idle") == one.put_away["idle"] == 99
    assert one.sweep() == 0


def test_nothing_is_idle_where_nobody_says_so() -> None:
    one, clock, _ = residence([0.1], idle_s=0.0)
    Shelf(one)
    one.residents.hold("a")
    clock.now = 1e9
    assert one.sweep() == 0


def test_memory_that_is_short_lets_the_oldest_go_in_steps_until_it_is_well_below() -> None:
    one, clock, recorder = residence([0.89, 0.9, 0.88, 0.86, 0.79, 0.85, 0.89, 0.91, 0.7], idle_s=0.0)
    shelf = Shelf(one)
    for number in range(80):
        one.residents.hold(f"b{number}")
    clock.now = 10.0
    assert one.sweep() == 0, "not before nine tenths"
    assert one.sweep() == 10 + 8 + 7, "an eighth of what is left in each step, until less than LOW is taken"
    assert shelf.gone == [f"b{number}" for number in range(25)]
    assert (one.sweep(), one.sweep()) == (0, 0), "and not again before nine tenths"
    assert one.sweep() > 0
    assert recorder.number(EVICTIONS, "graph", "memory") == len(shelf.gone)
    assert LOW < 0.85 < HIGH


def test_where_nothing_is_freed_it_is_left_for_a_while(caplog: pytest.LogCaptureFixture) -> None:
    one, clock, _ = residence([0.95], idle_s=0.0)
    shelf = Shelf(one)
    for number in range(1000):
        one.residents.hold(f"b{number}")
    clock.now = 10.0
    with caplog.at_level(logging.WARNING):
        gone = one.sweep()
    assert 0 < gone < 1000
    assert "frees no more" in caplog.text
    assert one.sweep() == 0
    clock.now = 100.0
    assert one.sweep() > 0
    assert len(shelf.gone) < 1000


def test_what_is_being_worked_with_stays_however_short_memory_is() -> None:
    one, clock, _ = residence([0.95, 0.94, 0.93, 0.92, 0.91, 0.9], idle_s=0.0)
    shelf = Shelf(one)
    one.residents.hold("old")
    clock.now = 5.0
    one.residents.hold("new")
    assert one.sweep() == 1
    assert shelf.gone == ["old"]


def test_one_that_is_used_while_it_is_written_down_stays() -> None:
    one, clock, _ = residence([0.1])
    shelf = Shelf(one)
    one.residents.hold("a")
    clock.now = 200.0

    class Busy:
        """A timeline whose branch is read while the clerk writes it down."""

        def leaving(self, branch: str) -> Any:
            return Leaving(branch, lambda: one.residents.used(branch))

        def put_away(self, branch: str) -> None:
            raise AssertionError(branch)

    one.furnish(Busy())  # type: ignore[arg-type]
    assert one.sweep() == 0
    assert shelf.gone == []


def test_what_others_rest_on_goes_after_them() -> None:
    clock = Clock()
    residents = Residents(clock)
    residents.hold("main")
    residents.hold("fork")
    residents.rests("fork", "main")
    clock.now = 1.0
    residents.used("fork")
    clock.now = 10.0
    assert list(residents.unused(9.5)) == []
    assert list(residents.unused(1.0)) == ["fork"]
    residents.release("fork")
    assert list(residents.unused(1.0)) == ["main"]
    residents.rests("gone", "main")
    assert list(residents.unused(1.0)) == ["main"], "what is not held rests on nothing"


def test_the_agents_that_are_held_are_told(tmp_path: Path) -> None:
    orchestra, recorder = Orchestra(tmp_path), Recorder()
    alice = orchestra.agent("alice")
    orchestra.remember(alice, [ready(n) for n in range(3)], "op")
    episodic = EpisodicMemoryHost(orchestra.settings, orchestra.vault, recorder)
    episodic.memories([Place(alice.id, 1)])
    assert recorder.number(RESIDENT_AGENTS, "episodic") == 1
    assert put_away(episodic, [alice.id]) == 1
    assert recorder.number(RESIDENT_AGENTS, "episodic") == 0
    assert recorder.number(EVICTIONS, "episodic", "idle") == 1
    assert len(episodic.memories([Place(alice.id, 1)])[0]) == 3
    orchestra.close()


class SlowVault(LocalVault):
    """A vault that answers when it is let."""

    def __init__(self, host: VaultHost) -> None:
        super().__init__(host)
        self.let: asyncio.Event | None = None

    async def ask(self, method: Any, *args: Any, **kwargs: Any) -> Any:
        answer = await super().ask(method, *args, **kwargs)
        if self.let is not None:
            await self.let.wait()
        return answer


def test_an_orchestrator_forgets_whom_nobody_asks_for_and_keeps_no_answer_from_before(tmp_path: Path) -> None:
    orchestra, recorder = Orchestra(tmp_path), Recorder()
    alice, bob = orchestra.agent("alice"), orchestra.agent("bob")

    async def play() -> None:
        vault = SlowVault(orchestra.vault)
        journal = Journal(vault, lambda _: True, idle_s=1e-9, metrics=recorder)
        assert [place.seq for place in await journal.tips([alice, bob])] == [0, 0]
        await asyncio.sleep(0.001)
        assert journal.put_away() == 2
        assert journal.branches == journal.put_away() == 0
        assert recorder.number(EVICTIONS, "agents", "idle") == 2
        await journal.tip(bob)
        vault.let = asyncio.Event()
        late = asyncio.ensure_future(journal.tip(alice))
        await asyncio.sleep(0.05)
        writing = asyncio.ensure_future(journal.append([Draft(bob, Forgotten(("x",)), "op")]))
        await asyncio.sleep(0.05)
        assert journal.put_away() == 1, "bob; what the vault says of him from before is kept by nobody"
        vault.let.set()
        vault.let = None
        assert ((await late).seq, len(await writing)) == (0, 1)
        assert journal._heads.get(bob.id) is None
        assert (await journal.tip(bob)).seq == 1
        await asyncio.sleep(0.001)
        assert journal.put_away() == 2

    orchestra.run(play())
    orchestra.close()


def test_memory_that_the_process_takes_is_given_back(tmp_path: Path) -> None:
    history, chance = PlainHistory(), np.random.default_rng(0)
    base = own_bytes()
    host = EpisodicMemoryHost(load({"perception": {"model": "hashing"}, "storage": str(tmp_path)}), history)
    host.residence.close()
    for number in range(24):
        branch = f"b{number}"
        history.rows[branch] = Branch(branch, branch, "main", branch, "root", None, 0, START)
        vectors = chance.normal(size=(3000, 384)).astype(np.float32)
        memories = (Memory(f"{branch}-{n}", "a thing", START, NEUTRAL, 1.0, 0.5, one) for n, one in enumerate(vectors))
        history.journal[branch] = [Entry(Place(branch, 1), START, Remembered(tuple(memories)))]
        host.apply(history.journal[branch])
        history.journal[branch] = []
    del vectors, memories
    taken = own_bytes() - base
    assert taken > 48 << 20
    limit = int(taken / 0.95)
    pressure = Pressure(limit, lambda: own_bytes() - base, lambda: None)
    host.residence._rules = Rules(0.0, pressure)
    host.residence._clock = lambda: 1e9
    host.residence.residents._clock = lambda: 1e9
    gone = host.residence.sweep()
    assert 0 < gone < 24
    assert pressure.share() < LOW


def test_the_kernel_tells_what_is_taken() -> None:
    give_back()  # else the block may lie in what was freed before
    before = own_bytes()
    block = bytearray(b"x" * (64 << 20))
    assert own_bytes() - before > 48 << 20
    del block
    node = node_bytes()
    assert node is not None
    assert 0 < node[0] <= node[1]
    assert 0 < Pressure(1 << 50).share() <= 1
    assert Pressure(1, lambda: 2, lambda: None).share() == 2
    assert Pressure(None, lambda: 2, lambda: None).share() == 0
