"""From where a merge has to start: the latest place of the other side that this side has already.

Reads spans and merge markers. Never decodes a memory, never writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from quantum_memory.errors import PlaceNotFound
from quantum_memory.memory.timeline import History, Span, spans
from quantum_memory.types import PARTS, BranchId, Part, Place


class MergeMarker(NamedTuple):
    """That a branch took these parts over at its event number ``seq``: from which place, and since which."""

    seq: int
    source: Place
    base: Place | None
    parts: tuple[Part, ...] = PARTS


class MergeHistory(History, Protocol):
    """A history that can list its merges without reading what they brought."""

    def merges(self, branch: BranchId, upto: int) -> Sequence[MergeMarker]:
        """The branch's own merges with seq <= upto, oldest first."""
        ...


def merge_base(history: MergeHistory, ours: Place, theirs: Place, part: Part = "memories") -> Place | None:
    """The latest place in the effective history of ``theirs`` of which ``ours`` has one part already.

    It is ``theirs`` itself if nothing there is new, also where ``theirs`` is a fork that did nothing, or a rollback.

    Had are the events in the effective history of ``ours``, and of the sources of the merges in it, and so on. What
    was rolled back for this part does not count, so that a merge which was undone is offered again; nor does a merge
    that left the part alone. ``None`` if the two share nothing. The bases of two parts differ after one of them was
    rolled back alone.

    Raises: what ``history`` raises.
    """
    had = _had(history, ours, part)
    nothing_new = True
    for span in spans(history, part, theirs):
        upto = min(had.get((span.branch, span.after), span.after), span.upto)
        nothing_new = nothing_new and upto == span.upto
        if upto > span.after:
            return theirs if nothing_new else Place(span.branch, upto)
    if nothing_new:
        return theirs
    root = _root(history, theirs.branch)
    return Place(root, 0) if root == _root(history, ours.branch) else None


def _had(history: MergeHistory, ours: Place, part: Part) -> dict[tuple[BranchId, int], int]:
    """How far each stretch of one part's journal is known, by branch and the seq after which the stretch starts.

    One start of a stretch has one past: whoever knows a part of it knows all that came before. So a walk ends where it
    meets a stretch that was walked already.
    """
    had: dict[tuple[BranchId, int], int] = {}
    todo = [ours]
    while todo:
        for span in _spans(history, part, todo.pop(), ours):
            known = had.get((span.branch, span.after))
            if known is None or known < span.upto:
                had[span.branch, span.after] = span.upto
                todo += _sources(history, part, span, span.after if known is None else known)
            if known is not None:
                break
    return had


def _spans(history: MergeHistory, part: Part, place: Place, ours: Place) -> list[Span]:
    """The stretches of a place; none of a source that this vault does not have, because its agent came without it."""
    try:
        return spans(history, part, place)
    except PlaceNotFound:
        if place == ours:
            raise
        return []


def _sources(history: MergeHistory, part: Part, span: Span, after: int) -> list[Place]:
    markers = history.merges(span.branch, span.upto)
    return [marker.source for marker in markers if marker.seq > after and part in marker.parts]


def _root(history: History, branch: BranchId) -> BranchId:
    row = history.branch(branch)
    while row.parent is not None:
        row = history.branch(row.parent)
    return row.id
