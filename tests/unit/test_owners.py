"""Several orchestrators over one vault, whose sizes change while they work: one order of writes, and fresh reads."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any, Generic, TypeVar, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.actors.agent import QuantumMemoryHost
from quantum_memory.actors.directory import Directory
from quantum_memory.actors.handle import AgentHandle
from quantum_memory.actors.journal import Journal
from quantum_memory.actors.operations import Call
from quantum_memory.actors.parts import local_parts
from quantum_memory.actors.ports import LocalVault
from quantum_memory.actors.requests import MergeRequest, RecallRequest, RememberRequest, utterances
from quantum_memory.actors.rerouting import Router
from quantum_memory.actors.tenure import Tenure
from quantum_memory.actors.vault import VaultHost
from quantum_memory.errors import ActorUnavailable, Fenced, QuantumMemoryError, WriteFailed
from quantum_memory.memory.vault.writes import Append, Resize
from quantum_memory.policies.placement import Layout
from quantum_memory.settings import Settings, load
from quantum_memory.types import Branch, Filters, Place
from tests.unit.orchestra import DIM, ready
from tests.unit.scribe import label

R = TypeVar("R")
NAMES = [f"agent {number}" for number in range(6)]


class Told(Generic[R]):
    """An answer that is there, for whoever waits for it."""

    def __init__(self, what: R) -> None:
        self._what = what

    def __await__(self) -> Generator[Any, None, R]:
        yield from ()
        return self._what


class Begun(Call[R]):
    """A call to a host on this event loop."""

    def __init__(self, begin: Callable[[], Coroutine[Any, Any, R]]) -> None:
        self._begun = begin

    def begin(self) -> Awaitable[R]:
        return asyncio.ensure_future(self._begun())

    def __await__(self) -> Generator[Any, None, R]:
        return self.begin().__await__()


class Streets(Directory):
    """Finds orchestrators by number in a dictionary, as Ray does by name."""

    def __init__(self, town: Town, layout: Layout) -> None:
        super().__init__("town", Layout(layout.sizes, layout.version, f"{layout.cluster} as {id(self)} knows it"), 9, 1)
        self._town = town

    def learn(self, layout: Layout) -> None:
        known = self.layout
        super().learn(Layout(layout.sizes, layout.version, known.cluster))

    def call(
        self,
        pool: str,
        number: int,
        method: str,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any] | None = None,
        texts: int = 0,
        deadline_s: float | None = None,
    ) -> Call[Any]:
        assert (pool, kwargs) == ("agents", None)
        self._town.times.append((texts, deadline_s))  # nobody waits here
        if number not in self._town.named:
            raise ActorUnavailable(f"orchestrator {number}", "not found")

        async def do() -> Any:
            await self._town.pause()
            return await getattr(self._town.named[number], method)(*args)

        return Begun(do)


class Town:
    """A vault, its views, and orchestrators with numbers. ``named`` is who would be found by name."""

    def __init__(self, folder: str, size: int) -> None:
        self.settings: Settings = load(
            {
                "perception": {"model": "hashing", "dim": DIM},
                "storage": str(folder),
                "pools": {"agents": {"size": size}},
                "placement": "inline",
            }
        )
        self.chance: random.Random | None = None
        self.vault = VaultHost(self.settings, cluster="town")
        self.named: dict[int, QuantumMemoryHost] = {}
        self.everybody: list[QuantumMemoryHost] = []
        self.times: list[tuple[int, float | None]] = []
        lone = Journal(LocalVault(self.vault), lambda _: False)
        self.views = local_parts(self.settings, lone, self.vault)

    async def pause(self) -> None:
        for _ in range(self.chance.randrange(4) if self.chance else 0):
            await asyncio.sleep(0)

    def made(self, number: int) -> QuantumMemoryHost:
        """A process of an orchestrator. All share the views, which hold states by place and so are never stale."""
        directory, vault = Streets(self, self.vault.layout()), LocalVault(self.vault)
        tenure = Tenure(vault, directory, number)
        tenure.begun(Told(self.vault.enlist(number, tenure.process)))
        parts = replace(self.views, journal=Journal(vault, tenure.owns, tenure))
        host = QuantumMemoryHost(self.settings, directory, number, parts)
        self.everybody.append(host)
        self.named[number] = host
        return host

    def resize(self, size: int) -> Layout:
        """The vault alone knows of it yet."""
        version = self.vault.layout().version
        (outcome,) = self.vault.write([Resize("agents", size, version, 0.0, f"resize {version}")])
        assert not isinstance(outcome, QuantumMemoryError)
        return self.vault.layout()

    async def retold(self, before: int, layout: Layout) -> None:
        """Tell everybody as a change of size does: whoever loses lineages first."""
        after = layout.sizes["agents"]
        losing = range(after, before) if after < before else range(before)
        for numbers in (losing, sorted(set(self.named) - set(losing))):
            await asyncio.gather(*(self.named[number].relayout(layout) for number in numbers))

    def other(self, number: int) -> QuantumMemoryHost:
        """The process of that number, with a new one in its place that nobody told the old one of."""
        old = self.named[number]
        self.made(number)
        return old

    async def opened(self, names: list[str]) -> list[Branch]:
        return [handle.info for handle in await self.named[0].open(names, create=True)]

    def texts(self, branch: Branch) -> list[str]:
        entries = self.vault.entries(branch.id, 0, self.vault.head(branch.id))
        return [memory.text for entry in entries for memory in getattr(entry.event, "memories", ())]


async def said(host: QuantumMemoryHost, branch: Branch, text: str, op_id: str) -> None:
    await host.remember_one(RememberRequest(branch, utterances(ready(len(text), text)), op_id))


async def heard(host: QuantumMemoryHost, branch: Branch) -> list[str]:
    return [memory.text for memory in await host.memories(branch, None)]


def in_town(scene: Callable[[Town], Awaitable[None]], size: int = 1) -> None:
    async def play(folder: str) -> None:
        town = Town(folder, size)
        try:
            for number in range(size):
                town.made(number)
            await scene(town)
        finally:
            await town.named[0].close()
            town.vault.close()

    with TemporaryDirectory() as folder:
        asyncio.run(play(folder))


def test_a_call_that_reaches_the_wrong_orchestrator_is_done_by_the_right_one() -> None:
    async def scene(town: Town) -> None:
        branches = await town.opened(NAMES)
        for branch in branches:
            for number in town.named:
                await said(town.named[number], branch, f"to {number}", f"{branch.id} {number}")
                assert await heard(town.named[2 - number], branch) == [f"to {n}" for n in range(number + 1)]
        written = {row.member for row in lineages(town)}
        assert written == {town.vault.layout().member("agents", branch.lineage) for branch in branches}
        assert all(row.epoch == 1 for row in lineages(town)), "nobody but the owner ever took one up"

    in_town(scene, size=3)


def test_one_call_for_many_is_split_and_put_together_in_order() -> None:
    async def scene(town: Town) -> None:
        branches = await town.opened(NAMES)
        requests = [RememberRequest(one, utterances(ready(1, f"of {one.agent}")), f"op {one.id}") for one in branches]
        taken = RememberRequest(branches[0], utterances(ready(2, "other", id="x")), "op x")
        clash = RememberRequest(branches[0], utterances(ready(3, "not the same", id="x")), "op y")
        await town.named[0].remember_one(taken)
        answers = await town.named[1].remember_each([*requests[1:], clash])
        assert [isinstance(one, list) for one in answers] == [True] * 5 + [False]
        moods = await town.named[2].mood_each([(branch, None) for branch in branches])
        assert len(moods) == len(branches)
        assert [town.texts(branch) for branch in branches] == [["other"], *([f"of {name}"] for name in NAMES[1:])]

    in_town(scene, size=3)


def test_what_was_heard_while_somebody_looked_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until it has heard how things stand it takes itself for the owner, and nobody will say when a head moves on."""

    async def scene(town: Town) -> None:
        (alice,) = await town.opened(["alice"])
        await said(town.named[0], alice, "one", "op 1")
        old = town.other(0)
        journal = old._parts.journal
        assert journal.tenure is not None
        look = journal.tenure.look

        async def meanwhile() -> None:
            assert (await journal.tip(alice)).seq == 1
            await look()

        monkeypatch.setattr(journal.tenure, "look", meanwhile)
        await town.named[0].status()
        await said(old, alice, "two", "op 2")
        await said(town.named[0], alice, "three", "op 3")
        assert (await journal.tip(alice)).seq == 3

    in_town(scene)


def test_an_epoch_that_is_told_after_all_was_forgotten_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(town: Town) -> None:
        (alice,) = await town.opened(["alice"])
        journal = town.named[0]._parts.journal
        assert journal.tenure is not None
        ask = journal._vault.ask

        async def late(method: Any, *args: Any, **kwargs: Any) -> Any:
            answer = await ask(method, *args, **kwargs)
            if method is VaultHost.write:
                journal.forget()
            return answer

        monkeypatch.setattr(journal._vault, "ask", late)
        await said(town.named[0], alice, "one", "op 1")
        await town.named[0].tag(alice, "best", None, False, "op 2")
        assert journal.tenure.holder(alice.lineage).epoch == 0
        monkeypatch.undo()
        await said(town.named[0], alice, "two", "op 3")
        assert journal.tenure.holder(alice.lineage).epoch == 1

    in_town(scene)


def test_what_is_passed_on_has_as_much_time_as_its_driver_gave_it() -> None:
    async def scene(town: Town) -> None:
        branches = await town.opened([f"agent {number}" for number in range(24)])
        layout = town.vault.layout()
        away = [branch for branch in branches if layout.member("agents", branch.lineage) == 1]
        here = town.named[0]
        three = utterances([ready(number, text) for number, text in enumerate("abc")])
        await here.remember_each([RememberRequest(branch, three, f"op {branch.id}") for branch in away])
        question = RecallRequest(away[0], "x", 1, Filters(), None)
        await here.recall_one(replace(question, deadline_s=60.0))
        await here.recall_each([question, replace(question, deadline_s=60.0)])
        await here.memories(away[0], None)
        assert len(away) > 1
        assert town.times == [(3 * len(away), None), (0, 60.0), (2, None), (0, None)]

    in_town(scene, size=2)


class Held:
    """A right to write that is another's from one moment on."""

    number, enlisted, replaced, mine = 0, True, False, True

    async def enlist(self, *, reading: bool = False) -> None:
        """It is."""

    async def look(self) -> None:
        """It is known already."""

    def owns(self, _: str) -> bool:
        return self.mine

    def owner(self, _: str) -> int:
        return 0 if self.mine else 1


class Elsewhere:
    """Where another orchestrator answers."""

    def call(self, _: str, number: int, __: str, told: tuple[str, Any], **___: Any) -> Awaitable[Any]:
        async def answered() -> Any:
            return [f"{number}" for _ in told[1][0]] if told[0].endswith("_each") else f"{number}"

        return answered()


@pytest.mark.parametrize("moves", [True, False], ids=["the lineage moves", "it stays"])
@pytest.mark.parametrize("method", ["recall_one", "recall_each"])
def test_where_a_part_is_away_and_the_lineage_has_moved_whoever_has_it_is_asked(method: str, *, moves: bool) -> None:
    """A question alone, and one among others. Where it has not moved, nobody would fare better."""

    async def scene() -> Any:
        tenure, gone = Held(), ActorUnavailable("EpisodicMemoryActor-0", "it died")
        journal = SimpleNamespace(tenure=tenure, forget=lambda: None)
        router = Router(cast("Journal", journal), cast("Directory", Elsewhere()))
        branch = Branch("b", "alice", "main", "b", "root", None, 0, datetime.now(UTC))
        question = RecallRequest(branch, "x", 1, Filters(), None)

        async def one() -> Any:
            tenure.mine = not moves
            raise gone

        async def each(some: Sequence[Any]) -> list[Any]:
            tenure.mine = not moves
            return [gone for _ in some]

        if method == "recall_each":
            return (await router.each(method, [question], (), each))[0]
        try:
            return await router.one(method, "b", (question,), one)
        except ActorUnavailable as error:
            return error

    answer = asyncio.run(scene())
    assert answer == "1" if moves else isinstance(answer, ActorUnavailable)


class Unsent(Call[Any]):
    """A call that goes nowhere."""

    def __init__(self) -> None:
        """There is nobody to be called."""

    def begun(self) -> Callable[[], Any]:
        return lambda: None


class Asking(Directory):
    """Keeps what a driver would send to an orchestrator, and how long it would wait."""

    def __init__(self) -> None:
        super().__init__("asking", {"agents": 1}, 9.0, 1.0)
        self.asked: list[tuple[str, tuple[Any, ...], int, float | None]] = []

    def call(
        self,
        pool: str,
        number: int,
        method: str,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any] | None = None,
        texts: int = 0,
        deadline_s: float | None = None,
    ) -> Call[Any]:
        assert (pool, number, kwargs) == ("agents", 0, None)
        self.asked.append((method, args, texts, deadline_s))
        return Unsent()


ASKED: dict[str, Callable[[AgentHandle], object]] = {
    "two texts": lambda agent: agent.remember.begun([ready(1), ready(2)]),
    "a text and a time": lambda agent: agent.remember.begun(ready(1), deadline_s=77.0),
    "a question": lambda agent: agent.recall.begun("x", deadline_s=77.0),
    "a context": lambda agent: agent.context.begun("x", deadline_s=77.0),
    "a context for who counts": lambda agent: agent.context.begun("x", tokenizer=len, deadline_s=77.0),
    "a mood": lambda agent: agent.mood.begun(deadline_s=77.0),
    "another text": lambda agent: agent.revise.begun("m", text="x"),
    "other tags": lambda agent: agent.revise.begun("m", tags="x"),
    "statements": lambda agent: agent.extract_relations.begun(50),
    "all statements": lambda agent: agent.extract_relations.begun(10**6),
    "a skill": lambda agent: agent.learn.begun("sail", ["hoist"]),
    "a lesson": lambda agent: agent.learn_from.begun(["m"], name="sail"),
    "skills": lambda agent: agent.skills.begun("x"),
    "memories": lambda agent: agent.memories.begun(),
}
TIMES: dict[str, tuple[int, float | None]] = {
    "two texts": (2, None),
    "a text and a time": (1, 77.0),
    "a question": (0, 77.0),
    "a context": (0, 77.0),
    "a context for who counts": (0, 77.0),
    "a mood": (0, 77.0),
    "another text": (1, None),
    "other tags": (0, None),
    "statements": (50, None),
    "all statements": (10_000, None),
    "a skill": (1, None),
    "a lesson": (100, None),
    "skills": (1, None),
    "memories": (0, None),
}
"""How many texts each is reckoned to bring, and how long it may take by what it says."""


@pytest.mark.parametrize("what", TIMES)
def test_an_orchestrator_that_passes_a_call_on_waits_as_long_as_its_driver(what: str) -> None:
    async def scene(town: Town) -> None:
        branches = await town.opened([f"agent {number}" for number in range(24)])
        layout = town.vault.layout()
        away = next(one for one in branches if layout.member("agents", one.lineage) == 1)
        driver = Asking()
        ASKED[what](AgentHandle(away, driver))
        ((method, args, texts, due_s),) = driver.asked
        with suppress(QuantumMemoryError):  # nothing is there that could be found
            await getattr(town.named[0], method)(*args)
        assert town.times == [(texts, due_s)] == [TIMES[what]]

    in_town(scene, size=2)


def test_who_was_replaced_finds_that_out_and_passes_the_call_on() -> None:
    async def scene(town: Town) -> None:
        (alice,) = await town.opened(["alice"])
        await said(town.named[0], alice, "one", "op 1")
        old = town.other(0)
        await said(town.named[0], alice, "two", "op 2")
        await said(old, alice, "three", "op 3")
        assert await heard(town.named[0], alice) == await heard(old, alice) == ["one", "two", "three"]
        await said(old, alice, "three", "op 3")
        await said(town.named[0], alice, "one", "op 1")
        assert town.texts(alice) == ["one", "two", "three"]

    in_town(scene)


def test_who_is_found_by_name_is_the_orchestrator_even_if_another_process_came_later() -> None:
    """As when a process that Ray had given up on enlists after the one in its place."""

    async def scene(town: Town) -> None:
        (alice,) = await town.opened(["alice"])
        await said(town.named[0], alice, "one", "op 1")
        right = town.named[0]
        late = town.made(0)
        await said(late, alice, "two", "op 2")
        town.named[0] = right
        await said(right, alice, "three", "op 3")
        await said(late, alice, "four", "op 4")
        assert await heard(right, alice) == ["one", "two", "three", "four"]

    in_town(scene)


def test_what_was_decided_before_somebody_else_wrote_is_decided_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice the sizes change while a merge reads: the head that it was decided on is the one that it must follow."""

    async def scene(town: Town) -> None:
        alice, bob = await town.opened(["alice", "bob"])
        await said(town.named[0], alice, "hers", "a")
        await said(town.named[0], bob, "his", "b")
        host, journal = town.named[0], town.named[0]._parts.journal
        seen: list[str] = []
        ask = journal.ask

        async def interrupted(method: Any, *args: Any) -> Any:
            if method is VaultHost.merge_base and not seen:
                seen.append("in between")
                (outcome,) = town.vault.write([Append(alice.id, town.vault.head(alice.id), label("x"), "somebody")])
                assert not isinstance(outcome, QuantumMemoryError)
                journal.forget()
            return await ask(method, *args)

        monkeypatch.setattr(journal, "ask", interrupted)
        report = await host.merge(MergeRequest(alice, bob, None, "ours", 0.5, "m"))
        assert (seen, len(report.added)) == (["in between"], 1)
        entries = town.vault.entries(alice.id, 0, town.vault.head(alice.id))
        assert [type(entry.event).__name__ for entry in entries] == ["Remembered", "Forgotten", "Merged"]

    in_town(scene)


def test_a_transaction_that_is_fenced_off_is_left_open_for_the_new_owner() -> None:
    async def scene(town: Town) -> None:
        (alice,) = await town.opened(["alice"])
        host = town.named[0]
        hidden = await host.begin(alice, "t1")
        await said(host, hidden, "inside", "op 1")
        town.other(0)
        await town.named[0].remember_one(RememberRequest(hidden, utterances(ready(4, "more")), "op 2"))
        place = await host.commit(hidden, alice, (), "t2")
        assert place == Place(alice.id, 2)
        assert await heard(town.named[0], alice) == ["inside", "more"]

    in_town(scene)


def test_a_vault_that_takes_no_writes_is_read_by_orchestrators_too(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(town: Town) -> None:
        (alice,) = await town.opened(["alice"])
        await said(town.named[0], alice, "one", "op 1")
        host = town.made(0)

        def full(*_: Any) -> Any:
            raise WriteFailed("disk", "it is full")

        monkeypatch.setattr(town.vault._open().commits, "submit", full)
        assert await heard(host, alice) == ["one"]
        with pytest.raises(WriteFailed):
            await said(host, alice, "two", "op 2")
        monkeypatch.undo()
        await said(host, alice, "two", "op 2")
        assert await heard(host, alice) == ["one", "two"]

    in_town(scene)


def test_nobody_to_pass_a_call_on_to_is_told_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quantum_memory.actors.rerouting.PAUSES_S", (0.0, 0.0))

    async def scene(town: Town) -> None:
        branches = await town.opened([f"agent {number}" for number in range(20)])
        layout = town.resize(2)
        away = next(one for one in branches if layout.member("agents", one.lineage) == 1)
        with pytest.raises(ActorUnavailable, match="orchestrator 1"):
            await said(town.named[0], away, "one", "op 1")
        answers = await town.named[0].remember_each(
            [RememberRequest(one, utterances(ready(5, "x")), f"op {one.id}") for one in branches]
        )
        for branch, answer in zip(branches, answers, strict=True):
            assert isinstance(answer, ActorUnavailable) == (layout.member("agents", branch.lineage) == 1)
        town.made(1)
        larger = Layout({"agents": 3}, 99)
        town.named[1]._directory.learn(larger)
        stranger = next(one for one in branches if larger.member("agents", one.lineage) != 1)
        with pytest.raises(Fenced):
            await town.named[1].forwarded("memories", (stranger, None))

    in_town(scene)


def lineages(town: Town) -> list[Any]:
    import sqlalchemy as sa

    with town.vault._open().vault.database.read() as connection:
        return list(connection.execute(sa.text("SELECT * FROM lineages")))


async def years(town: Town, seed: int) -> None:
    """Drivers write and read through anybody while orchestrators are replaced and sizes change."""
    chance = town.chance = random.Random(seed)
    branches = await town.opened(NAMES[:3])
    acknowledged: dict[str, list[str]] = {branch.id: [] for branch in branches}

    async def driver(which: int) -> None:
        for number in range(6):
            branch, text = chance.choice(branches), f"driver {which} said {number}"
            anybody = chance.choice(town.everybody)
            if chance.random() < 0.3:
                request = RememberRequest(branch, utterances(ready(number, text)), text)
                (answer,) = await anybody.remember_each([request])
                assert isinstance(answer, list)
            else:
                await said(anybody, branch, text, text)
            acknowledged[branch.id].append(text)
            known = list(acknowledged[branch.id])
            found = await heard(chance.choice(list(town.named.values())), branch)
            assert set(known) <= set(found), "read after it was acknowledged"
            if chance.random() < 0.2:
                await said(chance.choice(town.everybody), branch, text, text)  # a retry of what was done

    async def trouble() -> None:
        for _ in range(4):
            await asyncio.sleep(0.002 * chance.random())
            if chance.random() < 0.5:
                town.other(chance.choice(sorted(town.named)))
                continue
            before, size = town.vault.layout().sizes["agents"], chance.randrange(1, 4)
            for number in range(size):
                if number not in town.named:
                    await town.made(number).status()
            layout = town.resize(size)
            await town.pause()
            await town.retold(before, layout)

    await asyncio.gather(*(driver(which) for which in range(3)), trouble())
    for branch in branches:
        texts = town.texts(branch)
        assert len(set(texts)) == len(texts), "nothing twice"
        assert set(texts) == set(acknowledged[branch.id]), "nothing lost"


@given(st.integers(0, 2**32), st.integers(1, 3))
@settings(max_examples=12, deadline=None)
def test_whatever_happens_to_orchestrators_writes_are_ordered_and_reads_are_fresh(seed: int, size: int) -> None:
    in_town(lambda town: years(town, seed), size=size)
