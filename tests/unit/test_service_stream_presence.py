"""Who is told how many watch, alone: whom it concerns, in the end the numbers as they are, and a little at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantum_memory.cluster.service.principals import Principal
from quantum_memory.cluster.service.stream import presence
from quantum_memory.cluster.service.stream.presence import Onlooker, Watchers, Whom
from quantum_memory.cluster.service.tenants import outside

ANN, DAN = Principal("key:ann", "acme", "reader"), Principal("key:dan", "other", "reader")
CLEO = Principal("key:cleo", "acme", "reader", ("c*",))


def played(play: Callable[[Watchers], Awaitable[None]]) -> None:
    async def going() -> None:
        watchers = Watchers()
        await play(watchers)
        watchers.stop()

    asyncio.run(going())


def told(onlooker: Onlooker, watchers: Watchers) -> dict[Whom, int]:
    return {whom: number for whom, number in onlooker.news(watchers) if number is not None}


def all_told(watchers: Watchers) -> None:
    while watchers._changed:
        watchers._tell()


def test_many_names_take_nothing_of_whoever_watches_all() -> None:
    """They do not concern him: he is woken by what changes of all, and not by each of them."""

    async def play(watchers: Watchers) -> None:
        woken: list[Onlooker] = []
        for _ in range(50):
            one = Onlooker(ANN, lambda: woken.append(one))  # noqa: B023 - who it is does not matter
            watchers.come(ANN, (None,), one)
        all_told(watchers)
        woken.clear()
        for number in range(6400):
            watchers.come(ANN, (f"acme:{number}",), None)
        assert not watchers._changed
        naming = Onlooker(ANN, lambda: None)
        watchers.come(ANN, ("acme:1", "acme:2"), naming)
        all_told(watchers)
        assert not woken
        assert told(naming, watchers) == {"acme:1": 52, "acme:2": 52}

    played(play)


def test_those_whom_changes_concern_are_told_some_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presence, "SOON_S", 0.01)

    async def play(watchers: Watchers) -> None:
        rung: list[None] = []
        onlooker = Onlooker(ANN, lambda: rung.append(None))
        watchers.come(ANN, [f"acme:{number}" for number in range(1000)], onlooker)
        assert len(told(onlooker, watchers)) == 1000
        most, seen = 0, 0
        while watchers._changed:
            await asyncio.sleep(0)
            most, seen = max(most, len(rung) - seen), len(rung)
        assert (len(rung), most) == (1000, presence.AT_ONCE)
        assert told(onlooker, watchers) == {}, "none of them is another than he was told"

    played(play)


ACTS = st.tuples(st.integers(0, 3), st.sampled_from(["acme:alice", "acme:carl", None]), st.booleans(), st.booleans())


@given(st.lists(ACTS, max_size=40))
def test_in_the_end_everybody_knows_the_numbers_of_what_he_watches(
    acts: list[tuple[int, Whom, bool, bool]],
) -> None:
    """As a walk over all subscriptions finds them, however they came and went; and of who is gone nothing is left."""

    async def play(watchers: Watchers) -> None:
        everybody = [(who, Onlooker(who, lambda: None)) for who in (ANN, ANN, CLEO, DAN)]
        there: list[tuple[int, Whom]] = []
        known: list[dict[Whom, int]] = [{} for _ in everybody]

        def count(tenant: str, whom: Whom) -> int:
            mine = [(everybody[one][0], some) for one, some in there if everybody[one][0].tenant == tenant]
            if whom is None:
                return sum(some is None for _, some in mine)
            own = outside(tenant, whom) or ""
            return sum(some == whom or (some is None and who.sees(own)) for who, some in mine)

        for number, whom, comes, look in acts:
            who, onlooker = everybody[number]
            if whom is not None and outside(who.tenant, whom) is None:
                continue
            if comes:
                there.append((number, whom))
                watchers.come(who, (whom,), onlooker)
            elif (number, whom) in there:
                there.remove((number, whom))
                watchers.go(who, (whom,), onlooker)
            if look:
                watchers._tell()
                known[number] |= told(onlooker, watchers)
        all_told(watchers)
        for number, (who, onlooker) in enumerate(everybody):
            known[number] |= told(onlooker, watchers)
            watched = {whom for one, whom in there if one == number}
            assert {whom: known[number][whom] for whom in watched} == {
                whom: count(who.tenant, whom) for whom in watched
            }
        for number, whom in there:
            watchers.go(everybody[number][0], (whom,), everybody[number][1])
        assert not any((watchers._named, watchers._everybody, watchers._naming, watchers._onlookers))

    played(play)
