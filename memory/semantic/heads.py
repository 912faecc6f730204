"""Where the columns of a graph lie, as one table of numbers: what machine code reads it by.

Owns the order of that table. A row of it is good as long as the slice that it was made of is held.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from quantum_memory.memory.machine import address_of, place_of
from quantum_memory.memory.semantic.texts import Ids, Texts

if TYPE_CHECKING:
    from quantum_memory.memory.semantic.slices import Slice
    from quantum_memory.memory.semantic.weave import Woven

Heads = NDArray[np.int64]
"""(s, ``WIDE``) int64: of each slice where its columns begin; see the places below."""

BEGIN, ROWS, CONCEPTS, SESSIONS, DEAD, COUNTS = range(6)
STARTS, FORMS, OF_FORM, POSTED, POSTED_ROWS, ATS, SESSION, BEGUN, CHAINS, KINDS, ORDER = range(6, 28, 2)
"""Columns of whole numbers: the address, and in the place after it how wide they are."""
HASHES, SESSION_HASHES, NUMBERS = range(28, 31)
KEYS, KEY_STARTS, IDS, ID_STARTS, ID_WIDTH = 31, 32, 34, 35, 37
WIDE = 38


def head_of(part: Slice) -> Heads:
    """(``WIDE``,) the row of a slice, of which ``BEGIN`` is still 0."""
    run, head = part.run, np.zeros(WIDE, np.int64)
    head[ROWS], head[CONCEPTS], head[SESSIONS] = len(run), len(run.hashes), len(run.session_hashes)
    columns = {
        STARTS: run.starts,
        FORMS: run.forms,
        OF_FORM: run.of_form,
        POSTED: run.posted,
        POSTED_ROWS: run.rows,
        ATS: run.ats,
        SESSION: run.session,
        BEGUN: run.begun,
        CHAINS: run.chains,
        KINDS: run.kinds,
        ORDER: run.order,
    }
    for place, column in columns.items():
        head[place : place + 2] = place_of(column)
    for place, hashes in ((HASHES, run.hashes), (SESSION_HASHES, run.session_hashes), (NUMBERS, run.numbers)):
        head[place] = address_of(hashes)
    head[KEYS : KEYS + 3] = _texts(run.keys)
    head[IDS : IDS + 4] = _ids(run.ids)
    if part.dead is not None:
        head[DEAD], head[COUNTS] = _bytes(part.dead), address_of(part.counts())
    return head


def heads_of(woven: Woven) -> Heads:
    """The rows of all slices."""
    heads = np.zeros((len(woven.slices), WIDE), np.int64)
    begin = 0
    for at, part in enumerate(woven.slices):
        heads[at] = part.head
        heads[at, BEGIN] = begin
        begin += len(part.run)
    return heads


def _texts(texts: Texts) -> tuple[int, int, int]:
    return _bytes(texts.data), *place_of(texts.starts)


def _ids(ids: Ids) -> tuple[int, int, int, int]:
    """Where ids lie, and how many bytes each takes, or 0 where ``starts`` say that."""
    texts = ids.texts
    return (_bytes(ids.data), 0, 0, ids.width) if texts is None else (*_texts(texts), 0)


def _bytes(data: Any) -> int:
    return address_of(np.frombuffer(data, np.uint8)) if len(data) else 0
