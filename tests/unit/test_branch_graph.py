"""The graph of branches: as text line by line, as a picture, and for any tree with nothing out of place."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from quantum_memory.cluster import cli_tables as tables
from quantum_memory.cluster import pictures
from quantum_memory.cluster.branch_graph import MARKS, Graph, graph, lines, remarks
from quantum_memory.types import Branch, BranchKind, Commit, Place, Tag, Tree

START = datetime(2026, 1, 1, tzinfo=UTC)


def at(hours: float) -> datetime:
    return START + timedelta(hours=hours)


def branch(id_: str, name: str, kind: BranchKind, parent: str | None, fork_seq: int) -> Branch:
    return Branch(id_, "alice", name, "r", kind, parent, fork_seq, START)


STORY = Tree(
    branches=(
        branch("r", "main", "root", None, 0),
        branch("a", "what-if", "fork", "r", 10),
        branch("b", "calm", "fork", "r", 10),
        branch("c", "deep", "fork", "a", 14),
        branch("d", "empty", "fork", "r", 20),
    ),
    heads={"r": 24, "a": 18, "b": 13, "c": 19, "d": 20},
    deleted=frozenset({"a"}),
    merges=((Place("r", 18), Place("a", 16)), (Place("r", 22), Place("c", 19)), (Place("b", 13), Place("r", 12))),
    commits=(Commit("1" * 32, "alice", Place("r", 10), "before the argument", at(4)),),
    tags=(Tag("best", "alice", Place("c", 19), at(11)),),
    times={
        Place("r", 12): at(7), Place("r", 18): at(10), Place("r", 20): at(11.5), Place("r", 22): at(13),
        Place("r", 24): at(14), Place("a", 18): at(10.5), Place("a", 16): at(9.5), Place("a", 14): at(8),
        Place("c", 19): at(11), Place("b", 13): at(9),
    },
)  # fmt: skip
DRAWN = """
●            :24 main | head | +2 events
◆            :22 main | ← merged deep:19 | +2 events
├─╮
│ │ ●        :20 empty | head
├─┼─╯
● │          :20 main | +2 events
│ ●          :19 deep | [best] | head | +5 events
│ │ ●        :18 what-if | deleted branch | +2 events
◆ │ │        :18 main | ← merged what-if:16 | +6 events
├─┼─┤
│ │ ●        :16 what-if | deleted | +2 events
│ │ │ ◆      :13 calm | ← merged main:12 | head | +3 events
├─┼─┼─┤
│ ╰─┤ │
│   ● │      :14 what-if | deleted | +4 events
●   │ │      :12 main | +2 events
├───┴─╯
●            :10 main | “before the argument” | +10 events
○            :0 main
"""


def told(drawn: Graph) -> str:
    return "\n".join(
        line if spot is None else f"{line:12} " + " | ".join((f":{spot.place.seq} {spot.branch.name}", *remarks(spot)))
        for line, spot in lines(drawn)
    )


def test_a_history_is_drawn_newest_first_with_forks_merges_checkpoints_tags_and_what_was_deleted() -> None:
    assert told(graph(STORY)) == DRAWN.strip("\n")


def test_what_comes_from_elsewhere_is_named_without_a_line() -> None:
    twin = Tree(
        (branch("t", "main", "clone", "r", 4),),
        {"t": 5},
        merges=((Place("t", 5), Place("x", 7)),),
    )
    assert told(graph(twin)) == "◆            :5 main | ← merged elsewhere:7 | head\n●            :4 main"


def test_the_terminal_shows_as_many_places_as_were_asked_for() -> None:
    console = Console(width=100, record=True, file=open("/dev/null", "w"))  # noqa: PTH123, SIM115  (a sink)
    console.print(tables.tree_lines(STORY, 3))
    console.file.close()
    shown = console.export_text()
    assert [line.split(":")[1].split()[0] for line in shown.splitlines() if ":" in line] == ["24", "22", "20"]
    assert "2026-01-01 14:00" in shown


def test_a_tree_becomes_json() -> None:
    found = tables.tree_data(STORY)
    assert found["branches"][1] | {"created_at": None} == {
        "id": "a", "agent": "alice", "name": "what-if", "lineage": "r", "kind": "fork", "parent": "r", "fork_seq": 10,
        "created_at": None, "head": 18, "deleted": True,
    }  # fmt: skip
    assert found["merges"][0] == {"into": {"branch": "r", "seq": 18}, "from": {"branch": "a", "seq": 16}}


def test_the_picture_tells_every_place_once_and_no_text_covers_another() -> None:
    figure = pictures.tree_figure(STORY, "alice")
    (axes,) = figure.axes
    texts = [one.get_text() for one in axes.texts]
    assert len(texts) == len(graph(STORY).spots)
    assert texts[1] == "2026-01-01 13:00   main:22   ← merged deep:19   +2 events"
    boxes = [one.get_window_extent() for one in axes.texts]
    assert all(upper.y0 >= lower.y1 for upper, lower in pairwise(boxes))
    assert len(axes.patches) == 4 + 3, "a bend for each fork and each merge"
    assert len(pictures.tree_figure(STORY, "alice", newest=3).axes[0].texts) == 3


@st.composite
def trees(draw: st.DrawFn) -> Tree:
    """Histories as they come about: a branch forks from what is there, and a merge takes from what is there."""
    branches = [branch("b0", "main", "root", None, 0)]
    heads, merges, tags = {"b0": 0}, [], []
    times: dict[Place, Any] = {}
    for number in range(draw(st.integers(0, 20))):
        one = draw(st.sampled_from(branches))
        other = draw(st.sampled_from(branches))
        match draw(st.sampled_from(["write", "fork", "merge", "tag"])):
            case "write":
                heads[one.id] += draw(st.integers(1, 3))
            case "fork":
                seq = draw(st.integers(one.fork_seq, heads[one.id]))
                branches.append(branch(f"b{len(branches)}", f"n{number}", "fork", one.id, seq))
                heads[branches[-1].id] = seq
            case "merge" if one.id != other.id:
                source = Place(other.id, draw(st.integers(other.fork_seq, heads[other.id])))
                heads[one.id] += 1
                merges.append((Place(one.id, heads[one.id]), source))
            case _:
                tags.append(Tag(f"t{number}", "alice", Place(one.id, heads[one.id]), START))
        if draw(st.booleans()):
            times[Place(one.id, heads[one.id])] = at(number)
    deleted = frozenset(draw(st.lists(st.sampled_from([one.id for one in branches[1:]] or ["none"]), max_size=3)))
    return Tree(tuple(branches), heads, deleted, tuple(merges), (), tuple(tags), times)


@given(trees())
@settings(max_examples=150, deadline=None)
def test_any_tree_is_drawn_with_every_place_once_in_order_and_no_two_lines_in_one_cell(tree: Tree) -> None:
    drawn = graph(tree)
    rows = {spot.place: spot.row for spot in drawn.spots}
    assert sorted(rows.values()) == list(range(len(drawn.spots)))
    for one in tree.branches:
        assert Place(one.id, tree.heads[one.id]) in rows
        own = sorted((place.seq, row) for place, row in rows.items() if place.branch == one.id)
        assert own == sorted(own, key=lambda pair: -pair[1]), "newer is above older"
    for link in drawn.links:
        assert link.upper < link.lower
    for into, source in tree.merges:
        assert rows[into] < rows[source]
    for lane, first, last, who in drawn.stretches:
        for other_lane, other_first, other_last, other in drawn.stretches:
            if lane == other_lane and who != other:
                assert last < other_first or other_last < first
    printed = lines(drawn)
    marks = [sum(line.count(mark) for mark in MARKS.values()) for line, _ in printed]
    assert marks == [int(spot is not None) for _, spot in printed]
    assert_joined([line for line, _ in printed])


UPWARDS, DOWNWARDS = set("╵│╯╰┤├┴┼"), set("╷│╮╭┤├┬┼")


def assert_joined(printed: list[str]) -> None:
    """No line ends in the air: what goes down from one row is met from below, and the other way about."""
    marks = set(MARKS.values())
    width = max(map(len, printed), default=0)
    padded = [line.ljust(width) for line in printed]
    for upper, lower in pairwise(padded):
        for above, below in zip(upper, lower, strict=True):
            if above in DOWNWARDS:
                assert below in UPWARDS | marks, (upper, lower)
            if below in UPWARDS:
                assert above in DOWNWARDS | marks, (upper, lower)
