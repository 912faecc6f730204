"""What the demo tells: the conversation and questions of the package, and two futures that did not happen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from itertools import groupby

import msgspec

from quantum_memory.cluster import formats
from quantum_memory.types import Hit, MemoryId, Utterance

DATA = "demo_data"
QUARREL = "s08"
SHOWN = ("q01", "q20", "q31")
"""Questions of three kinds whose answers are shown at length; the figure is measured on all of them."""
IMAGINED = "imagined"

TOLD_HER = "he-told-her"
LEFT_HIM = "she-left-for-good"
FUTURES = {
    TOLD_HER: """
2025-06-05T22:20+00:00 Tomasz Ilka, wait. Before I promise it: there is an audition in Carrow for the Sinfonia.
2025-06-05T22:21+00:00 Tomasz It is on the very morning of the funeral. I've known since April and was afraid to say so.
2025-06-05T22:24+00:00 Ilka Oh, Tomasz. She'd have boxed your ears if you missed it. I'm glad you told me.
2025-06-06T08:31+00:00 Tomasz I rang them and simply asked, and they've moved me to Wednesday! I'll be there first.
2025-06-12T17:30+00:00 Ilka You played as if the whole estuary were listening. I'll be grateful for it all my life.
2025-06-12T17:36+00:00 Tomasz I have never been so proud to be anywhere. She was a joy, and so was her table.
2025-06-12T21:02+00:00 Ilka We walked home singing. Mother laughed for the first time this week, and then so did I.
2025-06-13T18:10+00:00 Tomasz Slovenia on the twenty-eighth! I've packed already. I can't wait.
2025-06-13T18:14+00:00 Ilka I bought the boots today. I'm sad, and I'm happy, and mostly I'm happy.
""",
    LEFT_HIM: """
2025-06-13T18:10+00:00 Ilka Your key is with Mirela and your letters are in the stove. I feel nothing but disgust.
2025-06-13T18:14+00:00 Tomasz You can't mean that. Fifteen years, Ilka! I'm begging you.
2025-06-13T18:15+00:00 Ilka I hate you for that silence in the chapel, and I'll never forgive it.
2025-06-13T18:40+00:00 Tomasz Then I'm alone, and I've earned it. I have never been so miserable.
""",
}
"""Turns by future: time, speaker and text, one a line."""


@dataclass(frozen=True)
class Session:
    """One conversation of the story."""

    name: str
    turns: tuple[Utterance, ...]


class Question(msgspec.Struct, frozen=True):
    """A question about the story; ``evidence`` are the ids of the turns that hold the answer."""

    id: str
    question: str
    answer: str
    evidence: tuple[MemoryId, ...]
    kind: str


def sessions() -> list[Session]:
    """The conversation, session by session, in order of time."""
    turns = formats.read("conversation.jsonl", _bytes("conversation.jsonl"))
    return [Session(name or "", tuple(group)) for name, group in groupby(turns, key=lambda turn: turn.session)]


def questions() -> list[Question]:
    """The questions, in their order."""
    return [msgspec.json.decode(line, type=Question) for line in _bytes("questions.jsonl").splitlines() if line.strip()]


def future(name: str) -> list[Utterance]:
    """One of the futures that did not happen, as utterances that say so by their kind."""
    turns = (line.split(" ", maxsplit=2) for line in FUTURES[name].strip().splitlines())
    return [
        Utterance(text, speaker, datetime.fromisoformat(at), kind=IMAGINED, session=name, id=f"{name}-t{number:02}")
        for number, (at, speaker, text) in enumerate(turns, start=1)
    ]


def recall_at_k(question: Question, hits: Sequence[Hit]) -> float:
    """The share of the turns with the answer that are among the recollections."""
    found = {hit.memory.id for hit in hits}
    return sum(one in found for one in question.evidence) / len(question.evidence)


def means_by_kind(scores: Iterable[tuple[str, float]]) -> dict[str, tuple[int, float]]:
    """For each kind of question how many there are and the mean of their scores."""
    grouped: dict[str, list[float]] = {}
    for kind, score in scores:
        grouped.setdefault(kind, []).append(score)
    return {kind: (len(values), sum(values) / len(values)) for kind, values in grouped.items()}


def _bytes(name: str) -> bytes:
    return (files("quantum_memory") / DATA / name).read_bytes()
