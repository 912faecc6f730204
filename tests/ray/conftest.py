"""One Ray cluster for every test that needs one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from quantum_memory.cluster.connect import MemoryCluster, connect

FAST = {
    "perception": {"model": "hashing"},
    "ray": {"dashboard": False, "num_cpus": 4},
    # An actor that was killed takes seconds to come back; what is compared with before has to be whole.
    "timeouts": {"part_s": 60.0},
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder needs Ray."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.ray)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MemoryCluster]:
    """The session's cluster: placement ``actors``, its own vault. It starts Ray, so it comes first and ends last."""
    with connect(storage=tmp_path_factory.mktemp("actors"), config=FAST, namespace="actors") as memory:
        yield memory


@pytest.fixture(scope="session")
def inline(cluster: MemoryCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MemoryCluster]:
    """The same beside it with placement ``inline``."""
    config = FAST | {"placement": "inline"}
    with connect(storage=tmp_path_factory.mktemp("inline"), config=config, namespace="inline") as memory:
        yield memory
