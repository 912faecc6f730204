"""Equations kept by an agent: fitted to what it remembers, and forked, rolled back, merged and listed like memories."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from quantum_memory.actors.equations import EquationRequest
from quantum_memory.actors.requests import MergeRequest, Tip
from quantum_memory.errors import AlreadyExists, InvalidValue
from quantum_memory.memory.affect.dynamics import Equation, difference
from quantum_memory.memory.affect.dynamics.equation import KIND
from quantum_memory.policies.merge import MergePolicy, MergePolicyLike
from quantum_memory.types import PAD, PARTS, Branch, LogEntry, Utterance
from tests.unit.couples import START, system, talk, utterances
from tests.unit.orchestra import DIM, Orchestra, ready

COUNT = 36


@pytest.fixture
def orchestra(tmp_path: Path) -> Iterator[Orchestra]:
    made = Orchestra(tmp_path)
    yield made
    made.close()


@pytest.fixture
def alice(orchestra: Orchestra) -> Branch:
    branch = orchestra.agent("alice")
    orchestra.remember(branch, utterances(talk(system(), COUNT, 1), DIM), "talk")
    return branch


def fitted(orchestra: Orchestra, branch: Branch, other: str | None = "Bob") -> Equation:
    return orchestra.run(orchestra.host.equation(EquationRequest(branch, other), None))


def keep(orchestra: Orchestra, branch: Branch, op_id: str, other: str | None = "Bob") -> Equation:
    return orchestra.run(orchestra.host.keep_equation(EquationRequest(branch, other), op_id))


def kept(orchestra: Orchestra, branch: Branch) -> list[Equation]:
    return orchestra.run(orchestra.host.equations(branch, None))


def history(orchestra: Orchestra, branch: Branch, other: str | None = "Bob") -> list[tuple[LogEntry, Equation]]:
    return orchestra.run(orchestra.host.equation_history(branch, other, 1000))


def more(orchestra: Orchestra, branch: Branch, seed: int, push: float) -> None:
    """They talk on, later, and Bob's pleasure moves her otherwise."""
    series = talk(system(push=(push, 0.3, -0.2)), COUNT, seed)
    said = [replace(one, at=one.at.replace(year=2026 + seed)) for one in utterances(series, DIM) if one.at is not None]
    orchestra.remember(branch, said, f"more-{seed}")


def merged(orchestra: Orchestra, ours: Branch, theirs: Branch, op_id: str) -> None:
    request = MergeRequest(ours, theirs, Tip(theirs.id), MergePolicy.of("theirs"), 0.0, op_id)
    orchestra.run(orchestra.host.merge(request))


def test_an_equation_is_fitted_to_the_branch_and_nothing_is_written(orchestra: Orchestra, alice: Branch) -> None:
    before = orchestra.memories(alice)
    found = fitted(orchestra, alice)
    assert (found.agent, found.other, found.source) == ("alice", "Bob", "speech")
    assert found.push[0][0] == pytest.approx(0.4, abs=4 * found.push_error[0][0])
    assert orchestra.memories(alice) == before
    assert kept(orchestra, alice) == []


def test_what_is_kept_is_what_was_fitted_and_is_kept_once(orchestra: Orchestra, alice: Branch) -> None:
    found = keep(orchestra, alice, "keep-1")
    alone = keep(orchestra, alice, "keep-2", None)
    seq = orchestra.run(orchestra.host.log(alice, 1))[0].place.seq
    assert keep(orchestra, alice, "keep-3") == found
    assert orchestra.run(orchestra.host.log(alice, 1))[0].place.seq == seq
    assert kept(orchestra, alice) == [alone, found]
    orchestra.reopen()
    assert kept(orchestra, alice) == [alone, found]
    (memory,) = [one for one in orchestra.memories(alice) if one.id == "equation:bob"]
    assert (memory.kind, memory.text, memory.confidence, memory.importance) == (KIND, found.sentence, 0.0, 0.0)


def test_keeping_changes_neither_mood_nor_working_memory_nor_the_next_fit(orchestra: Orchestra, alice: Branch) -> None:
    mood = orchestra.run(orchestra.host.mood(alice, None))
    working = orchestra.run(orchestra.host.working(alice, None))
    before = fitted(orchestra, alice)
    keep(orchestra, alice, "keep-1")
    assert orchestra.run(orchestra.host.mood(alice, None)) == mood
    assert orchestra.run(orchestra.host.working(alice, None)) == working
    assert fitted(orchestra, alice) == before


def test_a_fork_keeps_an_equation_of_its_own_and_a_merge_brings_it(orchestra: Orchestra, alice: Branch) -> None:
    first = keep(orchestra, alice, "keep-1")
    what_if = orchestra.fork(alice, "what-if")
    assert kept(orchestra, what_if) == [first]
    more(orchestra, what_if, 2, -0.4)
    second = keep(orchestra, what_if, "keep-2")
    assert kept(orchestra, alice) == [first]
    assert kept(orchestra, what_if) == [second]
    assert next(one for one in difference(first, second).noted if one.name == "push pleasure by pleasure").z < -2.0
    merged(orchestra, alice, what_if, "merge")
    assert kept(orchestra, alice) == [second]


def test_a_conflict_keeps_one_side_whole(orchestra: Orchestra, alice: Branch) -> None:
    keep(orchestra, alice, "keep-1")
    what_if = orchestra.fork(alice, "what-if")
    for branch, seed in ((alice, 2), (what_if, 3)):
        more(orchestra, branch, seed, 0.1 * seed)
    ours, theirs = keep(orchestra, alice, "keep-2"), keep(orchestra, what_if, "keep-3")
    decided: list[tuple[MergePolicyLike, Equation]] = [(None, ours), ("union", theirs), ("theirs", theirs)]
    for policy, winner in decided:
        into = orchestra.fork(alice, f"merged-{policy}")
        request = MergeRequest(into, what_if, Tip(what_if.id), MergePolicy.of(policy), 0.0, f"merge-{policy}")
        report = orchestra.run(orchestra.host.merge(request))
        assert {one.field for one in report.conflicts} >= {"text", "metadata"}
        assert kept(orchestra, into) == [winner]
        (memory,) = [one for one in orchestra.memories(into) if one.kind == KIND]
        assert memory.text == winner.sentence


def test_a_rollback_brings_the_old_equation_back_and_the_history_tells_all(orchestra: Orchestra, alice: Branch) -> None:
    first = keep(orchestra, alice, "keep-1")
    place = orchestra.run(orchestra.host.log(alice, 1))[0].place
    more(orchestra, alice, 2, -0.4)
    second = keep(orchestra, alice, "keep-2")
    orchestra.run(orchestra.host.rollback(alice, place, PARTS, "back"))
    assert kept(orchestra, alice) == [first]
    told = history(orchestra, alice)
    assert [one for _, one in told] == [first, second, first]
    assert [entry.kind for entry, _ in told] == ["revised", "revised", "rolled_back"]
    fork = orchestra.fork(alice, "later")
    assert [one for _, one in history(orchestra, fork)] == [first, second, first]
    assert history(orchestra, alice, "Carol") == []


def test_what_was_forgotten_is_kept_anew(orchestra: Orchestra, alice: Branch) -> None:
    found = keep(orchestra, alice, "keep-1")
    orchestra.run(orchestra.host.forget(alice, [found.id], "forget"))
    assert kept(orchestra, alice) == []
    assert keep(orchestra, alice, "keep-2") == found
    assert kept(orchestra, alice) == [found]


def test_a_repeated_call_keeps_once(orchestra: Orchestra, alice: Branch) -> None:
    keep(orchestra, alice, "same")
    count = len(orchestra.run(orchestra.host.log(alice, 100)))
    keep(orchestra, alice, "same")
    assert len(orchestra.run(orchestra.host.log(alice, 100))) == count


def test_a_clone_knows_what_it_was_called(orchestra: Orchestra, alice: Branch) -> None:
    twin = orchestra.run(orchestra.host.clone(alice, "alice-2", None, "clone")).info
    found, hers = fitted(orchestra, twin), fitted(orchestra, alice)
    assert found == replace(hers, agent="alice-2")


def test_an_agent_that_never_speaks_is_known_by_its_mood(orchestra: Orchestra) -> None:
    listener = orchestra.agent("listener")
    chance = np.random.default_rng(3)
    for number in range(14):
        said = ready(number, speaker="Bob", at=START + timedelta(hours=1.3 * number))
        orchestra.remember(listener, replace(said, pad=PAD(*chance.uniform(-0.9, 0.9, 3))), f"said-{number}")
    found = fitted(orchestra, listener)
    assert (found.source, found.other) == ("mood", "Bob")
    # Every feeling moves a mood towards itself.
    assert all(found.push[axis][axis] > 0.0 for axis in range(3))


def test_what_cannot_be_fitted_is_refused(orchestra: Orchestra, alice: Branch) -> None:
    with pytest.raises(InvalidValue, match="somebody who speaks: Bob"):
        fitted(orchestra, alice, "Carol")
    with pytest.raises(InvalidValue, match="somebody else than the agent"):
        fitted(orchestra, alice, "ALICE")
    with pytest.raises(InvalidValue, match="at least"):
        fitted(orchestra, orchestra.agent("new"), None)
    orchestra.remember(alice, ready(999, id="equation:bob"), "mine")
    with pytest.raises(AlreadyExists, match="equation:bob"):
        keep(orchestra, alice, "keep")


def test_a_spoilt_equation_is_named(orchestra: Orchestra, alice: Branch) -> None:
    spoilt = Utterance(
        "no equation", kind=KIND, id="equation:eve", embedding=np.ones(DIM, dtype=np.float32), pad=PAD(0, 0, 0)
    )
    orchestra.remember(alice, spoilt, "spoilt")
    with pytest.raises(InvalidValue, match="the plain values of an equation"):
        kept(orchestra, alice)
