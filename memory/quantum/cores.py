"""Trains of cores as arrays: what makes a list of arrays one, and the direct sum of several. Knows no grid.

A train is one (l, 2, r) array per site, its outer bonds 1, all complex64 or all complex128 and of one array module.
"""

from __future__ import annotations

import cmath
from collections.abc import Iterable, Sequence
from itertools import pairwise
from reprlib import repr as short
from typing import Any

import numpy as np

from quantum_memory.errors import InvalidValue, NotFinite, ShapeMismatch
from quantum_memory.memory.quantum.backend import Array, module_of
from quantum_memory.memory.quantum.linalg import unwarned

DTYPES: tuple[np.dtype[Any], ...] = (np.dtype(np.complex64), np.dtype(np.complex128))
SPREAD_FROM = 2.0**40
"""A number over it, or under 1 over it, is divided out of all cores of a train and not of one."""


def kind_of(dtype: Any) -> np.dtype[Any]:
    """The number type, if it is one that cores may have. Raises: InvalidValue."""
    for kind in DTYPES:
        if isinstance(dtype, type | str | np.dtype) and dtype == kind:
            return kind
    raise InvalidValue("dtype", repr(dtype), "complex64 or complex128")


def listed(name: str, values: object) -> list[Any]:
    """The values in a list. Raises: InvalidValue for what is no sequence, a text or an array of no dimension."""
    if not isinstance(values, Iterable) or isinstance(values, str | bytes) or getattr(values, "ndim", 1) == 0:
        raise InvalidValue(name, short(values), "a sequence")
    return list(values)


def checked_train(cores: object, sites: int) -> tuple[Array, ...]:
    """The cores, if they are a train of that many. Raises: InvalidValue, ShapeMismatch, NotFinite."""
    train = tuple(listed("cores", cores))
    if len(train) != sites:
        raise ShapeMismatch("cores", (sites,), (len(train),))
    xp, dtype = module_of(train[0]), train[0].dtype
    left = 1
    for site, core in enumerate(train):
        if module_of(core) is not xp:
            raise InvalidValue(f"core {site}", type(core).__name__, f"an array of {xp.__name__}, as core 0 is")
        right = 1 if site == sites - 1 else "r"
        if core.ndim != 3 or core.shape[:2] != (left, 2) or (right == 1 and core.shape[2] != 1) or not core.size:
            raise ShapeMismatch(f"core {site}", (left, 2, right), tuple(core.shape))
        if core.dtype not in DTYPES or core.dtype != dtype:
            raise InvalidValue(f"core {site}", str(core.dtype), f"{dtype if dtype in DTYPES else 'complex64'} cores")
        left = core.shape[2]
    return finite(train)


def finite(cores: Iterable[Array]) -> tuple[Array, ...]:
    """The cores, if every number in them is finite. Raises: NotFinite."""
    train = tuple(cores)
    for site, core in enumerate(train):
        if not bool(module_of(core).isfinite(core).all()):
            raise NotFinite(f"core {site}", float("nan"))
    return train


@unwarned
def cast(cores: Sequence[Array], dtype: np.dtype[Any]) -> tuple[Array, ...]:
    """The cores at that precision: the very ones that have it. Raises: NotFinite for what it cannot hold."""
    return finite(core.astype(dtype, copy=False) for core in cores)


@unwarned
def divided(cores: Sequence[Array], by: float) -> tuple[Array, ...]:
    """The train divided by a number: its first core, or all alike where one alone could leave single precision.

    Raises: NotFinite for a train that its numbers cannot hold.
    """
    first = cores[0] / by
    if 1.0 / SPREAD_FROM < by < SPREAD_FROM and bool(module_of(first).isfinite(first).all()):
        return first, *cores[1:]
    share = by ** (1.0 / len(cores))
    return finite(core / share for core in cores)


def seal(cores: Sequence[Array]) -> None:
    """Make host cores read-only; CuPy has no such flag."""
    for core in cores:
        if isinstance(core, np.ndarray):
            core.flags.writeable = False


def numbers(name: str, values: Sequence[Any]) -> list[complex]:
    """The values as finite complex numbers. Raises: InvalidValue, NotFinite."""
    made = []
    for index, value in enumerate(values):
        if isinstance(value, str | bytes):  # complex() would read them
            raise InvalidValue(f"{name} at index {index}", short(value), "a number")
        try:
            number = complex(value)
        except (TypeError, ValueError):
            raise InvalidValue(f"{name} at index {index}", short(value), "a number") from None
        except OverflowError:  # a whole number beyond any float
            raise NotFinite(name, float("inf"), f"index {index}") from None
        if not cmath.isfinite(number):
            raise NotFinite(name, number.imag if cmath.isfinite(number.real) else number.real, f"index {index}")
        made.append(number)
    return made


@unwarned
def direct_sum(trains: Sequence[Sequence[Array]], weights: Sequence[complex]) -> list[Array]:
    """The cores of Σ weight · train; the bonds add up. Raises: NotFinite where a weight carries a core out of range."""
    xp = module_of(trains[0][0])
    dtype = np.result_type(*(train[0].dtype for train in trains))
    first = xp.concatenate([train[0] * weight for weight, train in zip(weights, trains, strict=True)], axis=2)
    cores = [*finite([first.astype(dtype, copy=False)])]
    bounds = [np.cumsum([0, *(train[site].shape[2] for train in trains)]).tolist() for site in range(len(trains[0]))]
    for site in range(1, len(trains[0]) - 1):
        core = xp.zeros((bounds[site - 1][-1], 2, bounds[site][-1]), dtype=dtype)
        blocks = zip(pairwise(bounds[site - 1]), pairwise(bounds[site]), trains, strict=True)
        for (top, bottom), (start, stop), train in blocks:
            core[top:bottom, :, start:stop] = train[site]
        cores.append(core)
    cores.append(xp.concatenate([train[-1] for train in trains], axis=0).astype(dtype, copy=False))
    return cores
