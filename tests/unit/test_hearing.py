"""What a graph is told once memories were read: what is news, what ends by it, and what a revision takes back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.memory.semantic.extractors import RuleExtractor
from quantum_memory.memory.semantic.hearing import Reading, hear
from quantum_memory.memory.semantic.relating import Denied, Extraction, RelationExtractor
from quantum_memory.memory.semantic.relations import Relations, spoken
from quantum_memory.types import Relation, RelationKey
from tests.unit.test_extract_relations import memory

START = datetime(2020, 1, 1, tzinfo=UTC)
PLACES = ("Rome", "Paris", "Boston")


def day(number: float) -> datetime:
    return START + timedelta(days=number)


def living(place: str, number: int, who: str = "Ann", name: str | None = None) -> Reading:
    one = Relation(who, "lives in", place, 0.9, day(number), name or f"m{number}")
    return Reading(Extraction(one.memory or "", (one,), ()))


def told(relations: Relations, *readings: Reading) -> Relations:
    for news in hear(relations, readings):
        relations = relations.say((*news.event.ended, *spoken(news.event.relations)))
    return relations


def homes(relations: Relations, at: datetime | None = None) -> list[str]:
    return [one.object for one in relations.about("Ann", at) if one.predicate == "lives in"]


def statement(text: str, number: int, speaker: str = "Ann") -> Extraction:
    (read,) = RelationExtractor(RuleExtractor()).read([memory(text, number, speaker)])
    return read


HISTORIES = st.permutations(range(1, 7)).flatmap(
    lambda days: st.tuples(st.just(days), st.lists(st.sampled_from(PLACES), min_size=len(days), max_size=len(days)))
)


@settings(deadline=None)
@given(HISTORIES)
def test_the_latest_dated_holds_in_whatever_order_memories_are_read(history: tuple[list[int], list[str]]) -> None:
    said = list(zip(*history, strict=True))
    relations = Relations()
    for number, place in said:
        relations = told(relations, living(place, number))
    assert homes(relations) == [place for number, place in said if number == 6]


@settings(deadline=None)
@given(st.permutations(range(1, 6)))
def test_at_any_time_the_latest_dated_before_it_held(order: list[int]) -> None:
    relations = told(Relations(), *(living(f"Place {'ABCDE'[number - 1]}", number) for number in order))
    for number in range(1, 6):
        assert homes(relations, day(number + 0.5)) == [f"Place {'ABCDE'[number - 1]}"]
    assert homes(relations, day(0.5)) == []


@settings(deadline=None)
@given(HISTORIES)
def test_nothing_is_told_twice_whatever_became_of_it(history: tuple[list[int], list[str]]) -> None:
    readings = [living(place, number) for number, place in zip(*history, strict=True)]
    relations = told(Relations(), *readings)
    assert hear(relations, readings) == ()
    ended = relations.unrelate(list(relations.by_key), day(9))
    assert hear(ended, readings) == ()


@settings(deadline=None)
@given(HISTORIES)
def test_a_batch_tells_what_one_by_one_would(history: tuple[list[int], list[str]]) -> None:
    readings = [living(place, number) for number, place in zip(*history, strict=True)]
    one_by_one = Relations()
    for reading in readings:
        one_by_one = told(one_by_one, reading)
    assert told(Relations(), *readings) == one_by_one


def test_news_ends_what_held_before_and_forgetting_it_brings_that_back() -> None:
    relations = told(Relations(), living("Rome", 1), living("Paris", 3))
    (paris,) = relations.about("Ann")
    assert (paris.object, paris.at, paris.memory) == ("Paris", day(3), "m3")
    (rome,) = relations.about("Ann", day(2))
    assert (rome.object, rome.until) == ("Rome", day(3))
    assert homes(relations.unsay(["m3"], day(9))) == ["Rome"]


def test_one_memory_may_tell_of_several_places_in_turn() -> None:
    both = Extraction(
        "m", (*living("Rome", 1, name="m").new.relations, *living("Paris", 3, name="m").new.relations), ()
    )
    (news,) = hear(Relations(), [Reading(both)])
    assert [(one.object, one.until) for one in news.event.relations] == [("Rome", day(3)), ("Paris", None)]
    assert homes(told(Relations(), Reading(both)), day(2)) == ["Rome"]


def test_what_quit_means_ends_work_there_alone() -> None:
    relations = told(Relations(), Reading(statement("I work at Acme.", 0)), Reading(statement("I quit Acme.", 5)))
    assert [one.predicate for one in relations.about("Acme")] == ["quit"]
    late = told(Relations(), Reading(statement("I quit Acme.", 5)), Reading(statement("I work at Acme.", 0)))
    assert [one.predicate for one in late.about("Acme")] == ["quit"]
    other = told(Relations(), Reading(statement("I work at Initech.", 0)), Reading(statement("I quit Acme.", 5)))
    assert [one.predicate for one in other.about("Initech")] == ["works at"]


def test_what_is_denied_ends_with_its_date_unless_it_was_said_later() -> None:
    key = RelationKey("Ann", "lives in", "Rome")
    no = Reading(Extraction("no", (), (Denied(RelationKey("ann", "lives in", "rome"), day(2)),)))
    relations = told(Relations(), living("Rome", 1), no)
    assert homes(relations) == []
    (before,) = relations.about("Ann", day(1.5))
    assert before.until == day(2)
    assert hear(relations, [no]) == ()
    assert homes(relations.unsay(["no"], day(9))) == ["Rome"]
    assert homes(told(Relations(), living("Rome", 3), no)) == ["Rome"]
    assert hear(Relations(), [no]) == ()
    assert relations.words(key)[0].memory == "no"


def test_a_denial_also_meets_what_was_said_of_an_earlier_time() -> None:
    no = Reading(Extraction("no", (), (Denied(RelationKey("Ann", "lives in", "Rome"), day(4)),)))
    relations = told(Relations(), living("Rome", 2), no, living("Rome", 1))
    assert homes(relations) == []
    assert homes(relations, day(3)) == ["Rome"]


def test_merged_names_are_one_name() -> None:
    relations = told(Relations(), living("Rome", 1))
    relations = relations.join(relations.names.joined("Ann", ["Annie"]))
    relations = told(relations, living("Paris", 3, who="Annie"))
    assert homes(relations) == ["Paris"]
    relations = relations.join(relations.names.joined("Paris", ["Lutetia"]))
    assert sorted(homes(told(relations, living("Lutetia", 4)))) == ["Lutetia", "Paris"]


def revised(relations: Relations, old: Extraction, new: Extraction) -> Relations:
    return told(relations, Reading(new, old))


def test_a_revision_takes_back_what_is_no_longer_said() -> None:
    old, new = statement("I love tea. I own a car.", 0), statement("I love coffee. I own a car.", 0)
    relations = revised(told(Relations(), Reading(old)), old, new)
    assert [one.object for one in relations.about("Ann")] == ["coffee", "car"]
    assert relations.about("Ann", memory("", 9).at) == relations.about("Ann")
    assert hear(relations, [Reading(new, old)]) == ()


def test_a_revision_leaves_what_another_said_and_what_was_never_told() -> None:
    old, new = statement("I love tea.", 4), statement("I love coffee.", 4)
    other = Reading(statement("I love tea.", 1))
    relations = revised(told(Relations(), other, Reading(old)), old, new)
    tea = relations.by_key[RelationKey("Ann", "loves", "tea")]
    assert (tea.memory, tea.at) == ("m1", other.new.relations[0].at)
    assert [one.object for one in revised(Relations(), old, new).about("Ann")] == ["coffee"]


def test_a_revision_lets_stand_again_what_it_had_ended() -> None:
    old, new = living("Paris", 3).new, statement("I love tea.", 3)
    relations = told(Relations(), living("Rome", 1), Reading(old))
    relations = revised(relations, old, Extraction("m3", new.relations, ()))
    assert homes(relations) == ["Rome"]
    assert homes(relations, day(4)) == ["Rome"]
    corrected = revised(told(Relations(), living("Rome", 1)), living("Rome", 1).new, living("Paris", 1).new)
    assert homes(corrected) == homes(corrected, day(1)) == ["Paris"]


def test_a_word_by_hand_is_not_taken_back() -> None:
    old, new = statement("I love tea.", 0), statement("Nothing.", 0)
    by_hand = Relation("Ann", "loves", "tea", 1.0, memory("", 0).at, "m0")
    relations = revised(told(Relations().relate([by_hand])), old, new)
    assert relations.about("Ann") == (by_hand,)


@settings(deadline=None)
@given(HISTORIES)
def test_forgetting_the_news_that_came_last_leaves_what_held_before(history: tuple[list[int], list[str]]) -> None:
    readings = [living(place, number) for number, place in zip(*history, strict=True)]
    before = told(Relations(), *readings)
    after = told(before, living("Oslo", 9))
    assert homes(after) == ["Oslo"]
    assert homes(after.unsay(["m9"], day(10))) == homes(before)
