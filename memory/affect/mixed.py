"""Mixed emotions: several feelings at once, each with its share. Owns what a mixture is; folds no mood.

A mixture is not its mean. Joy and fear at once are nothing that lies half-way between them, and the mean alone has lost
both. So a mixture becomes a superposition, Σ √weight e^{iφ} |feeling⟩, normalised. Where its feelings lie far apart,
the probability of reading one back is its weight. Where they are near, they interfere: with equal phases they support
each other, and what lies between them gains; with opposite phases they cancel there.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quantum_memory.checks import bounded, whole
from quantum_memory.errors import InvalidValue, ShapeMismatch
from quantum_memory.memory.affect.emotions import EMOTIONS, WIDTH, nearest
from quantum_memory.memory.events import LEAST_WEIGHT, MOST_COMPONENTS, Component, check_mixture
from quantum_memory.memory.quantum import Grid, Packet, Packets, QuantumState
from quantum_memory.types import PAD

Triple = tuple[float, float, float]
Weights = Mapping[Any, float] | Iterable[tuple[Any, float]]
"""Shares by feeling, each feeling a named emotion or a PAD."""
PACKET_WIDTH = WIDTH / math.sqrt(2.0)
"""Two packets of this width overlap as exp(-d² / 2 WIDTH²), which is how far a name reaches."""
LEAST_NORM = 1e-3
"""Amplitudes that cancel to less than this leave rounding in place of a state."""


@dataclass(frozen=True, slots=True)
class Mixture:
    """Feelings with weights that sum to 1. It stays as it is.

    Attributes:
        parts: from one to eight, each at its own point.

    Raises: InvalidValue, OutOfRange, TooLong.
    """

    parts: tuple[Component, ...]

    def __post_init__(self) -> None:
        given: object = self.parts
        if not isinstance(given, tuple | list) or not all(isinstance(part, Component) for part in given):
            raise InvalidValue("parts", repr(given), "components")
        object.__setattr__(self, "parts", tuple(given))
        check_mixture(self.parts)

    @classmethod
    def of(cls, weights: Weights) -> Mixture:
        """The mixture of these feelings, as in ``{"joy": 0.6, "fear": 0.4}``; the weights sum to 1.

        Raises: InvalidValue, NotFinite; OutOfRange for a weight under 0.001; TooLong for more than eight.
        """
        return cls(tuple(Component(point(what), weight, _name(what)) for what, weight in _pairs(weights)))

    @classmethod
    def proportional(cls, weights: Weights, most: int = MOST_COMPONENTS) -> Mixture:
        """The mixture that shares of any sum come to: a reader's probabilities, of which only the first may be known.

        The weights of equal points are added up under the name of the first. Of all, the ``most`` heaviest count, and
        none that is under 0.001 of them together; the rest is spread over those that count, in proportion.

        Raises: InvalidValue for no weight above 0; NotFinite, OutOfRange for one below 0; ``most`` from 1 to 8.
        """
        whole("most", most, 1, MOST_COMPONENTS)
        sums: dict[PAD, float] = {}
        names: dict[PAD, str] = {}
        for what, weight in _pairs(weights):
            pad = point(what)
            sums[pad] = sums.get(pad, 0.0) + bounded("weight", weight, 0.0, 1e300)
            names.setdefault(pad, _name(what))
        largest = max(sums.values(), default=0.0)
        if largest == 0.0:
            raise InvalidValue("weights", "all 0" if sums else "none", "one above 0")
        heaviest = sorted(((sums[pad] / largest, pad) for pad in sums), key=lambda one: -one[0])[:most]
        total = math.fsum(weight for weight, _ in heaviest)
        kept = [(weight, pad) for weight, pad in heaviest if weight >= LEAST_WEIGHT * total]
        total = math.fsum(weight for weight, _ in kept)
        return cls(tuple(Component(pad, weight / total, names[pad]) for weight, pad in kept))

    @classmethod
    def told_apart(cls, weights: Weights, distance: float = 2.0 * WIDTH) -> Mixture:
        """The same, of feelings that are not each other's neighbours: what stands out in a reader's probabilities.

        The likeliest comes first. Whatever lies closer than ``distance`` to a likelier one that was kept counts towards
        the nearest of those, so that joy, happiness and fear are joy and fear.

        Raises: as ``proportional``; OutOfRange for a distance that is not in [0, 4].
        """
        reach = bounded("distance", distance, 0.0, 4.0)
        kept: list[tuple[Any, PAD, list[float]]] = []
        # A stable order: of equally likely ones the first given comes first.
        for what, weight in sorted(_pairs(weights), key=lambda pair: -bounded("weight", pair[1], 0.0, 1e300)):
            pad = point(what)
            closest = min(kept, key=lambda one: one[1].distance(pad), default=None)
            if closest is not None and closest[1].distance(pad) < reach:
                closest[2].append(weight)
            else:
                kept.append((what, pad, [weight]))
        return cls.proportional((what, math.fsum(shares)) for what, _, shares in kept)

    @classmethod
    def near(cls, pad: PAD, top: int = 3) -> Mixture:
        """The named emotions that are likeliest for a feeling, mixed by their probabilities. Raises: as ``nearest``."""
        return cls.proportional(nearest(pad, whole("top", top, 1, MOST_COMPONENTS)))

    def __str__(self) -> str:
        return ", ".join(f"{part.name or _told(part.pad)} {part.weight:.2f}" for part in self.parts)

    @property
    def weights(self) -> tuple[float, ...]:
        """The weight of each part."""
        return tuple(part.weight for part in self.parts)

    @property
    def pad(self) -> PAD:
        """The mean of the feelings: what is left where only one point can be kept."""
        return PAD.mean([part.pad for part in self.parts], self.weights)

    def spread(self, within: float = 0.0) -> Triple:
        """Standard deviation per axis: between the feelings, and ``within`` each of them, in [0, 1].

        Raises: InvalidValue, NotFinite, OutOfRange.
        """
        inside = bounded("within", within, 0.0, 1.0)
        apart = np.array([np.asarray(part.pad) for part in self.parts]) - np.asarray(self.pad)
        variance = np.array(self.weights) @ np.square(apart) + inside**2
        pleasure, arousal, dominance = np.sqrt(variance).tolist()
        return pleasure, arousal, dominance

    def packets(self, width: float = PACKET_WIDTH, momentum: Triple = (0.0, 0.0, 0.0)) -> list[Packet]:
        """A packet for each feeling, all of one width and one momentum. Raises: as ``Packet``."""
        return [Packet(_axes(part.pad), (width, width, width), momentum) for part in self.parts]

    def amplitudes(self, phases: Sequence[float] | None = None) -> NDArray[np.complex128]:
        """(n,) √weight e^{iφ}, before what the feelings share is divided out; φ in radians, 0 where none are given.

        Raises: ShapeMismatch, InvalidValue, NotFinite, OutOfRange for phases.
        """
        turned = [0.0] * len(self.parts) if phases is None else [bounded("phases", one, -1e6, 1e6) for one in phases]
        if len(turned) != len(self.parts):
            raise ShapeMismatch("phases", (len(self.parts),), (len(turned),))
        return np.sqrt(self.weights) * np.exp(1j * np.array(turned))

    def state(
        self,
        grid: Grid,
        *,
        width: float = PACKET_WIDTH,
        phases: Sequence[float] | None = None,
        dtype: Any = np.complex64,
        xp: Any = np,
    ) -> QuantumState:
        """The superposition of the feelings, of norm 1 and not compressed: their bonds add up.

        Raises: ShapeMismatch, OutOfRange, NotFinite as ``amplitudes`` and ``Packets``; InvalidValue where the phases
            make the feelings cancel.
        """
        packets = self.packets(width)
        amplitudes = self.amplitudes(phases)
        gram = Packets.of(grid, packets).gram()
        norm = math.sqrt(max(0.0, float((amplitudes.conj() @ gram @ amplitudes).real)))
        if norm < LEAST_NORM:
            raise InvalidValue("phases", repr(phases), "phases under which the feelings do not cancel")
        return QuantumState.from_packets(grid, packets, (amplitudes / norm).tolist(), dtype=dtype, xp=xp)


def point(what: object) -> PAD:
    """A feeling by its name or as it is. Raises: InvalidValue."""
    if isinstance(what, PAD):
        return what
    if isinstance(what, str) and what in EMOTIONS:
        return EMOTIONS[what]
    raise InvalidValue("feeling", repr(what), f"a PAD or one of {', '.join(EMOTIONS)}")


def _pairs(weights: object) -> list[tuple[Any, float]]:
    given = weights.items() if isinstance(weights, Mapping) else weights
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        raise InvalidValue("mixture", repr(weights), "weights by feeling")
    pairs = list(given)
    if not all(isinstance(pair, tuple | list) and len(pair) == 2 for pair in pairs):
        raise InvalidValue("mixture", repr(weights), "weights by feeling")
    return [(what, weight) for what, weight in pairs]


def _name(what: object) -> str:
    return what if isinstance(what, str) else ""


def _axes(pad: PAD) -> Triple:
    return pad.pleasure, pad.arousal, pad.dominance


def _told(pad: PAD) -> str:
    return f"({pad.pleasure:+.2f}, {pad.arousal:+.2f}, {pad.dominance:+.2f})"
