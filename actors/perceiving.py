"""Perception asked for alone: texts checked on the driver's side, perceived in slices. Stores nothing."""

from __future__ import annotations

from collections.abc import Sequence

from quantum_memory.actors.emotion import EmotionHost, Said
from quantum_memory.actors.ports import Port
from quantum_memory.checks import within
from quantum_memory.errors import TooLong
from quantum_memory.memory.affect.perceiver import speakers_of, texts_of
from quantum_memory.settings import Settings
from quantum_memory.types import Percept

SLICE = 64
"""Texts perceived in one call, so that others get in between."""


def said_of(texts: Sequence[str], speakers: Sequence[str | None] | None, settings: Settings) -> tuple[Said, ...]:
    """Texts and who says them, as a cluster with these settings perceives them. Raises: InvalidValue, TooLong."""
    found = texts_of(texts)
    by = speakers_of(speakers, len(found))
    limits = settings.limits
    if len(found) > limits.batch:
        raise TooLong("perceive", len(found), limits.batch, "texts")
    for text in found:
        within("text", text, limits.text_chars)
    return tuple(Said(text, speaker) for text, speaker in zip(found, by, strict=True))


def key_of(one: Said) -> str:
    """What decides who perceives a text: the text itself, as for one that is remembered, without what UTF-8 lacks."""
    return one.text.encode(errors="replace").decode()


async def perceived(emotion: Port[EmotionHost], said: Sequence[Said]) -> list[Percept]:
    """A percept for each text, in their order."""
    seen: list[Percept] = []
    for start in range(0, len(said), SLICE):
        part = said[start : start + SLICE]
        seen += await emotion.scatter(EmotionHost.perceive, [key_of(one) for one in part], part)
    return seen
