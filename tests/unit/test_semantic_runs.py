"""Memories in runs say what the persistent maps say in which all is kept, whatever enters, leaves and is joined."""

from __future__ import annotations

import pickle
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rpds import HashTrieMap

from quantum_memory.errors import CorruptRecord
from quantum_memory.memory.semantic import slices
from quantum_memory.memory.semantic.extract import Concept
from quantum_memory.memory.semantic.graph import GraphState
from quantum_memory.memory.semantic.names import Names
from quantum_memory.memory.semantic.runs import Heard, Rows, Run
from quantum_memory.memory.semantic.slices import Slice
from quantum_memory.memory.semantic.snapshot import GraphCodec
from quantum_memory.memory.semantic.texts import Ids, Texts
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
    kept, other = Ids.of(raw), Ids.of([b"1a", b"2b"])
    assert ([kept[at] for at in range(len(kept))], kept.raws()) == (ids, raw)
    assert Ids.joined([other, kept, other]).raws() == [b"1a", b"2b", *raw, b"1a", b"2b"]
    places = np.arange(len(ids))[::-2]
    assert kept.taken(places).raws() == raw[::-2]
    texts = Texts.joined([Texts.of(raw), Texts.of([]), Texts.of([b"", *raw])])
    assert (texts.raws(), texts.taken(np.array([len(ids)])).all()) == ([*raw, b"", *raw], [""])


@given(st.lists(st.text(max_size=3).map(str.encode), max_size=20))
def test_equal_texts_are_known_by_their_bytes(raw: list[bytes]) -> None:
    texts = Texts.of(raw)
    one, other = (side.ravel() for side in np.indices((len(raw),) * 2))
    equal = [raw[at] == raw[to] for at, to in zip(one.tolist(), other.tolist(), strict=True)]
    assert texts.same(one, other).tolist() == equal
    marks = texts.marks()
    assert not any(alike and marks[at] != marks[to] for alike, at, to in zip(equal, one, other, strict=True))


def test_a_form_stands_once_in_a_run_whatever_its_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    heard = [Heard(f"m{n}", (FORMS[n % 5 % 3], FORMS[4 + n % 3]), None) for n in range(30)]
    assert len(Run(Rows.of(heard)).kinds) == 6
    twice = Rows.concat([Rows.of(heard), Rows.of([one._replace(memory=f"n{one.memory}") for one in heard])])
    assert len(Run(twice).kinds) == 6
    monkeypatch.setattr(Texts, "marks", lambda self: np.zeros(len(self), np.uint64))
    told = Woven((Slice(Run(twice)),)).heard()  # texts whose marks are one are still apart
    assert [one.concepts for one in told] == [one.concepts for one in heard] * 2


def test_a_memory_takes_few_bytes() -> None:
    heard = [Heard(f"{number:032x}", tuple(FORMS[number % 5 :: 2]), f"s{number // 20}") for number in range(4000)]
    assert Run(Rows.of(heard)).nbytes < 90 * len(heard)


def test_a_snapshot_in_which_a_memory_has_too_many_concepts_is_corrupt() -> None:
    spoken = tuple(Concept(f"thing{n:03}", f"Thing {n}", "topic") for n in range(300))
    codec = GraphCodec()
    for count, state in [(n, GraphState(Woven().put_in([Heard("m", spoken[:n], None)]))) for n in (32, 33, 300)]:
        dump = codec.dump(state)
        if count == 32:
            assert codec.load(dump.arrays, dump.attributes) == state
        else:
            with pytest.raises(CorruptRecord, match="more concepts"):
                codec.load(dump.arrays, dump.attributes)
