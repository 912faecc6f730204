"""Memories in runs say what the persistent maps say in which all is kept, whatever enters, leaves and is joined."""

from __future__ import annotations

import pickle
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rpds import HashTrieMap

from quantum_memory.memory.semantic import slices
from quantum_memory.memory.semantic.extract import Concept
from quantum_memory.memory.semantic.names import Names
from quantum_memory.memory.semantic.runs import Heard, Rows, Run
from quantum_memory.memory.semantic.texts import Ids
from quantum_memory.memory.semantic.views import Concepts, Last, Traces
from quantum_memory.memory.semantic.weave import Woven
from tests.unit.slow_graph import Maps, put_in, take_out

FORMS = [
    Concept("bob", "Bob", "person"),
    Concept("bob", "bob", "topic"),
    Concept("rain", "rain", "topic"),
    Concept("rain", "Rain", "entity"),
    *(Concept(f"thing{n}", f"Thing {n}", "topic") for n in range(9)),
    Concept("\u96e8", "\ud800", "topic"),
]
SAID = st.lists(st.sampled_from(FORMS), max_size=12, unique_by=lambda form: form.key).map(tuple)
SESSIONS = st.sampled_from([None, "s1", "s2", "\ud800"])
STEPS = st.lists(st.one_of(st.lists(st.tuples(SAID, SESSIONS), min_size=1, max_size=6), st.sets(st.integers(0, 30))))


@pytest.fixture(params=[1, 48], autouse=True)
def _few(request: pytest.FixtureRequest) -> Iterator[None]:
    """Numbers are counted one by one, or in arrays."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(slices, "FEW", request.param)
        yield


@settings(deadline=None, max_examples=60)
@given(STEPS)
def test_runs_say_what_maps_say(steps: list[list[tuple[tuple[Concept, ...], str | None]] | set[int]]) -> None:
    maps, woven, count = Maps(HashTrieMap(), HashTrieMap(), HashTrieMap()), Woven(), 0
    for step in steps:
        if isinstance(step, set):
            gone = [f"m{number}" for number in sorted(step)]
            maps, woven = take_out(maps, gone), woven.take_out(gone)
        else:
            heard = [Heard(f"m{count + at}", *said) for at, said in enumerate(step)]
            count += len(heard)
            maps, woven = put_in(maps, heard), woven.put_in(heard)
        traces, concepts = Traces(woven), Concepts(woven)
        assert (
            dict(traces.items()) == {memory: traces[memory] for memory in maps.memories} == dict(maps.memories.items())
        )
        assert dict(Last(woven).items()) == {name: Last(woven)[name] for name in maps.last} == dict(maps.last.items())
        assert set(concepts) == set(maps.concepts)
        assert (len(traces), len(concepts)) == (len(maps.memories), len(maps.concepts))
        told = concepts.told()
        for key, known in maps.concepts.items():
            for found in (concepts[key], told[key]):
                assert (dict(found.forms), found.mentions) == (dict(known.forms.items()), list(known.mentions))
                assert (dict(found.links), len(found)) == (dict(known.links.items()), len(found.mentions))
                assert found.concept() == known.concept()
            within = {most: concepts[key].links_within(most) for most in (0, 3, 99)}
            links = dict(known.links.items())
            assert within == {most: links if len(links) <= most else None for most in within}
        assert pickle.loads(pickle.dumps(woven)) == woven  # noqa: S301 - our own


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(SAID, SESSIONS), max_size=20), st.lists(st.sampled_from(FORMS), max_size=3))
def test_names_that_mean_one_thing_are_as_if_heard_so(
    told: list[tuple[tuple[Concept, ...], str | None]], others: list[Concept]
) -> None:
    heard = [Heard(f"m{at}", *said) for at, said in enumerate(told)]
    names = Names().joined("rain", [form.label for form in others if form.label.isprintable()])
    later = Woven().put_in(heard).renamed(names)
    anew = Woven(names=names).put_in([one._replace(concepts=names.concepts(one.concepts)) for one in heard])
    assert later == anew
    for key, known in Concepts(anew).told().items():
        assert Concepts(later)[key] == known == Concepts(anew)[key]


@pytest.mark.parametrize("ids", [[], ["a"], ["0a", "ff"], ["0A"], ["0a", "f"], ["0a", "\ud800\u96e8"]])
def test_ids_come_back_as_they_were(ids: list[str]) -> None:
    raw = [one.encode("utf-8", "surrogatepass") for one in ids]
    kept = Ids.of(raw)
    assert ([kept[at] for at in range(len(kept))], kept.raws()) == (ids, raw)


def test_a_memory_takes_few_bytes() -> None:
    heard = [Heard(f"{number:032x}", tuple(FORMS[number % 5 :: 2]), f"s{number // 20}") for number in range(4000)]
    assert Run(Rows.of(heard)).nbytes < 90 * len(heard)
