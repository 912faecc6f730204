"""What recall does around the search: what it looks for, what it joins, and the weights it is learned by."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from quantum_memory.actors.requests import RecallRequest
from quantum_memory.memory import scoring
from quantum_memory.memory.episodic.fold import MemoriesFold
from quantum_memory.memory.episodic.search import Chosen, Query, Sighting, search
from quantum_memory.memory.episodic.state import EpisodicState
from quantum_memory.memory.events import Remembered
from quantum_memory.policies.recall import PART_NAMES, RecallWeights
from quantum_memory.types import NEUTRAL, Branch, Filters, Floats, Memory, Utterance
from tests.unit.orchestra import Orchestra

NOW = datetime(2026, 3, 18, 12, tzinfo=UTC)
TRAINING = Path(__file__).parents[2] / "training"


def day(number: int) -> datetime:
    return datetime(2026, 3, number, tzinfo=UTC)


def remembered(*texts: str) -> EpisodicState:
    memories = [
        Memory(f"m{at}", text, NOW, NEUTRAL, 1.0, 0.5, np.eye(8, dtype=np.float32)[at % 8])
        for at, text in enumerate(texts)
    ]
    fold = MemoriesFold()
    return fold.apply(fold.empty(), Remembered(tuple(memories)))


@pytest.fixture
def alice(tmp_path: Path) -> Iterator[tuple[Orchestra, Branch]]:
    orchestra = Orchestra(tmp_path)
    yield orchestra, orchestra.agent("alice")
    orchestra.close()


def test_a_question_is_searched_for_once_more_within_each_time_that_it_names() -> None:
    plain, first, second = scoring.searches(Query("Was it on 3 March 2026 or 7 March 2026?"), NOW)
    assert plain.filters == Filters()
    assert (first.filters.since, first.filters.until) == (day(3), day(5))
    assert (second.filters.since, second.filters.until) == (day(7), day(9))
    assert len(scoring.searches(Query("on 3 March 2026", limit=0), NOW)) == 1
    assert len(scoring.searches(Query(" or ".join(f"on {n} March 2026" for n in range(1, 15))), NOW)) == 5


def test_a_time_that_is_named_never_lets_more_through_than_the_filters() -> None:
    asked = Query("on 3 March 2026", filters=Filters(since=day(4), until=day(10), speaker="Bob"))
    (_, within) = scoring.searches(asked, NOW)
    assert within.filters == Filters(since=day(4), until=day(5), speaker="Bob")
    (_, before) = scoring.searches(Query("before 7 March 2026", filters=Filters(since=day(4))), NOW)
    assert (before.filters.since, before.filters.until) == (day(4), day(8))


def test_what_several_searches_find_is_there_once_with_its_own_parts() -> None:
    question = "apple or bread on 18 March 2026"
    state = remembered("apple", "bread", "cheese")
    assert len(scoring.searches(Query(question), NOW)) == 2
    twice = scoring.Sought(state, Query(question), NOW)
    once = search(state, Query(question))
    assert twice.look.ids(twice.found.numbers) == [memory.id for memory in once.memories] == ["m0", "m1", "m2"]
    for part in ("relevance", "lexical", "neighbours", "news"):
        assert (getattr(twice.found, part) == getattr(once, part)).all()


def test_strangers_are_the_best_of_the_walk_and_all_that_bridges_lead_to() -> None:
    texts = [f"word{at}" for at in range(100)]
    sought = scoring.Sought(remembered(*texts), Query("word0", limit=1), NOW)
    here = set(sought.look.ids(sought.found.numbers))
    far = [f"m{at}" for at in range(5, 100, 3)]  # each is a neighbour of no other
    assert here.isdisjoint(far)
    assert len(far) > scoring.STRANGERS + 1
    walked = {"m0": 1.0, "unknown": 1.0} | {memory: 1.0 / (at + 2) for at, memory in enumerate(far[:-1])}
    parts = sought.led_to(walked, {"m0": {"m0": 1.0}, far[0]: {"m0": 1.0}, far[-1]: {"m0": 1.0}, "none": {"m0": 1.0}})
    new = sought.look.ids(sought.found.numbers)
    assert len(set(new)) == len(new) == len(parts["graph"])
    assert set(new) & set(far) == {*far[: scoring.STRANGERS - 1], far[-1]}, (
        "an unknown one takes a place and gives none"
    )
    given = dict(zip(new, parts["graph"].tolist(), strict=True))
    assert {memory: given[memory] for memory in far[:3]} == {memory: walked[memory] for memory in far[:3]}


def test_associations_begin_at_what_matches_whatever_else_speaks_for_it() -> None:
    sought = scoring.Sought(remembered("apple", "yesterday I ate it all up at noon"), Query("when was apple"), NOW)
    weights = RecallWeights(time=1e6, when=1e6, statement=1e6, news=1e6)
    assert sought.seeds(weights) == sought.seeds(RecallWeights()) != {}
    assert scoring.Sought(MemoriesFold().empty(), Query("apple"), NOW).seeds(weights) == {}


def test_figures_that_are_no_date_neither_break_a_question_nor_a_memory(alice: tuple[Orchestra, Branch]) -> None:
    orchestra, branch = alice
    orchestra.remember(branch, ["The ratio was 1024.5/6 at last.", "We met on 7 May 2023."], "r")
    for question in ("What was it on 2023/5.7?", "What did we do on 7 May 2023?", "When did we meet?"):
        assert len(orchestra.recall(branch, question)) == 2


@pytest.mark.parametrize("exact", [False, True])
def test_a_question_is_looked_up_exactly_on_request(
    alice: tuple[Orchestra, Branch], monkeypatch: pytest.MonkeyPatch, exact: bool
) -> None:
    orchestra, branch = alice
    orchestra.remember(branch, [Utterance("Anna met Bert yesterday."), Utterance("And Bert left.")], "r")
    looked: list[Query] = []
    plain = Sighting.chosen

    @wraps(plain)
    def spied(self: Sighting, query: Query) -> Chosen:
        looked.append(query)
        return plain(self, query)

    monkeypatch.setattr(Sighting, "chosen", spied)
    request = RecallRequest(branch, "Who met Bert last week?", 3, Filters(), None, exact=exact)
    assert orchestra.run(orchestra.host.recall_one(request))
    assert len(looked) >= 2
    assert {query.exact for query in looked} == {exact}


def test_texts_are_read_beside_the_event_loop(alice: tuple[Orchestra, Branch], monkeypatch: pytest.MonkeyPatch) -> None:
    orchestra, branch = alice
    orchestra.remember(branch, "We met on 7 May 2023.", "r")
    threads: list[int] = []
    plain = scoring.Sought.led_to

    @wraps(plain)
    def spied(self: scoring.Sought, *given: Any) -> dict[str, Floats]:
        threads.append(threading.get_ident())
        return plain(self, *given)

    monkeypatch.setattr(scoring.Sought, "led_to", spied)
    assert orchestra.recall(branch, "When did we meet?")
    assert len(threads) == 1
    assert threading.get_ident() not in threads


@pytest.fixture
def learner(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(TRAINING))
    return importlib.import_module("learn_recall")


def test_what_is_held_out_has_no_say_in_where_learning_begins(learner: ModuleType) -> None:
    fixed = frozenset(("relevance", "mood"))
    begun = dict(zip(PART_NAMES, learner.beginning(fixed).tolist(), strict=True))
    assert {name: begun[name] for name in fixed} == {name: getattr(RecallWeights(), name) for name in fixed}
    assert {begun[name] for name in PART_NAMES if name not in fixed} == {learner.BEGIN}


def test_learning_finds_the_part_that_tells_answers(learner: ModuleType) -> None:
    rng, count, answer = np.random.default_rng(0), 40, PART_NAMES.index("news")
    parts = rng.uniform(size=(count, 50, len(PART_NAMES)))
    right = np.zeros((count, 50), np.bool_)
    right[np.arange(count), parts[:, :, answer].argmax(axis=1)] = True
    every = learner.Questions(parts, right, np.ones_like(right), np.ones(count, np.int64), np.zeros(count))
    fixed = frozenset(("relevance",))
    weights = learner.learned([every], learner.beginning(fixed), fixed, 6)
    assert weights.argmax() == answer
    assert learner.score([every], weights) > learner.score([every], learner.beginning(fixed)) + 0.3
