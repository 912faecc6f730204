"""The plain folds as settings decide them, for those who fold a whole history without actors. Loads no Ray."""

from __future__ import annotations

from quantum_memory.memory.affect.mood import MoodFold
from quantum_memory.memory.archive.heads import Folds
from quantum_memory.memory.episodic.fold import MemoriesFold
from quantum_memory.memory.semantic.graph import GraphFold
from quantum_memory.memory.skills import SkillsFold
from quantum_memory.memory.working import WorkingFold
from quantum_memory.settings import Settings
from quantum_memory.types import PAD


def plain_folds(settings: Settings, dim: int | None = None) -> Folds:
    """How views follow from events under these settings; embeddings have the length ``dim``, or that of the first."""
    wanted, working = settings.mood, settings.views.working_memories
    mood = MoodFold(
        temperament=PAD(*wanted.temperament),
        learning_rate=wanted.learning_rate,
        half_life_s=wanted.half_life_s,
        max_bond=wanted.max_bond,
        min_fidelity=wanted.min_fidelity,
    )
    about = {"mood": wanted.model_dump(mode="json", exclude={"backend"}), "working_memories": working}
    return Folds(
        MemoriesFold(dim, faiss_threads=settings.blas_threads),
        GraphFold(),
        mood,
        WorkingFold(working),
        SkillsFold(),
        about,
    )
