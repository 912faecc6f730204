"""EmotionActor: the models. Texts in, percepts out; stateless but for a cache, batched, on a share of a GPU."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import ray

from quantum_memory.actors.deferred import Deferred
from quantum_memory.errors import InvalidSettings
from quantum_memory.memory.affect.hashing import HashingPerceiver
from quantum_memory.memory.affect.perceiver import MiniLMPerceiver, Perceiver
from quantum_memory.settings import Settings
from quantum_memory.types import Percept


class Said(NamedTuple):
    """A text and who said it, if anybody did."""

    text: str
    speaker: str | None = None


def make_perceiver(settings: Settings) -> Perceiver:
    """The perceiver that the settings name. Raises: MissingDependency; InvalidSettings if its vectors do not fit."""
    wanted = settings.perception
    if wanted.model == "hashing":
        return HashingPerceiver(dim=wanted.dim)
    perceiver = MiniLMPerceiver(
        model=None if wanted.model == "minilm" else wanted.model,
        device=wanted.device,
        batch_size=wanted.batch_size,
        cache_size=wanted.cache,
        threads=settings.blas_threads,
    )
    if perceiver.dim != wanted.dim:
        problem = f"perception.dim: {wanted.model} makes vectors of {perceiver.dim}, settings say {wanted.dim}"
        raise InvalidSettings("settings", [problem])
    return perceiver


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
