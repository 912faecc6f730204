"""Tags, deletion, the past in every view, contexts of commits, sessions, and what the vault as a whole answers."""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
import re
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from quantum_memory.actors.annotating import DELAY_S, DENSE_BYTES
from quantum_memory.actors.directory import Directory, session_of
from quantum_memory.actors.handle import AgentHandle
from quantum_memory.actors.requests import RememberRequest, utterances
from quantum_memory.actors.telling import SHORT
from quantum_memory.actors.vault import VaultHost
from quantum_memory.cluster import formats
from quantum_memory.cluster.connect import open_session
from quantum_memory.cluster.whoami import whoami
from quantum_memory.errors import (
    AlreadyExists,
    BranchDeleted,
    InvalidInput,
    InvalidValue,
    PlaceNotFound,
    VaultUnavailable,
)
from quantum_memory.memory.vault.writes import OpenSession
from quantum_memory.types import PAD, Commit, Place, Utterance
from tests.unit.front import Front
from tests.unit.orchestra import ready


@pytest.fixture
def front(tmp_path: Path) -> Iterator[Front]:
    one = Front(tmp_path)
    yield one
    one.close()


def ids(handle: AgentHandle, **asked: Any) -> list[str]:
    return [memory.id for memory in handle.memories(**asked)]


def test_a_tag_names_a_place_for_every_branch_until_it_is_moved_or_dropped(front: Front) -> None:
    alice = front.agent()
    alice.remember(ready(0, id="a"))
    first = alice.tag("best")
    assert (first.name, first.agent, first.place) == ("best", "alice", Place(alice.info.id, 1))
    alice.remember(ready(1, id="b"))
    what_if = alice.fork("what-if")
    for place in ("best", first):
        assert ids(what_if, as_of=place) == ["a"]
    with pytest.raises(AlreadyExists, match="'best'"):
        what_if.tag("best")
    assert alice.tag("best", at=first) == first
    moved = what_if.tag("best", move=True)
    assert alice.tags() == [moved]
    assert ids(alice, as_of="best") == ["a", "b"]
    alice.tag("afar", at=first)
    assert [tag.name for tag in what_if.tags()] == ["afar", "best"]
    alice.untag("best")
    alice.untag("best")
    assert [tag.name for tag in alice.tags()] == ["afar"]
    with pytest.raises(PlaceNotFound):
        alice.memories(as_of="best")


def test_a_tag_that_ray_repeats_is_put_once_though_the_branch_moved_on(front: Front) -> None:
    alice = front.agent()
    alice.remember(ready(0))
    first = front.wait(front.host.tag(alice.info, "here", None, False, "s.t"))
    alice.remember(ready(1))
    assert front.wait(front.host.tag(alice.info, "here", None, False, "s.t")).place == first.place
    assert [tag.place for tag in alice.tags()] == [first.place]


def test_a_fork_that_is_asked_for_again_shows_nothing_that_came_after_it_began(front: Front) -> None:
    """Every view takes it from where it began, however far its parent has come, and misses nothing of its own."""
    alice = front.agent()
    alice.remember(ready(0, id="a"))
    fork = alice.repeatable("op").fork("what-if")
    alice.remember(ready(1, id="b"))
    alice.learn("sail", ["hoist"])
    again = alice.repeatable("op").fork("what-if")
    assert again.info == fork.info
    fork.remember(ready(2, id="c"))
    fork.remember(ready(3, id="d"))
    seen = ids(fork), fork.skills(), fork.mood().mean, [one.id for one in fork.working()]
    assert seen[:2] == (["a", "c", "d"], [])
    asked = ready(1).embedding
    assert asked is not None
    assert {hit.memory.id for hit in fork.recall(asked, k=9)} == {"a", "c", "d"}
    front.reopen()
    fork = front.memory.agent("alice", "what-if")
    assert (ids(fork), fork.skills(), fork.mood().mean, [one.id for one in fork.working()]) == seen


def test_a_deleted_branch_is_gone_for_its_handle_and_lives_on_in_its_children_and_tags(front: Front) -> None:
    alice = front.agent()
    alice.remember(ready(0, id="a"))
    what_if = alice.fork("what-if")
    what_if.remember(ready(1, id="b"))
    kept = what_if.checkpoint("kept")
    child = what_if.fork("child")
    what_if.remember(ready(2, id="c"))
    what_if.tag("end")
    what_if.delete()
    for use in (
        lambda: what_if.remember("x"),
        what_if.memories,
        what_if.mood,
        what_if.log,
        lambda: what_if.recall("thing"),
        lambda: what_if.memories(as_of=kept),
        lambda: what_if.fork("x"),
        lambda: alice.merge(what_if),
        what_if.delete,
        what_if.transaction().__enter__,
    ):
        with pytest.raises(BranchDeleted, match="'what-if' of 'alice' was deleted"):
            use()
    with pytest.raises(InvalidInput, match="first branch"):
        alice.delete()
    front.reopen()
    assert [one.branch for one in alice.branches()] == ["main", "child"]
    child = front.memory.agent("alice", "child")
    child.remember(ready(3, id="d"))
    assert ids(child) == ["a", "b", "d"]
    assert ids(child, as_of=kept) == ["a", "b"]
    assert ids(alice, as_of="end") == ["a", "b", "c"]
    with pytest.raises(PlaceNotFound):
        front.memory.agent("alice", "what-if")
    again = alice.fork("what-if")
    assert ids(again) == ["a"]


def test_every_read_can_be_asked_as_of_a_place_a_commit_a_tag_and_a_time(front: Front) -> None:
    alice = front.agent()
    alice.remember(Utterance("Ann met Bob in Oslo.", id="a", pad=PAD(0.8, 0.1, 0.0)))
    alice.learn("sail", ["hoist"])
    reads: dict[str, Callable[..., Any]] = {
        "memories": alice.memories,
        "working": alice.working,
        "skills": alice.skills,
        "fitting skills": lambda **asked: alice.skills("sail", 5, **asked),
        "concepts": alice.concepts,
        "relations": alice.relations,
        "mood": alice.mood,
        "mood history": lambda **asked: [(entry.place, mood) for entry, mood in alice.mood_history(10, **asked)],
        "log": lambda **asked: [entry.place for entry in alice.log(10, **asked)],
        "recall": lambda **asked: [hit.memory.id for hit in alice.recall("Ann and Bob", 5, **asked)],
        "graph": lambda **asked: sorted(map(repr, alice.graph(**asked).edges(data=True))),
        "marginals": lambda **asked: {
            axis: [part.tolist() for part in parts] for axis, parts in alice.marginals(**asked).items()
        },
    }
    alice.relate("Ann", "knows", "Bob")
    then = {name: read() for name, read in reads.items()}
    commit = alice.checkpoint("then")
    tag = alice.tag("then-tag")
    alice.remember([Utterance("Cid left Paris.", id="b", pad=PAD(-0.9, 0.5, 0.0)), ready(5, id="c")])
    alice.learn("sail home", ["pull"])
    alice.relate("Cid", "fears", "Bob")
    alice.forget("a")
    for name, read in reads.items():
        assert read() != then[name], name
        for place in (commit, commit.place, "then", tag, "then-tag", alice.log(50, as_of=commit)[0].at):
            assert read(as_of=place) == then[name], (name, place)
    assert front.memory.recall({"alice": "Ann and Bob"}, as_of="then")["alice"][0].memory.id == "a"


def test_a_commit_is_told_of_with_what_was_so_there(front: Front) -> None:
    alice = front.agent()
    alice.remember([Utterance("one", id="a", pad=PAD(0.8, 0.4, 0.1)), ready(1, id="b")])
    made = alice.checkpoint("happy")
    assert made.context is None, "nobody waits for it"
    mood = alice.mood()
    alice.remember(Utterance("bad", pad=PAD(-0.9, 0.9, 0.0)))
    (told,) = alice.commits()
    assert told == made
    assert told.context is not None
    assert told.context["memories"] == 2
    assert told.context["mood"]["pleasure"] == mood.mean.pleasure
    assert (told.context["fidelity"], told.context["bond"], told.context["bytes"]) == (
        mood.fidelity,
        mood.bond,
        mood.nbytes,
    )
    assert told.context["dense_bytes"] == DENSE_BYTES == 2**31
    assert told.context["compression"] == pytest.approx(2**31 / mood.nbytes)
    assert told.context["emotions"] == dict(mood.emotions)
    assert told.context["felt_at"] == mood.at.isoformat() if mood.at else None
    front.reopen()
    assert front.vault.commits("alice")[0].context == told.context


def test_contexts_are_written_in_the_background_and_a_failure_is_logged(
    front: Front, caplog: pytest.LogCaptureFixture
) -> None:
    alice = front.agent()
    alice.remember(ready(0))
    alice.checkpoint("one")
    annotator = front.host._writer.annotator
    front.wait(settled(annotator))
    assert front.vault.commits("alice")[0].context is not None
    front.vault.close()
    front.wait(soon(annotator, Commit("0" * 32, "alice", Place(alice.info.id, 1), "lost", datetime.now(UTC))))
    assert "the contexts of 1 commits were not read" in caplog.text


async def soon(annotator: Any, commit: Commit) -> None:
    annotator.soon([commit])
    await settled(annotator)


def test_a_difference_has_revisions_and_relations_beside_what_is_on_one_side(front: Front) -> None:
    alice = front.agent()
    alice.remember([ready(0, id="a"), ready(1, id="b"), ready(2, id="c")])
    alice.relate("Bob", "helps", "Ann")
    alice.relate("Bob", "likes", "tea")
    before = alice.checkpoint("before")
    same = alice.diff(before)
    assert (same.only_left, same.only_right, same.revised, same.relations_left, same.relations_right) == ((),) * 5
    what_if = alice.fork("what-if")
    was = alice.memories()
    what_if.revise("b", tags=["new"])
    what_if.forget("c")
    what_if.relate("Bob", "helps", "Ann", weight=3.0)
    what_if.unrelate("Bob", "likes", "tea")
    what_if.relate("Ann", "knows", "Tom")
    found = alice.diff(before, what_if)
    assert [memory.id for memory in found.only_left] == ["c"]
    (pair,) = found.revised
    assert pair == (was[1], next(one for one in what_if.memories() if one.id == "b"))
    assert pair[1].tags == ("new",)
    assert {(*one.key, one.weight) for one in found.relations_left} == {
        ("Bob", "helps", "Ann", 1.0),
        ("Bob", "likes", "tea", 1.0),
    }
    assert {(*one.key, one.weight) for one in found.relations_right} == {
        ("Bob", "helps", "Ann", 3.0),
        ("Ann", "knows", "Tom", 1.0),
    }
    assert alice.diff(what_if, before).revised == (pair[::-1],)


@pytest.mark.parametrize("seed", range(3))
def test_a_difference_is_what_lists_of_both_sides_say(front: Front, seed: int) -> None:
    chance = random.Random(seed)
    alice, names, numbers = front.agent(), ["Ann", "Bob", "Tom", "tea"], itertools.count()
    alice.remember([ready(next(numbers)) for _ in range(40)])
    sides = [alice, alice.fork("what-if"), front.agent("bob")]
    places = [(alice, alice.checkpoint("begin"))]

    def change(side: AgentHandle) -> None:
        there = [*ids(side), "nothing"]
        match chance.randrange(6):
            case 0 | 1:
                side.remember([ready(next(numbers)) for _ in range(chance.randrange(1, 30))])
            case 2 if len(there) > 1:
                side.forget(chance.sample(there[:-1], min(3, len(there) - 1)))
            case 3 if len(there) > 1:
                side.revise(chance.choice(there[:-1]), tags=[f"new {next(numbers)}"])
            case 4:
                side.relate(chance.choice(names[:3]), chance.choice(["helps", "likes"]), names[3], weight=2.0)
            case _:
                known = [place for of, place in places if of is side]
                if known and chance.random() < 0.3:
                    side.rollback(chance.choice(known))

    for number in range(24):
        side = chance.choice(sides)
        change(side)
        places.append((side, side.checkpoint(f"{number}")))
    for (left, here), (right, there) in (chance.sample(places, 2) for _ in range(12)):
        found = alice.diff(here, there)
        ours, theirs = ({one.id: one for one in of.memories(as_of=at)} for of, at in ((left, here), (right, there)))
        assert found.only_left == tuple(one for one in ours.values() if one.id not in theirs)
        assert found.only_right == tuple(one for one in theirs.values() if one.id not in ours)
        both = [(one, theirs[one.id]) for one in ours.values() if one.id in theirs]
        assert sorted(found.revised, key=str) == sorted((pair for pair in both if pair[0] != pair[1]), key=str)
        said, heard = (of.relations(as_of=at) for of, at in ((left, here), (right, there)))
        assert found.relations_left == tuple(one for one in said if one not in heard)
        assert found.relations_right == tuple(one for one in heard if one not in said)


def test_a_rollback_to_nowhere_is_refused_before_anything_is_sent(front: Front) -> None:
    alice = front.agent()
    alice.remember(ready(0))
    for begin in (alice.rollback, alice.rollback.remote):
        with pytest.raises(InvalidValue, match="got None"):
            begin(None)
    assert [entry.kind for entry in alice.log()] == ["remembered"]


def test_memories_that_are_exported_and_imported_are_the_same(front: Front) -> None:
    alice, anna = front.agent(), front.agent("anna")
    alice.remember([ready(number, id=f"m{number}", importance=0.3) for number in range(3)])
    alice.revise("m1", tags=["rain"], importance=0.7)
    kept = alice.memories()
    lines = formats.write_json_lines(kept, embeddings=True)
    assert [memory.revised_at is None for memory in kept] == [True, True, False]
    anna.remember(formats.read("alice.jsonl", "\n".join(lines).encode()))
    assert anna.memories() == kept


async def settled(annotator: Any) -> None:
    await annotator._worker


def test_closing_ends_what_goes_on_in_the_background(front: Front) -> None:
    alice = front.agent()
    alice.remember(ready(0))
    alice.checkpoint("one")
    front.wait(front.host.close())
    worker = front.host._writer.annotator._worker
    assert worker is not None
    assert worker.done()
    front.wait(asyncio.sleep(2 * DELAY_S))
    assert front.vault.commits("alice")[0].context is None
    assert alice.commits()[0].context is not None, "whoever asks later has it read"


def test_views_write_down_what_they_have_begun_before_the_vault_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Each snapshot takes a while; those that wait when the end comes are kept, and nobody finds the vault closed."""
    keep = VaultHost.snapshot_keep

    def slowly(self: VaultHost, *args: Any) -> None:
        time.sleep(0.1)
        keep(self, *args)

    monkeypatch.setattr(VaultHost, "snapshot_keep", slowly)
    front = Front(tmp_path, vault={"snapshot_events": 1})
    front.agent().remember([ready(number) for number in range(3)])
    front.agent().mood()
    hosts = [port._host for port in front.host._parts.views]  # type: ignore[attr-defined]  # they live here
    front.close()
    for host in hosts:
        assert host._clerk.wait(10.0)
        assert (host._clerk.done > 0, host._clerk.failed) == (True, 0)
    ours = [record for record in caplog.records if record.name.startswith("quantum_memory")]
    assert [record.getMessage() for record in ours if record.levelno >= logging.WARNING] == []


def test_what_is_being_written_at_the_end_is_taken_in_by_the_views_before_they_close(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    front = Front(tmp_path, vault={"snapshot_events": 1})
    branch, begun, write = front.agent().info, threading.Event(), VaultHost.write

    def slowly(self: VaultHost, *args: Any) -> Any:
        begun.set()
        time.sleep(0.3)
        return write(self, *args)

    monkeypatch.setattr(VaultHost, "write", slowly)
    said = utterances([ready(number) for number in range(SHORT)])
    remembered = front.soon(front.host.remember([RememberRequest(branch, said, "at the end")]))
    assert begun.wait(10.0)
    front.wait(front.host.close())

    async def left() -> list[str]:
        return [str(task) for task in asyncio.all_tasks() if task is not asyncio.current_task()]

    assert front.wait(left()) == []
    assert len(remembered.result(0.0)[0]) == SHORT
    front.close()


def test_automatic_checkpoints_are_told_of_too(tmp_path: Path) -> None:
    front = Front(tmp_path, checkpoints={"every_events": 2})
    alice = front.agent()
    for number in range(5):
        alice.remember(ready(number))
    assert [commit.place.seq for commit in alice.commits()] == [2, 4]
    assert [(commit.context or {})["memories"] for commit in alice.commits()] == [2, 4]
    with alice.transaction():
        alice.remember(ready(5))
        alice.remember(ready(6))
    assert alice.commits()[-1].place == Place(alice.info.id, 6)
    assert (alice.commits()[-1].context or {})["memories"] == 6
    front.close()


def test_the_audit_says_who_did_what(front: Front) -> None:
    alice = front.agent()
    alice.remember(ready(0))
    directory = open_session(front.directory, OpenSession("ba9876543210", "somebody else"))
    other = AgentHandle(alice.info, directory)
    what_if = other.fork("what-if")
    what_if.remember(ready(1))
    alice.tag("here")
    with alice.transaction():
        alice.remember(ready(2))
    told = [(entry.who, entry.action) for entry in alice.audit()][::-1]
    assert ("tester", "agent_created") in told
    assert ("tester", "remembered") in told
    assert ("somebody else", "branch_created") in told
    assert ("somebody else", "remembered") in told, "a handle that came of a session's call is the session's"
    assert ("tester", "tag_put") in told
    assert ("tester", "transaction_committed") in told
    assert [entry.position for entry in alice.audit()] == sorted((e.position for e in alice.audit()), reverse=True)
    assert len(alice.audit(2)) == 2
    assert "session_opened" in {entry.action for entry in front.memory.audit()}
    assert {entry.agent for entry in front.memory.audit("alice")} == {"alice"}
    assert other.branches()[0]._directory.session == "ba9876543210"


def test_operation_ids_name_their_session() -> None:
    directory = Directory("none", {"agents": 1}, 1.0, 1.0)
    assert session_of(directory.new_op()) == ""
    ours = directory.under("0123456789ab")
    assert session_of(ours.new_op()) == "0123456789ab"
    assert ours.new_op() != ours.new_op()
    import pickle

    assert pickle.loads(pickle.dumps(ours)).session == "0123456789ab"  # noqa: S301  (made a line ago)
    assert re.fullmatch(r".+@.+ .+ \[\d+\]", whoami())


def test_a_vault_that_takes_no_writes_can_still_be_read(front: Front, caplog: pytest.LogCaptureFixture) -> None:
    front.vault.close()
    assert open_session(front.directory, OpenSession("ba9876543210", "late")).session == "ba9876543210"
    assert "does not know who this session is" in caplog.text
    with pytest.raises(VaultUnavailable):
        front.memory.audit()


def test_the_vault_is_searched_over_all_agents(front: Front) -> None:
    alice, bob = front.agent(), front.agent("bob")
    at = datetime(2025, 1, 11, 12, tzinfo=UTC)
    alice.remember(Utterance("Bob lent me his umbrella.", id="u", speaker="Alice", session="s1", at=at))
    bob.remember([Utterance("The umbrella was mine.", id="m", at=at + timedelta(hours=1)), "Soup."])
    assert {one.id for one in front.memory.find("umbrella")} == {"u", "m"}
    assert [one.id for one in front.memory.find("umbr*", agent="bob")] == ["m"]
    assert [one.id for one in front.memory.find(session="s1", speaker="Alice")] == ["u"]
    assert [one.id for one in front.memory.find("umbrella", until=at + timedelta(minutes=1))] == ["u"]
    assert len(front.memory.find(limit=1)) == 1
    with alice.transaction():
        alice.remember(Utterance("An umbrella inside.", id="i"))
        assert {one.id for one in front.memory.find("umbrella")} == {"u", "m"}
    assert {one.id for one in front.memory.find("umbrella")} == {"u", "m", "i"}
    (one,) = front.memory.find("inside")
    assert (one.agent, one.place) == ("alice", Place(alice.info.id, 2))
    with pytest.raises(InvalidInput):
        front.memory.find(emotion="nonsense")


def test_status_and_garbage(tmp_path: Path) -> None:
    front = Front(tmp_path, vault={"grace_s": 0.0, "seal_events": 4, "segment_events": 8, "keeper_s": 0.01})
    alice = front.agent()
    for number in range(12):
        alice.remember(ready(number, id=f"m{number}"))
    what_if = alice.fork("what-if")
    what_if.remember([ready(20), ready(21)])
    what_if.delete()
    assert front.memory.gc(dry_run=True).events == 1
    status = front.memory.vault_status()
    assert (status["agents"], status["branches"], status["events"]) == (1, 1, 13)
    assert (status["keeper_error"], status["tending_error"]) == (None, None)
    gone = front.memory.gc()
    assert (gone.branches, gone.events) == (1, 1)
    assert front.memory.vault_status()["events"] == 12
    front.reopen()
    assert ids(front.agent()) == [f"m{number}" for number in range(12)]
    front.close()


def test_a_tree_holds_all_that_a_picture_needs(front: Front) -> None:
    alice = front.agent()
    alice.remember(ready(0))
    what_if = alice.fork("what-if")
    what_if.remember(ready(1))
    deep = what_if.fork("deep")
    what_if.remember(ready(2))
    dead = alice.fork("dead")
    dead.remember(ready(3))
    taken = alice.fork("taken")
    taken.remember(ready(4))
    alice.merge(taken)
    taken.remember(ready(5))
    taken.delete()
    what_if.delete()
    dead.delete()
    report = alice.merge(deep)
    alice.checkpoint("after")
    alice.tag("t")
    tree = alice.tree()
    assert [branch.name for branch in tree.branches] == ["main", "what-if", "deep", "taken"]
    assert tree.deleted == {what_if.info.id, taken.info.id}
    assert tree.heads == {alice.info.id: report.place.seq, what_if.info.id: 2, deep.info.id: 2, taken.info.id: 2}
    assert tree.merges == ((Place(alice.info.id, 2), Place(taken.info.id, 2)), (report.place, Place(deep.info.id, 2)))
    assert {commit.message for commit in tree.commits} >= {"after"}
    assert [tag.name for tag in tree.tags] == ["t"]
    assert tree.times[report.place] == alice.log(1)[0].at
    twin = alice.clone("twin", at=Place(alice.info.id, 1))
    assert [(one.agent, one.name) for one in twin.tree().branches] == [("alice", "main"), ("twin", "main")]
    assert twin.tree().heads[alice.info.id] == 1
