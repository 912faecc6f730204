"""Tomography: the density matrix of up to six sites from counts of Pauli measurements.

Owns the settings, the counts and the estimators. Never acts on a state, never sees more than the chosen sites.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from quantum_memory.checks import bounded, whole
from quantum_memory.errors import InvalidValue, OutOfRange, ShapeMismatch
from quantum_memory.memory.quantum.backend import Array
from quantum_memory.memory.quantum.channels import PAULIS
from quantum_memory.memory.quantum.density import Matrix, density, numeric, sites_of
from quantum_memory.memory.quantum.state import QuantumState
from quantum_memory.types import Floats

Method = Literal["linear", "projected", "mle"]
Counts = Mapping[str, Sequence[int] | NDArray[np.int64]]
"""For each setting such as "XZY", how often each of the 2^k outcomes came; the first site is the most significant
bit, and bit 0 is the eigenvalue +1."""
BASES = "XYZ"
MAX_SITES = 6
MAX_SHOTS = 1 << 50
CONFIDENCE = 0.95
LOOSEST_GAP = 1e-12
"""A gap per shot under which rounding hides the rest."""
ROUNDING = 1e-14
"""The share of a log likelihood that rounding may move."""

# Row (basis, outcome), column (row, column) of a 2 x 2 matrix: the projectors (1 ± P) / 2 of one site.
_SIGNS = np.array([1.0, -1.0])[None, :, None, None]
_PROJECTORS = ((PAULIS[0] + _SIGNS * PAULIS[1:, None]) / 2.0).reshape(6, 4)
_MEASURE = _PROJECTORS.conj()
# The dual frame 3 (1 ± P) / 2 - 1, so that a mean over settings and outcomes is the linear inversion.
_DUAL = (3.0 * _PROJECTORS - PAULIS[0].reshape(1, 4)) / 3.0


@dataclass(frozen=True, slots=True, eq=False)
class Reconstructed:
    """What the counts say about the state.

    Attributes:
        rho: (d, d) the estimate; of trace 1, and positive unless the method is "linear".
        method: how it was made.
        linear: (d, d) the linear inversion: unbiased, Hermitian, of trace 1, often not positive.
        radius: with probability ``confidence`` the operator norm of ``linear`` minus the true matrix is at most this.
        confidence: of the radius.
        log_likelihood: Σ counts · log probability in nats; -inf where the estimate rules out what was seen.
        gap: no state has a log likelihood that is higher by more than this, in nats; inf where nothing is certified.
        iterations: of the maximiser; 0 for the other methods.
        converged: whether the gap is within the tolerance asked for; always true for the closed forms.
    """

    rho: Matrix
    method: Method
    linear: Matrix
    radius: float
    confidence: float
    log_likelihood: float
    gap: float
    iterations: int
    converged: bool

    def fidelity_bounds(self, target: Array) -> tuple[float, float]:
        """Least and greatest fidelity ⟨φ|ρ|φ⟩ of the true state with a pure one, each in [0, 1].

        They hold with probability ``confidence`` for all targets at once, so the target may be chosen afterwards.

        Args:
            target: (d,) φ, of any norm but 0.

        Raises: ShapeMismatch, NotFinite; OutOfRange for the zero vector.
        """
        phi = numeric("target", target)
        if phi.shape != (len(self.rho),):
            raise ShapeMismatch("target", (len(self.rho),), phi.shape)
        norm = float(np.linalg.norm(phi))
        if not norm > 0.0:
            raise OutOfRange("norm of target", norm, float(np.finfo(np.float64).tiny), math.inf)
        middle = float(np.vdot(phi, self.linear @ phi).real) / norm**2
        return min(1.0, max(0.0, middle - self.radius)), max(0.0, min(1.0, middle + self.radius))


def settings(sites: int) -> tuple[str, ...]:
    """The 3^k product bases of 1 to 6 sites, such as "XZ", the first site first. Raises: InvalidValue, OutOfRange."""
    count = whole("sites", sites, 1, MAX_SITES)
    return tuple("".join(bases) for bases in itertools.product(BASES, repeat=count))


def probabilities(rho: Array) -> dict[str, Floats]:
    """For each setting the (2^k,) probabilities of its outcomes, ρ (2^k, 2^k). Raises: what ``density`` raises."""
    matrix = density("rho", rho)
    names = settings(sites_of("rho", len(matrix)))
    table = np.maximum(_grouped(_born(matrix)), 0.0)
    return dict(zip(names, table / table.sum(axis=1, keepdims=True), strict=True))


def measure_counts(
    source: QuantumState | Array,
    shots: int,
    seed: int | np.random.Generator,
    sites: Sequence[int] | None = None,
) -> dict[str, NDArray[np.int64]]:
    """Counts of measuring each of the 3^k settings on fresh copies.

    Args:
        source: a (2^k, 2^k) density matrix, or a state.
        shots: copies for each setting, from 1.
        seed: of the outcomes.
        sites: which sites of the state, 1 to 6; they must be given for a state and for nothing else.

    Raises: InvalidValue, OutOfRange, ShapeMismatch, NotFinite.
    """
    whole("shots", shots, 1, MAX_SHOTS)
    if isinstance(source, QuantumState) != (sites is not None):
        raise InvalidValue("sites", repr(sites), "the sites of a QuantumState, and None beside a matrix")
    if isinstance(source, QuantumState) and sites is not None:
        bounded("sites measured", len(sites), 1, MAX_SITES)
        source = source.reduced(sites)
    rng = np.random.default_rng(seed)
    return {name: rng.multinomial(int(shots), row) for name, row in probabilities(source).items()}


def reconstruct(
    counts: Counts,
    method: Method = "mle",
    *,
    tolerance: float = 1e-2,
    max_iterations: int = 5_000,
    confidence: float = CONFIDENCE,
) -> Reconstructed:
    """The density matrix that the counts speak for.

    "linear" is linear inversion, every setting weighing the same. "projected" is the state nearest to it in the
    Frobenius norm (Smolin, Gambetta and Smith, PRL 108, 070502, 2012). "mle" is the state of greatest likelihood, by
    accelerated projected gradients (Shang, Zhang and Ng, PRA 95, 062336, 2017), certified by concavity: no state is
    likelier by more than N (λ_max(R) - 1), R = Σ f/p Π, f the counts over their sum N (Řeháček, Hradil, Knill and
    Lvovsky, PRA 75, 042108, 2007). The radius is the matrix Bernstein bound (Tropp, 2012).

    Args:
        counts: every one of the 3^k settings, each with at least one shot. The string of k Paulis of a setting shows in
            no other, so leaving one out leaves the state undetermined.
        method: see above.
        tolerance: the gap in nats at which "mle" stops; half a nat is one standard deviation.
        max_iterations: of "mle"; when they are spent, ``converged`` is false and ``gap`` says what is missing.
        confidence: of the radius, between 0 and 1.

    Raises: InvalidValue, OutOfRange, ShapeMismatch, NotFinite.
    """
    if method not in {"linear", "projected", "mle"}:
        raise InvalidValue("method", repr(method), "'linear', 'projected' or 'mle'")
    bounded("tolerance", tolerance, 1e-12, 1e6)
    bounded("confidence", confidence, 1e-6, 1.0 - 1e-12)
    whole("max_iterations", max_iterations, 1, 1 << 31)
    table = _table(counts)
    shots = table.sum(axis=1, keepdims=True)
    total = float(shots.sum())
    linear = _inverted(table / shots)
    seen = _interleaved(table / total)
    rho, iterations = linear, 0
    if method != "linear":
        rho = nearest_state(linear)
    if method == "mle":
        stop = max(tolerance / total, LOOSEST_GAP)
        rho, iterations = _most_likely(_blurred(rho, 1.0 / total), seen, stop, int(max_iterations))
    value, gradient = _likelihood(rho, seen)
    gap = total * max(0.0, _excess(gradient)) if method != "linear" and math.isfinite(value) else math.inf
    converged = method != "mle" or gap <= max(tolerance, LOOSEST_GAP * total)
    radius = _radius(len(rho), float(shots.min()), confidence)
    return Reconstructed(rho, method, linear, radius, confidence, total * value, gap, iterations, converged)


def nearest_state(matrix: Array) -> Matrix:
    """(d, d) the density matrix nearest in the Frobenius norm to a Hermitian (d, d) matrix.

    Source: Smolin, Gambetta and Smith, PRL 108, 070502 (2012): the eigenvalues go to the nearest point of the simplex.
    Raises: ShapeMismatch, NotFinite.
    """
    given = numeric("matrix", matrix)
    if given.ndim != 2 or given.shape[0] != given.shape[1] or not given.size:
        raise ShapeMismatch("matrix", ("d", "d"), given.shape)
    return _projected((given + given.conj().T) / 2.0)


def _projected(matrix: Matrix) -> Matrix:
    values, vectors = np.linalg.eigh(matrix)
    falling = values[::-1]
    over = (np.cumsum(falling) - 1.0) / np.arange(1, len(falling) + 1)
    kept = int(np.flatnonzero(falling > over)[-1])
    values = np.maximum(values - over[kept], 0.0)
    return (vectors * values) @ vectors.conj().T  # type: ignore[no-any-return]


class _Point(NamedTuple):
    rho: Matrix
    value: float
    gradient: Matrix


def _most_likely(start: Matrix, seen: Floats, stop: float, max_iterations: int) -> tuple[Matrix, int]:
    """The likeliest state and the iterations it took: projected gradient ascent with momentum, and a step that grows
    until it would overshoot.

    The momentum restarts where it points against the step (O'Donoghue and Candès, 2015): close to the top the
    likelihood itself no longer tells two points apart, and the step still does.
    """
    now = _Point(start, *_likelihood(start, seen))
    ahead, momentum, step = now, 1.0, 0.1
    least, best = _excess(now.gradient), now.rho
    for iteration in range(max_iterations):
        if least <= stop:
            return best, iteration
        found, step = _ascended(ahead, seen, step)
        against = float(np.vdot(ahead.rho - found.rho, found.rho - now.rho).real) > 0.0
        after = 1.0 if against else (1.0 + math.sqrt(1.0 + 4.0 * momentum**2)) / 2.0
        further = found.rho + (0.0 if against else (momentum - 1.0) / after) * (found.rho - now.rho)
        now, momentum = found, after
        ahead = now if against else _Point(further, *_likelihood(further, seen))
        if not math.isfinite(ahead.value):
            ahead, momentum = now, 1.0
        excess = _excess(now.gradient)
        if excess < least:
            least, best = excess, now.rho
        step *= 1.25
    return best, max_iterations


def _ascended(point: _Point, seen: Floats, step: float) -> tuple[_Point, float]:
    """The projected step from a point, and the step size at which it does not overshoot."""
    while True:
        rho = _projected(point.rho + step * point.gradient)
        value, gradient = _likelihood(rho, seen)
        move = rho - point.rho
        length = float(np.vdot(move, move).real)
        model = point.value + float(np.vdot(point.gradient, move).real) - length / (2.0 * step)
        if value >= model - ROUNDING * abs(point.value):
            return _Point(rho, value, gradient), step
        step /= 2.0


def _likelihood(rho: Matrix, seen: Floats) -> tuple[float, Matrix]:
    """Σ f log p, and its gradient R = Σ f/p Π; -inf where something was seen that cannot be."""
    born = _born(rho)
    hit = seen > 0.0
    if not (born[hit] > 0.0).all():
        return -math.inf, np.zeros_like(rho)
    ratio = np.zeros_like(born)
    np.divide(seen, born, out=ratio, where=hit)
    logs = np.log(born, out=np.zeros_like(born), where=hit)
    return float((seen * logs).sum()), _summed(ratio)


def _excess(gradient: Matrix) -> float:
    """λ_max(R) - 1: by concavity no state is likelier per shot by more, as tr(Rρ) = 1."""
    return float(np.linalg.eigvalsh(gradient)[-1]) - 1.0


def _blurred(rho: Matrix, share: float) -> Matrix:
    """A little of everything mixed in, so that nothing that was seen is impossible."""
    return (1.0 - share) * rho + share / len(rho) * np.eye(len(rho))


def _born(rho: Matrix) -> Floats:
    """(6^k,) the probability of every outcome in every setting, (basis, outcome) site by site."""
    return _per_site(_MEASURE, _paired(rho)).real.copy()


def _summed(weights: Floats) -> Matrix:
    """(d, d) Σ weight · projector over all settings and outcomes: the adjoint of ``_born``."""
    return _unpaired(_per_site(_PROJECTORS.T, weights.astype(np.complex128)))


def _inverted(frequencies: Floats) -> Matrix:
    """(d, d) linear inversion: the mean over settings of Σ frequency · dual projector."""
    made = _unpaired(_per_site(_DUAL.T, _interleaved(frequencies).astype(np.complex128)))
    return (made + made.conj().T) / 2.0


def _per_site(matrix: Matrix, values: Matrix) -> Matrix:
    """A small matrix on every index of a tensor, one after the other: k products instead of one of 6^k rows."""
    columns = matrix.shape[1]
    count = round(math.log(values.size, columns))
    for _ in range(count):
        values = (matrix @ values.reshape(columns, -1)).T
    return values.reshape(-1)


def _paired(rho: Matrix) -> Matrix:
    """(4^k,) the entries of a matrix with row and column bit of each site side by side."""
    count = len(rho).bit_length() - 1
    return rho.reshape((2,) * (2 * count)).transpose(_zipped(count)).reshape(-1)


def _unpaired(values: Matrix) -> Matrix:
    count = (values.size.bit_length() - 1) // 2
    size = 1 << count
    return values.reshape((2,) * (2 * count)).transpose(np.argsort(_zipped(count))).reshape(size, size)


def _zipped(count: int) -> list[int]:
    return [axis for site in range(count) for axis in (site, count + site)]


def _interleaved(table: Floats) -> Floats:
    """(3^k, 2^k) by setting and outcome, as (6^k,) by (basis, outcome) site by site."""
    count = table.shape[1].bit_length() - 1
    return table.reshape((3,) * count + (2,) * count).transpose(_zipped(count)).reshape(-1)


def _grouped(values: Floats) -> Floats:
    """The other way round."""
    count = round(math.log(values.size, 6))
    order = [*range(0, 2 * count, 2), *range(1, 2 * count, 2)]
    return values.reshape((3, 2) * count).transpose(order).reshape(3**count, 2**count)


def _radius(dim: int, shots: float, confidence: float) -> float:
    """How far the linear inversion may be from the truth in operator norm, at that confidence.

    Matrix Bernstein (Tropp, 2012, theorem 1.6) for the mean of ⊗(3|b⟩⟨b| - 1): its second moment, averaged over the
    settings, is at most 3^k, and no sample is further than 2^(k+1) from its mean.
    """
    sites = dim.bit_length() - 1
    logarithm = math.log(2.0 * dim / (1.0 - confidence))
    variance, jump = 1.0 / shots, 2.0 * dim / (3.0**sites * shots)
    return jump * logarithm / 3.0 + math.sqrt((jump * logarithm / 3.0) ** 2 + 2.0 * variance * logarithm)


def _table(counts: Counts) -> Floats:
    """(3^k, 2^k) the counts in the order of ``settings``, checked. Raises: InvalidValue, OutOfRange, ShapeMismatch."""
    if not isinstance(counts, Mapping) or not counts:
        raise InvalidValue("counts", type(counts).__name__, "counts by setting, such as {'X': (3, 7), ...}")
    for name in counts:
        if not isinstance(name, str) or not name or set(name) - set(BASES):
            raise InvalidValue("setting", repr(name), "a word of X, Y and Z, one letter a site")
    sites = len(next(iter(counts)))
    wanted = settings(sites)
    odd = [name for name in counts if len(name) != sites]
    if odd:
        raise InvalidValue("setting", repr(odd[0]), f"{sites} letters, as {next(iter(counts))!r} has")
    missing = [name for name in wanted if name not in counts]
    if missing:
        raise InvalidValue(
            "counts", f"none for {missing[0]!r} and {len(missing) - 1} more", f"all {len(wanted)} settings"
        )
    return np.array([_row(name, counts[name], 1 << sites) for name in wanted])


def _row(name: str, given: Any, outcomes: int) -> Floats:
    try:
        exact = np.array(given)
        row = numeric(f"counts of {name}", exact)
    except InvalidValue:
        raise InvalidValue(f"counts of {name}", repr(given)[:80], "whole numbers") from None
    if row.shape != (outcomes,):
        raise ShapeMismatch(f"counts of {name}", (outcomes,), row.shape)
    if exact.dtype.kind == "c" or (exact.real != np.rint(row.real)).any():
        raise InvalidValue(f"counts of {name}", repr(given)[:80], "whole numbers")
    bounded(f"least count of {name}", float(row.real.min()), 0.0, MAX_SHOTS)
    bounded(f"shots of {name}", float(row.real.sum()), 1.0, MAX_SHOTS)
    return row.real.copy()
