"""From gathered material to a block: what each section offers, and in which order it is considered.

Within a section the order is a ladder: what comes n-th is considered as number n, its longer form or its neighbour as a
multiple of n, so that details of what matters most compete with the first words of what matters less.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from heapq import nlargest
from itertools import chain

from quantum_memory.errors import OutOfRange
from quantum_memory.memory.prompting import quoting
from quantum_memory.memory.prompting.block import LEVELS, SECTIONS, Context, Level, Section, SectionName
from quantum_memory.memory.prompting.centrality import Unit, telling
from quantum_memory.memory.prompting.counting import TokenCounter
from quantum_memory.memory.prompting.forms import GROWTH, Forms
from quantum_memory.memory.prompting.material import MAX_TOKENS, Material, Wish, beside
from quantum_memory.memory.prompting.packing import Offer, Slot, Step, least_budget, pack
from quantum_memory.memory.prompting.sentences import best, sentences, stems
from quantum_memory.memory.prompting.shares import Shares
from quantum_memory.memory.prompting.threads import open_threads
from quantum_memory.memory.semantic.spread import Method
from quantum_memory.types import Memory, MemoryId, Mood, Relation

LINES: Mapping[Level, int] = {"sentence": 1, "paragraph": 5, "detail": 16}
"""How many sentences of one part of the past each level may have."""
NEAR = 8.0
"""A neighbour right beside the n-th hit is considered with hit 8 n, one step further on with hit 16 n."""
REPLY = 1.5
"""What follows a question is considered sooner: it may be the answer."""
LONG_CHARS = 300
"""A memory with more is offered sentence by sentence where the past is told in short."""
MAX_SENTENCES = 40
"""Of one memory."""
MAX_UNITS = 120
"""Of one part of the past."""
MAX_THREADS = 40
FAR_S = 1e12
"""More than lies between any two times."""
MANY = 10**12
"""More than there are lines."""
RANK_FADE = 10.0
"""Reciprocal rank fusion: a part is called up by the sum of 1 / (10 + rank) over its hits (Cormack et al., 2009)."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How blocks are made, as the settings say: shares of the sections, and the walk that ranks sentences."""

    shares: Shares = field(default_factory=Shares)
    walk: Method = "quantum"


def assemble(material: Material, wish: Wish, counter: TokenCounter, manner: Manner | None = None) -> Context:
    """The block. The same material and wish give the same.

    Raises: OutOfRange if the budget does not hold the title and the headings, which have ``least_budget`` tokens.
    """
    manner = manner or Manner()
    least = least_budget(counter)
    if wish.tokens < least:
        raise OutOfRange("tokens", wish.tokens, least, MAX_TOKENS)
    offering = _Offering(material, wish, manner)
    makers: dict[SectionName, Callable[[], list[_Line]]] = {
        "known": offering.known,
        "earlier": offering.earlier,
        "remembered": offering.remembered,
        "threads": offering.threads,
        "mood": offering.mood,
        "said_last": offering.said_last,
    }
    offers = [
        _offer(name, getattr(manner.shares, name), makers[name]())
        for name in SECTIONS
        if name in wish.sections and getattr(manner.shares, name) > 0.0
    ]
    packed = pack(offers, wish.tokens, counter)
    levels = _levels(packed.sections, material)
    told = packed.text, packed.tokens, wish.tokens, packed.sections, packed.citations, levels, packed.left_out
    return Context(*told, material.missing)


def _levels(sections: tuple[Section, ...], material: Material) -> dict[str, Level]:
    """How fully each part of the past is told, by the line above it; of several below one line that told most fully."""
    sessions = {memory.id: memory.session for memory in chain.from_iterable(material.stretches)}
    lines = [line for section in sections if section.name == "earlier" for line in section.lines]
    told = Counter((line.group, None if line.memory is None else sessions[line.memory]) for line in lines)
    most: dict[str, int] = {}
    for (group, _), count in told.items():
        most[group] = max(count, most.get(group, 0))
    return {group.removesuffix(":"): _level(count) for group, count in most.items()}


def _level(lines: int) -> Level:
    return next((level for level in LEVELS if lines <= LINES[level]), LEVELS[-1])


@dataclass(frozen=True, slots=True)
class _Line:
    """A slot, and the key by which each of its forms is considered: the first for ``key``, each next one later."""

    slot: Slot
    key: float


def _offer(name: SectionName, share: float, lines: list[_Line]) -> Offer:
    keyed = [
        (line.key * GROWTH**form, number, Step(number, form))
        for number, line in enumerate(lines)
        for form in range(len(line.slot.forms))
    ]
    return Offer(name, share, tuple(line.slot for line in lines), tuple(step for *_, step in sorted(keyed)))


class _Offering:
    """What each section could tell of some material."""

    def __init__(self, material: Material, wish: Wish, manner: Manner) -> None:
        self._material, self._wish, self._manner = material, wish, manner
        self._wanted = frozenset(stems(material.query)) if material.query else frozenset()
        every = chain(chain.from_iterable(material.stretches), material.working, (hit.memory for hit in material.hits))
        self._number = {memory: number for number, memory in enumerate(dict.fromkeys(one.id for one in every))}

    def known(self) -> list[_Line]:
        """Relations, the strongest first."""
        ranked = sorted(self._material.relations, key=lambda one: (-one.weight, one.key))
        return [
            _Line(Slot(self._source(one), (_relation(one),), order=(float(number), 0)), number + 1.0)
            for number, one in enumerate(ranked)
        ]

    def _source(self, relation: Relation) -> MemoryId | None:
        return relation.memory if relation.memory in self._material.sources else None

    def remembered(self) -> list[_Line]:
        """Hits, and what was said beside them."""
        near = beside(self._material.stretches, self._wish.neighbours)
        keys: dict[MemoryId, float] = {}
        known: dict[MemoryId, Memory] = {}
        for rank, hit in enumerate(self._material.hits, start=1):
            before, after = near.get(hit.memory.id, ((), ()))
            asks = hit.memory.text.rstrip().endswith("?")
            offered = [(hit.memory, float(rank))]
            offered += [(one, NEAR * 2**step * rank) for step, one in enumerate(reversed(before))]
            offered += [(one, (REPLY if asks else NEAR) * 2**step * rank) for step, one in enumerate(after)]
            for memory, key in offered:
                known[memory.id] = memory
                keys[memory.id] = min(key, keys.get(memory.id, key))
        return [_Line(self._whole(known[one]), key) for one, key in keys.items()]

    def said_last(self) -> list[_Line]:
        """The working memory, from the end."""
        return [
            _Line(self._whole(memory), float(back)) for back, memory in enumerate(reversed(self._material.working), 1)
        ]

    def _whole(self, memory: Memory) -> Slot:
        group = f"{quoting.day(memory.at)}:"
        return Slot(memory.id, Forms(memory, self._wanted), self._order(memory), group, (memory.id,))

    def _order(self, memory: Memory, sentence: int = 0) -> tuple[float, int]:
        return memory.at.timestamp(), self._number.get(memory.id, 0) * MAX_UNITS + sentence

    def threads(self) -> list[_Line]:
        """Questions and plans, the newest first."""
        found = open_threads(self._material.working)[:MAX_THREADS]
        words = {"question": "not answered yet", "plan": "not spoken of as done yet"}
        return [
            _Line(
                Slot(
                    one.memory.id,
                    (quoting.said(one.sentence, one.memory.speaker),),
                    (FAR_S * (one.kind == "plan") + one.memory.at.timestamp(), -number),
                    f"{quoting.day(one.memory.at)}, {words[one.kind]}:",
                ),
                number,
            )
            for number, one in enumerate(found, start=1)
        ]

    def mood(self) -> list[_Line]:
        """The mood in a sentence; it cites which of the last memories is nearest to it in feeling."""
        mood = self._material.mood
        if mood is None or not mood.emotions:
            return []
        return [_Line(Slot(self._felt(mood), _moods(mood)), 1.0)]

    def _felt(self, mood: Mood) -> MemoryId | None:
        felt = [one for one in self._material.working if one.confidence > 0.0 and one.pad.intensity > 0.0]
        nearest = min(reversed(felt), key=lambda one: one.pad.distance(mood.mean) / one.confidence, default=None)
        return None if nearest is None else nearest.id

    def earlier(self) -> list[_Line]:
        """Parts of the past that the question calls up, each as the sentences that tell most of it."""
        called = {hit.memory.id: 1.0 / (RANK_FADE + rank) for rank, hit in enumerate(self._material.hits, start=1)}
        recent = {memory.id for memory in self._material.working}
        parts: dict[tuple[str, str], list[Memory]] = {}
        for memory in chain.from_iterable(self._material.stretches):
            if memory.id not in recent:
                key = ("session", memory.session) if memory.session is not None else ("day", quoting.day(memory.at))
                parts.setdefault(key, []).append(memory)
        worth = {key: sum(called.get(memory.id, 0.0) for memory in part) for key, part in parts.items()}
        chosen = nlargest(self._wish.parts, parts, key=lambda key: (worth[key], key))
        lines: list[_Line] = []
        for rank, key in enumerate(chosen, start=1):
            lines += self._part(parts[key], rank, called)
        return lines

    def _part(self, part: list[Memory], rank: int, called: Mapping[MemoryId, float]) -> list[_Line]:
        begin, end = min(one.at for one in part), max(one.at for one in part)
        pieces = list(chain.from_iterable(map(self._pieces, part)))[:MAX_UNITS]
        units = [Unit(text, memory.embedding, called.get(memory.id, 0.0)) for memory, _, text in pieces]
        most = LINES[self._wish.level]
        slot = partial(self._piece, group=f"{quoting.days(begin, end)}:", begin=begin, rank=rank)
        order = telling(units, most, self._manner.walk)
        return [_Line(slot(*pieces[index]), rank * _rung(place)) for place, index in enumerate(order)]

    def _pieces(self, memory: Memory) -> list[tuple[Memory, int, str]]:
        """A short memory as it is, a long one in sentences."""
        if len(memory.text) <= LONG_CHARS:
            return [(memory, -1, memory.text)]
        every = sentences(memory.text)
        return [(memory, index, every[index]) for index in sorted(best(every, self._wanted, MAX_SENTENCES))]

    def _piece(self, memory: Memory, number: int, text: str, *, group: str, begin: datetime, rank: int) -> Slot:
        order = begin.timestamp(), rank * MANY + self._order(memory, number + 1)[1]
        says = (memory.id,) if number < 0 else (f"{memory.id}\n{number}", memory.id)
        # A part keeps together: its lines stand where it began, in the order in which they were said.
        return Slot(memory.id, (quoting.said(text, memory.speaker),), order, group, says)


def _rung(place: int) -> float:
    """The first sentence of a part, those that make it a paragraph, and those of the detail: each level four times."""
    return float(GROWTH ** next(step for step, level in enumerate(LEVELS) if place < LINES[level]))


def _relation(relation: Relation) -> str:
    words = quoting.quoted(" ".join(map(quoting.name, relation.key)))  # which together may read as a mark
    since = f" (since {quoting.day(relation.at)})" if relation.at is not None else ""
    until = f" (until {quoting.day(relation.until)})" if relation.until is not None else ""
    return words + since + until


def _moods(mood: Mood) -> tuple[str, ...]:
    """A word, and a sentence with numbers."""
    first = quoting.quoted(mood.emotions[0][0])
    then = f", then {quoting.quoted(mood.emotions[1][0])}" if len(mood.emotions) > 1 else ""
    at = mood.mean
    numbers = f"pleasure {at.pleasure:+.2f}, arousal {at.arousal:+.2f}, dominance {at.dominance:+.2f}"
    return f"I feel mostly {first}.", f"I feel mostly {first}{then} ({numbers})."
