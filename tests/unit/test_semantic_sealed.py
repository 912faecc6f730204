"""The matrix by which concepts are ranked: grown from a shared one it is what it would be built anew."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.memory.events import Event, Forgotten, Remembered
from quantum_memory.memory.semantic import sealed as module
from quantum_memory.memory.semantic.graph import GraphFold, settled
from quantum_memory.memory.semantic.sealed import STALE_SHARE, Seal, Sealed
from quantum_memory.memory.semantic.spread import concepts
from tests.unit.test_semantic_graph import EVENTS, FOLD, fold, memory, remembered


def same(one: Sealed, other: Sealed) -> bool:
    return one.keys == other.keys and all(
        np.array_equal(mine, theirs) and mine.dtype == theirs.dtype
        for mine, theirs in ((one.starts, other.starts), (one.columns, other.columns), (one.weights, other.weights))
    )


@settings(deadline=None, max_examples=100)
@given(st.lists(EVENTS, max_size=8), st.lists(EVENTS, max_size=8), st.lists(EVENTS, max_size=8))
def test_grown_or_built_anew_it_is_the_same(past: list[Event], ours: list[Event], theirs: list[Event]) -> None:
    root = settled(fold(past))
    base = Sealed.of(root.woven)
    for events in (ours, theirs, []):
        state = settled(fold(events, root))
        grown = base.grown(state.woven)
        assert same(grown, Sealed.of(state.woven))
        assert same(grown.grown(root.woven), base)  # back again, where concepts go
        assert grown is base or grown.woven is state.woven


@settings(deadline=None, max_examples=60)
@given(st.lists(EVENTS, max_size=10))
def test_it_says_how_often_concepts_stand_together(events: list[Event]) -> None:
    state = settled(fold(events))
    sealed = Sealed.of(state.woven)
    links = {
        (key, other): float(count) for key, known in state.concepts.items() for other, count in known.links.items()
    }
    matrix = sp.coo_array(sealed.matrix())
    found = zip(matrix.row.tolist(), matrix.col.tolist(), matrix.data.tolist(), strict=True)
    assert {(sealed.keys[row], sealed.keys[column]): weight for row, column, weight in found} == links
    assert list(sealed.keys) == sorted(state.concepts)


def test_forks_share_the_matrix_of_what_they_came_from(monkeypatch: pytest.MonkeyPatch) -> None:
    root = remembered(*(memory(number, f"word{number} stands beside word{number + 1}") for number in range(200)))
    concepts(root)
    shared = root.seal.latest
    assert shared is not None
    built: list[int] = []
    real = module._counted

    def watched(parts: Any, among: Any) -> Any:
        built.append(sum(len(woven.slices[part]) for woven, part, _ in parts))
        return real(parts, among)

    monkeypatch.setattr(module, "_counted", watched)
    for number in range(5):
        fork = FOLD.apply(root, Remembered((memory(1000 + number, "word7 and a violin"),)))
        assert fork.seal is root.seal
        ranked = dict(concepts(fork, 1000))
        alone = replace(settled(fork), seal=Seal())
        assert ranked == dict(concepts(alone, 1000))
        assert root.seal.latest is shared
    assert max(built[::2]) < 10 < min(built[1::2])
    assert root.seal.sealed(root.woven) is shared


def test_a_matrix_that_is_too_old_is_given_up_for_a_newer_one() -> None:
    seal, own = Seal(), GraphFold()
    state = remembered(*(memory(number, f"word{number}") for number in range(80)))
    first = seal.sealed(state.woven)
    state = settled(own.apply(state, Remembered((memory(100, "violin"),))))
    assert seal.sealed(state.woven) is not first
    assert seal.latest is first
    more = tuple(memory(200 + number, f"other{number}") for number in range(80 // STALE_SHARE + 2))
    state = settled(own.apply(state, Remembered(more)))
    assert seal.sealed(state.woven) is seal.latest is not first


def test_a_graph_of_nothing_has_a_matrix_too() -> None:
    empty = Sealed.of(FOLD.empty().woven)
    assert empty.matrix().shape == (0, 0)
    state = remembered(memory(1, "rain"))
    gone = settled(FOLD.apply(state, Forgotten(("m1",))))
    assert same(empty.grown(state.woven).grown(gone.woven), empty)
    assert concepts(FOLD.empty()) == ()
