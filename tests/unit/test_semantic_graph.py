"""The graph's fold: its laws on made-up histories, beside a twin that forgets by starting over."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import combinations
from typing import Any

import networkx as nx
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.memory.events import Event, Forgotten, Merged, Remembered, SkillUsed
from quantum_memory.memory.semantic.extract import extract
from quantum_memory.memory.semantic.graph import MAX_CONCEPTS, WINDOW, GraphFold, GraphState, to_networkx
from quantum_memory.types import NEUTRAL, Memory, Place

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


def remembered(*memories: Memory) -> GraphState:
    return fold([Remembered(memories)])


def edges(graph: Any) -> set[tuple[Any, ...]]:
    return {(*sorted((u, v)), data["kind"], data["weight"]) for u, v, data in graph.edges(data=True)}


def view(state: GraphState) -> tuple[Any, ...]:
    """Everything but the tombstones."""
    return state.memories, state.concepts, state.last


class Twin:
    """What a history means: the living memories in order. The graph is drawn anew from them each time."""

    def __init__(self) -> None:
        self.living: list[Memory] = []
        self.forgotten: set[str] = set()

    def apply(self, event: Event) -> None:
        if isinstance(event, Remembered | Merged):
            for one in event.memories:
                if one.id not in self.forgotten and one.id not in {old.id for old in self.living}:
                    self.living.append(one)
        if isinstance(event, Forgotten | Merged):
            self.forgotten.update(event.ids if isinstance(event, Forgotten) else event.forgotten)
            self.living = [one for one in self.living if one.id not in self.forgotten]

    def edges(self) -> set[tuple[Any, ...]]:
        counts: Counter[tuple[Any, ...]] = Counter()
        last: dict[str, str] = {}
        for one in self.living:
            found = extract(one.text, one.speaker)
            for concept in found:
                counts[*sorted((("memory", one.id), ("concept", concept.key))), "mentions"] += 1
            for (i, a), (j, b) in combinations(enumerate(found), 2):
                if j - i <= WINDOW:
                    counts[*sorted((("concept", a.key), ("concept", b.key))), "together"] += 1
            if one.session is not None:
                if one.session in last:
                    counts[*sorted((("memory", last[one.session]), ("memory", one.id))), "follows"] += 1
                last[one.session] = one.id
        return {(*edge, count) for edge, count in counts.items()}


NUMBERS = st.lists(st.integers(0, 14), max_size=4)
MEMORIES = NUMBERS.map(lambda numbers: tuple(map(memory, numbers)))
IDS = NUMBERS.map(lambda numbers: tuple(f"m{number}" for number in numbers))
EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.builds(Remembered, MEMORIES),
    st.builds(Remembered, MEMORIES),
    st.builds(Forgotten, IDS),
    st.builds(lambda new, gone: Merged(Place("b", 1), None, new, gone, (), None), MEMORIES, IDS),
)


@settings(deadline=None, max_examples=120)
@given(st.lists(EVENTS, max_size=12))
def test_every_history_gives_the_graph_of_its_living_memories(events: Sequence[Event]) -> None:
    state, twin = FOLD.empty(), Twin()
    for event in events:
        state = FOLD.apply(state, event)
        twin.apply(event)
        assert edges(to_networkx(state)) == twin.edges()
        assert view(state) == view(remembered(*twin.living))
        assert len(state) == to_networkx(state).number_of_nodes()


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


def test_what_was_forgotten_never_comes_back() -> None:
    state = fold([Forgotten(("m1",)), Remembered((memory(1), memory(2)))])
    assert set(state.memories) == {"m2"}
    assert FOLD.apply(state, Forgotten(("m1",))) is state


def test_in_a_merge_forgetting_wins() -> None:
    event = Merged(Place("b", 3), None, (memory(1), memory(2)), ("m2",), (), None)
    assert set(fold([event]).memories) == {"m1"}


def test_forks_share_and_do_not_meet() -> None:
    root = remembered(*(memory(number) for number in range(10)))
    left = FOLD.apply(root, Remembered((memory(90, "a violin", session="s1"),)))
    right = FOLD.apply(root, Forgotten(("m3",)))
    assert "violin" in left.concepts
    assert "violin" not in root.concepts
    assert "violin" not in right.concepts
    assert "m3" in left.memories
    assert "m3" not in right.memories
    assert left.memories["m5"] is root.memories["m5"] is right.memories["m5"]


def test_a_memory_and_a_concept_of_one_name_are_two_nodes() -> None:
    odd = Memory("bob", "Bob", AT, NEUTRAL, 0.5, 0.5, EMBEDDING, speaker="Bob")
    graph = to_networkx(remembered(odd))
    assert set(graph) == {("memory", "bob"), ("concept", "bob")}
    assert edges(graph) == {(("concept", "bob"), ("memory", "bob"), "mentions", 1)}


def test_sessions_are_chains_that_close_over_gaps() -> None:
    chain = [memory(number, "!", session="s") for number in range(4)]
    state = fold([Remembered(tuple(chain)), Forgotten(("m1", "m2"))])
    assert state.memories["m0"].after == "m3"
    assert state.memories["m3"].before == "m0"
    assert state.last["s"] == "m3"
    assert fold([Forgotten(("m3",))], state).last["s"] == "m0"
    assert fold([Forgotten(("m3", "m0"))], state) == fold([Forgotten(("m0", "m1", "m2", "m3"))])


def test_a_memory_of_signs_alone_is_a_node_without_edges() -> None:
    state = remembered(Memory("m", "?!", AT, NEUTRAL, 0.5, 0.5, EMBEDDING))
    assert nx.number_of_edges(to_networkx(state)) == 0
    assert len(state) == 1
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
