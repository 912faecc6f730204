"""A cluster that ends in the middle of its work: the views' snapshots are finished first, in both placements."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from quantum_memory.actors.vault import utc_now
from quantum_memory.cluster.connect import MemoryCluster, connect
from quantum_memory.memory.vault import Vault, schema
from quantum_memory.types import PARTS
from tests.ray.conftest import FAST


@pytest.mark.parametrize("placement", ["actors", "inline"])
def test_every_view_is_written_down_before_the_vault_is_closed(
    cluster: MemoryCluster, tmp_path: Path, placement: str
) -> None:
    assert cluster.agents() is not None, "Ray is there already"
    config = FAST | {"placement": placement, "vault": {"snapshot_events": 1}}
    with connect(storage=tmp_path, config=config, namespace=f"ending {placement}") as memory:
        alice = memory.agent("alice")
        for start in range(0, 300, 100):
            alice.remember([f"Memory {number} of the storm and the tree." for number in range(start, start + 100)])
        alice.mood()
        alice.concepts()
        memory.stop()
    with Vault.open(tmp_path, now=utc_now) as vault, vault.database.read() as connection:
        s = schema.snapshots.c
        rows = connection.execute(sa.select(s.part, sa.func.max(s.seq)).group_by(s.part)).all()
    assert dict(map(tuple, rows)) == dict.fromkeys(PARTS, 3)
