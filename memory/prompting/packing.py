"""Which lines go into a block, so that it is within its budget and the budget is used. Owns the order of taking.

Sections share the budget by weight: the next line is of the section that has had least for its share, and a section
that has nothing left to say leaves its share to the others (as fair queueing does with a link's bandwidth; Demers,
Keshav and Shenker, 1989). At its turn a line is taken if the block with it is within the budget, else it is left out.

A line costs what it, its mark and the headings above it have, counted one by one. Where a tokenizer parts texts at line
breaks, which MiniLM's does, that is what the whole block has. Where it does not, the whole is counted in the end: too
much gives the lines less room and packs again, too little lets in more of what was left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from quantum_memory.memory.prompting.block import (
    HEADINGS,
    SECTIONS,
    TITLE,
    UNSOURCED,
    LeftOut,
    Line,
    Section,
    SectionName,
    render,
)
from quantum_memory.memory.prompting.counting import TokenCounter
from quantum_memory.types import MemoryId

SLACK = 16
"""Tokens by which a line's own count may be above what it adds to a block, where it is tried again in the end."""
MAX_TRIES = 64
"""Lines that are tried again."""


class Texts(Protocol):
    """Texts by number, which may be made when they are asked for."""

    def __len__(self) -> int: ...

    def __getitem__(self, number: int, /) -> str: ...


@dataclass(frozen=True, slots=True)
class Slot:
    """A place for one line, in one of its forms.

    Attributes:
        memory: what the line cites.
        forms: its texts, without a mark; the shortest first.
        order: where it stands among the lines of its section.
        group: the line above it that says when, or "".
        says: what it tells; where some of it was told already the line is passed over. Empty: it is told anyhow.
    """

    memory: MemoryId | None
    forms: Texts
    order: tuple[float, int] = (0.0, 0)
    group: str = ""
    says: tuple[str, ...] = ()


class Step(NamedTuple):
    """To tell a slot in a form, or in that form instead of the one before."""

    slot: int
    form: int


@dataclass(frozen=True, slots=True)
class Offer:
    """What a section could tell: its slots, and the steps in the order in which they are considered."""

    name: SectionName
    share: float
    slots: tuple[Slot, ...]
    steps: tuple[Step, ...]


class Turn(NamedTuple):
    """A step of one of the offers."""

    offer: int
    step: Step


class Packed(NamedTuple):
    """What came of packing: the sections, the block, its tokens, the marks, and what was left out."""

    sections: tuple[Section, ...]
    text: str
    tokens: int
    citations: dict[str, MemoryId]
    left_out: tuple[LeftOut, ...]


def least_budget(counter: TokenCounter) -> int:
    """The tokens of a block with every heading and no line; never less than of the title, which every block has."""
    return max(counter.count(TITLE), counter.count("\n".join((TITLE, *HEADINGS.values()))))


def pack(offers: Sequence[Offer], budget: int, counter: TokenCounter) -> Packed:
    """The block of what fits, of at most ``budget`` tokens.

    Law: no line that was left out would have fitted when it was its turn, and so none fits in the end, where the
        tokens of lines add up to those of the block; elsewhere none of the first ``MAX_TRIES`` does that are within
        ``SLACK`` by their own count.
    """
    prices = _Prices(counter)
    room = budget
    while True:
        taking = _Taking(offers, room, prices)
        taking.run()
        text = taking.text()
        tokens = counter.count(text)
        if tokens <= budget:
            break
        room -= max(tokens - budget, 1)
    if tokens != taking.used:
        tokens = _filled(taking, tokens, budget, counter)
    return taking.packed(tokens)


def _filled(taking: _Taking, tokens: int, budget: int, counter: TokenCounter) -> int:
    """Let in more of what was left out, where the whole has fewer tokens than its lines."""
    likely = [turn for turn in taking.missed if taking.price(turn) <= budget - tokens + SLACK]
    for turn in likely[:MAX_TRIES]:
        if not taking.fits_in_order(turn):
            continue
        before = taking.saved()
        taking.take(turn)
        with_it = counter.count(taking.text())
        if with_it <= budget:
            tokens = with_it
        else:
            taking.restore(before)
    return tokens


class _Prices:
    """What texts cost, each counted once."""

    def __init__(self, counter: TokenCounter) -> None:
        self._counter = counter
        self._known: dict[str, int] = {}
        self.line_break = counter.count("a\na") - 2 * counter.count("a")

    def of(self, text: str) -> int:
        if text not in self._known:
            self._known[text] = self._counter.count(text)
        return self._known[text]

    def least(self, text: str) -> int:
        known = self._known.get(text)
        return self._counter.least(text) if known is None else known

    def row(self, text: str) -> int:
        """What a line of its own costs."""
        return self.of(text) + self.line_break


@dataclass(slots=True)
class _Told:
    """What is in the block so far."""

    used: int
    marks: dict[MemoryId, str] = field(default_factory=dict)
    says: set[str] = field(default_factory=set)
    forms: dict[tuple[int, int], int] = field(default_factory=dict)
    groups: set[tuple[int, str]] = field(default_factory=set)
    spent: list[int] = field(default_factory=list)

    def copy(self) -> _Told:
        return _Told(self.used, dict(self.marks), set(self.says), dict(self.forms), set(self.groups), list(self.spent))


class _Taking:
    """One go through all that is offered."""

    def __init__(self, offers: Sequence[Offer], room: int, prices: _Prices) -> None:
        self._offers, self._room, self._prices = offers, room, prices
        self._told = _Told(prices.of(TITLE), spent=[0] * len(offers))
        self.missed: list[Turn] = []

    @property
    def used(self) -> int:
        """Tokens of the block, as its lines add up."""
        return self._told.used

    def saved(self) -> _Told:
        return self._told.copy()

    def restore(self, told: _Told) -> None:
        self._told = told

    def run(self) -> None:
        """Consider every step in its turn."""
        for turn in self._turns():
            if self._wanted(turn) and not self._taken(turn):
                self.missed.append(turn)

    def _turns(self) -> Iterator[Turn]:
        """Whose turn it is: the section that has had least for its share; of equals that with the larger share."""
        waiting = {number: iter(offer.steps) for number, offer in enumerate(self._offers)}
        while waiting:
            number = min(waiting, key=lambda one: (self._told.spent[one] / self._share(one), -self._share(one), one))
            step = next(waiting[number], None)
            if step is None:
                del waiting[number]
            else:
                yield Turn(number, step)

    def _share(self, number: int) -> float:
        return self._offers[number].share

    def _wanted(self, turn: Turn) -> bool:
        """Whether nobody has told this already. An upgrade of what is in the block is wanted."""
        slot = self._slot(turn)
        return self._form(turn) is not None or not self._told.says.intersection(slot.says)

    def _taken(self, turn: Turn) -> bool:
        left = self._room - self._told.used
        before = self._form(turn)
        if not self.fits_in_order(turn):
            return False
        forms = self._slot(turn).forms
        known = 0 if before is None else self._prices.of(forms[before])
        if self._prices.least(forms[turn.step.form]) - known > left or self.price(turn) > left:
            return False
        self.take(turn)
        return True

    def fits_in_order(self, turn: Turn) -> bool:
        """Whether it is not told in this form or a longer one, nor waits for a shorter one that did not fit."""
        before = self._form(turn)
        return turn.step.form == (0 if before is None else before + 1)

    def price(self, turn: Turn) -> int:
        """What the block would cost more."""
        slot, before = self._slot(turn), self._form(turn)
        body = self._prices.of(slot.forms[turn.step.form])
        if before is not None:
            return body - self._prices.of(slot.forms[before])
        above = 0 if self._told.spent[turn.offer] else self._prices.row(HEADINGS[self._offers[turn.offer].name])
        if slot.group and (turn.offer, slot.group) not in self._told.groups:
            above += self._prices.row(slot.group)
        return above + self._prices.row(self._mark(slot) + " ") + body

    def take(self, turn: Turn) -> None:
        """Put it into the block."""
        slot, told, price = self._slot(turn), self._told, self.price(turn)
        if slot.memory is not None:
            told.marks[slot.memory] = self._mark(slot)
        if self._form(turn) is None:
            told.says.update(slot.says[:1])
            told.groups.add((turn.offer, slot.group))
        told.forms[turn.offer, turn.step.slot] = turn.step.form
        told.spent[turn.offer] += max(price, 1)
        told.used += price

    def _mark(self, slot: Slot) -> str:
        """The mark of what the slot cites: its own, or the next."""
        if slot.memory is None:
            return UNSOURCED
        return self._told.marks.get(slot.memory) or f"[m{len(self._told.marks) + 1}]"

    def _slot(self, turn: Turn) -> Slot:
        return self._offers[turn.offer].slots[turn.step.slot]

    def _form(self, turn: Turn) -> int | None:
        return self._told.forms.get((turn.offer, turn.step.slot))

    def sections(self) -> tuple[Section, ...]:
        """The sections that tell something, in the order of a block."""
        lines: dict[SectionName, list[tuple[tuple[float, int], Line]]] = {}
        for (number, index), form in self._told.forms.items():
            offer = self._offers[number]
            slot = offer.slots[index]
            mark = self._mark(slot)
            line = Line(f"{mark} {slot.forms[form]}", mark, slot.memory, slot.group)
            lines.setdefault(offer.name, []).append((slot.order, line))
        return tuple(
            Section(name, tuple(line for _, line in sorted(lines[name], key=lambda one: one[0])))
            for name in SECTIONS
            if name in lines
        )

    def text(self) -> str:
        return render(self.sections())

    def packed(self, tokens: int) -> Packed:
        left: dict[tuple[int, int], LeftOut] = {}
        for turn in self.missed:
            form, slot = self._form(turn), self._slot(turn)
            if form is None and self._told.says.intersection(slot.says):
                continue  # somebody else told it later
            if form is None or form < len(slot.forms) - 1:
                key = turn.offer, turn.step.slot
                left[key] = LeftOut(self._offers[turn.offer].name, slot.memory, form is not None)
        marks = {mark: memory for memory, mark in self._told.marks.items()}
        return Packed(self.sections(), self.text(), tokens, marks, tuple(left.values()))
