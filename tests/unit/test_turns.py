"""Writes keep the order in which their calls arrived."""

from __future__ import annotations

import asyncio
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.actors.turns import Turns


@given(st.lists(st.sets(st.sampled_from("abc"), min_size=1), min_size=1, max_size=12), st.integers(0, 2**16))
@settings(max_examples=50, deadline=None)
def test_each_queue_is_served_in_order_of_arrival(wants: list[set[str]], seed: int) -> None:
    chance = random.Random(seed)
    served: list[int] = []

    async def one(turns: Turns, number: int, keys: set[str]) -> None:
        turn = turns.take(sorted(keys))
        for _ in range(chance.randrange(4)):
            await asyncio.sleep(0)
        if chance.random() < 0.2:
            turn.give_back()
            return
        async with turn:
            await asyncio.sleep(0)
            served.append(number)

    async def everybody() -> int:
        turns = Turns()
        await asyncio.wait_for(asyncio.gather(*(one(turns, i, keys) for i, keys in enumerate(wants))), 10)
        for _ in wants:  # one that was given back leaves when those before it have left, a step of the loop later
            await asyncio.sleep(0)
        return len(turns)

    assert asyncio.run(everybody()) == 0, "an empty queue is not kept"
    for key in "abc":
        order = [number for number in served if key in wants[number]]
        assert order == sorted(order)


def test_a_turn_given_back_early_does_not_let_others_jump_the_queue() -> None:
    async def scene() -> list[str]:
        turns, seen = Turns(), []
        first, second, third = turns.take("x"), turns.take("x"), turns.take("x")

        async def use_third() -> None:
            async with third:
                seen.append("third")

        waiting = asyncio.create_task(use_third())
        second.give_back()
        await asyncio.sleep(0)
        async with first:
            await asyncio.sleep(0)
            seen.append("first")
        await asyncio.wait_for(waiting, 5)
        return seen

    assert asyncio.run(scene()) == ["first", "third"]


def test_a_cancelled_wait_leaves_the_queue() -> None:
    async def scene() -> None:
        turns = Turns()
        first = turns.take("x")

        async def wait() -> None:
            async with turns.take("x"):
                pytest.fail("the first turn is not over")

        task = asyncio.create_task(wait())
        await asyncio.sleep(0)
        last = turns.take("x")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with first:
            pass
        async with asyncio.timeout(5):
            async with last:
                pass
        assert len(turns) == 0

    asyncio.run(scene())
