"""Episodes: a run of turns that is over becomes one memory that tells its most central turns. Writes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import pairwise

import numpy as np

from quantum_memory.checks import bounded, whole
from quantum_memory.memory.life.facts import Found
from quantum_memory.memory.life.provenance import (
    KEY,
    Origin,
    derived,
    in_order,
    joined_tags,
    made_id,
    origin_of,
    rewritten,
    words_of,
)
from quantum_memory.types import PAD, Memory, MemoryId, Vector

KIND = "episode"
TURN_CHARS = 400
"""Characters of a turn that a summary takes up."""
NOVELTY = 0.3
"""The weight of being unlike the turns chosen before (Carbonell and Goldstein, 1998: one less their lambda)."""


@dataclass(frozen=True, slots=True)
class Runs:
    """Which turns are one episode.

    Turns of one session are; without a session those are between which no longer gap lies.

    Attributes:
        gap_s: the longest gap, and how long ago the last turn must be for the episode to be over.
        least: how many turns there must be.
        told: how many of them its memory tells, and ``chars`` the characters that this may take.
        kinds: the kinds of memories that are turns.

    Raises: InvalidValue, NotFinite, OutOfRange.
    """

    gap_s: float = 1800.0
    least: int = 4
    told: int = 3
    chars: int = 8192
    kinds: frozenset[str] = field(default_factory=lambda: frozenset({"utterance"}))

    def __post_init__(self) -> None:
        bounded("gap_s", self.gap_s, 0.0, 1e12)
        whole("least", self.least, 2, 2**31)
        whole("told", self.told, 1, 64)
        whole("chars", self.chars, 1, 2**31)


def runs(memories: Iterable[Memory], rule: Runs, now: datetime) -> list[list[Memory]]:
    """The runs of turns that are over, each in the order of time, by their first."""
    turns = in_order(one for one in memories if one.kind in rule.kinds and not derived(one))
    by_session: dict[str, list[Memory]] = {}
    loose: list[Memory] = []
    for one in turns:
        (loose if one.session is None else by_session.setdefault(one.session, [])).append(one)
    found = list(by_session.values())
    begun = 0
    for number, (one, following) in enumerate(pairwise(loose), 1):
        if (following.at - one.at).total_seconds() > rule.gap_s:
            found.append(loose[begun:number])
            begun = number
    found.append(loose[begun:])
    over = [run for run in found if len(run) >= rule.least and (now - run[-1].at).total_seconds() > rule.gap_s]
    return sorted(over, key=lambda run: (run[0].at, run[0].id))


def episodes(memories: Iterable[Memory], rule: Runs, now: datetime) -> Found:
    """The memories of episodes that follow from turns, as far as they are not there already.

    An episode has one id on every branch, from its first turn, or that which it has already. What is gone of its turns
    stays in its provenance, and words that somebody wrote anew stay. Doing what is found and asking again finds
    nothing.
    """
    every = list(memories)
    there = {one.id: one for one in every}
    known: dict[MemoryId, Memory] = {}
    for one in sorted(every, key=lambda old: old.id, reverse=True):
        origin = origin_of(one)
        if one.kind == KIND and origin is not None and origin.how == "episode":
            known |= dict.fromkeys(origin.sources, one)
    written: list[Memory] = []
    taken: set[MemoryId] = set()
    for run in runs(every, rule, now):
        old = next((known[one.id] for one in run if one.id in known and known[one.id].id not in taken), None)
        identity = made_id("episode", run[0].id) if old is None else old.id
        if identity in taken or (old is None and identity in there):
            continue
        taken.add(identity)
        new = _episode(identity, run, rule, old)
        if old is None or replace(new, revised_at=old.revised_at) != old:
            written.append(new if old is None else replace(new, revised_at=now))
    return Found(tuple(written))


def _episode(identity: MemoryId, run: Sequence[Memory], rule: Runs, old: Memory | None) -> Memory:
    origin = None if old is None else origin_of(old)
    sources = dict.fromkeys((*(origin.sources if origin else ()), *(one.id for one in run)))
    sure = [one.confidence for one in run]
    text = summary(run, rule.told)[: rule.chars].rstrip()
    kept = old if old is not None and rewritten(old) else None
    return Memory(
        id=identity,
        text=text if kept is None else kept.text,
        at=run[-1].at,
        pad=PAD.mean([one.pad for one in run], sure if any(sure) else None),
        confidence=sum(sure) / len(sure),
        importance=max(one.importance for one in run),
        embedding=centroid(run) if kept is None else kept.embedding,
        kind=KIND,
        session=run[0].session,
        tags=joined_tags(run),
        metadata={
            **({} if old is None else old.metadata),
            KEY: Origin("episode", tuple(sources), words=words_of(text)).to_plain(),
        },
    )


def centroid(run: Sequence[Memory]) -> Vector:
    """The mean direction of what was said; that of the first turn where all cancel out."""
    total = np.sum([one.embedding.astype(np.float64) for one in run], axis=0)
    length = float(np.linalg.norm(total))
    return run[0].embedding if length < 1e-6 else (total / length).astype(np.float32)


def summary(run: Sequence[Memory], told: int) -> str:
    """The most central turns in the order of time, a line each, with who spoke. Of equals the first.

    Chosen one by one for the cosine with the mean of all turns, less the likeness to those chosen before: maximal
    marginal relevance (Carbonell and Goldstein, 1998).
    """
    vectors = np.stack([one.embedding for one in run]).astype(np.float64)
    central = vectors @ centroid(run).astype(np.float64)
    chosen: list[int] = []
    like = np.zeros(len(run))
    while len(chosen) < min(told, len(run)):
        gain = ((1.0 - NOVELTY) * central - NOVELTY * like).round(9)
        gain[chosen] = -np.inf
        chosen.append(int(np.argmax(gain)))
        like = np.maximum(like, vectors @ vectors[chosen[-1]])
    return "\n".join(_line(run[number]) for number in sorted(chosen))


def _line(turn: Memory) -> str:
    text = " ".join(turn.text.split())
    short = text if len(text) <= TURN_CHARS else text[: TURN_CHARS - 1] + "…"
    return f"{turn.speaker}: {short}" if turn.speaker else short
