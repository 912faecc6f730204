"""How much new memories matter for what they speak of, asked of the graphs of their branches right before the write.

Reads and writes nothing else: what importance a memory gets is the policy's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from quantum_memory.actors.parts import Parts
from quantum_memory.actors.requests import RememberRequest, memory_id
from quantum_memory.actors.semantic_graph import SemanticGraphHost
from quantum_memory.memory.events import Spoken
from quantum_memory.policies.importance import ImportancePolicy
from quantum_memory.types import Memory


async def weighed(
    parts: Parts, policy: ImportancePolicy, requests: Sequence[RememberRequest], made: list[list[Memory]]
) -> list[list[Memory]]:
    """The memories as important as what they speak of makes them, where the policy asks for that.

    Each graph is asked as its branch stands, so the same history gives the same importance. Nothing is asked for
    requests of which nothing is left.
    """
    some = [number for number, memories in enumerate(made) if memories]
    if not policy.reads_graph or not some:
        return made
    branches = [requests[number].branch for number in some]
    asked = [
        (place, tuple(Spoken(one.id, one.text, one.speaker) for one in made[number]))
        for place, number in zip(await parts.journal.tips(branches), some, strict=True)
    ]
    found = await parts.graph.scatter(SemanticGraphHost.standings, [branch.lineage for branch in branches], asked)
    result = [list(memories) for memories in made]
    for number, standings in zip(some, found, strict=True):
        given = _given(requests[number])
        result[number] = [
            replace(one, importance=policy.importance(one.pad, one.confidence, given.get(one.id), standing))
            for one, standing in zip(made[number], standings, strict=True)
        ]
    return result


def _given(request: RememberRequest) -> dict[str, float | None]:
    """What importance the caller gave, by memory."""
    return {one.id or memory_id(request.op_id, number): one.importance for number, one in enumerate(request.utterances)}
