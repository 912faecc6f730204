"""QuantumStateActor: the moods of many branches as tensor networks, on CPU or on a share of a GPU."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import ray

from quantum_memory.actors.deferred import Deferred
from quantum_memory.actors.views import ViewHost
from quantum_memory.memory.affect.mood import MoodFold, MoodState
from quantum_memory.memory.affect.snapshot import MoodCodec
from quantum_memory.memory.held import Held
from quantum_memory.memory.quantum import QuantumState
from quantum_memory.memory.timeline import History, Timeline
from quantum_memory.settings import Settings
from quantum_memory.types import PAD, Floats, Mood, Place, Vector

READINGS_HELD = 10_000
AXES = ("pleasure", "arousal", "dominance")


class Feelings(NamedTuple):
    """Feelings to be compared with the mood at a place: (n, 3) PAD and (n,) confidences."""

    place: Place
    pads: Floats
    confidences: Floats


class QuantumStateHost(ViewHost):
    """The moods of many branches. Everything a QuantumStateActor does, without Ray."""

    def __init__(self, settings: Settings, history: History) -> None:
        super().__init__(settings, history)
        self._views = Deferred(self._made)
        self._readings: Held[Place, Mood] = Held(READINGS_HELD)

    def _made(self) -> tuple[MoodFold, Timeline[MoodState]]:
        wanted = self._settings.mood
        fold = MoodFold(
            temperament=PAD(*wanted.temperament),
            learning_rate=wanted.learning_rate,
            half_life_s=wanted.half_life_s,
            max_bond=wanted.max_bond,
            min_fidelity=wanted.min_fidelity,
            backend=wanted.backend,
        )
        return fold, self._timeline(fold, MoodCodec(fold))

    def timelines(self) -> Sequence[Timeline[Any]]:
        """The moods."""
        return (self._views()[1],)

    def read(self, places: Sequence[Place]) -> list[Mood]:
        """The mood at each place."""
        return [self._read(place) for place in places]

    def congruence(self, asked: Sequence[Feelings]) -> list[Floats]:
        """How well feelings fit the mood at a place: (n,) in [0, 1] for each request."""
        fold, moods = self._views()
        return [fold.congruence(moods.at(one.place), one.pads, one.confidences) for one in asked]

    def marginals(self, places: Sequence[Place]) -> list[Mapping[str, tuple[Vector, Vector]]]:
        """For each place and axis the grid's points and their probabilities."""
        return [self._marginals(place) for place in places]

    def tensors(self, places: Sequence[Place]) -> list[bytes]:
        """The mood at each place as bytes, to be carried to another branch or compared."""
        return [self._psi(place).to_bytes() for place in places]

    def fidelity(self, pairs: Sequence[tuple[Place, bytes]]) -> list[float]:
        """How much alike the mood at a place and another are, in [0, 1]: the squared overlap."""
        return [self._psi(place).fidelity(QuantumState.from_bytes(tensors)) for place, tensors in pairs]

    def _read(self, place: Place) -> Mood:
        """A mood: one from which nothing is missing never changes, so that it is read once."""
        held = self._readings.get(place)
        if held is None:
            fold, moods = self._views()
            whole = moods.lacks(place) is None
            held = fold.read(moods.at(place))
            if whole:
                self._readings.put(place, held)
        return held

    def _psi(self, place: Place) -> QuantumState:
        fold, moods = self._views()
        return fold.settled(moods.at(place)).state

    def _marginals(self, place: Place) -> Mapping[str, tuple[Vector, Vector]]:
        state = self._psi(place)
        return {
            name: (state.grid.points(axis).astype(np.float32), np.asarray(state.marginal(axis), dtype=np.float32))
            for axis, name in enumerate(AXES)
        }


QuantumStateActor = ray.remote(max_restarts=-1, max_task_retries=-1)(QuantumStateHost)
