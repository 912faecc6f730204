"""A merge starts from the latest place of the other side that this side has already."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.memory.events import Entry, Event, Forgotten, Merged, RolledBack
from quantum_memory.memory.timeline import spans
from quantum_memory.memory.vault import Append, CreateAgent, CreateBranch, Vault, Written, merge_base
from quantum_memory.types import PARTS, Branch, Part, Place
from tests.unit.histories import STEPS, Replay, Step


def slow_base(replay: Replay, ours: Place, theirs: Place, part: Part) -> Place | None:
    """The last event of theirs that is among all that ours had, looked for one by one; theirs if that is its last."""
    effective = replay.means[theirs].effective[part]
    if not effective or effective[-1] in replay.means[ours].had[part]:
        return theirs
    for place in reversed(effective):
        if place in replay.means[ours].had[part]:
            return place
    roots = {}
    for side in (ours, theirs):
        row = replay.history.branch(side.branch)
        while row.parent is not None:
            row = replay.history.branch(row.parent)
        roots[side] = row.id
    return Place(roots[theirs], 0) if roots[ours] == roots[theirs] else None


@settings(deadline=None, max_examples=200)
@given(STEPS, st.sampled_from(PARTS))
def test_the_base_is_the_last_event_of_theirs_that_ours_had(steps: list[Step], part: Part) -> None:
    replay = Replay(roots=2)
    for step in steps:
        replay.happen(step)
    heads = [Place(branch, replay.history.head(branch)) for branch in replay.history.rows]
    for ours in heads:
        for theirs in [*heads, *list(replay.means)[::7]]:
            found = merge_base(replay.history, ours, theirs, part)
            assert found == slow_base(replay, ours, theirs, part), (ours, theirs)


@settings(deadline=None, max_examples=100)
@given(STEPS)
def test_after_a_merge_nothing_of_it_is_new(steps: list[Step]) -> None:
    replay = Replay(roots=2)
    for step in steps:
        replay.happen(step)
    places = replay.history.places()
    source = places[len(steps) % len(places)]
    entry = replay.happen(Step("merge", 0, len(steps), PARTS))
    assert isinstance(entry, Entry)
    for part in PARTS:
        assert merge_base(replay.history, entry.place, source, part) == source


class Story:
    """A vault with one agent, and short words for what happens in it."""

    def __init__(self, folder: Path) -> None:
        self.vault = Vault.open(folder, now=lambda: datetime(2026, 1, 1, tzinfo=UTC))
        self.written = 0
        self.vault.write([CreateAgent("alice", "main")])

    def add(self, branch: str, event: Event | None = None) -> Place:
        self.written += 1
        event = event or Forgotten((f"e{self.written}",))
        (outcome,) = self.vault.write([Append(branch, self.vault.head(branch), event, f"op{self.written}")])
        assert isinstance(outcome, Written), outcome
        return outcome.place

    def fork(self, branch: str, place: Place) -> None:
        (outcome,) = self.vault.write([CreateBranch(branch, "alice", branch, "fork", place, branch)])
        assert isinstance(outcome, Written), outcome

    def merge(self, ours: str, theirs: str) -> Place | None:
        """The base it started from."""
        source = Place(theirs, self.vault.head(theirs))
        base = merge_base(self.vault, Place(ours, self.vault.head(ours)), source)
        self.add(ours, Merged(source, base, (), (), (), None))
        return base

    def base(self, ours: str, theirs: str, part: Part = "memories") -> Place | None:
        heads = self.vault.heads([ours, theirs])
        return merge_base(self.vault, Place(ours, heads[ours]), Place(theirs, heads[theirs]), part)


def test_merging_twice_finds_nothing_new_and_undoing_offers_it_again(tmp_path: Path) -> None:
    story = Story(tmp_path)
    with story.vault:
        shared = story.add("main")
        story.fork("what-if", shared)
        story.add("what-if")
        before = story.add("main")
        assert story.merge("main", "what-if") == shared
        assert story.base("main", "what-if") == Place("what-if", 2)
        later = story.add("what-if")
        assert story.merge("main", "what-if") == Place("what-if", 2)
        assert story.base("main", "what-if") == later
        story.add("main", RolledBack(before, ("mood",)))
        assert story.base("main", "what-if") == later, "the memories of the merge are still there"
        story.add("main", RolledBack(before, PARTS))
        assert story.base("main", "what-if") == shared


@pytest.mark.parametrize("undone", ["memories", "skills", "mood"])
def test_undoing_a_merge_for_one_part_offers_that_part_alone_again(tmp_path: Path, undone: Part) -> None:
    story = Story(tmp_path)
    with story.vault:
        shared = story.add("main")
        story.fork("what-if", shared)
        at_theirs = story.add("what-if")
        before = story.add("main")
        story.merge("main", "what-if")
        story.add("main", RolledBack(before, (undone,)))
        for part in PARTS:
            assert story.base("main", "what-if", part) == (shared if part == undone else at_theirs), part
        story.merge("main", "what-if")
        assert {story.base("main", "what-if", part) for part in PARTS} == {at_theirs}


def test_a_fork_that_did_nothing_has_nothing_new(tmp_path: Path) -> None:
    story = Story(tmp_path)
    with story.vault:
        shared = story.add("main")
        story.fork("what-if", shared)
        for _ in range(2):
            assert {story.base("main", "what-if", part) for part in PARTS} == {Place("what-if", 1)}
            story.add("main")
        story.vault.write([CreateAgent("bob", "bob")])
        assert story.base("main", "bob") == Place("bob", 0), "of an agent to whom nothing happened there is nothing"


def test_a_rollback_on_the_other_side_is_nothing_new_however_often_it_is_merged(tmp_path: Path) -> None:
    story = Story(tmp_path)
    with story.vault:
        shared = story.add("main")
        story.fork("what-if", shared)
        story.add("what-if")
        story.merge("main", "what-if")
        source = story.add("what-if", RolledBack(shared, ("mood",)))
        assert story.base("main", "what-if", "mood") == source
        story.merge("main", "what-if")
        assert {story.base("main", "what-if", part) for part in PARTS} == {source}


def test_what_the_other_side_rolled_back_for_one_part_is_no_base_for_it(tmp_path: Path) -> None:
    story = Story(tmp_path)
    with story.vault:
        shared = story.add("main")
        story.fork("what-if", shared)
        at_theirs = story.add("what-if")
        story.merge("main", "what-if")
        story.add("what-if", RolledBack(shared, ("skills",)))
        latest = story.add("what-if")
        assert story.base("main", "what-if", "skills") == shared
        assert story.base("main", "what-if", "memories") == at_theirs
        story.merge("main", "what-if")
        assert {story.base("main", "what-if", part) for part in PARTS} == {latest}


def test_what_came_by_way_of_a_third_branch_is_had(tmp_path: Path) -> None:
    story = Story(tmp_path)
    with story.vault:
        shared = story.add("main")
        for name in ("left", "right"):
            story.fork(name, shared)
        at_right = story.add("right")
        story.merge("left", "right")
        story.merge("main", "left")
        assert story.base("main", "right") == at_right


def test_branches_that_share_nothing_have_no_base_until_they_merge(tmp_path: Path) -> None:
    story = Story(tmp_path)
    with story.vault:
        story.vault.write([CreateAgent("bob", "bob")])
        story.add("main")
        at_bob = story.add("bob")
        assert story.merge("main", "bob") is None
        assert story.base("main", "bob") == at_bob
        assert story.base("bob", "main") is None


def test_forks_of_an_empty_agent_start_from_its_beginning(tmp_path: Path) -> None:
    story = Story(tmp_path)
    with story.vault:
        story.fork("what-if", Place("main", 0))
        story.add("what-if")
        assert story.base("main", "what-if") == Place("main", 0)


@settings(deadline=None, max_examples=15)
@given(STEPS)
def test_a_vault_tells_the_same_history_as_dictionaries(
    tmp_path_factory: pytest.TempPathFactory, steps: list[Step]
) -> None:
    replay = Replay(roots=2)
    made = [replay.happen(step) for step in steps]
    with Vault.open(tmp_path_factory.mktemp("vault"), now=lambda: datetime(2026, 1, 1, tzinfo=UTC)) as vault:
        outcomes = vault.write([CreateAgent(f"agent{number}", f"r{number}") for number in range(2)])
        outcomes += vault.write([as_write(thing) for thing in made if thing is not None])
        assert all(isinstance(outcome, Written) for outcome in outcomes), outcomes
        for place in replay.means:
            for part in PARTS:
                assert spans(vault, part, place) == spans(replay.history, part, place)
        for row in replay.history.rows.values():
            head = replay.history.head(row.id)
            own = [(entry.place, entry.event) for entry in vault.entries(row.id, 0, head)]
            assert own == [(entry.place, entry.event) for entry in replay.history.entries(row.id, 0, head)]
            assert vault.merges(row.id, head) == replay.history.merges(row.id, head)
            assert vault.branch(row.id).fork_seq == row.fork_seq


def as_write(thing: Entry | Branch) -> Append | CreateBranch:
    if isinstance(thing, Entry):
        return Append(thing.place.branch, thing.place.seq - 1, thing.event, f"{thing.place.branch}@{thing.place.seq}")
    assert thing.parent is not None
    return CreateBranch(thing.id, thing.agent, thing.name, "fork", Place(thing.parent, thing.fork_seq), thing.id)
