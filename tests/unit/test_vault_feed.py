"""The feed of changes: in order, each once, nothing before what was told, nothing of what was not committed."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.actors.handle import AgentHandle
from quantum_memory.actors.news import MOST as MOST_WAITING
from quantum_memory.actors.news import News
from quantum_memory.errors import InvalidValue, OutOfRange
from quantum_memory.memory.vault import Vault
from quantum_memory.memory.vault import feed as feeds
from quantum_memory.memory.vault.catalog import MAX_VALUES
from quantum_memory.memory.vault.records import Records
from quantum_memory.types import Place
from tests.unit.front import Front
from tests.unit.orchestra import ready
from tests.unit.postgres import ON_POSTGRES
from tests.unit.scribe import Clock, Scribe


@pytest.fixture(params=["sqlite", "memory", ON_POSTGRES])
def scribe(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scribe]:
    storage = {"memory": "memory://", "sqlite": str(tmp_path / "vault")}.get(request.param)
    with Vault.open(storage or str(request.getfixturevalue("postgres")), now=Clock()) as vault:
        made = Scribe(vault)
        made.agent("alice", "main")
        yield made


def all_of(vault: Vault, step: int, after: int = 0) -> list[feeds.FeedEntry]:
    """Everything, so many at a time."""
    found: list[feeds.FeedEntry] = []
    while True:
        some = vault.feed(after, step)
        found += some.entries
        assert len(some.entries) <= step
        assert all(after < one.position <= some.upto for one in some.entries)
        if some.upto == after:
            return found
        after = some.upto


def test_changes_come_in_order_each_once_whatever_the_steps(scribe: Scribe) -> None:
    for name in "abcdefg":
        scribe.add("main", name)
    scribe.tag("v1", Place("main", 2))
    whole = all_of(scribe.vault, feeds.MOST)
    assert [one.position for one in whole] == sorted({one.position for one in whole})
    assert [one.action for one in whole][:2] == ["agent_created", "forgotten"]
    assert (whole[-1].action, whole[-1].told) == ("tag_put", {"detail": "v1"})
    assert {one.name for one in whole} == {"main"}
    for step in (1, 2, 3, 5):
        assert all_of(scribe.vault, step) == whole
    assert scribe.vault.feed(whole[-1].position).entries == ()
    middle = whole[3].position
    assert all_of(scribe.vault, 2, middle) == whole[4:]
    json.dumps([dict(one.told) for one in whole], allow_nan=False)


def test_a_feed_is_bounded_by_bytes(scribe: Scribe, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "abcd":
        scribe.add("main", name)
    whole = all_of(scribe.vault, feeds.MOST)
    monkeypatch.setattr(feeds, "MOST_BYTES", 1)
    assert len(scribe.vault.feed(whole[0].position).entries) == 1
    assert all_of(scribe.vault, feeds.MOST) == whole


def wanted_of(vault: Vault, wanted: feeds.Wanted, step: int) -> list[feeds.FeedEntry]:
    """Everything that is wanted, so many at a time."""
    found: list[feeds.FeedEntry] = []
    after, end = 0, vault.position()
    while after < end:
        some = vault.feed(after, step, wanted)
        found += some.entries
        assert len(some.entries) <= step
        assert after < some.upto <= end
        assert all(after < one.position <= some.upto for one in some.entries)
        after = some.upto
    return found


@pytest.mark.parametrize(("span", "values"), [(feeds.SPAN, MAX_VALUES), (3, 2), (2, 1), (1000, 1)])
def test_what_is_wanted_is_what_is_left_of_all(
    scribe: Scribe, monkeypatch: pytest.MonkeyPatch, span: int, values: int
) -> None:
    monkeypatch.setattr(feeds, "SPAN", span)
    monkeypatch.setattr(feeds, "MAX_VALUES", values)
    scribe.agent("bob", "bob's")
    scribe.agent("acme:carol", "carol's")
    for number, branch in enumerate(["main", "bob's", "main", "carol's", "bob's", "main", "carol's"] * 2):
        scribe.add(branch, f"memory {number}")
    scribe.tag("v1", Place("main", 2))
    whole = all_of(scribe.vault, feeds.MOST)
    every = frozenset(one.action for one in whole)
    for pattern, names, actions in [
        (".*", None, every),
        ("[ab].*", None, every),
        ("acme:.*", None, frozenset({"remembered", "forgotten"})),
        (".*", frozenset({"alice", "acme:carol", "nobody"}), every),
        ("bob", frozenset({"alice"}), every),
        (".*", None, frozenset({"tag_put"})),
        (".*", None, frozenset[str]()),
    ]:
        wanted = feeds.Wanted(pattern, names, actions)
        left = [one for one in whole if wanted.agent(one.agent) and one.action in actions]
        for step in (1, 2, 5, feeds.MOST):
            assert wanted_of(scribe.vault, wanted, step) == left


def test_nothing_is_decoded_for_who_sees_none_of_it(scribe: Scribe, monkeypatch: pytest.MonkeyPatch) -> None:
    scribe.agent("bob", "bob's")
    for name in "abcd":
        scribe.add("main", name)
    scribe.add("bob's", "e")
    read: list[str] = []
    events = Records.events

    def noted(self: Records, connection: object, branch: str, rows: object, damaged: object = "raise") -> object:
        read.append(branch)
        return events(self, connection, branch, rows, damaged)  # type: ignore[arg-type]

    monkeypatch.setattr(Records, "events", noted)
    end, actions = scribe.vault.position(), frozenset({"remembered", "forgotten", "felt"})
    assert scribe.vault.feed(0, feeds.MOST, feeds.Wanted("nobody", None, actions)) == feeds.Feed((), end)
    assert read == []
    assert len(scribe.vault.feed(0, feeds.MOST, feeds.Wanted(".*", frozenset({"bob"}), actions)).entries) == 1
    assert read == ["bob's"]


def test_a_restored_vault_says_where_it_ends_also_to_who_wants_some(scribe: Scribe) -> None:
    end = scribe.vault.position()
    assert scribe.vault.feed(end + 5, 1, feeds.Wanted(".*", None, frozenset({"felt"}))) == feeds.Feed((), end)
    with pytest.raises(InvalidValue, match="regular expression"):
        feeds.Wanted("(", None, frozenset())


@pytest.mark.parametrize("after", [-1, 2**63])
def test_a_position_is_checked(scribe: Scribe, after: int) -> None:
    with pytest.raises(OutOfRange):
        scribe.vault.feed(after)
    with pytest.raises(OutOfRange):
        scribe.vault.feed(0, feeds.MOST + 1)


@pytest.fixture
def front(tmp_path: Path) -> Iterator[Front]:
    made = Front(tmp_path)
    yield made
    made.close()


def test_every_kind_of_change_is_told_in_plain_values(front: Front) -> None:
    alice = front.agent("alice")
    one, two = alice.remember([ready(1), ready(2)])
    alice.feel("joy", cause="a letter")
    before = alice.checkpoint("before")
    other = alice.fork("what-if")
    other.remember(ready(3))
    alice.merge(other)
    alice.forget(two)
    alice.revise(one, text="another text")
    alice.relate("Bob", "works for", "Carol")
    alice.unrelate("Bob", "works for", "Carol")
    alice.merge_entities("Bob", "Bobby")
    alice.learn("tea", ["boil", "pour"])
    alice.practise("tea", succeeded=True)
    alice.rollback(before, parts={"mood"})
    other.delete()
    found = all_of(front.vault._vault, 3)
    own = {"detail": "before"}  # other commits are the vault's
    asked_for = [one for one in found if one.agent == "alice" and (one.action != "commit_created" or one.told == own)]
    assert [(one.action, one.name) for one in asked_for] == [
        ("agent_created", "main"),
        ("remembered", "main"),
        ("felt", "main"),
        ("commit_created", "main"),
        ("branch_created", "what-if"),
        ("remembered", "what-if"),
        ("merged", "main"),
        ("forgotten", "main"),
        ("revised", "main"),
        ("related", "main"),
        ("unrelated", "main"),
        ("unified", "main"),
        ("skill_learned", "main"),
        ("skill_used", "main"),
        ("rolled_back", "main"),
        ("branch_deleted", "what-if"),
    ]
    text = json.dumps([dict(entry.told) for entry in found], allow_nan=False)
    assert "embedding" not in text
    assert "a letter" in text
    told = {entry.action: entry.told for entry in found}
    assert told["forgotten"] == {"ids": [two]}
    assert told["rolled_back"]["parts"] == ["mood"]
    assert [one["id"] for one in told["merged"]["memories"]] == [
        memory.id for memory in alice.memories() if memory.text == "thing number 3"
    ]


def dropped(agent: AgentHandle) -> None:
    """A transaction that fails."""
    with contextlib.suppress(ZeroDivisionError), agent.transaction():
        agent.remember(ready(4))
        raise ZeroDivisionError


def test_a_transaction_is_told_once_it_is_kept_and_never_if_it_is_not(front: Front) -> None:
    alice, vault = front.agent("alice"), front.vault._vault
    alice.remember(ready(1))
    after = vault.position()
    with alice.transaction():
        alice.remember(ready(2))
        bob = front.agent("bob")
        bob.remember(ready(3))
        inside = all_of(vault, 1, after)
        assert [(one.agent, one.action) for one in inside] == [("bob", "agent_created"), ("bob", "remembered")]
    seen = inside[-1].position
    later = [one for one in all_of(vault, 1, seen) if one.agent == "alice"]
    assert [one.action for one in later] == ["remembered", "transaction_committed"]
    assert all(one.position > seen and one.name == "main" for one in later)
    dropped(alice)
    assert [one for one in all_of(vault, 1, later[-1].position) if one.agent == "alice"] == []


def test_who_watches_is_told_at_once_and_not_kept_longer_than_he_waits(front: Front) -> None:
    alice, vault = front.agent("alice"), front.vault
    after, found = vault.position(), []

    def watch() -> None:
        begun = time.monotonic()
        found.append((vault.feed(after, 10, 20.0), time.monotonic() - begun))

    watching = threading.Thread(target=watch)
    watching.start()
    time.sleep(0.2)
    alice.remember(ready(1))
    watching.join(10.0)
    ((told, took_s),) = found
    assert [one.action for one in told.entries] == ["remembered"]
    assert took_s < 5.0
    begun = time.monotonic()
    assert vault.feed(vault.position(), 10, 0.2).entries == ()
    assert 0.15 < time.monotonic() - begun < 5.0


def test_no_more_than_so_many_threads_wait() -> None:
    news = News()
    watches = [news.watched() for _ in range(MOST_WAITING + 1)]
    opened = [one.__enter__() for one in watches]
    assert not opened[-1].wait(10.0), "it is sent away"
    news.come()
    assert opened[0].wait(10.0)
    for one in watches:
        one.__exit__(None, None, None)
    with news.watched() as again:
        news.come()
        assert again.wait(10.0)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=12))
def test_nothing_is_missed_or_doubled_by_who_reads_while_others_write(steps: list[int]) -> None:
    with Vault.open("memory://", now=Clock()) as vault:
        scribe = Scribe(vault)
        scribe.agent("alice", "main")
        after, seen = 0, []
        for number, step in enumerate(steps):
            scribe.add("main", f"m{number}")
            some = vault.feed(after, step)
            seen += [one.position for one in some.entries]
            after = some.upto
        seen += [one.position for one in all_of(vault, 7, after)]
        assert seen == [one.position for one in all_of(vault, feeds.MOST)]
