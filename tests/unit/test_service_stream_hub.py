"""Who is woken by what, and what he is told then: without sockets, beside a plain list of all that happened."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.cluster.service.principals import Principal
from quantum_memory.cluster.service.stream import arrears, lanes, moods, session, window
from quantum_memory.cluster.service.stream.arrears import Arrears, Counted
from quantum_memory.cluster.service.stream.audience import Follower
from quantum_memory.cluster.service.stream.encoding import Encoder
from quantum_memory.cluster.service.stream.hub import FELT, Hub, Page
from quantum_memory.cluster.service.stream.lanes import Watched
from quantum_memory.cluster.service.stream.messages import (
    Ack,
    Heartbeat,
    Ping,
    Subscribe,
    Unsubscribe,
    Welcome,
    read,
    written,
)
from quantum_memory.cluster.service.stream.moods import Moods
from quantum_memory.cluster.service.stream.readings import Readings, Seen
from quantum_memory.cluster.service.stream.session import Session
from quantum_memory.cluster.service.stream.window import Window, held_bytes
from quantum_memory.cluster.service.tenants import belonging, inside, outside
from quantum_memory.errors import AgentNotFound, DeadlineExceeded, Denied, RateLimited, Unavailable
from quantum_memory.memory.vault.feed import Feed, FeedEntry, Wanted
from quantum_memory.types import Mood
from quantum_memory_client import NoAnswer, Retries
from quantum_memory_client.following import Following

AT = datetime(2026, 1, 1, tzinfo=UTC)
MOOD = cast(
    "Mood",
    SimpleNamespace(
        mean=SimpleNamespace(pleasure=0.1, arousal=0.1, dominance=0.1), spread=(0.1, 0.1, 0.1), emotions=(), at=None
    ),
)
ACME = Principal("key:ann", "acme", "reader")
NAMES = ("alice", "bob", "acme:alice", "acme:bob", "acme:anna", "other:alice", "a:b:c")


def change(position: int, agent: str, action: str = "remembered", branch: str = "main", text: str = "") -> FeedEntry:
    return FeedEntry(position, AT, agent, f"{agent}/{branch}", branch, position, action, {"text": text})


class Vault:
    """A vault that knows what happened, and what it was asked."""

    def __init__(self) -> None:
        self.all: list[FeedEntry] = []
        self.asked: list[tuple[int, Wanted | None]] = []
        self.away = False
        self.step = 3

    async def follow(self, after: int, limit: int, wait_s: float, wanted: Wanted | None = None) -> Feed:
        if wait_s:
            await asyncio.Event().wait()  # whoever plays hands the hub what happens himself
        self.asked.append((after, wanted))
        await asyncio.sleep(0)
        if self.away:
            raise Unavailable("the vault is being restarted")
        some = self.all[after : after + min(limit, self.step)]
        kept = [one for one in some if wanted is None or (wanted.agent(one.agent) and one.action in wanted.actions)]
        return Feed(tuple(kept), some[-1].position if some else len(self.all))

    async def branches(
        self, who: Principal, agents: Collection[str] | None, name: str | None, most: int
    ) -> tuple[list[tuple[str, str]], bool]:
        await asyncio.sleep(0)
        if self.away:
            raise Unavailable("the vault is being restarted")
        there = dict.fromkeys((one.agent or "", one.name or "") for one in self.all)
        own = [
            (agent, branch)
            for agent, branch in there
            if (tenants := outside(who.tenant, agent)) is not None and who.sees(tenants)
            if (agents is None or agent in agents) and name in (None, branch)
        ]
        return own[:most], len(own) <= most

    def happens(self, hub: Hub, *agents: str, action: str = "remembered", branch: str = "main") -> None:
        fresh = [change(len(self.all) + 1 + number, agent, action, branch) for number, agent in enumerate(agents)]
        self.all += fresh
        hub._take(Feed(tuple(fresh), len(self.all)))


class Listener:
    """A session whose client notes what it is told, and acknowledges when it is asked to."""

    def __init__(self, hub: Hub, who: Principal = ACME, features: frozenset[str] = frozenset()) -> None:
        self.got: list[dict[str, Any]] = []
        self.tokens, self.turns = 10_000, 0
        self.session = Session(hub, Encoder(), who, self._stands, self._send, _never, self._counted, features)
        tell = self.session._tell

        async def counting() -> None:
            self.turns += 1
            await tell()

        self.session._tell = counting  # type: ignore[method-assign]
        self._task: asyncio.Task[Any] = asyncio.create_task(self.session.run())

    async def _stands(self) -> bool:
        return True

    async def _send(self, text: bytes) -> None:
        self.got.append(json.loads(text))
        await asyncio.sleep(0)

    async def _counted(self, cost: float) -> None:
        assert cost == arrears.PAGE_COST
        if not self.tokens:
            raise RateLimited("key", 0.05)
        self.tokens -= 1

    async def takes(self) -> None:
        await self.session.heard(Ack(len(self.got)))

    def told(self, name: str = "s") -> list[int]:
        return [
            one["position"] for one in self.got if one["type"] == "memory_operation" and one["subscription"] == name
        ]

    def felt(self, known: dict[str, int]) -> dict[str, int]:
        """Up to which position he knows each mood, with what he was told."""
        for one in self.got:
            if one["type"] == "emotional_update":
                known = known | {one["agent"]: max(one["position"], known.get(one["agent"], 0))}
        return known

    def moods(self) -> list[str]:
        return [one["agent"] for one in self.got if one["type"] == "emotional_update"]

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self.session.end()


def _never(_: Denied) -> None:
    raise AssertionError


async def _no_mood(_: Watched) -> Mood:
    raise Unavailable("nobody reads moods here")


class Gate:
    """Moods that are read as long as it is open."""

    def __init__(self, *, is_open: bool = True) -> None:
        self.open = asyncio.Event()
        if is_open:
            self.open.set()

    async def read(self, _: Watched) -> Mood:
        await self.open.wait()
        return MOOD


async def _all_there(names: Sequence[str]) -> Sequence[str]:
    return names


async def until(holds: Callable[[], bool]) -> None:
    while not holds():  # noqa: ASYNC110 - a session tells nobody when it is
        await asyncio.sleep(0.002)


async def settled() -> None:
    for _ in range(60):
        await asyncio.sleep(0)


def played(play: Callable[[Vault, Hub], Awaitable[None]]) -> None:
    async def going() -> None:
        vault = Vault()
        hub = Hub(vault.follow, Moods(_no_mood, _all_there), vault.branches)
        await hub.start(0)
        try:
            async with asyncio.timeout(20.0):
                await play(vault, hub)
        finally:
            await hub.stop()

    asyncio.run(going())


def test_nobody_is_woken_by_what_does_not_concern_him() -> None:
    async def play(vault: Vault, hub: Hub) -> None:
        named, all_of_acme, feels, narrow = (Listener(hub) for _ in range(4))
        await named.session.heard(Subscribe("s", ("alice",), ("memories", "mood")))
        await all_of_acme.session.heard(Subscribe("s", ("*",), ("memories", "mood")))
        await feels.session.heard(Subscribe("s", ("alice",), ("mood",)))
        await narrow.session.heard(Subscribe("s", ("alice",), ("memories",), branch="what-if"))
        everybody = [named, all_of_acme, feels, narrow]
        await settled()
        before = [one.turns for one in everybody]
        for _ in range(50):
            vault.happens(hub, "bob", "other:alice", "alice")
            hub.moods._take(Watched("other:alice", "main"), 1, MOOD)
            await settled()
        assert [one.turns for one in everybody] == before
        assert [hub.upto(one) for each in everybody for one in each.session._subscriptions.values()] == [150] * 4
        vault.happens(hub, "acme:bob")
        await settled()
        assert [one.turns - was for one, was in zip(everybody, before, strict=True)] == [0, 1, 0, 0]
        vault.happens(hub, "acme:alice")
        await settled()
        assert [one.turns - was for one, was in zip(everybody, before, strict=True)] == [1, 2, 0, 0]
        hub.moods._take(Watched("acme:alice", "main"), 152, MOOD)
        await settled()
        assert [one.turns - was for one, was in zip(everybody, before, strict=True)] == [2, 3, 1, 0]
        assert [one.told() for one in everybody] == [[152], [151, 152], [], []]
        assert [one.moods() for one in everybody] == [["alice"], ["alice"], ["alice"], []]
        vault.happens(hub, "acme:alice", branch="what-if")
        await settled()
        assert narrow.told() == [153]
        assert vault.asked == [], "all of it was at hand"
        for one in everybody:
            await one.stop()
        assert not list(hub._audience)
        assert not hub._audience._agents
        assert not hub._audience._tenants

    played(play)


WISHES = st.sampled_from([("*",), ("alice",), ("bob", "anna"), ("nobody",)])
ACTS = st.one_of(
    st.tuples(st.just("happens"), st.lists(st.sampled_from(NAMES), min_size=1, max_size=6)),
    st.tuples(st.just("subscribes"), st.tuples(WISHES, st.one_of(st.none(), st.integers(0, 30)))),
    st.tuples(st.just("takes"), st.none()),
    st.tuples(st.just("turns"), st.integers(0, 5)),
    st.tuples(st.just("away"), st.booleans()),
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(ACTS, max_size=25),
    st.sampled_from([("*",), ("a*",), ("alice",), ("nobody",)]),
    st.sampled_from([1, 2, 5, 4096]),
    st.sampled_from([4, 1024]),
    st.integers(1, 4),
)
def test_everybody_is_told_all_that_concerns_him_once_and_in_order(
    acts: list[tuple[str, Any]], patterns: tuple[str, ...], most: int, credit: int, step: int
) -> None:
    """Whatever the window holds, however far back he begins, and however slowly he takes it."""

    async def play(vault: Vault, hub: Hub) -> None:
        vault.step = step
        who = Principal("key:ann", "acme", "reader", patterns)
        to, wishes = Listener(hub, who), dict[str, tuple[tuple[str, ...], int]]()
        for number, (act, value) in enumerate(acts):
            if act == "happens":
                vault.happens(hub, *value)
            elif act == "subscribes":
                names = tuple(one for one in value[0] if one == "*" or who.sees(one)) or ("*",)
                after = None if value[1] is None else min(value[1], hub.position)
                wishes[str(number)] = names, hub.position if after is None else after
                await to.session.heard(Subscribe(str(number), names, ("memories",), after=after))
            elif act == "takes":
                await to.takes()
            elif act == "turns":
                for _ in range(value):
                    await asyncio.sleep(0)
            else:
                vault.away = value
        vault.away = False
        want = {
            name: [
                one.position
                for one in vault.all[after:]
                if (own := outside("acme", one.agent or "")) and who.sees(own) and ("*" in names or own in names)
            ]
            for name, (names, after) in wishes.items()
        }
        while {name: to.told(name) for name in wishes} != want:
            await to.takes()
            await asyncio.sleep(0.002)
            assert all(to.told(name) == want[name][: len(to.told(name))] for name in wishes)
        assert not any(one["type"] == "lagging" for one in to.got)
        await to.takes()
        await until(lambda: to.session._told_upto() == hub.position)
        await to.stop()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(window, "MOST_ENTRIES", most)
        patch.setattr(session, "CREDIT", credit)
        patch.setattr(session, "AGAIN_S", 0.01)
        played(play)


def test_who_is_behind_pays_for_each_page_and_goes_on_when_he_may() -> None:
    async def play(vault: Vault, hub: Hub) -> None:
        vault.happens(hub, *["acme:alice"] * 12)
        await hub.start(12)
        to = Listener(hub)
        to.tokens = 2
        await to.session.heard(Subscribe("s", ("alice",), ("memories",), after=0))
        await asyncio.sleep(0.02)
        assert to.told() == [1, 2, 3, 4, 5, 6]
        assert len(vault.asked) == 2
        vault.happens(hub, "acme:alice")
        await settled()
        assert len(vault.asked) == 2, "what happens lets nobody ask again sooner"
        to.tokens = 10
        await until(lambda: len(to.told()) == 13)
        assert to.told() == list(range(1, 14))
        assert len(vault.asked) == 4
        await to.stop()

    played(play)


def test_who_is_told_of_moods_alone_has_only_read_in_the_vault_what_was_felt_while_he_was_away() -> None:
    async def play(vault: Vault, hub: Hub) -> None:
        vault.happens(hub, *["acme:alice"] * 12)
        await hub.start(12)
        hub.moods._read = Gate().read
        to = Listener(hub)
        await to.session.heard(Subscribe("s", ("alice",), ("mood",)))
        await settled()
        assert vault.asked == []
        assert to.session._told_upto() == 12
        await to.session.heard(Subscribe("t", ("alice",), ("mood",), after=0))
        await until(lambda: to.session._told_upto() == 12)
        assert {wanted.actions for _, wanted in vault.asked if wanted is not None} == {FELT}
        pages = len(vault.asked)
        assert pages == 4
        vault.happens(hub, *["acme:alice"] * 12)
        await until(lambda: to.session._told_upto() == 24)
        assert len(vault.asked) == pages
        await to.stop()

    played(play)


def test_one_principal_reads_one_page_at_a_time_and_all_together_some(monkeypatch: pytest.MonkeyPatch) -> None:
    """And who comes with many connections does not keep out who comes with one."""
    monkeypatch.setattr(arrears, "WAITING_S", 0.5)
    now: list[str] = []
    order: list[str] = []
    most = {"all": 0, "key:0": 0}
    gate = asyncio.Event()

    async def follow(after: int, limit: int, wait_s: float, wanted: Wanted) -> Feed:
        await gate.wait()
        who = wanted.pattern
        now.append(who)
        most["all"], most["key:0"] = max(most["all"], len(now)), max(most["key:0"], now.count("key:0"))
        await asyncio.sleep(0.001)
        now.remove(who)
        order.append(who)
        return Feed((), after)

    async def counted(_: float) -> None:
        """Everybody may ask."""

    async def play() -> None:
        one = Arrears(follow)
        everybody = ["key:0"] * 100 + [f"key:{number}" for number in range(1, 30)]

        def asking() -> list[asyncio.Task[Feed]]:
            return [
                asyncio.create_task(
                    one.page(Principal(who, "acme", "reader"), counted, 0, Wanted(who, None, frozenset()))
                )
                for who in everybody
            ]

        asked = asking()
        await asyncio.wait(asked, timeout=2.0)
        assert sum(not each.done() for each in asked) == arrears.AT_ONCE
        gate.set()
        found = await asyncio.gather(*asked, return_exceptions=True)
        late = sum(isinstance(each, DeadlineExceeded) for each in found)
        assert late == len(asked) - arrears.AT_ONCE, "nobody waits for ever"
        monkeypatch.setattr(arrears, "WAITING_S", 20.0)
        order.clear()
        await asyncio.gather(*asking())
        assert most == {"all": arrears.AT_ONCE, "key:0": 1}
        last = max(place for place, who in enumerate(order) if who != "key:0")
        assert order[:last].count("key:0") < 20, "all others were through while one read a part of his"
        assert not one._turns
        assert not one._there

    asyncio.run(play())


def test_a_window_is_bounded_by_what_it_holds() -> None:
    held, text = Window(0), "x" * (1 << 20)
    for position in range(1, 101):
        held.put(change(position, "alice", text=f"{position}{text}"))
        assert held.nbytes <= window.MOST_BYTES
    kept = held.after(held.start, lambda _: True)
    assert [one.position for one in kept] == list(range(held.start + 1, 101))
    assert held.nbytes == sum(held_bytes(one.told) for one in kept)
    assert 12 <= len(kept) <= 16
    held.put(change(101, "alice", text="y" * (2 * window.MOST_BYTES)))
    assert (held.start, len(held.after(100, lambda _: True))) == (100, 1), "the newest is there, however large"
    held.put(change(102, "alice"))
    assert held.start == 101
    for position in range(103, 103 + 2 * window.MOST_ENTRIES):
        held.put(change(position, "alice"))
    assert len(held.after(0, lambda _: True)) == window.MOST_ENTRIES


@given(
    st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(["main", "what-if"]), st.booleans()), max_size=40),
    st.integers(0, 40),
)
def test_what_was_read_since_is_what_a_walk_over_all_finds(acts: list[tuple[str, str, bool]], number: int) -> None:
    readings, twin = Readings(), dict[Watched, Seen]()
    for count, (agent, branch, goes) in enumerate(acts, 1):
        who = Watched(agent, branch)
        if goes:
            readings.pop(who, None)
            twin.pop(who, None)
        else:
            readings[who] = twin[who] = Seen(count, count, MOOD)
    fresh = sorted(((who, seen) for who, seen in twin.items() if seen.number > number), key=lambda one: one[1].number)
    assert dict(readings) == twin
    assert [seen.number for seen in readings.values()] == sorted(seen.number for seen in twin.values())
    for tenant in ("default", "acme", "nobody"):
        own = [one for one in fresh if outside(tenant, one[0].agent) is not None]
        assert readings.since(number, tenant, None) == own
    some = frozenset({"alice", "acme:bob"})
    assert readings.since(number, "acme", some) == [one for one in fresh if one[0].agent in some]
    for who in list(readings):
        del readings[who]
    assert not readings._agents
    assert not readings._tenants


@given(
    st.sampled_from(["default", "acme", "a-b"]),
    st.lists(st.text("ab*?[]!-.:|(\\ ", min_size=1, max_size=5), min_size=1, max_size=3),
    st.text("ab*?[]!-|( \n", min_size=1, max_size=5).filter(str.strip),
)
def test_the_vault_is_asked_for_exactly_whom_somebody_sees(tenant: str, patterns: list[str], own: str) -> None:
    who = Principal("key:ann", tenant, "reader", tuple(patterns))
    for owner in ("default", "acme", "a-b", "other"):
        try:
            agent = inside(owner, own)
        except ValueError:
            return
        wanted = Wanted(belonging(tenant, who.agents), None, frozenset())
        known = outside(tenant, agent)
        assert wanted.agent(agent) == (known is not None and who.sees(known))


def test_what_one_is_told_does_not_hold_up_all_others() -> None:
    """Though sending waits for nobody who keeps up: after some messages whatever else happens has its turn."""

    async def play(vault: Vault, hub: Hub) -> None:
        said = 0

        async def send(_: bytes) -> None:
            nonlocal said
            said += 1

        to = Listener(hub)
        to.session._send = send
        await to.session.heard(Subscribe("s", ("*",), ("memories",)))
        await settled()
        vault.happens(hub, *["acme:alice"] * 500)
        most, seen = 0, said
        while said < 501:
            await asyncio.sleep(0)
            most, seen = max(most, said - seen), said
        assert most <= session.IN_ONE_GO
        await to.stop()

    played(play)


def test_what_happens_is_handed_on_some_at_a_time() -> None:
    async def play(vault: Vault, hub: Hub) -> None:
        changes = tuple(change(position, "acme:alice") for position in range(1, 101))
        taking = asyncio.create_task(hub._take_in_turns(Feed(changes, 105)))
        most, seen = 0, 0
        while not taking.done():
            await asyncio.sleep(0)
            most, seen = max(most, hub.position - seen), hub.position
        assert (most, hub.position) == (16, 105)
        assert hub._window.after(0, lambda _: True) == list(changes)

    played(play)


def test_a_feed_whose_answer_is_cancelled_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """By whoever it waited for, and not because the replica stops."""
    monkeypatch.setattr("quantum_memory.cluster.service.stream.hub.AGAIN_S", 0.01)

    async def play() -> None:
        asked = 0

        async def follow(after: int, limit: int, wait_s: float, wanted: Wanted | None = None) -> Feed:
            nonlocal asked
            asked += 1
            if asked == 1:
                raise asyncio.CancelledError
            if asked == 2:
                return Feed((), 7)
            return await asyncio.Event().wait()  # type: ignore[return-value]

        hub = Hub(follow, Moods(_no_mood, _all_there), Vault().branches)
        await hub.start(0)
        await until(lambda: hub.position == 7)
        await hub.stop()

    asyncio.run(play())


@pytest.mark.parametrize("agents", [("*",), ("alice", "bob")])
def test_a_position_is_told_only_when_all_moods_up_to_it_were(agents: tuple[str, ...]) -> None:
    """Not while one waits, is read, rests and was felt again, or could not be said: who resumes there is told of it."""

    async def play(vault: Vault, hub: Hub) -> None:
        gate = Gate(is_open=False)
        hub.moods._read = gate.read
        vault.happens(hub, *["acme:carl"] * 5)
        to, changes = Listener(hub), Listener(hub)
        await to.session.heard(Subscribe("s", agents, ("mood",)))
        await changes.session.heard(Subscribe("s", agents, ("memories",)))
        await settled()
        vault.happens(hub, "acme:alice", "acme:bob")
        await settled()
        assert (to.session._told_upto(), changes.session._told_upto()) == (5, 7)
        late = Listener(hub)
        await late.session.heard(Subscribe("s", ("*",), ("mood",), after=5))
        await settled()
        assert late.session._told_upto() == 5, "it has not begun with what it missed"
        gate.open.set()
        for one in (to, late):
            await until(lambda one=one: one.session._told_upto() == 7)  # type: ignore[misc]
            assert set(one.moods()) == {"alice", "bob"}
        vault.happens(hub, "acme:alice")
        assert to.session._told_upto() == 7, "it rests"
        await until(lambda: to.session._told_upto() == 8)
        to.session._blocked_s = asyncio.get_running_loop().time()
        to.session._sent += session.CREDIT
        to.session._owed.extend([0] * session.CREDIT)
        vault.happens(hub, "acme:bob")
        await until(lambda: late.session._told_upto() == 9)
        assert to.session._told_upto() == 8, "it was read, and there is no credit"
        await to.session.heard(Ack(to.session._sent))
        await until(lambda: to.session._told_upto() == 9)
        for one in (to, changes, late):
            await one.stop()

    played(play)


BREAKS = st.one_of(
    st.tuples(st.just("happens"), st.lists(st.sampled_from(NAMES), min_size=1, max_size=4)),
    st.tuples(st.just("takes"), st.none()),
    st.tuples(st.just("turns"), st.integers(0, 9)),
    st.tuples(st.just("reads"), st.booleans()),
    st.tuples(st.just("breaks"), st.none()),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(BREAKS, max_size=40), st.sampled_from([1, 4, 4096]), st.sampled_from([3, 1024]))
def test_who_resumes_where_he_was_told_to_misses_no_mood(acts: list[tuple[str, Any]], most: int, credit: int) -> None:
    """However often the connection breaks, and whatever was waiting, being read or unsaid then."""

    async def play(vault: Vault, hub: Hub) -> None:
        gate, heard = Gate(), dict[str, int]()
        hub.moods._read = gate.read

        async def begun(after: int | None) -> Listener:
            made = Listener(hub)
            await made.session.heard(Subscribe("s", ("*",), ("mood", "memories"), after=after))
            return made

        async def left(one: Listener) -> int:
            upto = one.session._told_upto()
            await one.stop()
            heard.update(one.felt(heard))
            return upto

        to = await begun(None)
        for act, value in acts:
            if act == "happens":
                vault.happens(hub, *value)
            elif act == "takes":
                await to.takes()
            elif act == "turns":
                for _ in range(value):
                    await asyncio.sleep(0)
            elif act == "reads":
                gate.open.set() if value else gate.open.clear()
            else:
                to = await begun(await left(to))
        gate.open.set()
        while to.session._told_upto() < hub.position:
            await to.takes()
            await asyncio.sleep(0.002)
        await left(to)
        last = {name: one.position for one in vault.all if (name := outside("acme", one.agent or ""))}
        assert not [name for name, position in last.items() if heard.get(name, 0) < position]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(window, "MOST_ENTRIES", most)
        patch.setattr(session, "CREDIT", credit)
        patch.setattr(session, "AGAIN_S", 0.01)
        patch.setattr(moods, "PAUSE_S", 0.005)
        played(play)


class Reader:
    """The Python client's own reader over connections that break, and what he believes by what it hands on.

    He forgets the moods that he knows when he hears that the vault was restored, as whoever is told to go back may.
    """

    def __init__(self, vault: Vault, hub: Hub, wanted: str) -> None:
        self._vault, self._hub, self._wanted, self._gate, self._count = vault, hub, wanted, Gate(), 0
        self._slow, self._unaware, self._resumed = 0, False, False
        self.core = Following([wanted], ["mood", "memories"], None, 0, Retries(), lambda: 0.0)
        self.moods: dict[tuple[str, str], float] = {}
        self.told: list[int] = []
        self._left_out: list[tuple[int, int]] = []
        hub.moods._read = self._mood

    async def _mood(self, who: Watched) -> Mood:
        await self._gate.open.wait()
        last = [one.told["text"] for one in self._vault.all if (one.agent, one.name) == who]
        if not last:
            raise AgentNotFound(who.agent)
        pad = SimpleNamespace(pleasure=last[-1], arousal=0.0, dominance=0.0)
        return cast("Mood", SimpleNamespace(mean=pad, spread=(0.1, 0.1, 0.1), emotions=(), at=None))

    async def comes(self) -> None:
        self.to = Listener(self._hub)
        self.to.session._send = self._send
        _, subscribe = self.core.opened()
        self.core.heard(written(Welcome(1, (), 0, session.HEARTBEAT_S, session.CREDIT)))
        await self.to.session.heard(read(subscribe))

    async def _send(self, text: bytes) -> None:
        await self.turns(self._slow)
        self._hears(self.core.heard(text))
        await asyncio.sleep(0)

    def _hears(self, event: Any) -> None:
        match event:
            case {"type": "emotional_update", "agent": agent, "branch": branch, "mood": {"pad": [pleasure, *_]}}:
                self.moods[agent, branch] = pleasure
            case {"type": "memory_operation", "position": position}:
                self.told.append(position)
            case {"type": "lagging", "after": after, "upto": upto} if upto < after:
                self.told = [one for one in self.told if one <= upto]
                self._left_out = [(first, min(last, upto)) for first, last in self._left_out]
                self.moods.clear()
                self._unaware = self._unaware and not self._was_told()
            case {"type": "lagging", "after": after, "upto": upto}:
                self._left_out.append((after, upto))

    async def happens(self, some: Sequence[tuple[str, str]]) -> None:
        for agent, branch in some:
            self._count += 1
            entry = change(len(self._vault.all) + 1, agent, branch=branch)
            self._vault.all.append(replace(entry, told={"text": float(self._count)}))
            self._hub._take(Feed((self._vault.all[-1],), len(self._vault.all)))

    async def takes(self, _: None = None) -> None:
        if (ack := self.core.owed()) is not None:
            await self.to.session.heard(read(ack))

    async def turns(self, times: int) -> None:
        for _ in range(times):
            await asyncio.sleep(0)

    async def reads(self, may: bool) -> None:
        self._gate.open.set() if may else self._gate.open.clear()

    async def slower(self, turns: int) -> None:
        self._slow = turns

    async def beats(self, _: None = None) -> None:
        async with self.to.session._saying:
            self.core.heard(written(Heartbeat(self.to.session._told_upto())))

    async def breaks(self, politely: bool) -> None:
        """Break the connection, once he is aware of what was restored: by positions alone nobody could tell him later,
        when the vault is past his again.
        """
        if self._unaware:
            await self.knows_all()
        await self._breaks(politely=politely)

    async def _breaks(self, *, politely: bool) -> None:
        if politely:
            async with self.to.session._saying:
                with pytest.raises(NoAnswer):
                    self.core.heard(written(self.to.session.closing("shutdown")))
        await self.to.stop()
        self._resumed = True
        await self.comes()

    async def restores(self, drawn: tuple[int, list[tuple[str, str]]]) -> None:
        """Restore the vault whatever he is being told, and go on at once on another course.

        Who came back knows all before: till then he may hold changes beyond the position that he came back with.
        """
        gone, fresh = drawn
        if self._resumed:
            await self.knows_all()
        self._goes_back(gone)
        await self.happens(fresh)

    async def restores_and_breaks(self, drawn: tuple[int, bool, bool, bool]) -> None:
        gone, reads, before, after = drawn
        await self.knows_all()  # else he is not beyond the end, and nobody can tell
        await self.reads(reads)
        self._goes_back(gone)
        if before:
            await self._breaks(politely=False)
        await settled()
        if after:
            await self._breaks(politely=False)

    def _goes_back(self, gone: int) -> None:
        self._unaware = True
        del self._vault.all[-gone:]
        self._hub._go_back(len(self._vault.all))

    def _was_told(self) -> bool:
        """Whether his session looked at each restore; of one that he is not beyond it says nothing."""
        return all(one.restored == len(self._hub.ends) for one in self.to.session._subscriptions.values())

    async def knows_all(self) -> None:
        await self.reads(may=True)
        while not self._was_told() or self.to.session._told_upto() < self._hub.position:
            await self.takes()
            await asyncio.sleep(0.002)
        await settled()
        await self.beats()
        self._unaware = self._resumed = False

    def right(self) -> tuple[dict[tuple[str, str], float], list[int]]:
        """What he should believe, and be told: all but what he was told is left out."""
        own = [
            (outside("acme", one.agent or "") or "", one)
            for one in self._vault.all
            if outside("acme", one.agent or "") in ([self._wanted] if self._wanted != "*" else ["alice", "bob"])
        ]
        felt = {(name, one.name or ""): one.told["text"] for name, one in own}
        left_out = {position for after, upto in self._left_out for position in range(after + 1, upto + 1)}
        return felt, [one.position for _, one in own if one.position not in left_out]


FEELING = st.tuples(st.sampled_from(["acme:alice", "acme:bob", "other:x"]), st.sampled_from(["main", "what-if"]))
COURSES = st.one_of(
    st.tuples(st.just("happens"), st.lists(FEELING, min_size=1, max_size=6)),
    st.tuples(st.just("takes"), st.none()),
    st.tuples(st.just("turns"), st.integers(0, 9)),
    st.tuples(st.just("slower"), st.integers(0, 5)),
    st.tuples(st.just("reads"), st.booleans()),
    st.tuples(st.just("beats"), st.none()),
    st.tuples(st.just("breaks"), st.booleans()),
    st.tuples(st.just("restores"), st.tuples(st.integers(1, 4), st.lists(FEELING, max_size=3))),
    st.tuples(
        st.just("restores_and_breaks"), st.tuples(st.integers(1, 4), st.booleans(), st.booleans(), st.booleans())
    ),
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(COURSES, max_size=30),
    st.sampled_from(["*", "alice"]),
    st.sampled_from([2, 4096]),
    st.sampled_from([3, 1024]),
    st.sampled_from([0.0, 5.0]),
)
def test_whatever_is_restored_and_breaks_a_client_ends_with_every_mood_as_it_is(
    acts: list[tuple[str, Any]], wanted: str, most: int, credit: int, slow_s: float
) -> None:
    """And with each change of the course that is in force, once and in order, but for what he is told is left out.

    Also where the vault is restored while something is told, and goes on before anybody hears of it.
    """

    async def play(vault: Vault, hub: Hub) -> None:
        one = Reader(vault, hub, wanted)
        await one.comes()
        for act, drawn in acts:
            await getattr(one, act)(drawn)
        await one.knows_all()
        felt, told = one.right()
        assert {who: one.moods.get(who) for who in felt} == felt
        assert one.told == told
        await one.to.stop()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(window, "MOST_ENTRIES", most)
        patch.setattr(session, "CREDIT", credit)
        patch.setattr(session, "SLOW_S", slow_s)
        patch.setattr(session, "AGAIN_S", 0.01)
        patch.setattr(moods, "PAUSE_S", 0.005)
        played(play)


class Slow(Listener):
    """A client that takes nothing while its door is shut."""

    def __init__(self, hub: Hub, features: frozenset[str] = frozenset()) -> None:
        self.door = asyncio.Event()
        self.door.set()
        super().__init__(hub, features=features)

    async def _send(self, text: bytes) -> None:
        await self.door.wait()
        await super()._send(text)

    def since_lagging(self) -> list[dict[str, Any]]:
        """What he was told after the last time that he was told to go back."""
        last = max(number for number, one in enumerate(self.got) if one["type"] == "lagging")
        assert self.got[last]["upto"] < self.got[last]["after"]
        return self.got[last + 1 :]


def test_who_was_just_being_told_when_the_vault_was_restored_is_told_what_happens_after_it() -> None:
    async def play(vault: Vault, hub: Hub) -> None:
        to = Slow(hub)
        await to.session.heard(Subscribe("s", ("alice",), ("memories",)))
        await settled()
        to.door.clear()
        vault.happens(hub, *["acme:alice"] * 6)
        await settled()
        vault.all = vault.all[:4]
        hub._go_back(4)
        vault.happens(hub, "acme:alice")
        to.door.set()
        await until(lambda: to.session._told_upto() == 5)
        await settled()
        assert [one["position"] for one in to.since_lagging()] == [5]
        await to.stop()

    played(play)


def test_who_fell_behind_while_the_vault_was_restored_is_told_what_happens_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(session, "CREDIT", 4)
    monkeypatch.setattr(session, "SLOW_S", 0.0)

    async def play(vault: Vault, hub: Hub) -> None:
        to = Slow(hub)
        await to.session.heard(Subscribe("s", ("alice",), ("memories",)))
        await settled()
        vault.happens(hub, *["acme:alice"] * 10)
        await settled()
        vault.all = vault.all[:6]
        hub._go_back(6)
        vault.happens(hub, *["acme:alice"] * 2)
        await asyncio.sleep(0.01)
        while to.session._told_upto() < hub.position:
            await to.takes()
            await settled()
        assert [one["position"] for one in to.since_lagging()] == [7, 8]
        await to.stop()

    played(play)


def test_nothing_is_told_between_subscribed_and_that_the_vault_ends_before() -> None:
    """Else whoever hears that he is to go back holds what came before that for something of before."""

    async def play(vault: Vault, hub: Hub) -> None:
        vault.happens(hub, *["acme:alice"] * 5)
        to = Slow(hub)
        await settled()
        to.door.clear()
        asking = asyncio.create_task(to.session.heard(Subscribe("s", ("alice",), ("memories",), after=900)))
        await settled()
        vault.happens(hub, "acme:alice")
        await settled()
        to.door.set()
        await asking
        await until(lambda: to.told() == [6])
        assert [one["type"] for one in to.got] == ["subscribed", "lagging", "memory_operation"]
        await to.stop()

    played(play)


def test_a_mood_that_was_told_before_it_is_told_that_the_vault_was_restored_is_told_again() -> None:
    async def play(vault: Vault, hub: Hub) -> None:
        hub.moods._read = Gate().read
        to = Slow(hub, frozenset({"snapshots"}))
        await to.session.heard(Subscribe("s", ("*",), ("mood", "memories")))
        vault.happens(hub, "acme:alice", "acme:bob")
        await until(lambda: to.session._told_upto() == 2)
        to.door.clear()
        vault.happens(hub, "acme:bob")
        await settled()
        vault.all = vault.all[:2]
        number = hub.moods.number
        hub._go_back(2)
        await until(lambda: hub.moods.number == number + 2)
        to.door.set()
        await until(lambda: "snapshot" in [one["type"] for one in to.got] and to.session._told_upto() == 2)
        assert sorted(one["agent"] for one in to.since_lagging() if "agent" in one) == ["alice", "bob"]
        await to.stop()

    played(play)


@pytest.mark.parametrize("restored", [False, True])
def test_what_takes_the_place_of_who_was_to_be_told_all_moods_is_told_them(*, restored: bool) -> None:
    """Whether he had asked for them, or the vault was restored and he was not told of it yet."""

    async def play(vault: Vault, hub: Hub) -> None:
        hub.moods._read = Gate().read
        vault.happens(hub, "acme:alice", "acme:bob", *["acme:anna"] * 8)
        to = Slow(hub)
        await to.session.heard(Subscribe("s", ("*",), ("mood",), after=10, all_moods=not restored))
        if restored:
            await until(lambda: to.session._told_upto() == 10)
            hub.moods.seen.clear()
            vault.all = vault.all[:8]
            hub._go_back(8)
        await to.session.heard(Subscribe("s", ("*",), ("mood",), after=8))
        await until(lambda: to.session._told_upto() == hub.position)
        assert sorted(to.moods()) == ["alice", "anna", "bob"]
        await to.stop()

    played(play)


def test_what_is_left_out_after_a_restore_keeps_no_position_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor what was felt anew, while it was read, of a mood that finds no room then and never was."""
    monkeypatch.setattr(lanes, "MOST_EACH", 2)
    monkeypatch.setattr(moods, "READING", 3)

    async def play(vault: Vault, hub: Hub) -> None:
        gate = Gate(is_open=False)
        hub.moods._read = gate.read
        to = Listener(hub)
        await to.session.heard(Subscribe("s", ("*",), ("mood",)))
        for _ in range(2):
            vault.happens(hub, "acme:a1", "acme:a2", "acme:a3")
            await settled()
        vault.happens(hub, "acme:a4", "acme:a5")
        vault.all = []
        monkeypatch.setattr(moods, "READING", 0)  # else all that was being read is at once again
        hub._go_back(0)
        monkeypatch.setattr(moods, "READING", 3)
        vault.happens(hub, "acme:a6", "acme:a7", "acme:a8")
        gate.open.set()
        await until(lambda: to.session._told_upto() == hub.position)
        assert not hub.moods._later
        await to.stop()

    played(play)


def test_whose_readings_are_kept_no_more_before_he_was_told_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """And another tenant's many moods take nothing from him."""
    monkeypatch.setattr(moods, "KEPT", 8)
    monkeypatch.setattr(session, "CREDIT", 2)

    async def play(vault: Vault, hub: Hub) -> None:
        hub.moods._read = Gate().read
        other = Principal("key:dan", "other", "reader")
        snapshots = frozenset({"snapshots"})
        slow, many = Listener(hub, features=snapshots), Listener(hub, other, snapshots)
        for one in (slow, many):
            await one.session.heard(Subscribe("s", ("*",), ("mood",)))
            await one.session.heard(Ping("n"))
        await settled()
        vault.happens(hub, "acme:alice", "acme:bob", "acme:anna")
        await until(lambda: len(hub.moods.seen) == 3)
        vault.happens(hub, *(f"other:{number}" for number in range(20)))
        await until(lambda: hub.moods.number == 23)
        await settled()
        assert (len(hub.moods.seen), slow.moods(), many.moods()) == (8, [], [])
        for one in (slow, many):
            while len(one.moods()) < {slow: 3, many: 5}[one]:
                await one.takes()
                await settled()
        assert (sorted(slow.moods()), many.moods()) == (["alice", "anna", "bob"], [str(one) for one in range(15, 20)])
        assert not [one for one in slow.got if one["type"] == "snapshot"]
        assert {one["complete"] for one in many.got if one["type"] == "snapshot"} == {False}
        for one in (slow, many):
            await one.stop()

    played(play)


@pytest.mark.parametrize("again", [False, True])
def test_of_a_subscription_that_is_no_more_in_force_nothing_is_said(*, again: bool) -> None:
    """Neither moods nor changes, though it was just being told of them; nor of one whose place another took."""

    async def play(vault: Vault, hub: Hub) -> None:
        hub.moods._read = Gate().read
        to = Listener(hub)
        going: list[asyncio.Task[None]] = []
        asked = Subscribe("s", ("bob",), ("mood",)) if again else Unsubscribe("s")

        async def send(text: bytes) -> None:
            to.got.append(json.loads(text))
            if to.got[-1]["type"] == "emotional_update" and not going:
                going.append(asyncio.create_task(to.session.heard(asked)))
                await settled()

        to.session._send = send
        vault.happens(hub, "acme:alice", "acme:bob", "acme:anna")
        await to.session.heard(Subscribe("s", ("alice", "bob", "anna"), ("mood",)))
        await until(lambda: len(hub.moods.seen) == 3 and bool(going))
        await asyncio.gather(*going)
        await settled()
        ended = [one["type"] for one in to.got].index("subscribed" if again else "unsubscribed", 1)
        assert to.moods()[:1] == ["alice"]
        assert [one["agent"] for one in to.got[ended + 1 :]] == (["bob"] if again else [])
        await to.stop()

    played(play)


def test_who_did_not_look_between_two_restores_goes_back_to_the_smaller_end() -> None:
    async def play(vault: Vault, hub: Hub) -> None:
        vault.happens(hub, *["acme:alice"] * 10)
        to = Listener(hub)
        await to.session.heard(Subscribe("s", ("alice",), ("memories",)))
        await settled()
        vault.all = vault.all[:5]
        hub._go_back(5)
        vault.happens(hub, *["acme:alice"] * 3)
        vault.all = vault.all[:7]
        hub._go_back(7)
        await until(lambda: to.session._told_upto() == 7)
        (back,) = [one for one in to.got if one["type"] == "lagging"]
        assert (back["after"], back["upto"]) == (10, 5)
        assert to.told() == [6, 7], "which are others than those that were known"
        await to.stop()

    played(play)


@pytest.mark.parametrize("restored", [False, True])
def test_a_change_that_brings_more_than_the_credit_is_told_in_parts(
    monkeypatch: pytest.MonkeyPatch, *, restored: bool
) -> None:
    """Who asks meanwhile has done nothing wrong, no more is owed than the credit, and nothing is told twice.

    Nor where the vault is restored meanwhile as it was right after that change.
    """
    monkeypatch.setattr(session, "CREDIT", 8)

    async def play(vault: Vault, hub: Hub) -> None:
        to = Listener(hub)
        await to.session.heard(Subscribe("s", ("alice",), ("memories",)))
        told = {"memories": [{"id": str(number), "kind": "equation"} for number in range(50)]}
        large = FeedEntry(1, AT, "acme:alice", "b", "main", 1, "remembered", told)
        vault.all = [large, change(2, "acme:alice")]
        hub._take(Feed(tuple(vault.all), 2))
        if restored:
            await until(lambda: len(to.got) == session.CREDIT)
            vault.all = vault.all[:1]
            hub._go_back(1)
            vault.happens(hub, "acme:alice")
        while len(to.told()) < 2:
            await settled()
            owed = to.session._sent - to.session._acknowledged
            assert owed <= session.CREDIT
            if not to.told()[1:]:
                await to.session.heard(Ping("n"))
            await to.takes()
        told_of = [one["memory"] for one in to.got if one["type"] == "equation_evolution"]
        assert told_of == [str(number) for number in range(50)]
        await to.stop()

    played(play)


def test_who_comes_anew_does_not_hide_what_another_was_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mood that waits for a principal waits from where it was felt, whoever of his connections asks for it later."""
    monkeypatch.setattr(moods, "READING", 1)

    async def play(vault: Vault, hub: Hub) -> None:
        hub.moods._read = Gate(is_open=False).read
        other, to, late = Listener(hub, Principal("key:dan", "other", "reader")), Listener(hub), Listener(hub)
        await other.session.heard(Subscribe("s", ("*",), ("mood",)))
        await to.session.heard(Subscribe("s", ("*",), ("mood",)))
        await settled()
        vault.happens(hub, "other:x", "acme:alice", "other:y", "other:z")
        assert to.session._told_upto() == 1, "alice was felt at 2, and waits behind x"
        await late.session.heard(Subscribe("s", ("alice",), ("mood",)))
        assert to.session._told_upto() == 1
        for one in (other, to, late):
            await one.stop()

    played(play)


def test_a_position_that_was_told_is_never_taken_back() -> None:
    """Whatever another connection of the principal asks for, and from where on."""

    async def play(vault: Vault, hub: Hub) -> None:
        hub.moods._read = Gate(is_open=False).read
        to, late = Listener(hub), Listener(hub)
        await to.session.heard(Subscribe("s", ("*",), ("mood",)))
        await settled()
        vault.happens(hub, *["other:x"] * 9)
        assert to.session._told_upto() == 9
        await late.session.heard(Subscribe("s", ("alice",), ("mood",), after=2))
        assert to.session._told_upto() == 9
        assert late.session._told_upto() == 2
        for one in (to, late):
            await one.stop()

    played(play)


def test_what_takes_the_place_of_a_subscription_says_nothing_was_told_that_was_not() -> None:
    """As where a slow reader asks again for what was left out, and a mood of before that is not read yet."""

    async def play(vault: Vault, hub: Hub) -> None:
        gate = Gate(is_open=False)
        hub.moods._read = gate.read
        to = Listener(hub)
        await to.session.heard(Subscribe("s", ("*",), ("mood", "memories")))
        vault.happens(hub, "acme:alice", *["acme:alice/x"] * 9)
        assert to.session._told_upto() == 0
        await to.session.heard(Subscribe("s", ("*",), ("mood", "memories"), after=8))
        await settled()
        assert to.session._told_upto() == 0
        gate.open.set()
        await until(lambda: to.session._told_upto() == 10)
        await to.stop()

    played(play)


def test_how_far_somebody_was_told_is_known_without_going_through_what_he_was_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of many readings, where he takes nothing, and where none of them concerns him."""
    monkeypatch.setattr(session, "CREDIT", 8)

    async def play(vault: Vault, hub: Hub) -> None:
        hub.moods._read = Gate().read
        slow, elsewhere = Listener(hub), Listener(hub)
        await slow.session.heard(Subscribe("s", ("*",), ("mood",)))
        await elsewhere.session.heard(Subscribe("s", ("*",), ("mood",), branch="nowhere"))
        await settled()
        vault.happens(hub, *(f"acme:{number}" for number in range(40)))
        await until(lambda: len(hub.moods.seen) == 40)
        await settled()
        assert len(slow.moods()) < 8
        with monkeypatch.context() as patch:
            patch.setattr(Readings, "since", lambda *_: pytest.fail("all readings are gone through"))
            assert (slow.session._told_upto(), elsewhere.session._told_upto()) == (0, 40)
        while slow.session._told_upto() < 40:
            await slow.takes()
            await settled()
        assert len(set(slow.moods())) == 40
        for one in (slow, elsewhere):
            await one.stop()

    played(play)


def test_a_mood_that_was_read_while_somebody_came_is_told() -> None:
    async def play(vault: Vault, hub: Hub) -> None:
        gate = asyncio.Event()

        async def there(names: Sequence[str]) -> Sequence[str]:
            await gate.wait()
            return names

        hub.moods._read, hub.moods.there = Gate().read, there
        to = Listener(hub)
        coming = asyncio.create_task(to.session.heard(Subscribe("s", ("alice",), ("mood",))))
        await settled()
        vault.happens(hub, "acme:alice")
        await until(lambda: len(hub.moods.seen) == 1)
        gate.set()
        await coming
        await until(lambda: to.moods() == ["alice"])
        await to.stop()

    played(play)


def test_without_credit_nothing_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the first of many subscriptions has used it up, the others are not gone through for nothing."""
    monkeypatch.setattr(session, "CREDIT", 70)

    async def play(vault: Vault, hub: Hub) -> None:
        to = Listener(hub)
        for number in range(32):
            await to.session.heard(Subscribe(str(number), ("alice",), ("memories",)))
        await to.takes()
        await settled()
        looked: list[Follower] = []
        page = hub.page

        async def counting(one: Follower, counted: Counted) -> Page:
            looked.append(one)
            return await page(one, counted)

        monkeypatch.setattr(hub, "page", counting)
        vault.happens(hub, *["acme:alice"] * 500)
        await until(lambda: len(to.got) == 32 + 70)
        await settled()
        assert len(looked) == 1
        await to.stop()

    played(play)


def test_the_end_of_a_connection_with_many_subscriptions_holds_up_nobody() -> None:
    async def play(_: Vault, hub: Hub) -> None:
        to = Listener(hub)
        for number in range(8):
            await to.session.heard(Subscribe(str(number), (f"a{number}", f"b{number}"), ("mood", "memories")))
        await to.stop()
        left = [len(to.session._subscriptions)]
        while left[-1]:
            await asyncio.sleep(0)
            left.append(len(to.session._subscriptions))
        assert left == [*range(7, -1, -1)]
        await settled()
        assert not any((hub.moods._lanes._lanes, hub.watchers._named, list(hub._audience)))

    played(play)


@pytest.mark.parametrize("waits", ["read", "behind others", "to be read again"])
def test_what_waited_when_the_vault_was_restored_hides_nothing_that_is_felt_after(
    monkeypatch: pytest.MonkeyPatch, waits: str
) -> None:
    """Positions are given again then: those of before the restore say nothing of what comes."""
    monkeypatch.setattr(moods, "READING", 1)
    monkeypatch.setattr(moods, "AGAIN_S", 60.0)

    async def play(vault: Vault, hub: Hub) -> None:
        hub.moods._read = _no_mood if waits == "to be read again" else Gate(is_open=False).read
        other, to = Listener(hub, Principal("key:dan", "other", "reader")), Listener(hub)
        await other.session.heard(Subscribe("s", ("*",), ("mood",)))
        await to.session.heard(Subscribe("s", ("*",), ("mood",)))
        await settled()
        vault.happens(hub, "nobody:x", "other:x" if waits == "behind others" else "nobody:x")
        assert to.session._told_upto() == 2
        vault.happens(hub, "acme:alice", *["nobody:x"] * 6, "acme:alice")
        await settled()
        vault.all = vault.all[:5]
        hub._go_back(5)
        vault.happens(hub, "acme:alice", *["nobody:x"] * 6)
        await settled()
        assert to.session._told_upto() == 2, "alice was felt at 3, and after the restore at 6"
        for one in (other, to):
            await one.stop()

    played(play)


def test_a_connection_names_so_many_agents() -> None:
    """All its subscriptions together; another in the place of one counts once."""

    async def play(_: Vault, hub: Hub) -> None:
        to = Listener(hub)
        for number in range(5):
            await to.session.heard(
                Subscribe(str(number), tuple(f"{number} {one}" for one in range(256)), ("memories",))
            )
        await to.session.heard(Subscribe("0", tuple(f"x{one}" for one in range(256)), ("memories",)))
        await to.session.heard(Subscribe("all", ("*",), ("memories",)))
        assert [(one["type"], one.get("error")) for one in to.got] == [
            *[("subscribed", None)] * 4,
            ("refused", "TooLong"),
            *[("subscribed", None)] * 2,
        ]
        assert len(hub.watchers._named) == session.MOST_NAMED
        await to.stop()

    played(play)


def test_the_subscriptions_of_a_principal_name_so_many_agents_for_their_moods(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over all of his connections, and nobody else's; what takes the place of another counts in its place."""
    monkeypatch.setattr(moods, "MOST_WATCHED", 2 * moods.OF_ALL)

    async def play(_: Vault, hub: Hub) -> None:
        first, second, other = Listener(hub), Listener(hub), Listener(hub, Principal("key:dan", "other", "reader"))
        few, everybody = Subscribe("few", ("alice",), ("mood",)), Subscribe("all", ("*",), ("mood", "memories"))
        for one in (first, second, other):
            await one.session.heard(everybody)
        await second.session.heard(few)
        await second.session.heard(Subscribe("few", ("*",), ("memories",)))
        await second.session.heard(everybody)
        await first.stop()
        await settled()
        await second.session.heard(few)
        assert [(one["type"], one.get("error"), one.get("id"), one.get("retry_after_s")) for one in second.got] == [
            ("subscribed", None, "all", None),
            ("refused", "RateLimited", "few", moods.CROWDED_S),
            ("subscribed", None, "few", None),
            ("subscribed", None, "all", None),
            ("subscribed", None, "few", None),
        ]
        assert "moods are watched" in second.got[1]["detail"]
        assert [one["type"] for one in other.got] == ["subscribed"]
        for one in (second, other):
            await one.stop()
        await settled()
        assert not hub.moods._watched

    played(play)


def test_of_so_many_moods_it_is_known_how_they_were_told_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moods, "OF_ALL", 2)
    monkeypatch.setattr(session, "TOLD", 3)

    async def play(vault: Vault, hub: Hub) -> None:
        hub.moods._read = Gate().read
        to = Listener(hub)
        await to.session.heard(Subscribe("s", ("*",), ("mood",)))
        await settled()
        for number in [*range(8), 5]:
            vault.happens(hub, f"acme:{number}")
            await until(lambda: to.session._told_upto() == hub.position)
        (one,) = to.session._subscriptions.values()
        assert [who.agent for who in one.likeliest] == [f"acme:{number}" for number in (2, 3, 4, 6, 7, 5)]
        await to.stop()

    played(play)


@pytest.mark.parametrize("wanted", [("*",), ("alice", "bob", "anna")])
def test_whoever_asks_for_all_moods_is_told_so_many_and_whether_those_are_all(
    monkeypatch: pytest.MonkeyPatch, wanted: tuple[str, ...]
) -> None:
    """On every branch, though nothing was felt since; as after a restore, and later where the vault does not answer."""
    monkeypatch.setattr(session, "AGAIN_S", 0.01)

    async def play(vault: Vault, hub: Hub) -> None:
        hub.moods._read = Gate().read
        vault.happens(hub, "acme:alice", "acme:bob", "acme:anna", "other:x")
        vault.happens(hub, "acme:alice", branch="what-if")
        for most, complete in ((4, True), (3, False)):
            monkeypatch.setattr(session, "MOST", most)
            to = Listener(hub, features=frozenset({"snapshots"}))
            vault.away = True
            await to.session.heard(Subscribe("s", wanted, ("mood",), all_moods=True))
            await settled()
            assert to.session._told_upto() < hub.position
            vault.away = False
            await until(lambda to=to: to.session._told_upto() == hub.position)  # type: ignore[misc]
            (told,) = [one for one in to.got if one["type"] == "snapshot"]
            assert (told["branches"], told["complete"]) == (most, complete)
            if complete:
                felt = {(one["agent"], one["branch"]) for one in to.got if one["type"] == "emotional_update"}
                assert felt == {("alice", "main"), ("alice", "what-if"), ("bob", "main"), ("anna", "main")}
            await to.stop()
            await settled()

    played(play)


def test_a_mood_that_was_being_read_when_the_vault_was_restored_is_read_again_and_not_told() -> None:
    async def play(vault: Vault, hub: Hub) -> None:
        before, begun = Gate(is_open=False), 0

        async def reading(who: Watched) -> Mood:
            nonlocal begun
            begun += 1
            if begun == 1:
                await before.read(who)
                pytest.fail("it is told how it was on a course that never was")
            return MOOD

        hub.moods._read = reading
        to = Listener(hub)
        await to.session.heard(Subscribe("s", ("*",), ("mood",)))
        vault.happens(hub, "acme:alice", "acme:alice")
        await settled()
        vault.all = vault.all[:1]
        hub._go_back(1)
        before.open.set()
        await until(lambda: to.moods() == ["alice"])
        assert begun == 2
        await to.stop()

    played(play)
