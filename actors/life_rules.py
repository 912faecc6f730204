"""The policies of a memory's life as the settings want them. Decides nothing by itself."""

from __future__ import annotations

from quantum_memory.memory.life.duplicates import Alike
from quantum_memory.memory.life.episodes import Runs
from quantum_memory.memory.life.facts import Repeated
from quantum_memory.policies.decay import Decay, DecayPolicy, Exponential, Never, PowerLaw
from quantum_memory.policies.forgetting import Forgetting
from quantum_memory.policies.importance import Salience
from quantum_memory.settings import DecaySettings, LifeSettings, Settings


def salience(settings: Settings) -> Salience:
    """What makes a memory important."""
    wanted = settings.life.importance
    return Salience(wanted.feeling, wanted.surprise, wanted.repetition, settings.graph.importance)


def decay(wanted: LifeSettings) -> Decay:
    """Which kind of memory fades how."""
    return Decay(_law(wanted.decay), {kind: _law(one) for kind, one in wanted.decay_of.items()}, wanted.gain)


def _law(wanted: DecaySettings) -> DecayPolicy:
    if wanted.law == "never":
        return Never()
    if wanted.law == "exponential":
        return Exponential(wanted.half_life_s)
    return PowerLaw(wanted.scale_s, wanted.exponent)


def forgetting(wanted: LifeSettings, most: int | None = None) -> Forgetting:
    """Which memories go; ``most`` takes the place of the settings' own. Raises: OutOfRange."""
    rule = wanted.forgetting
    return Forgetting(
        rule.floor,
        rule.spared,
        dict(rule.oldest_s),
        rule.most if most is None else most,
        frozenset(rule.protected_kinds),
        frozenset(rule.protected_tags),
    )


def alike(wanted: LifeSettings) -> Alike:
    """When two memories count as one."""
    return Alike(wanted.duplicates.words, wanted.duplicates.cosine, wanted.duplicates.within_s)


def repeated(wanted: LifeSettings) -> Repeated:
    """What becomes a fact."""
    rule = wanted.consolidation
    return Repeated(rule.cosine, rule.repeats, frozenset(rule.kinds))


def runs(settings: Settings) -> Runs:
    """What becomes an episode."""
    rule = settings.life.consolidation
    return Runs(rule.gap_s, rule.turns, rule.told, settings.limits.text_chars, frozenset(rule.kinds))
