"""Which index a segment gets: by its size and by configuration. Builds nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, get_args

from quantum_memory.checks import bounded, whole
from quantum_memory.errors import InvalidValue
from quantum_memory.memory.episodic.dense.index import Kind
from quantum_memory.memory.episodic.dense.lists import Storage

Device: TypeAlias = Literal["auto", "cpu", "cuda"]
LEAST_ROWS = 256
"""Fewer rows are always looked at one by one; structures cannot be trained on less."""


@dataclass(frozen=True, slots=True)
class IndexPolicy:
    """How a finished segment is indexed.

    Attributes:
        kind: "auto" is "pq", see docs/indexes.md; "flat" looks at every row.
        from_rows: smaller segments are flat.
        recall: share of the ten nearest that are to be found, on rows of the segment's own as queries; it decides how
            much effort searches take where that is left open.
        depth: of "pq": rows ranked again by exact products for the ten best; 0: as many as ``recall`` needs.
        links: of "hnsw": M, links of a row on a level; on the lowest twice as many.
        ef_construction: of "hnsw": the beam when a row is linked.
        ef_search: of "hnsw": the beam when it is searched, for ten rows; 0: as wide as ``recall`` needs.
        lists: of "ivf": how many; 0 for three times the root of the rows.
        probes: of "ivf": how many lists are looked at; 0: as many as ``recall`` needs.
        storage: what "hnsw" ("flat", "sq8") and "ivf" (also "pq") rank by before the exact products.
        device: "cuda" asks for a GPU, "auto" takes one that is there.

    Raises: InvalidValue, OutOfRange.
    """

    kind: Literal["auto", "flat", "pq", "hnsw", "ivf"] = "auto"
    from_rows: int = 4096
    recall: float = 0.98
    depth: int = 0
    links: int = 16
    ef_construction: int = 100
    ef_search: int = 0
    lists: int = 0
    probes: int = 0
    storage: Storage = "flat"
    device: Device = "auto"

    def __post_init__(self) -> None:
        if self.kind not in ("auto", *get_args(Kind)):
            raise InvalidValue("kind", repr(self.kind), '"auto", "flat", "pq", "hnsw" or "ivf"')
        if self.storage not in get_args(Storage) or (self.kind == "hnsw" and self.storage == "pq"):
            raise InvalidValue("storage", repr(self.storage), '"flat", "sq8" or, of "ivf", "pq"')
        if self.device not in get_args(Device):
            raise InvalidValue("device", repr(self.device), '"auto", "cpu" or "cuda"')
        whole("from_rows", self.from_rows, LEAST_ROWS, 2**31 - 1)
        bounded("recall", self.recall, 0.5, 1.0)
        _whole_or_open("depth", self.depth, 10)
        whole("links", self.links, 2, 256)
        whole("ef_construction", self.ef_construction, 1, 2**16)
        _whole_or_open("ef_search", self.ef_search, 10)
        _whole_or_open("lists", self.lists, 1)
        _whole_or_open("probes", self.probes, 1)

    @property
    def law(self) -> str:
        """A text that is the same only for policies that build the same index; the device does not count."""
        return repr(replace(self, device="auto"))

    def kind_for(self, rows: int, *, on_gpu: bool = False) -> Kind:
        """The kind of index for a segment of so many rows. A GPU looks at every row as fast as at codes."""
        if rows < self.from_rows:
            return "flat"
        if self.kind == "auto":
            return "flat" if on_gpu else "pq"
        return self.kind

    def lists_for(self, rows: int) -> tuple[int, int]:
        """How many lists for so many rows, and how many of them are looked at, or 0."""
        lists = min(self.lists or round(3 * rows**0.5), rows)
        return lists, min(self.probes, lists)


def _whole_or_open(name: str, value: int, least: int) -> None:
    """Raises: InvalidValue, OutOfRange unless it is 0, which leaves it open, or a whole number of at least this."""
    if value != 0 or isinstance(value, bool):
        whole(name, value, least, 2**20)
