"""Snapshots in a real vault: kept, found, replaced, passed over when damaged, and worth their while on reopening."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from blake3 import blake3

from quantum_memory.actors.vault import VaultHost
from quantum_memory.actors.views import ViewHost, keeps_snapshots
from quantum_memory.errors import NewerSchema, PlaceNotFound
from quantum_memory.memory.events import Entry, Forgotten
from quantum_memory.memory.snapshots import Saved
from quantum_memory.memory.vault import container, schema
from quantum_memory.memory.vault.blocks import BlockStore, open_blocks
from quantum_memory.memory.vault.shelf import KEPT, SnapshotShelf, packing
from quantum_memory.memory.vault.vault import Vault
from quantum_memory.memory.vault.writes import Append, CreateAgent, CreateBranch, Written
from quantum_memory.settings import load
from quantum_memory.types import Branch, BranchId, Place
from tests.unit.orchestra import Orchestra, ready

START = datetime(2026, 1, 1, tzinfo=UTC)
FOLD = "memories-1-x"
EXACT = ("relevance", "lexical", "neighbours", "graph", "importance")
"""Parts of a score that depend on neither the clock nor the mood."""


class Kept:
    """A vault in a folder, with twenty events on its main branch, a fork of it, and a shelf whose clock ticks."""

    def __init__(self, folder: Path) -> None:
        self.ticks = 0
        self.folder = folder
        self.blocks: BlockStore = open_blocks(folder / "blocks")
        self.vault = Vault.open(folder, now=self.now, blocks=self.blocks)
        self.shelf = SnapshotShelf(self.vault.database, self.blocks, self.now)
        events = [Append("r0", n, Forgotten((f"m{n}",)), f"op{n}") for n in range(20)]
        fork = CreateBranch("b0", "alice", "fork", "fork", Place("r0", 15), "fork")
        written = self.vault.write([CreateAgent("alice", "r0"), *events, fork])
        assert all(isinstance(one, Written) for one in written), written

    def now(self) -> datetime:
        self.ticks += 1
        return START + timedelta(seconds=self.ticks)

    def keep(self, *seqs: int, branch: BranchId = "r0", fold: str = FOLD) -> None:
        for seq in seqs:
            self.shelf.keep(Place(branch, seq), "memories", fold, f"{branch} {seq}".encode())

    def seqs(self, branch: BranchId = "r0") -> list[int]:
        table = schema.snapshots
        with self.vault.database.read() as connection:
            rows = connection.execute(sa.select(table.c.seq).where(table.c.branch == branch).order_by(table.c.seq))
            return list(rows.scalars())

    def nearest(self, after: int, upto: int, branch: BranchId = "r0", fold: str = FOLD) -> Saved | None:
        return self.shelf.nearest(branch, "memories", fold, after, upto)


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    one = Kept(tmp_path)
    yield one
    one.vault.close()


def test_the_latest_in_the_stretch_is_found(kept: Kept) -> None:
    kept.keep(5, 12)
    assert kept.nearest(0, 20) == Saved(12, b"r0 12")
    assert kept.nearest(0, 11) == Saved(5, b"r0 5")
    assert kept.nearest(5, 5) == Saved(5, b"r0 5")
    assert kept.nearest(6, 11) is None
    assert kept.nearest(0, 20, branch="b0") is None
    assert kept.nearest(0, 20, fold="memories-2-x") is None
    assert kept.shelf.nearest("r0", "graph", FOLD, 0, 20) is None


def test_a_few_are_kept_of_each_branch_and_fold_the_furthest_and_the_newest(kept: Kept) -> None:
    kept.keep(3, 6, 9)
    assert kept.seqs() == [6, 9]
    kept.keep(4)
    assert kept.seqs() == [4, 9], "after a rollback what lies further back may be all that is of use"
    kept.keep(15, branch="b0")
    kept.keep(7, fold="other")
    assert len(kept.seqs()) == KEPT + 1
    assert kept.seqs("b0") == [15]
    kept.keep(9)
    assert kept.seqs().count(9) == 1, "another one at the same place takes its place"


def test_a_place_that_the_journal_does_not_have_is_refused(kept: Kept) -> None:
    for branch, seq in (("r0", 21), ("nowhere", 1), ("b0", 14), ("b0", 16)):
        with pytest.raises(PlaceNotFound):
            kept.keep(seq, branch=branch)
    kept.keep(15, branch="b0")
    assert kept.nearest(15, 15, branch="b0") == Saved(15, b"b0 15")


def test_what_is_damaged_or_gone_is_passed_over_and_logged(kept: Kept, caplog: pytest.LogCaptureFixture) -> None:
    kept.keep(5, 12)
    latest = blake3(b"r0 12").hexdigest()
    (file,) = [path for path in (kept.folder / "blocks").rglob("*") if path.is_file() and latest in path.name]
    file.chmod(0o600)
    file.write_bytes(b"r0 13")
    with caplog.at_level(logging.WARNING):
        assert kept.nearest(0, 20) == Saved(5, b"r0 5")
    assert "r0:12 is passed over" in caplog.text
    kept.blocks.remove(latest)
    assert kept.nearest(0, 20) == Saved(5, b"r0 5")
    kept.blocks.quarantine(blake3(b"r0 5").hexdigest())
    assert kept.nearest(0, 20) is None


def test_packing_is_the_same_for_the_same_and_refuses_what_is_newer() -> None:
    pack = packing(3)
    data = pack.pack({"a": b"x" * 9000}, {"part": "memories"})
    assert data == pack.pack({"a": b"x" * 9000}, {"part": "memories"})
    assert pack.unpack(data, "x") == ({"a": b"x" * 9000}, {"part": "memories"})
    newer = container.pack({}, {"format": "quantum_memory snapshot", "version": 99}, 1)
    with pytest.raises(NewerSchema):
        pack.unpack(newer, "x")


# In the orchestra


def hosts(orchestra: Orchestra) -> list[Any]:
    found = [port._host for port in orchestra.parts.views]  # type: ignore[attr-defined]
    assert all(isinstance(host, ViewHost) for host in found)
    return found


def settle(orchestra: Orchestra) -> None:
    for host in hosts(orchestra):
        assert host._clerk.wait(60.0)


def reading(orchestra: Orchestra, branch: Branch) -> Any:
    graph = orchestra.run(orchestra.host.graph(branch, None))
    return (
        [(one, one.embedding.tobytes()) for one in orchestra.memories(branch)],
        orchestra.run(orchestra.host.working(branch, None)),
        sorted(map(str, graph.nodes(data=True))),
        sorted(map(str, graph.edges(data=True))),
        sorted((hit.memory.id, [hit.why[part] for part in EXACT]) for hit in orchestra.recall(branch, "thing 77", 20)),
        orchestra.run(orchestra.host.mood(branch, None)),
    )


def write(orchestra: Orchestra, branch: Branch, events: range) -> None:
    for event in events:
        said = [ready(10 * event + n, f"Bob and Ann saw thing {10 * event + n}") for n in range(10)]
        orchestra.remember(branch, said, f"op{branch.id}{event}")


def test_a_vault_of_thousands_is_read_again_without_replaying_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    read = 0
    entries = VaultHost.entries

    def counted(self: VaultHost, branch: BranchId, after: int, upto: int) -> Sequence[Entry]:
        nonlocal read
        found = entries(self, branch, after, upto)
        read += len(found)
        return found

    monkeypatch.setattr(VaultHost, "entries", counted)
    orchestra = Orchestra(tmp_path, vault={"snapshot_events": 100}, views={"working_memories": 8})
    request.addfinalizer(orchestra.close)
    alice = orchestra.agent("alice")
    write(orchestra, alice, range(210))
    settle(orchestra)
    fork = orchestra.fork(alice, "fork")
    write(orchestra, fork, range(210, 213))
    settle(orchestra)
    before = {branch.id: reading(orchestra, branch) for branch in (alice, fork)}
    assert len(before[alice.id][0]) == 2100
    assert all(host.status()["snapshots"] and not host.status()["snapshots_failed"] for host in hosts(orchestra))

    orchestra.reopen()
    read = 0
    after = {branch.id: reading(orchestra, branch) for branch in (alice, fork)}
    for branch, (*exact, mood) in before.items():
        *same, other = after[branch]
        assert same == exact
        assert other.mean.pleasure == pytest.approx(mood.mean.pleasure, abs=1e-3)
        assert other.at == mood.at
    assert read < 200, "two views from snapshots, two from the last of their reach; 213 events each otherwise"
    write(orchestra, alice, range(300, 303))
    assert len(orchestra.memories(alice)) == 2130

    for block in list((tmp_path / "blocks").rglob("*")):
        if block.is_file() and block.stat().st_size > 600:
            block.chmod(0o600)
            block.write_bytes(b"\x00" * 700)
    orchestra.reopen()
    assert reading(orchestra, fork)[:4] == before[fork.id][:4], "without its snapshots it is folded from events"


def test_without_snapshots_nothing_is_written_and_nothing_fails(tmp_path: Path) -> None:
    orchestra = Orchestra(tmp_path, vault={"snapshot_events": 0})
    alice = orchestra.agent("alice")
    write(orchestra, alice, range(5))
    settle(orchestra)
    assert all(host.status()["snapshots"] == 0 for host in hosts(orchestra))
    orchestra.close()
    assert not keeps_snapshots(load({"vault": {"snapshot_events": 0}}))
    assert not keeps_snapshots(load({"storage": "postgresql+psycopg://u@h/d"}))
    assert keeps_snapshots(load({"storage": "postgresql+psycopg://u@h/d", "vault": {"blocks": "/b"}}))
    assert keeps_snapshots(load(None))


def test_a_host_that_was_closed_writes_no_more(tmp_path: Path) -> None:
    orchestra = Orchestra(tmp_path, vault={"snapshot_events": 1})
    alice = orchestra.agent("alice")
    write(orchestra, alice, range(1))
    for host in hosts(orchestra):
        host.close()
    written = [host.status()["snapshots"] for host in hosts(orchestra)]
    assert all(written)
    write(orchestra, alice, range(1, 3))
    assert [host.status()["snapshots"] for host in hosts(orchestra)] == written
    assert len(orchestra.memories(alice)) == 30
    orchestra.close()
