"""Uses along made-up histories of forks, rollbacks and merges: live, replayed and by the slow way they are the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple, TypeAlias

from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.memory.events import Entry, Event, Merged, RolledBack, Used
from quantum_memory.memory.life.uses import UsesFold, UsesState, news, told
from quantum_memory.memory.timeline import Timeline
from quantum_memory.types import PARTS, Branch, Place
from tests.unit.histories import PlainHistory

START = datetime(2026, 1, 1, tzinfo=UTC)
Slow: TypeAlias = dict[tuple[str, str], tuple[int, datetime]]


class Step(NamedTuple):
    """One thing that happens; the numbers choose among the branches and places that there are."""

    kind: str
    branch: int
    place: int
    ids: tuple[str, ...]


STEPS = st.lists(
    st.builds(
        Step,
        st.sampled_from(["use", "use", "use", "fork", "merge", "roll back", "mood back"]),
        st.integers(0, 5),
        st.integers(0, 60),
        st.lists(st.sampled_from(["m1", "m2", "m3"]), min_size=1, max_size=3, unique=True).map(tuple),
    ),
    max_size=24,
)


class Lived:
    """Branches that use, fork, roll back and merge: in a timeline that is told of it, and in dictionaries."""

    def __init__(self) -> None:
        self.history = PlainHistory()
        self.history.rows["r"] = Branch("r", "alice", "main", "r", "root", None, 0, START)
        self.history.journal["r"] = []
        self.live = Timeline(UsesFold(), self.history, 1000)
        self.slow: dict[Place, Slow] = {Place("r", 0): {}}

    def happen(self, step: Step) -> None:
        ids = list(self.history.rows)
        branch = self.history.rows[ids[step.branch % len(ids)]]
        here = Place(branch.id, self.history.head(branch.id))
        places = list(self.slow)
        place = places[step.place % len(places)]
        if step.kind == "fork":
            name = f"b{len(ids)}"
            self.history.rows[name] = Branch(name, "alice", name, "r", "fork", place.branch, place.seq, START)
            self.history.journal[name] = []
            self.live.fork(place, name)
            self.slow[Place(name, place.seq)] = self.slow[place]
        elif step.kind == "use":
            self.write(here, Used(step.ids, START + timedelta(seconds=len(places)), self.stretch(branch, here)))
        elif step.kind == "merge":
            uses = news(self.live.at(here), told(self.live.at(place)))
            self.write(here, Merged(place, None, (), (), (), None, uses=uses))
        else:
            self.write(here, RolledBack(place, PARTS if step.kind == "roll back" else ("mood",)))

    def stretch(self, branch: Branch, here: Place) -> str:
        rolled = self.history.rollbacks(branch.id, here.seq)
        return f"{branch.id}:{max((seq for seq, one in rolled if 'memories' in one.parts), default=branch.fork_seq)}"

    def write(self, here: Place, event: Event) -> None:
        entry = Entry(Place(here.branch, here.seq + 1), START, event)
        self.history.journal[here.branch].append(entry)
        self.live.push(entry)
        known = dict(self.slow[here])
        if isinstance(event, RolledBack) and "memories" in event.parts:
            known = dict(self.slow[event.to])
        elif isinstance(event, Used):
            for one in event.ids:
                count, last = known.get((one, event.origin), (0, event.at))
                known[one, event.origin] = count + 1, max(last, event.at)
        elif isinstance(event, Merged):
            for key, (count, last) in self.slow[event.source].items():
                mine = known.get(key, (count, last))
                known[key] = max(mine[0], count), max(mine[1], last)
        self.slow[entry.place] = known


def as_told(state: UsesState) -> Slow:
    return {(one.memory, one.origin): (one.count, one.last) for one in told(state)}


@settings(deadline=None, max_examples=150)
@given(STEPS)
def test_replay_equals_live_equals_the_slow_way_at_every_place(steps: list[Step]) -> None:
    lived = Lived()
    for step in steps:
        lived.happen(step)
    replayed = Timeline(UsesFold(), lived.history, 4)
    for place, known in lived.slow.items():
        assert as_told(lived.live.at(place)) == known
        assert replayed.at(place) == lived.live.at(place)


@settings(deadline=None, max_examples=80)
@given(STEPS)
def test_a_place_that_has_merged_another_has_nothing_left_to_take(steps: list[Step]) -> None:
    lived = Lived()
    for step in steps:
        lived.happen(step)
    for here in [Place(one, lived.history.head(one)) for one in list(lived.history.rows)]:
        for place in list(lived.slow)[-3:]:
            seq = lived.history.head(here.branch)
            uses = news(lived.live.at(Place(here.branch, seq)), told(lived.live.at(place)))
            lived.write(Place(here.branch, seq), Merged(place, None, (), (), (), None, uses=uses))
            assert news(lived.live.at(Place(here.branch, seq + 1)), told(lived.live.at(place))) == ()
