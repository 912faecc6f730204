"""A block is damaged under a running memory: the rest serves, nothing is decided by it, and repair brings all back."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from quantum_memory.errors import CorruptRecord, VaultUnavailable
from quantum_memory.memory import timeline
from quantum_memory.memory.vault import schema
from tests.unit.front import Front

S = schema.segments.c


def until(true: Callable[[], object], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.01)


def opened(folder: Path) -> Front:
    vault = {"seal_events": 16, "segment_events": 32, "snapshot_events": 16, "keeper_s": 0.02}
    return Front(folder, vault={**vault, "blocks": str(folder / "blocks")})


def first_block(front: Front) -> str:
    with front.vault._vault.database.read() as connection:
        return str(connection.execute(sa.select(S.block).order_by(S.first_seq)).scalars().first())


def snapshots(front: Front) -> int:
    with front.vault._vault.database.read() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(schema.snapshots)).scalar_one())


def forget_snapshots(front: Front) -> None:
    with front.vault._vault.maintenance() as batch:
        batch.execute(sa.delete(schema.snapshots))


def test_what_a_damaged_block_hid_is_there_again_once_it_is_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timeline, "RETRY_S", 0.0)
    folder = tmp_path / "vault"
    front = opened(folder)
    alice = front.agent()
    for number in range(64):
        alice.remember(f"the number {number} bird sang")
    until(lambda: front.vault.vault_status()["unsealed"] < 16)
    front.vault.backup(str(tmp_path / "backup"), True)
    block = first_block(front)
    front._stop()
    file = folder / "blocks" / block[:2] / block
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    front._start()
    try:
        forget_snapshots(front)
        alice = front.agent()
        left = len(alice.recall("bird", k=200))
        assert 0 < left < 64
        other, bob = alice.fork("other"), front.agent("bob")
        other.remember("another bird sang")
        for number in range(64, 128):
            alice.remember(f"the number {number} bird sang")
            bob.remember(f"bob heard bird {number}")
        assert len(alice.recall("bird", k=200)) == left + 64, "the rest serves"
        assert len(bob.recall("bird", k=200)) == 64
        with pytest.raises(CorruptRecord, match=f"branch {alice.info.id}, 1\\.\\."):
            alice.merge(other)
        alice.checkpoint("while it is damaged")
        assert alice.commits()[-1].context is not None
        until(lambda: snapshots(front) > 0)
        with front.vault._vault.database.read() as connection:
            whose = set(connection.execute(sa.select(schema.snapshots.c.branch)).scalars())
            assert connection.execute(sa.select(sa.func.count()).select_from(schema.contexts)).scalar_one() == 0
        assert whose == {bob.info.id}, "what lacks something is not written down"
        assert front.vault.verify(True, str(tmp_path / "backup")).sound
        until(lambda: len(alice.recall("bird", k=200)) == 128)
        assert alice.merge(other).added
        assert len(alice.recall("bird", k=200)) == 129
        front.reopen()
        assert len(front.agent().recall("bird", k=200)) == 129
        assert front.vault.verify(False, None).sound
    finally:
        front.close()


def test_blocks_that_are_not_mounted_are_no_amnesia(tmp_path: Path) -> None:
    folder, away = tmp_path / "vault", tmp_path / "away"
    front = opened(folder)
    alice = front.agent()
    for number in range(32):
        alice.remember(f"the number {number} bird sang")
    until(lambda: front.vault.vault_status()["unsealed"] < 16)
    front._stop()
    (folder / "blocks").rename(away)
    front._start()
    try:
        alice = front.agent()
        with pytest.raises(VaultUnavailable, match="blocks"):
            alice.recall("bird", k=200)
        alice.remember("what is said meanwhile is kept")
        with pytest.raises(VaultUnavailable, match="blocks"):
            alice.recall("bird", k=200)
        assert snapshots_in(folder) == 0
        if (folder / "blocks").exists():
            (folder / "blocks").rename(tmp_path / "nothing")
        away.rename(folder / "blocks")
        assert len(alice.recall("bird", k=200)) >= 32
        front.reopen()
        assert len(front.agent().recall("bird meanwhile", k=200)) == 33
    finally:
        front.close()


def snapshots_in(folder: Path) -> int:
    """Files among the blocks of a vault."""
    blocks = folder / "blocks"
    return sum(file.is_file() for file in blocks.rglob("*")) if blocks.exists() else 0
