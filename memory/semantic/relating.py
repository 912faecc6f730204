"""Relations from memories, behind the writes: what each memory says, with its id and its date, ready to be related.

Asks an extractor, keeps no state and writes nothing. The same memory gives the same relations, so that a pass over
memories may be repeated; whoever journals the results decides what of them is new.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import NamedTuple

from quantum_memory.checks import bounded, whole
from quantum_memory.errors import InvalidInput
from quantum_memory.memory.semantic.extractors import Extractor
from quantum_memory.memory.semantic.predicates import begun
from quantum_memory.memory.semantic.relations import checked
from quantum_memory.memory.semantic.triples import Triple
from quantum_memory.types import Memory, MemoryId, Relation, RelationKey

LEAST_CONFIDENCE = 0.75
"""Below it lie subjects without a name or an owner, "the team": nobody knows later which."""
BATCH = 64
MAX_BATCH = 10_000
INFERRED = 0.8
"""How sure it is that what an event brings about goes on: who moved to a place lives there."""


class Denied(NamedTuple):
    """A relation of which a memory says that it does not hold, and since when."""

    key: RelationKey
    at: datetime


class Extraction(NamedTuple):
    """What one memory says.

    Attributes:
        relations: in the order of the text, each key once; ``weight`` is the confidence, ``memory`` the memory's id.
        denied: what the text says is not so, or no longer.
    """

    memory: MemoryId
    relations: tuple[Relation, ...]
    denied: tuple[Denied, ...]


class RelationExtractor:
    """Makes relations of memories.

    Args:
        extractor: who reads the texts.
        least_confidence: what is less sure is left out, in [0, 1].

    Raises: OutOfRange, NotFinite, InvalidValue.
    """

    def __init__(self, extractor: Extractor, *, least_confidence: float = LEAST_CONFIDENCE) -> None:
        self._extractor = extractor
        self._least = bounded("least_confidence", least_confidence, 0.0, 1.0)

    def read(self, memories: Sequence[Memory]) -> tuple[Extraction, ...]:
        """What each memory says, in order; one of which nothing is known has an empty extraction.

        Raises: what the extractor raises; then nothing was made of any of them, and the batch can be tried again.
        """
        return tuple(self._said_by(memory) for memory in memories)

    def batches(self, memories: Iterable[Memory], size: int = BATCH) -> Iterator[tuple[Extraction, ...]]:
        """The same in batches, so that whoever writes them down can rest in between. Raises: OutOfRange."""
        whole("size", size, 1, MAX_BATCH)
        return self._batches(iter(memories), size)

    def _batches(self, memories: Iterator[Memory], size: int) -> Iterator[tuple[Extraction, ...]]:
        while batch := list(islice(memories, size)):
            yield self.read(batch)

    def _said_by(self, memory: Memory) -> Extraction:
        relations: dict[RelationKey, Relation] = {}
        denied: dict[RelationKey, Denied] = {}
        for triple in self._extractor.triples(memory.text, memory.speaker, memory.at):
            relation = _relation(triple, memory)
            if triple.confidence < self._least or triple.subject == triple.object or not _fits(relation):
                continue
            if triple.negated:
                if triple.tense == "present":
                    denied.setdefault(relation.key, Denied(relation.key, relation.at or memory.at))
                continue
            _add(relations, relation)
            follows = begun(relation)
            if follows is not None:
                _add(relations, _weighed(follows, follows.weight * INFERRED))
        both = relations.keys() & denied.keys()  # a text that says both says nothing
        return Extraction(
            memory.id,
            tuple(one for key, one in relations.items() if key not in both),
            tuple(one for key, one in denied.items() if key not in both),
        )


def _relation(triple: Triple, memory: Memory) -> Relation:
    return Relation(
        triple.subject, triple.predicate, triple.object, triple.confidence, triple.at or memory.at, memory.id
    )


def _fits(relation: Relation) -> bool:
    """Whether a graph would keep it."""
    try:
        checked(relation)
    except InvalidInput:
        return False
    return True


def _weighed(relation: Relation, weight: float) -> Relation:
    return Relation(*relation.key, round(weight, 4), relation.at, relation.memory)


def _add(relations: dict[RelationKey, Relation], relation: Relation) -> None:
    """Take it in, unless the same is known as surely."""
    known = relations.get(relation.key)
    if known is None or known.weight < relation.weight:
        relations[relation.key] = relation
