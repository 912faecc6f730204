"""The library: entries as values, passages that tile a text, shelves, and the face that drivers have of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantum_memory.actors.copies import Copies
from quantum_memory.actors.library import Library
from quantum_memory.cluster.service.tenants import DEFAULT, inside, outside
from quantum_memory.errors import (
    AlreadyExists,
    EntryNotFound,
    Forbidden,
    InvalidInput,
    InvalidValue,
    TooLong,
    Unavailable,
    VersionConflict,
)
from quantum_memory.memory.library import entries
from quantum_memory.memory.library.entries import Content, Entry
from quantum_memory.memory.library.passages import WINDOW, passages
from quantum_memory.memory.library.reach import Reach
from quantum_memory.memory.library.shelves import TIERS, Shelf, Tier, reserved, shelf_of
from tests.unit.front import Front, LocalDirectory

TEXTS = st.text(max_size=60) | st.sampled_from(["word ", "A sentence. ", "\n\n", " \n", "漢字。", "x" * 900, "ы" * 500])
LONG = "Rockets burn kerosene. " * 60 + "\n\n" + "The landing gear unfolds at two hundred metres. " * 30


@pytest.fixture
def front(tmp_path: Path) -> Iterator[Front]:
    made = Front(tmp_path)
    yield made
    made.close()


@given(st.lists(TEXTS, max_size=40).map("".join))
def test_passages_joined_are_the_text_bit_for_bit(text: str) -> None:
    pieces = passages(text)
    assert "".join(pieces) == text
    if text.strip():
        assert all(piece.strip() for piece in pieces)
    for piece in pieces:
        seen = piece.strip()
        weight = sum(1 if ord(one) < 0x250 else 2 if ord(one) < 0x2E80 else 4 for one in seen)
        assert weight <= WINDOW


def test_passages_end_where_paragraphs_and_sentences_do() -> None:
    text = "One sentence of some words stands here. " * 15 + "\n\n" + "And another paragraph begins. " * 30
    first, *others = passages(text)
    assert first.endswith("here. \n\n")
    assert all(one.endswith(". ") for one in others)


SCOPES = st.from_regex(r"[a-z0-9][a-z0-9-]{0,31}", fullmatch=True)
PROJECTS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", fullmatch=True)


@given(SCOPES, PROJECTS)
def test_nobody_calls_an_agent_what_a_shelf_is_called(scope: str, project: str) -> None:
    for tier in TIERS:
        shelf = Shelf(scope, project, tier)
        assert shelf_of(shelf.agent) == shelf
        assert reserved(shelf.agent)
        for tenant in (DEFAULT, scope):
            assert outside(tenant, shelf.agent) is None
            with pytest.raises(InvalidInput):
                inside(tenant, shelf.agent)


@pytest.mark.parametrize("name", ["a:b", ":a:b:c", ":a:b:open:x", ":A:b:open", ":a::open", "alice", ":a:b:Open"])
def test_what_is_no_shelf_is_none(name: str) -> None:
    assert shelf_of(name) is None


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "note"},
        {"title": " "},
        {"title": "two\nlines"},
        {"title": "two\rlines"},
        {"title": "two\u2028lines"},
        {"title": "a line\n"},
        {"title": "x" * 301},
        {"text": ""},
        {"text": "x" * 1_000_001},
        {"text": "x" + " " * 9000 + "y"},
        {"text": "x" + "\n" * 8193},
        {"text": " " * 8193 + "x"},
        {"tags": (":title",)},
        {"tags": "tag"},
        {"tags": tuple(map(str, range(33)))},
        {"uri": "not absolute"},
        {"uri": "https://a b"},
        {"uri": "javascript:alert(1)"},
        {"uri": "JaVaScRiPt:alert(1)"},
        {"uri": "data:text/html,<script>alert(1)</script>"},
        {"uri": "vbscript:msgbox(1)"},
        {"uri": "blob:https://example.org/1"},
        {"kind": "rule", "uri": "https://example.org"},
        {"kind": "reference"},
        {"priority": 5},
        {"enabled": False},
        {"kind": "rule", "priority": 1001},
        {"kind": "rule", "enabled": 1},
    ],
)
def test_content_is_checked(fields: dict[str, object]) -> None:
    good: dict[str, object] = {"kind": "document", "title": "A title", "text": "A text."}
    with pytest.raises(InvalidInput):
        Content(**(good | fields))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "uri", ["https://example.org/a?b#c", "HTTP://example.org", "doi:10.1000/182", "10.1000/182", "urn:isbn:0451450523",
            "file:///srv/manual.pdf", "s3://papers/one.pdf", "ftp://example.org/a"],
)  # fmt: skip
def test_an_entry_lies_where_something_can_lie(uri: str) -> None:
    assert Content("reference", "A title", uri=uri).uri == uri


def test_white_space_is_looked_through_once() -> None:
    text = ("x" + " " * 8192) * 120  # looked through again from each space on, it would be 4,000 million
    begun = time.process_time()
    assert Content("document", "A title", text).text == text
    assert time.process_time() - begun < 2


def test_entries_are_kept_read_listed_changed_and_taken_away(front: Front) -> None:
    apollo = front.memory.project("apollo")
    rule = apollo.rules.add("No deploys on Friday", "Nobody deploys after noon.", priority=7, tags=["ops"])
    paper = apollo.references.add("A paper", "doi:10.1000/182", tags=["ops", "reading"])
    manual = apollo.documents.add("Manual", LONG, uri="https://example.org/manual", tier="open", id="manual")
    assert (manual.version, manual.passages, manual.tier) == (1, len(passages(LONG)), "open")
    assert apollo.documents.get("manual") == manual
    assert manual.text == LONG
    assert apollo.rules.get(rule.id).priority == 7
    assert apollo.references.get(paper.id).text == ""
    with pytest.raises(EntryNotFound, match="'manual'"):
        apollo.rules.get("manual")

    again = apollo.documents.update("manual", 1, text="Short now.", tags=["x"])
    assert (again.version, again.text, again.tags, again.created) == (2, "Short now.", ("x",), manual.created)
    assert again.updated >= manual.updated
    assert apollo.documents.update("manual", 1, text="Short now.", tags=["x"]) == again, "done again changes nothing"
    with pytest.raises(VersionConflict, match="of version 2, not of version 1"):
        apollo.documents.update("manual", 1, text="Another.")

    library = front.memory.library()
    assert [one.id for one in library.entries("apollo").entries] == [rule.id, paper.id, "manual"]
    assert [one.id for one in library.entries("apollo", tags=["ops"]).entries] == [rule.id, paper.id]
    assert [one.id for one in apollo.references.list(tags=["reading"]).entries] == [paper.id]
    assert all(one.text is None for one in library.entries("apollo").entries)
    assert library.projects() == ["apollo"]
    assert front.memory.agents() == []

    front.reopen()
    apollo = front.memory.project("apollo")
    assert apollo.documents.get("manual") == again
    with pytest.raises(VersionConflict):
        apollo.documents.delete("manual", 1)
    apollo.documents.delete("manual", 2)
    with pytest.raises(EntryNotFound):
        apollo.documents.get("manual")
    with pytest.raises(EntryNotFound):
        apollo.documents.delete("manual")
    assert apollo.documents.add("New", "It begins anew.", id="manual").version == 1


def test_where_an_entry_lies_may_stay_though_nobody_could_give_it_today(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = "gopher://example.org/1"
    library = front.memory.library()
    with monkeypatch.context() as patch:
        patch.setattr(entries, "SCHEMES", ("gopher",))
        made = library.add("apollo", Content("reference", "A paper", uri=where), "open", id="paper")
        given = made.content
    assert library.add("apollo", given, "open", id="paper") == made, "done again changes nothing"
    assert library.update("apollo", "paper", 1, {"title": "A better one"}).uri == where
    assert library.update("apollo", "paper", 2, {"text": "What it says.", "uri": where}).uri == where
    assert library.update("apollo", "paper", 3, {"tags": ["ops"]}, tier="internal").uri == where
    with pytest.raises(InvalidInput, match="uri"):
        library.update("apollo", "paper", 4, {"uri": "gopher://example.org/2"})
    with pytest.raises(InvalidInput, match="'kept'"):
        library.update("apollo", "paper", 4, {"uri": "gopher://example.org/2", "kept": "gopher://example.org/2"})
    assert library.update("apollo", "paper", 4, {"uri": "https://example.org/2"}).uri == "https://example.org/2"
    with pytest.raises(InvalidInput, match="uri"):
        library.update("apollo", "paper", 5, {"uri": where})


def test_a_list_comes_in_pages_of_all_shelves(front: Front) -> None:
    library = front.memory.library()
    rules = [Content("rule", f"Rule {number}", "Keep it.") for number in range(7)]
    made = [library.add("apollo", one, TIERS[number % 3]).id for number, one in enumerate(rules)]
    found, after = [], None
    while True:
        page = library.entries("apollo", limit=2, after=after)
        found += [one.id for one in page.entries]
        after = page.after
        if after is None:
            break
    assert found == made
    assert library.entries("nothing").entries == []


def test_what_was_added_is_there_once(front: Front) -> None:
    library = front.memory.library()
    rule = Content("rule", "A rule", "Keep it.")
    first = library.add("apollo", rule, id="r")
    assert library.add("apollo", rule, id="r") == first
    for other, tier in ((Content("rule", "A rule", "Break it."), "internal"), (rule, "open")):
        with pytest.raises(AlreadyExists):
            library.add("apollo", other, tier, id="r")  # type: ignore[arg-type]
    named = [
        Library(library._directory.repeatable("today"), Reach(), 100).add("apollo", rule, "open") for _ in range(2)
    ]
    assert named[0] == named[1]
    assert len(library.entries("apollo").entries) == 2


def test_a_search_finds_entries_with_their_passages_and_says_why(front: Front) -> None:
    library = front.memory.library()
    library.add("apollo", Content("document", "Manual", LONG), "open", id="manual")
    fuel = Content("rule", "Fuel", "Kerosene is kept away from rockets.", tags=("fuel",))
    library.add("apollo", fuel, "internal", id="fuel")
    paper = Content("reference", "Kerosene", "What it is.", "https://example.org/k")
    library.add("gemini", paper, "restricted", id="ref")
    hits = library.search("kerosene rockets", 10, passages=2)
    assert {one.entry.id for one in hits} == {"manual", "fuel", "ref"}
    assert [one.score for one in hits] == sorted((one.score for one in hits), reverse=True)
    for hit in hits:
        assert 1 <= len(hit.passages) <= 2
        assert hit.entry.text is None
        for one in hit.passages:
            assert sum(one.why.values()) == pytest.approx(one.score)
    found = next(one for one in hits if one.entry.id == "manual")
    assert all(one.text in LONG for one in found.passages if one.number >= 0)
    assert [one.entry.id for one in library.search("kerosene", projects=["gemini"])] == ["ref"]
    assert [one.entry.id for one in library.search("kerosene", kinds=["rule"])] == ["fuel"]
    assert {one.entry.id for one in library.search("kerosene", kinds=["rule", "reference"])} == {"fuel", "ref"}
    assert [one.entry.id for one in library.search("kerosene", tags=["fuel"])] == ["fuel"]
    assert [one.entry.id for one in library.search("kerosene", tiers=["restricted"])] == ["ref"]
    assert len(library.search("kerosene", 1)) == 1
    assert library.search("kerosene", 0) == library.search("kerosene", projects=["none"]) == []


def test_a_tier_above_the_clearance_is_as_if_it_were_not_there(front: Front) -> None:
    whole = front.memory.library()
    for tier in TIERS:
        whole.add("apollo", Content("rule", "Launch", f"Launch codes are {tier}."), tier, id=tier)
    whole.add("secret", Content("rule", "Launch", "Nothing."), "restricted")
    low = front.memory.library(Reach(clearance="open"))
    assert low.projects() == ["apollo"]
    assert [one.id for one in low.entries("apollo").entries] == ["open"]
    assert {one.entry.id for one in low.search("launch codes")} == {"open"}
    for id_ in ("internal", "restricted", "nothing"):
        with pytest.raises(EntryNotFound) as refused:
            low.entry("apollo", id_)
        assert str(refused.value) == f"no entry of the project 'apollo' has the id '{id_}'"
        with pytest.raises(EntryNotFound):
            low.update("apollo", id_, 1, {"title": "Mine"})
        with pytest.raises(EntryNotFound):
            low.delete("apollo", id_)
    with pytest.raises(Forbidden, match="'internal' is above"):
        low.add("apollo", Content("rule", "A", "B"), "internal")
    with pytest.raises(Forbidden):
        low.update("apollo", "open", 1, tier="restricted")
    with pytest.raises(Forbidden):
        low.search("launch", tiers=["restricted"])
    with pytest.raises(Forbidden, match="'gemini' is not among"):
        front.memory.library(Reach(projects=("apollo",))).entries("gemini")

    mine = low.add("apollo", Content("rule", "Mine", "I do not know of the other."), "open", id="restricted")
    assert whole.entry("apollo", "restricted").title == "Launch", "the one that fewest may read is meant"
    assert low.entry("apollo", "restricted") == mine


def test_drivers_make_no_agent_that_is_called_like_a_shelf(front: Front) -> None:
    front.memory.library().add("apollo", Content("rule", "A", "B"), "open")
    shelf = Shelf("default", "apollo", "open").agent
    for work in (
        lambda: front.memory.agent(shelf),
        lambda: front.memory.agent(shelf, create=False),
        lambda: front.memory.open([shelf]),
        lambda: front.memory.remember({shelf: "hello"}),
        lambda: front.agent("alice").clone(shelf),
    ):
        with pytest.raises(InvalidValue, match="those are shelves'"):
            work()


def test_a_move_is_done_once_and_can_be_made_again(front: Front) -> None:
    library = front.memory.library()
    made = library.add("apollo", Content("document", "Plan", LONG), "open", id="plan")
    moved = library.update("apollo", "plan", 1, {"title": "The plan"}, tier="restricted")
    assert (moved.tier, moved.version, moved.title, moved.created) == ("restricted", 2, "The plan", made.created)
    assert library.update("apollo", "plan", 1, {"title": "The plan"}, tier="restricted") == moved
    assert library.entry("apollo", "plan") == moved
    low = front.memory.library(Reach(clearance="open"))
    with pytest.raises(EntryNotFound):
        low.entry("apollo", "plan")
    assert low.search("kerosene") == []
    there = library.update("apollo", "plan", 2, to="gemini")
    assert (there.project, there.tier, there.version) == ("gemini", "restricted", 3)
    assert library.update("apollo", "plan", 2, to="gemini") == there
    with pytest.raises(EntryNotFound):
        library.entry("apollo", "plan")
    back = library.update("gemini", "plan", 3, to="apollo", tier="open")
    assert low.entry("apollo", "plan") == back
    library.add("gemini", Content("rule", "Another", "Of this name."), id="plan")
    with pytest.raises(AlreadyExists):
        library.update("apollo", "plan", 4, to="gemini")
    assert low.entry("apollo", "plan") == back


def test_a_move_that_was_cut_off_shows_nobody_more_than_before_and_is_finished_by_the_same_call(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    library, low = front.memory.library(), front.memory.library(Reach(clearance="open"))
    made = library.add("apollo", Content("document", "Plan", LONG), "open", id="plan")

    def dies(*_: object) -> object:
        raise Unavailable("cut off")

    with monkeypatch.context() as patch:
        patch.setattr(Copies, "take", dies)
        with pytest.raises(Unavailable):
            library.update("apollo", "plan", 1, {"text": "The secret."}, tier="restricted")
    for one in (library, low):
        assert one.entry("apollo", "plan") == made, "as it was before, and nothing of what is to be"
        assert [hit.entry.tier for hit in one.search("kerosene secret plan")] == ["open"]
        assert [(entry.id, entry.tier) for entry in one.entries("apollo").entries] == [("plan", "open")]
    done = library.update("apollo", "plan", 1, {"text": "The secret."}, tier="restricted")
    assert (done.version, done.tier) == (2, "restricted")
    with pytest.raises(EntryNotFound):
        low.entry("apollo", "plan")


def test_a_move_that_meets_a_change_is_undone(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    library, low = front.memory.library(), front.memory.library(Reach(clearance="open"))
    library.add("apollo", Content("document", "Plan", "As it was."), "open", id="plan")

    def dies(*_: object) -> object:
        raise Unavailable("cut off")

    with monkeypatch.context() as patch:
        patch.setattr(Copies, "take", dies)
        with pytest.raises(Unavailable):
            library.update("apollo", "plan", 1, tier="restricted")
    changed = low.update("apollo", "plan", 1, {"text": "Somebody was faster."})
    assert library.entry("apollo", "plan") == changed
    assert {one.entry.tier for one in library.search("faster plan")} == {"open"}
    with pytest.raises(VersionConflict):
        library.update("apollo", "plan", 1, tier="restricted")
    assert library.entries("apollo", tiers=["restricted"]).entries == []
    assert library.entry("apollo", "plan") == changed

    take = Copies.take

    def meets(self: Copies, *asked: object) -> object:
        if low.entry("apollo", "plan").version == 2:
            low.update("apollo", "plan", 2, {"text": "Again."})
        return take(self, *asked)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(Copies, "take", meets)
        with pytest.raises(VersionConflict):
            library.update("apollo", "plan", 2, tier="internal")
    assert [one.tier for one in library.entries("apollo").entries] == ["open"]


def test_a_move_that_goes_back_and_is_cut_off_loses_no_change(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    library, low = front.memory.library(), front.memory.library(Reach(clearance="open"))
    library.add("apollo", Content("document", "Plan", "As it was."), "open", id="plan")
    library.update("apollo", "plan", 1, tier="restricted")
    library.update("apollo", "plan", 2, tier="open")

    def dies(*_: object) -> object:
        raise Unavailable("cut off")

    with monkeypatch.context() as patch:
        patch.setattr(Copies, "take", dies)
        with pytest.raises(Unavailable):
            library.update("apollo", "plan", 3, tier="restricted")
    assert library.entry("apollo", "plan").tier == "open", "it has not gone"
    changed = low.update("apollo", "plan", 3, {"text": "Somebody was faster."})
    assert low.entry("apollo", "plan") == library.entry("apollo", "plan") == changed
    assert [one.id for one in library.entries("apollo").entries] == ["plan"]
    assert [one.entry.tier for one in library.search("faster plan")] == ["open"]
    with pytest.raises(VersionConflict):
        library.update("apollo", "plan", 3, tier="restricted")
    assert library.update("apollo", "plan", 4, tier="restricted").text == "Somebody was faster."


def test_a_call_that_is_repeated_is_told_what_it_was_told_wherever_the_entry_is_since(front: Front) -> None:
    library = front.memory.library()

    def named(op: str) -> Library:
        return Library(library._directory.repeatable(op), Reach(), 100)

    rule = Content("rule", "Launch", "At dawn.")
    made = named("add").add("apollo", rule, id="launch")
    changed = named("change").update("apollo", "launch", made.version, {"text": "At noon."})
    moved = named("move").update("apollo", "launch", changed.version, tier="restricted")

    def repeats() -> None:
        assert named("add").add("apollo", rule, id="launch") == made
        assert named("change").update("apollo", "launch", made.version, {"text": "At noon."}) == changed
        assert named("move").update("apollo", "launch", changed.version, tier="restricted") == moved

    repeats()
    there = library.update("apollo", "launch", moved.version, tier="open")
    repeats()
    assert library.entry("apollo", "launch") == there, "and changes nothing"
    named("delete").delete("apollo", "launch")
    repeats()
    with pytest.raises(EntryNotFound):
        library.entry("apollo", "launch")
    named("delete").delete("apollo", "launch")
    other = library.add("apollo", Content("rule", "Launch", "Of somebody else."), "internal", id="launch")
    named("delete").delete("apollo", "launch")
    assert library.entry("apollo", "launch") == other, "a call is no other one when its entry is"
    with pytest.raises(EntryNotFound):
        library.delete("apollo", "nothing")


def test_a_move_that_was_refused_is_refused_when_it_is_repeated(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    library, low = front.memory.library(), front.memory.library(Reach(clearance="open"))
    library.add("apollo", Content("document", "Plan", "As it was."), "open", id="plan")
    take = Copies.take

    def meets(self: Copies, *asked: object) -> object:
        if low.entry("apollo", "plan").version == 1:
            low.update("apollo", "plan", 1, {"text": "Somebody was faster."})
        return take(self, *asked)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(Copies, "take", meets)
        for _ in range(2):
            named = Library(library._directory.repeatable("move"), Reach(), 100)
            with pytest.raises(VersionConflict):
                named.update("apollo", "plan", 1, tier="restricted")
    assert library.entry("apollo", "plan").text == "Somebody was faster."


@pytest.mark.parametrize(("here", "there"), [("open", "restricted"), ("restricted", "open")])
def test_what_is_moved_while_it_is_looked_for_is_found(
    front: Front, monkeypatch: pytest.MonkeyPatch, here: Tier, there: Tier
) -> None:
    library = front.memory.library()
    library.add("apollo", Content("document", "Plan", "As it was."), here, id="plan")
    read = Copies._read

    def meets(self: Copies, *asked: object) -> object:
        """Between the question which shelves there are and the one what is on them, somebody moves the entry."""
        monkeypatch.setattr(Copies, "_read", read)
        library.update("apollo", "plan", 1, tier=there)
        return read(self, *asked)  # type: ignore[arg-type]

    monkeypatch.setattr(Copies, "_read", meets)
    assert library.entry("apollo", "plan").tier == here  # as it was when it was asked which shelves there are
    assert library.entry("apollo", "plan").tier == there
    monkeypatch.setattr(Copies, "_read", read)
    with pytest.raises(EntryNotFound):
        library.entry("apollo", "nothing")


def test_of_two_moves_the_one_that_was_cut_off_takes_nothing_from_the_other(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    library, less = front.memory.library(), front.memory.library(Reach(clearance="internal"))
    library.add("apollo", Content("document", "Plan", "As it was."), "open", id="plan")

    def dies(*_: object) -> object:
        raise Unavailable("cut off")

    with monkeypatch.context() as patch:
        patch.setattr(Copies, "take", dies)
        with pytest.raises(Unavailable):
            library.update("apollo", "plan", 1, tier="restricted")
    moved = less.update("apollo", "plan", 1, {"text": "Somebody was faster."}, tier="internal")
    assert library.entry("apollo", "plan") == less.entry("apollo", "plan") == moved
    with pytest.raises(VersionConflict):
        library.update("apollo", "plan", 1, tier="restricted")
    assert library.entry("apollo", "plan") == moved
    assert [one.tier for one in library.entries("apollo").entries] == ["internal"], "what was left is swept"
    assert library.update("apollo", "plan", 2, tier="restricted").text == "Somebody was faster."


def test_a_reader_beside_a_writer_sees_whole_versions_alone(front: Front) -> None:
    library = front.memory.library()
    texts = [f"{chr(97 + number)} " * (900 * (1 + number % 4)) for number in range(12)]
    first = library.add("apollo", Content("document", "Plan", texts[0]), id="plan")
    seen: list[Entry] = []
    done = threading.Event()

    def reads() -> None:
        while not done.is_set():
            seen.append(library.entry("apollo", "plan"))

    reader = threading.Thread(target=reads)
    reader.start()
    try:
        for version, text in enumerate(texts[1:], first.version):
            library.update("apollo", "plan", version, {"text": text})
    finally:
        done.set()
        reader.join()
    assert len({one.version for one in seen}) > 1
    assert all(one.text == texts[one.version - 1] for one in seen)
    assert [one.version for one in seen] == sorted(one.version for one in seen)


def test_a_shelf_has_a_history_like_any_agent(front: Front) -> None:
    library = front.memory.library()
    made = library.add("apollo", Content("document", "Plan", LONG), "open", id="plan")
    shelf = library.shelf("apollo", "open")
    before = shelf.checkpoint("before")
    library.update("apollo", "plan", 1, {"text": "Another plan."})
    library.delete("apollo", "plan", 2)
    fork = shelf.fork("what-if", at=before)
    assert {one.kind for one in fork.memories()} == {"document"}
    shelf.rollback(before)
    assert library.entry("apollo", "plan") == made
    assert {one.entry.id for one in library.search("kerosene")} == {"plan"}
    assert {entry.who for entry in shelf.audit()} == {"tester"}
    with pytest.raises(EntryNotFound):
        library.shelf("apollo", "restricted")
    with pytest.raises(Forbidden):
        front.memory.library(Reach(clearance="open")).shelf("apollo", "restricted")


def test_a_long_text_may_take_as_long_as_so_many_texts(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    library, given = front.memory.library(), []
    call = LocalDirectory.call

    def counted(self: LocalDirectory, *asked: Any, texts: int = 0, **options: Any) -> Any:
        given.append((asked[2], texts))
        return call(self, *asked, **options)

    monkeypatch.setattr(LocalDirectory, "call", counted)
    made = library.add("apollo", Content("document", "Plan", LONG), id="plan")
    assert [texts > made.passages for method, texts in given if method == "put_entry"] == [True]


def test_what_a_driver_remembers_on_a_shelf_is_no_entry_and_hides_none(front: Front) -> None:
    library = front.memory.library()
    made = library.add("apollo", Content("document", "Plan", LONG), "open", id="plan")
    shelf = library.shelf("apollo", "open")
    shelf.remember("Rockets burn kerosene.")
    shelf.remember("Rockets burn kerosene.", kind="document", session="plan", metadata={"version": 7})
    shelf.remember("Rockets burn kerosene.", kind="rule", tags=[":title"])
    assert library.entry("apollo", "plan") == made
    assert [one.id for one in library.entries("apollo").entries] == ["plan"]
    for hits in (library.search("rockets burn kerosene", 3), library.search("rockets", kinds=["document"])):
        assert [one.entry.id for one in hits] == ["plan"]
    changed = library.update("apollo", "plan", 1, {"text": "Short."})
    assert library.entry("apollo", "plan") == changed
    assert len(shelf.memories()) == 3 + 2, "what is not the library's stays"


def test_a_search_over_very_many_projects_asks_which(front: Front) -> None:
    library = front.memory.library()
    with pytest.raises(TooLong, match="projects"):
        library.search("x", projects=[f"p{number}" for number in range(65)])
    with pytest.raises(InvalidValue, match="several calls"):
        library.search.remote("x")


def test_what_is_alone_on_its_shelf_counts_no_more_than_it_fits(front: Front) -> None:
    library, query = front.memory.library(), "Nobody deploys on fridays after noon"
    library.add("full", Content("rule", "Deploys", query), "open", id="good")
    for number in range(20):
        library.add("full", Content("rule", f"Other {number}", f"some words about deploys, maybe {number}"), "open")
    library.add("lone", Content("rule", "Bananas", "Yellow fruit friday"), "open", id="bad")
    good, *others = library.search(query, 40)
    bad = next(one for one in others if one.entry.id == "bad")
    (alone,) = library.search(query, 40, projects=["lone"])
    assert good.entry.id == "good"
    for part in ("lexical", "graph"):
        assert good.why[part] == alone.why[part], "the best of all is what the rest is measured by"
        assert 0.0 < bad.why[part] < good.why[part] / 2
    assert bad.why["relevance"] == alone.why["relevance"]
    for one in (good, *others):
        assert sum(one.why.values()) == pytest.approx(one.score)
    among = library.search(query, 40, kinds=["rule", "document"])
    assert [(one.entry.id, one.why["lexical"]) for one in among] == [
        (one.entry.id, one.why["lexical"]) for one in (good, *others)
    ]


def test_a_long_document_on_the_topic_leaves_room_for_what_else_is_there(front: Front) -> None:
    library = Library(front.memory.library()._directory, Reach(DEFAULT, "restricted", ("*",)), 20)
    library.add("p", Content("document", "Big", "Rocket fuel and kerosene burn here. " * 1000), "open", id="big")
    for number in range(5):
        library.add(
            "p", Content("rule", f"Rocket fuel {number}", "Keep the rocket fuel cool."), "open", id=f"r{number}"
        )
    found = library.search("rocket fuel kerosene burn here", 6)
    assert {one.entry.id for one in found} == {"big", *(f"r{number}" for number in range(5))}
    for one in found:
        assert len({passage.number for passage in one.passages}) == len(one.passages), "none is told twice"


def test_an_entry_that_was_moved_and_comes_in_an_archive_of_its_shelf_is_there(front: Front, tmp_path: Path) -> None:
    library = front.memory.library()
    library.add("apollo", Content("document", "Plan", "As it was."), "open", id="plan")
    moved = library.update("apollo", "plan", 1, tier="restricted")
    tickets: dict[Tier, str] = {"restricted": "e" * 32, "open": "f" * 32}
    brought = Front(tmp_path / "other")
    try:
        for tier, ticket in tickets.items():
            front.vault.export_archive(Shelf("default", "apollo", tier).agent, ticket, "every")
            brought.vault.put_archive(ticket, 0, front.vault.archive_piece(ticket, 0))
            brought.vault.import_archive(ticket, None, False)
            assert brought.memory.library().entry("apollo", "plan") == moved
    finally:
        brought.close()
