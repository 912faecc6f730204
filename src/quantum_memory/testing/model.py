"""An agent's mind as a plain value: dictionaries, nothing shared, nothing fast. What the real one is compared with.

Owns no storage. Merging here is by the rule "newest": of each thing the last word counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from quantum_memory.memory.vault.writes import ROOT_BRANCH
from quantum_memory.types import PARTS, MemoryId, Part, RelationKey

Said = Mapping[Any, tuple[int, Any]]
"""By key: the number of the step that had the last word, and what it said; ``None`` took it away."""
WORKING = 128


@dataclass(frozen=True)
class Mind:
    """What one branch knows, part by part.

    Attributes:
        memories: texts by id, as the view of memories has them.
        relations: weights by key.
        woven: texts by id, as the graph has them. It is another than ``memories`` where one was rolled back alone.
        had: what the graph was told of memories, by id and step, until it was rolled back to before that.
        skills: steps by name.
        tries: every try of a skill, by name and step.
        working: the ids of the last memories, oldest first.
        feelings: how many feelings the mood has taken up; ``None`` once a merge has mixed it with another.
    """

    memories: Said = field(default_factory=dict)
    relations: Said = field(default_factory=dict)
    woven: Said = field(default_factory=dict)
    had: frozenset[tuple[MemoryId, int]] = frozenset()
    skills: Said = field(default_factory=dict)
    tries: frozenset[tuple[str, int]] = frozenset()
    working: tuple[MemoryId, ...] = ()
    feelings: int | None = 0

    def known(self) -> dict[MemoryId, str]:
        """The texts of the memories that are there."""
        return {key: text for key, (_, text) in self.memories.items() if text is not None}

    def in_graph(self) -> dict[MemoryId, str]:
        """The texts of the memories that the graph has."""
        return {key: text for key, (_, text) in self.woven.items() if text is not None}

    def weights(self) -> dict[RelationKey, float]:
        """The weights of the relations that hold."""
        return {key: weight for key, (_, weight) in self.relations.items() if weight is not None}

    def abilities(self) -> dict[str, tuple[tuple[str, ...], int]]:
        """The steps of the skills, and how often each was tried."""
        tried = Counter(name for name, _ in self.tries)
        return {name: (steps, tried[name]) for name, (_, steps) in self.skills.items()}

    def at_hand(self) -> list[MemoryId]:
        """Working memory: the last memories that are there."""
        known = self.known()
        return [memory for memory in self.working if memory in known]

    def remember(self, step: int, memories: Mapping[MemoryId, str]) -> Mind:
        """With memories that are new."""
        said = {memory: (step, text) for memory, text in memories.items()}
        working = (*self.working, *memories)[-WORKING:]
        felt = None if self.feelings is None else self.feelings + len(memories)
        return replace(self._said(said), working=working, feelings=felt)

    def revise(self, step: int, memory: MemoryId, text: str) -> Mind:
        """With one memory reading otherwise."""
        return self._said({memory: (step, text)})

    def forget(self, step: int, memories: Iterable[MemoryId]) -> Mind:
        """Without some memories."""
        gone: Said = dict.fromkeys(memories, (step, None))
        working = tuple(memory for memory in self.working if memory not in gone)
        return replace(self._said(gone), working=working)

    def _said(self, said: Said) -> Mind:
        """With these in the memories and in the graph."""
        return replace(
            self,
            memories={**self.memories, **said},
            woven={**self.woven, **said},
            had=self.had | _words(said),
        )

    def feel(self) -> Mind:
        """With one more feeling."""
        return replace(self, feelings=None if self.feelings is None else self.feelings + 1)

    def relate(self, step: int, key: RelationKey, weight: float | None) -> Mind:
        """With a relation, or without it."""
        return replace(self, relations={**self.relations, key: (step, weight)})

    def learn(self, step: int, name: str, steps: tuple[str, ...]) -> Mind:
        """With a skill."""
        return replace(self, skills={**self.skills, name: (step, steps)})

    def practise(self, step: int, name: str) -> Mind:
        """With one more try of a skill."""
        return replace(self, tries=self.tries | {(name, step)})

    def rolled_back(self, to: Mind, parts: Iterable[Part] = PARTS) -> Mind:
        """With some parts as they were."""
        fields = {"memories": ["memories"], "graph": ["relations", "woven", "had"], "skills": ["skills", "tries"]}
        fields |= {"working": ["working"], "mood": ["feelings"]}
        return replace(self, **{name: getattr(to, name) for part in parts for name in fields[part]})

    def merged(self, other: Mind) -> Mind:
        """Of each thing the last word of both. That something is gone is news only to those who knew it."""
        memories = _joined(self.memories, other.memories)
        # The graph becomes as the memories are, of all that is news to either.
        news = {key for key, last in memories.items() if self.memories.get(key) != last}
        news |= {key for key, _ in _words(other.memories) - self.had if key in memories}
        lost = {memory for memory, (_, text) in memories.items() if text is None}
        return Mind(
            memories=memories,
            relations=_joined(self.relations, other.relations),
            woven={**self.woven, **{key: memories[key] for key in news}},
            had=self.had | other.had | _words(other.memories),
            skills=_joined(self.skills, other.skills),
            tries=self.tries | other.tries,
            working=tuple(memory for memory in self.working if memory not in lost),
            feelings=None,
        )


def _words(said: Said) -> frozenset[tuple[Any, int]]:
    return frozenset((key, step) for key, (step, _) in said.items())


def _joined(mine: Said, theirs: Said) -> Said:
    news = {key: last for key, last in theirs.items() if key in mine or last[1] is not None}
    return {**mine, **{key: last for key, last in news.items() if key not in mine or last[0] > mine[key][0]}}


@dataclass
class Line:
    """A branch of the model: what it knows, and what it knew at places that have a name."""

    agent: str
    name: str = ROOT_BRANCH
    mind: Mind = field(default_factory=Mind)
    named: dict[str, Mind] = field(default_factory=dict)

    def grown(self, agent: str, name: str = ROOT_BRANCH) -> Line:
        """A branch that begins here. Names of places are its own."""
        return Line(agent, name, self.mind, dict(self.named))
