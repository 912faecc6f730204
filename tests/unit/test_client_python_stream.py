"""The Python client's stream: over cuts and replicas that end nothing is missed or doubled; what ends it is said."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from quantum_memory import errors
from quantum_memory.cluster.service.stream import endpoint, session
from quantum_memory_client import (
    AsyncClient,
    Channel,
    Client,
    Event,
    Forbidden,
    InvalidInput,
    NoAnswer,
    RateLimited,
    Retries,
    Revoked,
    Unauthenticated,
    Unavailable,
)
from quantum_memory_client.errors import of_answer
from quantum_memory_client.following import MOODS, REFUSALS, Following
from tests.unit.door_served import Door, Proxy, free_port, proxied

QUICK = Retries(deadline_s=20.0, first_s=0.02, most_s=0.1)
ROOT = Path(__file__).parents[2]


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    made = Door(tmp_path, service={"limits": {"key": {"per_s": 1000.0, "burst": 2000.0}}})
    yield made
    made.close()


@pytest.fixture
def proxy(door: Door) -> Iterator[Proxy]:
    with proxied(door) as made:
        yield made


def texts(event: Event) -> list[str]:
    return [one["text"] for one in event["told"]["memories"]] if event["type"] == "memory_operation" else []


def test_what_happens_is_told_over_cuts_and_over_another_replica_once_and_in_order(door: Door, proxy: Proxy) -> None:
    many = 120

    async def play() -> list[str]:
        heard: list[str] = []
        async with AsyncClient(door.url, door.key(), retries=QUICK) as memory:
            await memory.make_agent("ann")

            async def write() -> None:
                for n in range(many):
                    await memory.remember("ann", f"{n}")
                    if n % 25 == 10:
                        await asyncio.to_thread(proxy.cut)
                    if n == 60:
                        await asyncio.to_thread(door.stop)
                        await asyncio.to_thread(door.start)

            async with (
                AsyncClient(proxy.url, door.key(), retries=QUICK) as reader,
                reader.stream("ann", ["memories"]) as events,
                asyncio.timeout(60),
            ):
                writing = asyncio.create_task(write())
                async for event in events:
                    heard += texts(event)
                    if len(heard) >= many:
                        break
                await writing
                await memory.remember("ann", "the end")
                heard += texts(await anext(events))
        return heard

    assert asyncio.run(play()) == [*(f"{n}" for n in range(many)), "the end"]
    assert proxy.cuts >= 5


def test_a_thread_is_told_the_same_and_may_go_on_later_from_a_position(door: Door, proxy: Proxy) -> None:
    with Client(proxy.url, door.key(), retries=QUICK) as memory:
        memory.make_agent("ann")
        with memory.stream(["ann"], ["memories", "history"]) as events:
            memory.remember_many("ann", [{"text": "one"}, {"text": "two"}])
            first = next(events)
            assert texts(first) == ["one", "two"]
            proxy.cut()
            memory.checkpoint("ann", message="here")
            second = next(events)
            assert (second["type"], second["type"] == "history" and second["operation"]) == (
                "history",
                "commit_created",
            )
        memory.remember("ann", "three")
        assert first["type"] == "memory_operation"
        with memory.stream("*", ["memories"], after=first["position"]) as later:
            assert texts(next(later)) == ["three"]
        with memory.stream("*", ["memories"], after=0) as everything:
            assert [texts(next(everything)) for _ in range(2)] == [["one", "two"], ["three"]]


def test_a_mood_is_told_and_not_again_after_a_cut(door: Door, proxy: Proxy) -> None:
    with Client(proxy.url, door.key(), retries=QUICK) as memory:
        memory.make_agent("ann")
        with memory.stream("ann", ["mood", "memories"]) as events:
            memory.feel("ann", emotion="joy")
            mood = next(event for event in events if event["type"] == "emotional_update" and event["mood"]["at"])
            proxy.cut()
            memory.remember("ann", "a marker", pad={"pleasure": 0.0, "arousal": 0.0, "dominance": 0.0})
            upto = next(events)
            assert upto["type"] == "memory_operation", (mood, upto)


def test_what_cannot_begin_says_why(door: Door) -> None:
    hasty = Retries(deadline_s=0.3, first_s=0.05)
    with Client(door.url, door.key(agents=("bob",)), retries=hasty) as memory:
        with pytest.raises(Forbidden), memory.stream("ann", ["memories"]):
            pass
        with pytest.raises(InvalidInput), memory.stream("bo:b", ["memories"]):
            pass
    stranger = Client(door.url, "qm_0000000000000000_no", retries=hasty)
    with stranger, pytest.raises(Unauthenticated), stranger.stream():
        pass
    nobody = Client(f"http://127.0.0.1:{free_port()}", retries=hasty)
    with nobody, pytest.raises(NoAnswer), nobody.stream():
        pass


def test_a_reader_that_does_not_keep_up_is_told_what_it_was_not_told_and_can_have_it(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "CREDIT", 16)
    monkeypatch.setattr(endpoint, "CREDIT", 16)
    monkeypatch.setattr(session, "SLOW_S", 0.3)
    with Client(door.url, door.key(), retries=QUICK) as memory:
        memory.make_agent("ann")
        heard: list[str] = []
        with memory.stream("ann", ["memories"]) as events:
            for n in range(60):
                memory.remember("ann", f"{n}")
            time.sleep(0.6)
            for event in events:
                if event["type"] == "lagging":
                    gap = event
                    break
                heard += texts(event)
            with memory.stream("ann", ["memories"], after=gap["after"]) as rest:
                while len(heard) < 60:
                    heard += texts(next(rest))
        assert heard == [f"{n}" for n in range(60)]


def test_a_stream_ends_when_its_key_is_revoked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "HEARTBEAT_S", 0.2)
    door = Door(tmp_path, service={"access": {"fresh_s": 0.1}})
    try:
        key = door.key()
        with Client(door.url, key, retries=QUICK) as memory, memory.stream() as events:
            door.revoke(key)
            with pytest.raises(Revoked):
                next(events)
    finally:
        door.close()


# What a reader knows, without a connection.


class Reader:
    """A reader, and what it handed on."""

    def __init__(self, after: int | None = None, *channels: Channel) -> None:
        self.now_s, wanted = 0.0, channels or ("memories", "mood")
        self.core = Following(["ann"], wanted, None, after, Retries(draw=lambda: 0.0), lambda: self.now_s)
        self.events: list[Event] = []
        self.said: list[dict[str, Any]] = []

    def open(self, position: int) -> Any:
        """A connection is had; from where on it is to be told."""
        said = [json.loads(text) for text in self.core.opened()]
        self.hear("welcome", version=1, position=position, heartbeat_s=15.0, credit=16)
        self.hear("subscribed", id="events", position=said[1].get("after", position))
        return said[1].get("after")

    def hear(self, kind: str, **fields: Any) -> None:
        event = self.core.heard(json.dumps({"type": kind, **fields}))
        if event is not None:
            self.events.append(event)
        if (ack := self.core.owed()) is not None:
            self.said.append(json.loads(ack))

    def change(self, position: int, *numbers: int) -> None:
        for number in numbers:
            self.hear("memory_operation", position=position, number=number)

    @property
    def numbers(self) -> list[Any]:
        found: list[Any] = self.events
        return [event.get("number") for event in found]


def test_a_cut_within_a_change_hands_on_what_is_left_of_it() -> None:
    reader = Reader(None, "memories")
    assert reader.open(10) is None
    reader.change(12, 1)
    reader.change(15, 2, 3)
    reader.core.lost(OSError("cut"))
    assert reader.open(20) == 12
    reader.change(15, 2, 3, 4)
    reader.change(16, 5)
    reader.core.lost(OSError("cut"))
    assert reader.open(20) == 15
    reader.change(16, 5)
    reader.hear("heartbeat", position=20)
    reader.core.lost(OSError("cut"))
    assert reader.open(20) == 20
    assert reader.numbers == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(("channels", "again"), [(["mood", "memories"], 10), (["memories"], 11)])
def test_with_moods_a_connection_goes_on_where_all_moods_were_told(channels: list[Channel], again: int) -> None:
    """What it tells again of changes is known, and handed on once."""
    following = Following("*", channels, None, None, Retries(), lambda: 0.0)
    events = []
    for position in ([10, 11, 12], [11, 12, 13]):
        subscribe = json.loads(following.opened()[1])
        following.heard(json.dumps({"type": "subscribed", "id": "s", "position": 9}))
        for one in position:
            event = following.heard(json.dumps({"type": "memory_operation", "position": one, "told": {}}))
            events += [one] if event is not None else []
            if one == 11:
                following.heard(json.dumps({"type": "heartbeat", "position": 10}))
    assert subscribe["after"] == again
    assert events == [10, 11, 12, 13]


def test_moods_are_states_and_do_not_move_the_place() -> None:
    reader = Reader()
    reader.open(10)
    told = {"agent": "ann", "branch": "main", "mood": {"pad": [0.1, 0.0, 0.0]}}
    reader.hear("emotional_update", position=99, **told)
    reader.hear("emotional_update", position=100, **told)
    reader.core.lost(OSError("cut"))
    assert reader.open(10) == 10
    reader.hear("emotional_update", position=10, **told)
    assert len(reader.events) == 2
    reader.hear("emotional_update", position=11, **{**told, "mood": {"pad": [0.2, 0.0, 0.0]}})
    assert len(reader.events) == 3


def test_after_a_restore_moods_of_before_are_asked_for_where_they_were_not_told() -> None:
    for upto, again in ((3, 3), (12, 9)):
        reader = Reader()
        reader.open(1)
        reader.change(12, 1)
        reader.hear("heartbeat", position=upto)
        reader.hear("lagging", subscription="events", after=12, upto=9)
        reader.core.lost(OSError("cut"))
        assert reader.open(20) == again
        reader.change(8, 2)
        reader.change(10, 3)
        assert reader.numbers == [1, None, 3]


def test_after_a_restore_every_mood_is_asked_for_until_all_of_them_were_told() -> None:
    reader = Reader()
    reader.open(1)
    reader.change(12, 1)
    reader.hear("lagging", subscription="events", after=12, upto=9)
    for upto in (8, 9, 9):
        assert json.loads(reader.core.opened()[1])["all_moods"] is True
        reader.open(20)
        reader.hear("heartbeat", position=upto)
        if upto == 9:
            assert "all_moods" not in json.loads(reader.core.opened()[1])
            reader.hear("lagging", subscription="events", after=12, upto=9)


@pytest.mark.parametrize(("channel", "positions"), [("mood", [3, 5, 8]), ("history", [4, 7, 8])])
def test_where_another_stream_can_go_on_is_where_all_was_told(channel: Channel, positions: list[int]) -> None:
    """With moods that is where all of them were told, as heartbeats and the last message say; else every change."""
    reader = Reader(None, "memories", channel)
    assert reader.core.position is None
    reader.open(3)
    reader.change(4, 1)
    reader.change(5, 2)
    found = [reader.core.position]
    reader.change(7, 3)
    reader.hear("heartbeat", position=5)
    reader.change(8, 4)
    found.append(reader.core.position)
    with pytest.raises(NoAnswer):
        reader.hear("closing", reason="shutdown", position=8, reconnect_after_s=1.0)
    assert [*found, reader.core.position] == positions
    assert reader.open(20) == 8


def test_a_stream_says_where_another_one_can_go_on(door: Door) -> None:
    async def play(after: int) -> None:
        async with (
            AsyncClient(door.url, door.key(), retries=QUICK) as memory,
            memory.stream("ann", ["memories"], after=after) as events,
        ):
            assert texts(await anext(events)) == ["two"]
            assert events.position is not None
            assert events.position >= after

    with Client(door.url, door.key(), retries=QUICK) as memory:
        memory.make_agent("ann")
        with memory.stream("ann", ["memories"]) as events:
            memory.remember("ann", "one")
            memory.remember("ann", "two")
            assert texts(next(events)) == ["one"]
            before = events.position
            assert texts(next(events)) == ["two"]
            after = events.position
        assert before is not None
        assert after is not None
        assert before < after
    asyncio.run(play(after))


def test_so_many_moods_are_known_and_no_more() -> None:
    reader, count = Reader(), MOODS + 10
    for _ in range(2):
        reader.open(10)
        for number in range(count):
            reader.hear("emotional_update", position=9, agent=str(number), branch="main", mood={"pad": [0.1, 0, 0]})
        reader.core.lost(OSError("cut"))
    assert len(reader.core._moods) == MOODS
    assert len(reader.events) == 2 * count, "those that are known no more are told as they are"


@pytest.mark.parametrize(("channels", "again"), [(["memories", "mood"], 10), (["memories"], 500)])
def test_a_gap_is_handed_on_and_is_the_place_to_go_on_from(channels: list[Channel], again: int) -> None:
    """But for moods of before, which are told after it: those are asked for, and no change that it left out."""
    reader = Reader(None, *channels)
    reader.open(10)
    reader.change(11, 1)
    reader.hear("lagging", subscription="events", after=11, upto=500)
    assert [event["type"] for event in reader.events] == ["memory_operation", "lagging"]
    reader.core.lost(OSError("cut"))
    assert reader.open(600) == again
    reader.change(12, 2)
    reader.change(501, 3)
    assert reader.numbers == [1, None, 3]


def test_who_is_there_and_that_moods_were_left_out_is_handed_on() -> None:
    reader = Reader()
    reader.open(10)
    reader.hear("presence", agent="ann", watching=2)
    reader.hear("snapshot", subscription="events", position=10, branches=1, complete=True)
    reader.hear("snapshot", subscription="events", position=10, branches=1024, complete=False)
    assert [event["type"] for event in reader.events] == ["presence", "snapshot"]
    assert [json.loads(Reader().core.opened()[0])["features"], json.loads(_asking().opened()[0])["features"]] == [
        ["snapshots"],
        ["snapshots", "presence"],
    ]


def _asking() -> Following:
    return Following("*", ["mood"], None, None, Retries(), lambda: 0.0, presence=True)


def test_what_was_taken_is_acknowledged_before_the_credit_is_used_up_and_with_each_heartbeat() -> None:
    reader = Reader()
    reader.open(10)
    reader.change(11, 1, 2, 3)
    reader.hear("heartbeat", position=11)
    assert reader.said[-1] == {"type": "ack", "received": 4}
    for number in range(40):
        reader.change(12 + number, number)
    received = [one["received"] for one in reader.said]
    assert 44 - received[-1] < 2
    assert max(after - before for before, after in pairwise(received)) <= 2


def test_a_closed_stream_is_come_back_to_when_the_server_says_and_a_revoked_one_is_not() -> None:
    reader = Reader()
    reader.open(10)
    with pytest.raises(NoAnswer) as closing:
        reader.hear("closing", reason="shutdown", position=999, reconnect_after_s=1.5)
    assert reader.core.lost(closing.value) >= 1.5
    assert reader.open(999) == 999, "everything up to there was told"
    with pytest.raises(Revoked) as revoked:
        reader.hear("closing", reason="revoked", position=10, reconnect_after_s=1.0)
    with pytest.raises(Revoked):
        reader.core.lost(revoked.value)


def test_a_reader_who_was_let_in_once_comes_back_for_as_long_as_it_takes_and_others_give_up() -> None:
    reader = Reader()
    for _ in range(3):
        reader.core.lost(OSError("away"))
        reader.now_s += 29.0
    with pytest.raises(NoAnswer):
        reader.core.lost(OSError("away"))
    resuming = Reader(after=5)
    resuming.core.lost(OSError("away"))
    resuming.now_s += 100.0
    with pytest.raises(NoAnswer):
        resuming.core.lost(OSError("away"))
    patient = Reader()
    patient.open(10)
    for away in [OSError("away"), of_answer(500, {}, b""), of_answer(503, {}, b"")] * 30:
        assert patient.core.lost(away) <= Retries().most_s
        patient.now_s += 100.0


def test_a_refusal_that_is_over_soon_is_waited_out_and_another_is_not() -> None:
    reader = Reader()
    reader.core.opened()
    with pytest.raises(RateLimited) as limited:
        reader.hear("refused", error="RateLimited", detail="ask again in 2 s", retry_after_s=2.0)
    assert reader.core.lost(limited.value) >= 2.0
    with pytest.raises(Unavailable) as away:
        reader.hear("refused", error="VaultUnavailable", detail="not now; ask again")
    reader.core.lost(away.value)
    with pytest.raises(InvalidInput) as wrong:
        reader.hear("refused", error="InvalidValue", detail="agents: no name", id="events")
    with pytest.raises(InvalidInput):
        reader.core.lost(wrong.value)


def _kinds(root: type[errors.QuantumMemoryError]) -> set[str]:
    return {root.__name__}.union(*(_kinds(kind) for kind in root.__subclasses__()))


def test_every_refusal_that_asking_again_does_not_change_is_final_for_both_clients() -> None:
    """Whether it is one is in the error's own group, so a new error of these groups belongs into both lists."""
    spoken = {"UnsupportedVersion", "InvalidMessage", "protocol"}
    final = _kinds(errors.InvalidInput) | _kinds(errors.Denied) | _kinds(errors.NotFound) | spoken
    ours = {name for name in final if errors.__dict__.get(name) is not None} | spoken
    assert {name for name, kind in REFUSALS.items() if not issubclass(kind, Unavailable)} == ours
    source = (ROOT / "clients/typescript/src/stream.ts").read_text(encoding="utf-8")
    told = source.partition("const FINAL")[2].partition("]);")[0]
    assert set(re.findall(r'"(\w+)"', told)) == ours
    for name in ours:
        reader = Reader()
        reader.core.opened()
        with pytest.raises(REFUSALS[name]) as refused:
            reader.hear("refused", error=name, detail="why")
        assert refused.value.kind == name
        with pytest.raises(REFUSALS[name]):
            reader.core.lost(refused.value)
