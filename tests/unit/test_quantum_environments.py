"""Kept environments: equal to dense arithmetic, shared where nothing changed, and counted."""

from __future__ import annotations

import math
import sys
from functools import reduce
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from quantum_memory.errors import InvalidValue, NotFinite, OutOfRange, QuantumMemoryError, ShapeMismatch
from quantum_memory.memory.quantum import Grid, Packet, QuantumState, superpose
from quantum_memory.memory.quantum.against import Against
from quantum_memory.memory.quantum.environments import Environments
from tests.unit.quantum_backends import DeviceArray, cupy_like

GRIDS = (Grid((2, 2, 2)), Grid((3, 2, 4)))
FULL = Grid()
LAW = settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
Z = np.diag([1.0, -1.0])
Matrix = NDArray[np.complex128]


def noise(rng: np.random.Generator, *shape: int) -> Matrix:
    return rng.normal(size=shape) + 1j * rng.normal(size=shape)


def train(rng: np.random.Generator, grid: Grid, top: int = 5, xp: Any = np) -> QuantumState:
    bonds = [1, *rng.integers(1, top + 1, grid.sites - 1).tolist(), 1]
    shapes = list(pairwise(bonds))
    cores = [noise(rng, left, 2, right) / math.sqrt(2 * left * right) for left, right in shapes]
    return QuantumState(grid, tuple(xp.asarray(core) for core in cores))


def matrix_product_operator(rng: np.random.Generator, sites: int) -> tuple[list[Matrix], Matrix]:
    bonds = [1, *rng.integers(1, 4, sites - 1).tolist(), 1]
    cores = [noise(rng, bonds[i], 2, 2, bonds[i + 1]) for i in range(sites)]
    dense: Matrix = np.ones((1, 1, 1), dtype=np.complex128)
    for core in cores:
        dense = np.einsum("abw,woiv->aobiv", dense, core).reshape(dense.shape[0] * 2, -1, core.shape[3])
    return cores, dense[..., 0]


def there(cores: list[Matrix] | None, xp: Any) -> list[Any] | None:
    return None if cores is None else [xp.asarray(core) for core in cores]


def placed(matrix: Matrix, sites: tuple[int, ...], count: int) -> Matrix:
    """The matrix on all qubits, by moving the sites that it acts on to the front and back."""
    order = [*sites, *(site for site in range(count) if site not in sites)]
    whole = np.kron(matrix, np.eye(1 << (count - len(sites)))).reshape((2,) * (2 * count))
    back = np.argsort(order).tolist()
    made: Matrix = whole.transpose(*back, *(count + b for b in back)).reshape(1 << count, -1).astype(np.complex128)
    return made


def vector(state: QuantumState) -> Matrix:
    return state.to_dense().ravel()


@LAW
@given(st.integers(0, 2**32 - 1), st.sampled_from(GRIDS), st.booleans(), st.booleans(), st.integers(1, 2))
def test_elements_are_those_of_dense_arithmetic(
    xp: Any, seed: int, grid: Grid, with_bra: bool, with_operator: bool, width: int
) -> None:
    rng = np.random.default_rng(seed)
    ket = train(rng, grid, xp=xp)
    bra = train(rng, grid, xp=xp) if with_bra else None
    cores, dense = matrix_product_operator(rng, grid.sites) if with_operator else (None, np.eye(1 << grid.sites))
    both = Environments(ket, bra, there(cores, xp))
    left, right = vector(bra or ket).conj(), dense @ vector(ket)
    for _ in range(5):
        sites = tuple(rng.choice(grid.sites, width, replace=False).tolist())
        matrix = noise(rng, 1 << width, 1 << width)
        want = left @ placed(matrix, sites, grid.sites) @ right
        assert abs(both.element(matrix, sites) - want) < 1e-10 * (1 + np.linalg.norm(left) * np.linalg.norm(right) * 10)
    assert abs(both.overlap() - left @ right) < 1e-10 * (1 + np.linalg.norm(left) * np.linalg.norm(right))


@LAW
@given(st.integers(0, 2**32 - 1), st.sampled_from(GRIDS), st.data())
def test_density_is_the_partial_trace_and_gives_the_expectations(
    xp: Any, seed: int, grid: Grid, data: st.DataObject
) -> None:
    rng = np.random.default_rng(seed)
    state = train(rng, grid, xp=xp)
    first = data.draw(st.integers(0, grid.sites - 1))
    count = data.draw(st.integers(1, min(4, grid.sites - first)))
    kept = Environments(state)
    rho = kept.density(first, count)
    psi = vector(state).reshape(1 << first, 1 << count, -1)
    want = np.einsum("asb,atb->st", psi, psi.conj()) / np.linalg.norm(psi) ** 2
    assert np.abs(rho - want).max() < 1e-10
    if count <= 2:
        matrix = noise(rng, 1 << count, 1 << count)
        value = kept.expectation(matrix, tuple(range(first, first + count)))
        assert abs(value - np.trace(matrix @ rho)) < 1e-10


@LAW
@given(st.integers(0, 2**32 - 1), st.sampled_from(GRIDS), st.booleans(), st.booleans(), st.data())
def test_an_update_answers_as_environments_made_anew(
    xp: Any, seed: int, grid: Grid, with_bra: bool, with_operator: bool, data: st.DataObject
) -> None:
    rng = np.random.default_rng(seed)
    ket = train(rng, grid, xp=xp)
    bra = train(rng, grid, xp=xp) if with_bra else None
    cores = there(matrix_product_operator(rng, grid.sites)[0] if with_operator else None, xp)
    old = Environments(ket, bra, cores)
    before = [old.element(Z, site) for site in range(grid.sites)]
    sites = data.draw(st.sets(st.integers(0, grid.sites - 1), max_size=3))
    new = old.updated({site: xp.asarray(noise(rng, *ket.cores[site].shape)) for site in sites})
    fresh = Environments(new.ket, bra, cores)
    for site in range(grid.sites):
        assert new.element(Z, site) == pytest.approx(fresh.element(Z, site), rel=1e-10, abs=1e-10)
        assert old.element(Z, site) == before[site], "the old environments are left alone"


def test_environments_are_contracted_once_and_shared_by_updates(xp: Any) -> None:
    state = train(np.random.default_rng(1), GRIDS[1], xp=xp)
    sites = GRIDS[1].sites
    kept = Environments(state)
    assert kept.nbytes == 2 * 16
    for site in range(sites):
        kept.element(Z, site)
    first = kept.stats()
    assert first["misses"] == 2 * (sites - 1), "one per inner cut from either end"
    for site in range(sites):
        kept.element(Z, site)
    second = kept.stats()
    assert second["misses"] == first["misses"]
    assert second["hits"] == first["hits"] + 2 * sites
    assert second["bytes"] == 16 * (2 + sum(2 * bond**2 for bond in state.bonds))
    forked = kept.with_core(4, state.cores[4] * 2.0)
    assert forked.overlap() == pytest.approx(4.0 * kept.overlap())
    assert forked.stats()["misses"] == 1, "only the core that changed"
    assert kept.with_ket(state).nbytes == kept.nbytes


def test_forks_cost_only_the_cores_that_they_do_not_share(xp: Any) -> None:
    rng = np.random.default_rng(2)
    fixed, trunk = train(rng, GRIDS[1], xp=xp), train(rng, GRIDS[1], xp=xp)
    sites = GRIDS[1].sites
    forks = [
        QuantumState(trunk.grid, (*trunk.cores[:4], xp.asarray(noise(rng, *trunk.cores[4].shape)), *trunk.cores[5:]))
        for _ in range(6)
    ]
    many = Against(fixed)
    got = many.overlaps([trunk, *forks])
    assert np.abs(got - [fixed.overlap(other) for other in (trunk, *forks)]).max() < 1e-12
    stats = many.stats()
    assert stats["misses"] == 2 * sites + 5, "trunk and first fork whole, then one core each"
    assert stats["hits"] == 5 * (sites - 1)
    again = many.overlap(trunk)
    assert again == pytest.approx(fixed.overlap(trunk), abs=1e-12)
    assert many.nbytes > 0
    many.clear()
    assert many.stats() == {"hits": 0, "misses": 0, "bytes": 0}
    assert many.overlap(trunk) == pytest.approx(again, abs=1e-12)


@LAW
@given(st.integers(0, 2**32 - 1), st.integers(1, 12))
def test_overlaps_of_shared_runs_are_the_plain_ones(xp: Any, seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    grid = GRIDS[0]
    bonds = [1, *rng.integers(1, 4, grid.sites - 1).tolist(), 1]
    pool = [[xp.asarray(noise(rng, bonds[i], 2, bonds[i + 1])) for _ in range(2)] for i in range(grid.sites)]
    states = [QuantumState(grid, tuple(cores[rng.integers(2)] for cores in pool)) for _ in range(count)]
    fixed = train(rng, grid, xp=xp)
    want = np.array([fixed.overlap(other) for other in states])
    many = Against(fixed)
    for _ in range(2):
        assert np.abs(many.overlaps(states) - want).max() < 1e-10 * (1 + np.abs(want).max())


def test_the_full_grid_in_single_precision(xp: Any) -> None:
    packets = [Packet((0.3, -0.2, 0.1), (0.2, 0.1, 0.3), (3.0, 0.0, -2.0)), Packet((-0.4, 0.5, 0.0), (0.3,) * 3)]
    state = QuantumState.from_packets(FULL, packets, [1.0, 0.5j], xp=xp).compress()[0]
    kept = Environments(state)
    signs = np.sign(FULL.points(1)) * -1.0
    assert kept.expectation(Z, 10).real == pytest.approx(float(signs @ state.marginal(1)), abs=1e-6)
    parity = reduce(np.multiply.outer, (state.marginal(0).reshape(2, 2, -1).sum(-1),))
    assert kept.expectation(np.kron(Z, Z), (0, 1)).real == pytest.approx(
        parity[0, 0] - parity[0, 1] - parity[1, 0] + parity[1, 1], abs=1e-6
    )


def test_the_same_on_device_arrays(monkeypatch: pytest.MonkeyPatch) -> None:
    device: Any = cupy_like(gpus=1)
    monkeypatch.setitem(sys.modules, "cupy", device)
    rng = np.random.default_rng(3)
    ket, bra = train(rng, GRIDS[0]), train(rng, GRIDS[0])
    cores, _ = matrix_product_operator(rng, GRIDS[0].sites)
    here = Environments(ket, bra, cores)
    away = Environments(ket.on(device), bra.on(device), there(cores, device))
    matrix = noise(rng, 4, 4)
    assert away.element(matrix, (4, 1)) == pytest.approx(here.element(matrix, (4, 1)), abs=1e-12)
    alone = Environments(ket.on(device))
    assert isinstance(alone.ket.cores[0], DeviceArray)
    assert np.allclose(alone.density(1, 2), Environments(ket).density(1, 2), atol=1e-12)
    assert Against(bra.on(device)).overlap(ket.on(device)) == pytest.approx(bra.overlap(ket), abs=1e-12)
    with pytest.raises(InvalidValue, match="array module"):
        Environments(ket, bra.on(device))


@pytest.mark.parametrize(
    ("matrix", "sites", "error"),
    [
        (np.eye(4), 0, ShapeMismatch),
        (np.eye(2), (0, 1), ShapeMismatch),
        (np.eye(2) * math.nan, 0, NotFinite),
        (np.eye(2), 6, OutOfRange),
        (np.eye(2), -1, OutOfRange),
        (np.eye(4), (1, 1), InvalidValue),
        (np.eye(2), True, InvalidValue),
        (np.eye(2), (), InvalidValue),
        ("x", 0, InvalidValue),
        (np.eye(4), (0, 6), OutOfRange),
        (np.eye(4), ([0], [1]), InvalidValue),
        (np.eye(2), "0", InvalidValue),
        (np.eye(2), (0, 1, 2), InvalidValue),
        (10**400, 0, InvalidValue),
    ],
)
def test_bad_questions_are_refused(xp: Any, matrix: Any, sites: Any, error: type[QuantumMemoryError]) -> None:
    kept = Environments(train(np.random.default_rng(0), GRIDS[0], xp=xp))
    with pytest.raises(error):
        kept.element(matrix, sites)
    assert kept.stats()["misses"] == 0


def test_bad_states_operators_and_places_are_refused(xp: Any) -> None:
    rng = np.random.default_rng(0)
    state, other = train(rng, GRIDS[0], xp=xp), train(rng, GRIDS[1], xp=xp)
    cores = [xp.asarray(core) for core in matrix_product_operator(rng, GRIDS[0].sites)[0]]
    wrong: Any = "wrong"
    for call in (
        lambda: Environments(wrong),
        lambda: Environments(state, wrong),
        lambda: Environments(state, operator=wrong),
        lambda: Environments(state, operator=[wrong, *cores[1:]]),
        lambda: Environments(state).with_ket(wrong),
        lambda: Environments(state).with_core(wrong, state.cores[0]),
        lambda: Environments(state).with_core(0, wrong),
        lambda: Environments(state).updated(wrong),
        lambda: Against(wrong),
        lambda: Against(state).overlap(wrong),
        lambda: Against(state).overlaps(wrong),
        lambda: Against(state).overlaps([state, wrong]),
    ):
        with pytest.raises(InvalidValue):
            call()
    vast = QuantumState(GRIDS[0], tuple(core * 1e200 for core in state.cores))
    for call in (
        Environments(vast).overlap,
        lambda: Environments(vast).expectation(Z, 0),
        lambda: Environments(vast).density(0),
        lambda: Against(vast).overlap(state),
    ):
        with pytest.raises(NotFinite):
            call()
    with pytest.raises(InvalidValue, match="grid"):
        Environments(state, other)
    with pytest.raises(InvalidValue, match="grid"):
        Against(state).overlaps([state, other])
    with pytest.raises(ShapeMismatch):
        Environments(state, operator=cores[:-1])
    with pytest.raises(ShapeMismatch):
        Environments(state, operator=[*cores[:-1], cores[-1][:, :1]])
    with pytest.raises(NotFinite):
        Environments(state, operator=[*cores[:-1], cores[-1] * math.inf])
    with pytest.raises(InvalidValue, match="use element"):
        Environments(state, state).expectation(Z, 0)
    with pytest.raises(OutOfRange):
        Environments(state).density(4, 3)
    with pytest.raises(OutOfRange):
        Environments(state).with_core(6, state.cores[0])
    with pytest.raises(ShapeMismatch):
        Environments(state).with_core(0, xp.ones((1, 2, 99), dtype=np.complex128))
    nothing = QuantumState(GRIDS[0], tuple(core * 0 for core in state.cores))
    with pytest.raises(OutOfRange, match="squared norm"):
        Environments(nothing).expectation(Z, 0)


def test_the_squared_norm_of_a_sum_that_cancels_is_refused(xp: Any) -> None:
    for seed in range(5):
        state = train(np.random.default_rng(seed), GRIDS[1], xp=xp)
        nil = Environments(superpose([state, state], [1, -1]))
        with pytest.raises(OutOfRange, match="squared norm"):
            nil.expectation(Z, seed)
        with pytest.raises(OutOfRange, match="squared norm"):
            nil.density(seed)


@pytest.mark.parametrize("dtype", ["O", "U1"])
def test_an_operator_without_numbers_is_refused(dtype: str) -> None:
    state = train(np.random.default_rng(0), GRIDS[0])
    with pytest.raises(InvalidValue, match="numbers"):
        Environments(state, operator=[np.ones((1, 2, 2, 1), dtype=dtype)] * GRIDS[0].sites)
