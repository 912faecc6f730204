"""What is held stays within its count and its bytes, and each thing weighs once however many hold it."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantum_memory.errors import InvalidValue, OutOfRange
from quantum_memory.memory.held import Held, Load


@dataclass(eq=False)
class Thing:
    nbytes: int


@dataclass(eq=False)
class Holder:
    """A value that shares a thing with others."""

    thing: Thing


STEPS = st.lists(st.tuples(st.sampled_from(["put", "get", "drop"]), st.integers(0, 6), st.integers(0, 4)), max_size=40)


@given(STEPS, st.integers(0, 5), st.lists(st.integers(0, 50), min_size=5, max_size=5), st.integers(1, 120))
def test_held_is_a_dictionary_that_forgets_the_oldest(
    steps: list[tuple[str, int, int]], most: int, weights: list[int], limit: int
) -> None:
    things = [Thing(weight) for weight in weights]
    load: Load[Holder] = Load(limit, lambda holder: holder.thing)
    held: Held[int, Holder] = Held(most, load)
    plain: list[tuple[int, Holder]] = []  # oldest first
    hits = misses = 0
    for what, key, which in steps:
        found = next((value for name, value in plain if name == key), None)
        if what == "get":
            assert held.get(key) is found
            hits, misses = hits + (found is not None), misses + (found is None)
            if found is not None:
                plain.remove((key, found))
                plain.append((key, found))
            continue
        if found is not None:
            plain.remove((key, found))
        if what == "drop":
            held.drop(key)
        else:
            value = Holder(things[which])
            held.put(key, value)
            plain.append((key, value))
            while len(plain) > most or (len(plain) > 1 and weighed(plain) > limit):
                plain.pop(0)
        assert load.held == weighed(plain)
        assert len(held) == len(plain)
        assert load.held <= limit or len(plain) == 1
        assert load.over == (load.held > limit)
    assert (held.hits, held.misses) == (hits, misses)
    held.clear()
    assert (len(held), load.held) == (0, 0)


def weighed(plain: list[tuple[int, Holder]]) -> int:
    """Every different thing once, by the slow way."""
    return sum(thing.nbytes for thing in {id(value.thing): value.thing for _, value in plain}.values())


def test_what_grew_is_weighed_anew_when_it_is_put_again() -> None:
    load: Load[Thing] = Load(100, lambda thing: thing)
    held: Held[str, Thing] = Held(5, load)
    old, growing = Thing(40), Thing(10)
    held.put("old", old)
    held.put("growing", growing)
    growing.nbytes = 70
    held.put("growing", growing)
    assert (held.get("old"), held.get("growing"), load.held) == (None, growing, 70)


def test_coming_near_the_limit_is_told_once() -> None:
    told: list[tuple[int, int]] = []
    load: Load[Thing] = Load(100, lambda thing: thing, lambda held, limit: told.append((held, limit)))
    at, over = Thing(90), Thing(1)
    load.add(at)
    assert told == [], "90 % is not over 90 %"
    for _ in range(3):
        load.add(over)
        load.remove(over)
    assert told == [(91, 100)]


@pytest.mark.parametrize(("limit", "error"), [(0, OutOfRange), (1.5, InvalidValue), (True, InvalidValue)])
def test_a_load_needs_a_limit(limit: int, error: type[Exception]) -> None:
    with pytest.raises(error):
        Load(limit, lambda thing: thing)
