"""Hits that travel come as they went."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.actors.hits import HitLists, packed
from quantum_memory.errors import AgentNotFound, QuantumMemoryError
from quantum_memory.types import PAD, Hit, Memory

EAST = timezone(timedelta(hours=2))
TIMES = st.tuples(st.integers(-(10**15), 10**17), st.sampled_from([UTC, UTC, EAST])).map(
    lambda told: (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=told[0])).astimezone(told[1])
)
AXES = st.floats(-1.0, 1.0)
TEXTS = st.one_of(st.none(), st.sampled_from(["a", "b"]))


@st.composite
def memories(draw: st.DrawFn) -> Memory:
    dim = draw(st.sampled_from([2, 2, 2, 3]))
    return Memory(
        id=draw(st.sampled_from(["a", "b", "é"])),
        text=draw(st.sampled_from(["a goat", "a hedge"])),
        at=draw(TIMES),
        pad=PAD(draw(AXES), draw(AXES), draw(AXES)),
        confidence=draw(st.floats(0, 1)),
        importance=draw(st.floats(0, 1)),
        embedding=np.array(draw(st.lists(st.floats(-1, 1, width=32), min_size=dim, max_size=dim)), np.float32),
        speaker=draw(TEXTS),
        kind=draw(st.sampled_from(["utterance", "fact"])),
        session=draw(TEXTS),
        tags=draw(st.sampled_from([(), ("x",), ("x", "y")])),
        metadata=draw(st.sampled_from([{}, {"a": [1, None]}, {"a": [1, None]}])),
        revised_at=draw(st.one_of(st.none(), TIMES)),
    )


@st.composite
def hits(draw: st.DrawFn) -> Hit:
    why = draw(st.sampled_from([("lexical", "relevance"), ("relevance",), ()]))
    near = tuple(draw(st.lists(memories(), max_size=1)))
    parts = {name: draw(st.floats(-2, 2)) for name in why}
    return Hit(draw(memories()), draw(st.floats(-2, 2)), parts, near, near[:0])


OUTCOMES = st.lists(st.one_of(st.lists(hits(), max_size=3), st.just(AgentNotFound("a"))), max_size=4)


def plain(outcome: list[Hit] | QuantumMemoryError) -> Any:
    """All that there is of an outcome, in a form that compares."""
    if isinstance(outcome, QuantumMemoryError):
        return type(outcome), outcome.args
    return [
        (hit, tuple(hit.why.items()), hit.memory.embedding.dtype, hit.memory.embedding.tolist(), hit.memory.at.tzinfo)
        for hit in outcome
    ]


@settings(deadline=None, max_examples=40)
@given(OUTCOMES)
def test_they_come_as_they_went(outcomes: list[list[Hit] | QuantumMemoryError]) -> None:
    went = HitLists(outcomes)
    came = pickle.loads(pickle.dumps(went, protocol=5))  # noqa: S301  (made a line ago)
    assert type(came) is HitLists
    assert list(map(plain, came)) == list(map(plain, went))


def test_a_thousand_travel_as_a_few_arrays() -> None:
    chance = np.random.default_rng(0)
    at = datetime(2026, 1, 1, tzinfo=UTC)
    some = [
        Hit(Memory(f"m{n}", "x", at, PAD(0, 0, 0), 1.0, 0.5, chance.normal(size=8).astype(np.float32)), 0.1, {"a": 0.1})
        for n in range(1000)
    ]
    buffers: list[pickle.PickleBuffer] = []
    data = pickle.dumps(HitLists([some[:500], some[500:]]), protocol=5, buffer_callback=buffers.append)
    assert len(buffers) == 4
    assert packed([some]).same.keys() >= {"text", "kind", "confidence"}
    came = pickle.loads(data, buffers=buffers)  # noqa: S301
    assert [len(one) for one in came] == [500, 500]
    assert came[1][0].memory.metadata is not came[1][1].memory.metadata
