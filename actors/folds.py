"""The plain folds as settings decide them, for those who fold a whole history without actors. Loads no Ray."""

from __future__ import annotations

from quantum_memory.memory.affect.kept import KEPT_BYTES
from quantum_memory.memory.affect.mood import SETTLED_KEPT, MoodFold
from quantum_memory.memory.archive.heads import Folds
from quantum_memory.memory.episodic.fold import MemoriesFold
from quantum_memory.memory.semantic.graph import GraphFold
from quantum_memory.memory.skills import SkillsFold
from quantum_memory.memory.working import WorkingFold
from quantum_memory.settings import MoodSettings, Settings
from quantum_memory.types import PAD

WHERE = {"backend", "gpu_memory_limit_mb", "resident_mb"}
"""Settings of the mood that say where it is computed and held, and nothing of what it becomes."""


def mood_fold(
    wanted: MoodSettings,
    backend: str = "numpy",
    *,
    settled_kept: int = SETTLED_KEPT,
    kept_bytes: int = KEPT_BYTES,
) -> MoodFold:
    """How moods follow from events under these settings, computed by that backend; see ``MoodFold``.

    Raises: InvalidValue, OutOfRange; MissingDependency or NoDevice for a backend that is not there.
    """
    return MoodFold(
        temperament=PAD(*wanted.temperament),
        learning_rate=wanted.learning_rate,
        half_life_s=wanted.half_life_s,
        max_bond=wanted.max_bond,
        min_fidelity=wanted.min_fidelity,
        max_bytes=wanted.state_bytes,
        backend=backend,
        settled_kept=settled_kept,
        kept_bytes=kept_bytes,
    )


def plain_folds(settings: Settings, dim: int | None = None) -> Folds:
    """How views follow from events under these settings; embeddings have the length ``dim``, or that of the first."""
    wanted, working = settings.mood, settings.views.working_memories
    about = {"mood": wanted.model_dump(mode="json", exclude=WHERE), "working_memories": working}
    return Folds(
        MemoriesFold(dim, faiss_threads=settings.blas_threads),
        GraphFold(),
        mood_fold(wanted),
        WorkingFold(working),
        SkillsFold(),
        about,
    )
