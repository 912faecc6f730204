"""Perception for many at once: the host as it is called inline, and its shell as an actor runs it, without Ray."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest

from quantum_memory.actors.emotion import EmotionHost, EmotionShell, Said
from quantum_memory.actors.perceivers import make_perceiver
from quantum_memory.actors.ports import LocalPort
from quantum_memory.errors import InvalidSettings, InvalidValue
from quantum_memory.memory.affect.engines.padded import Padded
from quantum_memory.memory.affect.perceiver import MiniLMPerceiver
from quantum_memory.settings import Settings, load
from quantum_memory.types import Percept

R = TypeVar("R")
SETTINGS: Settings = load({"perception": {"model": "hashing", "dim": 16}})
CALLS = [[Said(f"call {number} says {word}", "Ilka") for word in ("this", "that")] for number in range(30)]


def run(work: Coroutine[Any, Any, R]) -> R:
    return asyncio.run(asyncio.wait_for(work, 60.0))


def slow_percepts(said: Sequence[Said]) -> list[Percept]:
    """Each text perceived by itself, by the perceiver alone."""
    perceiver = make_perceiver(SETTINGS)
    return [perceiver.perceive([one.text], [one.speaker])[0] for one in said]


def assert_same(left: Sequence[Percept], right: Sequence[Percept]) -> None:
    assert [one.embedding.tobytes() for one in left] == [one.embedding.tobytes() for one in right]
    assert list(left) == list(right)


class Gate:
    """Holds a host's model until it is opened, and notes the batches that it is given."""

    def __init__(self, host: EmotionHost) -> None:
        self.batches: list[list[str]] = []
        self.begun, self._open, self._inner = threading.Event(), threading.Event(), host.read
        host.read = self  # type: ignore[method-assign]  # what it stands before is the real one

    def __call__(self, said: Sequence[Said]) -> list[Percept | Exception]:
        self.batches.append([one.text for one in said])
        self.begun.set()
        assert self._open.wait(30.0)
        return self._inner(said)

    async def begin(self) -> None:
        assert await asyncio.to_thread(self.begun.wait, 30.0)

    def open(self) -> None:
        self._open.set()


def test_calls_that_arrive_while_the_model_reads_are_read_together() -> None:
    async def work() -> tuple[list[list[Percept]], list[list[str]], dict[str, int]]:
        shell = EmotionShell(SETTINGS)
        gate = Gate(shell._host)
        calls = [asyncio.create_task(shell.perceive(CALLS[0]))]
        await gate.begin()
        calls += [asyncio.create_task(shell.perceive(call)) for call in CALLS[1:]]
        await asyncio.sleep(0)
        gate.open()
        answers = await asyncio.gather(*calls)
        assert await shell.perceive(CALLS[3]) == answers[3], "known by now"
        return answers, gate.batches, await shell.status()

    answers, batches, status = run(work())
    for call, answer in zip(CALLS, answers, strict=True):
        assert_same(answer, slow_percepts(call))
    assert [len(batch) for batch in batches] == [2, 58]
    assert (status["calls"], status["batches"], status["cache_hits"], status["mean_batch"]) == (31, 2, 2, 30)
    assert status["pid"] > 0


def test_the_host_alone_and_behind_a_port_answers_as_the_shell_does() -> None:
    async def inline() -> list[list[Percept]]:
        port = LocalPort(EmotionHost(SETTINGS), "emotion")
        return await asyncio.gather(
            *(port.scatter(EmotionHost.perceive, [one.text for one in call], call) for call in CALLS)
        )

    host = EmotionHost(SETTINGS)
    for call, answer in zip(CALLS, run(inline()), strict=True):
        assert_same(answer, host.perceive(call))
        assert_same(answer, slow_percepts(call))
    assert host.perceive([]) == []
    assert run(EmotionShell(SETTINGS).perceive([])) == []


def test_what_cannot_be_read_fails_for_its_caller_alone() -> None:
    wrong = [*CALLS[1], Said("look", None, b"an image, where nothing reads images")]

    async def work() -> list[Any]:
        shell = EmotionShell(SETTINGS)
        gate = Gate(shell._host)
        calls = [asyncio.create_task(shell.perceive(call)) for call in (CALLS[0], wrong, CALLS[2])]
        await gate.begin()
        gate.open()
        return await asyncio.gather(*calls, return_exceptions=True)

    before, error, after = run(work())
    assert_same(before, slow_percepts(CALLS[0]))
    assert_same(after, slow_percepts(CALLS[2]))
    assert isinstance(error, InvalidValue)
    host = EmotionHost(SETTINGS)
    with pytest.raises(InvalidValue, match="reads no images"):
        host.perceive(wrong)
    assert_same(host.perceive(CALLS[1]), slow_percepts(CALLS[1]))
    with pytest.raises(InvalidValue, match=r"texts\[0\]: expected a text, got int"):
        host.perceive([Said(3)])  # type: ignore[arg-type]  # that it is refused is the point


def test_a_cancelled_caller_leaves_and_what_only_it_wanted_is_not_read() -> None:
    async def work() -> tuple[list[Percept], list[list[str]], dict[str, int]]:
        shell = EmotionShell(SETTINGS)
        gate = Gate(shell._host)
        reading, gone, there = (asyncio.create_task(shell.perceive(call)) for call in CALLS[:3])
        await gate.begin()
        late = asyncio.create_task(shell.perceive([*CALLS[1], *CALLS[4]]))
        stays = asyncio.create_task(shell.perceive(CALLS[5]))
        await asyncio.sleep(0)
        for task in (reading, late):
            task.cancel()
        gate.open()
        assert_same(await gone, slow_percepts(CALLS[1]))
        assert_same(await there, slow_percepts(CALLS[2]))
        answer = await stays
        for task in (reading, late):
            with pytest.raises(asyncio.CancelledError):
                await task
        return answer, gate.batches, await shell.status()

    answer, batches, status = run(work())
    assert_same(answer, slow_percepts(CALLS[5]))
    assert batches[1:] == [[one.text for one in CALLS[5]]]
    assert status["waiting"] == 0


def test_a_model_that_cannot_be_loaded_is_told_to_everybody_who_asks(tmp_path: Path) -> None:
    there = tmp_path / "not yet"
    settings = load({"perception": {"model": str(there), "device": "cpu"}})

    async def work() -> list[Any]:
        shell = EmotionShell(settings)
        found = await asyncio.gather(*(shell.perceive(call) for call in CALLS[:4]), return_exceptions=True)
        with pytest.raises(InvalidValue, match=r"config\.json"):
            await shell.status()
        return [*found, *await asyncio.gather(shell.perceive(CALLS[0]), return_exceptions=True)]

    errors = run(work())
    assert len(errors) == 5
    assert all(isinstance(error, InvalidValue) for error in errors)
    host = EmotionHost(load({"perception": {"model": "hashing", "dim": 16, "cache": 0}}))
    assert len(host.perceive(CALLS[0])) == 2
    assert host.status()["cache_hits"] == 0


def test_the_engine_is_the_one_that_the_settings_name() -> None:
    perceiver = make_perceiver(load({"perception": {"engine": "transformers", "device": "cpu"}}))
    assert isinstance(perceiver, MiniLMPerceiver)
    assert isinstance(perceiver._encoder._engine, Padded)
    with pytest.raises(InvalidSettings, match=r"perception\.engine"):
        load({"perception": {"engine": "quick"}})


def test_a_host_whose_model_failed_is_not_stuck(monkeypatch: pytest.MonkeyPatch) -> None:
    host = EmotionHost(SETTINGS)
    made = host._perceiver

    def fails() -> None:
        raise InvalidSettings("settings", ["not today"])

    monkeypatch.setattr(host, "_perceiver", fails)
    with pytest.raises(InvalidSettings, match="not today"):
        host.perceive(CALLS[0])
    monkeypatch.setattr(host, "_perceiver", made)
    assert_same(host.perceive(CALLS[0]), slow_percepts(CALLS[0]))


class Forgetful:
    """A perceiver that breaks its law: of several texts it gives a percept too few."""

    dim = 16

    def __init__(self) -> None:
        self._inner = make_perceiver(SETTINGS)

    def perceive(self, texts: Sequence[str], speakers: Any = None, images: Any = None) -> list[Percept]:
        found = self._inner.perceive(texts, speakers, images)
        return found[:-1] if "lost" in texts else found


def test_nobody_waits_for_ever_for_what_a_perceiver_does_not_give(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> list[Any]:
        shell = EmotionShell(SETTINGS)
        monkeypatch.setattr(shell._host, "_perceiver", Forgetful)
        calls = (shell.perceive(CALLS[0]), shell.perceive([Said("lost"), Said("found")]), shell.perceive(CALLS[1]))
        return [*await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), 20.0)]

    before, error, after = run(work())
    assert isinstance(error, ValueError)
    assert_same(before, slow_percepts(CALLS[0]))
    assert_same(after, slow_percepts(CALLS[1]))
