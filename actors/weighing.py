"""How much new memories matter for how they meet what is known, asked of their branches' views right before the write.

Reads and writes nothing else: what importance a memory gets is the policy's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from quantum_memory.actors.episodic_memory import Encounter, EpisodicMemoryHost
from quantum_memory.actors.parts import Parts
from quantum_memory.actors.requests import RememberRequest, memory_id
from quantum_memory.actors.semantic_graph import SemanticGraphHost
from quantum_memory.memory.events import Spoken
from quantum_memory.policies.importance import NOT_ASKED, ImportancePolicy, Met
from quantum_memory.types import Branch, Memory, Place

WHY = "importance"
"""The key in the metadata under which the parts of an importance stand that was made of more than a feeling."""


async def weighed(
    parts: Parts,
    policy: ImportancePolicy,
    requests: Sequence[RememberRequest],
    made: list[list[Memory]],
    alike: float,
) -> list[list[Memory]]:
    """The memories as important as what is known makes them, where the policy asks for that.

    Each view is asked once for a whole request, as its branch stands, so the same history gives the same importance.
    Nothing is asked for requests of which nothing is left. The parts of the importance are put in the metadata of a
    memory whose caller says neither how important it is nor anything under that key.
    """
    some = [number for number, memories in enumerate(made) if memories]
    if not (policy.reads_graph or policy.reads_memories) or not some:
        return made
    branches = [requests[number].branch for number in some]
    places = await parts.journal.tips(branches)
    asked = [made[number] for number in some]
    standings = await _standings(parts, policy, branches, places, asked)
    mets = await _mets(parts, policy, branches, places, asked, alike)
    result = [list(memories) for memories in made]
    for number, stands, meets in zip(some, standings, mets, strict=True):
        given = _given(requests[number])
        result[number] = [
            _weighed(policy, one, given.get(one.id), standing, met)
            for one, standing, met in zip(made[number], stands, meets, strict=True)
        ]
    return result


async def _standings(
    parts: Parts,
    policy: ImportancePolicy,
    branches: Sequence[Branch],
    places: Sequence[Place],
    made: Sequence[Sequence[Memory]],
) -> Sequence[Sequence[float]]:
    if not policy.reads_graph:
        return [[0.0] * len(memories) for memories in made]
    asked = [
        (place, tuple(Spoken(one.id, one.text, one.speaker) for one in memories))
        for place, memories in zip(places, made, strict=True)
    ]
    return await parts.graph.scatter(SemanticGraphHost.standings, [branch.lineage for branch in branches], asked)


async def _mets(
    parts: Parts,
    policy: ImportancePolicy,
    branches: Sequence[Branch],
    places: Sequence[Place],
    made: Sequence[Sequence[Memory]],
    alike: float,
) -> Sequence[Sequence[Met]]:
    if not policy.reads_memories:
        return [[NOT_ASKED] * len(memories) for memories in made]
    asked = [
        Encounter(place, tuple(one.embedding for one in memories), alike)
        for place, memories in zip(places, made, strict=True)
    ]
    return await parts.episodic.scatter(EpisodicMemoryHost.met, [branch.lineage for branch in branches], asked)


def _weighed(policy: ImportancePolicy, one: Memory, given: float | None, standing: float, met: Met) -> Memory:
    importance = policy.importance(one.pad, one.confidence, given, standing, met)
    if given is not None or WHY in one.metadata or not policy.reads_memories:
        return replace(one, importance=importance)
    told = {name: part for name, part in policy.parts(one.pad, one.confidence, standing, met).items() if part}
    return replace(one, importance=importance, metadata={**one.metadata, WHY: told} if told else one.metadata)


def _given(request: RememberRequest) -> dict[str, float | None]:
    """What importance the caller gave, by memory."""
    return {one.id or memory_id(request.op_id, number): one.importance for number, one in enumerate(request.utterances)}
