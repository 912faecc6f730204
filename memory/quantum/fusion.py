"""Gate fusion: fewer matrices on one or two sites whose product is the same. Knows no names and no state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.complex128]
IDENTITY = 1e-13
"""How far a matrix may be from a phase times the identity, in its largest entry, to count as one."""


@dataclass(slots=True)
class Block:
    """A matrix on sites, and the index of the one matrix that it came from, ``None`` if it came from several."""

    sites: tuple[int, ...]
    matrix: Matrix
    source: int | None


def fuse(matrices: Sequence[tuple[tuple[int, ...], Matrix]]) -> tuple[list[Block], complex]:
    """The blocks in the order in which they act, and the phase that was taken out with the identities.

    A matrix joins the last block on its sites if that is the same block for all of them, for nothing that comes later
    touches those sites; a two-site block takes in the one-site blocks that begin its sites. A block that has become a
    phase times the identity goes; blocks on either side of it may then be neighbours, so the pass is made again.
    """
    blocks = [Block(sites, matrix, index) for index, (sites, matrix) in enumerate(matrices)]
    phase, dropped = 1.0 + 0.0j, True
    while dropped:
        blocks, factors = _fused_once(blocks)
        dropped = bool(factors)
        for factor in factors:
            phase *= factor
    return blocks, phase


def _fused_once(blocks: Sequence[Block]) -> tuple[list[Block], list[complex]]:
    """The blocks after one pass, and the phases of those that went."""
    live: dict[int, Block] = {}
    stacks: dict[int, list[int]] = {}
    phases: list[complex] = []
    for index, given in enumerate(blocks):
        sites, matrix = given.sites, given.matrix
        tops = [stacks.setdefault(site, []) for site in sites]
        last = {stack[-1] if stack else None for stack in tops}
        key = last.pop() if len(last) == 1 else None
        if key is not None and set(sites) <= set(live[key].sites):
            block = live[key]
            block.matrix, block.source = placed(matrix, sites, block.sites) @ block.matrix, None
        else:
            key, block = index, Block(sites, matrix, given.source)
            for site, stack in zip(sites, tops, strict=True):
                if len(sites) == 2 and stack and len(live[stack[-1]].sites) == 1:
                    before = live.pop(stack.pop())
                    block.matrix, block.source = block.matrix @ placed(before.matrix, (site,), sites), None
                stack.append(key)
            live[key] = block
        factor = _phase(block.matrix)
        if factor is not None:
            phases.append(factor)
            del live[key]
            for site in block.sites:
                stacks[site].remove(key)
    return [live[key] for key in sorted(live)], phases


def placed(matrix: Matrix, sites: tuple[int, ...], where: tuple[int, ...]) -> Matrix:
    """The matrix as one on the one or two sites ``where``, of which ``sites`` are some, in any order."""
    if sites == where:
        return matrix
    if len(sites) == len(where):
        return matrix[np.ix_([0, 2, 1, 3], [0, 2, 1, 3])]
    one = np.eye(2, dtype=np.complex128)
    joined = np.kron(matrix, one) if where[0] == sites[0] else np.kron(one, matrix)
    return joined.astype(np.complex128)


def _phase(matrix: Matrix) -> complex | None:
    """The phase e^{iα} for which the matrix is e^{iα} times the identity, or ``None``."""
    factor = complex(np.trace(matrix)) / len(matrix)
    if abs(factor) < 0.5 or float(np.abs(matrix - factor * np.eye(len(matrix))).max()) > IDENTITY:
        return None
    return factor / abs(factor)
