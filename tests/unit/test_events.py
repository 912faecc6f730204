"""The names under which events lie on disk. A change here makes old journals unreadable."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import get_args

import msgspec
import numpy as np
import pytest
from blake3 import blake3

from quantum_memory.memory.events import (
    Entry,
    Event,
    Felt,
    Forgotten,
    Merged,
    MoodBrought,
    Picked,
    Related,
    Remembered,
    Revised,
    RolledBack,
    SkillLearned,
    SkillUsed,
    Spoken,
    Tries,
    Unified,
    Unrelated,
    Used,
    Uses,
    Word,
)
from quantum_memory.memory.vault.codec import FORMAT, HEADER_BYTES, decode, encode
from quantum_memory.types import PAD, Memory, Place, Relation, RelationKey, Skill

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
MEMORY = Memory("m1", "It rained.", NOON, PAD(0.5, -0.5, 0.25), 1.0, 0.5, np.array([1, 2], np.float32))
TOLD = {
    "id": "m1",
    "text": "It rained.",
    "at": NOON,
    "pad": {"pleasure": 0.5, "arousal": -0.5, "dominance": 0.25},
    "confidence": 1.0,
    "importance": 0.5,
    "embedding": bytes.fromhex("0000803f00000040"),
    "speaker": None,
    "kind": "utterance",
    "session": None,
    "tags": [],
    "metadata": {},
    "revised_at": None,
}
SKILL = {"name": "juggle", "steps": ["throw"], "when": "", "successes": 0, "failures": 0, "at": None}
SKILL |= {"optional": [], "sources": [], "version": 1, "embedding": None}
RELATION = {"subject": "Bob", "predicate": "likes", "object": "tea", "weight": 2.0, "at": NOON}
RELATION |= {"memory": None, "until": None}
KEY = ["Bob", "likes", "tea"]
ON_DISK = [
    (Remembered((MEMORY,)), {"type": "remembered", "memories": [TOLD]}),
    (Forgotten(("m1",)), {"type": "forgotten", "ids": ["m1"]}),
    (SkillLearned(Skill("juggle", ("throw",))), {"type": "skill_learned", "skill": SKILL}),
    (SkillUsed("juggle", succeeded=True), {"type": "skill_used", "name": "juggle", "succeeded": True}),
    (RolledBack(Place("b", 3), ("mood",)), {"type": "rolled_back", "to": ["b", 3], "parts": ["mood"]}),
    (
        Merged(Place("b", 3), Place("a", 1), (), ("m2",), (), MoodBrought(b"\x01", 0.5)),
        {
            "type": "merged",
            "source": ["b", 3],
            "base": ["a", 1],
            "memories": [],
            "forgotten": ["m2"],
            "skills": [],
            "mood": {"tensors": b"\x01", "weight": 0.5},
        },
    ),
    (Revised((MEMORY,)), {"type": "revised", "memories": [TOLD]}),
    (
        Felt(NOON, PAD(0.5, -0.5, 0.25), 1.0, 0.5, "rain"),
        {"type": "felt", "at": NOON, "pad": TOLD["pad"], "confidence": 1.0, "intensity": 0.5, "cause": "rain"},
    ),
    (Related((Relation("Bob", "likes", "tea", 2.0, NOON),)), {"type": "related", "relations": [RELATION]}),
    (
        Related((), ended=(Word(RelationKey("Bob", "likes", "tea"), NOON, memory="m1"),)),
        {"type": "related", "relations": [], "ended": [{"key": KEY, "at": NOON, "memory": "m1"}]},
    ),
    (Unified("Bob", ("Robert",)), {"type": "unified", "keep": "Bob", "names": ["Robert"]}),
    (
        Unrelated((RelationKey("Bob", "likes", "tea"),), NOON),
        {"type": "unrelated", "keys": [["Bob", "likes", "tea"]], "at": NOON},
    ),
    (
        Picked(Place("b", 3), (MEMORY,), (), (("m2", b"\x01"),), (Spoken("m3", "Rain.", "Bob", "s"),)),
        {
            "type": "picked",
            "source": ["b", 3],
            "memories": [TOLD],
            "seen": [["m2", b"\x01"]],
            "heard": [{"id": "m3", "text": "Rain.", "speaker": "Bob", "session": "s"}],
        },
    ),
    (
        SkillUsed("juggle", succeeded=True, origin="b:1"),
        {"type": "skill_used", "name": "juggle", "succeeded": True, "origin": "b:1"},
    ),
    (Used(("m1", "m2"), NOON, "b:1"), {"type": "used", "ids": ["m1", "m2"], "at": NOON, "origin": "b:1"}),
    (
        Merged(
            Place("b", 3),
            None,
            (),
            (),
            (),
            None,
            tries=(Tries("juggle", "b:1", 2, 1),),
            heard=(Spoken("m3", "Rain."),),
            unheard=(("m4", NOON),),
            words=(Word(RelationKey("Bob", "likes", "tea"), NOON, 2.0),),
            unified=(Unified("Bob", ("Robert",)),),
            uses=(Uses("m1", "b:1", 2, NOON),),
        ),
        {
            "type": "merged",
            "source": ["b", 3],
            "base": None,
            "memories": [],
            "forgotten": [],
            "skills": [],
            "mood": None,
            "tries": [{"skill": "juggle", "origin": "b:1", "successes": 2, "failures": 1}],
            "heard": [{"id": "m3", "text": "Rain."}],
            "unheard": [["m4", NOON]],
            "words": [{"key": KEY, "at": NOON, "weight": 2.0}],
            "unified": [{"type": "unified", "keep": "Bob", "names": ["Robert"]}],
            "uses": [{"memory": "m1", "origin": "b:1", "count": 2, "last": NOON}],
        },
    ),
]


@pytest.mark.parametrize(("event", "told"), ON_DISK)
def test_an_event_lies_on_disk_under_the_names_it_always_had(event: Event, told: object) -> None:
    assert msgspec.msgpack.decode(encode(event)[HEADER_BYTES:]) == told


def test_every_kind_of_event_is_pinned_above() -> None:
    assert {type(event) for event, _ in ON_DISK} == set(get_args(Event))


def test_a_record_of_the_first_version_is_read_for_ever() -> None:
    record = bytes.fromhex(
        "01e7b97999a44c1d6283a474797065ab726f6c6c65645f6261636ba2746f92a16203a5706172747391a46d6f6f64"
    )
    assert decode(record) == RolledBack(Place("b", 3), ("mood",))


def test_what_was_written_before_graphs_were_told_apart_is_read() -> None:
    body = msgspec.msgpack.encode({"type": "picked", "source": ["b", 3], "memories": [TOLD], "revised": [], "seen": []})
    mark = bytes([FORMAT])
    assert decode(mark + blake3(mark + body).digest(HEADER_BYTES - 1) + body) == Picked(Place("b", 3), (MEMORY,))


def test_a_skill_that_was_written_before_it_had_sources_and_an_embedding_is_read() -> None:
    old = {name: value for name, value in SKILL.items() if name in ("name", "steps", "when", "successes", "failures")}
    body = msgspec.msgpack.encode({"type": "skill_learned", "skill": old | {"at": NOON}})
    mark = bytes([FORMAT])
    event = decode(mark + blake3(mark + body).digest(HEADER_BYTES - 1) + body)
    assert event == SkillLearned(Skill("juggle", ("throw",), at=NOON))


def test_a_memory_that_was_written_before_there_were_revisions_is_read() -> None:
    old = {name: value for name, value in TOLD.items() if name != "revised_at"}
    body = msgspec.msgpack.encode({"type": "remembered", "memories": [old]})
    mark = bytes([FORMAT])
    event = decode(mark + blake3(mark + body).digest(HEADER_BYTES - 1) + body)
    assert isinstance(event, Remembered)
    assert event.memories == (MEMORY,)


def test_a_relation_that_was_written_before_relations_had_an_end_is_read() -> None:
    old = {name: value for name, value in RELATION.items() if name != "until"}
    body = msgspec.msgpack.encode({"type": "related", "relations": [old]})
    mark = bytes([FORMAT])
    event = decode(mark + blake3(mark + body).digest(HEADER_BYTES - 1) + body)
    assert event == Related((Relation("Bob", "likes", "tea", 2.0, NOON),))


@pytest.mark.parametrize("event", [event for event, _ in ON_DISK])
def test_an_event_cannot_be_changed(event: Event) -> None:
    with pytest.raises(AttributeError, match="immutable"):
        setattr(event, event.__struct_fields__[0], None)


def test_an_entry_is_a_place_a_time_and_an_event() -> None:
    place, at, event = Entry(Place("b", 1), NOON, Forgotten(("m1",)))
    assert (place.branch, place.seq, at, event) == ("b", 1, NOON, Forgotten(("m1",)))
