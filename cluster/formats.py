"""Files of utterances that fit into memory: all of them at once, or the first thing that is wrong.

Owns that promise alone; the formats are ``memory.exchange``'s. Never talks to an agent.
"""

from __future__ import annotations

from typing import Literal, get_args

from quantum_memory.memory.exchange import registry, sources
from quantum_memory.memory.exchange.json_lines import AXES, FIELDS, record, write_json_lines
from quantum_memory.memory.exchange.registry import FORMATS, Format
from quantum_memory.memory.exchange.transcript import write_transcript
from quantum_memory.types import Utterance

__all__ = [
    "AXES",
    "FIELDS",
    "FORMATS",
    "WRITTEN",
    "Format",
    "Written",
    "detect",
    "read",
    "record",
    "write_json_lines",
    "write_transcript",
]

Written = Literal["jsonl", "transcript"]
WRITTEN: tuple[Written, ...] = get_args(Written)


def detect(source: str, content: str) -> Format:
    """The format of a file, by what is in it and where that tells nothing by its name."""
    return registry.detect(sources.of_bytes(source, content.encode()))


def read(
    source: str,
    raw: bytes,
    form: Format | None = None,
    *,
    text_chars: int | None = None,
    dim: int | None = None,
) -> list[Utterance]:
    """The utterances of a file, in its order, each with an id.

    An utterance without an id gets one made of its content and of its place: the same file gives the same ids again,
    so that importing it twice adds nothing, and importing it when it has grown adds what is new.

    Args:
        source: the file's name, for messages and for the detection of its format.
        raw: its bytes, in UTF-8, or in UTF-16 with a byte order mark.
        form: its format; detected when left out.
        text_chars: how long a text may be.
        dim: how long an embedding has to be.

    Raises: UnreadableLine, UnreadableEntry for the first that cannot be read; UnreadableFile; InvalidValue.
    """
    taken = []
    for one in registry.read(sources.of_bytes(source, raw), form, text_chars=text_chars, dim=dim):
        if not isinstance(one.found, Utterance):
            raise one.found
        taken.append(one.found)
    return taken
