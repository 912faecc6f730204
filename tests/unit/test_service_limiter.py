"""Replicas that share rates: what they let through together, what it costs in calls, and what they do alone."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.cluster.service.access.authenticator import Admitted
from quantum_memory.cluster.service.access.caller import Caller
from quantum_memory.cluster.service.access.entry import admitted
from quantum_memory.cluster.service.limits import limiter as limiter_module
from quantum_memory.cluster.service.limits.buckets import LAPSE_S
from quantum_memory.cluster.service.limits.host import ABSENT_S, Granted, RateLimitsHost, Returned, Wanted
from quantum_memory.cluster.service.limits.limiter import AWAY_S, IDLE_S, Limiter
from quantum_memory.cluster.service.principals import Principal
from quantum_memory.errors import ActorUnavailable, Forbidden, OutOfRange, RateLimited, Unauthenticated
from quantum_memory.settings import RateSettings, RatesSettings, Settings

ALICE, BOB = Principal("key:a", "default", "writer"), Principal("key:b", "default", "writer")
LARGE = RateSettings(per_s=1e6, burst=1e7)


class Clock:
    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture(autouse=True)
def untidied(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leases are brought back when a test says so: real time counts for nothing here."""
    monkeypatch.setattr(limiter_module, "TIDY_S", 3600.0)


class Port:
    """The way to the host, which can be cut."""

    def __init__(self, clock: Clock) -> None:
        self.clock, self.calls, self.away = clock, 0, False
        self.host = RateLimitsHost(Settings(), clock=clock)

    async def lease(self, replica: str, wanted: Sequence[Wanted], returned: Sequence[Returned]) -> Granted:
        await self._asked()
        return self.host.lease(replica, wanted, returned)

    async def leave(self, replica: str, returned: Sequence[Returned]) -> None:
        await self._asked()
        self.host.leave(replica, returned)

    def restart(self) -> None:
        self.host = RateLimitsHost(Settings(), clock=self.clock)

    async def _asked(self) -> None:
        await asyncio.sleep(0)
        self.calls += 1
        if self.away:
            raise ActorUnavailable("RateLimits", "it is away")


def run(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(work())


async def through(limiter: Limiter, who: Principal | None, times: int, connection: str = "1", cost: float = 1.0) -> int:
    """How many of so many requests at once are let through."""
    answers = await asyncio.gather(
        *(limiter.admit(who, connection, cost) for _ in range(times)), return_exceptions=True
    )
    assert all(isinstance(one, RateLimited | None) for one in answers), answers
    return sum(one is None for one in answers)


def rates(
    key: RateSettings | None = LARGE, connection: RateSettings | None = LARGE, everyone: RateSettings | None = LARGE
) -> RatesSettings:
    return RatesSettings(key=key, connection=connection, everyone=everyone)


def test_replicas_let_no_more_through_together_than_one_would() -> None:
    async def work() -> None:
        clock = Clock()
        port = Port(clock)
        limiters = [Limiter(rates(RateSettings(per_s=10, burst=20)), port, clock=clock) for _ in range(4)]
        found = await asyncio.gather(*(through(limiter, ALICE, 50) for limiter in limiters))
        assert sum(found) == 20
        assert await through(limiters[0], BOB, 5) == 5
        clock.now_s += 1.0
        found = await asyncio.gather(*(through(limiter, ALICE, 50) for limiter in limiters))
        assert sum(found) == 10

    run(work)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.integers(1, 8), st.sampled_from([0.0, 0.05, 0.4, 1.0, 3.0]), st.booleans()),
        max_size=25,
    )
)
def test_no_window_lets_more_through_than_the_rate_whichever_replicas_are_asked(
    steps: list[tuple[int, int, float, bool]],
) -> None:
    async def work() -> None:
        clock = Clock()
        port = Port(clock)
        rate = RateSettings(per_s=4, burst=10)
        limiters = [Limiter(rates(rate), port, clock=clock) for _ in range(3)]
        let: list[float] = []
        for which, times, wait_s, tidy in steps:
            clock.now_s += wait_s
            if tidy:
                await limiters[which].bring_back()
            let += [clock.now_s] * await through(limiters[which], ALICE, times)
        for first, began_s in enumerate(let):
            for last in range(first, len(let)):
                assert last - first + 1 <= 10 + 4 * (let[last] - began_s) + 1e-3
        for limiter in limiters:
            await limiter.close()

    run(work)


def test_a_request_normally_costs_no_call() -> None:
    async def work() -> None:
        clock = Clock()
        port = Port(clock)
        limiter = Limiter(RatesSettings(), port, clock=clock)
        for _ in range(1_000):
            clock.now_s += 0.01
            await limiter.admit(ALICE, "1")
        assert port.calls < 50
        calls = port.calls
        await through(limiter, ALICE, 1_000)
        refused = port.calls
        assert await through(limiter, ALICE, 1_000) == 0
        assert port.calls == refused, "nor does one that is refused again"
        assert refused - calls < 60

    run(work)


@pytest.mark.parametrize(
    ("limits", "scope"),
    [
        (rates(key=RateSettings(per_s=2, burst=4)), "key"),
        (rates(connection=RateSettings(per_s=2, burst=4)), "connection"),
        (rates(everyone=RateSettings(per_s=2, burst=4)), "global"),
    ],
)
def test_a_refusal_names_its_scope_and_when_to_come_again(limits: RatesSettings, scope: str) -> None:
    async def work() -> None:
        clock = Clock()
        limiter = Limiter(limits, Port(clock), clock=clock)
        assert await through(limiter, ALICE, 10) == 4
        with pytest.raises(RateLimited) as refused:
            await limiter.admit(ALICE, "1")
        assert (refused.value.scope, refused.value.retry_after_s) == (scope, 0.5)
        clock.now_s += 0.49
        with pytest.raises(RateLimited):
            await limiter.admit(ALICE, "1")
        clock.now_s += 0.01
        await limiter.admit(ALICE, "1")
        if scope == "connection":
            await limiter.admit(ALICE, "2")
        elif scope == "key":
            await limiter.admit(BOB, "1")
            await limiter.admit(None, "1")
        with pytest.raises(RateLimited):
            await limiter.admit(ALICE, "1")

    run(work)


def test_what_is_refused_for_all_counts_for_nobody() -> None:
    async def work() -> None:
        clock = Clock()
        slow, once = RateSettings(per_s=0.001, burst=4), RateSettings(per_s=1, burst=2)
        limiter = Limiter(rates(key=slow, connection=slow, everyone=once), Port(clock), clock=clock)
        for who, connection, found in ((ALICE, "1", 2), (ALICE, "1", 2), (ALICE, "1", 0), (BOB, "2", 2)):
            assert await through(limiter, who, 20, connection) == found, "of his own four none was lost"
            clock.now_s += IDLE_S
            await limiter.bring_back()
            clock.now_s += 2.0

    run(work)


def test_no_rate_is_no_limit_and_too_much_at_once_is_bad_input() -> None:
    async def work() -> None:
        port = Port(Clock())
        limiter = Limiter(rates(None, None, None), port)
        assert await through(limiter, ALICE, 10_000, cost=1e12) == 10_000
        assert port.calls == 0
        limiter = Limiter(rates(RateSettings(per_s=1, burst=5)), port)
        with pytest.raises(OutOfRange):
            await limiter.admit(ALICE, "1", cost=6)

    run(work)


class Gate:
    """Knows a key of ALICE's, and two by a look into the catalog."""

    def __init__(self) -> None:
        self.looked, self.used = 0, 0

    async def admit(self, caller: Caller, pay: Callable[[], None] = lambda: None) -> Admitted:
        if caller.authorization == "alice":
            return Admitted(ALICE)
        if caller.authorization is not None:
            pay()
            self.looked += 1
            if caller.authorization == "bob":
                return Admitted(BOB)
        raise Unauthenticated("no")

    async def use(self, admitted: Admitted) -> None:
        self.used += admitted.principal is ALICE


def called(credential: str | None, address: str = "10.0.0.1") -> Caller:
    return Caller(credential, address, direct=False)


def test_a_flood_of_callers_whom_nobody_knows_leaves_a_good_key_alone() -> None:
    async def work() -> None:
        clock = Clock()
        limits = RatesSettings(
            everyone=RateSettings(per_s=5, burst=10), unknown=RateSettings(per_s=2, burst=20), connection=None
        )
        gate, limiter = Gate(), Limiter(limits, Port(clock), clock=clock)

        async def asks(caller: Caller) -> str:
            try:
                await admitted(gate, limiter, caller, "1")
            except (RateLimited, Unauthenticated) as error:
                return getattr(error, "scope", "nobody")
            return "in"

        flood = [await asks(called(None if number % 2 else f"key {number}")) for number in range(500)]
        assert (flood.count("nobody"), flood.count("address")) == (20, 480)
        assert gate.looked == 10, "the catalog is not asked for one who cannot pay"
        assert [await asks(called("alice")) for _ in range(12)] == ["in"] * 10 + ["global"] * 2
        clock.now_s += 1.0
        assert await asks(called("bob", "10.0.0.2")) == "in"
        assert [await asks(called("bob")) for _ in range(4)] == ["in"] * 4, "who is known gets back what he paid"
        assert [await asks(called(None)) for _ in range(3)] == ["nobody"] * 2 + ["address"]

    run(work)


def test_addresses_that_one_caller_has_count_as_one() -> None:
    async def work() -> None:
        limiter = Limiter(RatesSettings(unknown=RateSettings(per_s=0.001, burst=1)), Port(Clock()), clock=Clock())
        for first, again in (
            ("2001:db8::1", "2001:db8::2:3"),
            ("10.0.0.1", "::ffff:10.0.0.1"),
            ("fe80::1%eth0", "fe80::2%eth0"),
            ("unix", "unix"),
            (None, None),
        ):
            limiter.stranger(first).pay()
            with pytest.raises(RateLimited, match="address"):
                limiter.stranger(again).pay()

    run(work)


def test_whoever_is_refused_for_his_rate_or_his_role_has_used_nothing_up() -> None:
    async def work() -> None:
        gate = Gate()
        limiter = Limiter(rates(RateSettings(per_s=1, burst=1)), Port(Clock()), clock=Clock())

        def never(_: Principal) -> None:
            raise Forbidden("this", "not his")

        with pytest.raises(Forbidden):
            await admitted(gate, None, called("alice"), None, never)
        await admitted(gate, limiter, called("alice"), "1")
        with pytest.raises(RateLimited):
            await admitted(gate, limiter, called("alice"), "1")
        assert gate.used == 1

    run(work)


def test_what_is_not_spent_comes_back_to_the_others() -> None:
    async def work() -> None:
        clock = Clock()
        port = Port(clock)
        limits = rates(RateSettings(per_s=0.001, burst=100))
        first, second = (Limiter(limits, port, clock=clock) for _ in range(2))
        assert await through(first, ALICE, 1, cost=1.0) == 1
        await first.bring_back()
        clock.now_s += IDLE_S
        await first.bring_back()
        assert await through(second, ALICE, 200) == 99
        assert await through(first, BOB, 1) == 1
        await first.close()
        assert await through(second, BOB, 200) == 99
        assert port.host.status()["replicas"] == 1
        clock.now_s += 2 * ABSENT_S
        port.host.lease("third", (), ())
        assert port.host.status()["replicas"] == 1

    run(work)


def test_an_idle_replica_brings_back_what_it_has_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limiter_module, "TIDY_S", 0.01)

    async def work() -> None:
        clock = Clock()
        port = Port(clock)
        limiter = Limiter(rates(RateSettings(per_s=10, burst=100)), port, clock=clock)
        await limiter.admit(ALICE, "1")
        assert port.host.status()["leases"] == 2
        clock.now_s += IDLE_S
        async with asyncio.timeout(10):
            while port.host.status()["leases"]:  # noqa: ASYNC110  (what ends it is a task of the limiter's own)
                await asyncio.sleep(0.01)

    run(work)


def test_without_the_actor_a_replica_keeps_to_its_share_and_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        clock = Clock()
        port = Port(clock)
        limits = rates(RateSettings(per_s=10, burst=20))
        first, second = (Limiter(limits, port, clock=clock) for _ in range(2))
        assert await through(first, BOB, 1) + await through(second, BOB, 1) + await through(first, BOB, 1) == 3
        clock.now_s += LAPSE_S
        assert await through(first, BOB, 1) == 1
        port.away = True
        assert await through(first, ALICE, 100) == 10, "half of the burst"
        clock.now_s += 1.0
        calls = port.calls
        assert await through(first, ALICE, 100) == 5, "half of the rate"
        assert port.calls == calls, "who does not answer is not asked all the time"
        assert await through(first, ALICE, 1, cost=20.0) == 0
        clock.now_s += AWAY_S
        assert await through(first, ALICE, 1, cost=20.0) == 1, "it costs all of the share"
        assert await through(first, ALICE, 1) == 0
        assert port.calls == calls + 1, "one request found out that it is still away"
        port.away = False
        clock.now_s += AWAY_S
        assert await through(first, ALICE, 100) == 20
        await first.close()

    with caplog.at_level(logging.INFO, "quantum_memory"):
        run(work)
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert "1/2 of each" in caplog.text


def test_a_restarted_actor_begins_with_full_buckets() -> None:
    async def work() -> None:
        clock = Clock()
        port = Port(clock)
        limiter = Limiter(rates(RateSettings(per_s=0.001, burst=10)), port, clock=clock)
        assert await through(limiter, ALICE, 10) == 10
        port.restart()
        limiter = Limiter(rates(RateSettings(per_s=0.001, burst=10)), port, clock=clock)
        assert await through(limiter, ALICE, 100) == 10
        port.away = True
        await limiter.close()

    run(work)
