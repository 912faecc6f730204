"""The library beside moves that are cut off or met anywhere: whoever reads, each entry is there once, as it was
acknowledged last, and what was taken away stays away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count, product
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.actors.library import Library
from quantum_memory.errors import EntryNotFound, QuantumMemoryError, Unavailable
from quantum_memory.memory.library.entries import Content, Entry
from quantum_memory.memory.library.reach import Reach
from quantum_memory.memory.library.shelves import TIERS, Tier
from tests.unit.front import Front, LocalCall, LocalDirectory

Key = tuple[int, Tier, str]
State = dict[Key, tuple[int, str]]
"""By project, tier and id the version and the title of what is there."""
NUMBERS = count()
IDS = ("plan", "map")


class Caller(NamedTuple):
    """How far somebody reaches: up to a tier, in these of two projects."""

    clearance: Tier
    projects: tuple[int, ...]

    def sees(self, key: Key) -> bool:
        return key[0] in self.projects and TIERS.index(key[1]) <= TIERS.index(self.clearance)

    def meant(self, state: State, project: int, id_: str) -> Key | None:
        """Which of what he sees an id means."""
        mine = [key for key in state if self.sees(key) and (key[0], key[2]) == (project, id_)]
        return max(mine, key=lambda key: TIERS.index(key[1]), default=None)


EVERYBODY = [Caller(tier, projects) for tier in TIERS for projects in ((0, 1), (0,), (1,))]


class Act(NamedTuple):
    """What somebody wants to do; ``seen`` is how far behind the version is that he has seen."""

    kind: str
    caller: Caller
    project: int
    id: str
    title: str | None
    tier: Tier | None
    to: int | None
    seen: int


class Step(NamedTuple):
    """An act, and what happens at one of its calls: nothing, it is cut off before or after it, or another act."""

    act: Act
    at: int
    meets: str | Act


CALLERS = st.sampled_from(EVERYBODY)
ACTS = st.builds(
    Act,
    st.sampled_from(["add", "add", "update", "move", "move", "move", "delete"]),
    CALLERS,
    st.integers(0, 1),
    st.sampled_from(IDS),
    st.none() | st.sampled_from(["A plan", "Another plan", "The last plan"]),
    st.none() | st.sampled_from(TIERS),
    st.none() | st.integers(0, 1),
    st.sampled_from([0, 0, 0, 0, 1]),
)
STEPS = st.builds(Step, ACTS, st.integers(1, 20), st.sampled_from(["nothing", "before", "after", "again"]) | ACTS)


class Seam:
    """What happens at the next calls that go to actors."""

    def __init__(self) -> None:
        self.left = 0
        self.what: str | Callable[[], None] = "before"
        self.call = LocalDirectory.call

    def arm(self, at: int, what: str | Callable[[], None]) -> None:
        self.left, self.what = at, what

    def disarm(self) -> None:
        self.left = 0

    def __call__(self, directory: LocalDirectory, *asked: Any, **options: Any) -> Any:
        made = self.call(directory, *asked, **options)
        self.left -= 1
        if self.left != 0:
            return made
        if callable(self.what):
            self.what()
            return made
        if self.what == "after":
            made.result()
        return LocalCall(_cut)


def _cut() -> Any:
    raise Unavailable("cut off")


class World:
    """Two projects that nobody used before, and a plain account of what is to be in them."""

    def __init__(self, front: Front, seam: Seam) -> None:
        self.front, self.seam = front, seam
        number = next(NUMBERS)
        self.names = f"apollo-{number}", f"gemini-{number}"
        self.state: State = {}
        self.cut: list[tuple[Act, str, int, bool]] = []

    def library(self, caller: Caller, op: str | None = None) -> Library:
        directory = self.front.memory.library()._directory
        reach = Reach(clearance=caller.clearance, projects=tuple(self.names[one] for one in caller.projects))
        return Library(directory if op is None else directory.repeatable(op), reach, 100)

    # What is there

    def key(self, entry: Entry) -> Key:
        return self.names.index(entry.project), entry.tier, entry.id

    def listed(self, caller: Caller, **asked: Any) -> list[Entry]:
        library = self.library(caller)
        return [one for project in caller.projects for one in library.entries(self.names[project], **asked).entries]

    def look(self) -> State:
        found = self.listed(EVERYBODY[-3])
        assert len({one.birth for one in found}) == len(found) == len({self.key(one) for one in found}), "each is once"
        return {self.key(one): (one.version, one.title) for one in found}

    def check(self) -> None:
        """Every reader sees what is there, as far as he reaches, whichever way he looks."""
        for caller in EVERYBODY:
            mine = {key: told for key, told in self.state.items() if caller.sees(key)}
            self.check_lists(caller, mine)
            self.check_entries(caller)
            if len(caller.projects) == len(self.names):
                self.check_search(caller, mine)

    def check_lists(self, caller: Caller, mine: State) -> None:
        assert {self.key(one): (one.version, one.title) for one in self.listed(caller)} == mine
        for title in {title for _, title in self.state.values()}:
            tagged = self.listed(caller, tags=[title])
            assert {self.key(one) for one in tagged} == {key for key, told in mine.items() if told[1] == title}
        for project in caller.projects:
            library, paged, after = self.library(caller), 0, None
            while True:
                page = library.entries(self.names[project], limit=1, after=after)
                paged, after = paged + len(page.entries), page.after
                if after is None:
                    break
            assert paged == sum(key[0] == project for key in mine)

    def check_entries(self, caller: Caller) -> None:
        library = self.library(caller)
        for project, id_ in product(caller.projects, IDS):
            meant = caller.meant(self.state, project, id_)
            if meant is None:
                with pytest.raises(EntryNotFound):
                    library.entry(self.names[project], id_)
            else:
                one = library.entry(self.names[project], id_)
                assert (self.key(one), one.version, one.title) == (meant, *self.state[meant])

    def check_search(self, caller: Caller, mine: State) -> None:
        hits = self.library(caller).search("the plan", 20, projects=self.names)
        found = sorted((self.key(hit.entry), hit.entry.title) for hit in hits)
        assert found == sorted((key, title) for key, (_, title) in mine.items())

    # What is done

    def version(self, act: Act) -> int:
        meant = act.caller.meant(self.state, act.project, act.id)
        return 1 if meant is None else max(1, self.state[meant][0] - act.seen)

    def do(self, act: Act, version: int, op: str) -> Entry | QuantumMemoryError | None:
        library, project = self.library(act.caller, op), self.names[act.project]
        title = act.title or "A plan"
        try:
            if act.kind == "add":
                content = Content("rule", title, "What is to be done.", tags=(title,))
                return library.add(project, content, act.tier or "internal", id=act.id)
            if act.kind == "delete":
                return library.delete(project, act.id, None if act.seen else version)
            to = None if act.to is None or act.kind == "update" else self.names[act.to]
            tier = None if act.kind == "update" else act.tier
            changes = {} if act.title is None else {"title": title, "tags": (title,)}
            return library.update(project, act.id, version, changes, tier=tier, to=to)
        except QuantumMemoryError as error:
            return error

    def done(self, state: State, act: Act, version: int) -> State | None:
        """What an act that was acknowledged has made of what was there; ``None`` where it could not have been done."""
        title = act.title or "A plan"
        if act.kind == "add":
            key = act.project, act.tier or "internal", act.id
            return state | {key: (1, title)} if state.get(key) in (None, (1, title)) else None
        here = act.caller.meant(state, act.project, act.id)
        if act.kind == "delete":
            if here is None or (not act.seen and state[here][0] != version):
                return None
            return {key: told for key, told in state.items() if key != here}
        move = act.kind == "move"
        project = act.to if move and act.to is not None else act.project
        if here is not None and state[here][0] == version:
            goal = project, (move and act.tier) or here[1], act.id
            rest = {key: told for key, told in state.items() if key != here}
            return None if goal in rest else rest | {goal: (version + 1, act.title or state[here][1])}
        alike = [
            key
            for key, told in state.items()
            if (key[0], key[2], told[0]) == (project, act.id, version + 1) and act.title in (None, told[1])
        ]
        return state if alike else None

    def may_be(self, acts: list[tuple[Act, int, Any]]) -> list[State]:
        """What may be there once these came to what they did, in whichever order."""
        orders = [acts, acts[::-1]]
        found: list[State] = []
        for order in orders:
            states: list[State] = [self.state]
            for act, version, answer in order:
                after = [self.done(one, act, version) for one in states]
                if isinstance(answer, Unavailable):
                    states += [one for one in after if one is not None]
                elif not isinstance(answer, QuantumMemoryError):
                    states = [one for one in after if one is not None]
            found += states
        return found

    def step(self, step: Step) -> None:
        if step.meets == "again":
            self.again()
            return
        version, op = self.version(step.act), f"op-{next(NUMBERS)}"
        others: list[tuple[Act, int, Any]] = []

        def other() -> None:
            act = step.meets
            assert isinstance(act, Act)
            others.append((act, self.version(act), self.do(act, self.version(act), f"op-{next(NUMBERS)}")))

        if step.meets != "nothing":
            self.seam.arm(step.at, other if isinstance(step.meets, Act) else step.meets)
        answer = self.do(step.act, version, op)
        self.seam.disarm()
        if isinstance(answer, Unavailable) and isinstance(step.meets, Act):
            raise answer
        seen = self.look()
        assert seen in self.may_be([(step.act, version, answer), *others]), (answer, others)
        if isinstance(answer, Unavailable):
            self.cut.append((step.act, op, version, seen != self.state))
        self.state = seen
        self.check()

    def again(self) -> None:
        """The caller of what was cut off asks once more under the same key."""
        if not self.cut:
            return
        act, op, version, was = self.cut.pop()
        answer = self.do(act, version, op)
        seen = self.look()
        if was:
            assert not isinstance(answer, QuantumMemoryError), "it had been done"
            assert seen == self.state, "and is not done twice"
            if isinstance(answer, Entry):
                assert answer.version == (1 if act.kind == "add" else version + 1), "it is told what it came to"
                assert act.title in (None, answer.title)
        elif isinstance(answer, QuantumMemoryError):
            assert seen == self.state
        else:
            assert seen in self.may_be([(act, version, answer)])
        self.state = seen
        self.check()


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    made = Front(Path(tmp_path_factory.mktemp("library")))
    yield made
    made.close()


@pytest.fixture(scope="module")
def seam() -> Iterator[Seam]:
    made = Seam()

    def call(self: LocalDirectory, *asked: Any, **options: Any) -> Any:
        return made(self, *asked, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LocalDirectory, "call", call)
        yield made


ALL, LOW = EVERYBODY[-3], EVERYBODY[0]
ADD = Act("add", ALL, 0, "plan", "A plan", "open", None, 0)
UP = Act("move", ALL, 0, "plan", "Another plan", "restricted", None, 0)
AWAY = Act("delete", LOW, 0, "plan", None, None, None, 0)


@settings(max_examples=30, deadline=None)
@given(st.lists(STEPS, max_size=10))
def test_whoever_reads_sees_each_entry_once_as_it_was_acknowledged_last(
    front: Front, seam: Seam, steps: list[Step]
) -> None:
    world = World(front, seam)
    for step in steps:
        world.step(step)


@pytest.mark.parametrize("how", ["before", "after"])
@pytest.mark.parametrize("at", range(1, 11))
def test_a_move_is_cut_off_at_every_call_and_what_it_left_is_changed_by_whoever_sees_it(
    front: Front, seam: Seam, at: int, how: str
) -> None:
    changed = UP._replace(kind="update", caller=LOW, title="The last plan")
    elsewhere = UP._replace(title="The last plan", to=1)
    anew = ADD._replace(tier="restricted", title="The last plan")
    for second in (AWAY, AWAY._replace(caller=ALL), changed, changed._replace(caller=ALL), UP, elsewhere, anew):
        world = World(front, seam)
        for step in (Step(ADD, 0, "nothing"), Step(UP, at, how), Step(second, 0, "nothing"), Step(ADD, 0, "again")):
            world.step(step)
        world.step(Step(ADD, 0, "nothing"))
        world.step(Step(UP, 0, "nothing"))


@pytest.mark.parametrize("at", range(1, 11))
def test_a_move_is_met_at_every_call_by_another_change(front: Front, seam: Seam, at: int) -> None:
    changed = UP._replace(kind="update", caller=LOW, title="The last plan")
    back = ADD._replace(tier="restricted", title="The last plan")
    for other in (AWAY, AWAY._replace(caller=ALL), changed, UP, UP._replace(title="The last plan"), back):
        world = World(front, seam)
        for step in (Step(ADD, 0, "nothing"), Step(UP, at, other), Step(AWAY, 0, "nothing"), Step(ADD, 0, "nothing")):
            world.step(step)
