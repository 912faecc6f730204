"""What a name means to an agent, and which part of its ancestors' history belongs to a clone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.errors import AlreadyExists, InvalidValue, PlaceNotFound, QuantumMemoryError
from quantum_memory.memory.events import Forgotten
from quantum_memory.memory.vault import Append, CreateAgent, CreateBranch, CreateCommit, Vault, Write, Written
from quantum_memory.types import Branch, Commit, Place

START = datetime(2026, 1, 1, tzinfo=UTC)


class Family:
    """A vault, and short words for what happens in it. Branches are named by their ids."""

    def __init__(self, vault: Vault) -> None:
        self.vault = vault
        self.written = 0

    def one(self, write: Write) -> Written | QuantumMemoryError:
        (outcome,) = self.vault.write([write])
        return outcome

    def done(self, write: Write) -> Written:
        outcome = self.one(write)
        assert isinstance(outcome, Written), outcome
        return outcome

    def op(self) -> str:
        self.written += 1
        return f"op{self.written}"

    def add(self, branch: str, count: int = 1) -> Place:
        for _ in range(count):
            self.done(Append(branch, self.vault.head(branch), Forgotten(("x",)), self.op()))
        return Place(branch, self.vault.head(branch))

    def fork(self, agent: str, name: str, parent: Place) -> Written | QuantumMemoryError:
        return self.one(CreateBranch(f"{agent}-{name}", agent, name, "fork", parent, self.op()))

    def forked(self, agent: str, name: str, parent: Place) -> Branch:
        outcome = self.fork(agent, name, parent)
        assert isinstance(outcome, Written), outcome
        assert outcome.branch is not None
        return outcome.branch

    def clone(self, agent: str, parent: Place) -> None:
        self.done(CreateBranch(agent, agent, "main", "clone", parent, self.op()))

    def commit(self, place: Place, message: str) -> Commit:
        found = self.done(CreateCommit(*place, message, self.op())).commit
        assert found is not None
        return found

    def commit_with_id(self, beginning: str, place: Place) -> Commit:
        """One whose id begins with some letters: many are made until chance has it."""
        while True:
            made = self.commit(place, f"number {self.written}")
            if made.id.startswith(beginning):
                return made


@pytest.fixture
def family(tmp_path: Path) -> Iterator[Family]:
    """Alice with five events, and her clone, the twin, who left her main branch at event 3 and did one thing since."""
    with Vault.open(tmp_path, now=lambda: START) as vault:
        made = Family(vault)
        made.done(CreateAgent("alice", "alice"))
        made.add("alice", 5)
        made.clone("twin", Place("alice", 3))
        made.add("twin")
        yield made


def test_a_place_is_found_by_id_message_branch_and_beginning_of_an_id(family: Family) -> None:
    vault = family.vault
    first = family.commit(Place("alice", 1), "before")
    second = family.commit(Place("alice", 2), "before")
    odd = family.commit(Place("alice", 4), "100% _done_")
    family.forked("alice", "what-if", Place("alice", 2))
    at_what_if = family.add("alice-what-if")
    assert vault.find_place("alice", first.id) == first.place
    assert vault.find_place("alice", "before") == second.place, "the newest of that message"
    assert vault.find_place("alice", "100% _done_") == odd.place
    assert vault.find_place("alice", "what-if") == at_what_if, "the head of the branch"
    assert vault.find_place("alice-what-if", "main") == Place("alice", 5)
    for length in (6, 12, 31):
        assert vault.find_place("alice-what-if", odd.id[:length]) == odd.place


@pytest.mark.parametrize("ref", ["nowhere", "", "Before", "befor", "%", "_", "a\x00b", "\ud800", "alice-what-if"])
def test_a_name_for_nothing_is_not_found(family: Family, ref: str) -> None:
    family.commit(Place("alice", 1), "before")
    family.forked("alice", "what-if", Place("alice", 2))
    with pytest.raises(PlaceNotFound) as refusal:
        family.vault.find_place("alice-what-if", ref)
    assert (refusal.value.agent, refusal.value.place) == ("alice", ref)
    with pytest.raises(PlaceNotFound, match="no-such-branch"):
        family.vault.find_place("no-such-branch", "before")


def test_the_beginning_of_an_id_gives_way_to_a_branch_and_a_branch_to_a_message_and_a_message_to_an_id(
    family: Family,
) -> None:
    target = family.commit(Place("alice", 1), "target")
    prefix = target.id[:8]
    assert family.vault.find_place("alice", prefix) == target.place
    family.forked("alice", prefix, Place("alice", 2))
    assert family.vault.find_place("alice", prefix) == Place(f"alice-{prefix}", 2)
    named = family.commit(Place("alice", 3), prefix)
    assert family.vault.find_place("alice", prefix) == named.place
    family.commit(Place("alice", 4), target.id)
    assert family.vault.find_place("alice", target.id) == target.place


def test_a_branch_with_a_short_name_is_never_taken_for_the_beginning_of_an_id(family: Family) -> None:
    short = family.commit_with_id("b", Place("alice", 1))
    family.forked("alice", "b", Place("alice", 2))
    assert family.vault.find_place("alice", "b") == Place("alice-b", 2)
    for length in range(2, 6):
        with pytest.raises(PlaceNotFound):
            family.vault.find_place("alice", short.id[:length])
    assert family.vault.find_place("alice", short.id[:6]) == short.place


def test_the_beginning_of_several_ids_is_refused(family: Family, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = iter(["abcdef01", "abcdef02", "abcdef0"])
    monkeypatch.setattr("quantum_memory.memory.vault.judge_names._commit_id", lambda *_: next(ids))
    family.commit(Place("alice", 1), "one")
    two = family.commit(Place("alice", 2), "two")
    with pytest.raises(InvalidValue, match="longer prefix: 2 commits begin with it"):
        family.vault.find_place("alice", "abcdef")
    assert family.vault.find_place("alice", "abcdef02") == two.place
    whole = family.commit(Place("alice", 3), "three")
    assert family.vault.find_place("alice", "abcdef0") == whole.place, "an id that is the beginning of others"


def test_a_clone_finds_the_commits_in_its_inherited_past_and_no_others(family: Family) -> None:
    vault = family.vault
    inside = family.commit(Place("alice", 3), "inside")
    family.commit(Place("alice", 4), "too late")
    family.forked("alice", "side", Place("alice", 1))
    family.commit(family.add("alice-side"), "beside")
    for ref in ("inside", inside.id, inside.id[:6]):
        assert vault.find_place("twin", ref) == Place("alice", 3)
    for ref in ("too late", "beside", "side"):
        assert vault.find_place("alice", ref)
        with pytest.raises(PlaceNotFound):
            vault.find_place("twin", ref)
    family.commit(Place("twin", 4), "of the twin")
    with pytest.raises(PlaceNotFound):
        vault.find_place("alice", "of the twin")
    assert vault.commits("twin")[0].message == "of the twin"
    assert len(vault.commits("twin")) == 1


def test_what_is_a_clones_own_comes_before_what_it_inherited(family: Family) -> None:
    vault = family.vault
    own = family.commit(Place("twin", 4), "before")
    family.commit(Place("alice", 1), "before")
    assert vault.find_place("twin", "before") == own.place, "though the other is newer"
    assert vault.find_place("twin", "main") == Place("twin", 4), "its own branch of that name"


def test_of_inherited_commits_with_one_message_the_newest_is_meant_on_whatever_branch(family: Family) -> None:
    family.clone("third", Place("twin", 4))
    family.commit(Place("twin", 4), "before")
    newest = family.commit(Place("alice", 1), "before")
    assert family.vault.find_place("third", "before") == newest.place
    newest = family.commit(Place("twin", 4), "before")
    assert family.vault.find_place("third", "before") == newest.place
    assert family.vault.find_place("twin", "before") == Place("twin", 4)


def test_a_clone_may_fork_from_the_past_it_inherited(family: Family) -> None:
    vault = family.vault
    made = family.forked("twin", "what-if", Place("alice", 2))
    assert (made.agent, made.parent, made.fork_seq, made.lineage) == ("twin", "alice", 2, "alice")
    assert made in vault.branches("twin")
    assert made not in vault.branches("alice")
    assert family.add(made.id) == Place(made.id, 3)
    assert [entry.place for entry in vault.log(made.id)] == [Place(made.id, 3), Place("alice", 2), Place("alice", 1)]
    assert vault.find_place("twin", "what-if") == Place(made.id, 3)
    family.forked("twin", "same", Place("alice", 3))
    again = family.one(CreateBranch("new id", "twin", "what-if", "fork", Place("alice", 2), "op"))
    assert isinstance(again, AlreadyExists), "the name is taken"


def test_a_clone_may_be_cloned_from_the_past_it_inherited(family: Family) -> None:
    family.clone("third", Place("twin", 4))
    family.clone("fourth", Place("alice", 2))
    family.forked("third", "back", Place("alice", 3))
    family.forked("third", "nearer", Place("twin", 4))
    family.forked("fourth", "back", Place("alice", 2))
    for agent, place in (("fourth", Place("alice", 3)), ("fourth", Place("twin", 4)), ("third", Place("alice", 4))):
        assert isinstance(family.fork(agent, "beyond", place), InvalidValue), (agent, place)


def test_a_clone_from_below_its_parents_own_fork_has_the_grandparents_past_up_to_there(family: Family) -> None:
    family.forked("alice", "side", Place("alice", 3))
    family.clone("low", Place("alice-side", 1))
    family.commit(Place("alice", 1), "inside")
    family.commit(Place("alice", 2), "too late")
    assert family.vault.find_place("low", "inside") == Place("alice", 1)
    with pytest.raises(PlaceNotFound):
        family.vault.find_place("low", "too late")
    family.forked("low", "back", Place("alice", 1))
    assert isinstance(family.fork("low", "beyond", Place("alice", 2)), InvalidValue)


def test_a_clone_made_in_a_batch_may_be_forked_from_its_past_in_the_same(family: Family) -> None:
    outcomes = family.vault.write(
        [
            CreateBranch("new", "new", "main", "clone", Place("alice", 2), "1"),
            CreateBranch("new-a", "new", "a", "fork", Place("alice", 2), "2"),
            CreateBranch("new-b", "new", "b", "fork", Place("alice", 3), "3"),
        ]
    )
    assert [type(outcome).__name__ for outcome in outcomes] == ["Written", "Written", "InvalidValue"]


def test_nobody_forks_from_what_is_not_in_their_past(family: Family) -> None:
    family.done(CreateAgent("bob", "bob"))
    family.forked("alice", "side", Place("alice", 1))
    cases = [
        ("twin", Place("alice", 4)),  # what alice did after the twin left
        ("twin", Place("alice-side", 1)),  # a branch the twin never was on
        ("alice", Place("twin", 3)),  # an ancestor has no share in its clone
        ("alice", Place("twin", 4)),
        ("bob", Place("alice", 1)),
        ("nobody", Place("alice", 1)),
    ]
    for agent, place in cases:
        refusal = family.fork(agent, "f", place)
        assert isinstance(refusal, InvalidValue), (agent, place)
        assert repr(family.vault.branch(place.branch).agent) in str(refusal)
    assert isinstance(family.fork("twin", "f", Place("alice", 6)), PlaceNotFound)
    assert "f" not in {branch.name for agent in ("alice", "twin", "bob") for branch in family.vault.branches(agent)}


GROWTH = st.lists(st.tuples(st.sampled_from(["add", "fork", "clone"]), st.integers(0, 99), st.integers(0, 99)))


@settings(deadline=None, max_examples=25)
@given(GROWTH)
def test_what_a_clone_may_name_and_fork_from_is_the_past_of_any_of_its_branches(
    tmp_path_factory: pytest.TempPathFactory, growth: list[tuple[str, int, int]]
) -> None:
    """The slow twin walks the past of every branch of the agent, place by place."""
    with Vault.open(tmp_path_factory.mktemp("vault"), now=lambda: START) as vault:
        family = Family(vault)
        family.done(CreateAgent("a0", "a0"))
        family.add("a0")
        pasts: dict[str, set[Place]] = {"a0": {Place("a0", 0), Place("a0", 1)}}
        lines: dict[str, list[Place]] = {"a0": [Place("a0", 0), Place("a0", 1)]}
        owners = {"a0": "a0"}
        for number, (kind, one, two) in enumerate(growth):
            branch = list(lines)[one % len(lines)]
            if kind == "add":
                lines[branch].append(family.add(branch))
                pasts[owners[branch]].add(lines[branch][-1])
                continue
            index = two % len(lines[branch])
            parent, agent = lines[branch][index], f"a{number + 1}" if kind == "clone" else owners[branch]
            if kind == "clone":
                family.clone(agent, parent)
                made = agent
            else:
                made = family.forked(agent, f"f{number}", parent).id
            owners[made] = agent
            lines[made] = [*lines[branch][: index + 1], Place(made, parent.seq)]
            pasts[agent] = pasts.get(agent, set()) | set(lines[made])
        places = sorted({place for line in lines.values() for place in line})
        for place in places:
            family.commit(place, f"at {place}")
        for agent, past in pasts.items():
            for number, place in enumerate(places):
                told = family.fork(agent, f"at {number}", place)
                try:
                    found: Place | None = vault.find_place(agent, f"at {place}")
                except PlaceNotFound:
                    found = None
                if place in past:
                    assert isinstance(told, Written), (agent, place, told)
                    assert found == place
                else:
                    assert isinstance(told, InvalidValue), (agent, place, told)
                    assert found is None
