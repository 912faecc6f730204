"""Skills: what an agent can do, how it came to know it, how often it went well, and which of it fits a task."""

from quantum_memory.memory.skills.alignment import Deed, aligned, alike, joined
from quantum_memory.memory.skills.episodes import Attempt, attempt_of, episodes_of, step_of
from quantum_memory.memory.skills.finding import Fit, find, hit_of, ranked
from quantum_memory.memory.skills.fold import SkillsFold, continued
from quantum_memory.memory.skills.lessons import Lesson, told_text
from quantum_memory.memory.skills.merging import SkillTrait, changes, news, versions
from quantum_memory.memory.skills.state import SkillsState, Tried, fit_numbers, same_meaning, tries_of

__all__ = [
    "Attempt",
    "Deed",
    "Fit",
    "Lesson",
    "SkillTrait",
    "SkillsFold",
    "SkillsState",
    "Tried",
    "aligned",
    "alike",
    "attempt_of",
    "changes",
    "continued",
    "episodes_of",
    "find",
    "fit_numbers",
    "hit_of",
    "joined",
    "news",
    "ranked",
    "same_meaning",
    "step_of",
    "told_text",
    "tries_of",
    "versions",
]
