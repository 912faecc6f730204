"""Transactions, tags, deletion and the vault's answers over real actors, wherever the views live."""

from __future__ import annotations

import asyncio

import pytest

from quantum_memory.cluster.connect import MemoryCluster
from quantum_memory.errors import BranchDeleted, TransactionConflict
from quantum_memory.types import Place, Utterance


@pytest.fixture(params=["cluster", "inline"])
def memory(request: pytest.FixtureRequest) -> MemoryCluster:
    found: MemoryCluster = request.getfixturevalue(request.param)
    return found


def test_transactions_hold_across_processes(memory: MemoryCluster) -> None:
    alice = memory.agent("history-1")
    with alice.transaction() as transaction:
        alice.remember(Utterance("inside", id="a"))
        commit = alice.checkpoint("mid")
        alice.tag("t")
        assert [one.text for one in alice.memories()] == ["inside"]
    assert transaction.place == Place(alice.info.id, 1)
    assert [one.id for one in alice.memories(as_of=commit)] == ["a"]
    assert [tag.place for tag in alice.tags()] == [transaction.place]

    async def clash() -> None:
        async with alice.transaction():
            await alice.remember.remote("never")
            await asyncio.get_running_loop().run_in_executor(None, alice.remember, "outside")

    with pytest.raises(TransactionConflict):
        asyncio.run(clash())
    assert [one.text for one in alice.memories()] == ["inside", "outside"]


def test_history_is_told_and_tended(memory: MemoryCluster) -> None:
    alice = memory.agent("history-2")
    alice.remember("Bob lent me an umbrella.")
    alice.checkpoint("told")
    what_if = alice.fork("what-if")
    what_if.delete()
    with pytest.raises(BranchDeleted):
        what_if.memories()
    (commit,) = alice.commits()
    assert commit.context is not None
    assert commit.context["memories"] == 1
    assert [one.text for one in memory.find("umbrella", agent="history-2")] == ["Bob lent me an umbrella."]
    assert {entry.action for entry in alice.audit()} >= {
        "agent_created",
        "remembered",
        "branch_created",
        "branch_deleted",
    }
    assert all(entry.who for entry in alice.audit())
    assert memory.vault_status()["keeper_error"] is None
    assert memory.gc(dry_run=True).events == 0
