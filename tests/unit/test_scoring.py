"""Candidates in columns have the parts that memories taken one by one have, whatever happened before."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.actors.episodic_memory import EpisodicMemoryHost
from quantum_memory.actors.seeking import Led, Question
from quantum_memory.memory.episodic.fold import MemoriesFold
from quantum_memory.memory.episodic.search import Query
from quantum_memory.memory.life.uses import Practice
from quantum_memory.memory.scoring import Sought
from quantum_memory.memory.semantic.bridges import Bridges
from quantum_memory.policies.decay import Decay
from quantum_memory.policies.recall import PART_NAMES, RecallWeights, contenders, rank
from tests.unit import slow_recall
from tests.unit.episodes import HAPPENINGS, SIZES, START, Happening
from tests.unit.orchestra import Orchestra, ready
from tests.unit.test_episodic_fold import play
from tests.unit.test_episodic_search import QUERIES, VECTORS

NOW = START + timedelta(days=3)
IDS = st.integers(0, 45).map(lambda number: f"m{number}")
WALKED = st.dictionaries(IDS, st.floats(0.01, 1.0), max_size=40)
BRIDGES = st.dictionaries(IDS, st.dictionaries(IDS, st.floats(0.01, 1.0), min_size=1, max_size=3), max_size=6)
TEXTS = st.sampled_from(
    ["What did Alice say on 1 January 2026?", "when did bob run in the storm?", "rain and tea?", "", "violin"]
)
ASKED = st.builds(
    Query, TEXTS, VECTORS, st.builds(lambda query: query.filters, QUERIES), st.sampled_from([0, 1, 3, 50])
)


def told(used: Practice, _: Sequence[str]) -> Practice:
    return used


@settings(deadline=None, max_examples=120)
@given(HAPPENINGS, SIZES, ASKED, WALKED, BRIDGES)
def test_columns_give_what_memories_give(
    happenings: list[Happening], sizes: object, query: Query, walked: dict[str, float], bridges: Bridges
) -> None:
    weights = RecallWeights()
    for state, _ in play(MemoriesFold(sizes=sizes), happenings)[-1:-4:-1]:  # type: ignore[arg-type]  # as drawn
        sought, slow = Sought(state, query, NOW), slow_recall.found(state, query, NOW)
        got, wanted = sought.seeds(weights), slow_recall.seeds(query, slow, weights, NOW)
        np.testing.assert_allclose(list(got.values()), list(wanted.values()), rtol=1e-6)
        assert set(got) == set(wanted)
        slow = slow_recall.with_strangers(state, query, slow, walked, bridges)
        parts, expected = sought.led_to(walked, bridges), slow_recall.parts_of(query, slow, walked, bridges, NOW)
        assert sought.look.ids(sought.found.numbers) == [one.id for one in slow.memories]
        assert sought.look.memories(sought.found.numbers) == list(slow.memories)
        assert parts.keys() == expected.keys()
        for name, part in parts.items():
            np.testing.assert_allclose(part, expected[name], rtol=1e-6, atol=1e-7, err_msg=name)
        felt = np.array([(*np.asarray(one.pad), one.confidence, one.importance) for one in slow.memories])
        assert np.array_equal(sought.felt(), felt.reshape(-1, 5))
        ages = np.array([max(0.0, NOW.timestamp() - one.at.timestamp()) for one in slow.memories])
        kinds = [one.kind for one in slow.memories]
        assert np.array_equal(sought.lasting(Decay()), Decay().retention(ages, kinds))
        used = Practice(np.arange(len(kinds)), np.where(ages > 100.0, NOW.timestamp() - 50.0, np.nan))
        uses = used.counts.astype(np.float64), NOW.timestamp() - used.last_s
        assert np.array_equal(sought.lasting(Decay(), partial(told, used)), Decay().retention(ages, kinds, *uses))


COLUMN = st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]) | st.floats(0.0, 1.0), min_size=12, max_size=12)


@settings(deadline=None)
@given(COLUMN, COLUMN, st.integers(-1, 14), st.sampled_from([0.0, 0.01, 0.3, 1e6]))
def test_the_best_are_among_the_contenders_whatever_the_mood_says(
    relevance: list[float], mood: list[float], k: int, weight: float
) -> None:
    weights = RecallWeights(*([1.0] + [0.0] * (len(PART_NAMES) - 2) + [weight]))
    known, last = {"relevance": np.array(relevance)}, np.array(mood)
    chosen = contenders(known, weights, k, "mood")
    assert (np.diff(chosen) > 0).all()
    every = rank(known | {"mood": last}, weights, k)
    few = rank({"relevance": known["relevance"][chosen], "mood": last[chosen]}, weights, k)
    assert chosen[few.order].tolist() == every.order.tolist()
    assert few.scores.tobytes() == every.scores.tobytes()


def test_no_more_contend_than_must() -> None:
    weights = RecallWeights(mood=0.25)
    known = {"relevance": np.array([0.9, 0.1, 0.7, 0.5, 0.4])}
    assert contenders(known, weights, 2, "mood").tolist() == [0, 2, 3]
    assert contenders(known, RecallWeights(mood=0.0), 2, "mood").tolist() == [0, 2]
    assert contenders(known, weights, 0, "mood").tolist() == []


def test_an_answer_does_not_depend_on_what_a_host_kept(tmp_path: Path) -> None:
    orchestra = Orchestra(tmp_path)
    try:
        branch = orchestra.agent("alice")
        orchestra.remember(branch, [ready(n, f"the cat number {n} sleeps") for n in range(40)], "some")
        (place,) = orchestra.run(orchestra.parts.journal.tips([branch]))
        embedding = np.random.default_rng(5).normal(size=16).astype(np.float32)
        question = Question("one", place, Query("which cat sleeps?", embedding), NOW, 5)

        def ask(method: object, item: object) -> object:
            return orchestra.run(orchestra.parts.episodic.ask(method, branch.lineage, item))  # type: ignore[arg-type]  # both of one host

        led = Led(question, {"unknown": 1.0}, {})
        fresh = ask(EpisodicMemoryHost.contenders, led)
        assert ask(EpisodicMemoryHost.seeds, question)
        kept = ask(EpisodicMemoryHost.contenders, led)
        assert [one.id for one in kept.memories] == [one.id for one in fresh.memories]  # type: ignore[attr-defined]  # Contenders
        assert len(kept.memories) >= 5  # type: ignore[attr-defined]  # Contenders
        for name, part in kept.parts.items():  # type: ignore[attr-defined]  # Contenders
            assert part.tobytes() == fresh.parts[name].tobytes()  # type: ignore[attr-defined]  # Contenders
    finally:
        orchestra.close()
