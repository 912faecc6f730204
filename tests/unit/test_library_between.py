"""The library where something comes between: a move and its repetition, a reader's shelves, vaults, two moves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from quantum_memory.actors.library import Library
from quantum_memory.errors import AlreadyExists, Unavailable, VersionConflict
from quantum_memory.memory.library.entries import Content
from quantum_memory.memory.library.reach import Reach
from quantum_memory.memory.library.shelves import Tier
from tests.unit.front import Front, LocalCall, LocalDirectory

Call = Callable[[str, tuple[Any, ...], Any], Any]
PLAN = Content("rule", "A plan", "What is to be done.")


def titled(title: str) -> Content:
    return Content("rule", title, "What is to be done.")


class World:
    """A vault, its libraries, and what comes between the calls that go to actors."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.front = Front(folder)
        self.between: Call | None = None
        call = LocalDirectory.call

        def made(
            directory: LocalDirectory, pool: str, number: int, method: str, args: Any, *more: Any, **named: Any
        ) -> Any:
            ready = call(directory, pool, number, method, args, *more, **named)
            return ready if self.between is None else self.between(method, args, ready)

        monkeypatch.setattr(LocalDirectory, "call", made)

    def library(self, op: str | None = None, clearance: Tier = "restricted") -> Library:
        directory = self.front.memory.library()._directory
        return Library(directory if op is None else directory.repeatable(op), Reach(clearance=clearance), 100)

    def there(self) -> set[tuple[str, str, str, int, str]]:
        library = self.library()
        return {
            (one.project, one.tier, one.id, one.version, one.title)
            for project in ("apollo", "gemini")
            for one in library.entries(project).entries
        }

    def cut(self, method: str, work: Callable[[], object]) -> None:
        """Do something whose first call of this method is not made."""

        def between(called: str, _: tuple[Any, ...], ready: Any) -> Any:
            return LocalCall(_away) if called == method else ready

        self.between = between
        with pytest.raises(Unavailable):
            work()
        self.between = None

    def once(self, method: str, at: int, what: Callable[[], object]) -> None:
        """Have something happen right before the so-manieth call of a method."""
        left = at

        def between(called: str, _: tuple[Any, ...], ready: Any) -> Any:
            nonlocal left
            left -= called == method
            if left or called != method:
                if called == method:  # those before are answered first
                    answer = ready.result()
                    return LocalCall(lambda: self.front.soon(_given(answer)))
                return ready
            self.between = None
            what()
            return ready

        self.between = between


def _away() -> Any:
    raise Unavailable("cut off")


async def _given(answer: Any) -> Any:
    return answer


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    made = World(tmp_path, monkeypatch)
    yield made
    made.front.close()


@pytest.mark.parametrize("gone", ["rolled back", "forgotten"])
def test_a_move_whose_copy_was_taken_away_is_not_finished_under_its_key(world: World, gone: str) -> None:
    library = world.library()
    library.add("apollo", PLAN, "open", id="plan")
    library.add("apollo", titled("Other"), "restricted", id="other")
    goal = library.shelf("apollo", "restricted")
    goal.checkpoint("before")
    before = world.there()
    world.cut("take_entry", lambda: world.library("K").update("apollo", "plan", 1, tier="restricted"))
    if gone == "forgotten":
        goal.forget([one.id for one in goal.memories() if one.session == "plan"])
    else:
        goal.rollback("before")
    with pytest.raises(VersionConflict):
        world.library("K").update("apollo", "plan", 1, tier="restricted")
    assert world.there() == before
    assert world.library().update("apollo", "plan", 1, tier="restricted").version == 2
    assert ("apollo", "restricted", "plan", 2, "A plan") in world.there()
    assert len(world.there()) == 2


def test_what_an_archive_brought_counts_also_beside_a_new_shelf_of_the_old_name(world: World, tmp_path: Path) -> None:
    library = world.library()
    for number in range(3):
        library.add("apollo", titled(f"Rule {number}"), "internal", id=f"r{number}")
        library.update("apollo", f"r{number}", 1, tier="restricted")
    there, name = world.there(), uuid4().hex
    world.front.vault.export_archive(":default:apollo:restricted", name, "every")
    archive = world.front.vault.archive_piece(name, 0)
    first, world.front = world.front, Front(tmp_path / "other")
    try:
        world.front.vault.put_archive(name, 0, archive)
        world.front.vault.import_archive(name, None, False)
        assert world.there() == there
        world.library().add("apollo", titled("Something else"), "internal", id="unrelated")
        assert world.there() == there | {("apollo", "internal", "unrelated", 1, "Something else")}
        assert world.library().entry("apollo", "r0").title == "Rule 0"
        hits = world.library().search("what is to be done", projects=["apollo"])
        assert {hit.entry.id for hit in hits} == {"r0", "r1", "r2", "unrelated"}
        with pytest.raises(AlreadyExists):
            world.library().add("apollo", titled("Mine"), "restricted", id="r0")
        world.library().update("apollo", "r0", 2, tier="internal")
        assert ("apollo", "internal", "r0", 3, "Rule 0") in world.there()
    finally:
        first.close()


@pytest.mark.parametrize("key", [None, "another key"])
def test_an_entry_that_is_there_is_moved_or_refused_whatever_was_moved_before(world: World, key: str | None) -> None:
    world.library().add("apollo", titled("The first"), "open", id="plan")
    moved = world.library("K").update("apollo", "plan", 1, to="gemini")
    world.library().add("apollo", titled("The second"), "open", id="plan")
    there = world.there()
    with pytest.raises(AlreadyExists):
        world.library(key).update("apollo", "plan", 1, to="gemini")
    assert world.library("K").update("apollo", "plan", 1, to="gemini") == moved
    assert world.there() == there
    world.library().delete("gemini", "plan")
    assert world.library(key).update("apollo", "plan", 1, to="gemini").title == "The second"


@pytest.mark.parametrize("goal", ["open", "restricted"])
@pytest.mark.parametrize("after", [1, 2, 3])
def test_what_is_moved_while_shelf_after_shelf_answers_is_read_once(world: World, goal: Tier, after: int) -> None:
    source: Tier = "restricted" if goal == "open" else "open"
    entries: list[tuple[str, Tier]] = [
        ("plan", source),
        ("other", "open"),
        ("third", "internal"),
        ("last", "restricted"),
    ]
    for id_, tier in entries:
        world.library().add("apollo", titled(f"The {id_}"), tier, id=id_)
    mover, version = world.library(), 1
    reads: list[tuple[str, Callable[[], list[str]]]] = [
        ("list_entries", lambda: [one.id for one in world.library().entries("apollo").entries]),
        ("recall_one", lambda: [one.entry.id for one in world.library().search("the done", projects=["apollo"])]),
        ("read_entry", lambda: [world.library().entry("apollo", "plan").id, "last", "other", "third"]),
    ]
    for method, read in reads:
        world.once(method, after, lambda: mover.update("apollo", "plan", version, tier=goal))  # noqa: B023
        assert sorted(read()) == ["last", "other", "plan", "third"]
        version += 2
        mover.update("apollo", "plan", version - 1, tier=source)


def test_every_leftover_in_the_way_of_a_call_can_be_cleared(world: World) -> None:
    """By an add that was cut off and is repeated, and by a move that is met by a change."""
    library, lowly = world.library(), world.library(clearance="open")

    def leave(title: str) -> None:
        library.add("apollo", titled(title), "open", id="plan")
        world.cut("take_entry", lambda: library.update("apollo", "plan", 1, tier="restricted"))

    leave("first")
    lowly.delete("apollo", "plan")
    world.cut("put_entry", lambda: world.library("K").add("apollo", titled("mine"), "restricted", id="plan"))
    leave("second")
    lowly.delete("apollo", "plan")
    for _ in range(2):
        assert world.library("K").add("apollo", titled("mine"), "restricted", id="plan").title == "mine"
    library.delete("apollo", "plan")
    leave("third")
    lowly.delete("apollo", "plan")
    library.add("apollo", titled("fourth"), "open", id="plan")

    def between(called: str, args: tuple[Any, ...], ready: Any) -> Any:
        if called == "take_entry" and args[0].moves:
            world.between = None
            lowly.update("apollo", "plan", 1, {"title": "changed"})
        return ready

    world.between = between
    with pytest.raises(VersionConflict):
        world.library("M").update("apollo", "plan", 1, tier="restricted")
    assert world.there() == {("apollo", "open", "plan", 2, "changed")}
    assert not [one for one in library.shelf("apollo", "restricted").memories() if one.session == "plan"]


def test_a_list_beside_very_many_leftovers_asks_few_times(world: World) -> None:
    library = world.library()
    for number in range(60):
        library.add("apollo", titled(f"Rule {number}"), "open", id=f"r{number}")
        world.cut("take_entry", lambda: library.update("apollo", f"r{number}", 1, tier="restricted"))  # noqa: B023
        library.delete("apollo", f"r{number}")
    library.add("apollo", titled("The last"), "restricted", id="last")
    asked = 0

    def between(called: str, _: tuple[Any, ...], ready: Any) -> Any:
        nonlocal asked
        asked += called == "list_entries"
        return ready

    world.between = between
    assert [one.id for one in library.entries("apollo", limit=1).entries] == ["last"]
    assert asked <= 2 * 6
