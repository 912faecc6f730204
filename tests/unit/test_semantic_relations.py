"""Relations: what is found by name, what a walk does with them, and what a merge is told of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.actors.semantic_graph import About, SemanticGraphHost
from quantum_memory.errors import EmptyText, InvalidValue, NotFinite, OutOfRange, TooLong
from quantum_memory.memory.events import Entry, Event, Forgotten, Related, Remembered, Revised, Unrelated
from quantum_memory.memory.merging import MAX_WEIGHT, Change, Gone, RelationTrait, Since, Under, merge
from quantum_memory.memory.semantic.graph import GraphFold, GraphState, relations, settled, to_networkx
from quantum_memory.memory.semantic.names import MAX_END_CHARS
from quantum_memory.memory.semantic.neighbourhood import FANOUT, STRONGEST
from quantum_memory.memory.semantic.news import changes, versions
from quantum_memory.memory.semantic.relations import (
    MAX_PREDICATE_CHARS,
    Relations,
    checked,
    checked_key,
)
from quantum_memory.memory.semantic.spread import METHODS, Method, spread
from quantum_memory.memory.vault import codec
from quantum_memory.policies.merge import MergePolicy
from quantum_memory.settings import load
from quantum_memory.types import NEUTRAL, Branch, Memory, Place, Relation, RelationKey
from tests.unit.histories import PlainHistory

AT = datetime(2026, 1, 1, tzinfo=UTC)
EMBEDDING = np.array([1.0, 0.0], dtype=np.float32)
FOLD = GraphFold()
KNOWS = Relation("Bob", "knows", "Alice Smith", 1.0, AT, "m0")
OWNS = Relation("Bob", "owns", "the umbrella", 0.5, AT)


def memory(number: int, text: str) -> Memory:
    return Memory(f"m{number}", text, AT, NEUTRAL, 0.5, 0.5, EMBEDDING)


def fold(*events: Event) -> GraphState:
    state = FOLD.empty()
    for event in events:
        state = FOLD.apply(state, event)
    return state


def told(*texts: str) -> Remembered:
    return Remembered(tuple(memory(number, text) for number, text in enumerate(texts)))


def test_relations_are_found_by_either_end_in_any_form() -> None:
    state = fold(Related((OWNS, KNOWS)))
    assert relations(state) == (KNOWS, OWNS)
    assert relations(state, "bob") == relations(state, "Bob's") == (KNOWS, OWNS)
    assert relations(state, "umbrellas") == (OWNS,)
    assert relations(state, "alice smith") == (KNOWS,)
    assert relations(state, "Alice") == ()
    assert relations(fold(), "Bob") == ()


def test_the_latest_word_holds() -> None:
    weaker = Relation("Bob", "knows", "Alice Smith", 0.1, AT + timedelta(days=1), "m9")
    state = settled(fold(Related((KNOWS,)), Related((weaker,))))
    assert relations(state) == (weaker,)
    assert set(state.relations.said) == {"m0", "m9"}
    assert relations(fold(Related((KNOWS,)), Related((weaker,)), Forgotten(("m9",)))) == (KNOWS,)
    assert list(state.relations.ends["bob"]) == [KNOWS.key]


def test_what_is_unrelated_is_gone_until_it_is_told_again() -> None:
    state = fold(Related((KNOWS, OWNS)), Unrelated((KNOWS.key,), AT))
    assert relations(state) == (OWNS,)
    assert settled(state).relations.version(KNOWS.key) == Gone(AT)
    again = fold(Related((KNOWS,)), Unrelated((KNOWS.key,), AT), Related((KNOWS,)))
    assert relations(again) == (KNOWS,)
    assert settled(again).relations.version(KNOWS.key) == KNOWS


def test_forgetting_a_memory_takes_away_what_it_alone_said() -> None:
    by_another = Relation("Bob", "likes", "rain", 1.0, AT, "m1")
    day = AT + timedelta(days=2)
    start = (told("Bob met Alice Smith.", "Bob likes the rain."), Related((KNOWS, OWNS, by_another)))
    state = fold(*start, Forgotten(("m0",), day))
    assert relations(state) == (by_another, OWNS)
    assert settled(state).relations.version(KNOWS.key) == Gone(day)
    # A later word of somebody else is that one's alone.
    since = Relation("Bob", "knows", "Alice Smith", 2.0, AT, "m1")
    assert relations(fold(*start, Related((since,)), Forgotten(("m0",)))) == (since, by_another, OWNS)


def test_a_forgotten_memory_tells_nothing_and_a_rewritten_one_keeps_what_it_told() -> None:
    assert relations(fold(Forgotten(("m0",)), Related((KNOWS, OWNS)))) == (OWNS,)
    state = fold(told("Bob met Alice Smith."), Related((KNOWS,)), Revised((memory(0, "They met."),)))
    assert relations(state) == (KNOWS,)


def test_networkx_shows_each_relation_between_its_ends() -> None:
    likes = Relation("Bob", "likes", "Alice Smith", 3.0)
    graph = to_networkx(fold(told("Bob lent Alice Smith the umbrella."), Related((KNOWS, OWNS, likes))))
    drawn = [data for _, _, data in graph.edges(data=True) if data["kind"] == "relation"]
    assert sorted((one["predicate"], one["weight"], one["at"]) for one in drawn) == [
        ("knows", 1.0, AT),
        ("likes", 3.0, None),
        ("owns", 0.5, AT),
    ]
    assert {(one["subject"], one["object"]) for one in drawn} == {("Bob", "Alice Smith"), ("Bob", "the umbrella")}
    assert graph.number_of_edges(("concept", "bob"), ("concept", "alic smith")) == 3
    assert graph.nodes["concept", "umbrella"]["kind"] == "topic"


def test_an_end_that_no_memory_speaks_of_is_drawn_too() -> None:
    graph = to_networkx(fold(Related((Relation("Bob", "works at", "Acme"),))))
    assert graph.nodes["concept", "acm"] == {"kind": "entity", "label": "Acme", "weight": 0}
    assert graph.number_of_edges() == 1


@pytest.mark.parametrize("method", METHODS)
def test_a_walk_follows_relations_also_through_what_no_memory_speaks_of(method: Method) -> None:
    texts = told("Bob has a cat.", "It rains in Berlin.", "A goat ate the hedge.")
    state = fold(texts)
    assert "m1" not in spread(state, "Bob", {}, method=method)
    links = (Relation("Bob", "works at", "Acme"), Relation("Acme", "is in", "Berlin"))
    found = spread(fold(texts, Related(links)), "Bob", {}, method=method)
    assert found["m0"] == 1.0
    assert 0.0 < found["m1"] < 1.0
    assert "m2" not in found
    assert set(spread(fold(texts, Related(links)), "Acme", {}, method=method)) == {"m0", "m1"}


@pytest.mark.parametrize("method", METHODS)
def test_a_stronger_relation_leads_more_strongly(method: Method) -> None:
    texts = told("Bob has a cat.", "It rains in Berlin.", "Snow falls on Oslo.")

    def reached(weight: float) -> dict[str, float]:
        both = Relation("Bob", "likes", "Berlin", weight), Relation("Bob", "likes", "Oslo", 1.0)
        return spread(fold(texts, Related(both)), "Bob", {}, method=method)

    assert reached(3.0)["m1"] > reached(3.0)["m2"]
    assert reached(0.2)["m1"] < reached(0.2)["m2"]
    assert reached(STRONGEST) == reached(MAX_WEIGHT)


@pytest.mark.parametrize("method", METHODS)
def test_a_walk_finds_the_memory_that_said_so_in_other_words(method: Method) -> None:
    texts = told("He started there last week.", "A goat ate the hedge.")
    state = fold(texts, Related((Relation("Bob", "works at", "Acme", 1.0, AT, "m0"),)))
    assert set(spread(state, "Bob", {}, method=method)) == {"m0"}
    assert set(spread(state, "Where is Acme?", {}, method=method)) == {"m0"}


def test_a_walk_through_a_hub_looks_at_its_latest_relations_alone() -> None:
    many = tuple(Relation("Bob", "knows", f"name{number}") for number in range(4 * FANOUT))
    state = fold(told(*(f"name{number} sings" for number in range(4 * FANOUT))), Related(many))
    found = spread(state, "Bob", {}, max_nodes=10_000)
    reached = {int(one[1:]) for one, score in found.items() if score > 0.5}
    assert reached == set(range(3 * FANOUT, 4 * FANOUT))


def test_relations_that_meet_no_question_leave_a_walk_as_it_is() -> None:
    texts = told("Bob lent me his umbrella.", "My neighbour Bob plays the violin.", "A goat ate the hedge.")
    apart = Related((Relation("Vera", "knows", "Zoe"),))
    for question in ("umbrella", "who is Bob?", "the goat"):
        assert spread(fold(texts), question, {"m1": 0.5}) == spread(fold(texts, apart), question, {"m1": 0.5})


NAMES = ("Bob", "Alice", "Carol")
KEYS = st.builds(RelationKey, st.sampled_from(NAMES), st.just("knows"), st.sampled_from(NAMES))


def related(key: RelationKey, weight: float) -> Related:
    return Related((Relation(key.subject, key.predicate, key.object, weight, AT),))


STEPS = st.lists(
    st.builds(related, KEYS, st.sampled_from([1.0, 2.0])) | st.builds(lambda key: Unrelated((key,), AT), KEYS),
    max_size=6,
)


def after(state: GraphState, steps: Sequence[Event]) -> Relations:
    for step in steps:
        state = FOLD.apply(state, step)
    return settled(state).relations


@settings(deadline=None, max_examples=100)
@given(STEPS, STEPS, STEPS)
def test_a_merge_takes_what_only_the_other_side_changed(
    past: list[Event], ours: list[Event], theirs: list[Event]
) -> None:
    state = fold(*past)
    base, here, there = after(state, []), after(state, ours), after(state, theirs)
    news = changes(base, there)
    keys = [change.key for change in news]
    assert keys == sorted(keys)
    verdict = merge(RelationTrait(), news, versions(here, keys), versions(base, keys), MergePolicy.of("theirs"))
    joined = here.relate((*verdict.added, *verdict.changed)).unrelate([key for key, _ in verdict.dropped], AT)
    for key in {RelationKey(one, "knows", other) for one in NAMES for other in NAMES}:
        side = here if there.version(key) == base.version(key) else there
        assert joined.by_key.get(key) == side.by_key.get(key)


def test_changes_say_both_versions_and_all_without_a_base() -> None:
    base = settled(fold(Related((KNOWS, OWNS)))).relations
    theirs = base.unrelate([KNOWS.key], AT)
    assert changes(base, theirs) == (Change(KNOWS.key, KNOWS, Gone(AT)),)
    assert changes(None, theirs) == (Change(KNOWS.key, None, Gone(AT)), Change(OWNS.key, None, OWNS))
    assert changes(theirs, base) == (Change(KNOWS.key, Gone(AT), KNOWS),)
    # What theirs never heard of was rolled back there, which is no news for anybody else.
    assert changes(base, Relations()) == ()
    assert versions(theirs, [KNOWS.key, OWNS.key, RelationKey("a", "b", "c")]) == {KNOWS.key: Gone(AT), OWNS.key: OWNS}


def test_the_host_answers_for_many_places_at_once() -> None:
    history = PlainHistory()
    history.rows["b"] = Branch("b", "alice", "main", "b", "root", None, 0, AT)
    events: tuple[Event, ...] = (told("Bob met Alice Smith."), Related((KNOWS, OWNS)), Unrelated((KNOWS.key,), AT))
    history.journal["b"] = [Entry(Place("b", seq), AT, event) for seq, event in enumerate(events, start=1)]
    host = SemanticGraphHost(load({}), history)
    early, late = Place("b", 2), Place("b", 3)
    assert host.relations([About(early), About(late, "bob"), About(late, "Alice Smith")]) == [
        (KNOWS, OWNS),
        (OWNS,),
        (),
    ]
    assert host.changes([Since(late, early), Since(early, None)]) == [
        (Change(KNOWS.key, KNOWS, Gone(AT)),),
        (Change(KNOWS.key, None, KNOWS), Change(OWNS.key, None, OWNS)),
    ]
    assert host.versions([Under(late, (KNOWS.key, OWNS.key)), Under(Place("b", 1), (OWNS.key,))]) == [
        {KNOWS.key: Gone(AT), OWNS.key: OWNS},
        {},
    ]
    assert host.graph([late])[0].number_of_edges(("concept", "bob"), ("concept", "umbrella")) == 1


def test_what_cannot_be_kept_is_refused_by_name() -> None:
    assert checked(KNOWS) == KNOWS
    assert checked(Relation("a", "b", "c", 2, datetime(2026, 1, 1))).at == AT  # noqa: DTZ001 - naive ones are UTC
    with pytest.raises(EmptyText, match="subject"):
        checked(Relation(" ", "knows", "Bob"))
    with pytest.raises(TooLong, match="object"):
        checked(Relation("Bob", "knows", "x" * (MAX_END_CHARS + 1)))
    with pytest.raises(TooLong, match="predicate"):
        checked_key(RelationKey("Bob", "x" * (MAX_PREDICATE_CHARS + 1), "Eve"))
    with pytest.raises(InvalidValue, match="predicate"):
        checked(Relation("Bob", 3, "Eve"))  # type: ignore[arg-type]  # the mistake under test
    with pytest.raises(NotFinite, match="weight"):
        checked(Relation("Bob", "knows", "Eve", math.nan))
    for weight in (0.0, -1.0, 2 * MAX_WEIGHT):
        with pytest.raises(OutOfRange, match="weight"):
            checked(Relation("Bob", "knows", "Eve", weight))
    with pytest.raises(EmptyText, match="memory"):
        checked(Relation("Bob", "knows", "Eve", memory=""))
    assert codec.MAX_WEIGHT == MAX_WEIGHT
