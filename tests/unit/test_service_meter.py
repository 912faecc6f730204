"""Requests that bring many memories cost accordingly, and none of them so much that it could never come through."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.cluster.service.limits.limiter import Limiter
from quantum_memory.cluster.service.limits.meter import MEMORIES, Meter, beside
from quantum_memory.cluster.service.principals import Principal
from quantum_memory.errors import RateLimited
from quantum_memory.settings import RateSettings, RatesSettings
from tests.unit.doors import ANN, Rest, problem, said
from tests.unit.test_service_limiter import Clock, Port, rates

NDJSON = {"content-type": "application/x-ndjson"}
ALICE = "/agents/alice"


def lines(count: int, first: int = 0) -> bytes:
    return b"".join(json.dumps(said(first + number)).encode() + b"\n" for number in range(count))


@pytest.mark.parametrize(("memories", "tokens"), [(0, 0), (1, 0), (64, 0), (65, 1), (128, 1), (129, 2), (10_000, 156)])
def test_a_token_is_for_so_many_memories_begun_and_the_request_has_paid_the_first(memories: int, tokens: int) -> None:
    assert (MEMORIES, beside(memories)) == (64, tokens)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(1, 20_000), min_size=1, max_size=6),
    st.sampled_from([1.0, 2.5, 3.0, 40.0]),
    st.sampled_from([0.5, 7.0]),
    st.booleans(),
)
def test_whoever_comes_again_when_he_is_told_to_comes_through(
    sizes: list[int], burst: float, per_s: float, shared: bool
) -> None:
    """However many memories a request brings, its second try is its last."""

    async def work() -> None:
        clock, rate = Clock(), RateSettings(per_s=per_s, burst=burst)
        limiter = Limiter(rates(everyone=rate) if shared else rates(key=rate), Port(clock), clock=clock)

        async def ask(size: int) -> None:
            async with limiter.over("1"):
                await limiter.admit_caller(ANN)
            await limiter.charge(ANN, beside(size))

        scopes: set[str] = set()
        for size in sizes:
            try:
                await ask(size)
            except RateLimited as error:
                scopes.add(error.scope)
                clock.now_s += error.retry_after_s + 1e-6
                try:
                    await ask(size)
                except RateLimited as refused:
                    # The first try was refused as a request, before it said how much it brings.
                    clock.now_s += refused.retry_after_s + 1e-6
                    await ask(size)
        assert scopes <= {"global" if shared else "key"}

    asyncio.run(work())


def test_memories_that_come_one_by_one_are_paid_token_by_token() -> None:
    left = 2

    async def take() -> None:
        nonlocal left
        if not left:
            raise RateLimited("key", 0.25)
        left -= 1

    async def work() -> None:
        nonlocal left
        meter = Meter(take)
        for memories, wait_s in ((64, 0.0), (1, 0.0), (100, 0.0), (100, 0.25)):
            meter.add(memories)
            assert await meter.pay() == wait_s
        left = 10
        assert await meter.pay() == 0.0
        assert left == 8, "265 memories are five tokens, of which the request was one"

    asyncio.run(work())


def limited(folder: Path, burst: float, per_s: float, clock: Any = time.monotonic) -> tuple[Rest, Limiter]:
    limits = RatesSettings(key=RateSettings(per_s=per_s, burst=burst), connection=None)
    limiter = Limiter(limits, Port(clock), clock=clock)
    return Rest(folder, limiter), limiter


def test_a_batch_costs_by_its_memories_and_comes_through_once_it_is_time(tmp_path: Path) -> None:
    clock = Clock()
    rest, _ = limited(tmp_path, 4.0, 1.0, clock)
    many = [said(number) for number in range(300)]

    def bring(count: int) -> Any:
        return rest.post(f"{ALICE}/remember/batch", {"memories": many[:count]})

    try:
        assert rest.put(ALICE).is_success
        assert bring(64).is_success, "64 cost one"
        told = bring(300)
        assert problem(told, 429, "rate-limited")["scope"] == "key"
        assert len(rest.front.agent("acme:alice").memories()) == 64
        clock.now_s += float(told.headers["retry-after"])
        assert bring(300).is_success
        assert rest.get(ALICE).status_code == 429, "five tokens are more than a burst: all of it is gone"
        clock.now_s += 4.0
        ids = [f"m{number}" for number in range(65)]
        clock.now_s += 1.0
        assert rest.post(f"{ALICE}/forget", {"ids": ids}).status_code == 404
        assert [rest.get(ALICE).status_code for _ in range(3)] == [200, 200, 429]
    finally:
        rest.close()


@pytest.mark.parametrize("path", ["remember/stream", "import?format=jsonl"])
def test_what_comes_as_a_stream_pays_as_it_goes_and_waits_where_it_has_to(tmp_path: Path, path: str) -> None:
    rest, limiter = limited(tmp_path, 4.0, 20.0)
    try:
        assert rest.put(ALICE).is_success
        begun_s = time.monotonic()
        done = rest.ask("POST", f"{ALICE}/{path}", content=lines(640), headers=NDJSON)
        took_s = time.monotonic() - begun_s
        assert done.is_success, done.text
        told = json.loads(done.text.splitlines()[-1])
        assert told.get("remembered", told.get("added")) == 640
        assert took_s >= (10 - 4) / 20.0, "640 memories are ten tokens, four of which were there at most"
        rest.run(limiter.close())
    finally:
        rest.close()


@pytest.mark.parametrize("skip", [False, True])
def test_an_import_pays_for_all_that_it_reads_and_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, skip: bool
) -> None:
    rest, limiter = limited(tmp_path, 50.0, 20.0)
    admit_caller, taken = limiter.admit_caller, 0.0

    async def counted(principal: Principal, cost: float = 1.0) -> None:
        nonlocal taken
        await admit_caller(principal, cost)
        taken += cost

    def bring(body: bytes) -> tuple[int, float]:
        nonlocal taken
        taken = 0.0
        path = f"{ALICE}/import?format=jsonl&skip_bad={str(skip).lower()}"
        return rest.ask("POST", path, content=body, headers=NDJSON).status_code, taken

    try:
        assert rest.put(ALICE).is_success
        monkeypatch.setattr(limiter, "admit_caller", counted)
        assert bring(lines(640)) == (200, 10.0)
        bad = b'{"txt": "x"}\n' * 640
        assert bring(bad) == ((200, 10.0) if skip else (422, 1.0))
        assert bring(lines(640) + bad[:13]) == ((200, 10.0) if skip else (422, 10.0)), "also what was read in vain"
        rest.run(limiter.close())
    finally:
        rest.close()


def test_an_archive_waits_for_its_events_and_never_for_more_than_a_burst(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rest, limiter = limited(tmp_path, 3.0, 20.0)
    taken, admit_caller = [], limiter.admit_caller

    async def counted(principal: Principal, cost: float = 1.0) -> None:
        await admit_caller(principal, cost)
        taken.append(cost)

    try:
        handle = rest.front.agent("acme:alice")
        for number in range(300):
            handle.remember(f"{number}")
        out = rest.get(f"{ALICE}/archive").content
        monkeypatch.setattr(limiter, "admit_caller", counted)
        headers = {"content-type": "application/octet-stream"}
        done = rest.ask("POST", "/agents/bob/archive", content=out, headers=headers)
        assert done.status_code == 201, done.text
        assert done.json()["events"] >= 300
        assert taken == [1.0] * 3, "300 events are five tokens, and three are a burst"
        rest.run(limiter.close())
    finally:
        rest.close()
