"""QuantumStateActor: the moods of many branches as tensor networks, on CPU or on a share of a GPU.

Owns the backend that its moods are computed by: one, opened when it is first needed, in use around every call that
computes in whichever thread, and closed with the host.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Concatenate, NamedTuple, ParamSpec, TypeVar

import numpy as np

from quantum_memory.actors.deferred import Deferred
from quantum_memory.actors.folds import mood_fold
from quantum_memory.actors.ripening import Ripening
from quantum_memory.actors.shells import actor
from quantum_memory.actors.views import ViewHost
from quantum_memory.actors.watching import ALL, watched
from quantum_memory.errors import DeviceMemoryExceeded
from quantum_memory.memory.affect.mood import PENDING, MoodFold, MoodState
from quantum_memory.memory.affect.snapshot import MoodCodec
from quantum_memory.memory.events import Entry, Event
from quantum_memory.memory.held import Held, Load
from quantum_memory.memory.quantum import Backend, QuantumState, open_backend
from quantum_memory.memory.timeline import History, Timeline
from quantum_memory.settings import Settings
from quantum_memory.telemetry import SILENT, Metrics
from quantum_memory.telemetry.catalog import MOOD_INFIDELITY
from quantum_memory.types import BranchId, Floats, Mood, Part, Place, Vector

READINGS_HELD = SETTLED_HELD = 10_000
KEPT_SHARE = 0.25
"""The share of the resident bytes for what is made from moods: settled ones, encoded feelings, projectors."""
GPU_SHARE = 0.5
"""The share of a GPU's limit that may be resident; the rest is for computing."""
AXES = ("pleasure", "arousal", "dominance")
P = ParamSpec("P")
R = TypeVar("R")
logger = logging.getLogger(__name__)


class Feelings(NamedTuple):
    """Feelings to be compared with the mood at a place: (n, 3) PAD and (n,) confidences."""

    place: Place
    pads: Floats
    confidences: Floats


class Moods(NamedTuple):
    """What a host works with, once it is needed."""

    backend: Backend
    fold: MoodFold
    timeline: Timeline[MoodState]
    load: Load[MoodState]


def computing(
    method: Callable[Concatenate[QuantumStateHost, P], R],
) -> Callable[Concatenate[QuantumStateHost, P], R]:
    """Have a method of the host run on its backend."""

    @functools.wraps(method)
    def on_backend(self: QuantumStateHost, /, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            with self.using(method.__name__):
                return method(self, *args, **kwargs)
        except DeviceMemoryExceeded:
            self.let_go()
            raise
        finally:
            self._ripening.asked()  # at its end: however long it took, others may come right after

    return on_backend


@watched("quantum", batches=ALL, hidden=("timelines", "using", "let_go"))
class QuantumStateHost(ViewHost):
    """The moods of many branches. Everything a QuantumStateActor does, without Ray.

    Every call raises DeviceMemoryExceeded where the GPU's memory does not suffice, after which nothing is kept for
    those who ask again, so that the call may be made anew.
    """

    pool = "quantum"

    def __init__(self, settings: Settings, history: History, metrics: Metrics = SILENT) -> None:
        super().__init__(settings, history, metrics)
        self._views = Deferred(self._made)
        self._readings: Held[Place, Mood] = Held(READINGS_HELD)
        self._caches["readings"] = [self._readings]
        self._ripening = Ripening("quantum-ripening", self._ripen_if_quiet)

    def _made(self) -> Moods:
        wanted = self._settings.mood
        limit = wanted.gpu_memory_limit_mb
        backend = open_backend(wanted.backend, memory_limit_bytes=None if limit is None else limit << 20)
        try:
            resident = wanted.resident_mb << 20
            if backend.device is not None and backend.memory_limit_bytes is not None:
                resident = min(resident, int(GPU_SHARE * backend.memory_limit_bytes))
            for_kept = int(KEPT_SHARE * resident)
            with backend.use(), backend.range("rest"):
                fold = mood_fold(wanted, backend.name, settled_kept=SETTLED_HELD, kept_bytes=for_kept)
            load: Load[MoodState] = Load(resident - for_kept, lambda mood: mood.state, _tell_near)
            codec = MoodCodec(fold, functools.partial(self.using, "snapshot"))
            return Moods(
                backend, fold, self._timeline(fold, codec, weigh=functools.partial(_weight, fold)).within(load), load
            )
        except BaseException:
            backend.close()
            raise

    @contextmanager
    def using(self, call: str) -> Iterator[None]:
        """Use the backend in this thread, under this name in profilers, as long as the body runs.

        Raises: what opening the backend and making the fold raise; DeviceMemoryExceeded.
        """
        backend = self._views().backend
        with backend.use(), backend.range(call):
            yield

    def let_go(self) -> None:
        """Keep nothing that is only there for those who ask again."""
        moods = self._views.made()
        if moods is not None:
            moods.fold.let_go()

    def timelines(self) -> Sequence[Timeline[Any]]:
        """The moods."""
        return (self._views().timeline,)

    @computing
    def apply(self, entries: Sequence[Entry]) -> list[None]:
        """See ``ViewHost.apply``."""
        told = super().apply(entries)
        moods, unripe = self._views().timeline, []
        for entry in entries:
            mood = moods.held(entry.place)
            if mood is not None:
                self._metrics.observe(MOOD_INFIDELITY, mood.error)
                unripe += [entry.place.branch] if len(mood.pending) >= PENDING else []
        self._ripening.asked(unripe)
        return told

    def _ripen_if_quiet(self, branch: BranchId) -> bool:
        """The same unless somebody asked for something while this waited for the lock; then it is left for later."""
        with self.residence.lock:
            if self._ripening.closed:
                return False
            return self._ripen(branch) if self._ripening.quiet else True

    def _ripen(self, branch: BranchId) -> bool:
        """Work in some of what a branch felt and nobody has read; whether there was enough of it."""
        with self.residence.lock:
            try:
                with self.using("ripen"):
                    return self._views().timeline.ripen(branch)
            except DeviceMemoryExceeded:
                self.let_go()
                raise

    @computing
    def warm(self, places: Sequence[Place]) -> list[int]:
        """See ``ViewHost.warm``."""
        return super().warm(places)

    @computing
    def whole(self, asked: Sequence[tuple[Part, Place]]) -> list[None]:
        """See ``ViewHost.whole``."""
        return super().whole(asked)

    @computing
    def read(self, places: Sequence[Place]) -> list[Mood]:
        """The mood at each place."""
        return [self._read(place) for place in places]

    @computing
    def congruence(self, asked: Sequence[Feelings]) -> list[Floats]:
        """How well feelings fit the mood at a place: (n,) in [0, 1] for each request."""
        _, fold, moods, _ = self._views()
        return fold.congruences([(moods.at(one.place), one.pads, one.confidences) for one in asked])

    @computing
    def marginals(self, places: Sequence[Place]) -> list[Mapping[str, tuple[Vector, Vector]]]:
        """For each place and axis the grid's points and their probabilities."""
        return [self._marginals(place) for place in places]

    @computing
    def tensors(self, places: Sequence[Place]) -> list[bytes]:
        """The mood at each place as bytes, to be carried to another branch or compared."""
        return [self._psi(place).to_bytes() for place in places]

    @computing
    def fidelity(self, pairs: Sequence[tuple[Place, bytes]]) -> list[float]:
        """How much alike the mood at a place and another are, in [0, 1]: the squared overlap."""
        xp = self._views().backend.xp
        return [self._psi(place).fidelity(QuantumState.from_bytes(tensors, xp=xp)) for place, tensors in pairs]

    def status(self) -> dict[str, int]:
        """That of every host, the bytes of the moods held and their limit, and what was found ready and was not."""
        moods = self._views()
        return {
            **super().status(),
            "bytes": moods.load.held,
            "bytes_limit": moods.load.limit,
            "reading_hits": self._readings.hits,
            "reading_misses": self._readings.misses,
            **moods.fold.counts,
        }

    def close(self) -> None:
        """See ``ViewHost.close``; then close the backend. Who asks afterwards has one opened again."""
        self._ripening.close()
        try:
            super().close()
        finally:
            moods, self._views = self._views.made(), Deferred(self._made)
            if moods is not None:
                moods.backend.close()

    def _forget(self, branches: Collection[BranchId]) -> None:
        """See ``ViewHost._forget``: what was read of their moods."""
        self._readings.drop_where(lambda place: place.branch in branches)

    def _read(self, place: Place) -> Mood:
        """A mood: one from which nothing is missing never changes, so that it is read once."""
        held = self._readings.get(place)
        if held is None:
            _, fold, moods, _ = self._views()
            whole = moods.lacks(place) is None
            held = fold.read(moods.at(place))
            if whole:
                self._readings.put(place, held)
        return held

    def _psi(self, place: Place) -> QuantumState:
        _, fold, moods, _ = self._views()
        return fold.settled(moods.at(place)).state

    def _marginals(self, place: Place) -> Mapping[str, tuple[Vector, Vector]]:
        state = self._psi(place)
        return {
            name: (state.grid.points(axis).astype(np.float32), np.asarray(state.marginal(axis), dtype=np.float32))
            for axis, name in enumerate(AXES)
        }


def _tell_near(held: int, limit: int) -> None:
    logger.warning("moods take %d of the %d bytes they may; over that the oldest are let go early", held, limit)


def _weight(fold: MoodFold, event: Event) -> int:
    """How much an event is to fold: its feelings; it has to be read where it holds none, too."""
    return max(1, fold.units(event))


QuantumStateActor = actor("QuantumStateActor", "quantum", QuantumStateHost)
