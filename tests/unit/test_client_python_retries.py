"""The Python client when answers are lost and replicas end: what was done is not doubled, and what was not is done."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from quantum_memory_client import (
    AsyncClient,
    Client,
    ClientError,
    Conflict,
    NoAnswer,
    NotFound,
    Retries,
    ServerFailure,
    Unavailable,
)
from quantum_memory_client._operations import forget_memory, import_archive, import_memories, list_agents, remember
from quantum_memory_client.calls import Answer, Call
from quantum_memory_client.errors import of_answer
from quantum_memory_client.retries import Send, Wait, performed
from tests.unit.door_served import Door, Proxy, proxied

QUICK = Retries(deadline_s=30.0, first_s=0.05, most_s=0.2)


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    made = Door(tmp_path)
    yield made
    made.close()


@pytest.fixture
def proxy(door: Door) -> Iterator[Proxy]:
    with proxied(door) as made:
        yield made


class LosesOnce:
    """Loses the next answer to a change, and none after that."""

    def __init__(self) -> None:
        self.armed = False

    def __call__(self, chunk: bytes) -> bool:
        lost, self.armed = self.armed and chunk.startswith(b"HTTP/1.1 2"), False
        return lost


def test_a_change_that_was_done_and_whose_answer_was_lost_is_not_doubled(door: Door, proxy: Proxy) -> None:
    proxy.lost = losing = LosesOnce()
    with Client(proxy.url, door.key("admin"), retries=QUICK) as memory:
        memory.make_agent("ann")

        def lossy(change: Any) -> Any:
            losing.armed = True
            done = change()
            assert not losing.armed, "an answer was lost"
            return done

        first = lossy(lambda: memory.remember("ann", "Bob lent me his umbrella."))
        lossy(lambda: memory.remember_many("ann", [{"text": "one"}, {"text": "two"}]))
        lossy(lambda: memory.feel("ann", emotion="joy"))
        lossy(lambda: memory.checkpoint("ann", message="here"))
        fork = lossy(lambda: memory.fork("ann", "what-if"))
        lossy(lambda: memory.relate("ann", "Ann", "knows", "Bob"))
        lossy(lambda: memory.learn("ann", "tea", ["boil", "pour"]))
        skill = lossy(lambda: memory.practise("ann", "tea", succeeded=True))
        lossy(lambda: list(memory.remember_stream("ann", [{"text": "a line"}, {"text": "another"}])))
        lossy(lambda: memory.clone("ann", "twin"))
        assert proxy.cuts == 10
        texts = [one["text"] for one in memory.list_memories("ann")]
        assert texts == ["Bob lent me his umbrella.", "one", "two", "a line", "another"]
        assert memory.read_memory("ann", first["ids"][0])["text"] == texts[0]
        assert [one["message"] for one in memory.list_commits("ann")].count("here") == 1
        assert [one["id"] for one in memory.list_branches("ann") if one["name"] == "what-if"] == [fork["id"]]
        assert skill["successes"] == 1
        assert memory.list_skills("ann")["items"][0]["successes"] == 1
        assert len([one for one in memory.read_log("ann") if one["kind"] == "felt"]) == 1
        forgotten = lossy(lambda: memory.forget("ann", first["ids"]))
        assert forgotten["forgotten"] == 1
        assert len(list(memory.list_memories("ann"))) == 4


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_an_archive_whose_answer_was_lost_is_taken_in_once(
    door: Door, proxy: Proxy, tmp_path: Path, kind: type[Client | AsyncClient]
) -> None:
    """As bytes and as a file, by either client: sent again, it does not find the agent that it has made itself."""
    proxy.lost = losing = LosesOnce()
    file = tmp_path / "ann.qms"
    with Client(door.url, door.key("admin")) as memory:
        memory.remember("ann", "Bob lent me his umbrella.", create=True)
        memory.save_archive("ann", file)
        client = kind(proxy.url, door.key("admin"), retries=QUICK)

        async def brought(name: str, content: bytes | Path, **named: Any) -> dict[str, Any]:
            if isinstance(client, AsyncClient):
                return dict(await client.import_archive(name, content, **named))
            return dict(await asyncio.to_thread(client.import_archive, name, content, **named))

        async def play() -> None:
            for name, content in (("bytes", file.read_bytes()), ("file", file)):
                losing.armed = True
                assert (await brought(name, content))["agent"] == name
                assert not losing.armed, "an answer was lost"
                assert [one["text"] for one in memory.list_memories(name)] == ["Bob lent me his umbrella."]
                with pytest.raises(Conflict):  # a call of its own is another change
                    await brought(name, content)
            first = await brought("named", file, idempotency_key="mine")
            assert await brought("named", file, idempotency_key="mine") == first

        async def closed() -> None:
            try:
                await play()
            finally:
                if isinstance(client, AsyncClient):
                    await client.aclose()
                else:
                    client.close()

        asyncio.run(closed())
        assert proxy.cuts == 2
        assert {one["name"] for one in memory.list_agents()} == {"ann", "bytes", "file", "named"}


def test_a_deletion_whose_answer_was_lost_is_a_deletion(door: Door, proxy: Proxy) -> None:
    proxy.lost = losing = LosesOnce()
    with Client(proxy.url, door.key("admin"), retries=QUICK) as memory:
        memory.remember("ann", "x", id="x", create=True)
        memory.put_tag("ann", "v1")
        memory.fork("ann", "what-if")
        losing.armed = True
        memory.drop_tag("ann", "v1")
        losing.armed = True
        memory.delete_branch("ann", "what-if")
        losing.armed = True
        memory.forget_memory("ann", "x")
        assert proxy.cuts == 3
        assert not list(memory.list_tags("ann"))
        assert [one["name"] for one in memory.list_branches("ann")] == ["main"]
        assert not list(memory.list_memories("ann"))
        with pytest.raises(NotFound):
            memory.delete_branch("ann", "what-if")


def test_writers_go_on_over_a_replica_that_ends_and_another_that_starts(door: Door) -> None:
    async def play() -> None:
        async with AsyncClient(door.url, door.key(), retries=QUICK) as memory:
            await memory.make_agent("ann")

            async def writer(who: int) -> list[str]:
                return [(await memory.remember("ann", f"{who}: {n}"))["ids"][0] for n in range(12)]

            async def trouble() -> None:
                for _ in range(2):
                    await asyncio.sleep(0.15)
                    await asyncio.to_thread(door.stop)
                    await asyncio.sleep(0.3)
                    await asyncio.to_thread(door.start)

            *ids, _ = await asyncio.gather(*(writer(who) for who in range(4)), trouble())
            told = [one for some in ids for one in some or ()]
            kept = [one async for one in memory.list_memories("ann", limit=1000)]
            assert sorted(one["id"] for one in kept) == sorted(told)
            assert sorted(one["text"] for one in kept) == sorted(f"{who}: {n}" for who in range(4) for n in range(12))

    asyncio.run(play())


def test_a_stream_of_memories_goes_on_over_cuts(door: Door, proxy: Proxy) -> None:
    with Client(proxy.url, door.key(), retries=QUICK) as memory:
        done = threading.Event()

        def cutting() -> None:
            while not done.wait(0.08):
                if proxy.cuts < 6:
                    proxy.cut()

        cutter = threading.Thread(target=cutting)
        cutter.start()
        try:
            told = list(memory.remember_stream("ann", ({"text": f"line {n}"} for n in range(500)), create=True))
        finally:
            done.set()
            cutter.join()
        assert (told[-1].line, told[-1].remembered, told[-1].refused) == (500, 500, 0)
        assert proxy.cuts
        kept = [one["text"] for one in memory.list_memories("ann", limit=1000)]
        assert kept == [f"line {n}" for n in range(500)]


def test_a_download_that_is_cut_begins_again_and_leaves_no_part(door: Door, proxy: Proxy, tmp_path: Path) -> None:
    with Client(proxy.url, door.key(), retries=QUICK) as memory:
        memory.remember_many("ann", [{"text": f"line {n} " + "x" * 500} for n in range(500)], create=True)
        answered = 0

        def halfway(chunk: bytes) -> bool:
            nonlocal answered
            answered += len(chunk)
            return not proxy.cuts and answered > 100_000

        proxy.lost = halfway
        memory.save_memories("ann", tmp_path / "ann.jsonl", format="jsonl")
        assert proxy.cuts == 1
        assert len((tmp_path / "ann.jsonl").read_bytes().splitlines()) == 500
        assert not list(tmp_path.glob("*.part"))


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def waits(
    statuses: list[int | None],
    retries: Retries,
    told: dict[str, str] | None = None,
    body: bytes = b'{"items": [], "next": null}',
) -> list[float]:
    """What is waited for where answers come with these statuses, None for none; raises what the last one raises."""
    clock, found = Clock(), list[float]()
    steps = performed(list_agents(), retries, 30.0, clock)
    outcome: Answer | NoAnswer | None = None
    given = iter(statuses)
    try:
        while True:
            step = steps.send(outcome)
            outcome = None
            if isinstance(step, Wait):
                found.append(step.seconds)
                clock.now_s += step.seconds
            elif isinstance(step, Send):
                clock.now_s += 0.5
                status = next(given)
                outcome = NoAnswer("gone") if status is None else Answer(status, told or {}, body)
    except StopIteration:
        return found


def test_pauses_double_and_are_drawn() -> None:
    low, high = Retries(draw=lambda: 0.0), Retries(draw=lambda: 1.0)
    assert waits([503, None, 502, 504, 429, 200], low) == [0.05, 0.1, 0.2, 0.4, 0.8]
    assert waits([503, None, 502, 504, 429, 200], high) == [0.1, 0.2, 0.4, 0.8, 1.6]
    assert high.pause_s(10**6) == high.most_s


def test_a_retry_after_is_waited_out() -> None:
    assert waits([429, 200], Retries(draw=lambda: 0.0), {"retry-after": "7"}) == [7.0]
    assert waits([503, 200], Retries(draw=lambda: 1.0), {"retry-after": "0"}) == [0.1]


def test_nothing_is_begun_that_the_deadline_leaves_no_time_for() -> None:
    with pytest.raises(Unavailable):
        waits([503] * 100, Retries(deadline_s=10.0))
    with pytest.raises(Unavailable):
        waits([503, 200], Retries(deadline_s=5.0), {"retry-after": "60"})
    with pytest.raises(NoAnswer):
        waits([None, 200], Retries(deadline_s=0.0))


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 500])
def test_what_is_not_for_now_is_not_asked_again(status: int) -> None:
    headers = {"content-type": "application/problem+json"}
    body = json.dumps({"type": "/problems/some", "status": status}).encode()
    with pytest.raises(type(of_answer(status, headers, body))):
        waits([status, 200], Retries(), headers, body)


def test_a_change_has_one_key_however_often_it_is_sent_and_a_reading_has_none() -> None:
    call = remember("ann", "x")
    steps = performed(call, Retries(), 30.0, Clock())
    first = next(steps)
    steps.send(NoAnswer("gone"))
    again = steps.send(None)
    assert isinstance(first, Send)
    assert isinstance(again, Send)
    assert first.call.headers["Idempotency-Key"] == again.call.headers["Idempotency-Key"]
    assert remember("ann", "x").key != call.key
    assert list_agents().key is None
    assert import_archive("ann", b"").key
    assert import_archive("ann", b"", idempotency_key="mine").headers["Idempotency-Key"] == "mine"
    assert import_memories("ann", b"").key is None, "known by what they hold"


@pytest.mark.parametrize("status", [500, 502, 503, 504, 520])
def test_a_failure_that_is_no_problem_of_the_server_is_asked_again(status: int) -> None:
    """As of Serve's proxy, which answers 500 where the replica that had the request is gone."""
    assert len(waits([status, status, 200], Retries())) == 2


@pytest.mark.parametrize("status", [501, 505, 511])
def test_what_something_in_between_says_for_good_is_not_asked_again(status: int) -> None:
    assert isinstance(of_answer(status, {"content-type": "text/plain"}, b"no"), ServerFailure)


@pytest.mark.parametrize(
    ("first", "may_be"),
    [
        (("busy", 503), False),
        (("uploads-full", 503), False),
        (("rate-limited", 429), False),
        (("actor-unavailable", 503), True),
        (("vault-unavailable", 503), True),
        (("", 503), True),
        (("", 502), True),
        (None, True),
    ],
)
def test_nothing_that_was_never_there_was_deleted(first: tuple[str, int] | None, may_be: bool) -> None:
    """The server answers the same deletion as it did before: what is not there for it was deleted by somebody else."""
    steps = performed(forget_memory("ann", "m1"), Retries(draw=lambda: 0.0), 30.0, Clock())
    next(steps)
    steps.send(NoAnswer("gone") if first is None else _problem(*first))
    steps.send(None)
    with pytest.raises(NotFound) as caught:
        steps.send(_problem("memory-not-found", 404))
    assert caught.value.may_be_done == may_be, "whether nobody knows what came of the first attempt"


def _problem(kind: str, status: int) -> Answer:
    if not kind:
        return Answer(status, {}, b"")
    body = json.dumps({"type": f"/problems/{kind}", "status": status}).encode()
    return Answer(status, {"content-type": "application/problem+json"}, body)


@pytest.mark.parametrize("name", [".", ".."])
def test_a_name_that_clients_take_for_a_step_of_the_path_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no name"):
        forget_memory("ann", name)
    assert forget_memory("ann", "...").path.endswith("/...")


def test_what_something_in_between_answers_is_an_error_too() -> None:
    lost = of_answer(500, {"content-type": "text/plain"}, b"Internal Server Error")
    assert (type(lost), lost.status, lost.detail) == (NoAnswer, 500, "Internal Server Error")
    gateway = of_answer(502, {"content-type": "text/html"}, b"<html>")
    assert (type(gateway), gateway.detail) == (Unavailable, "Bad Gateway")
    assert of_answer(418, {"content-type": "application/problem+json"}, b"{").status == 418


@pytest.mark.parametrize(("statuses", "may_be_done"), [((None, 401), True), ((504, 429), True), ((429, 401), False)])
def test_an_error_says_whether_an_earlier_attempt_may_have_done_it(
    statuses: tuple[int | None, ...], may_be_done: bool
) -> None:
    call = remember("ann", "Bob lent me his umbrella.")
    with pytest.raises(ClientError) as raised:
        _carried_out(call, statuses)
    assert (raised.value.may_be_done, raised.value.idempotency_key) == (may_be_done, call.key)


def _carried_out(call: Call[Any], statuses: tuple[int | None, ...]) -> None:
    """With a deadline that leaves time for two attempts."""
    clock = Clock()
    steps = performed(call, Retries(deadline_s=0.9, draw=lambda: 0.0), 30.0, clock)
    outcome: Answer | NoAnswer | None = None
    given = iter(statuses)
    while True:
        step = steps.send(outcome)
        clock.now_s += 0.4
        status = next(given) if isinstance(step, Send) else 0
        outcome = NoAnswer("gone") if status is None else Answer(status, {}, b"") if status else None
