"""Made-up histories and what they must mean: a History in dictionaries, and a replay that keeps every state it saw."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from hypothesis import strategies as st

from quantum_memory.errors import PlaceNotFound
from quantum_memory.memory.events import Entry, Event, Forgotten, Merged, RolledBack, SkillUsed
from quantum_memory.memory.vault.merge_base import MergeMarker
from quantum_memory.types import PARTS, Branch, BranchId, Part, Place

START = datetime(2026, 1, 1, tzinfo=UTC)
Labels = tuple[str, ...]


class PlainHistory:
    """The journals of a few branches, in memory."""

    def __init__(self) -> None:
        self.rows: dict[BranchId, Branch] = {}
        self.journal: dict[BranchId, list[Entry]] = {}

    def branch(self, branch: BranchId) -> Branch:
        if branch not in self.rows:
            raise PlaceNotFound("alice", branch)
        return self.rows[branch]

    def rollbacks(self, branch: BranchId, upto: int) -> Sequence[tuple[int, RolledBack]]:
        own = ((entry.place.seq, entry.event) for entry in self.journal[branch] if entry.place.seq <= upto)
        return [(seq, event) for seq, event in own if isinstance(event, RolledBack)]

    def merges(self, branch: BranchId, upto: int) -> Sequence[MergeMarker]:
        own = ((entry.place.seq, entry.event) for entry in self.journal[branch] if entry.place.seq <= upto)
        return [MergeMarker(seq, event.source, event.base) for seq, event in own if isinstance(event, Merged)]

    def entries(self, branch: BranchId, after: int, upto: int) -> Sequence[Entry]:
        return [entry for entry in self.journal[branch] if after < entry.place.seq <= upto]

    def head(self, branch: BranchId) -> int:
        return self.rows[branch].fork_seq + len(self.journal[branch])

    def places(self) -> list[Place]:
        return [Place(branch, seq) for branch in self.rows for seq in range(self.head(branch) + 1)]


class Meaning(NamedTuple):
    """What holds at one place, by the slow way: every state copied whole.

    Attributes:
        labels: per part, which labels were forgotten there, in order.
        effective: per part, the places of the events that make it up, oldest first.
        had: per part, those places and the ones that came in by merges.
    """

    labels: dict[Part, Labels]
    effective: dict[Part, tuple[Place, ...]]
    had: dict[Part, frozenset[Place]]


NOTHING = Meaning(dict.fromkeys(PARTS, ()), dict.fromkeys(PARTS, ()), dict.fromkeys(PARTS, frozenset()))


class Step(NamedTuple):
    """One thing that happens; the numbers choose a branch or a place among those that exist."""

    kind: str
    branch: int
    place: int
    parts: tuple[Part, ...]


STEP = st.builds(
    Step,
    st.sampled_from(["label", "label", "label", "other", "roll back", "undo", "fork", "merge"]),
    st.integers(0, 5),
    st.integers(0, 200),
    st.lists(st.sampled_from(PARTS), min_size=1, unique=True).map(tuple) | st.sampled_from([PARTS, ("memories",)]),
)
STEPS = st.lists(STEP, max_size=10) | st.lists(STEP, min_size=15, max_size=40)
"""Short ones shrink well; only long ones hold a fork that merges what its parent did later."""


class Replay:
    """Lets steps happen one by one, in a PlainHistory and in plain words."""

    def __init__(self, roots: int = 1) -> None:
        self.history = PlainHistory()
        self.means: dict[Place, Meaning] = {}
        for number in range(roots):
            self._branch(Branch(f"r{number}", f"agent{number}", "main", f"r{number}", "root", None, 0, START))

    def happen(self, step: Step) -> Entry | Branch | None:
        """The entry or the branch that came of it; nothing, if there was nothing to undo."""
        ids = list(self.history.rows)
        branch = self.history.rows[ids[step.branch % len(ids)]]
        places = self.history.places()
        place = places[step.place % len(places)]
        here = self.means[Place(branch.id, self.history.head(branch.id))]
        label: Labels = ()
        taken = NOTHING.had
        event: Event
        match step.kind:
            case "fork":
                return self._fork(place)
            case "roll back":
                return self._roll_back(branch, RolledBack(place, step.parts))
            case "undo":
                undone = self.history.rollbacks(branch.id, self.history.head(branch.id))
                if not undone:
                    return None
                seq, rollback = undone[step.place % len(undone)]
                return self._roll_back(branch, RolledBack(Place(branch.id, seq - 1), rollback.parts))
            case "merge":
                taken = self.means[place].had
                event = Merged(place, None, (), (), (), None)
            case "other":
                event = SkillUsed("juggling", succeeded=True)
            case _:
                label = (f"e{sum(map(len, self.history.journal.values()))}",)
                event = Forgotten(label)
        entry = self._append(branch, event)
        self.means[entry.place] = Meaning(
            {part: here.labels[part] + label for part in PARTS},
            {part: (*here.effective[part], entry.place) for part in PARTS},
            {part: here.had[part] | taken[part] | {entry.place} for part in PARTS},
        )
        return entry

    def _roll_back(self, branch: Branch, event: RolledBack) -> Entry:
        entry = self._append(branch, event)
        before = self.means[Place(branch.id, entry.place.seq - 1)]
        there = self.means[event.to]
        kept = Meaning(
            before.labels,
            {part: (*before.effective[part], entry.place) for part in PARTS},
            {part: before.had[part] | {entry.place} for part in PARTS},
        )
        by_part = {part: there if part in event.parts else kept for part in PARTS}
        self.means[entry.place] = Meaning(
            {part: meaning.labels[part] for part, meaning in by_part.items()},
            {part: meaning.effective[part] for part, meaning in by_part.items()},
            {part: meaning.had[part] for part, meaning in by_part.items()},
        )
        return entry

    def _append(self, branch: Branch, event: Event) -> Entry:
        seq = self.history.head(branch.id) + 1
        entry = Entry(Place(branch.id, seq), START + timedelta(seconds=len(self.means)), event)
        self.history.journal[branch.id].append(entry)
        return entry

    def _fork(self, place: Place) -> Branch:
        parent = self.history.rows[place.branch]
        name = f"b{len(self.history.rows)}"
        return self._branch(
            Branch(name, parent.agent, name, parent.lineage, "fork", parent.id, place.seq, START),
        )

    def _branch(self, branch: Branch) -> Branch:
        self.history.rows[branch.id] = branch
        self.history.journal[branch.id] = []
        for seq in range(branch.fork_seq + 1):
            parent = Place(branch.parent, seq) if branch.parent else None
            self.means[Place(branch.id, seq)] = self.means[parent] if parent else NOTHING
        return branch
