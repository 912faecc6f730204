"""What perception makes of texts, as a table for people and as plain data for JSON. Perceives nothing itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from quantum_memory.cluster.cli_tables import data, harmless, words
from quantum_memory.cluster.formats import AXES
from quantum_memory.memory.affect.emotions import nearest
from quantum_memory.types import Percept

NAMES = 3
"""Emotions that are named for each text."""


def percepts_data(texts: Sequence[str], percepts: Sequence[Percept]) -> list[dict[str, Any]]:
    """Each text with what is felt in it; without its embedding, which nobody reads."""
    return [
        {
            "text": text,
            "pad": data(one.pad),
            "spread": None if one.spread is None else dict(zip(AXES, map(float, one.spread), strict=True)),
            "confidence": float(one.confidence),
            "emotions": dict(nearest(one.pad, NAMES)),
            "language": one.language,
            "notes": list(one.notes),
        }
        for text, one in zip(texts, percepts, strict=True)
    ]


def percepts_table(texts: Sequence[str], percepts: Sequence[Percept]) -> RenderableType:
    """A row for each text: its feeling with the spread of what people would rate, its names, how sure all that is."""
    if not texts:
        return words("there is nothing to read")
    table = Table(show_lines=True)
    table.add_column("text", ratio=1, min_width=20)
    for name in ("feeling", "nearest emotions"):
        table.add_column(name, no_wrap=True)
    table.add_column("sure", justify="right", no_wrap=True)
    for text, one in zip(texts, percepts, strict=True):
        read = Text.assemble(harmless(text) or Text("(empty)", "dim"))
        remarks = ([] if one.language is None else [f"language {one.language}"]) + list(one.notes)
        if remarks:
            read.append(f"\n{harmless(' · '.join(remarks))}", "dim")
        names = "\n".join(f"{name} {probability:.0%}" for name, probability in nearest(one.pad, NAMES))
        table.add_row(read, _feeling(one), words(names), f"{one.confidence:.0%}")
    return table


def _feeling(one: Percept) -> Text:
    """An axis a line, with its spread where that is known."""
    spread = [""] * len(AXES) if one.spread is None else [f" ± {value:.2f}" for value in one.spread]
    lines = [f"{axis:<9} {getattr(one.pad, axis):+.2f}{more}" for axis, more in zip(AXES, spread, strict=True)]
    return words("\n".join(lines))
