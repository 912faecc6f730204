"""A stateful test of a whole memory: anything that can be done to it, in any order, beside the plain model.

Subclass ``MemoryMachine``, say in ``opened`` how yours is opened, and give its ``TestCase`` to pytest.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from quantum_memory.memory.semantic.extract import extract
from quantum_memory.memory.vault.vault import Vault
from quantum_memory.settings import Settings
from quantum_memory.testing.invariants import faults
from quantum_memory.testing.model import Line, Mind
from quantum_memory.types import PAD, PARTS, Part, RelationKey, Utterance

if TYPE_CHECKING:
    from quantum_memory.actors.handle import AgentHandle
    from quantum_memory.cluster.connect import MemoryCluster

NUMBERS = st.integers(0, 30)
ACTS = ("remember", "remember", "revise", "forget", "feel", "relate", "unrelate", "learn", "practise")
Act = tuple[str, int]
ACT = st.tuples(st.sampled_from(ACTS), NUMBERS)


class Trial(Protocol):
    """A memory under test.

    Attributes:
        memory: what users would have.
        subject: the vault under it.
        settings: what it runs with; embeddings have ``settings.perception.dim`` numbers.
    """

    memory: MemoryCluster
    settings: Settings

    @property
    def subject(self) -> Vault: ...

    def crash(self) -> None:
        """Lose whatever is not in the vault, as if the process had been killed, and come back."""
        ...

    def tidy(self) -> None:
        """Do at once what the background would do some time: seal, join, index, collect garbage."""
        ...

    def close(self) -> None: ...


class _GiveUpError(Exception):
    """What makes a transaction be given up."""


def _perhaps_give_up(keep: bool) -> None:
    if not keep:
        raise _GiveUpError


def _nodes(mind: Mind) -> set[tuple[str, str]]:
    """What the graph should show: its memories, and what is named in the texts that it was told."""
    texts = mind.in_graph()
    named = {concept.key for text in texts.values() for concept in extract(text)}
    return {("memory", memory) for memory in texts} | {("concept", key) for key in named}


class MemoryMachine(RuleBasedStateMachine):
    """Remembers, forgets, feels, relates, learns, tries, forks, clones, checkpoints, tags, rolls back, merges, deletes,
    runs transactions and crashes; after each step every branch must be as the model has it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.trial = self.opened()
        self.lines: list[Line] = []
        self.step = 0

    @abstractmethod
    def opened(self) -> Trial:
        """A memory with nothing in it."""

    @initialize()
    def begin(self) -> None:
        """One agent to begin with."""
        self.lines = [Line("alice")]
        self.handle(0)

    def handle(self, index: int) -> AgentHandle:
        """The branch of this number."""
        line = self.lines[index]
        return self.trial.memory.agent(line.agent, None if line.name == "main" else line.name)

    @rule(which=NUMBERS, act=ACT)
    def act(self, which: int, act: Act) -> None:
        """Something that happens to one branch."""
        index = which % len(self.lines)
        self.lines[index].mind = self._done(self.handle(index), self.lines[index].mind, act)

    @rule(which=NUMBERS, acts=st.lists(ACT, min_size=1, max_size=5), keep=st.booleans())
    def transaction(self, which: int, acts: list[Act], keep: bool) -> None:
        """Several of them, all or nothing. Inside, they are seen; outside, they are not before the end."""
        index = which % len(self.lines)
        handle, line = self.handle(index), self.lines[index]
        mind = line.mind
        try:
            with handle.transaction():
                for act in acts:
                    mind = self._done(handle, mind, act)
                self._compare(handle, mind)
                _perhaps_give_up(keep)
            line.mind = mind
        except _GiveUpError:
            return

    @rule(which=NUMBERS)
    def checkpoint(self, which: int) -> None:
        """Give a place a name, by a commit or a tag."""
        index, self.step = which % len(self.lines), self.step + 1
        line, name = self.lines[index], f"place {self.step}"
        if self.step % 2:
            self.handle(index).checkpoint(name)
        else:
            self.handle(index).tag(name)
        line.named[name] = line.mind

    @precondition(lambda self: len(self.lines) < 8)
    @rule(which=NUMBERS, clone=st.booleans(), named=NUMBERS)
    def grow(self, which: int, clone: bool, named: int) -> None:
        """A fork or a clone, of now or of a place that has a name."""
        index, self.step = which % len(self.lines), self.step + 1
        line, name = self.lines[index], f"line {self.step}"
        places = [None, *sorted(set(line.named) & self._own_past(self.handle(index)))]
        at = places[named % len(places)]
        if clone:
            self.handle(index).clone(name, at=at)
            made = line.grown(name)
        else:
            self.handle(index).fork(name, at=at)
            made = line.grown(line.agent, name)
        made.mind = made.mind if at is None else line.named[at]
        self.lines.append(made)

    @rule(which=NUMBERS, named=NUMBERS, parts=st.sets(st.sampled_from(PARTS), min_size=1))
    def rollback(self, which: int, named: int, parts: set[Part]) -> None:
        """Some parts or all of them as they were at a place that has a name."""
        index = which % len(self.lines)
        line, handle = self.lines[index], self.handle(index)
        places = sorted(line.named)
        if not places:
            return
        name = places[named % len(places)]
        if name in self._own_past(handle):
            handle.rollback(name, parts)
            line.mind = line.mind.rolled_back(line.named[name], parts)

    @rule(which=NUMBERS, other=NUMBERS)
    def merge(self, which: int, other: int) -> None:
        """The last word of both counts; merging again does nothing."""
        index, from_ = which % len(self.lines), other % len(self.lines)
        if index == from_:
            return
        handle, source = self.handle(index), self.handle(from_)
        handle.merge(source, policy="newest")
        again = handle.merge(source, policy="newest")
        assert (again.added, again.revised, again.forgotten, again.skills, again.relations) == ((),) * 5, again
        self.lines[index].mind = self.lines[index].mind.merged(self.lines[from_].mind)

    @precondition(lambda self: any(line.name != "main" for line in self.lines))
    @rule(which=NUMBERS)
    def delete(self, which: int) -> None:
        """A branch goes; what came of it stays."""
        forks = [index for index, line in enumerate(self.lines) if line.name != "main"]
        index = forks[which % len(forks)]
        self.handle(index).delete()
        del self.lines[index]

    @rule()
    def crash(self) -> None:
        """Everything that is not in the vault is lost."""
        self.trial.crash()

    @rule()
    def tidy(self) -> None:
        """The background has its turn."""
        self.trial.tidy()

    @invariant()
    def every_branch_is_as_the_model_has_it(self) -> None:
        """Memories, the graph and its relations, skills and working memory; and what is known can be found."""
        for index, line in enumerate(self.lines):
            self._compare(self.handle(index), line.mind)

    def teardown(self) -> None:
        """At the end the past is what it was, and the vault is whole."""
        try:
            for index, line in enumerate(self.lines):
                handle = self.handle(index)
                for name in sorted(set(line.named) & self._own_past(handle)):
                    then = {memory.id: memory.text for memory in handle.memories(as_of=name)}
                    assert then == line.named[name].known(), name
            assert faults(self.trial.subject, self.trial.settings) == []
        finally:
            self.trial.close()

    def _own_past(self, handle: AgentHandle) -> set[str]:
        """The names of places that this agent can still reach: tags and commits go with a deleted branch."""
        names = {tag.name for tag in handle.tags()} | {commit.message for commit in handle.commits()}
        places = {tag.name: tag.place for tag in handle.tags()} | {one.message: one.place for one in handle.commits()}
        return {name for name in names if self._is_past(handle, places[name])}

    def _is_past(self, handle: AgentHandle, place: Any) -> bool:
        row, upto = handle.info, self.trial.subject.head(handle.info.id)
        while row.id != place.branch:
            if row.parent is None:
                return False
            upto = min(upto, row.fork_seq)
            row = self.trial.subject.branch(row.parent)
        return bool(row.fork_seq <= place.seq <= upto)

    def _compare(self, handle: AgentHandle, mind: Mind) -> None:
        memories = {memory.id: memory.text for memory in handle.memories()}
        assert memories == mind.known()
        assert {hit.memory.id for hit in handle.recall("thing number", k=100)} == set(memories)
        assert {one.key: one.weight for one in handle.relations()} == mind.weights()
        drawn = {node for node, data in handle.graph().nodes(data=True) if data["weight"]}
        assert drawn == _nodes(mind)
        skills = {skill.name: (skill.steps, skill.successes + skill.failures) for skill in handle.skills()}
        assert skills == mind.abilities()
        assert [memory.id for memory in handle.working()] == mind.at_hand()
        if mind.feelings == 0:
            assert handle.mood().at is None
        elif mind.feelings is not None:
            assert handle.mood().at is not None

    def _done(self, handle: AgentHandle, mind: Mind, act: Act) -> Mind:
        """Do one thing for real; what the branch should know then."""
        kind, choice = act
        self.step += 1
        step, known = self.step, sorted(mind.known())
        key = RelationKey("Bob", "likes", ("tea", "rain")[choice % 2])
        doing: dict[str, Callable[[], Mind]] = {
            "remember": lambda: self._remember(handle, mind, choice),
            "revise": lambda: self._revise(handle, mind, known[choice % len(known)]),
            "forget": lambda: self._forget(handle, mind, known[choice % len(known)]),
            "feel": lambda: self._feel(handle, mind, choice),
            "relate": lambda: self._relate(handle, mind, key),
            "unrelate": lambda: self._unrelate(handle, mind, key),
            "learn": lambda: self._learn(handle, mind, f"skill {step}"),
            "practise": lambda: self._practise(handle, mind, choice),
        }
        if (kind in ("revise", "forget") and not known) or (kind == "unrelate" and key not in mind.weights()):
            return mind
        return doing[kind]()

    def _remember(self, handle: AgentHandle, mind: Mind, choice: int) -> Mind:
        chance = np.random.default_rng(self.step)
        texts = {f"m{self.step}.{n}": f"thing number {self.step}.{n}" for n in range(1 + choice % 3)}
        given = [
            Utterance(
                text,
                id=identity,
                pad=PAD(*chance.uniform(-0.9, 0.9, 3)),
                embedding=chance.normal(size=self.trial.settings.perception.dim).astype(np.float32),
            )
            for identity, text in texts.items()
        ]
        assert handle.remember(given) == list(texts)
        return mind.remember(self.step, texts)

    def _revise(self, handle: AgentHandle, mind: Mind, memory: str) -> Mind:
        text = f"thing number {memory}, revised in step {self.step}"
        assert handle.revise(memory, text=text).text == text
        return mind.revise(self.step, memory, text)

    def _forget(self, handle: AgentHandle, mind: Mind, memory: str) -> Mind:
        assert handle.forget(memory) == 1
        return mind.forget(self.step, [memory])

    def _feel(self, handle: AgentHandle, mind: Mind, choice: int) -> Mind:
        handle.feel(("joy", "fear", "anger")[choice % 3], cause="a test")
        return mind.feel()

    def _relate(self, handle: AgentHandle, mind: Mind, key: RelationKey) -> Mind:
        weight = 1.0 + self.step
        assert handle.relate(*key, weight=weight).weight == weight
        return mind.relate(self.step, key, weight)

    def _unrelate(self, handle: AgentHandle, mind: Mind, key: RelationKey) -> Mind:
        handle.unrelate(*key)
        return mind.relate(self.step, key, None)

    def _learn(self, handle: AgentHandle, mind: Mind, name: str) -> Mind:
        steps = (f"do {name}",)
        assert handle.learn(name, steps).steps == steps
        return mind.learn(self.step, name, steps)

    def _practise(self, handle: AgentHandle, mind: Mind, choice: int) -> Mind:
        if not mind.abilities():
            return mind
        name = sorted(mind.abilities())[choice % len(mind.abilities())]
        handle.practise(name, succeeded=bool(choice % 2))
        return mind.practise(self.step, name)
