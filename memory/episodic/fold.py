"""How the memories of a branch follow from its events. Never searches, never writes to a journal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from quantum_memory.checks import bounded
from quantum_memory.memory.episodic.chunk import Lexicon
from quantum_memory.memory.episodic.dense import engine
from quantum_memory.memory.episodic.indexing import Indexer
from quantum_memory.memory.episodic.state import EpisodicState, Sizes, forget, pick, remember, revise
from quantum_memory.memory.events import Event, Forgotten, Merged, Picked, Remembered, Revised
from quantum_memory.memory.gathered import gathered
from quantum_memory.types import Part


class MemoriesFold:
    """The fold of the part "memories".

    Args:
        dim: length of every embedding; if ``None`` the first memory of a branch fixes it.
        sizes: when chunks become runs and runs join.
        indexer: who indexes sealed runs; without one every search looks at every row.
        faiss_threads: how many threads FAISS may use in this process; ``None`` leaves it as it is.

    Laws: what was forgotten on a branch is not found there again until it is revised, whether it was known before or
    not; remembering an id that is known changes nothing; a memory stands where it was last revised.

    One owner calls it; searching a state in other threads meanwhile is safe.
    Raises: MissingDependency from the constructor; ShapeMismatch from ``apply`` (``check_dim`` asks beforehand).
    """

    part: Part = "memories"
    reach: int | None = None

    def __init__(
        self,
        dim: int | None = None,
        sizes: Sizes | None = None,
        faiss_threads: int | None = 1,
        indexer: Indexer | None = None,
    ) -> None:
        if dim is not None:
            bounded("dim", dim, 1, 2**16)
        engine(faiss_threads)
        self._dim, self._sizes, self._indexer = dim, sizes or Sizes(), indexer

    def empty(self) -> EpisodicState:
        return EpisodicState(Lexicon(), self._dim)

    def gathered(self, events: Iterable[Event]) -> Sequence[Event]:
        """See ``Gathers``."""
        return gathered(events)

    def apply(self, state: EpisodicState, event: Event) -> EpisodicState:
        after = self._applied(state, event)
        if self._indexer is not None and after.parts is not state.parts:
            self._indexer.see(after.parts)
        return after

    def _applied(self, state: EpisodicState, event: Event) -> EpisodicState:
        if isinstance(event, Remembered):
            return remember(state, event.memories, self._sizes)
        if isinstance(event, Forgotten):
            return forget(state, event.ids, (event.at,) * len(event.ids))
        if isinstance(event, Revised):
            return revise(state, event.memories, self._sizes)
        if isinstance(event, Picked):
            return pick(self._taken(state, event), event.seen)
        if isinstance(event, Merged):
            return forget(self._taken(state, event), event.forgotten, event.forgotten_at)
        return state

    def _taken(self, state: EpisodicState, event: Merged | Picked) -> EpisodicState:
        return revise(remember(state, event.memories, self._sizes), event.revised, self._sizes)

    def units(self, event: Event) -> int:  # noqa: ARG002 - every event back to the first one counts, so none is counted
        return 0
