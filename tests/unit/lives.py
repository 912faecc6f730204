"""Made-up memories whose likeness is known, for those who merge, group and forget them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from quantum_memory.types import PAD, Memory, Vector

START = datetime(2026, 1, 1, tzinfo=UTC)
DIM = 16


def direction(topic: int, wobble: int = 0, size: float = 0.1) -> Vector:
    """A unit vector near that of a topic, always the same one."""
    mean = np.random.default_rng(topic).standard_normal(DIM)
    near = mean / np.linalg.norm(mean) + size * np.random.default_rng((topic, wobble)).standard_normal(DIM) / DIM**0.5
    made: Vector = (near / np.linalg.norm(near)).astype(np.float32)
    return made


def said(number: int, text: str, topic: int, minutes: float = 0.0, **fields: Any) -> Memory:
    """Something said so many minutes after the start, near a topic."""
    given: dict[str, Any] = {
        "id": f"m{number}",
        "text": text,
        "at": START + timedelta(minutes=minutes),
        "pad": PAD(0.1, 0.2, 0.0),
        "confidence": 0.5,
        "importance": 0.2,
        "embedding": direction(topic, number),
        "speaker": "Alice",
    }
    return Memory(**(given | fields))
