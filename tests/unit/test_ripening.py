"""What views left for later is done in quiet moments, and never in the way of a call."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable

import pytest

from quantum_memory.actors import ripening
from quantum_memory.actors.ripening import Ripening


def wait_until(what: Callable[[], object], limit_s: float = 10.0) -> None:
    until = time.monotonic() + limit_s
    while not what():
        assert time.monotonic() < until
        time.sleep(0.005)


def test_steps_are_done_branch_by_branch_until_none_is_left() -> None:
    left = Counter({"a": 5, "b": 2})
    done: list[str] = []

    def step(branch: str) -> bool:
        if not left[branch]:
            return False
        left[branch] -= 1
        done.append(branch)
        return True

    ripe = Ripening("test", step)
    ripe.asked(["a", "b"])
    wait_until(lambda: sum(left.values()) == 0)
    assert sorted(done) == ["a"] * 5 + ["b"] * 2
    assert done[:4] == ["a", "b", "a", "b"], "by turns, so that none waits for all of another's"
    ripe.close()


def test_nothing_is_done_while_calls_come() -> None:
    began: list[float] = []

    def step(_: str) -> bool:
        began.append(time.monotonic())
        return False

    ripe = Ripening("test", step)
    ripe.asked(["a"])
    last = time.monotonic()
    for _ in range(8):
        time.sleep(ripening.QUIET_S / 4)
        last = time.monotonic()
        ripe.asked()
    wait_until(lambda: began)
    assert began[0] - last >= ripening.QUIET_S * 0.99
    ripe.close()


def test_a_step_that_fails_takes_no_other_along() -> None:
    done = threading.Event()

    def step(branch: str) -> bool:
        if branch == "a":
            raise ValueError(branch)
        done.set()
        return False

    ripe = Ripening("test", step)
    ripe.asked(["a", "b"])
    assert done.wait(10.0)
    ripe.close()


def test_after_closing_no_step_begins() -> None:
    begun: list[str] = []

    def step(branch: str) -> bool:
        begun.append(branch)
        return False

    ripe = Ripening("test", step)
    ripe.asked(["a"])
    ripe.close()
    ripe.asked(["b"])
    time.sleep(2 * ripening.QUIET_S)
    assert (begun, ripe.closed) == ([], True)


def test_the_thread_ends_when_there_is_nothing_to_do_and_comes_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ripening, "IDLE_S", 0.05)
    done: list[str] = []

    def step(branch: str) -> bool:
        done.append(branch)
        return False

    ripe = Ripening("test-ripening-ends", step)
    for name in ("a", "b"):
        ripe.asked([name])
        wait_until(lambda: done[-1:] == [name])  # noqa: B023  (waited for here)
        wait_until(lambda: not [one for one in threading.enumerate() if one.name == "test-ripening-ends"])
    ripe.close()
