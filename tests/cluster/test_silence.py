"""A node falls silent, is taken for dead, and comes back with actors that believe that they are still the owners."""

from __future__ import annotations

import time

import psutil
import pytest

from quantum_memory.cluster.connect import MemoryCluster
from quantum_memory.testing.nodes import Nodes
from tests.cluster.conftest import Loop, held, owner, texts


@pytest.mark.usefixtures("two")
def test_who_comes_back_late_writes_nothing_twice_and_nothing_out_of_order(nodes: Nodes, memory: MemoryCluster) -> None:
    grace = memory.agent("grace")
    acknowledged: list[str] = []

    def write(number: int) -> None:
        grace.remember(f"Grace wrote {number}.")
        acknowledged.append(f"Grace wrote {number}.")

    writing = Loop(write)
    while writing.done < 10:
        time.sleep(0.05)
    old = owner(memory, grace)
    node = nodes.node_of(old)
    silent = nodes.pause(node)
    reached = writing.done + 2
    until = time.monotonic() + 120
    while writing.done < reached and time.monotonic() < until:
        time.sleep(0.1)
    assert writing.done >= reached, "nobody took over"
    nodes.resume(silent)
    _, left = psutil.wait_procs(silent, timeout=60)
    assert not left, "who was taken for dead goes on"
    nodes.forget(node)
    nodes.add()
    writing.stop()
    held(grace, acknowledged)
    assert len(texts(grace)) == len(acknowledged)
    assert owner(memory, grace) != old
    assert [entry.place.seq for entry in grace.log(limit=10_000)] == list(range(len(acknowledged), 0, -1))
