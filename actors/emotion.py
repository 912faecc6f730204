"""EmotionActor: the models. Texts in, percepts out; stateless but for a cache, batched, on a share of a GPU."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import ray

from quantum_memory.actors.deferred import Deferred
from quantum_memory.actors.perceivers import make_perceiver
from quantum_memory.settings import Settings
from quantum_memory.types import Percept


class Said(NamedTuple):
    """A text and who said it, if anybody did."""

    text: str
    speaker: str | None = None


class EmotionHost:
    """Perception for everybody. Everything an EmotionActor does, without Ray."""

    def __init__(self, settings: Settings) -> None:
        self._perceiver = Deferred(partial(make_perceiver, settings))

    def perceive(self, said: Sequence[Said]) -> list[Percept]:
        """A percept for each text, from one batch."""
        return self._perceiver().perceive([one.text for one in said], [one.speaker for one in said])

    def status(self) -> dict[str, int]:
        """Which process this is, once the model is loaded. Raises: what loading it raises."""
        self._perceiver()
        return {"pid": os.getpid()}


EmotionActor = ray.remote(max_restarts=-1, max_task_retries=-1)(EmotionHost)
