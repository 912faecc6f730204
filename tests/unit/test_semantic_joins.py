"""Runs joined, thinned, forked and seen through many names say what the maps of the slow twin say."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rpds import HashTrieMap

from quantum_memory.memory.events import Related, Spoken
from quantum_memory.memory.semantic import slices
from quantum_memory.memory.semantic.extract import KINDS, Concept
from quantum_memory.memory.semantic.graph import GraphFold
from quantum_memory.memory.semantic.names import Names
from quantum_memory.memory.semantic.runs import Heard, Run
from quantum_memory.memory.semantic.views import Concepts, Last, Traces
from quantum_memory.memory.semantic.weave import Woven
from tests.unit.slow_graph import Maps, put_in

EMPTY = Maps(HashTrieMap(), HashTrieMap(), HashTrieMap())
FORMS = [Concept(f"thing{n}", f"{label}{n}", KINDS[n % 3]) for n in range(12) for label in ("Thing ", "thing")]
SAID = st.lists(st.sampled_from(FORMS), max_size=9, unique_by=lambda form: form.key).map(tuple)
MORE = st.lists(st.tuples(SAID, st.sampled_from([None, "s1", "s2"])), min_size=1, max_size=5)
GONE = st.sets(st.integers(0, 60), max_size=12)
JOINED = st.tuples(st.integers(0, 11), st.integers(0, 11))
STEPS = st.lists(st.one_of(MORE, MORE, GONE, JOINED), max_size=24)


@pytest.fixture(params=[1, 48])
def few(request: pytest.FixtureRequest) -> Iterator[None]:
    """Runs are sealed soon; numbers are counted one by one, or in arrays."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(slices, "FEW", request.param)
        patch.setattr("quantum_memory.memory.semantic.weave.FEW", request.param)
        patch.setattr(slices, "SEALED", 8)
        yield


def require_same(woven: Woven, heard: list[Heard]) -> None:
    """Every answer is that of maps in which these memories were put under the names of today."""
    maps = put_in(EMPTY, [one._replace(concepts=woven.names.concepts(one.concepts)) for one in heard])
    concepts = Concepts(woven)
    assert dict(Traces(woven).items()) == dict(maps.memories.items())
    assert {one.memory: woven.trace(woven.find(one.memory)) for one in heard} == dict(maps.memories.items())
    assert dict(Last(woven).items()) == dict(maps.last.items())
    assert (set(concepts), len(concepts)) == (set(maps.concepts), len(maps.concepts))
    for key, known in maps.concepts.items():
        found, links = concepts[key], dict(known.links.items())
        assert (len(found), found.mentions) == (len(known.mentions), list(known.mentions))
        assert (found.forms, found.links) == (dict(known.forms.items()), links)
        within = {most: found.links_within(most) for most in (0, 2, 99)}
        assert within == {most: links if len(links) <= most else None for most in within}


@pytest.mark.usefixtures("few")
@settings(deadline=None, max_examples=25)
@given(STEPS)
def test_whatever_comes_goes_and_is_named_anew(steps: list[object]) -> None:
    woven, names, heard, count = Woven(), Names(), list[Heard](), 0
    for step in steps:
        if isinstance(step, list):
            more = [Heard(f"m{count + at}", names.concepts(said), session) for at, (said, session) in enumerate(step)]
            woven, heard, count = woven.put_in(more), heard + more, count + len(more)
        elif isinstance(step, set):
            gone = {f"m{number}" for number in step}
            woven, heard = woven.take_out(sorted(gone)), [one for one in heard if one.memory not in gone]
        elif isinstance(step, tuple):
            names = names.joined(f"thing{step[0]}", [f"thing{step[1]}"])
            woven = woven.renamed(names)
        if len(heard) < 20:  # looked at now and then, so that what is kept of one look meets what comes later
            require_same(woven, heard)
    require_same(woven, heard)
    assert all(part.gone * 2 <= len(part.run) for part in woven.slices)


def test_hundreds_of_names_for_one_thing() -> None:
    forms = [Concept(f"name{n}", f"Name {n}", KINDS[n % 3]) for n in range(300)]
    heard = [
        Heard(f"m{n}", (forms[n % 300], FORMS[n % 24], forms[n * 7 % 299], FORMS[(n + 5) % 24]), f"s{n % 9}")
        for n in range(600)
        if len({n % 300, n * 7 % 299}) == 2
    ]
    heard = [one for one in heard if len({form.key for form in one.concepts}) == 4]
    names = Names().joined("name0", [form.key for form in forms[1:]]).joined("thing1", ["thing2", "thing4"])
    woven = Woven()
    for begin in range(0, len(heard), 50):
        woven = woven.put_in(heard[begin : begin + 50])
    woven = woven.renamed(names)
    require_same(woven, heard)
    woven, heard = woven.take_out([one.memory for one in heard[::3]]), [one for n, one in enumerate(heard) if n % 3]
    require_same(woven, heard)
    assert len(Concepts(woven)["name0"]) == len(heard)


def test_runs_are_sealed_and_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slices, "SEALED", 64)
    woven, sealed = Woven(), set[int]()
    for n in range(1000):
        woven = woven.put_in([Heard(f"m{n}", (FORMS[n % 24],), "s")])
        large = {id(part.run) for part in woven.slices if len(part) >= 64}
        assert sealed <= large  # what is sealed is never written anew
        sealed = large
        assert len(woven.slices) <= (n + 1) // 64 + 12
    assert max(map(len, woven.slices)) < 128 + 64
    assert [one.memory for one in woven.heard()] == [f"m{n}" for n in range(1000)]


@pytest.mark.parametrize("count", [1023, 1024, 1000, 777])
def test_forks_share_what_is_joined(count: int) -> None:
    root = Woven()
    for n in range(count):
        root = root.put_in([Heard(f"m{n}", (FORMS[n % 24],), "s")])
    runs: dict[int, Run] = {}
    for fork in range(50):
        woven = root
        for n in range(8):
            woven = woven.put_in([Heard(f"f{fork}.{n}", (FORMS[n % 24],), "s")])
        runs |= {id(part.run): part.run for part in woven.slices}
    own = 50 * 8
    assert sum(map(len, runs.values())) <= 2 * count + 3 * own


def test_branches_of_a_graph_share_what_is_joined() -> None:
    texts = ["Bob met Eve.", "It rained in Rome.", "Eve likes violins."]
    fold = GraphFold()
    root = fold.apply(
        fold.empty(), Related((), tuple(Spoken(f"m{n}", texts[n % 3], "Ann", f"s{n // 20}") for n in range(512)))
    )
    for size in (256, 128, 64):
        more = tuple(Spoken(f"m{size}.{n}", texts[n % 3], "Ann", f"t{size}") for n in range(size))
        root = fold.apply(root, Related((), more))
    assert [len(part) for part in root.woven.slices] == [512, 256, 128, 64]
    runs: dict[int, Run] = {}
    for fork in range(20):
        state = root
        for n in range(70):
            state = fold.apply(state, Related((), (Spoken(f"f{fork}.{n}", texts[n % 3], "Ann", "s1"),)))
        state = fold.settled(state)
        assert state.woven.count == 960 + 70
        runs |= {id(part.run): part.run for part in state.woven.slices}
    assert sum(map(len, runs.values())) == 960 + 20 * 70
