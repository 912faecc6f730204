"""Which index a segment gets, and where it is searched."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from functools import partial
from typing import Any, get_args

import faiss
import numpy as np
import pytest

from quantum_memory.errors import InvalidValue, MissingDependency, NoDevice, NotFinite, OutOfRange
from quantum_memory.memory.episodic.dense import FlatIndex, IndexPolicy, Kind, build, gpu, load
from quantum_memory.memory.episodic.dense.gpu import available
from quantum_memory.memory.episodic.dense.policy import Device
from tests.unit.test_dense import clustered


def test_small_segments_are_flat_and_large_ones_are_what_was_asked_for() -> None:
    policy = IndexPolicy(from_rows=1000)
    assert [policy.kind_for(rows) for rows in (0, 999, 1000, 10**7)] == ["flat", "flat", "pq", "pq"]
    assert policy.kind_for(1000, on_gpu=True) == "flat"
    for kind in get_args(Kind):
        assert (
            replace(policy, kind=kind).kind_for(1000) == replace(policy, kind=kind).kind_for(1000, on_gpu=True) == kind
        )


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"kind": "tree"}, InvalidValue),
        ({"storage": "sq4"}, InvalidValue),
        ({"kind": "hnsw", "storage": "pq"}, InvalidValue),
        ({"device": "tpu"}, InvalidValue),
        ({"from_rows": 255}, OutOfRange),
        ({"from_rows": 1e4}, InvalidValue),
        ({"recall": 1.01}, OutOfRange),
        ({"recall": float("nan")}, NotFinite),
        ({"depth": 9}, OutOfRange),
        ({"depth": False}, InvalidValue),
        ({"links": 1}, OutOfRange),
        ({"ef_construction": 0}, OutOfRange),
        ({"ef_search": 5}, OutOfRange),
        ({"lists": -1}, OutOfRange),
        ({"probes": 2**21}, OutOfRange),
    ],
)
def test_a_bad_policy_is_refused(given: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        IndexPolicy(**given)


def test_lists_grow_with_the_root_of_the_rows_unless_they_are_given() -> None:
    assert IndexPolicy().lists_for(10_000) == (300, 0)
    assert IndexPolicy(lists=7, probes=9).lists_for(10_000) == (7, 7)
    assert IndexPolicy(lists=2**20).lists_for(300) == (300, 0)


def test_a_gpu_that_is_not_there_is_missed_only_by_who_asks_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = clustered(300, 1)
    policies = {device: IndexPolicy(from_rows=256, device=device) for device in get_args(Device)}
    if not hasattr(faiss, "StandardGpuResources"):
        with pytest.raises(MissingDependency, match="faiss-gpu"):
            build(vectors, policies["cuda"])
        with pytest.raises(MissingDependency, match="faiss-gpu"):
            load(b"".join(build(vectors).dump()), policy=policies["cuda"])
    monkeypatch.setattr(faiss, "StandardGpuResources", object, raising=False)
    monkeypatch.setattr(faiss, "get_num_gpus", lambda: 0)
    with pytest.raises(NoDevice, match="'cpu' or 'auto'"):
        available("cuda")
    assert not available("auto")
    assert build(vectors, policies["auto"]).kind == build(vectors, policies["cpu"]).kind == "pq"
    monkeypatch.setattr(faiss, "get_num_gpus", lambda: 1)
    assert available("auto")
    assert available("cuda")
    assert not available("cpu")


def test_a_policy_is_told_from_others_but_for_the_device() -> None:
    other = {"kind": "hnsw", "from_rows": 500, "recall": 0.9, "depth": 10, "links": 3, "ef_construction": 5}
    other |= {"ef_search": 10, "lists": 1, "probes": 1, "storage": "sq8"}
    laws = {IndexPolicy(**{name: value}).law for name, value in other.items()} | {IndexPolicy().law}  # type: ignore[arg-type]  # one field each
    assert len(laws) == len(other) + 1
    assert {field.name for field in fields(IndexPolicy)} == {*other, "device"}
    assert IndexPolicy(device="cpu").law == IndexPolicy(device="cuda").law == IndexPolicy().law


class Busy:
    """Stands for what FAISS has on a GPU, and counts who uses it at once."""

    def __init__(self) -> None:
        self.inside = self.most = 0

    def search(self, _: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        self.inside += 1
        self.most = max(self.most, self.inside)
        time.sleep(0.01)
        self.inside -= 1
        return np.zeros((1, count)), np.arange(count)[np.newaxis]

    def taken(self, *_: object) -> Busy:
        self.search(np.empty(0), 1)
        return self


def test_a_gpu_serves_one_thread_at_a_time_whichever_index_it_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its scratch memory is one for all indexes."""
    vectors, busy = clustered(300, 1), Busy()
    monkeypatch.setattr(gpu, "_resources", object)
    monkeypatch.setattr(faiss, "index_cpu_to_gpu", busy.taken, raising=False)
    indexes = [gpu.moved(FlatIndex(vectors)) for _ in range(2)]
    jobs: list[Callable[[], object]] = [partial(index.nearest, vectors[0], 3) for index in indexes]
    jobs.append(lambda: gpu.moved(FlatIndex(vectors)))
    with ThreadPoolExecutor(6) as pool:
        for done in [pool.submit(job) for job in jobs * 4]:
            done.result()
    assert busy.most == 1


def test_who_builds_keeps_the_vectors_and_gets_them_back_untouched() -> None:
    vectors = clustered(400, 2)
    before = vectors.copy()
    for kind in get_args(Kind):
        index = build(vectors, IndexPolicy(kind=kind, from_rows=256))
        index.nearest(vectors[0], 5)
        assert np.array_equal(vectors, before)
        assert vectors.flags.writeable
