"""The host of the moods: one backend, in use around every call that computes, closed once; and what it holds."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from quantum_memory.actors import ripening
from quantum_memory.actors.quantum_state import GPU_SHARE, KEPT_SHARE, Feelings, QuantumStateHost
from quantum_memory.actors.views import Sprout
from quantum_memory.errors import (
    DeviceMemoryExceeded,
    MissingDependency,
    QuantumMemoryError,
)
from quantum_memory.memory.affect.mood import GROUP, PENDING, MoodFold
from quantum_memory.memory.events import Entry, Remembered
from quantum_memory.memory.quantum import engines
from quantum_memory.memory.quantum.engines import CupyEngine
from quantum_memory.settings import load
from quantum_memory.types import PAD, Branch, BranchId, Memory, Place
from tests.unit.histories import PlainHistory
from tests.unit.quantum_backends import CuTensorNet, Gpus, OutOfMemoryError, cupy_like

START = datetime(2026, 1, 1, tzinfo=UTC)
MIB = 1 << 20


class KeepingHistory(PlainHistory):
    """A history that keeps snapshots in memory, and where they were kept from."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[Place, bytes] = {}

    def snapshot_nearest(self, *_: object) -> None:
        return None

    def snapshot_keep(self, place: Place, part: str, fold: str, data: bytes, files: Sequence[str] = ()) -> None:
        assert not files
        assert part == "mood", fold
        self.kept[place] = data


def memory(number: int) -> Memory:
    chance = np.random.default_rng(number)
    pad, at = PAD(*chance.uniform(-0.8, 0.8, 3)), START + timedelta(minutes=number)
    return Memory(str(number), "x", at, pad, 0.7, 0.5, np.ones(1, dtype=np.float32))


def branches(history: PlainHistory, agents: int, feelings: int = PENDING) -> list[Entry]:
    """One event of so many feelings for each of so many agents, journalled."""
    entries = []
    for number in range(agents):
        name = f"b{number}"
        history.rows[name] = Branch(name, name, "main", name, "root", None, 0, START)
        told = tuple(memory(1000 * number + one) for one in range(feelings))
        history.journal[name] = [Entry(Place(name, 1), START, Remembered(told))]
        entries += history.journal[name]
    return entries


def host_on(backend: str, history: PlainHistory, **mood: Any) -> QuantumStateHost:
    return QuantumStateHost(load({"mood": {"backend": backend, **mood}, "vault": {"snapshot_events": 1}}), history)


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> Gpus:
    found = Gpus(1)
    monkeypatch.setitem(sys.modules, "cupy", cupy_like(found))
    return found


def calls(host: QuantumStateHost, entries: list[Entry]) -> dict[str, Callable[[], object]]:
    """Every public call that computes."""
    place = entries[0].place
    asked = Feelings(place, np.array([(0.1, 0.2, 0.3)] * 40), np.full(40, 0.5))
    return {
        "apply": lambda: host.apply(entries),
        "whole": lambda: host.whole([("mood", place)]),
        "read": lambda: host.read([place]),
        "congruence": lambda: host.congruence([asked]),
        "marginals": lambda: host.marginals([place]),
        "tensors": lambda: host.tensors([place]),
        "fidelity": lambda: host.fidelity([(place, host.tensors([place])[0])]),
        "fork": lambda: host.fork([Sprout(place, "child")]),
        "pin": lambda: host.pin([place]),
        "ripen": lambda: host._ripen(place.branch),
        "status": host.status,
    }


NOT_COMPUTING = {"fork", "pin", "status"}


@pytest.mark.parametrize("name", ["cupy", "cuquantum"])
def test_every_call_runs_in_use_of_the_one_backend(
    gpus: Gpus, library: CuTensorNet, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Also the writing of snapshots, which another thread does, and the steps of quiet moments."""
    monkeypatch.setattr(ripening, "QUIET_S", 3600.0)
    history = KeepingHistory()
    entries = branches(history, 2)
    host = host_on(name, history, gpu_memory_limit_mb=64)
    host.status()
    outside: list[str] = []
    cupy = sys.modules["cupy"]
    asnumpy = cupy.asnumpy

    def watched(value: Any) -> Any:
        if engines._IN_USE.get() is None:
            outside.append(f"asnumpy in {threading.current_thread().name}")
        return asnumpy(value)

    def plain_engine(*_: object) -> None:
        outside.append("an engine that nobody opened")

    monkeypatch.setattr(cupy, "asnumpy", watched)
    monkeypatch.setattr(CupyEngine, "__init__", plain_engine)
    for call, make in calls(host, entries).items():
        gpus.log.clear()
        make()
        assert (f"push {call}" in gpus.log) == (call not in NOT_COMPUTING), call
        assert gpus.log.count("pop") == sum(line.startswith("push ") for line in gpus.log)
    assert host._clerk.wait(30.0)
    assert (host._clerk.failed, set(history.kept)) == (0, {entry.place for entry in entries})
    assert outside == []
    assert gpus.limits == [64 * MIB]
    assert library.created == (name == "cuquantum")
    host.close()
    assert library.destroyed == library.created


def test_the_backends_come_to_the_same_moods(library: CuTensorNet) -> None:
    answers = []
    for name in ("numpy", "cupy", "cuquantum"):
        history = PlainHistory()
        entries = branches(history, 1, 12)
        host = host_on(name, history)
        host.apply(entries)
        places = [entry.place for entry in entries]
        asked = [Feelings(places[0], np.array([(0.1, 0.2, 0.3)] * 3), np.full(3, 0.5))]
        answers.append((host.read(places)[0], host.congruence(asked)[0], host.tensors(places)[0]))
        here = host_on("numpy", history)
        assert here.fidelity([(places[0], answers[-1][2])])[0] > 1.0 - 1e-5
        assert host.fidelity([(places[0], answers[0][2])])[0] > 1.0 - 1e-5
        host.close()
    for mood, fits, _ in answers[1:]:
        assert np.allclose(mood.mean, answers[0][0].mean, atol=1e-5)
        assert mood.fidelity == pytest.approx(answers[0][0].fidelity, abs=1e-6)
        assert np.allclose(fits, answers[0][1], atol=1e-5)


@pytest.mark.parametrize("name", ["numpy", "cupy", "cuquantum"])
@pytest.mark.parametrize("used", [False, True])
def test_who_asks_after_close_has_another_backend_opened_that_is_closed_as_well(
    library: CuTensorNet, name: str, used: bool
) -> None:
    history = PlainHistory()
    entries = branches(history, 1, 1)
    host = host_on(name, history)
    before = host.read([entries[0].place]) if used else None
    first = host._views().backend if used else None
    host.close()
    host.close()
    assert first is None or first.closed
    assert library.created == library.destroyed == (used and name == "cuquantum")
    for make in calls(host, entries).values():
        make()
    second = host._views().backend
    assert second is not first
    open_till_then = not second.closed
    assert before is None or host.read([entries[0].place]) == before
    host.close()
    assert (open_till_then, second.closed) == (True, True)
    assert library.created == library.destroyed == (name == "cuquantum") * (1 + used)


def test_the_clerk_ends_before_the_backend(library: CuTensorNet, monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits to be written down when the host is closed is written on an open backend."""
    history = KeepingHistory()
    entries = branches(history, 3)
    host = host_on("cuquantum", history)
    begun, go_on = threading.Event(), threading.Event()
    keep = history.snapshot_keep

    def slowly(*args: Any) -> None:
        begun.set()
        assert go_on.wait(30.0)
        keep(*args)

    monkeypatch.setattr(history, "snapshot_keep", slowly)
    host.status()
    host.apply(entries)
    assert begun.wait(30.0)
    closing = threading.Thread(target=host.close)
    closing.start()
    go_on.set()
    closing.join(30.0)
    assert (host._clerk.failed, set(history.kept)) == (0, {entry.place for entry in entries})
    assert library.destroyed == 1


def test_a_fold_that_cannot_be_made_leaves_nothing_open(
    library: CuTensorNet, gpus: Gpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = PlainHistory()
    entries = branches(history, 1, 1)
    host = host_on("cuquantum", history, gpu_memory_limit_mb=64)
    with monkeypatch.context() as broken:
        broken.setattr(MoodFold, "__init__", lambda *_, **__: (_ for _ in ()).throw(OutOfMemoryError("no room")))
        raised = []  # whose tracebacks hold whatever was not closed
        for number in (1, 2):
            with pytest.raises(DeviceMemoryExceeded) as caught:
                host.apply(entries)
            raised.append(caught)
            assert (library.created, library.destroyed, gpus.limits) == (number, number, [0])
    host.apply(entries)
    assert host.read([entries[0].place])[0].fidelity > 0.999
    host.close()
    assert (library.created, library.destroyed) == (3, 3)


def test_a_backend_that_is_not_there_is_named_to_whoever_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "cupy" else 1 / 0)
    host = host_on("cuquantum", PlainHistory())
    for _ in range(2):
        with pytest.raises(MissingDependency, match="gpu-cu12"):
            host.status()
    host.close()


def test_where_the_gpu_is_full_all_that_is_kept_is_let_go(gpus: Gpus, monkeypatch: pytest.MonkeyPatch) -> None:
    history = PlainHistory()
    entries = branches(history, 1, 3)
    host = host_on("cupy", history)
    asked = [Feelings(entries[0].place, np.array([(0.1, 0.2, 0.3)]), np.ones(1))]
    fits = host.congruence(asked)[0]
    fold = host._views().fold
    assert len(fold._settled) == len(fold._kept._projectors) == 1
    with monkeypatch.context() as full:
        full.setattr(MoodFold, "congruences", lambda *_: (_ for _ in ()).throw(OutOfMemoryError("no room")))
        with pytest.raises(DeviceMemoryExceeded):
            host.congruence(asked)
    assert len(fold._settled) == len(fold._kept._projectors) == len(fold._kept._packets) == 0
    assert np.allclose(host.congruence(asked)[0], fits, atol=1e-6)
    assert gpus.limits == [0]
    host.close()


def test_what_may_be_resident_is_bounded_by_the_gpu_too(library: CuTensorNet) -> None:
    def limits(backend: str, **mood: int) -> tuple[int, int]:
        host = host_on(backend, PlainHistory(), **mood)
        moods = host._views()
        kept = (moods.fold._settled, moods.fold._kept._projectors, moods.fold._kept._packets)
        host.close()
        return moods.load.limit, sum(held._load.limit for held in kept if held._load is not None)

    whole = 100 * MIB
    assert sum(limits("numpy", resident_mb=100)) == whole
    assert limits("numpy", resident_mb=100)[1] == int(KEPT_SHARE * whole)
    assert limits("numpy", resident_mb=100, gpu_memory_limit_mb=64) == limits("numpy", resident_mb=100)
    assert sum(limits("cupy", resident_mb=100, gpu_memory_limit_mb=64)) == GPU_SHARE * 64 * MIB
    assert sum(limits("cupy", resident_mb=20, gpu_memory_limit_mb=64)) == 20 * MIB
    assert library.created == 0


def test_moods_over_their_bytes_are_let_go_and_come_back_the_same(caplog: pytest.LogCaptureFixture) -> None:
    """Warned of once, and never a failure."""
    history = PlainHistory()
    entries = branches(history, 20)
    host, seen = host_on("numpy", history, resident_mb=1), {}
    timeline = host._views().timeline
    with caplog.at_level(logging.WARNING):
        for entry in entries:
            host.apply([entry])
            while host._ripen(entry.place.branch):
                pass
            seen[entry.place] = timeline.at(entry.place)
            assert host.status()["bytes"] <= host.status()["bytes_limit"] == MIB * 3 // 4
    told = [record.getMessage() for record in caplog.records if "moods take" in record.getMessage()]
    assert len(told) == 1
    assert f"of the {MIB * 3 // 4} bytes" in told[0]
    assert sum(mood.state.nbytes for mood in seen.values()) > MIB, "the budget is smaller than what there is"
    assert host.status()["states"] < len(entries)
    for place, mood in seen.items():
        assert host.tensors([place]) == [host._views().fold.settled(mood).state.to_bytes()]
    assert timeline.at(entries[0].place) is not seen[entries[0].place]
    host.close()


def test_what_waits_is_worked_in_when_all_is_quiet_and_reads_the_same() -> None:
    """In a thread, under the host's lock; closing the host meanwhile stops it and waits for nothing."""
    history, fresh = PlainHistory(), PlainHistory()
    entries, same = branches(history, 6, 4 * PENDING), branches(fresh, 6, 4 * PENDING)
    host, other = host_on("numpy", history), host_on("numpy", fresh)
    timeline, until, step = host._views().timeline, time.monotonic() + 60.0, host._ripening._step

    def waits() -> bool:
        mood = timeline.held(entries[0].place)
        return mood is not None and len(mood.pending) >= PENDING

    def stepped(branch: BranchId) -> bool:
        while branch != entries[0].place.branch and not waits() and not host._ripening.closed:
            time.sleep(0.001)
        return step(branch)

    host._ripening._step = stepped
    host.apply(entries)
    while waits():
        assert time.monotonic() < until
        time.sleep(0.02)
    read = host.tensors([entries[0].place])
    host.close()
    assert any(len(timeline.at(one.place).pending) >= PENDING for one in entries), "the others were not waited for"
    assert read == other.tensors([same[0].place])
    other.close()


def test_forks_that_share_tensors_weigh_once() -> None:
    history = PlainHistory()
    (entry,) = branches(history, 1)
    host = host_on("numpy", history)
    host.tensors([entry.place])
    before = host.status()
    for number in range(50):
        history.rows[f"f{number}"] = Branch(f"f{number}", "b0", f"f{number}", "b0", "fork", "b0", 1, START)
        history.journal[f"f{number}"] = []
        host.fork([Sprout(entry.place, f"f{number}")])
    after = host.status()
    assert (after["states"], after["bytes"]) == (before["states"] + 50, before["bytes"])
    host.close()


def test_a_recall_of_many_forks_makes_one_projector_and_status_tells() -> None:
    history = PlainHistory()
    (entry,) = branches(history, 1, GROUP + 3)
    host = host_on("numpy", history)
    places = [entry.place]
    for number in range(9):
        name = f"f{number}"
        history.rows[name] = Branch(name, "b0", name, "b0", "fork", "b0", 1, START)
        history.journal[name] = []
        host.tensors([entry.place])
        host.fork([Sprout(entry.place, name)])
        places.append(Place(name, 1))
    chance = np.random.default_rng(3)
    asked = [Feelings(place, chance.uniform(-0.9, 0.9, (20, 3)), chance.uniform(0, 1, 20)) for place in places]
    together = host.congruence(asked)
    told = host.status()
    assert (told["projector_misses"], told["projector_hits"]) == (1, 0)
    one_by_one = [host.congruence([one])[0] for one in asked]
    assert all(np.allclose(a, b, atol=1e-6) for a, b in zip(together, one_by_one, strict=True))
    told = host.status()
    assert (told["projector_misses"], told["projector_hits"]) == (1, len(asked))
    host.read([entry.place])
    host.read([entry.place])
    told = host.status()
    assert (told["reading_misses"], told["reading_hits"]) == (1, 1)
    assert told["packet_misses"] == GROUP + 3
    assert told["settled_hits"] > 0
    assert set(told) >= {"pid", "states", "snapshots", "bytes", "bytes_limit", "settled_misses", "packet_hits"}
    host.close()


def test_a_mood_keeps_to_the_bytes_that_the_settings_give_it() -> None:
    history = PlainHistory()
    (entry,) = branches(history, 1, 12)
    tight, free = host_on("numpy", history, state_bytes=8192), host_on("numpy", history)
    small, full = tight.read([entry.place])[0], free.read([entry.place])[0]
    assert small.nbytes <= 8192 < full.nbytes
    assert small.fidelity < full.fidelity
    overlap = tight.fidelity([(entry.place, free.tensors([entry.place])[0])])[0]
    assert small.fidelity <= overlap + 1e-6
    for host in (tight, free):
        host.close()


def test_a_bad_setting_of_the_fold_reaches_whoever_asks() -> None:
    plain = load({})
    unchecked = plain.model_copy(update={"mood": plain.mood.model_copy(update={"learning_rate": 0.95})})
    host = QuantumStateHost(unchecked, PlainHistory())
    with pytest.raises(QuantumMemoryError, match="learning_rate"):
        host.status()


def test_who_asks_for_a_mood_keeps_the_quiet_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ripening, "QUIET_S", 0.3)
    history = PlainHistory()
    entries = branches(history, 2, 2 * PENDING)
    host = host_on("numpy", history)
    host.apply(entries)
    unread, until = entries[1].place, time.monotonic() + 1.5
    asked_s = time.monotonic()
    while time.monotonic() < until:
        mood = host._views().timeline.held(unread)
        if time.monotonic() - asked_s < 0.25:  # else this thread was kept from asking
            assert mood is not None
            assert len(mood.pending) == 2 * PENDING
        host.read([entries[0].place])
        asked_s = time.monotonic()
        time.sleep(0.02)
    host.close()


def test_a_quiet_moment_that_lacks_memory_lets_go_what_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ripening, "QUIET_S", 3600.0)
    history = PlainHistory()
    entries = branches(history, 1, 2 * PENDING)
    host = host_on("numpy", history)
    host.apply(entries)
    gone: list[bool] = []

    def short(*_: object) -> None:
        raise DeviceMemoryExceeded("cupy", 1, "of a test")

    monkeypatch.setattr(host._views().timeline, "ripen", short)
    monkeypatch.setattr(host, "let_go", lambda: gone.append(True))
    with pytest.raises(DeviceMemoryExceeded):
        host._ripen(entries[0].place.branch)
    assert gone == [True]
    host.close()
