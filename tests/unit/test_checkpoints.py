"""Checkpoints that nobody asked for: when they are due, and that a vault makes each of them once."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.errors import InvalidValue, NotFinite, OutOfRange, QuantumMemoryError
from quantum_memory.memory.events import Event, Merged, Picked, RolledBack
from quantum_memory.memory.vault import Append, CreateAgent, Vault, Written
from quantum_memory.policies.checkpoints import Checkpoints
from quantum_memory.types import PARTS, Place
from tests.unit.scribe import START, Clock, Scribe, label

KINDS = ["remembered", "forgotten", "merged", "picked", "rolled_back", "felt"]
PERIOD = timedelta(seconds=10)
NEVER = Checkpoints(before_merge=False, before_rollback=False)


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: Checkpoints(every_events=-1), InvalidValue),
        (lambda: Checkpoints(every_events=True), InvalidValue),
        (lambda: Checkpoints(every_events=1.5), InvalidValue),  # type: ignore[arg-type]  # the case
        (lambda: Checkpoints(every_s=-1.0), OutOfRange),
        (lambda: Checkpoints(every_s=float("nan")), NotFinite),
    ],
)
def test_a_policy_checks_itself(make: object, error: type[QuantumMemoryError]) -> None:
    assert callable(make)
    with pytest.raises(error):
        make()


@given(st.integers(0, 10**6), st.integers(0, 10**15), st.integers(0, 10**9), st.sampled_from(KINDS))
def test_a_policy_that_is_off_never_makes_one(seq: int, at_us: int, more_us: int, kind: str) -> None:
    assert NEVER.due((seq, at_us), (seq + 1, at_us + more_us), kind) is None


@given(
    st.builds(Checkpoints, st.integers(0, 5), st.floats(0, 100), st.booleans(), st.booleans()),
    st.integers(0, 10**15),
    st.sampled_from(KINDS),
)
def test_where_nothing_has_happened_there_is_nothing_to_name(policy: Checkpoints, at_us: int, kind: str) -> None:
    assert policy.due((0, at_us), (1, at_us + 10**9), kind) is None


@given(st.integers(1, 7), st.integers(1, 60))
def test_every_multiple_is_named_once(every: int, count: int) -> None:
    policy = Checkpoints(every_events=every)
    named = [seq for seq in range(count) if policy.due((seq, 0), (seq + 1, 0), "remembered")]
    assert named == list(range(every, count, every))


@given(st.floats(0.001, 1e6), st.lists(st.integers(0, 10**10), min_size=2, max_size=40))
def test_every_period_that_is_left_is_named_once(every_s: float, gaps: list[int]) -> None:
    policy = Checkpoints(every_s=every_s)
    times = [sum(gaps[:n]) for n in range(1, len(gaps) + 1)]
    named = [n for n in range(1, len(times)) if policy.due((n, times[n - 1]), (n + 1, times[n]), "remembered")]
    period_us = round(every_s * 1_000_000)
    assert named == [n for n in range(1, len(times)) if times[n - 1] // period_us != times[n] // period_us]


def test_what_is_hard_to_think_away_comes_with_a_place_to_go_back_to() -> None:
    policy = Checkpoints()
    told = {kind: policy.due((3, 0), (4, 0), kind) for kind in KINDS}
    assert told == {
        "remembered": None,
        "forgotten": None,
        "merged": "before a merge",
        "picked": "before a merge",
        "rolled_back": "before a rollback",
        "felt": None,
    }
    assert Checkpoints(before_merge=False).due((3, 0), (4, 0), "merged") is None
    assert Checkpoints(before_rollback=False).due((3, 0), (4, 0), "rolled_back") is None


def opened(storage: str | Path, policy: Checkpoints | None, clock: Clock) -> Scribe:
    return Scribe(Vault.open(storage, now=clock, checkpoints=policy))


def named(scribe: Scribe) -> list[tuple[Place, str]]:
    assert all(commit.automatic for commit in scribe.vault.commits("alice"))
    return [(commit.place, commit.message) for commit in scribe.vault.commits("alice")]


def test_a_vault_names_the_place_before_the_event(storage: str) -> None:
    clock = Clock()
    scribe = opened(storage, Checkpoints(every_events=3, every_s=60), clock)
    with scribe.vault:
        scribe.agent("alice", "main")
        outcomes = [scribe.done(Append("main", seq, label(f"{seq}"), f"{seq}")) for seq in range(4)]
        assert [outcome.commit is not None for outcome in outcomes] == [False, False, False, True]
        made = outcomes[3].commit
        assert made is not None
        assert (made.place, made.message, made.automatic) == (Place("main", 3), "after 3 events", True)
        clock.tick(61)
        scribe.add("main", RolledBack(Place("main", 1), PARTS))
        scribe.add("main", Merged(Place("main", 1), None, (), (), (), None))
        scribe.add("main", Picked(Place("main", 1), ()))
        clock.tick(61)
        scribe.add("main")
        assert named(scribe) == [
            (Place("main", 3), "after 3 events"),
            (Place("main", 4), "before a rollback"),
            (Place("main", 5), "before a merge"),
            (Place("main", 6), "before a merge"),
            (Place("main", 7), "automatic, every 60 s"),
        ]
        assert scribe.vault.find_place("main", "before a rollback") == Place("main", 4)
        asked = scribe.commit(Place("main", 8), "by hand")
        assert not asked.automatic
        assert [commit.automatic for commit in scribe.vault.commits("alice")] == [True] * 5 + [False]


def test_without_a_policy_there_are_none(tmp_path: Path) -> None:
    scribe = opened(tmp_path, None, Clock())
    with scribe.vault:
        scribe.agent("alice", "main")
        for _ in range(3):
            scribe.add("main", RolledBack(Place("main", 0), PARTS))
        assert named(scribe) == []


def test_a_transaction_has_them_when_it_is_kept(storage: str) -> None:
    clock = Clock()
    scribe = opened(storage, Checkpoints(every_events=2, every_s=60), clock)
    with scribe.vault:
        scribe.agent("alice", "main")
        scribe.add("main")
        scribe.begin("t", "main")
        clock.tick(61)
        events: list[Event | str] = ["a", RolledBack(Place("t", 2), PARTS), "b", "c", "d"]
        for event in events:
            scribe.add("t", event)
        assert named(scribe) == []
        clock.tick(61)
        kept = scribe.keep("t", "keep")
        assert named(scribe) == [
            (Place("main", 1), "automatic, every 60 s"),
            (Place("main", 2), "before a rollback"),
            (Place("main", 4), "after 4 events"),
        ]
        assert kept.commit is not None
        assert kept.commit.place == Place("main", 4)
        again = scribe.keep("t", "keep")
        assert (again.repeated, again.commit) == (True, kept.commit)


WRITES = st.lists(
    st.tuples(
        st.sampled_from(["label", "label", "label", "back"]),
        st.integers(0, 3),
        st.sampled_from([0.0, 0.0, 3.0, 11.0]),
        st.sampled_from(["once", "again", "again at once", "after opening again", "stale"]),
    ),
    max_size=25,
)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 4), st.sampled_from([0.0, 10.0]), WRITES)
def test_every_crossing_is_named_exactly_once_under_retries(
    tmp_path_factory: pytest.TempPathFactory, every: int, every_s: float, writes: list[tuple[str, int, float, str]]
) -> None:
    """The slow twin walks over what was written in the end."""
    folder, clock = tmp_path_factory.mktemp("vault"), Clock()
    policy = Checkpoints(every_events=every, every_s=every_s)
    vault = Vault.open(folder, now=clock, checkpoints=policy)
    vault.write([CreateAgent("alice", "main")])
    for number, (kind, back, seconds, retry) in enumerate(writes):
        clock.tick(seconds)
        head = vault.head("main")
        event: Event = label(f"{number}") if kind == "label" else RolledBack(Place("main", min(back, head)), PARTS)
        write = Append("main", head, event, f"op{number}")
        batch = [write] * (2 if retry == "again at once" else 1)
        first, *others = vault.write([Append("main", head + 1, event, f"late{number}"), *batch])
        assert not isinstance(first, Written)
        if retry == "after opening again":
            vault.close()
            vault = Vault.open(folder, now=clock, checkpoints=policy)
        if retry.startswith("a"):
            clock.tick(11.0)
            others += vault.write([write])
        told = [(outcome.place, outcome.at, outcome.commit) for outcome in others if isinstance(outcome, Written)]
        assert len(told) == len(others)
        assert told == [told[0]] * len(told), "a retry is told of the same checkpoint"
    with vault:
        wanted = []
        entries = vault.entries("main", 0, vault.head("main"))
        for before, after in pairwise(entries):
            seq = before.place.seq
            if isinstance(after.event, RolledBack):
                wanted.append((seq, "before a rollback"))
            elif every and seq % every == 0:
                wanted.append((seq, f"after {seq} events"))
            elif every_s and (before.at - START) // timedelta(seconds=10) != (after.at - START) // timedelta(
                seconds=10
            ):
                wanted.append((seq, "automatic, every 10 s"))
        assert [(commit.place.seq, commit.message) for commit in vault.commits("alice")] == wanted
