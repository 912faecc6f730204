"""What goes into a block: never more than the budget, nothing left out that would have fitted; the slow way agrees."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from quantum_memory.errors import CorruptRecord, InvalidValue, MissingModel, OutOfRange
from quantum_memory.memory.prompting.block import HEADINGS, SECTIONS, TITLE, UNSOURCED, Line, Section, render
from quantum_memory.memory.prompting.counting import CallableCounter, TokenCounter, TokenizerFile, counter_of
from quantum_memory.memory.prompting.packing import Offer, Packed, Slot, Step, Turn, least_budget, pack
from quantum_memory.types import MemoryId

WORDS = ["rain", "umbrella", "Bob", "[m3]", "seventeen", "Kraków", "…", "7", "tea-leaves", "## Mood", "北京", "x" * 120]
TEXTS = st.lists(st.sampled_from(WORDS), min_size=1, max_size=12).map(" ".join)


def words(text: str) -> int:
    return len(text.split())


@lru_cache(maxsize=1)
def merging() -> CallableCounter:
    """A byte-level tokenizer that merges over spaces and line breaks: the tokens of lines do not add up."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator([f"{TITLE}\n## Mood\n[m1] rain\n[m2] umbrella rain\n[m3] Bob"] * 50, trainer)
    return CallableCounter(lambda text: len(tokenizer.encode(text).ids))


COUNTERS: dict[str, Callable[[], TokenCounter]] = {
    "minilm": lambda: counter_of(None),
    "characters": lambda: CallableCounter(len),
    "words": lambda: CallableCounter(words),
}


@st.composite
def offered(draw: st.DrawFn) -> list[Offer]:
    offers = []
    for name in draw(st.lists(st.sampled_from(SECTIONS), min_size=1, max_size=4, unique=True)):
        slots, steps = [], []
        for number in range(draw(st.integers(0, 6))):
            forms = [draw(TEXTS)]
            for _ in range(draw(st.integers(0, 2))):
                forms.append(f"{forms[-1]} {draw(TEXTS)}")
            memory = draw(st.none() | st.sampled_from([f"id{one}" for one in range(6)]))
            group = draw(st.sampled_from(["", "7 May 2023:", "8 May 2023:"]))
            order = (float(["", "7 May 2023:", "8 May 2023:"].index(group)), number)
            says = (memory,) if memory is not None and draw(st.booleans()) else ()
            slots.append(Slot(memory, tuple(forms), order, group, says))
            steps += [(draw(st.integers(1, 4)) * 4**form, Step(number, form)) for form in range(len(forms))]
        kept = sorted(steps, key=lambda one: (one[0], one[1].slot, one[1].form))
        offers.append(Offer(name, draw(st.floats(0.01, 1.0)), tuple(slots), tuple(step for _, step in kept)))
    return offers


class Slow:
    """The same by rendering and counting the whole block at every turn."""

    def __init__(self, offers: Sequence[Offer], counter: TokenCounter) -> None:
        self.offers, self.counter = offers, counter
        self.told: dict[tuple[int, int], int] = {}
        self.says: set[str] = set()
        self.marks: dict[MemoryId, str] = {}
        self.spent = [0] * len(offers)

    def sections(self, more: Turn | None = None) -> tuple[Section, ...]:
        told, marks = dict(self.told), dict(self.marks)
        if more is not None:
            memory = self.offers[more.offer].slots[more.step.slot].memory
            told[more.offer, more.step.slot] = more.step.form
            if memory is not None:
                marks.setdefault(memory, f"[m{len(marks) + 1}]")
        found = []
        for name in SECTIONS:
            lines = []
            for (number, index), form in told.items():
                slot = self.offers[number].slots[index]
                if self.offers[number].name == name:
                    mark = UNSOURCED if slot.memory is None else marks[slot.memory]
                    lines.append((slot.order, Line(f"{mark} {slot.forms[form]}", mark, slot.memory, slot.group)))
            if lines:
                found.append(Section(name, tuple(line for _, line in sorted(lines, key=lambda one: one[0]))))
        return tuple(found)

    def tokens(self, more: Turn | None = None) -> int:
        return self.counter.count(render(self.sections(more)))

    def run(self, budget: int) -> tuple[str, list[tuple[str, MemoryId | None]]]:
        waiting = {number: list(offer.steps) for number, offer in enumerate(self.offers)}
        missed: list[Turn] = []
        while waiting:
            shares = {number: self.offers[number].share for number in waiting}
            number = min(waiting, key=lambda one: (self.spent[one] / shares[one], -shares[one], one))
            if not waiting[number]:
                del waiting[number]
                continue
            turn = Turn(number, waiting[number].pop(0))
            slot, place = self.offers[number].slots[turn.step.slot], (number, turn.step.slot)
            if place not in self.told and self.says & set(slot.says):
                continue
            next_form = self.told.get(place, -1) + 1
            before, after = self.tokens(), self.tokens(turn)
            if turn.step.form != next_form or after > budget:
                missed.append(turn)
                continue
            if place not in self.told:
                self.says |= set(slot.says[:1])
            if slot.memory is not None:
                self.marks.setdefault(slot.memory, f"[m{len(self.marks) + 1}]")
            self.told[place] = turn.step.form
            self.spent[number] += max(after - before, 1)
        return render(self.sections()), self._left(missed)

    def _left(self, missed: Sequence[Turn]) -> list[tuple[str, MemoryId | None]]:
        left: dict[tuple[int, int], tuple[str, MemoryId | None]] = {}
        for turn in missed:
            place, slot = (turn.offer, turn.step.slot), self.offers[turn.offer].slots[turn.step.slot]
            form = self.told.get(place)
            if not (form is None and self.says & set(slot.says)) and form != len(slot.forms) - 1:
                left[place] = (self.offers[turn.offer].name, slot.memory)
        return list(left.values())


@pytest.mark.parametrize("kind", COUNTERS)
@settings(max_examples=40, deadline=None)
@given(offers=offered(), room=st.integers(0, 120))
def test_the_slow_way_takes_the_same(kind: str, offers: list[Offer], room: int) -> None:
    counter = COUNTERS[kind]()
    budget = least_budget(counter) + room * (6 if kind == "characters" else 1)
    packed, slow = pack(offers, budget, counter), Slow(offers, counter)
    text, left = slow.run(budget)
    assert packed.text == text
    assert [(one.section, one.memory) for one in packed.left_out] == left
    assert packed.tokens == counter.count(text) <= budget
    for turn in open_turns(offers, slow):
        assert slow.tokens(turn) > budget


def open_turns(offers: Sequence[Offer], slow: Slow) -> list[Turn]:
    """What could still be told: the next form of each slot that nobody else told."""
    found = []
    for number, offer in enumerate(offers):
        for index, slot in enumerate(offer.slots):
            form = slow.told.get((number, index))
            if form is None and slow.says & set(slot.says):
                continue
            if (-1 if form is None else form) + 1 < len(slot.forms):
                found.append(Turn(number, Step(index, (-1 if form is None else form) + 1)))
    return found


@settings(max_examples=40, deadline=None)
@given(offers=offered(), room=st.integers(0, 120))
def test_where_tokens_of_lines_do_not_add_up_a_block_is_within_its_budget(offers: list[Offer], room: int) -> None:
    counter = merging()
    budget = least_budget(counter) + room
    packed = pack(offers, budget, counter)
    assert packed.tokens == counter.count(packed.text) <= budget
    assert packed == pack(offers, budget, counter)
    check_marks(packed)


@settings(max_examples=30, deadline=None)
@given(offers=offered(), room=st.integers(0, 100))
def test_more_room_never_tells_less(offers: list[Offer], room: int) -> None:
    counter = CallableCounter(words)
    small, large = (pack(offers, least_budget(counter) + room + more, counter) for more in (0, 10_000))
    assert small.tokens <= large.tokens
    assert large.left_out == ()
    check_marks(large)


def check_marks(packed: Packed) -> None:
    lines = [line for section in packed.sections for line in section.lines]
    for line in lines:
        assert line.text.startswith(line.mark + " ")
        assert packed.citations.get(line.mark) == line.memory
    assert set(packed.citations) == {line.mark for line in lines} - {UNSOURCED}
    assert len(set(packed.citations.values())) == len(packed.citations)


def test_sections_share_the_budget_and_what_one_leaves_goes_to_the_others() -> None:
    def offer(name: str, share: float, lines: int) -> Offer:
        slots = tuple(Slot(f"{name}{number}", (f"{name} " * 8,), (0.0, number)) for number in range(lines))
        return Offer(name, share, slots, tuple(Step(number, 0) for number in range(lines)))  # type: ignore[arg-type]  # a section's name

    counter = CallableCounter(words)
    packed = pack([offer("known", 0.25, 100), offer("earlier", 0.75, 100)], 900, counter)
    known, earlier = (len(section.lines) for section in packed.sections)
    assert earlier == pytest.approx(3 * known, abs=2)
    packed = pack([offer("known", 0.25, 100), offer("earlier", 0.75, 3)], 900, counter)
    known, earlier = (len(section.lines) for section in packed.sections)
    assert (known, earlier) == (96, 3)


def test_the_headings_of_all_sections_fit_into_fifty_tokens() -> None:
    least = least_budget(counter_of(None))
    assert least == counter_of(None).count("\n".join([TITLE, *HEADINGS.values()])) < 50


def test_tokenizers_cut_nothing_off_and_count_no_marks_of_their_own() -> None:
    counter = counter_of(None)
    assert counter.count("") == 0
    assert counter.count("rain") == 1
    assert counter.count("rain " * 5_000) == 5_000
    assert counter is counter_of(None)


@settings(deadline=None)
@given(st.lists(st.sampled_from([*WORDS, "a b", "\u0301", "’", "�"]), max_size=20).map(" ".join))
def test_the_quick_bound_is_never_above_the_count(text: str) -> None:
    counter = counter_of(None)
    assert counter.least(text) <= counter.count(text)


def test_a_tokenizer_is_a_file_or_the_folder_of_one(tmp_path: Path) -> None:
    from quantum_memory.memory.affect.encoder import packaged_model

    file = packaged_model() / "tokenizer.json"
    assert TokenizerFile(file)("two words") == TokenizerFile(str(file.parent))("two words") == 2
    with pytest.raises(MissingModel, match="nowhere"):
        TokenizerFile(tmp_path / "nowhere")
    with pytest.raises(MissingModel, match=r"tokenizer\.json"):
        TokenizerFile(tmp_path)
    (tmp_path / "tokenizer.json").write_text(json.dumps({"no": "tokenizer"}))
    with pytest.raises(CorruptRecord, match="is no tokenizer"):
        TokenizerFile(tmp_path)


def test_a_tokenizer_that_joins_words_promises_no_least_count(tmp_path: Path) -> None:
    tree = json.loads((counter_file()).read_text())
    tree["added_tokens"].append({**tree["added_tokens"][0], "id": 30_522, "content": "two words"})
    (tmp_path / "tokenizer.json").write_text(json.dumps(tree))
    counter = TokenizerFile(tmp_path)
    assert counter.count("two words") == 1
    assert counter.least("two words") == 0


@pytest.mark.parametrize(
    "before",
    [
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        pre_tokenizers.Metaspace(prepend_scheme="never", split=False),
    ],
)
def test_a_tokenizer_that_does_not_part_at_spaces_promises_no_least_count(
    tmp_path: Path, before: pre_tokenizers.PreTokenizer
) -> None:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = before
    tokenizer.train_from_iterator(["two words"] * 50, trainers.BpeTrainer(vocab_size=60, show_progress=False))
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    counter = TokenizerFile(tmp_path)
    assert counter.count("two words") == 1
    assert counter.least("two words") == 0


def test_a_count_by_which_the_title_alone_is_too_much_is_refused_and_not_tried_for_ever() -> None:
    odd = CallableCounter(lambda text: 100 if text == TITLE else 1)
    assert least_budget(odd) == 100


def counter_file() -> Path:
    from quantum_memory.memory.affect.encoder import packaged_model

    return packaged_model() / "tokenizer.json"


def test_what_is_no_count_is_refused() -> None:
    with pytest.raises(InvalidValue, match="tokenizer"):
        CallableCounter("gpt")  # type: ignore[arg-type]  # what is refused
    with pytest.raises(InvalidValue, match="whole number"):
        CallableCounter(lambda text: len(text) / 4).count("x")  # type: ignore[arg-type,return-value]  # what is refused
    with pytest.raises(OutOfRange):
        CallableCounter(lambda text: -len(text)).count("x")
