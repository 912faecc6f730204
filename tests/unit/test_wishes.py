"""Tags that open transactions wish for: kept as long as somebody may come for them, and no longer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from quantum_memory.actors import wishes as module
from quantum_memory.actors.handle import AgentHandle
from quantum_memory.actors.wishes import OpenWishes
from quantum_memory.errors import TransactionOver
from quantum_memory.types import Place, Tag
from tests.unit.front import Front
from tests.unit.orchestra import ready

WEEK_S = 7 * 86_400.0


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def front(tmp_path: Path) -> Iterator[Front]:
    one = Front(tmp_path)
    yield one
    one.close()


def tagged(front: Front, number: int) -> AgentHandle:
    """A hidden fork whose driver asked for a tag and is never heard of again."""
    alice = front.agent()
    hidden = front.wait(front.host.begin(alice.info, f"s.b{number}"))
    front.wait(front.host.tag(hidden, f"tag {number}", None, False, f"s.t{number}"))
    return AgentHandle(hidden, alice._directory)


def held(front: Front) -> OpenWishes:
    return front.host._parts.journal.wishes


def test_what_nobody_goes_on_with_goes_and_what_is_used_stays() -> None:
    clock = Clock()
    some = OpenWishes(WEEK_S, clock)
    for branch in ("left", "used"):
        some.of(branch).tags["here"] = Tag("here", "alice", Place("main", 1), None)  # type: ignore[arg-type]
    clock.now_s = 0.6 * WEEK_S
    assert some.place("used", "here") == Place("main", 1)
    clock.now_s = 1.2 * WEEK_S
    some.of("new")
    assert some.find("left") is None
    assert some.place("left", "here") is None
    assert some.place("used", "here") == Place("main", 1)
    assert len(some) == 2
    clock.now_s = 3 * WEEK_S
    some.tidy()
    assert len(some) == 0


def test_nothing_goes_at_once_where_the_vault_gives_no_grace() -> None:
    clock = Clock()
    some = OpenWishes(0.0, clock)
    some.of("open")
    clock.now_s = module.LEAST_S - 1.0
    some.tidy()
    assert len(some) == 1


def test_there_are_never_more_than_so_many(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 3)
    front.host._parts.journal.wishes = OpenWishes()
    hidden = [tagged(front, number) for number in range(5)]
    assert len(held(front)) == 3
    with pytest.raises(TransactionOver, match="tags were lost"):
        front.wait(front.host.commit(hidden[0].info, front.agent().info, ["s.t0"], "s.c0"))
    assert front.wait(front.host.commit(hidden[4].info, front.agent().info, ["s.t4"], "s.c4")) is not None
    assert [tag.name for tag in front.agent().tags()] == ["tag 4"]


def test_a_branch_that_is_gone_leaves_no_wishes(front: Front) -> None:
    deleted, kept = tagged(front, 0), tagged(front, 1)
    front.wait(front.host.delete(deleted.info, "s.d"))
    front.wait(front.host.commit(kept.info, front.agent().info, ["s.t1"], "s.c"))
    assert len(held(front)) == 0


@pytest.mark.parametrize("what", ["tag", "untag"])
def test_what_comes_after_the_end_of_a_transaction_leaves_no_wishes(front: Front, what: str) -> None:
    alice = front.agent()
    alice.remember(ready(0))
    hidden = front.wait(front.host.begin(alice.info, "s.b"))
    front.wait(front.host.abort(hidden, "s.a"))
    late = (hidden, "here", None, False, "s.t") if what == "tag" else (hidden, "here", "s.t")
    with pytest.raises(TransactionOver):
        front.wait(getattr(front.host, what)(*late))
    assert len(held(front)) == 0
