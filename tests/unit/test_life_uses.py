"""Uses are counted once, however merges bring them, and come back from a snapshot as they were."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.errors import CorruptRecord, InvalidValue, OutOfRange
from quantum_memory.memory.events import Event, Forgotten, Merged, Used, Uses
from quantum_memory.memory.life.uses import UsesFold, UsesState, joined, news, of, practice, since, told
from quantum_memory.memory.life.uses_snapshot import UsesCodec
from quantum_memory.memory.vault.codec import decode, encode
from quantum_memory.types import Place

START = datetime(2026, 1, 1, tzinfo=UTC)
IDS = st.sampled_from(["m1", "m2", "m3"])
ORIGINS = st.sampled_from(["a:0", "a:7", "b:3", ""])
TIMES = st.integers(0, 10**9).map(lambda us: START + timedelta(microseconds=us))
USED = st.builds(Used, st.lists(IDS, min_size=1, max_size=4).map(tuple), TIMES, ORIGINS)
USES = st.builds(Uses, IDS, ORIGINS, st.integers(1, 9), TIMES)
STATES = st.lists(USES, max_size=12).map(of)


def merged(uses: Sequence[Uses]) -> Merged:
    return Merged(Place("b", 1), None, (), (), (), None, uses=tuple(uses))


def folded(events: Sequence[Event]) -> UsesState:
    fold = UsesFold()
    state = fold.empty()
    for event in events:
        state = fold.apply(state, event)
    return state


@settings(deadline=None)
@given(st.lists(USED, max_size=20))
def test_each_event_counts_each_memory_once(events: list[Used]) -> None:
    counts: dict[str, int] = defaultdict(int)
    last: dict[str, datetime] = {}
    for event in events:
        for one in set(event.ids):
            counts[one] += 1
            last[one] = max(event.at, last.get(one, event.at))
    asked = ["m1", "m2", "m3", "unknown"]
    found = practice(folded(events), asked)
    assert found.counts.tolist() == [counts[one] for one in asked]
    for one, at in zip(asked, found.last_s.tolist(), strict=True):
        assert np.isnan(at) if one not in last else at == pytest.approx(last[one].timestamp(), abs=1e-5)


@settings(deadline=None)
@given(STATES, STATES, STATES)
def test_joining_is_idempotent_commutative_and_associative(one: UsesState, two: UsesState, three: UsesState) -> None:
    def join(left: UsesState, right: UsesState) -> UsesState:
        return joined(left, told(right))

    assert join(one, one) is one
    assert join(one, two) == join(two, one)
    assert join(join(one, two), three) == join(one, join(two, three))
    assert join(join(one, two), two) == join(one, two)


@settings(deadline=None)
@given(STATES, STATES)
def test_what_is_new_of_the_other_side_is_all_that_a_merge_needs(ours: UsesState, theirs: UsesState) -> None:
    fold = UsesFold()
    needed = news(ours, told(theirs))
    assert since(ours, theirs) == needed
    after = fold.apply(ours, merged(needed))
    assert after == joined(ours, told(theirs))
    assert news(after, told(theirs)) == ()
    assert fold.apply(after, merged(needed)) is after
    assert fold.apply(after, Forgotten(("m1",))) is after


@settings(deadline=None)
@given(st.lists(USED, max_size=12), st.lists(USED, max_size=12), st.lists(USED, max_size=12))
def test_of_one_stretch_the_longer_counts_all_of_the_shorter(
    shared: list[Used], here: list[Used], there: list[Used]
) -> None:
    """Two sides of one past: what both had counts once, and what each did on its own stretch counts in full."""
    stretch = [Used(event.ids, event.at, "past:0") for event in shared]
    ours = folded([*stretch, *(Used(event.ids, event.at, "ours:1") for event in here)])
    theirs = folded([*stretch, *(Used(event.ids, event.at, "theirs:1") for event in there)])
    asked = ["m1", "m2", "m3"]
    together = practice(joined(ours, told(theirs)), asked).counts
    own = practice(folded(stretch), asked).counts
    assert (together == practice(ours, asked).counts + practice(theirs, asked).counts - own).all()


@settings(deadline=None)
@given(STATES)
def test_a_snapshot_is_the_same_state(state: UsesState) -> None:
    codec = UsesCodec()
    back = codec.load(*codec.dump(state))
    assert back == state
    assert codec.difference(back, state) is None
    assert codec.dump(of(reversed(list(told(state))))).arrays.keys() == codec.dump(state).arrays.keys()
    assert codec.difference(of(reversed(list(told(state)))), state) is None


def test_a_snapshot_that_says_something_twice_or_never_is_refused() -> None:
    codec = UsesCodec()
    arrays, attributes = codec.dump(of([Uses("m1", "a:0", 2, START), Uses("m2", "a:0", 1, START)]))
    assert codec.difference(of([]), of([Uses("m1", "a:0", 2, START)])) is not None
    with pytest.raises(CorruptRecord, match="count"):
        codec.load({**arrays, "count": np.array([0, 1])}, attributes)
    with pytest.raises(CorruptRecord, match="twice"):
        codec.load({**arrays, "memory/bytes": b"m1m1"}, attributes)
    with pytest.raises(CorruptRecord, match="last"):
        codec.load({name: array for name, array in arrays.items() if not name.startswith("last")}, attributes)


def test_uses_are_checked_before_they_are_journalled() -> None:
    event = Used(("m1",), START, "a:0")
    assert decode(encode(event)) == event
    with pytest.raises(InvalidValue, match="at"):
        encode(Used(("m1",), datetime(2026, 1, 1)))  # noqa: DTZ001 - that it has no zone is the point
    with pytest.raises(OutOfRange, match=r"uses\.count"):
        encode(merged([Uses("m1", "a:0", 0, START)]))
