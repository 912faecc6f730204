"""The graph's fold: its laws on made-up histories, beside a twin that forgets by starting over."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import combinations, groupby, zip_longest
from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.memory.events import (
    Event,
    Forgotten,
    Merged,
    Picked,
    Related,
    Remembered,
    Revised,
    SkillUsed,
    Spoken,
    Unified,
    Unrelated,
    Word,
)
from quantum_memory.memory.semantic import graph
from quantum_memory.memory.semantic.extract import extract, key_of
from quantum_memory.memory.semantic.graph import (
    GROUP,
    MAX_CONCEPTS,
    NEAR_KEPT,
    Expected,
    GraphFold,
    GraphState,
    Missed,
    missed,
    settled,
    to_networkx,
)
from quantum_memory.memory.semantic.relations import Said
from quantum_memory.memory.semantic.slices import WINDOW
from quantum_memory.types import NEUTRAL, Memory, Place, Relation, RelationKey

AT = datetime(2026, 1, 1, tzinfo=UTC)
EMBEDDING = np.array([1.0, 0.0], dtype=np.float32)
TEXTS = [
    "Bob lent me his umbrella in the rain.",
    "The umbrella is red.",
    "Rain on 7 May 2023, three times.",
    "my friend Bob saw Alice Smith in New York",
    "bob",
    "!!! ...",
    "我爱北京 и Москва",
    "UMBRELLA RAIN BOB",
]
NAMES = ("Bob", "Alice Smith", "umbrellas", "a goat")
FOLD = GraphFold()


def memory(number: int, text: str | None = None, speaker: str | None = None, session: str | None = None) -> Memory:
    """The memory of this number; always the same one, unless told otherwise."""
    rng = random.Random(number)
    return Memory(
        f"m{number}",
        text or rng.choice(TEXTS),
        AT,
        NEUTRAL,
        0.5,
        0.5,
        EMBEDDING,
        speaker=speaker or rng.choice([None, "Alice", "Bob", "Alice Smith"]),
        session=session or rng.choice([None, "s1", "s2"]),
    )


def fold(events: Iterable[Event], state: GraphState | None = None) -> GraphState:
    state = FOLD.empty() if state is None else state
    for event in events:
        state = FOLD.apply(state, event)
    return state


def remembered(*memories: Memory | Spoken) -> GraphState:
    """The settled graph of these."""
    return settled(fold([Related((), tuple(map(spoken, memories)))]))


def spoken(memory: Memory | Spoken) -> Spoken:
    return Spoken(memory.id, memory.text, memory.speaker, memory.session)


def edges(drawn: Any) -> set[tuple[Any, ...]]:
    return {(*sorted((u, v)), data["kind"], data["weight"]) for u, v, data in drawn.edges(data=True)}


def view(state: GraphState) -> tuple[Any, ...]:
    """Everything but the tombstones."""
    state = settled(state)
    told = state.relations
    return state.memories, state.concepts, state.last, told.by_key, told.said, told.past, told.names


def unordered(state: GraphState) -> tuple[Any, ...]:
    """Memories and concepts, and of each who mentions it in no order: names that were joined give no one order."""
    state = settled(state)
    concepts = {key: (known.forms, set(known.mentions), known.links) for key, known in state.concepts.items()}
    assert all(len(set(known.mentions)) == len(known.mentions) for known in state.concepts.values())
    return state.memories, concepts, state.last


def said(memory: Memory | Spoken) -> Any:
    return extract(memory.text, memory.speaker)


class Twin:
    """What a history means: the living memories in order, and all that was said of relations, as it was said.

    The graph is drawn anew from them each time. Of relations it keeps every word in one list and reads that list.
    """

    def __init__(self) -> None:
        self.living: list[Memory | Spoken] = []
        self.forgotten: set[str] = set()
        self.words: list[Word] = []
        self.ended: dict[RelationKey, datetime | None] = {}
        self.names: dict[str, str] = {}
        self.unified: list[Unified] = []

    def key(self, name: str) -> str:
        return self.names.get(key_of(name), key_of(name))

    def said_of(self, key: RelationKey) -> list[Word]:
        """The words on a relation that was told at least once, from the first telling on."""
        words = [word for word, _ in groupby(word for word in self.words if word.key == key)]
        return words[next((at for at, one in enumerate(words) if one.weight is not None), len(words)) :]

    def told(self) -> set[RelationKey]:
        return {word.key for word in self.words if word.weight is not None}

    @property
    def relations(self) -> dict[RelationKey, Relation]:
        last = {word.key: word for word in self.words}
        return {
            word.key: Relation(*word.key, word.weight, word.at, word.memory)
            for word in last.values()
            if word.weight is not None
        }

    def apply(self, event: Event) -> None:
        if isinstance(event, Remembered):
            first = {memory.id: memory for memory in reversed(event.memories)}
            for identity in dict.fromkeys(memory.id for memory in event.memories):
                self.revise(first[identity])
        if isinstance(event, Merged | Picked):
            self.add(event.memories)
        if isinstance(event, Unified):
            self.unify(event)
        heard = event.heard if isinstance(event, Related | Merged | Picked) else ()
        revised: Iterable[Memory] = event.memories if isinstance(event, Revised) else ()
        if isinstance(event, Merged | Picked):
            revised = event.revised
        told: list[Memory | Spoken] = [*revised, *heard]
        for one in told:
            self.revise(one)
        self.tell(event)

    def tell(self, event: Event) -> None:
        """What the event says of relations, and whom it takes away."""
        if isinstance(event, Related):
            self.say(event.ended)
        if isinstance(event, Related | Merged):
            self.say(Word(one.key, one.at, one.weight, one.memory) for one in event.relations)
        if isinstance(event, Unrelated):
            self.say(Word(key, event.at) for key in event.keys)
        if isinstance(event, Forgotten):
            self.forget((one, event.at) for one in event.ids)
        if isinstance(event, Merged):
            for key, at in zip_longest(event.unrelated, event.unrelated_at[: len(event.unrelated)]):
                self.say([Word(key, at)])
            self.forget(zip_longest(event.forgotten, event.forgotten_at[: len(event.forgotten)]))
            self.forget(event.unheard)

    def add(self, memories: Iterable[Memory]) -> None:
        for one in memories:
            if one.id not in self.forgotten and one.id not in {old.id for old in self.living}:
                self.living.append(one)

    def forget(self, ids: Iterable[tuple[str, datetime | None]]) -> None:
        for gone, at in ids:
            if gone not in self.forgotten:
                held = self.relations
                self.words = [word for word in self.words if word.memory != gone]
                for key in {*held, *self.ended}:
                    words = self.said_of(key)
                    if not words:
                        self.ended.setdefault(key, at)
                    elif words[-1].weight is None:
                        self.ended[key] = words[-1].at
                    else:
                        self.ended.pop(key, None)
                self.forgotten.add(gone)
        self.living = [one for one in self.living if one.id not in self.forgotten]

    def revise(self, memory: Memory | Spoken) -> None:
        old = next((one for one in self.living if one.id == memory.id), None)
        if old is not None and (old.session, said(old)) == (memory.session, said(memory)):
            return
        self.living = [*(one for one in self.living if one.id != memory.id), memory]
        self.forgotten.discard(memory.id)

    def say(self, words: Iterable[Word]) -> None:
        for word in words:
            if word.memory in self.forgotten:
                continue
            told = self.said_of(word.key)
            if word.weight is None:
                self.ended[word.key] = word.at
            else:
                self.ended.pop(word.key, None)
            if (told or word.weight is not None) and told[-1:] != [word]:
                self.words.append(word)

    def unify(self, event: Unified) -> None:
        """Of the classes of names, each drawn as all its keys with the one that is kept, these become one."""
        kept = self.key(event.keep)
        joined = {self.key(name) for name in event.names} - {kept}
        self.unified.append(event)
        self.names = {key: kept if to in joined else to for key, to in self.names.items()}
        self.names.update(dict.fromkeys(joined, kept))

    def concepts(self, one: Memory | Spoken) -> list[str]:
        return list(dict.fromkeys(self.names.get(concept.key, concept.key) for concept in said(one)))

    def edges(self) -> set[tuple[Any, ...]]:
        counts: Counter[tuple[Any, ...]] = Counter()
        last: dict[str, str] = {}
        for one in self.living:
            found = self.concepts(one)
            for key in found:
                counts[*sorted((("memory", one.id), ("concept", key))), "mentions"] += 1
            for (i, a), (j, b) in combinations(enumerate(found), 2):
                if j - i <= WINDOW:
                    counts[*sorted((("concept", a), ("concept", b))), "together"] += 1
            if one.session is not None:
                if one.session in last:
                    counts[*sorted((("memory", last[one.session]), ("memory", one.id))), "follows"] += 1
                last[one.session] = one.id
        told = {
            (*sorted((("concept", self.key(one.subject)), ("concept", self.key(one.object)))), "relation", one.weight)
            for one in self.relations.values()
        }
        return {(*edge, count) for edge, count in counts.items()} | told


NUMBERS = st.lists(st.integers(0, 14), max_size=4)
MEMORIES = NUMBERS.map(lambda numbers: tuple(map(memory, numbers)))
REWRITTEN = st.lists(
    st.builds(memory, st.integers(0, 14), st.sampled_from(TEXTS), st.just("Bob"), st.sampled_from(["s1", "s3"])),
    max_size=3,
).map(tuple)
IDS = NUMBERS.map(lambda numbers: tuple(f"m{number}" for number in numbers))
TIMES = st.none() | st.integers(0, 3).map(lambda day: AT + timedelta(days=day))
KEYS = st.builds(RelationKey, st.sampled_from(NAMES), st.sampled_from(["knows", "owns"]), st.sampled_from(NAMES))


def relation(key: RelationKey, weight: float, at: datetime | None, by: int | None) -> Relation:
    return Relation(key.subject, key.predicate, key.object, weight, at, None if by is None else f"m{by}")


TOLD = st.builds(relation, KEYS, st.sampled_from([0.5, 1.0, 3.0]), TIMES, st.none() | st.integers(0, 14))
HEARD = REWRITTEN.map(lambda told: tuple(Spoken(one.id, one.text, one.speaker, one.session) for one in told))
RELATIONS, ENDED = st.lists(TOLD, max_size=3).map(tuple), st.lists(KEYS, max_size=2).map(tuple)
WORDS = st.lists(
    st.builds(Word, KEYS, TIMES, st.none(), st.none() | st.integers(0, 14).map("m{}".format)), max_size=2
).map(tuple)
UNIFIED = st.builds(
    Unified,
    st.sampled_from([*NAMES, "rain"]),
    st.lists(st.sampled_from([*NAMES, "Alice", "New York"]), max_size=2).map(tuple),
)
EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.builds(Remembered, MEMORIES | REWRITTEN),
    st.builds(Remembered, MEMORIES),
    st.builds(Forgotten, IDS, TIMES),
    st.builds(Revised, MEMORIES | REWRITTEN),
    st.builds(Related, RELATIONS, HEARD, WORDS),
    UNIFIED,
    st.builds(Unrelated, ENDED, st.just(AT)),
    st.builds(Picked, st.just(Place("b", 1)), MEMORIES, REWRITTEN, st.just(()), HEARD),
    st.builds(
        Merged,
        source=st.just(Place("b", 1)),
        base=st.none(),
        memories=MEMORIES,
        forgotten=IDS,
        skills=st.just(()),
        mood=st.none(),
        revised=REWRITTEN,
        relations=RELATIONS,
        unrelated=ENDED,
        forgotten_at=st.lists(TIMES, max_size=3).map(tuple),
        unrelated_at=st.lists(TIMES, max_size=2).map(tuple),
        heard=HEARD,
        unheard=st.lists(st.tuples(st.integers(0, 14).map("m{}".format), TIMES), max_size=2).map(tuple),
    ),
)


@settings(deadline=None, max_examples=150)
@given(st.lists(EVENTS, max_size=12))
def test_every_history_gives_the_graph_of_its_living_memories(events: Sequence[Event]) -> None:
    state, twin = FOLD.empty(), Twin()
    for event in events:
        state = FOLD.apply(state, event)
        twin.apply(event)
        whole = settled(state)
        assert edges(to_networkx(state)) == twin.edges()
        again = fold([*twin.unified, Related((), tuple(map(spoken, twin.living)))])
        assert unordered(state) == unordered(again)
        if not twin.names:
            assert view(state)[:3] == view(again)[:3]
        assert set(whole.forgotten) == twin.forgotten
        assert dict(whole.relations.by_key) == twin.relations
        assert dict(whole.relations.removed) == twin.ended
        assert {memory: set(keys) for memory, keys in whole.relations.said.items()} == {
            memory: keys
            for memory in {word.memory for word in twin.words} - {None}
            if (keys := {key for key in twin.told() if memory in {word.memory for word in twin.said_of(key)}})
        }
        for key in twin.told():
            words = [Said(word.weight, word.at, word.memory) for word in twin.said_of(key)]
            assert list(whole.relations.words(key)) == words[::-1]
        assert {key: alias.key for key, alias in whole.relations.names.aliases.items()} == twin.names


@settings(deadline=None, max_examples=80)
@given(st.lists(st.tuples(EVENTS, st.booleans(), st.booleans()), max_size=15), st.integers(1, 7))
def test_however_changes_are_grouped_a_settled_state_is_the_same(
    happenings: Sequence[tuple[Event, bool, bool]], group: int
) -> None:
    """States are settled here and there, some of them forks go on from, and groups are small or large."""
    plain = grouped = FOLD.empty()
    other = GraphFold()
    for event, settle, read in happenings:
        plain = FOLD.apply(plain, event)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(graph, "GROUP", group)
            grouped = other.apply(grouped, event)
        assert len(grouped.pending) < group
        if read:
            assert other.settled(grouped) == settled(plain)
        if settle:
            grouped = other.settled(grouped)
    assert other.settled(grouped) == settled(grouped) == FOLD.settled(plain) == settled(plain)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 9), EVENTS), max_size=12))
def test_no_state_that_was_handed_out_ever_changes(happenings: Sequence[tuple[int, Event]]) -> None:
    """Events happen to newer and older states alike, which is what forks do."""
    held: list[tuple[GraphState, list[Event], set[tuple[Any, ...]]]] = [(FOLD.empty(), [], set())]
    for back, event in happenings:
        state, past, _ = held[max(0, len(held) - 1 - back)]
        after = FOLD.apply(state, event)
        held.append((after, [*past, event], edges(to_networkx(after))))
    for state, past, seen in held:
        assert edges(to_networkx(state)) == seen
        assert fold(past) == state
        assert list(to_networkx(fold(past)).edges(data=True)) == list(to_networkx(state).edges(data=True))


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 14), max_size=6), st.integers(20, 40))
def test_forgetting_undoes_remembering(numbers: list[int], new: int) -> None:
    before = remembered(*map(memory, numbers))
    after = fold([Remembered((memory(new),)), Forgotten((f"m{new}",))], before)
    assert view(after) == view(before)


def test_what_is_none_of_the_graphs_business_returns_the_state_itself() -> None:
    state = remembered(memory(1))
    assert FOLD.apply(state, SkillUsed("juggling", succeeded=True)) is state
    assert FOLD.apply(state, Remembered((memory(1),))) is state
    assert FOLD.apply(state, Forgotten(())) is state
    assert FOLD.units(Remembered((memory(1),))) == 0
    assert (FOLD.part, FOLD.reach) == ("graph", None)


def test_what_a_merge_adds_does_not_bring_back_what_was_forgotten() -> None:
    state = fold([Forgotten(("m1",)), Merged(Place("b", 3), None, (memory(1), memory(2)), (), (), None)])
    assert set(settled(state).memories) == {"m2"}
    assert FOLD.apply(state, Forgotten(("m1",))) is state


def test_what_is_remembered_again_after_the_memories_alone_were_rolled_back_reads_as_it_does_now() -> None:
    old = memory(1, "Carol lives in Paris", speaker="Bob")
    state = fold(
        [Remembered((old, memory(2, "rain"))), Remembered((memory(1, "Dave lives in Berlin", speaker="Bob"),))]
    )
    concepts = set(settled(state).concepts)
    assert {"dave", "berlin"} <= concepts
    assert not {"carol", "pari"} & concepts
    gone = fold([Forgotten(("m2",)), Remembered((memory(2, "rain"),))], state)
    assert set(settled(gone).memories) == {"m1", "m2"}
    assert not settled(gone).forgotten


def test_a_graph_says_where_it_is_not_as_the_memories_are() -> None:
    state = remembered(memory(1, "rain"), memory(2, "snow"), memory(3, "fog"))
    state = settled(fold([Forgotten(("m3",))], state))
    told = {n: Spoken(f"m{n}", text) for n, text in ((1, "rain"), (2, "hail"), (3, "fog"), (4, "mist"), (5, "sun"))}
    state = settled(fold([Related((), (told[1], Spoken("m2", "snow")))], state))
    expected = Expected((told[3], told[5]), (told[1], told[2], told[4]), ("m3", "m6"))
    assert missed(state, expected) == Missed((told[2], told[4], told[3]), (), ("m3",))
    assert missed(state, Expected(gone=("m1", "m9"))) == Missed((), ("m1",), ())


def test_in_a_merge_forgetting_wins() -> None:
    event = Merged(Place("b", 3), None, (memory(1), memory(2)), ("m2",), (), None)
    assert set(settled(fold([event])).memories) == {"m1"}


def test_a_revision_brings_back_what_was_forgotten() -> None:
    state = settled(fold([Remembered((memory(1),)), Forgotten(("m1",)), Revised((memory(1, "a violin"),))]))
    assert "violin" in state.concepts
    assert not state.forgotten


def test_a_revised_memory_that_says_the_same_stays_where_it_is() -> None:
    before = fold([Remembered((memory(1, session="s"), memory(2, session="s")))])
    assert FOLD.apply(before, Revised((replace(memory(1, session="s"), importance=0.9),))) is before
    after = settled(FOLD.apply(before, Revised((memory(1, "a violin", session="s"),))))
    assert after.last["s"] == "m1"
    assert after.memories["m1"].before == "m2"


def test_a_fork_that_learned_a_little_shares_all_maps_with_its_parent() -> None:
    root = remembered(*map(memory, range(200)))
    forks = [fold([Remembered((memory(1000 + number),))], root) for number in range(20)]
    for number, state in enumerate(forks):
        assert state.woven is root.woven
        assert f"m{1000 + number}" in FOLD.settled(state).memories
        assert set(FOLD.settled(state).memories) - set(root.memories) == {f"m{1000 + number}"}


def test_pending_changes_are_bounded_and_so_are_the_states_kept_for_reading() -> None:
    own = GraphFold()
    state = own.empty()
    for number in range(3 * GROUP):
        state = own.apply(state, Remembered((memory(number, f"word{number}"),)))
        assert len(state.pending) < GROUP
        read = own.settled(state)
        assert len(read.memories) == number + 1
        assert own.settled(state) is read or not state.pending
    assert len(own._read) <= NEAR_KEPT
    state = own.apply(state, Forgotten(tuple(f"m{number}" for number in range(GROUP))))
    assert state.pending == ()


def test_of_many_graphs_each_is_settled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    own = GraphFold()
    states = [own.apply(own.empty(), Remembered((memory(number),))) for number in range(3 * NEAR_KEPT)]
    first = [own.settled(state) for state in states]
    assert all(again is once for again, once in zip(map(own.settled, states), first, strict=True))
    monkeypatch.setattr(graph, "SETTLED_KEPT", 2)
    few = GraphFold()
    for state in states:
        assert few.settled(state) == settled(state)
    assert len(few._kept) == 2


def test_a_reader_who_goes_on_works_in_only_what_is_new(monkeypatch: pytest.MonkeyPatch) -> None:
    own, worked = GraphFold(), []
    real = graph._worked_in

    def watched(state: GraphState, changes: Sequence[Any]) -> GraphState:
        worked.append(len(changes))
        return real(state, changes)

    monkeypatch.setattr(graph, "_worked_in", watched)
    state = own.empty()
    for number in range(6):
        state = own.apply(state, Remembered((memory(number),)))
        own.settled(state)
    assert worked == [1] * 6
    assert own.settled(state) == remembered(*map(memory, range(6)))


def test_forks_share_and_do_not_meet() -> None:
    root = remembered(*(memory(number) for number in range(10)))
    left = settled(FOLD.apply(root, Remembered((memory(90, "a violin", session="s1"),))))
    right = settled(FOLD.apply(root, Forgotten(("m3",))))
    assert "violin" in left.concepts
    assert "violin" not in root.concepts
    assert "violin" not in right.concepts
    assert "m3" in left.memories
    assert "m3" not in right.memories
    assert left.memories["m5"] == root.memories["m5"] == right.memories["m5"]


def test_a_memory_and_a_concept_of_one_name_are_two_nodes() -> None:
    odd = Memory("bob", "Bob", AT, NEUTRAL, 0.5, 0.5, EMBEDDING, speaker="Bob")
    drawn = to_networkx(remembered(odd))
    assert set(drawn) == {("memory", "bob"), ("concept", "bob")}
    assert edges(drawn) == {(("concept", "bob"), ("memory", "bob"), "mentions", 1)}


def test_sessions_are_chains_that_close_over_gaps() -> None:
    chain = [memory(number, "!", session="s") for number in range(4)]
    state = settled(fold([Remembered(tuple(chain)), Forgotten(("m1", "m2"))]))
    assert state.memories["m0"].after == "m3"
    assert state.memories["m3"].before == "m0"
    assert state.last["s"] == "m3"
    assert settled(fold([Forgotten(("m3",))], state)).last["s"] == "m0"
    ended = settled(fold([Forgotten(("m3", "m0"))], state))
    assert ended == settled(fold([Forgotten(("m0", "m1", "m2", "m3"))]))


def test_a_memory_of_signs_alone_is_a_node_without_edges() -> None:
    state = remembered(Memory("m", "?!", AT, NEUTRAL, 0.5, 0.5, EMBEDDING))
    assert nx.number_of_edges(to_networkx(state)) == 0
    assert nx.number_of_nodes(to_networkx(state)) == 1
    assert view(fold([Forgotten(("m",))], state)) == view(FOLD.empty())


def test_a_long_text_keeps_its_names_and_so_many_edges() -> None:
    text = " ".join(f"word{number}" for number in range(500)) + " with Vera in Paris"
    state = remembered(memory(1, text, speaker="Bob", session="s"))
    kept = [concept.key for concept in state.memories["m1"].concepts]
    assert len(kept) == MAX_CONCEPTS
    assert kept[0] == "bob"
    assert kept[-2:] == ["vera", "pari"]
    assert to_networkx(state).number_of_edges() <= MAX_CONCEPTS * (WINDOW + 1)


def test_nodes_say_what_they_are() -> None:
    texts = ["Caroline sang.", "We like Caroline.", "Caroline laughed.", "caroline"]
    state = remembered(*(Memory(f"m{n}", text, AT, NEUTRAL, 0.5, 0.5, EMBEDDING) for n, text in enumerate(texts)))
    nodes = to_networkx(state).nodes
    assert nodes["concept", "carolin"] == {"kind": "entity", "label": "Caroline", "weight": 4}
    assert nodes["memory", "m0"] == {"kind": "memory", "label": "m0", "weight": 1}
