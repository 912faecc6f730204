"""EmotionActor: the models. Texts in, percepts out; the calls of all who ask at once are read together."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from quantum_memory.actors.deferred import Deferred
from quantum_memory.actors.gathering import Asked, Gathering, Said
from quantum_memory.actors.perceivers import make_perceiver
from quantum_memory.actors.process import process
from quantum_memory.actors.shells import actor
from quantum_memory.actors.watching import Caches, Watch, watched
from quantum_memory.memory.affect.perceiver import Perceiver
from quantum_memory.settings import Settings
from quantum_memory.telemetry import SILENT, Metrics
from quantum_memory.types import Percept

__all__ = ["EmotionActor", "EmotionHost", "EmotionShell", "Said"]


@watched("emotion", batches=("read",), hidden=("load", "status"))
class EmotionHost:
    """Perception for everybody, one call after the other. What an EmotionActor does, without Ray or a thread."""

    def __init__(self, settings: Settings, metrics: Metrics = SILENT) -> None:
        self._watch = Watch("emotion", settings.telemetry, metrics)
        # What was read before is kept where the calls are gathered, so that it need not wait for the model.
        perception = settings.perception.model_copy(update={"cache": 0})
        self._perceiver = Deferred(partial(make_perceiver, settings.model_copy(update={"perception": perception})))
        self.gathering = Gathering(settings.perception.cache)
        metrics.watch(Caches(metrics, {"percepts": [self.gathering]}).look)

    def perceive(self, said: Sequence[Said]) -> list[Percept]:
        """A percept for each text. Raises: InvalidValue; what loading the model raises."""
        asked = self.gathering.add(said)
        try:
            while batch := self.gathering.batch():
                self.gathering.settle(batch, self.read(list(batch.said.values())))
        finally:
            self.gathering.leave(asked)
        return asked.answer()

    def read(self, said: Sequence[Said]) -> list[Percept | Exception]:
        """A percept for each of a batch, or what reading it raised: the others are read all the same.

        Touches nothing but the model. Raises: what loading the model raises.
        """
        return _read(self._perceiver(), said)

    def load(self) -> None:
        """Load the model, if it is not. Raises: MissingDependency, InvalidInput, CorruptRecord."""
        self._perceiver()

    def status(self) -> dict[str, int]:
        """Which process this is, once the model is loaded, and what it did. Raises: what loading it raises."""
        self.load()
        return {**process(), **self.gathering.status()}


def _read(perceiver: Perceiver, said: Sequence[Said]) -> list[Percept | Exception]:
    try:
        found = perceiver.perceive(
            [one.text for one in said], [one.speaker for one in said], [one.image for one in said]
        )
        # One too few or too many is an error here: further on, those whose answer is not there would wait for ever.
        return [percept for _, percept in zip(said, found, strict=True)]
    except Exception as error:  # noqa: BLE001 - whatever it is, it is for those alone who brought what it is about
        if len(said) == 1:
            return [error]
        middle = len(said) // 2
        return _read(perceiver, said[:middle]) + _read(perceiver, said[middle:])


@watched("emotion")
class EmotionShell:
    """An ``EmotionHost`` on an event loop: while the model reads in a thread of its own, the next batch gathers.

    A caller that is cancelled leaves the queue. What is asked of it is answered as the host answers, whoever else asks.
    """

    def __init__(self, settings: Settings, metrics: Metrics = SILENT) -> None:
        self._watch = Watch("emotion", settings.telemetry, metrics)
        self._host = EmotionHost(settings, metrics)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="emotion")
        self._waiting: dict[Asked, asyncio.Future[None]] = {}
        self._serving: asyncio.Task[None] | None = None

    async def perceive(self, said: Sequence[Said]) -> list[Percept]:
        """See ``EmotionHost.perceive``."""
        asked = self._host.gathering.add(said)
        if not asked.done:
            self._waiting[asked] = asyncio.get_running_loop().create_future()
            if self._serving is None or self._serving.done():
                self._serving = asyncio.create_task(self._serve())
            try:
                await self._waiting[asked]
            finally:
                del self._waiting[asked]
                self._host.gathering.leave(asked)
        return asked.answer()

    async def status(self) -> dict[str, int]:
        """See ``EmotionHost.status``. It waits for the batch that is being read."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._host.load)
        return self._host.status()

    async def _serve(self) -> None:
        """Read until nobody waits."""
        gathering, loop = self._host.gathering, asyncio.get_running_loop()
        while batch := gathering.batch():
            results: Sequence[Percept | Exception]
            try:
                results = await loop.run_in_executor(self._thread, self._host.read, list(batch.said.values()))
            except Exception as error:  # noqa: BLE001 - the model could not be loaded: that is for all who asked
                results = [error] * len(batch.said)
            for asked in gathering.settle(batch, results):
                if not self._waiting[asked].done():
                    self._waiting[asked].set_result(None)


EmotionActor = actor("EmotionActor", "emotion", EmotionShell)
