"""Who asks through the door: tenants, principals and the agents that each of them gets."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantum_memory.checks import named
from quantum_memory.cluster.archives import ClusterDoor
from quantum_memory.cluster.connect import MemoryCluster
from quantum_memory.cluster.service.backend import Backend, session_of
from quantum_memory.cluster.service.principals import CHANNELS, ROLES, Principal
from quantum_memory.cluster.service.tenants import DEFAULT, inside, outside, tenant_named
from quantum_memory.errors import AgentNotFound, Forbidden, InvalidInput, InvalidValue, PlaceNotFound, TooLong
from quantum_memory.memory.vault.writes import OpenSession
from tests.unit.front import Front
from tests.unit.orchestra import ready

TENANTS = st.just(DEFAULT) | st.from_regex(r"[a-z0-9][a-z0-9-]{0,31}", fullmatch=True)
NAMES = st.text(min_size=1, max_size=40)


@pytest.fixture
def front(tmp_path: Path) -> Iterator[Front]:
    made = Front(tmp_path)
    yield made
    made.close()


@given(TENANTS, TENANTS, NAMES)
def test_a_tenant_sees_its_own_agents_under_their_names_and_no_others(one: str, other: str, name: str) -> None:
    try:
        full = inside(one, name)
    except InvalidInput:
        return
    assert outside(one, full) == name
    if other != one:
        assert outside(other, full) is None


@given(NAMES, TENANTS)
def test_what_a_driver_named_is_seen_by_one_tenant_at_most(name: str, tenant: str) -> None:
    try:
        named("agent", name)
    except InvalidInput:
        return
    own = outside(tenant, name)
    if own is not None:
        assert inside(tenant, own) == name


@pytest.mark.parametrize("name", ["", "Acme", "a b", "-a", "a" * 33, "a:b", None, 7, "a\n"])
def test_names_of_tenants_are_narrow(name: object) -> None:
    with pytest.raises(InvalidValue):
        tenant_named(name)


def test_names_of_agents_fit_with_the_tenant_in_front() -> None:
    with pytest.raises(InvalidValue):
        inside("acme", "other:alice")
    with pytest.raises(InvalidValue):
        inside(DEFAULT, "acme:alice")
    with pytest.raises(TooLong):
        inside("acme", "a" * 125)


@given(st.sampled_from(ROLES), st.sampled_from(ROLES))
def test_a_role_may_what_those_below_may(has: str, takes: str) -> None:
    who = Principal("key:1", "acme", has)  # type: ignore[arg-type]
    allowed = ROLES.index(has) >= ROLES.index(takes)
    if allowed:
        who.require(takes, "remember")  # type: ignore[arg-type]
    else:
        with pytest.raises(Forbidden, match="remember: it takes the role"):
            who.require(takes, "remember")  # type: ignore[arg-type]


def test_a_principal_sees_what_its_patterns_say() -> None:
    who = Principal("key:1", "acme", "reader", ("team-*", "bob"), ("mood",))
    assert [name for name in ("team-a", "bob", "bobby", "Team-a") if who.sees(name)] == ["team-a", "bob"]
    with pytest.raises(Forbidden, match="'alice' is not among"):
        who.require_agent("alice", "recall")
    who.require_channel("mood", "subscribe")
    with pytest.raises(Forbidden, match="history"):
        who.require_channel("history", "subscribe")


@pytest.mark.parametrize(
    "fields",
    [
        {"subject": " "},
        {"subject": "s" * 257},
        {"tenant": "Acme"},
        {"role": "root"},
        {"agents": ()},
        {"agents": ("",)},
        {"agents": ("a",) * 65},
        {"channels": ("all",)},
    ],
)
def test_a_principal_is_checked(fields: dict[str, object]) -> None:
    good: dict[str, object] = {"subject": "key:1", "tenant": "acme", "role": "reader", "channels": CHANNELS}
    with pytest.raises(InvalidInput):
        Principal(**(good | fields))  # type: ignore[arg-type]


def test_each_gets_his_own_agents_and_the_audit_says_who_it_was(front: Front) -> None:
    ann = Principal("key:ann", "acme", "writer")
    bob = Principal("key:bob", "other", "writer")
    backend = Backend(front.memory)

    async def play() -> None:
        alice = await backend.agent(ann, "alice", create=True)
        await alice.remember.begin(ready(1))
        with pytest.raises(AgentNotFound, match="'alice'"):
            await backend.agent(bob, "alice")
        assert await backend.agents_page(ann, None, 10_000) == ["alice"]
        assert await backend.agents_page(bob, None, 10_000) == []
        with pytest.raises(Forbidden):
            await backend.agent(Principal("key:c", "acme", "admin", ("team-*",)), "alice")
        with pytest.raises(PlaceNotFound):
            await backend.agent(ann, "alice", "nowhere")

    asyncio.run(play())
    assert front.memory.agents() == ["acme:alice"]
    assert {entry.who for entry in front.agent("acme:alice").audit() if entry.action == "remembered"} == {
        "acme/key:ann"
    }


def test_what_is_asked_for_again_under_its_name_is_done_once_by_any_replica(front: Front) -> None:
    ann = Principal("key:ann", DEFAULT, "writer")

    async def play() -> list[list[str]]:
        found = []
        for replica in (Backend(front.memory), Backend(front.memory)):
            alice = await replica.agent(ann, "alice", create=True, op="today")
            found.append(await alice.remember.begin(ready(1)))
        return found

    first, again = asyncio.run(play())
    assert first == again
    assert len(front.agent("alice").memories()) == 1


def test_an_agent_that_was_found_once_is_not_looked_for_again(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    ann, bob = Principal("key:ann", "acme", "writer"), Principal("key:bob", "other", "writer")
    backend = Backend(front.memory)

    async def play() -> None:
        made = await backend.agent(ann, "alice", create=True)
        await made.fork.begin("b")

        def nobody(*_: object, **__: object) -> None:
            raise AgentNotFound("asked")

        await backend.cluster(bob)
        monkeypatch.setattr(MemoryCluster, "call_vault", nobody)
        assert await backend.agent(ann, "alice") == made
        again = [await backend.agent(ann, "alice", op="one") for _ in range(2)]
        ids = [await one.remember.begin(ready(1)) for one in again]
        assert ids[0] == ids[1], "each begins to count its operations anew"
        for who, name, branch in ((bob, "alice", None), (ann, "alice", "b"), (ann, "bob", None)):
            with pytest.raises(AgentNotFound):
                await backend.agent(who, name, branch)
        with pytest.raises(Forbidden):
            await backend.agent(Principal("key:ann", "acme", "writer", ("team-*",)), "alice")

    asyncio.run(play())


def test_an_archive_says_nothing_of_who_somebody_is(front: Front, tmp_path: Path) -> None:
    """The id of a caller's session follows from his name, so anybody can make it in a vault of his own."""
    victim = Principal("key:ann", "acme", "writer")
    evil = Front(tmp_path / "evil")
    try:
        mallory = evil.memory.on_behalf(OpenSession(session_of(victim).id, "mallory"))
        mallory.agent("trap").remember(ready(1))
        ClusterDoor(evil.memory).export("trap", tmp_path / "trap.qms", "none")
    finally:
        evil.close()
    ClusterDoor(front.memory).bring(tmp_path / "trap.qms", None, dry_run=False)

    async def play() -> None:
        alice = await Backend(front.memory).agent(victim, "alice", create=True)
        await alice.remember.begin(ready(2))

    asyncio.run(play())
    assert "mallory" not in {entry.who for entry in front.memory.audit()}


def test_a_page_of_agents_reads_no_more_than_it_holds_whoever_has_how_many(front: Front) -> None:
    """Names of other tenants lie before, between and behind those of the default one, and none is read for a page."""
    names = ["a", "acme", "acme-2", "b", "zed", "{", "\U0001f600", "zed-2"]
    ends = ("b", "n", "\U0001f600")
    others = [f"{tenant}:{name}" for tenant in ("acme", "acme-2", "zed", "\U0001f600") for name in ends]
    odd = ["Not-a-tenant:x", "acme:a:b"]
    crowd = [f"crowd:{number}" for number in range(300)]
    for name in (*names, *others, *odd, *crowd):
        front.memory.agent(name)
    backend = Backend(front.memory)
    asked: list[int] = []

    def counting(method: str, *args: Any, texts: int = 0) -> Any:
        call = call_vault(method, *args, texts=texts)
        if method == "agents_between":
            asked.append(args[2])
        return call

    call_vault = front.memory.call_vault
    front.memory.call_vault = counting  # type: ignore[method-assign]

    async def play() -> None:
        for who in (
            Principal("key:d", "default", "reader"),
            Principal("key:a", "acme", "reader"),
            Principal("key:z", "zed", "reader", ("n", "\U0001f600")),
            Principal("key:n", "nobody", "reader"),
            Principal("key:c", "crowd", "reader", ("7*",)),
        ):
            own = (outside(who.tenant, name) for name in (*names, *others, *odd, *crowd))
            want = sorted(name for name in own if name is not None and who.sees(name))
            assert await backend.agents_page(who, None, 10_000) == want
            for limit in (1, 2, 3, 100):
                found: list[str] = []
                while page := await backend.agents_page(who, found[-1] if found else None, limit):
                    assert len(page) <= limit
                    found += page
                assert found == want
        asked.clear()
        assert len(await backend.agents_page(Principal("key:d", "default", "reader"), None, 5)) == 5
        owners = {name.partition(":")[0] for name in (*others, *odd, *crowd)}
        assert len(asked) <= 1 + len(owners), "each tenant in between is passed by in one step"
        assert sum(asked) < len(crowd), "nor is a crowd read to be passed by"

    asyncio.run(play())


def test_branches_are_those_of_agents_that_are_named_or_that_a_caller_sees(front: Front) -> None:
    for name in ("acme:alice", "acme:bob", "other:alice", "alice"):
        front.memory.agent(name).fork("what-if")
    backend = Backend(front.memory)

    async def play() -> None:
        all_of, narrow = Principal("key:a", "acme", "reader"), Principal("key:b", "acme", "reader", ("b*",))
        pairs = {(name, branch) for name in ("acme:alice", "acme:bob") for branch in ("main", "what-if")}
        for most in (3, 4):
            found, complete = await backend.branches(all_of, None, None, most)
            assert (len(found), set(found) <= pairs, complete) == (most, True, most == 4)
        assert await backend.branches(narrow, None, "what-if", 1) == ([("acme:bob", "what-if")], True)
        named = await backend.branches(all_of, ["acme:bob", "acme:nobody"], "main", 1)
        assert named == ([("acme:bob", "main")], True)
        front.memory.agent("acme:bob").fork("late")
        assert await backend.branches(all_of, None, "late", 1) == ([], False), "of the second agent nobody asked"
        assert await backend.branches(all_of, None, "late", 2) == ([("acme:bob", "late")], True)

    asyncio.run(play())


def test_a_page_passes_by_many_tenants_of_few_agents_in_a_few_calls(front: Front) -> None:
    for number in range(400):
        front.memory.agent(f"t{number}:only")
    for name in ("a", "zed"):
        front.memory.agent(name)
    calls: list[int] = []

    def counting(method: str, *args: Any, texts: int = 0) -> Any:
        if method == "agents_between":
            calls.append(args[2])
        return call_vault(method, *args, texts=texts)

    call_vault = front.memory.call_vault
    front.memory.call_vault = counting  # type: ignore[method-assign]
    who = Principal("key:d", "default", "reader")
    assert asyncio.run(Backend(front.memory).agents_page(who, None, 2)) == ["a", "zed"]
    assert len(calls) <= 1 + (400).bit_length()
    assert sum(calls) <= 2 * 402, "as many rows as lie between, and half of them once more at most"
