"""Parts of a score that follow from the candidates themselves. Reads no index and no state.

Each function gives (m,) values in [0, 1], one for each candidate.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import count, takewhile

import numpy as np
from numpy.typing import ArrayLike

from quantum_memory.memory import compiled
from quantum_memory.memory.episodic.columnar import Blobs, Ints
from quantum_memory.types import Floats, MemoryId, Vector

LEXICAL_SHARE = 0.6
"""Weight of words against meaning in how well a candidate matches."""
FADE = 0.95
"""What is left of a match one memory farther on in the same session."""
GAP_S = 3600.0
"""Memories without a session belong together where no more than this lies between them."""
LEAST_LEFT = 0.01
"""A seed that leaves less than this of a question's length is the question: what is left is the encoder's rounding."""
_WORD = re.compile(r"[^\W_]+")
_LEAST_NAME_CHARS = 2
_QUESTION_MARKS = ("?", "\uff1f", "\u061f", "\u037e")
_CLOSING = " \t\r\n\"')]\u201d\u2019\u00bb"
_ASKING = ord("?")
_UNCLEAR = np.array([code > 127 or chr(code) in _CLOSING for code in range(256)])
"""Last bytes of texts that do not tell how the text ends."""


def matching(relevance: Floats, lexical: Floats) -> Floats:
    """How well candidates match by meaning and by words together."""
    both: Floats = (relevance + LEXICAL_SHARE * lexical) / (1.0 + LEXICAL_SHARE)
    return both.clip(0.0, 1.0)


def nearness(match: Floats, sessions: Sequence[str | None], tickets: ArrayLike, at_s: ArrayLike) -> Floats:
    """The best match of the same session, ``FADE`` times as much for each memory that lies between.

    What was asked for is often told over several turns, of which one matches: the others are found by it.

    Args:
        match: (m,) how well each candidate matches, in [0, 1]; each is near to itself.
        sessions: the session of each, or ``None``.
        tickets: (m,) the places in the order of remembering.
        at_s: (m,) when each happened, in seconds.
    """
    numbers = {session: number for number, session in enumerate(dict.fromkeys(sessions))} | {None: -1}
    codes = np.array([numbers[session] for session in sessions], np.int64)
    return nearness_by_code(match, codes, np.asarray(tickets, np.int64), np.asarray(at_s, np.float64))


def nearness_by_code(match: Floats, codes: Ints, place: Ints, when: Floats) -> Floats:
    """The same of sessions by number, -1 for none."""
    order = np.lexsort((place, codes))
    machine = compiled.ready("memories")
    if machine is not None:
        told: Floats = machine.faded(np.asarray(match, np.float64), codes, place, when, order, _faded(), GAP_S)
        return told
    of, place, when = codes[order], place[order], when[order]
    joined = of[1:] == of[:-1]
    joined &= (of[1:] >= 0) | (np.abs(when[1:] - when[:-1]) <= GAP_S)
    steps = np.where(joined, _faded().take(np.diff(place), mode="clip"), 0.0).tolist()
    near = np.asarray(match, np.float64)[order].tolist()
    for at, left in enumerate(steps):
        if left and left * near[at] > near[at + 1]:
            near[at + 1] = left * near[at]
    for at in range(len(steps) - 1, -1, -1):
        if steps[at] and steps[at] * near[at + 1] > near[at]:
            near[at] = steps[at] * near[at + 1]
    found = np.empty(len(near))
    found[order] = near
    return found


@cache
def _faded() -> Floats:
    """Powers of ``FADE``, down to the first that is 0."""
    powers = takewhile(lambda left: left > 0.0, (FADE**step for step in count()))
    return np.array([*powers, 0.0])


def spoken_by(question: str, speakers: Iterable[str | None]) -> Floats:
    """1 where the question names who said it, by any word of the name, and 0 elsewhere."""
    words = {word for word in _WORD.findall(question.casefold()) if len(word) >= _LEAST_NAME_CHARS}
    named: dict[str | None, float] = {None: 0.0}
    for speaker in (own := list(speakers)):
        if speaker not in named:
            named[speaker] = float(not words.isdisjoint(_WORD.findall((speaker or "").casefold())))
    return np.array([named[speaker] for speaker in own], dtype=np.float64)


def statements(texts: Iterable[str]) -> Floats:
    """0 for a text that ends as a question, which rarely answers one, and 1 for any other."""
    return np.array([not text.rstrip(_CLOSING).endswith(_QUESTION_MARKS) for text in texts], dtype=np.float64)


def statements_of(texts: Blobs, rows: Ints) -> Floats:
    """The same of some of these texts, most of which are told by their last byte alone."""
    starts, ends = texts.starts[rows].astype(np.int64), texts.starts[rows + 1].astype(np.int64)
    last = texts.data.take(ends - 1, mode="clip") if len(texts.data) else np.zeros(len(rows), np.uint8)
    found: Floats = (last != _ASKING).astype(np.float64)
    for at in np.flatnonzero(_UNCLEAR[last] & (ends > starts)).tolist():
        found[at] = statements([texts.text(int(rows[at]))])[0]
    found[ends == starts] = 1.0
    return found


def told_by_last(last: Ints) -> tuple[Floats, Ints]:
    """(m,) the same where the last byte of a text tells, -1 for what has none; and the places where it does not."""
    told: Floats = (last != _ASKING).astype(np.float64)
    return told, np.flatnonzero((last < 0) | _UNCLEAR[last])


def bridged(
    question: Vector,
    ids: Sequence[MemoryId],
    vectors: Vector,
    bridges: Mapping[MemoryId, Mapping[MemoryId, float]],
) -> Floats:
    """How well each candidate answers what the memory that leads to it leaves of the question.

    For a seed p and a candidate j this is the strength of the bridge times the cosine of j with the question's part
    that is orthogonal to p; the best seed counts. One that leaves less than ``LEAST_LEFT`` leads nowhere.

    Args:
        question: (d,) of unit length.
        ids: of the m candidates, seeds among them.
        vectors: (m, d) their embeddings, of unit length.
        bridges: as the graph gives them; what is no candidate is passed over.
    """
    place = {memory: row for row, memory in enumerate(ids)}
    known = [
        (place[memory], place[seed], strength)
        for memory, seeds in bridges.items()
        for seed, strength in seeds.items()
        if memory in place and seed in place
    ]
    ways = np.array([way[:2] for way in known], np.int64).reshape(-1, 2)
    return bridged_rows(question.astype(np.float64), vectors, ways, np.array([way[2] for way in known]))


def bridged_rows(question: Floats, vectors: Vector, ways: Ints, strengths: Floats) -> Floats:
    """(m,) the same of bridges by rows: (w, 2) where each ends and where it begins, and (w,) how strong it is."""
    found = np.zeros(len(vectors))
    for leading in np.unique(ways[:, 1]).tolist():
        rest = question - float(question @ vectors[leading]) * vectors[leading]
        length = math.sqrt(float(rest @ rest))
        if length < LEAST_LEFT:
            continue
        mine = ways[:, 1] == leading
        rows = ways[mine, 0]
        fits = (vectors[rows] @ (rest / length)).clip(0.0, 1.0) * strengths[mine]
        np.maximum.at(found, rows, fits)
    return found
