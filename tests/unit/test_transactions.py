"""Transactions through the handle: all or nothing in every view, seen by nobody before, first committer wins."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.actors.handle import AgentHandle
from quantum_memory.actors.transactions import Transaction
from quantum_memory.errors import (
    AlreadyExists,
    InvalidInput,
    PlaceNotFound,
    TransactionConflict,
    TransactionOpen,
    TransactionOver,
)
from quantum_memory.types import PAD, Place, Utterance
from tests.unit.front import Front
from tests.unit.orchestra import ready

R = TypeVar("R")


@pytest.fixture
def front(tmp_path: Path) -> Iterator[Front]:
    one = Front(tmp_path)
    yield one
    one.close()


def ids(handle: AgentHandle, **asked: Any) -> list[str]:
    return [memory.id for memory in handle.memories(**asked)]


def state_of(handle: AgentHandle) -> tuple[Any, ...]:
    """Everything that can be read of a branch, in a form that compares."""
    mood, graph = handle.mood(), handle.graph()
    return (
        handle.memories(),
        handle.working(),
        handle.skills(),
        handle.relations(),
        sorted(map(str, graph.nodes)),
        sorted(map(repr, graph.edges(data="weight"))),
        np.round([*mood.mean.__array__(), *mood.spread, mood.entropy], 5).tolist(),
    )


def outside(work: Callable[[], R]) -> R:
    """What somebody else gets: another thread stands outside of every transaction."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result()


def test_what_is_done_inside_is_seen_inside_at_once_and_by_others_afterwards_as_a_whole(front: Front) -> None:
    alice = front.agent()
    alice.remember(ready(0, id="before"))
    before = state_of(alice)
    with alice.transaction() as transaction:
        alice.remember([ready(1, id="a"), ready(2, id="b")])
        alice.forget("before")
        front.agent().learn("sail", ["hoist"])
        alice.revise("b", text="thing number two")
        alice.feel(PAD(0.7, 0.2, 0.1))
        alice.relate("Ann", "knows", "Bob")
        assert ids(alice) == ids(front.agent()) == ["a", "b"]
        assert [skill.name for skill in alice.skills()] == ["sail"]
        assert {hit.memory.id for hit in alice.recall("thing number", 10)} == {"a", "b"}
        inside = state_of(alice)
        assert outside(lambda: state_of(alice)) == before
        unknown = transaction.place
        assert unknown is None
    assert transaction.place == Place(alice.info.id, 7)
    assert state_of(alice) == inside
    assert outside(lambda: state_of(alice)) == inside
    assert [branch.branch for branch in alice.branches()] == ["main"]
    front.reopen()
    assert state_of(front.agent()) == inside


def test_a_commit_made_inside_and_its_time_mean_the_same_place(front: Front) -> None:
    alice = front.agent()
    alice.remember(ready(0, id="before"))
    with alice.transaction():
        alice.remember(ready(1, id="inside"))
        alice.checkpoint("inside")
    (made,) = [one for one in alice.commits() if one.message == "inside"]
    assert ids(alice, as_of=made.at) == ids(alice, as_of=made) == ["before", "inside"]


def test_what_copies_the_context_belongs_inside_and_a_plain_thread_does_not(front: Front) -> None:
    alice = front.agent()

    def seen() -> list[str]:
        return ids(alice)

    async def inside() -> list[list[str]]:
        async with alice.transaction():
            await asyncio.to_thread(alice.remember, ready(0, id="a"))
            found: list[list[str]] = []
            thread = threading.Thread(target=lambda: found.append(seen()))
            thread.start()
            await asyncio.to_thread(thread.join)
            return [*found, await asyncio.to_thread(seen)]

    assert asyncio.run(inside()) == [[], ["a"]]


def test_an_exception_drops_all_of_it_and_goes_on(front: Front) -> None:
    alice = front.agent()
    alice.remember(ready(0, id="before"))
    before, log = state_of(alice), alice.log()
    with suppress(ZeroDivisionError), alice.transaction():
        alice.remember(ready(1))
        alice.checkpoint("inside")
        alice.tag("inside")
        raise ZeroDivisionError
    assert (state_of(alice), alice.log(), alice.commits(), alice.tags()) == (before, log, [], [])
    alice.remember(ready(2, id="after"))
    assert ids(alice) == ["before", "after"]


def test_a_write_by_somebody_else_makes_it_fail_and_nothing_is_kept(front: Front) -> None:
    alice = front.agent()

    def clash() -> None:
        with alice.transaction():
            alice.remember(ready(1, id="inside"))
            outside(lambda: alice.remember(ready(2, id="outside")))

    with pytest.raises(TransactionConflict, match="alice@main: the transaction began after event 0"):
        clash()
    assert ids(alice) == ["outside"]
    with alice.transaction():
        alice.remember(ready(1, id="inside"))
    assert ids(alice) == ["outside", "inside"]


def test_of_two_at_once_the_first_to_commit_wins(front: Front) -> None:
    alice = front.agent()

    async def both() -> list[BaseException | None]:
        met = asyncio.Barrier(2)

        async def one(name: str) -> None:
            async with alice.transaction():
                await alice.remember.remote(ready(1, id=name))
                await met.wait()
                assert [memory.id for memory in await alice.memories.remote()] == [name]

        return list(await asyncio.gather(one("x"), one("y"), return_exceptions=True))

    results = asyncio.run(both())
    assert sorted(type(one).__name__ for one in results) == ["NoneType", "TransactionConflict"]
    assert ids(alice) == [["x", "y"][results.index(None)]]


def test_a_task_that_is_made_inside_belongs_to_it_and_one_that_outlives_it_is_refused(front: Front) -> None:
    alice = front.agent()

    async def main() -> None:
        over = asyncio.Event()

        async def late() -> None:
            await over.wait()
            await alice.remember.remote(ready(2))

        async with alice.transaction():
            await asyncio.gather(*(asyncio.create_task(said(f"m{n}")) for n in range(3)))
            lingering = asyncio.create_task(late())
        over.set()
        with pytest.raises(TransactionOver, match="alice@main"):
            await lingering

    async def said(name: str) -> None:
        await alice.remember.remote(ready(1, id=name))

    asyncio.run(main())
    assert sorted(ids(alice)) == ["m0", "m1", "m2"]


def test_what_cannot_be_taken_back_is_refused_inside(front: Front) -> None:
    alice, bob = front.agent(), front.agent("bob")
    what_if = alice.fork("what-if")
    with alice.transaction():
        for refused in (
            lambda: alice.fork("x"),
            lambda: alice.clone("x"),
            alice.delete,
            lambda: bob.merge(alice),
            lambda: what_if.merge(front.agent()),
            lambda: alice.transaction().__enter__(),
        ):
            with pytest.raises(TransactionOpen, match="alice@main is open here"):
                refused()
        with pytest.raises((TransactionOpen, InvalidInput)):
            alice.merge(alice)
        alice.remember(ready(0, id="kept"))
    assert ids(alice) == ["kept"]
    assert front.memory.agents() == ["alice", "bob"]


def test_one_is_used_once_and_two_branches_can_have_one_each(front: Front) -> None:
    alice, bob = front.agent(), front.agent("bob")
    with alice.transaction() as first, bob.transaction():
        front.memory.remember({"alice": ready(1, id="hers"), "bob": ready(2, id="his")})
        assert (ids(alice), ids(bob)) == (["hers"], ["his"])
        assert outside(lambda: (ids(alice), ids(bob))) == ([], [])
    assert (ids(alice), ids(bob)) == (["hers"], ["his"])
    with pytest.raises(TransactionOver, match="used once"):
        first.__enter__()
    with pytest.raises(TransactionOver):
        _ = Transaction(alice.info, front.directory).hidden


def test_places_of_the_block_are_places_of_the_branch_afterwards(front: Front) -> None:
    alice = front.agent()
    alice.remember(ready(0, id="a"))
    with alice.transaction():
        alice.remember(ready(1, id="b"))
        commit = alice.checkpoint("in the middle")
        tag = alice.tag("mid")
        alice.remember(ready(2, id="c"))
        assert ids(alice, as_of="mid") == ids(alice, as_of=tag) == ids(alice, as_of=commit) == ["a", "b"]
        alice.rollback(commit)
        assert ids(alice) == ["a", "b"]
        assert outside(lambda: (alice.commits(), alice.tags())) == ([], [])
        with pytest.raises(PlaceNotFound):
            outside(lambda: ids(alice, as_of="mid"))
        with pytest.raises(PlaceNotFound):
            outside(lambda: ids(alice, as_of="in the middle"))
    for place in (commit, tag, "mid", "in the middle", commit.place):
        assert ids(alice, as_of=place) == ["a", "b"]
    assert [one.place for one in alice.tags()] == [alice.commits()[0].place] == [Place(alice.info.id, 2)]
    assert alice.rollback(Place(alice.info.id, 3)).seq == 5
    assert ids(alice) == ["a", "b", "c"]


def test_a_place_of_a_dropped_one_is_refused(front: Front) -> None:
    alice = front.agent()
    with suppress(ZeroDivisionError), alice.transaction():
        alice.remember(ready(0))
        commit = alice.checkpoint("inside")
        raise ZeroDivisionError
    with pytest.raises(TransactionOver, match="dropped"):
        alice.memories(as_of=commit)


def test_a_tag_that_somebody_took_meanwhile_fails_the_whole(front: Front) -> None:
    alice = front.agent()
    what_if = alice.fork("what-if")

    def clash() -> None:
        with alice.transaction():
            alice.remember(ready(0))
            alice.tag("best")
            outside(lambda: what_if.tag("best"))

    with pytest.raises(AlreadyExists, match="'best'"):
        clash()
    assert ids(alice) == []
    assert [tag.place.branch for tag in alice.tags()] == [what_if.info.id]
    with alice.transaction():
        alice.remember(ready(0, id="kept"))
        with pytest.raises(AlreadyExists, match="'best'"):
            alice.tag("best")
        alice.untag("best")
        assert alice.tags() == []
        alice.tag("best")
    assert [tag.place for tag in alice.tags()] == [Place(alice.info.id, 1)]


def test_merging_inside_is_taken_back_with_it(front: Front) -> None:
    alice = front.agent()
    what_if = alice.fork("what-if")
    what_if.remember(ready(0, id="theirs"))
    with suppress(ZeroDivisionError), alice.transaction():
        assert alice.merge(what_if).added == ("theirs",)
        raise ZeroDivisionError
    assert ids(alice) == []
    with alice.transaction():
        alice.merge(what_if)
        assert ids(alice) == ["theirs"]
    assert alice.merge(what_if).added == ()
    assert ids(alice) == ["theirs"]


def test_a_commit_that_ray_repeats_is_done_once(front: Front) -> None:
    alice, host = front.agent(), front.host
    hidden = front.wait(host.begin(alice.info, "s.b"))
    inside = AgentHandle(hidden, alice._directory)
    inside.remember(ready(0, id="a"))
    front.wait(host.tag(hidden, "here", None, False, "s.t"))
    first = front.wait(host.commit(hidden, alice.info, ["s.t"], "s.c"))
    alice.remember(ready(1, id="b"))
    front.reopen()
    assert front.wait(front.host.commit(hidden, alice.info, ["s.t"], "s.c")) == first == Place(alice.info.id, 1)
    alice = front.agent()
    assert ids(alice) == ["a", "b"]
    assert [tag.name for tag in alice.tags()] == ["here"]
    with pytest.raises(TransactionOver):
        front.wait(front.host.remember_one(_request(hidden)))


def _request(branch: Any) -> Any:
    from quantum_memory.actors.requests import RememberRequest, utterances

    return RememberRequest(branch, utterances("late"), "s.late")


def test_a_restart_in_the_middle_loses_the_transaction_if_it_had_tags_and_nothing_else(front: Front) -> None:
    alice = front.agent()

    def restarted(*, tagged: bool) -> None:
        with alice.transaction():
            alice.remember(ready(0, id=f"tagged: {tagged}"))
            if tagged:
                alice.tag("x")
            front.reopen()

    restarted(tagged=False)
    with pytest.raises(TransactionOver, match="lost"):
        restarted(tagged=True)
    assert (ids(alice), alice.tags()) == (["tagged: False"], [])


def test_a_driver_that_dies_leaves_nothing_to_be_seen(front: Front) -> None:
    alice = front.agent()
    hidden = front.wait(front.host.begin(alice.info, "s.b"))
    AgentHandle(hidden, alice._directory).remember(ready(0))
    front.reopen()
    alice = front.agent()
    assert ids(alice) == []
    assert [one.branch for one in alice.branches()] == ["main"]
    assert [one.id for one in alice.tree().branches] == [alice.info.id]
    assert front.memory.find() == []
    with alice.transaction():
        alice.remember(ready(1, id="a"))
    assert ids(alice) == ["a"]


def test_what_was_begun_and_not_waited_for_is_kept_or_refused_but_never_lost(front: Front) -> None:
    alice = front.agent()
    with alice.transaction():
        begun = [alice.remember.remote(ready(n, id=f"m{n}")) for n in range(20)]
    outcomes = [one.future.exception() for one in begun]  # type: ignore[attr-defined]
    kept = [f"m{n}" for n, error in enumerate(outcomes) if error is None]
    assert ids(alice) == kept
    assert all(error is None or isinstance(error, TransactionOver) for error in outcomes)


Step = tuple[str, int, int]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["begin", "begin", "remember", "remember", "learn", "forget", "rollback", "commit", "commit", "abort"]
        ),
        st.integers(0, 2),
        st.integers(0, 20),
    ),
    min_size=4,
    max_size=24,
)


@dataclass
class Known:
    """What a branch should know, in plain words, and the order in which it came."""

    memories: list[str] = field(default_factory=list)
    working: list[str] = field(default_factory=list)
    skills: set[str] = field(default_factory=set)
    felt: bool = False
    events: int = 0
    past: dict[int, tuple[list[str], list[str], set[str], bool]] = field(
        default_factory=lambda: {0: ([], [], set(), False)}
    )

    def copy(self) -> Known:
        return Known(list(self.memories), list(self.working), set(self.skills), self.felt, self.events, dict(self.past))

    def moved(self) -> None:
        self.events += 1
        self.past[self.events] = list(self.memories), list(self.working), set(self.skills), self.felt


@given(STEPS)
@settings(max_examples=25, deadline=None)
def test_any_interleaving_keeps_committed_transactions_whole_and_others_not_at_all(steps: list[Step]) -> None:
    """Two transactions and plain writes, in any order, against a plain model, in every view."""
    with TemporaryDirectory() as folder:
        front = Front(folder)
        try:
            play(front, steps)
        finally:
            front.close()


class Player:
    """One transaction that is open or not: 0 and 1 are transactions, 2 writes plainly."""

    def __init__(self, front: Front) -> None:
        self.front = front
        self.transaction: Transaction | None = None
        self.sees: Known | None = None
        self.began = 0

    def reading(self) -> AgentHandle:
        """A handle that stands where this player does, whoever else has a transaction open."""
        handle = self.front.agent()
        return handle if self.transaction is None else AgentHandle(self.transaction.hidden, handle._directory)


def play(front: Front, steps: list[Step]) -> None:
    shared = Known()
    players = [Player(front), Player(front), Player(front)]
    for number, (kind, who, what) in enumerate(steps):
        shared = step(front, players[who], shared, (kind, who, what), number)
        for player in players:
            check(player.reading(), player.sees or shared)


def step(front: Front, player: Player, shared: Known, what: Step, number: int) -> Known:
    """Do one step for real; what the branch should know then. Contexts are kept apart by not staying inside one."""
    kind, who, choice = what
    if kind in ("begin", "commit", "abort") and who == 2:
        return shared
    if kind == "begin" and player.transaction is None:
        transaction = Transaction(front.agent().info, front.directory)
        outside(transaction.__enter__)
        player.transaction, player.sees, player.began = transaction, shared.copy(), shared.events
    elif kind in ("commit", "abort") and player.transaction is not None:
        return end(player, shared, keep=kind == "commit")
    elif kind in ("remember", "learn", "forget", "rollback"):
        known = player.sees or shared
        write(player.reading(), known, kind, choice, number)
    return shared


def end(player: Player, shared: Known, *, keep: bool) -> Known:
    transaction, sees = player.transaction, player.sees
    assert transaction is not None
    assert sees is not None
    player.transaction = player.sees = None
    if not keep:
        outside(lambda: transaction.__exit__(ValueError, ValueError(), None))
        return shared
    if shared.events == player.began:
        outside(lambda: transaction.__exit__(None, None, None))
        return sees
    with pytest.raises(TransactionConflict):
        outside(lambda: transaction.__exit__(None, None, None))
    return shared


def write(handle: AgentHandle, known: Known, kind: str, choice: int, number: int) -> None:
    if kind == "remember":
        handle.remember(Utterance(f"Ann met Bob{number} in Oslo.", id=f"m{number}", pad=PAD(0.9, 0.1, 0.0)))
        known.felt = True
        known.memories.append(f"m{number}")
        known.working.append(f"m{number}")
    elif kind == "learn":
        handle.learn(f"s{choice}", ["step"])
        known.skills.add(f"s{choice}")
    elif kind == "forget" and known.memories:
        gone = known.memories.pop(choice % len(known.memories))
        handle.forget(gone)
        known.working = [one for one in known.working if one != gone]
    elif kind == "rollback":
        seq = choice % (known.events + 1)
        place = Place(handle.info.id, seq)
        handle.rollback(place)
        memories, working, skills, known.felt = known.past[seq]
        known.memories, known.working, known.skills = list(memories), list(working), set(skills)
    else:
        return
    known.moved()


def check(handle: AgentHandle, known: Known) -> None:
    """Every view tells the same."""
    assert ids(handle) == known.memories
    assert [memory.id for memory in handle.working()] == known.working
    assert {skill.name for skill in handle.skills()} == known.skills
    graph: nx.Graph = handle.graph()
    assert {key[1] for key, kind in graph.nodes(data="kind") if kind == "memory"} == set(known.memories)
    assert len(handle.log(1000)) == known.events
    mood = handle.mood()
    assert (mood.mean.pleasure > 0.01, mood.at is not None) == (known.felt, known.felt)
    assert {hit.memory.id for hit in handle.recall("Ann met Bob", 50)} == set(known.memories)
