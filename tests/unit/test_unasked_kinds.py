"""What follows from memories does not stand in their way: equations are recalled when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from quantum_memory.actors.equations import EquationRequest
from quantum_memory.actors.requests import RecallRequest
from quantum_memory.memory.affect.dynamics.equation import KIND
from quantum_memory.types import UNASKED_KINDS, Filters
from tests.unit.couples import system, talk, utterances
from tests.unit.orchestra import DIM, Orchestra

EVERY = 500
"""More than there are memories."""


@pytest.fixture
def orchestra(tmp_path: Path) -> Iterator[Orchestra]:
    made = Orchestra(tmp_path)
    yield made
    made.close()


def test_an_equation_is_recalled_when_its_kind_is_asked_for_and_else_not(orchestra: Orchestra) -> None:
    alice = orchestra.agent("alice")
    orchestra.remember(alice, utterances(talk(system(), 36, 1), DIM), "talk")
    before = [hit.memory.id for hit in orchestra.recall(alice, np.ones(DIM, np.float32), EVERY)]
    orchestra.run(orchestra.host.keep_equation(EquationRequest(alice, "Bob"), "keep"))
    (sentence,) = [memory for memory in orchestra.memories(alice) if memory.kind == KIND]
    for query in (sentence.embedding, sentence.text):
        hits = orchestra.recall(alice, query, 50)
        assert KIND not in {hit.memory.kind for hit in hits}
        request = RecallRequest(alice, query, 50, Filters(kind=KIND), None)
        assert [hit.memory.id for hit in orchestra.run(orchestra.host.recall_one(request))] == [sentence.id]
    # Its sentence is in the graph, where it may lead from one to another, so they may come in another order.
    assert sorted(before) == sorted(hit.memory.id for hit in orchestra.recall(alice, np.ones(DIM, np.float32), EVERY))


def test_the_kind_of_equations_is_among_those_that_must_be_asked_for() -> None:
    assert KIND in UNASKED_KINDS
