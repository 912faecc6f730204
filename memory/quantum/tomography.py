"""Tomography: the density matrix of up to six sites from counts of Pauli measurements.

Owns the settings, the counts, and what they say how surely; ``likelihood`` owns the maximiser. Never acts on a state,
never sees more than the chosen sites.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from quantum_memory.checks import bounded, distinct, whole
from quantum_memory.errors import InvalidValue, ShapeMismatch
from quantum_memory.memory.quantum.backend import Array
from quantum_memory.memory.quantum.density import Matrix, density, numeric, sites_of
from quantum_memory.memory.quantum.frames import born, grouped, interleaved, inverted
from quantum_memory.memory.quantum.likelihood import blurred, excess, likelihood, most_likely, projected
from quantum_memory.memory.quantum.linalg import positive
from quantum_memory.memory.quantum.sampling import generator
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
        norm = positive("norm of target", float(np.linalg.norm(phi)))
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
    table = np.maximum(grouped(born(matrix)), 0.0)
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
        chosen = distinct("sites", sites, source.grid.sites)
        bounded("sites measured", len(chosen), 1, MAX_SITES)
        source = source.reduced(chosen)
    rng = generator(seed)
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
    linear = inverted(table / shots)
    seen = interleaved(table / total)
    rho, iterations = linear, 0
    if method != "linear":
        rho = nearest_state(linear)
    if method == "mle":
        stop = max(tolerance / total, LOOSEST_GAP)
        rho, iterations = most_likely(blurred(rho, 1.0 / total), seen, stop, int(max_iterations))
    value, gradient = likelihood(rho, seen)
    gap = total * max(0.0, excess(gradient)) if method != "linear" and math.isfinite(value) else math.inf
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
    return projected((given + given.conj().T) / 2.0)


def _radius(dim: int, shots: float, confidence: float) -> float:
    """How far the linear inversion may be from the truth in operator norm, at that confidence.

    The linear inversion is a mean over the 3^k settings, and over the N shots of each, of D = ⊗ (3|b⟩⟨b| - 1), b the
    basis vector that each site was found in: a sum of independent X = D / (3^k N), whose expectation is ρ.

    * Jump. On one site D has the eigenvalues 2 and -1, so ‖D‖ = 2^k, and no X is further from its mean than
      R = 2 · 2^k / (3^k N).
    * Variance. On one site D² = 3|b⟩⟨b| + 1, and over settings and outcomes the mean of |b⟩⟨b| is (ρ + 1)/3: the mean
      of D² is ρ + 2. On k sites it is Σ 2^(k-|S|) ρ_S ⊗ 1 over the subsets S of sites, of norm at most
      Σ 2^(k-|S|) = 3^k. Hence ‖Σ E (X - EX)²‖ ≤ ‖Σ E X²‖ ≤ 3^k N · 3^k / (3^k N)² = 1/N =: σ².
    * Bernstein. P(‖Σ (X - EX)‖ ≥ t) ≤ 2d exp(-(t²/2) / (σ² + Rt/3)), and the radius is the t at which that is
      1 - confidence. There is one matrix sum over all settings, so no union bound over settings is due; 2d counts
      the eigenvalues from above and from below.

    With unequal numbers of shots N is the least of them, which only raises R and σ². The bound holds for every N and
    every ρ; the errors that one sees are less than half of it.

    Source: Tropp, User-friendly tail bounds for sums of random matrices (2012), theorem 1.6; Guţă, Kahn, Kueng and
    Tropp, Fast state tomography with optimal error bounds (2020), for the same sum over Pauli bases.
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
