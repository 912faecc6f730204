"""What branches know of relations and names, through the orchestrator: told, contradicted, merged, rolled back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.actors.requests import MergeRequest, RelateRequest
from quantum_memory.errors import MemoryNotFound, RelationNotFound
from quantum_memory.memory.events import Event, Merged, Related, Unified, Unrelated, Word
from quantum_memory.memory.merging import RelationTrait, merge
from quantum_memory.memory.semantic.graph import GraphState, settled
from quantum_memory.memory.semantic.names import unified
from quantum_memory.memory.semantic.news import changes, unheard, versions, words_since
from quantum_memory.memory.semantic.relations import Relations, Said, spoken
from quantum_memory.policies.merge import MergePolicy
from quantum_memory.types import Branch, MergeReport, Place, Relation, RelationKey
from tests.unit.orchestra import Orchestra, ready
from tests.unit.test_semantic_graph import fold

START = datetime(2020, 1, 1, tzinfo=UTC)
ACME, INITECH = (RelationKey("Bob", "works at", name) for name in ("Acme", "Initech"))


def day(number: int) -> datetime:
    return START + timedelta(days=number)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    one = Pair(tmp_path)
    yield one
    one.orchestra.close()


class Pair:
    """An agent who knows where Bob works, and a fork of it."""

    def __init__(self, folder: Path) -> None:
        self.orchestra, self.number = Orchestra(folder), 0
        self.host, self.run = self.orchestra.host, self.orchestra.run
        self.ours = self.orchestra.agent("alice")
        told = [ready(1, "My friend Bob works at Acme.", id="m1"), ready(2, "My friend Robert sings.", id="m2")]
        self.orchestra.remember(self.ours, told, "start")
        self.relate(self.ours, Relation(*ACME, at=day(0), memory="m1"))
        self.theirs = self.orchestra.fork(self.ours, "what-if")

    def op(self) -> str:
        self.number += 1
        return f"op-{self.number}"

    def relate(self, branch: Branch, relation: Relation, *replaces: RelationKey, op: str = "") -> Relation:
        found: Relation = self.run(self.host.relate(RelateRequest(branch, relation, op or self.op(), replaces)))
        return found

    def merge(self, policy: Any = None) -> MergeReport:
        report: MergeReport = self.run(
            self.host.merge(MergeRequest(self.ours, self.theirs, None, policy, 0.5, self.op()))
        )
        return report

    def known(self, at: datetime | None = None, branch: Branch | None = None) -> list[RelationKey]:
        found = self.run(self.host.relations(branch or self.ours, None, None, at))
        return [one.key for one in found]


def test_what_takes_the_place_of_another_closes_it_with_a_date(pair: Pair) -> None:
    new = pair.relate(pair.ours, Relation(*INITECH, at=day(10)), ACME)
    assert new == Relation(*INITECH, 1.0, day(10))
    assert pair.known() == [INITECH]
    assert pair.known(day(9)) == [ACME]
    (old,) = pair.run(pair.host.relations(pair.ours, "Acme", None, day(9)))
    assert (old.at, old.until, old.memory) == (day(0), day(10), "m1")
    assert pair.known(branch=pair.theirs) == [ACME]
    assert pair.known(day(11), pair.theirs) == [ACME]
    pair.orchestra.reopen()
    pair.host = pair.orchestra.host
    assert (pair.known(), pair.known(day(9))) == ([INITECH], [ACME])


def test_relating_is_safe_to_repeat_and_refuses_what_does_not_hold(pair: Pair) -> None:
    relation = Relation(*INITECH, at=day(10))
    assert pair.relate(pair.ours, relation, ACME, op="once") == pair.relate(pair.ours, relation, ACME, op="once")
    with pytest.raises(RelationNotFound, match="Acme"):
        pair.relate(pair.ours, relation, ACME)
    with pytest.raises(MemoryNotFound, match="m9"):
        pair.relate(pair.ours, Relation(*INITECH, memory="m9"))
    over = pair.relate(pair.ours, Relation("Bob", "lived in", "Graz", 1.0, day(0), None, day(2)))
    assert over.until == day(2)
    assert pair.known() == [INITECH]
    pair.run(pair.host.unrelate(pair.ours, INITECH, pair.op(), day(12)))
    assert [pair.known(day(number)) for number in (1, 11, 12)] == [[over.key, ACME], [INITECH], []]


def test_a_merge_brings_what_was_closed_there_and_what_came_and_went(pair: Pair) -> None:
    pair.relate(pair.theirs, Relation(*INITECH, at=day(10), memory="m2"), ACME)
    pair.relate(pair.theirs, Relation("Bob", "lived in", "Graz", at=day(3), until=day(5)))
    report = pair.merge()
    assert (report.relations, report.unrelated, report.conflicts) == ((INITECH,), (ACME,), ())
    for number in (-1, 0, 4, 6, 9, 10):
        assert pair.known(day(number)) == pair.known(day(number), pair.theirs)
    assert pair.known() == [INITECH]
    head = pair.orchestra.vault.head(pair.ours.id)
    assert pair.merge().relations == ()
    assert pair.orchestra.vault.head(pair.ours.id) == head
    pair.run(pair.host.forget(pair.ours, ["m2"], pair.op()))
    assert pair.known() == [ACME], "who closed it came over too"


def test_a_side_that_loses_is_kept_as_what_was_said_before(pair: Pair) -> None:
    pair.relate(pair.ours, Relation(*ACME, 2.0, day(20)))
    pair.relate(pair.theirs, Relation(*ACME, 3.0, day(10), "m2"))
    report = pair.merge("ours")
    assert (ACME, "weight", "ours") in [(one.key, one.field, one.kept) for one in report.conflicts]
    weights = [pair.run(pair.host.relations(pair.ours, None, None, day(number)))[0].weight for number in (5, 15, 25)]
    assert weights == [1.0, 3.0, 2.0]


def test_names_that_were_merged_come_over_and_go_with_a_rollback_of_the_graph(pair: Pair) -> None:
    before = Place(pair.theirs.id, pair.orchestra.vault.head(pair.theirs.id))
    merged = pair.run(pair.host.merge_entities(pair.theirs, unified("Bob", "Robert"), "names"))
    assert merged == pair.run(pair.host.merge_entities(pair.theirs, unified("Bob", "Robert"), "names")) == ("Robert",)
    pair.merge()
    for branch in (pair.ours, pair.theirs):
        found = pair.run(pair.host.relations(branch, "Robert", None))
        assert [one.key for one in found] == [ACME]
        near = pair.run(pair.host.neighbours(branch, "Robert", (1, 100), None, None))
        assert near == pair.run(pair.host.neighbours(branch, "Bob", (1, 100), None, None))
        assert {one.concept.label for one in near} >= {"Acme"}
    pair.run(pair.host.rollback(pair.theirs, before, ("graph",), pair.op()))
    assert pair.run(pair.host.relations(pair.theirs, "Robert", None)) == []
    assert pair.merge().relations == (), "nothing there is news, and nothing here is lost"
    assert pair.run(pair.host.relations(pair.ours, "Robert", None)) != []


def test_a_branch_is_asked_for_ways_and_communities_at_any_place(pair: Pair) -> None:
    pair.relate(pair.ours, Relation("Acme", "is in", "Graz", at=day(5)))
    (way,) = pair.run(pair.host.paths(pair.ours, ("Bob", "Graz"), (1, 4), None, None))
    assert [concept.label for concept in way.concepts] == ["Bob", "Acme", "Graz"]
    assert pair.run(pair.host.paths(pair.ours, ("Bob", "Graz"), (5, 4), day(4), None)) == []
    assert pair.run(pair.host.paths(pair.ours, ("Bob", "Graz"), (5, 4), None, Place(pair.ours.id, 2))) == []
    groups = pair.run(pair.host.communities(pair.ours, 0, 1.0, None))
    assert {concept.key for group in groups for concept in group} >= {"bob", "graz", "robert", "sing"}
    graph = pair.run(pair.host.knowledge(pair.ours, None))
    assert [one.key for one in graph.relations("Graz")] == [("Acme", "is in", "Graz")]
    graph.forget("m1")
    assert pair.known(day(1)) == [ACME], "it is a value of its own"


def test_what_speaks_of_leading_concepts_matters_more_where_the_settings_say_so(tmp_path: Path) -> None:
    told = [ready(n, text, id=f"m{n}") for n, text in enumerate(["Bob and Carol", "Bob and Dave", "Bob and Eve"])]
    new = [ready(5, "Bob came", id="n1"), ready(6, "Zoe came", id="n2"), ready(7, "Bob", id="n3", importance=0.125)]
    kept: dict[float, dict[str, float]] = {}
    for share in (0.0, 0.5):
        for folder in ("a", "b"):
            orchestra = Orchestra(tmp_path / f"{folder}{share}", graph={"importance": share})
            alice = orchestra.agent("alice")
            orchestra.remember(alice, told, "first")
            orchestra.remember(alice, new, "second")
            orchestra.remember(alice, new, "second")
            orchestra.reopen()
            found = {one.id: one.importance for one in orchestra.memories(alice)}
            assert kept.setdefault(share, found) == found, "the same history gives the same importance"
            orchestra.close()
    plain, ranked = kept[0.0], kept[0.5]
    assert [ranked[f"m{n}"] for n in range(3)] == [plain[f"m{n}"] for n in range(3)], "nothing was known yet"
    assert ranked["n1"] == pytest.approx(plain["n1"] + 0.5 * (1.0 - plain["n1"]))
    assert ranked["n2"] == plain["n2"]
    assert ranked["n3"] == plain["n3"] == 0.125


# The law of merged words, on folds alone

NAMES = ("Bob", "Alice")
KEYS = st.builds(RelationKey, st.sampled_from(NAMES), st.just("knows"), st.sampled_from(NAMES))
SAID = st.tuples(st.integers(0, 6), KEYS, st.sampled_from([1.0, 2.0, None]))


def event_of(said: tuple[int, RelationKey, float | None]) -> Event:
    at, key, weight = said
    return Unrelated((key,), day(at)) if weight is None else Related((Relation(*key, weight, day(at)),))


JOINED = st.lists(st.just(Unified("Bob", ("Robert",))), max_size=1)
STEPS = st.builds(lambda said, joined: [*map(event_of, said), *joined], st.lists(SAID, max_size=5), JOINED)
"""Told in any order of dates."""


def in_time(first: int) -> st.SearchStrategy[list[Event]]:
    """Told as it happened, from a day on."""
    return st.lists(SAID, max_size=5).map(
        lambda said: [event_of((first + at, key, weight)) for at, key, weight in sorted(said, key=lambda one: one[0])]
    )


def after(state: GraphState, steps: Sequence[Event]) -> Relations:
    return settled(fold(steps, state)).relations


def merged(base: Relations, here: GraphState, there: Relations, policy: str) -> GraphState:
    """What the event of a merge makes of here."""
    ours, news = settled(here).relations, changes(base, there)
    keys = [change.key for change in news]
    verdict = merge(RelationTrait(), news, versions(ours, keys), versions(base, keys), MergePolicy.of(policy))  # type: ignore[arg-type]  # a rule
    relations = (*verdict.added, *verdict.changed)
    words = tuple(word for word in unheard(ours, words_since(base, there)) if word not in set(spoken(relations)))
    event = Merged(
        Place("b", 1),
        None,
        (),
        (),
        (),
        None,
        relations=relations,
        unrelated=tuple(key for key, _ in verdict.dropped),
        unrelated_at=tuple(gone.at for _, gone in verdict.dropped),
        words=words,
        unified=there.names.since(base.names),
    )
    return settled(fold([event], here))


RULES = st.sampled_from(["ours", "theirs", "newest", "union"])


@settings(deadline=None, max_examples=100)
@given(in_time(0), in_time(10), in_time(10), RULES)
def test_a_merge_loses_no_word_of_either_side(
    past: list[Event], ours: list[Event], theirs: list[Event], policy: str
) -> None:
    root = settled(fold(past))
    there, here = after(root, theirs), fold(ours, root)
    whole, mine = merged(root.relations, here, there, policy).relations, settled(here).relations
    for key in whole.keys() | mine.keys() | there.keys():
        known = {word for side in (mine, there) for word in side.words(key)}
        kept, (latest, *_) = set(whole.words(key)), whole.words(key)
        told = {word for word in known if word.weight is not None}
        assert told <= kept
        for end in seen(mine.words(key)) | seen(there.words(key)):
            # One that was overruled stays where there is something beside what holds that it ended.
            assert end in kept or not any((word.at or START) <= (end.at or START) for word in told - {latest})


def seen(words: Sequence[Said]) -> set[Said]:
    """The ends that show as of their time: nothing dated no later was said after them. The latest word comes first."""
    return {
        end
        for index, end in enumerate(words)
        if end.weight is None and not any((word.at or START) <= (end.at or START) for word in words[:index])
    }


@settings(deadline=None, max_examples=100)
@given(STEPS, STEPS, STEPS, RULES)
def test_what_holds_after_a_merge_is_what_was_decided(
    past: list[Event], ours: list[Event], theirs: list[Event], policy: str
) -> None:
    root = settled(fold(past))
    base, there, here = root.relations, after(root, theirs), fold(ours, root)
    whole, mine = merged(base, here, there, policy).relations, settled(here).relations
    for key in whole.keys() | mine.keys() | there.keys():
        if there.version(key) == base.version(key):
            assert whole.by_key.get(key) == mine.by_key.get(key)
            # Where they said it held in between, and ended again, the later end counts.
            assert whole.version(key) == mine.version(key) or there.words(key) != base.words(key)
        elif mine.version(key) == base.version(key):
            assert whole.by_key.get(key) == there.by_key.get(key)
        else:
            assert whole.by_key.get(key) in (mine.by_key.get(key), there.by_key.get(key))
    assert whole.names.aliases.keys() == mine.names.aliases.keys() | there.names.aliases.keys()


@settings(deadline=None, max_examples=80)
@given(in_time(0), in_time(10))
def test_where_only_they_changed_anything_the_merge_is_as_they_are(past: list[Event], theirs: list[Event]) -> None:
    root = settled(fold(past))
    there = after(root, theirs)
    whole = merged(root.relations, root, there, "ours").relations
    assert (whole.by_key, whole.names) == (there.by_key, there.names)
    for at in map(day, range(-1, 18)):
        assert whole.about(at=at) == there.about(at=at)


def test_a_base_of_which_nothing_holds_is_a_base_all_the_same() -> None:
    ended = Relations().say([Word(ACME, day(0), 1.0), Word(ACME, day(1))])
    assert len(ended) == 0
    assert (words_since(ended, ended), changes(ended, ended)) == ((), ())


def test_what_ended_here_ended_when_it_did_though_it_was_ended_and_said_again_there() -> None:
    base = Relations().say([Word(ACME, day(1), 1.0)])
    ours = base.say([Word(ACME, day(1))])
    theirs = base.say([Word(ACME, day(2)), Word(ACME, day(1), 1.0)])
    assert ours.bring(unheard(ours, words_since(base, theirs))).version(ACME) == ours.version(ACME)
