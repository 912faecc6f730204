"""A vault in PostgreSQL belongs to no machine: when its node dies, it goes on elsewhere."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from quantum_memory.cluster.connect import connect
from quantum_memory.testing.nodes import Nodes
from tests.cluster.conftest import CONFIG, Loop, held
from tests.unit.postgres import postgres, server

__all__ = ["postgres", "server"]


@pytest.mark.postgres
@pytest.mark.usefixtures("two")
def test_the_node_of_the_vault_dies_and_nothing_is_lost(nodes: Nodes, postgres: str, tmp_path: Path) -> None:
    pools = {"vault": {"num_cpus": 0.1}}  # it fits on no head, so its node can die
    config = CONFIG | {"placement": "inline", "pools": pools, "views": {"cache": str(tmp_path / "cache")}}
    config["vault"] = {**CONFIG["vault"], "blocks": str(tmp_path / "blocks")}
    with connect(nodes.address, storage=postgres, config=config, namespace="shared storage") as memory:
        heidi, acknowledged = memory.agent("heidi"), []

        def write(number: int) -> None:
            heidi.remember(f"Heidi wrote {number}.")
            acknowledged.append(f"Heidi wrote {number}.")

        heidi.remember("Before.")
        writing = Loop(write)
        (before,) = memory.processes()["vault"]
        nodes.kill(nodes.node_of(before))
        reached = writing.done + 3
        while writing.done < reached and writing.is_alive():
            time.sleep(0.05)
        writing.stop()
        held(heidi, ["Before.", *acknowledged])
        (after,) = memory.processes()["vault"]
        assert nodes.node_of(after) in nodes.others
        memory.stop()
