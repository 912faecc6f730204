"""Which rows of a slice pass filters. Reads columns; where a whole run lies within a window, its times are not read."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from quantum_memory.checks import utc
from quantum_memory.memory.episodic.columnar import Ints
from quantum_memory.memory.episodic.dense import Mask
from quantum_memory.memory.episodic.look import Look
from quantum_memory.memory.episodic.records import micros
from quantum_memory.memory.episodic.runs import Run, Slice
from quantum_memory.types import UNASKED_KINDS, Filters


class Allowed:
    """What filters let through in the slices of one look; a slice is looked at when it is first asked for."""

    def __init__(self, look: Look, filters: Filters) -> None:
        self.filters, self._open = filters, filters == Filters()
        self._look = look
        self._masks: dict[int, Mask | None] = {}

    def of_slice(self, index: int) -> Mask | None:
        """(length,) truth per row that lives and passes, or ``None`` if all do. Raises: InvalidInput."""
        if index not in self._masks:
            part, alive = self._look.slices[index], self._look.alive[index]
            plain = self._open and all(part.block.code(kind) < 0 for kind in UNASKED_KINDS)
            self._masks[index] = alive if plain else allowed(part, alive, self.filters)
        return self._masks[index]

    @cached_property
    def masks(self) -> list[Mask | None]:
        """That of each slice. Raises: InvalidInput."""
        return [self.of_slice(index) for index in range(len(self._look.slices))]

    @cached_property
    def all_pass(self) -> bool:
        """Whether nothing is left out anywhere. Raises: InvalidInput."""
        return all(mask is None for mask in self.masks)

    def passing(self, numbers: Ints) -> Ints:
        """Those of these numbers, which ascend, that pass."""
        if self.all_pass:
            return numbers
        passed = []
        for index, rows in self._look.by_slice(numbers):
            mask = self.of_slice(index)
            passed.append(np.ones(len(rows), np.bool_) if mask is None else mask[rows])
        return numbers[np.concatenate(passed)] if passed else numbers


def allowed(part: Slice, alive: Mask | None, filters: Filters) -> Mask | None:
    """(length,) truth per row that lives and passes the filters, or ``None`` if all do. Raises: InvalidInput."""
    code, masks = part.block.code, _in_time(part, filters)
    if alive is not None:
        masks.append(alive)
    for column, name in ((part.kinds, filters.kind), (part.speakers, filters.speaker)):
        if name is not None:
            masks.append(column == code(name))
    if filters.kind is None:
        unasked = [found for found in map(code, sorted(UNASKED_KINDS)) if found >= 0]
        masks += [part.kinds != found for found in unasked]
    if filters.tags:
        tags = part.block.tags[part.block.tags["row"] < part.length]
        for tag in filters.tags:
            tagged = np.zeros(part.length, np.bool_)
            tagged[tags["row"][tags["tag"] == code(tag)]] = True
            masks.append(tagged)
    if filters.near is not None:
        apart = part.block.feelings(part.length) - np.asarray(filters.near.pad)
        masks.append(np.sqrt((apart**2).sum(axis=1)) <= filters.near.radius)
    if not masks:
        return None
    passed: Mask = np.logical_and.reduce(masks)
    return passed


def _in_time(part: Slice, filters: Filters) -> list[Mask]:
    """Truth per row on either side of a window that does not hold the whole run."""
    since = None if filters.since is None else micros(utc("since", filters.since))
    until = None if filters.until is None else micros(utc("until", filters.until))
    masks, block = [], part.block
    if since is not None and not (isinstance(block, Run) and since <= block.since):
        masks.append(part.column("at_us") >= since)
    if until is not None and not (isinstance(block, Run) and block.until < until):
        masks.append(part.column("at_us") < until)
    return masks
