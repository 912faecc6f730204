"""The orchestrator's way to the vault: what it says of a branch after a call whose outcome nobody heard."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from quantum_memory.actors.journal import Journal
from quantum_memory.actors.ports import LocalVault
from quantum_memory.actors.vault import VaultHost
from quantum_memory.errors import ActorUnavailable, BranchDeleted
from quantum_memory.memory.vault.writes import DeleteBranch
from tests.unit.orchestra import Orchestra


class Deaf(LocalVault):
    """A vault of whose deletions nobody hears whether they were done; all else is answered."""

    def __init__(self, host: VaultHost, *, done: bool) -> None:
        super().__init__(host)
        self._done = done

    async def ask(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        deletion = method is VaultHost.write and isinstance(args[0][0], DeleteBranch)
        answer = await super().ask(method, *args, **kwargs) if self._done or not deletion else None
        if deletion:
            raise ActorUnavailable("write", "the connection was lost")
        return answer


@pytest.fixture
def orchestra(tmp_path: Path) -> Iterator[Orchestra]:
    one = Orchestra(tmp_path)
    yield one
    one.close()


@pytest.mark.parametrize("done", [True, False])
def test_a_deletion_of_which_nobody_knows_is_looked_at_before_the_branch_is_spoken_of(
    orchestra: Orchestra, *, done: bool
) -> None:
    alice = orchestra.agent("alice")
    fork = orchestra.fork(alice, "what if")

    async def play() -> None:
        journal = Journal(Deaf(orchestra.vault, done=done), lambda _: True)
        assert (await journal.tip(fork)).branch == fork.id
        with pytest.raises(ActorUnavailable):
            await journal.delete(fork.id, "s.d")
        if done:
            with pytest.raises(BranchDeleted):
                await journal.tip(fork)
        else:
            assert (await journal.tip(fork)).branch == fork.id

    orchestra.run(play())
