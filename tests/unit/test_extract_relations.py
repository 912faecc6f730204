"""Relations made of memories behind the writes, and what predicates mean for one another."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.errors import NotFinite, OutOfRange, Unavailable
from quantum_memory.memory.semantic.extract import Concept
from quantum_memory.memory.semantic.extractors import RuleExtractor
from quantum_memory.memory.semantic.predicates import BEGINS, ENDS, FUNCTIONAL, begun, replaced
from quantum_memory.memory.semantic.relating import INFERRED, Denied, Extraction, RelationExtractor
from quantum_memory.memory.semantic.relations import Relations, checked
from quantum_memory.memory.semantic.triples import Triple
from quantum_memory.types import NEUTRAL, Memory, Relation, RelationKey

AT = datetime(2023, 5, 8, tzinfo=UTC)
DAY = timedelta(days=1)


def memory(text: str, number: int = 0, speaker: str | None = "Ann") -> Memory:
    at = AT + number * DAY
    return Memory(f"m{number}", text, at, NEUTRAL, 0.5, 0.5, np.ones(2, dtype=np.float32), speaker)


class Told:
    """Says of every text what it was told."""

    name = "told"
    deterministic = True

    def __init__(self, *told: Triple, fails: bool = False) -> None:
        self.told, self.fails = told, fails

    def concepts(self, text: str, speaker: str | None = None) -> tuple[Concept, ...]:  # noqa: ARG002
        return ()

    def triples(
        self,
        text: str,
        speaker: str | None = None,  # noqa: ARG002
        at: datetime | None = None,  # noqa: ARG002
    ) -> tuple[Triple, ...]:
        if self.fails:
            raise Unavailable(text)
        return self.told


def triple(
    subject: str = "Ann",
    predicate: str = "likes",
    object: str = "tea",  # noqa: A002 - the word of the domain
    confidence: float = 0.9,
    negated: bool = False,
) -> Triple:
    return Triple(subject, predicate, object, negated, "present", confidence, 0, 1)


def test_relations_carry_who_said_so_and_when() -> None:
    (only,) = RelationExtractor(RuleExtractor()).read([memory("I love tea. I bought a car yesterday.", 3)])
    assert only == Extraction(
        "m3",
        (
            Relation("Ann", "loves", "tea", 0.9, AT + 3 * DAY, "m3"),
            Relation("Ann", "bought", "car", 0.9, AT + 2 * DAY, "m3"),
        ),
        (),
    )


def test_what_is_denied_now_is_told_apart_and_what_did_not_happen_is_left_out() -> None:
    (only,) = RelationExtractor(RuleExtractor()).read([memory("I don't live in Rome. I didn't buy a car.")])
    assert only == Extraction("m0", (), (Denied(RelationKey("Ann", "lives in", "Rome"), AT),))


def test_a_text_that_says_and_denies_the_same_says_neither() -> None:
    told = Told(triple(), triple(negated=True), triple(object="milk"))
    (only,) = RelationExtractor(told).read([memory("x")])
    assert [one.object for one in only.relations] == ["milk"]
    assert only.denied == ()


def test_the_surer_of_two_alike_is_kept_once() -> None:
    told = Told(triple(confidence=0.8), triple(confidence=0.95), triple(confidence=0.85))
    (only,) = RelationExtractor(told).read([memory("x")])
    assert [one.weight for one in only.relations] == [0.95]


@pytest.mark.parametrize(
    "unfit",
    [
        triple(confidence=0.5),
        triple(subject="tea"),
        triple(subject="x" * 513),
        triple(object=" "),
        triple(predicate="x" * 129),
    ],
)
def test_what_a_graph_cannot_keep_is_left_out(unfit: Triple) -> None:
    (only,) = RelationExtractor(Told(unfit, triple(object="milk"))).read([memory("x")])
    assert [one.object for one in only.relations] == ["milk"]


def test_moving_to_a_place_with_a_name_means_living_there() -> None:
    (only,) = RelationExtractor(RuleExtractor()).read([memory("I moved to Boston and bought a car.")])
    assert [(one.predicate, one.object) for one in only.relations] == [
        ("moved to", "Boston"),
        ("lives in", "Boston"),
        ("bought", "car"),
    ]
    assert only.relations[1].weight == round(0.9 * INFERRED, 4)
    (only,) = RelationExtractor(RuleExtractor()).read([memory("I moved to a new flat.")])
    assert [one.predicate for one in only.relations] == ["moved to"]


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.text(max_size=60) | st.sampled_from(["I love tea.", "My friend Bob moved to Rome.", "I have no car."]),
        max_size=8,
    ),
    st.integers(1, 5),
)
def test_batches_repeat_and_are_what_one_call_gives(texts: list[str], size: int) -> None:
    memories = [memory(text, number) for number, text in enumerate(texts)]
    reader = RelationExtractor(RuleExtractor())
    batches = list(reader.batches(iter(memories), size))
    assert all(len(batch) == size for batch in batches[:-1])
    flat = tuple(one for batch in batches for one in batch)
    assert flat == reader.read(memories) == reader.read(memories)
    assert [one.memory for one in flat] == [one.id for one in memories]
    for extraction in flat:
        keys = [relation.key for relation in extraction.relations]
        assert len(set(keys)) == len(keys)
        assert not set(keys) & {denied.key for denied in extraction.denied}
        for relation in extraction.relations:
            assert checked(relation) == relation
            assert relation.memory == extraction.memory


def test_what_an_extractor_raises_comes_through_and_the_batch_can_be_tried_again() -> None:
    told = Told(triple(), fails=True)
    reader = RelationExtractor(told)
    with pytest.raises(Unavailable):
        reader.read([memory("x")])
    told.fails = False
    assert reader.read([memory("x")])[0].relations


def test_a_graph_that_hears_it_twice_is_the_same() -> None:
    memories = [memory("My friend Bob moved to Rome. I love tea."), memory("Bob loves tea.", 1)]
    said = [one for extraction in RelationExtractor(RuleExtractor()).read(memories) for one in extraction.relations]
    once = Relations().relate(said)
    assert [one.key for one in once.about("Bob")] == [
        RelationKey("Bob", "is", "Ann's friend"),
        RelationKey("Bob", "lives in", "Rome"),
        RelationKey("Bob", "loves", "tea"),
        RelationKey("Bob", "moved to", "Rome"),
    ]
    assert once.relate(said).about() == once.about()
    assert [one.key for one in once.unsay(["m0"], AT).about()] == [RelationKey("Bob", "loves", "tea")]


def test_bad_arguments_are_named() -> None:
    with pytest.raises(OutOfRange, match="least_confidence"):
        RelationExtractor(RuleExtractor(), least_confidence=1.5)
    with pytest.raises(NotFinite, match="least_confidence"):
        RelationExtractor(RuleExtractor(), least_confidence=float("nan"))
    with pytest.raises(OutOfRange, match="size"):
        RelationExtractor(RuleExtractor()).batches([], 0)


ROME = Relation("Ann", "lives in", "Rome", at=AT)


@pytest.mark.parametrize(
    ("new", "ends"),
    [
        (Relation("Ann", "lives in", "Boston", at=AT + DAY), True),
        (Relation("ann", "lives at", "Boston"), True),
        (Relation("Ann", "moved from", "Rome", at=AT + DAY), True),
        (Relation("Ann", "moved from", "Boston", at=AT + DAY), False),
        (Relation("Ann", "lives in", "the Rome", at=AT + DAY), False),
        (Relation("Ann", "lives in", "Boston", at=AT - DAY), False),
        (Relation("Bob", "lives in", "Boston", at=AT + DAY), False),
        (Relation("Ann", "likes", "Boston", at=AT + DAY), False),
        (Relation("Ann", "works at", "Boston", at=AT + DAY), False),
    ],
)
def test_a_new_home_ends_the_old_one(new: Relation, ends: bool) -> None:
    others = [Relation("Ann", "likes", "tea"), Relation("Cid", "lives in", "Rome")]
    assert replaced(new, [*others, ROME]) == ((ROME.key,) if ends else ())


@given(
    st.lists(
        st.builds(
            Relation,
            st.sampled_from(["Ann", "Bob"]),
            st.sampled_from([*FUNCTIONAL, *BEGINS, *ENDS, "likes"]),
            st.sampled_from(["Rome", "Boston", "flat"]),
            at=st.none() | st.sampled_from([AT, AT + DAY]),
        ),
        max_size=8,
    )
)
def test_laws_of_predicates(held: list[Relation]) -> None:
    for new in held:
        ended = replaced(new, held)
        assert list(ended) == sorted(ended)
        assert new.key not in ended
        assert all(key.subject == new.subject and key.predicate in FUNCTIONAL for key in ended)
        follows = begun(new)
        assert follows is None or follows.predicate in FUNCTIONAL
        assert follows is None or (follows.at, follows.memory) == (new.at, new.memory)
