"""The life of memories on branches: used, tidied, merged, consolidated; forked, rolled back, merged and reopened."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quantum_memory.actors.episodic_memory import EpisodicMemoryHost
from quantum_memory.actors.journal import Draft
from quantum_memory.actors.living import LifeRequest
from quantum_memory.actors.reinforcing import BATCHES
from quantum_memory.actors.requests import MergeRequest, RecallRequest, Tip
from quantum_memory.actors.weighing import WHY
from quantum_memory.errors import InvalidValue, MemoryNotFound, OutOfRange, StaleWriter, Unavailable
from quantum_memory.memory.events import Felt
from quantum_memory.memory.life.provenance import made_id
from quantum_memory.memory.life.reports import ConsolidationReport, DuplicatesReport, TidyReport
from quantum_memory.memory.life.uses_snapshot import UsesCodec
from quantum_memory.memory.merging import Under
from quantum_memory.memory.vault.writes import Append, Written
from quantum_memory.policies.merge import MergePolicy
from quantum_memory.types import PAD, PARTS, Branch, Filters, Place, Utterance
from tests.unit.lives import direction
from tests.unit.orchestra import Orchestra, ready

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def made(folder: Path, **life: Any) -> Orchestra:
    return Orchestra(folder, life=life)


@pytest.fixture
def orchestra(tmp_path: Path) -> Iterator[Orchestra]:
    one = made(tmp_path)
    yield one
    one.close()


@pytest.fixture
def alice(orchestra: Orchestra) -> Branch:
    return orchestra.agent("alice")


def counts(orchestra: Orchestra, branch: Branch, ids: list[str]) -> list[int]:
    place = orchestra.run(orchestra.parts.journal.tip(branch))
    asked = Under(place, tuple(ids))
    found = orchestra.run(orchestra.parts.episodic.ask(EpisodicMemoryHost.practice, branch.lineage, asked))
    return [int(count) for count in found.counts]


def use(orchestra: Orchestra, branch: Branch, ids: list[str], op_id: str) -> int:
    return orchestra.run(orchestra.host.reinforce(branch, ids, op_id))


def tidy(orchestra: Orchestra, branch: Branch, op_id: str, *, dry_run: bool = False, **more: Any) -> TidyReport:
    return orchestra.run(orchestra.host.tidy(LifeRequest(branch, dry_run, op_id, **more)))


def duplicates(orchestra: Orchestra, branch: Branch, op_id: str, *, dry_run: bool = False) -> DuplicatesReport:
    return orchestra.run(orchestra.host.merge_duplicates(LifeRequest(branch, dry_run, op_id)))


def consolidate(orchestra: Orchestra, branch: Branch, op_id: str, *, dry_run: bool = False) -> ConsolidationReport:
    return orchestra.run(orchestra.host.consolidate(LifeRequest(branch, dry_run, op_id)))


def merge(orchestra: Orchestra, ours: Branch, theirs: Branch, op_id: str) -> None:
    orchestra.run(orchestra.host.merge(MergeRequest(ours, theirs, Tip(theirs.id), MergePolicy.of(None), 0.0, op_id)))


def seq(orchestra: Orchestra, branch: Branch) -> int:
    return orchestra.run(orchestra.parts.journal.tip(branch)).seq


def talk(topic: int, count: int, first: int = 0, **fields: Any) -> list[Utterance]:
    """Statements of Alice that say the same, a minute apart, long ago."""
    subjects = ["green tea in the garden", "the violin of my sister", "walking by the river"]
    return [
        Utterance(
            f"I {'really ' * number}like {subjects[topic]}",
            speaker="Alice",
            at=LONG_AGO + timedelta(minutes=10 * topic + first + number),
            embedding=direction(topic, first + number),
            pad=PAD(0.2, 0.0, 0.0),
            **fields,
        )
        for number in range(count)
    ]


# Uses


def test_a_use_counts_on_its_branch_and_comes_back_with_it(orchestra: Orchestra, alice: Branch) -> None:
    ids = orchestra.remember(alice, [ready(1), ready(2)], "r")
    assert use(orchestra, alice, [ids[0], ids[0]], "u1") == 1
    assert use(orchestra, alice, ids, "u2") == 2
    assert use(orchestra, alice, ids, "u2") == 2  # repeated by Ray
    assert counts(orchestra, alice, ids) == [2, 1]
    what_if = orchestra.fork(alice, "what-if")
    use(orchestra, what_if, [ids[1]], "u3")
    assert (counts(orchestra, alice, ids), counts(orchestra, what_if, ids)) == ([2, 1], [2, 2])
    orchestra.reopen()
    assert (counts(orchestra, alice, ids), counts(orchestra, what_if, ids)) == ([2, 1], [2, 2])
    merge(orchestra, alice, what_if, "m1")
    assert counts(orchestra, alice, ids) == [2, 2]
    merge(orchestra, alice, what_if, "m2")
    merge(orchestra, what_if, alice, "m3")
    assert (counts(orchestra, alice, ids), counts(orchestra, what_if, ids)) == ([2, 2], [2, 2])


def test_uses_are_rolled_back_with_the_memories_and_with_them_alone(orchestra: Orchestra, alice: Branch) -> None:
    ids = orchestra.remember(alice, [ready(1)], "r")
    use(orchestra, alice, ids, "u1")
    before = orchestra.run(orchestra.host.checkpoint(alice, "before", "c"))
    use(orchestra, alice, ids, "u2")
    orchestra.run(orchestra.host.rollback(alice, before.place, ("mood", "graph"), "b1"))
    assert counts(orchestra, alice, ids) == [2]
    orchestra.run(orchestra.host.rollback(alice, before.place, ("memories",), "b2"))
    assert counts(orchestra, alice, ids) == [1]
    use(orchestra, alice, ids, "u3")
    assert counts(orchestra, alice, ids) == [2]
    orchestra.reopen()
    assert counts(orchestra, alice, ids) == [2]


def test_a_use_of_nothing_that_is_there_is_refused_and_off_is_off(tmp_path: Path) -> None:
    orchestra = made(tmp_path / "on")
    alice = orchestra.agent("alice")
    ids = orchestra.remember(alice, [ready(1), ready(2)], "r")
    orchestra.run(orchestra.host.forget(alice, ids[:1], "f"))
    before = seq(orchestra, alice)
    with pytest.raises(MemoryNotFound, match=ids[0]):
        use(orchestra, alice, ids, "u")
    assert seq(orchestra, alice) == before
    assert counts(orchestra, alice, ids) == [0, 0]
    orchestra.close()
    off = made(tmp_path / "off", reinforce=False)
    bob = off.agent("bob")
    ids = off.remember(bob, [ready(1)], "r")
    with pytest.raises(InvalidValue, match=r"life\.reinforce"):
        use(off, bob, ids, "u")
    off.close()


def asked(branch: Branch, **more: Any) -> RecallRequest:
    given: dict[str, Any] = {"query": "thing number", "k": 5, "filters": Filters(), "as_of": None}
    return RecallRequest(branch, **(given | more))


def test_reads_write_nothing_unless_they_are_to_reinforce(tmp_path: Path) -> None:
    for mode, written in (("marked", 0), ("recalled", 1)):
        orchestra = made(tmp_path / mode, reinforce=mode, flush_s=1e6)
        alice = orchestra.agent("alice")
        ids = orchestra.remember(alice, [ready(number) for number in range(3)], "r")
        before = seq(orchestra, alice)

        async def read(host: Any = orchestra.host, branch: Branch = alice) -> None:
            for _ in range(4):
                await host.recall_one(asked(branch))
            await host.recall_one(asked(branch, as_of=Tip(branch.id)))

        orchestra.run(read())
        assert seq(orchestra, alice) == before
        orchestra.run(orchestra.host.close())
        assert seq(orchestra, alice) == before + written
        assert counts(orchestra, alice, ids) == [written] * 3  # one batch: each of them once
        assert orchestra.run(orchestra.host.status())["uses_written"] == 3 * written
        orchestra.close()


def test_a_question_without_an_answer_leaves_nothing_waiting(tmp_path: Path) -> None:
    orchestra = made(tmp_path, reinforce="recalled", flush_s=1e6)
    alice = orchestra.agent("alice")
    assert orchestra.run(orchestra.host.recall_one(asked(alice))) == []
    assert orchestra.host._reinforcing._waiting == {}
    orchestra.close()


def test_what_waits_is_written_at_the_end_and_a_full_batch_at_once(tmp_path: Path) -> None:
    orchestra = made(tmp_path, reinforce="recalled", flush_s=1e6, flush_uses=3)
    alice = orchestra.agent("alice")
    ids = orchestra.remember(alice, [ready(number) for number in range(4)], "r")

    async def read(k: int, nap_s: float) -> int:
        await orchestra.host.recall_one(asked(alice, k=k))
        await asyncio.sleep(nap_s)
        return int((await orchestra.host.status())["uses_waiting"])

    assert orchestra.run(read(2, 0.05)) == 2
    assert sum(counts(orchestra, alice, ids)) == 0
    assert orchestra.run(read(4, 0.3)) == 0
    assert counts(orchestra, alice, ids) == [1] * 4
    assert orchestra.run(read(1, 0.0)) == 1
    orchestra.run(orchestra.host.close())
    assert sum(counts(orchestra, alice, ids)) == 5
    orchestra.close()


def test_uses_that_cannot_be_written_are_dropped_and_never_fail_a_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    orchestra = made(tmp_path, reinforce="recalled", flush_s=0.01, flush_uses=1)
    alice = orchestra.agent("alice")
    orchestra.remember(alice, [ready(number) for number in range(BATCHES + 4)], "r")

    async def away(*_: object) -> None:
        raise Unavailable("the vault")

    monkeypatch.setattr(orchestra.host._writer, "commit", away)

    async def read() -> dict[str, int]:
        hits = await orchestra.host.recall_one(asked(alice, k=BATCHES + 4))
        assert len(hits) == BATCHES + 4
        await asyncio.sleep(0.2)
        return await orchestra.host.status()

    told = orchestra.run(read())
    assert (told["uses_waiting"], told["uses_written"], told["uses_dropped"]) == (0, 0, BATCHES + 4)
    orchestra.close()


# Tidying up


def test_what_faded_goes_with_a_reason_and_can_be_had_back(orchestra: Orchestra, alice: Branch) -> None:
    old = replace(ready(1, importance=0.1), at=LONG_AGO)
    ids = orchestra.remember(
        alice,
        [
            old,
            replace(old, text="kept", tags=("keep",)),
            replace(old, text="a fact", kind="fact"),
            replace(old, text="mattered", importance=0.9),
            ready(5, "new", importance=0.0),
        ],
        "r",
    )
    before = seq(orchestra, alice)
    preview = tidy(orchestra, alice, "t0", dry_run=True)
    assert seq(orchestra, alice) == before
    assert ([one.id for one in preview.gone], preview.kept, preview.checkpoint) == ([ids[0]], 4, None)
    assert "retention" in preview.gone[0].reason
    done = tidy(orchestra, alice, "t1")
    assert [one.id for one in done.gone] == [ids[0]]
    assert [one.id for one in orchestra.memories(alice)] == ids[1:]
    again = tidy(orchestra, alice, "t1")  # repeated by Ray
    assert [one.id for one in again.gone] == [ids[0]]
    assert (again.checkpoint, seq(orchestra, alice)) == (done.checkpoint, before + 1)
    assert tidy(orchestra, alice, "t2").gone == ()
    assert seq(orchestra, alice) == before + 1
    assert done.checkpoint is not None
    orchestra.run(orchestra.host.rollback(alice, done.checkpoint.place, PARTS, "b"))
    assert [one.id for one in orchestra.memories(alice)] == ids


def test_a_writer_that_comes_in_between_is_not_undone_with_the_step(
    orchestra: Orchestra, alice: Branch, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = orchestra.remember(alice, [replace(ready(1, importance=0.1), at=LONG_AGO)], "r")
    writer = orchestra.host._writer
    commit = writer.commit

    async def overtaken(drafts: Sequence[Draft]) -> list[Place]:
        monkeypatch.setattr(writer, "commit", commit)
        await commit([Draft(alice, Felt(LONG_AGO, PAD(0, 0, 0), 1.0, 0.1, ""), "other")])
        raise StaleWriter(alice.id, 1, 2)

    monkeypatch.setattr(writer, "commit", overtaken)
    done = tidy(orchestra, alice, "t")
    assert [one.id for one in done.gone] == ids
    assert done.checkpoint is not None
    assert done.checkpoint.place.seq == seq(orchestra, alice) - 1  # with what the other wrote


def test_a_use_keeps_a_memory_and_a_cap_takes_the_least_worth(orchestra: Orchestra, alice: Branch) -> None:
    old = [replace(ready(number, importance=0.1 * number), at=LONG_AGO) for number in range(4)]
    ids = orchestra.remember(alice, old, "r")
    use(orchestra, alice, ids[:1], "u")
    report = tidy(orchestra, alice, "t1", dry_run=True)
    assert [one.id for one in report.gone] == ids[1:]
    capped = tidy(orchestra, alice, "t2", most=0)
    assert [one.uses for one in capped.gone] == [1, 0, 0, 0]
    assert "more than 0" in capped.gone[0].reason
    assert orchestra.memories(alice) == []
    with pytest.raises(OutOfRange):
        tidy(orchestra, alice, "t3", most=-1)


# Duplicates


def test_no_copy_goes_before_the_one_that_stays_knows_it(orchestra: Orchestra, alice: Branch) -> None:
    """Another writer moves the branch on by one event, so the second event of the step would fit on it alone."""
    text = "Bob lent me his big umbrella in the rain"
    twins = [
        Utterance(text, at=at, embedding=direction(1), pad=PAD(0, 0, 0), tags=(f"t{number}",))
        for number, at in enumerate((LONG_AGO, LONG_AGO + timedelta(minutes=1)))
    ]
    ids = orchestra.remember(alice, twins, "r")
    felt = Felt(LONG_AGO, PAD(0, 0, 0), 1.0, 0.1, "")
    (other,) = orchestra.vault.write([Append(alice.id, seq(orchestra, alice), felt, "other")])
    assert isinstance(other, Written)
    done = duplicates(orchestra, alice, "d")
    assert [(group.id, [one.id for one in group.absorbed]) for group in done.groups] == [(ids[0], ids[1:])]
    (left,) = orchestra.memories(alice)
    assert (left.id, left.tags) == (ids[0], ("t0", "t1"))


def test_copies_become_one_that_knows_them_and_a_fork_keeps_its_own(orchestra: Orchestra, alice: Branch) -> None:
    text = "Bob lent me his big umbrella in the rain"
    twins = [
        Utterance(told, at=LONG_AGO + timedelta(minutes=number), embedding=direction(1, number), pad=PAD(0, 0, 0))
        for number, told in enumerate((text, text + "!", text + " today", "We had tea"))
    ]
    ids = orchestra.remember(alice, twins, "r")
    what_if = orchestra.fork(alice, "what-if")
    preview = duplicates(orchestra, alice, "d0", dry_run=True)
    assert [(group.id, [one.id for one in group.absorbed]) for group in preview.groups] == [(ids[2], ids[:2])]
    assert len(orchestra.memories(alice)) == 4
    done = duplicates(orchestra, alice, "d1")
    assert done.groups == preview.groups
    assert duplicates(orchestra, alice, "d1").groups == done.groups  # repeated by Ray
    assert {one.id for one in orchestra.memories(alice)} == {ids[2], ids[3]}
    found = orchestra.run(orchestra.host.provenance(alice, ids[2], None))
    assert (found.how, found.gone) == ("duplicates", (ids[0], ids[1]))
    assert duplicates(orchestra, alice, "d2").groups == ()
    assert len(orchestra.memories(what_if)) == 4
    merge(orchestra, what_if, alice, "m")
    assert {one.id for one in orchestra.memories(what_if)} == {ids[2], ids[3]}
    assert done.checkpoint is not None
    orchestra.run(orchestra.host.rollback(alice, done.checkpoint.place, PARTS, "b"))
    assert [one.id for one in orchestra.memories(alice)] == ids
    orchestra.reopen()
    assert [one.id for one in orchestra.memories(alice)] == ids


# Consolidation


def test_what_is_said_again_becomes_a_fact_and_what_is_over_an_episode(orchestra: Orchestra, alice: Branch) -> None:
    ids = orchestra.remember(alice, [*talk(0, 3), *talk(1, 3)], "r")
    mood = orchestra.run(orchestra.host.mood(alice, None))
    working = orchestra.run(orchestra.host.working(alice, None))
    preview = consolidate(orchestra, alice, "c0", dry_run=True)
    assert len(orchestra.memories(alice)) == 6
    done = consolidate(orchestra, alice, "c1")
    assert done.made == preview.made
    assert [(one.how, one.new) for one in done.made] == [("episode", True), ("fact", True), ("fact", True)]
    assert [one.sources for one in done.made] == [tuple(ids), tuple(ids[:3]), tuple(ids[3:])]
    assert done.made[1].id == made_id("fact", ids[0])
    assert orchestra.run(orchestra.host.mood(alice, None)) == mood
    assert orchestra.run(orchestra.host.working(alice, None)) == working
    facts = [one for one in orchestra.memories(alice) if one.kind == "fact"]
    assert [one.speaker for one in facts] == ["Alice", "Alice"]
    hits = orchestra.run(orchestra.host.recall_one(asked(alice, query=facts[0].text, filters=Filters(kind="fact"))))
    assert hits[0].memory.id == facts[0].id
    found = orchestra.run(orchestra.host.provenance(alice, facts[0].id, None))
    assert [one.id for one in found.sources] == ids[:3]
    came_of = orchestra.run(orchestra.host.provenance(alice, ids[0], None))
    assert {one.kind for one in came_of.made} == {"fact", "episode"}
    before = seq(orchestra, alice)
    assert consolidate(orchestra, alice, "c2").made == ()
    assert seq(orchestra, alice) == before
    orchestra.reopen()
    assert consolidate(orchestra, alice, "c3").made == ()
    with pytest.raises(MemoryNotFound):
        orchestra.run(orchestra.host.provenance(alice, "nobody", None))


def test_two_branches_find_the_same_facts_and_merge_without_a_conflict(orchestra: Orchestra, alice: Branch) -> None:
    orchestra.remember(alice, talk(0, 3), "r")
    what_if = orchestra.fork(alice, "what-if")
    here, there = consolidate(orchestra, alice, "c1"), consolidate(orchestra, what_if, "c2")
    assert here.made == there.made
    report = orchestra.run(
        orchestra.host.merge(MergeRequest(alice, what_if, Tip(what_if.id), MergePolicy.of(None), 0.0, "m"))
    )
    assert (report.added, report.revised, report.conflicts) == ((), (), ())
    assert consolidate(orchestra, alice, "c3").made == ()


def test_facts_that_grew_apart_on_two_branches_grow_together_again(orchestra: Orchestra, alice: Branch) -> None:
    shared = orchestra.remember(alice, talk(0, 3), "r")
    consolidate(orchestra, alice, "c0")
    what_if = orchestra.fork(alice, "what-if")
    ours = orchestra.remember(alice, talk(0, 2, first=20), "r1")
    theirs = orchestra.remember(what_if, talk(0, 2, first=40), "r2")
    consolidate(orchestra, alice, "c1")
    consolidate(orchestra, what_if, "c2")
    merge(orchestra, alice, what_if, "m")
    (made_again,) = [one for one in consolidate(orchestra, alice, "c3").made if one.how == "fact"]
    assert (made_again.id, made_again.new) == (made_id("fact", shared[0]), False)
    assert set(made_again.sources) == {*shared, *ours, *theirs}
    assert consolidate(orchestra, alice, "c4").made == ()
    merge(orchestra, what_if, alice, "m2")
    assert consolidate(orchestra, what_if, "c5").made == ()


def test_a_fact_that_was_forgotten_stays_forgotten_and_facts_outlive_their_sources(
    orchestra: Orchestra, alice: Branch
) -> None:
    ids = orchestra.remember(alice, [*talk(0, 3), *talk(1, 3)], "r")
    done = consolidate(orchestra, alice, "c1")
    gone, kept = (one.id for one in done.made if one.how == "fact")
    orchestra.run(orchestra.host.forget(alice, (gone,), "f"))
    assert consolidate(orchestra, alice, "c2").made == ()
    assert gone not in {one.id for one in orchestra.memories(alice)}
    tidied = tidy(orchestra, alice, "t")
    assert set(ids) <= {one.id for one in tidied.gone}
    found = orchestra.run(orchestra.host.provenance(alice, kept, None))
    assert (found.memory.kind, found.sources, found.gone) == ("fact", (), tuple(ids[3:]))


def test_a_step_in_a_transaction_stays_or_goes_with_it(orchestra: Orchestra, alice: Branch) -> None:
    ids = orchestra.remember(alice, talk(0, 3), "r")
    hidden = orchestra.run(orchestra.host.begin(alice, "b1"))
    consolidate(orchestra, hidden, "c1")
    use(orchestra, hidden, ids[:1], "u1")
    orchestra.run(orchestra.host.abort(hidden, "a1"))
    assert (len(orchestra.memories(alice)), counts(orchestra, alice, ids)) == (3, [0, 0, 0])
    hidden = orchestra.run(orchestra.host.begin(alice, "b2"))
    consolidate(orchestra, hidden, "c2")
    use(orchestra, hidden, ids[:1], "u2")
    orchestra.run(orchestra.host.commit(hidden, alice, (), "k2"))
    assert (len(orchestra.memories(alice)), counts(orchestra, alice, ids)) == (4, [1, 0, 0])


def test_half_precision_is_kept_in_what_is_made(tmp_path: Path) -> None:
    orchestra = Orchestra(tmp_path, vault={"embeddings": "float16"})
    alice = orchestra.agent("alice")
    orchestra.remember(alice, talk(0, 4), "r")
    assert len(consolidate(orchestra, alice, "c").made) == 2
    live = {one.id: one.embedding for one in orchestra.memories(alice)}
    orchestra.reopen()
    for one in orchestra.memories(alice):
        assert np.array_equal(one.embedding, live[one.id])
    assert consolidate(orchestra, alice, "c2").made == ()
    orchestra.close()


# Importance


def test_surprise_and_repetition_make_a_memory_important_and_say_so(tmp_path: Path) -> None:
    orchestra = made(tmp_path, importance={"feeling": 0.0, "surprise": 0.5, "repetition": 0.8})
    alice = orchestra.agent("alice")
    orchestra.remember(alice, [Utterance("a", embedding=direction(1), pad=PAD(0, 0, 0))], "r1")
    told = [
        Utterance("b", embedding=direction(1, 1), pad=PAD(0, 0, 0)),
        Utterance("c", embedding=-direction(1), pad=PAD(0, 0, 0)),
        Utterance("d", embedding=direction(1), pad=PAD(0, 0, 0), importance=0.3),
        Utterance("e", embedding=direction(1), pad=PAD(0, 0, 0), metadata={WHY: "mine"}),
    ]
    orchestra.remember(alice, told, "r2")
    first, again, new, given, marked = orchestra.memories(alice)
    assert (first.importance, first.metadata) == (0.0, {})
    assert again.importance == pytest.approx(0.4, abs=0.02)
    assert set(again.metadata[WHY]) == {"surprise", "repetition"}
    assert sum(again.metadata[WHY].values()) == pytest.approx(again.importance)
    assert new.importance == 0.5
    assert new.metadata == {WHY: {"surprise": 0.5}}
    assert (given.importance, given.metadata) == (0.3, {})
    assert marked.importance == pytest.approx(0.8 * 0.875, abs=0.02)
    assert marked.metadata == {WHY: "mine"}
    orchestra.close()


def test_a_branch_that_knows_nothing_of_another_is_surprised_by_itself(tmp_path: Path) -> None:
    """Each request is weighed on its own branch, so a fork meets what it knows, and not what its parent heard since."""
    orchestra = made(tmp_path, importance={"feeling": 0.0, "surprise": 1.0})
    alice = orchestra.agent("alice")
    orchestra.remember(alice, [Utterance("a", embedding=direction(1), pad=PAD(0, 0, 0))], "r1")
    what_if = orchestra.fork(alice, "what-if")
    other = Utterance("b", embedding=direction(2), pad=PAD(0, 0, 0))
    orchestra.remember(alice, [other], "r2")
    assert orchestra.memories(alice)[-1].importance > 0.3
    orchestra.remember(alice, [replace(other, text="c")], "r3")
    assert orchestra.memories(alice)[-1].importance == pytest.approx(0.0, abs=1e-6)
    orchestra.remember(what_if, [replace(other, text="c")], "r4")
    assert orchestra.memories(what_if)[-1].importance > 0.3
    orchestra.close()


def test_uses_are_written_down_and_looked_after_like_every_view(tmp_path: Path) -> None:
    orchestra = Orchestra(tmp_path, vault={"snapshot_events": 2, "keeper_s": 1e6})
    alice = orchestra.agent("alice")
    ids = orchestra.remember(alice, [ready(1), ready(2)], "r")
    for number in range(6):
        use(orchestra, alice, ids[: 1 + number % 2], f"u{number}")
    orchestra.run(orchestra.host.close())
    place = orchestra.run(orchestra.parts.journal.tip(alice))
    codec = UsesCodec()
    saved = orchestra.vault.snapshot_nearest(alice.id, codec.part, codec.fingerprint, 1, place.seq)
    assert saved is not None
    assert orchestra.vault.verify(False, None).sound
    orchestra.reopen()
    assert counts(orchestra, alice, ids) == [6, 3]
    orchestra.close()
