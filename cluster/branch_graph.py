"""The branches of an agent as a graph in rows and lanes, as ``git log --graph`` draws it: newest row first.

Works on plain values and knows no agent. Only places that matter have a row: heads, forks, merges, checkpoints, tags.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple

from quantum_memory.types import Branch, BranchId, Place, Tree

UP, DOWN, LEFT, RIGHT = 1, 2, 4, 8
LINES = {
    0: " ", UP: "╵", DOWN: "╷", UP | DOWN: "│", LEFT: "╴", RIGHT: "╶", LEFT | RIGHT: "─",
    UP | LEFT: "╯", UP | RIGHT: "╰", DOWN | LEFT: "╮", DOWN | RIGHT: "╭",
    UP | DOWN | LEFT: "┤", UP | DOWN | RIGHT: "├", UP | LEFT | RIGHT: "┴", DOWN | LEFT | RIGHT: "┬",
    UP | DOWN | LEFT | RIGHT: "┼",
}  # fmt: skip
MARKS = {"place": "●", "merge": "◆", "root": "○"}


@dataclass(frozen=True)
class Spot:
    """A place with its row, its lane and all that can be said about it.

    Attributes:
        kind: what is drawn there: a merge, the root of everything, or any other place.
        events: how many events lie between the place before it on its branch and this one, this one included.
        head: whether its branch ends here.
        merged: what was taken over here, in words, and from where.
    """

    place: Place
    row: int
    lane: int
    branch: Branch
    kind: Literal["place", "merge", "root"]
    events: int
    head: bool
    deleted: bool
    at: datetime | None
    commits: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    merged: tuple[str, ...] = ()


class Link(NamedTuple):
    """A line from a newer row to an older one, between two lanes: where a branch left, or what a merge took of it."""

    kind: Literal["fork", "merge"]
    branch: BranchId
    upper: int
    upper_lane: int
    lower: int
    lower_lane: int


@dataclass(frozen=True)
class Graph:
    """Where everything is drawn. ``stretches`` are the upright lines: lane, first and last row, branch."""

    spots: tuple[Spot, ...]
    links: tuple[Link, ...]
    stretches: tuple[tuple[int, int, int, BranchId], ...]
    lanes: int


@dataclass
class _Plan:
    """What the tree says, by place."""

    rows: Mapping[BranchId, Branch]
    nodes: dict[BranchId, set[int]] = field(default_factory=lambda: defaultdict(set))

    def settle(self, place: Place) -> Place:
        """The place on the branch that wrote it, which has a row from now on."""
        row = self.rows[place.branch]
        while place.seq < row.fork_seq and row.parent is not None and row.parent in self.rows:
            row = self.rows[row.parent]
        found = Place(row.id, place.seq)
        self.nodes[row.id].add(place.seq)
        return found


def graph(tree: Tree) -> Graph:
    """The rows and lanes of a tree. An agent's oldest branch keeps the first lane."""
    plan = _Plan({branch.id: branch for branch in tree.branches})
    merges = [(plan.settle(into), source) for into, source in tree.merges if into.branch in plan.rows]
    taken = [(into, plan.settle(source)) for into, source in merges if source.branch in plan.rows]
    named: dict[Place, tuple[list[str], list[str]]] = defaultdict(lambda: ([], []))
    for commit in tree.commits:
        if commit.place.branch in plan.rows:
            named[plan.settle(commit.place)][0].append(commit.message)
    for tag in tree.tags:
        if tag.place.branch in plan.rows:
            named[plan.settle(tag.place)][1].append(tag.name)
    for branch in tree.branches:
        plan.nodes[branch.id].add(max(tree.heads.get(branch.id, branch.fork_seq), branch.fork_seq))
        if branch.parent is None or branch.parent not in plan.rows:
            plan.nodes[branch.id].add(branch.fork_seq)
    forks = {
        branch.id: plan.settle(Place(branch.parent, branch.fork_seq))
        for branch in tree.branches
        if branch.parent is not None and branch.parent in plan.rows
    }
    order = _in_order(plan, forks, taken, {one.place: one.at for one in tree.commits} | dict(tree.times))
    rows = {place: row for row, (place, _) in enumerate(order)}
    spans = _spans(plan, forks, taken, rows)
    lanes = _lanes([branch.id for branch in tree.branches], spans)
    told = _merged_words(plan.rows, merges)
    spots = tuple(
        _spot(plan, tree, place, at, (row, lanes[place.branch]), named.get(place, ([], [])), told.get(place, ()))
        for row, (place, at) in enumerate(order)
    )
    links = [
        Link("fork", branch, spans[branch][1], lanes[branch], rows[origin], lanes[origin.branch])
        for branch, origin in forks.items()
    ]
    links += [
        Link("merge", source.branch, rows[into], lanes[into.branch], rows[source], lanes[source.branch])
        for into, source in taken
        if lanes[into.branch] != lanes[source.branch]
    ]
    stretches = tuple((lanes[branch], first, last, branch) for branch, (first, last) in spans.items())
    return Graph(spots, tuple(links), stretches, 1 + max(lanes.values(), default=0))


def _in_order(
    plan: _Plan,
    forks: Mapping[BranchId, Place],
    taken: Iterable[tuple[Place, Place]],
    times: Mapping[Place, datetime],
) -> list[tuple[Place, datetime | None]]:
    """Every place with its time, newest first, and never before what came of it."""
    older: dict[Place, set[Place]] = {}
    for branch, seqs in plan.nodes.items():
        places = [Place(branch, seq) for seq in sorted(seqs)]
        older |= {place: set(before) for place, before in zip(places, [(), *((one,) for one in places)], strict=False)}
        if branch in forks:
            older[places[0]].add(forks[branch])
    for into, source in taken:
        older[into].add(source)
    newer: dict[Place, list[Place]] = defaultdict(list)
    for place, befores in older.items():
        for before in befores:
            newer[before].append(place)
    ordinal = {branch: number for number, branch in enumerate(plan.rows)}
    known = {place: time.timestamp() for place, time in times.items()}
    left = {place: len(befores) for place, befores in older.items()}
    ready = [(known.get(place, 0.0), place.seq, ordinal[place.branch], place) for place, n in left.items() if n == 0]
    heapq.heapify(ready)
    found: list[tuple[Place, datetime | None]] = []
    while ready:
        at_s, _, _, place = heapq.heappop(ready)
        found.append((place, times.get(place)))
        for later in newer[place]:
            left[later] -= 1
            if left[later] == 0:
                heapq.heappush(ready, (known.get(later, at_s), later.seq, ordinal[later.branch], later))
    return found[::-1]


def _spans(
    plan: _Plan, forks: Mapping[BranchId, Place], taken: Sequence[tuple[Place, Place]], rows: Mapping[Place, int]
) -> dict[BranchId, tuple[int, int]]:
    """The first and last row of each branch's line: from what it came to, or was merged into, to its oldest place."""
    spans = {}
    for branch, seqs in plan.nodes.items():
        own = [rows[Place(branch, seq)] for seq in seqs]
        merged = [rows[into] for into, source in taken if source.branch == branch and into.branch != branch]
        first = min([*own, *merged])
        spans[branch] = first, max(own) if branch not in forks else max(*own, rows[forks[branch]] - 1)
    return spans


def _lanes(branches: Sequence[BranchId], spans: Mapping[BranchId, tuple[int, int]]) -> dict[BranchId, int]:
    """A lane for each branch, the leftmost that is free all along its line. The first branch chooses first."""
    busy: list[list[tuple[int, int]]] = []
    lanes: dict[BranchId, int] = {}
    for branch in sorted(branches, key=lambda one: (one != branches[0], spans[one][0])):
        first, last = spans[branch]
        free = (
            lane
            for lane, others in enumerate(busy)
            if all(last + 1 < other_first or other_last + 1 < first for other_first, other_last in others)
        )
        lane = next(free, len(busy))
        busy += [[]] if lane == len(busy) else []
        busy[lane].append((first, last))
        lanes[branch] = lane
    return lanes


def _merged_words(
    rows: Mapping[BranchId, Branch], merges: Iterable[tuple[Place, Place]]
) -> dict[Place, tuple[str, ...]]:
    told: dict[Place, tuple[str, ...]] = defaultdict(tuple)
    for into, source in merges:
        name = rows[source.branch].name if source.branch in rows else "elsewhere"
        told[into] += (f"{name}:{source.seq}",)
    return told


def _spot(
    plan: _Plan,
    tree: Tree,
    place: Place,
    at: datetime | None,
    where: tuple[int, int],
    named: tuple[Sequence[str], Sequence[str]],
    merged: tuple[str, ...],
) -> Spot:
    branch = plan.rows[place.branch]
    before = max((seq for seq in plan.nodes[branch.id] if seq < place.seq), default=branch.fork_seq)
    root = branch.parent is None and place.seq == branch.fork_seq
    return Spot(
        place=place,
        row=where[0],
        lane=where[1],
        branch=branch,
        kind="merge" if merged else "root" if root else "place",
        events=place.seq - before,
        head=place.seq == max(plan.nodes[branch.id]),
        deleted=branch.id in tree.deleted,
        at=at,
        commits=tuple(named[0]),
        tags=tuple(named[1]),
        merged=merged,
    )


def lines(drawn: Graph) -> list[tuple[str, Spot | None]]:
    """The graph as text, newest first: what to print, and the place that the line is about, if it is about one.

    Below a merge a line leads to the lanes that it took from, above a place one comes from the lanes that left there.
    """
    printed: list[tuple[str, Spot | None]] = []
    for spot in drawn.spots:
        left = {link.upper_lane for link in drawn.links if link.kind == "fork" and link.lower == spot.row}
        if left:
            printed.append((_between(drawn, spot.row - 1, spot.lane, left, forks=True), None))
        printed.append((_through(drawn, spot), spot))
        took = {link.lower_lane for link in drawn.links if link.kind == "merge" and link.upper == spot.row}
        if took:
            printed.append((_between(drawn, spot.row, spot.lane, took, forks=False), None))
    return printed


def _through(drawn: Graph, spot: Spot) -> str:
    """A place's own row. A line that this merge alone leads to begins below it."""
    passing = {lane for lane, first, last, _ in drawn.stretches if first < spot.row <= last or (lane == spot.lane)}
    cells = [MARKS[spot.kind] if lane == spot.lane else "│" if lane in passing else " " for lane in range(drawn.lanes)]
    return " ".join(cells).rstrip()


def _between(drawn: Graph, row: int, near: int, far: set[int], *, forks: bool) -> str:
    """What is printed between a row and the next one: a line from lane ``near`` to the lanes ``far``.

    Forks come from above and end here, below the lines of merges; what merges took from goes on below.
    """
    ending = {link.upper_lane for link in drawn.links if link.kind == "fork" and link.lower == row + 1}
    crossing = {lane for lane, first, last, _ in drawn.stretches if first <= row < last}
    entering = {lane for lane, first, last, _ in drawn.stretches if first < row <= last or (forks and first == row)}
    crossing |= set() if forks else ending
    low, high = min({near, *far}), max({near, *far})
    text = ""
    for lane in range(drawn.lanes):
        cell = (UP | DOWN if lane in crossing else 0) | (LEFT if low < lane <= high else 0)
        cell |= RIGHT if low <= lane < high else 0
        if lane == near:
            cell |= DOWN if forks else UP
        elif lane in far:
            cell = cell & ~(UP | DOWN) | (UP if forks else DOWN | (UP if lane in entering else 0))
        text += LINES[cell] + ("─" if low <= lane < high else " ")
    return text.rstrip()


def remarks(spot: Spot) -> tuple[str, ...]:
    """What there is to say about a place besides where it is."""
    said = [f"[{tag}]" for tag in spot.tags]
    said += [f"\N{LEFTWARDS ARROW} merged {source}" for source in spot.merged]
    said += [f"\N{LEFT DOUBLE QUOTATION MARK}{message}\N{RIGHT DOUBLE QUOTATION MARK}" for message in spot.commits]
    if spot.deleted:
        said.append("deleted branch" if spot.head else "deleted")
    elif spot.head:
        said.append("head")
    if spot.events > 1:
        said.append(f"+{spot.events} events")
    return tuple(said)
