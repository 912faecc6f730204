"""LoCoMo files: long conversations with questions.

Source: Maharana et al. (2024), Evaluating Very Long-Term Conversational Memory of LLM Agents.
Owns their schema, as in github.com/snap-research/locomo (data/locomo10.json): samples with ``sample_id`` and
``conversation``, in which ``session_3`` is a list of turns with ``speaker``, ``dia_id``, ``text`` and for pictures
``blip_caption``, and ``session_3_date_time`` is when it was, as in "1:56 pm on 8 May, 2023". Questions are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from quantum_memory.errors import InvalidInput
from quantum_memory.memory.exchange.documents import elements
from quantum_memory.memory.exchange.entries import Entry, Reading, entry, placed, refused, shown
from quantum_memory.memory.exchange.sources import Source

SESSION = re.compile(r"session_(0|[1-9][0-9]{0,8})")
TIME_FORM = "%I:%M %p on %d %B, %Y"


def read(source: Source, reading: Reading) -> Iterator[Entry]:
    """The turns of all sessions in their order, a second apart; each sample is a conversation."""
    for part in source.parts:
        for number, value in enumerate(elements(source, part)):
            sample = value if isinstance(value, Mapping) else {}
            name = str(sample.get("sample_id") or f"conversation {number}")
            yield from _turns(source.label(part), name, sample.get("conversation"), reading)


def _turns(label: str, name: str, talk: object, reading: Reading) -> Iterator[Entry]:
    if not isinstance(talk, Mapping):
        yield refused(label, name, "conversation: expected an object")
        return
    for number in sorted(int(found.group(1)) for key in talk if (found := SESSION.fullmatch(key))):
        session = f"session_{number}"
        turns = talk[session]
        if not isinstance(turns, list):
            yield refused(label, f"{name}.{session}", f"expected a list of turns, got {type(turns).__name__}")
            continue
        try:
            begin = placed(datetime.strptime(talk[f"{session}_date_time"], TIME_FORM), reading.zone)  # noqa: DTZ007
            begin + timedelta(seconds=len(turns))  # the last turn may be beyond the calendar's end
        except (KeyError, TypeError, ValueError, OverflowError, InvalidInput) as error:
            yield refused(
                label, f"{name}.{session}", f"date_time: expected a time as '1:56 pm on 8 May, 2023': {error}"
            )
            continue
        for index, turn in enumerate(turns):
            place = f"{name}.{session}[{index}]"
            said = turn if isinstance(turn, Mapping) else {}
            yield entry(label, place, _made(said, name, session, begin + timedelta(seconds=index)), name, place)


def _made(turn: Mapping[str, Any], name: str, session: str, at: datetime) -> dict[str, Any]:
    text, caption = turn.get("text"), turn.get("blip_caption")
    if isinstance(text, str) and isinstance(caption, str) and caption:
        text = f"{text} [shares a picture: {caption}]".strip()
    return {
        "text": text,
        "speaker": shown(turn.get("speaker")),
        "at": at,
        "session": f"{name[:100]} {session}",
        "metadata": {"dia_id": turn["dia_id"]} if isinstance(turn.get("dia_id"), str) else {},
    }
