"""The slow twins of the walk: on all N² amplitudes, and in the 2N dimensions with every matrix written out."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

Array = NDArray[Any]


def dense_google(adjacency: Array, alpha: float, teleport: Array, sink: Array) -> Array:
    """G (N, N) by its definition, column by column."""
    columns = []
    for row in adjacency:
        follows = row / row.sum() if row.any() else sink / sink.sum()
        columns.append(alpha * follows + (1 - alpha) * teleport / teleport.sum())
    return np.array(columns).T


def full_walk(
    google: Array, start: Array, half_steps: int, phases: tuple[float, float] = (np.pi, np.pi)
) -> list[Array]:
    """The walk on all N² amplitudes: the states (register 1, register 2) after 0, 1, .. applications of U."""
    psi = np.sqrt(google).T  # row j is the second register of |ψ_j⟩
    state = np.sqrt(start / start.sum())[:, None] * psi + 0j
    states = [state]
    for half in range(half_steps):
        projected = (state * psi).sum(axis=1, keepdims=True) * psi
        state = ((1 - np.exp(1j * phases[half % 2])) * projected - state).T
        states.append(state)
    return states


def full_readings(
    google: Array, start: Array, steps: int, measure: int, a_step: int = 2, phases: tuple[float, float] = (np.pi, np.pi)
) -> Array:
    """(T + 1, N) probabilities of one register at t = 0..T, a time step being so many U."""
    states = full_walk(google, start, a_step * steps, phases)[::a_step]
    over = 0 if measure == 2 else 1
    return np.array([(np.abs(state) ** 2).sum(axis=over) for state in states])


def full_ranks(google: Array, start: Array, steps: int, measure: int, average: bool) -> Array:
    seen = full_readings(google, start, steps, measure)
    return np.asarray(seen.mean(axis=0) if average else seen[-1])


def dense_ranks(google: Array, start: Array, steps: int) -> Array:
    """The 2N-dimensional recursion with D and G written out, averaged, register 2."""
    overlap = np.sqrt(google * google.T)
    a, b = np.sqrt(start / start.sum()), np.zeros(len(google))
    seen = []
    for t in range(steps + 1):
        for _ in range(2 if t else 0):
            a, b = -b, a + 2 * overlap @ b
        seen.append(google @ a**2 + b**2 + 2 * b * (overlap @ a))
    return np.asarray(np.mean(seen, axis=0))


@st.composite
def problems(draw: st.DrawFn) -> dict[str, Any]:
    """A graph of up to 8 nodes with any mixture of loops, gaps and weights, and everything that a walk takes."""
    n = draw(st.integers(1, 8))
    weight = st.sampled_from([0.0, 0.0, 0.0, 1.0, 1.0, 2.0, 0.25, 7.0, 1e-3])
    adjacency = np.array(draw(st.lists(weight, min_size=n * n, max_size=n * n))).reshape(n, n)
    if draw(st.booleans()):
        adjacency = adjacency + adjacency.T
    mass = st.lists(st.sampled_from([0.0, 1.0, 1.0, 3.0]), min_size=n, max_size=n).filter(any).map(np.array)
    return {
        "adjacency": adjacency,
        "alpha": draw(st.sampled_from([0.0, 0.15, 0.5, 0.85, 0.99, 1.0])),
        "personalization": draw(st.none() | mass),
        "dangling": draw(st.none() | mass),
        "start": draw(st.none() | mass),
        "steps": draw(st.integers(0, 16)),
        "measure": draw(st.sampled_from([1, 2])),
        "average": draw(st.booleans()),
    }
