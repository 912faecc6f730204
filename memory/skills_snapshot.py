"""Skills as columns. Knows no file."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from quantum_memory.memory.columns import Arrays, Attributes, Columns, Dump, Reading, difference
from quantum_memory.memory.events import Tries
from quantum_memory.memory.skills import SkillsState, fit_numbers, tries_of
from quantum_memory.memory.snapshots import fingerprint
from quantum_memory.types import Part, Skill, Vector

VERSION = 3
MOST_TRIES = 2**62


class SkillsCodec:
    """A ``StateCodec`` of the part "skills". Skills are few: their words are counted again when they are loaded."""

    part: Part = "skills"
    fingerprint = fingerprint("skills", VERSION)

    def dump(self, state: SkillsState) -> Dump:
        """The skills by name, and their tries by origin."""
        skills = state.all()
        columns = Columns()
        columns.texts("name", [skill.name for skill in skills])
        columns.texts("when", [skill.when for skill in skills])
        columns.grouped("steps", [skill.steps for skill in skills])
        columns.texts("steps", [step for skill in skills for step in skill.steps])
        tries = np.array([(skill.successes, skill.failures) for skill in skills], np.int64).reshape(-1, 2)
        columns.numbers("tries", tries, np.int64)
        columns.times("at", [skill.at for skill in skills])
        columns.numbers("version", [skill.version for skill in skills], np.int64)
        columns.grouped("optional", [skill.optional for skill in skills])
        columns.numbers("optional", [step for skill in skills for step in skill.optional], np.int64)
        columns.grouped("sources", [skill.sources for skill in skills])
        columns.texts("sources", [source for skill in skills for source in skill.sources])
        columns.blobs("embedding", [_bytes(skill.embedding) for skill in skills])
        told = list(tries_of(state))
        columns.texts("origin/skill", [one.skill for one in told])
        columns.texts("origin", [one.origin for one in told])
        placed = np.array([(one.successes, one.failures) for one in told], np.int64).reshape(-1, 2)
        columns.numbers("origin/tries", placed, np.int64)
        return Dump(columns.arrays, {"skills": len(skills)})

    def load(self, arrays: Arrays, attributes: Attributes) -> SkillsState:
        """Raises: CorruptRecord."""
        read = Reading("snapshot of skills", arrays, attributes)
        count = read.count("skills")
        names, whens = read.distinct_texts("name", count), read.texts("when", count)
        steps = read.grouped("steps", read.texts("steps"), count)
        tries = read.within("tries", np.int64, (count, 2), 0, MOST_TRIES).tolist()
        skills = [
            Skill(name, tuple(how), when, successes, failures, at, *rest)
            for name, how, when, (successes, failures), at, rest in zip(
                names, steps, whens, tries, read.optional_times("at", count), _provenance(read, count), strict=True
            )
        ]
        for skill in skills:
            read.require("optional", fit_numbers(skill.optional, len(skill.steps)), f"steps of {skill.name!r}")
        return SkillsState.of(skills, _tries(read, names))

    def difference(self, one: SkillsState, other: SkillsState) -> str | None:
        """What differs, byte by byte."""
        return difference(self.dump(one), self.dump(other))


def _bytes(embedding: Vector | None) -> bytes:
    return b"" if embedding is None else embedding.astype("<f4", copy=False).tobytes()


def _provenance(read: Reading, count: int) -> Iterator[tuple[tuple[int, ...], tuple[str, ...], int, Vector | None]]:
    """Of each skill the optional steps, the sources, the version and the embedding."""
    optional = read.grouped("optional", read.numbers("optional", np.int64, (None,)).tolist(), count)
    sources = read.grouped("sources", read.texts("sources"), count)
    versions = read.within("version", np.int64, (count,), 1, MOST_TRIES).tolist()
    embeddings = read.each("embedding", _vector, read.blobs("embedding", count))
    for numbers, ids, version, embedding in zip(optional, sources, versions, embeddings, strict=True):
        yield tuple(numbers), tuple(ids), version, embedding


def _vector(data: bytes) -> Vector | None:
    """Raises: ValueError."""
    if not data:
        return None
    vector = np.frombuffer(data, "<f4").astype(np.float32, copy=False)
    if not np.isfinite(vector).all():
        raise ValueError("an embedding holds NaN or infinity")
    return vector


def _tries(read: Reading, names: list[str]) -> list[Tries]:
    """The tries by origin, each of a skill that there is."""
    skills = read.texts("origin/skill")
    origins = read.texts("origin", len(skills))
    counts = read.within("origin/tries", np.int64, (len(skills), 2), 0, MOST_TRIES).tolist()
    read.require("origin/skill", set(skills) <= set(names), "tries of a skill that there is not")
    distinct = len(set(zip(skills, origins, strict=True))) == len(skills)
    read.require("origin", distinct, "an origin stands twice for one skill")
    return [Tries(skill, origin, *tried) for skill, origin, tried in zip(skills, origins, counts, strict=True)]
