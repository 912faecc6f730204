"""Statements that say the same, in groups: by meaning, by what they speak of, and by who speaks. Writes nothing.

Average linkage (Sokal and Michener, 1958) on cosines, within the parts that share a concept and are near enough at all.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from quantum_memory.checks import bounded, whole
from quantum_memory.memory.life.wording import pins
from quantum_memory.memory.semantic.extract import extract
from quantum_memory.types import Floats, Memory, Vector

COMMON = 256
"""A concept of more statements of one speaker than this tells nothing of which belong together."""
LARGEST = 1024
"""Statements linked at once; what hangs together in larger parts is cut at greater likeness first."""
STEP = 0.02
APART = 2.0
"""The distance of statements that contradict each other: the greatest that two can have."""


def clusters(statements: Sequence[Memory], cosine: float, least: int) -> list[list[Memory]]:
    """Groups of at least so many statements of one speaker, whose cosines are at least this in the mean.

    Statements that differ in a number, or of which one is negated, are never linked. The same statements give the same
    groups in whatever order they come: each in the order of time, and the groups by their first.

    Raises: InvalidValue, NotFinite, OutOfRange.
    """
    bounded("cosine", cosine, 0.0, 1.0)
    whole("least", least, 2, 2**31)
    ordered = sorted(statements, key=lambda one: (one.at, one.id))
    by_speaker: dict[str | None, list[Memory]] = {}
    for one in ordered:
        by_speaker.setdefault(one.speaker, []).append(one)
    found = [group for said in by_speaker.values() for group in _of_one(said, cosine) if len(group) >= least]
    return sorted(found, key=lambda group: (group[0].at, group[0].id))


def _of_one(said: Sequence[Memory], cosine: float) -> list[list[Memory]]:
    """The groups of what one speaker said."""
    vectors = np.stack([one.embedding for one in said])
    fixed = [pins(one.text) for one in said]
    linked = _links(said, vectors, cosine)
    found = []
    for part, least in _parts(linked, len(said), cosine):
        groups = _linked(part, vectors[part].astype(np.float64), [fixed[one] for one in part], least)
        found += [[said[one] for one in sorted(group)] for group in groups]
    return found


def _links(said: Sequence[Memory], vectors: Vector, cosine: float) -> dict[tuple[int, int], float]:
    """The cosines of the pairs that share a concept and are at least this near."""
    speaking: dict[str, list[int]] = {}
    for number, one in enumerate(said):
        for concept in extract(one.text):
            speaking.setdefault(concept.key, []).append(number)
    found: dict[tuple[int, int], float] = {}
    for key in sorted(speaking):
        members = np.array(speaking[key])
        if not 1 < len(members) <= COMMON:
            continue
        near = vectors[members].astype(np.float64)
        products = near @ near.T
        ones, others = np.nonzero(np.triu(products >= cosine, 1))
        for left, right in zip(ones.tolist(), others.tolist(), strict=True):
            found[int(members[left]), int(members[right])] = float(products[left, right])
    return found


def _parts(linked: dict[tuple[int, int], float], size: int, cosine: float) -> list[tuple[NDArray[np.intp], float]]:
    """The parts that hang together, none larger than can be linked at once, and the cosine at which each was cut."""
    todo, done = [(linked, cosine)], []
    while todo:
        links, least = todo.pop()
        if not links:
            continue
        ends = np.array(list(links))
        graph = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(size, size))
        _, labels = connected_components(graph, directed=False)
        for label in np.unique(labels[ends[:, 0]]).tolist():
            part = np.flatnonzero(labels == label)
            if len(part) <= LARGEST:
                done.append((part, least))
                continue
            inside = {pair: near for pair, near in links.items() if labels[pair[0]] == label}
            if least >= 1.0:  # copies of one another: any cut is as good
                done += [(part[start : start + LARGEST], least) for start in range(0, len(part), LARGEST)]
            else:
                higher = min(1.0, least + STEP)
                todo.append(({pair: near for pair, near in inside.items() if near >= higher}, higher))
    return done


def _linked(part: NDArray[np.intp], vectors: Floats, fixed: Sequence[frozenset[str]], cosine: float) -> list[list[int]]:
    """The groups of one part by average linkage, as numbers of statements."""
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    distances = np.clip(1.0 - vectors @ vectors.T, 0.0, APART)
    for one, own in enumerate(fixed):
        for other in range(one + 1, len(fixed)):
            if own != fixed[other]:
                distances[one, other] = distances[other, one] = APART * len(fixed)
    np.fill_diagonal(distances, 0.0)
    labels = fcluster(linkage(squareform(distances, checks=False), "average"), 1.0 - cosine, "distance")
    by_label: dict[int, list[int]] = {}
    for number, label in zip(part.tolist(), labels.tolist(), strict=True):
        by_label.setdefault(label, []).append(number)
    return list(by_label.values())


def medoid(group: Sequence[Memory]) -> Memory:
    """The most central of some statements: nearest in the mean to all of them; of equals the first."""
    vectors = np.stack([one.embedding for one in group]).astype(np.float64)
    return group[int(np.argmax((vectors @ vectors.sum(axis=0)).round(9)))]
