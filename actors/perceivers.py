"""From settings to the perceiver that they name: which models are loaded, and where. Perceives nothing itself."""

from __future__ import annotations

from quantum_memory.errors import InvalidSettings
from quantum_memory.memory.affect.hashing import HashingPerceiver
from quantum_memory.memory.affect.perceiver import MiniLMPerceiver, Perceiver
from quantum_memory.settings import Settings


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
