"""A bucket lets no more through than its rate, in any window and through any lessees, and says when to ask again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantum_memory.cluster.service.limits.buckets import SLACK, Buckets, Rate
from quantum_memory.errors import NotFinite, OutOfRange

LAPSE_S = 2.0
ROUNDING = 1e-6
RATES = st.builds(Rate, st.floats(0.1, 1_000), st.floats(1, 1_000))
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["take", "lease", "spend", "return", "again"]),
        st.integers(0, 4),
        st.sampled_from([0.0, 0.0, 0.001, 0.1, 0.5, 1.0, 1.9, 2.0, 5.0]),
        st.floats(0.01, 1.0),
        st.floats(0.0, 2.0),
    ),
    max_size=60,
)


class Clock:
    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


class Lessee:
    """Spends of one lease at a time, as long as it does not lapse, counted from when it was asked for."""

    def __init__(self) -> None:
        self.lease, self.left, self.until_s, self.number = "", 0.0, 0.0, 0


@given(RATES, STEPS)
def test_no_window_lets_more_through_than_burst_and_rate(
    rate: Rate, steps: list[tuple[str, int, float, float, float]]
) -> None:
    clock = Clock()
    buckets = Buckets(clock, lapse_s=LAPSE_S)
    lessees = [Lessee() for _ in range(5)]
    spent: list[tuple[float, float]] = []
    for what, who, wait_s, share, more in steps:
        clock.now_s += wait_s
        lessee, cost = lessees[who], share * rate.burst
        if what == "take" and buckets.take("a", rate, cost) == 0.0:
            spent.append((clock.now_s, cost))
        elif what in ("lease", "again"):
            if what == "lease":  # else a call that is made again, as Ray does
                if lessee.lease:
                    buckets.give_back("a", lessee.lease, lessee.left)
                lessee.number += 1
                lessee.lease, lessee.left, lessee.until_s = f"{who}.{lessee.number}", -1.0, clock.now_s + LAPSE_S
            granted = buckets.lease("a", rate, lessee.lease or f"{who}.0", cost, more * rate.burst).tokens
            if lessee.left < 0:
                lessee.left = granted
        elif what == "spend" and clock.now_s < lessee.until_s and lessee.left > 0:
            part = lessee.left * share
            lessee.left -= part
            spent.append((clock.now_s, part))
        elif what == "return" and lessee.lease:
            buckets.give_back("a", lessee.lease, lessee.left)
            lessee.lease, lessee.left, lessee.until_s = "", 0.0, 0.0
    for first, (began_s, _) in enumerate(spent):
        through = 0.0
        for at_s, cost in spent[first:]:
            through += cost
            assert through <= (rate.burst + rate.per_s * (at_s - began_s)) * (1 + ROUNDING) + SLACK


@given(RATES, STEPS, st.floats(0.01, 1.0))
def test_who_asks_again_when_he_was_told_to_is_let_through(
    rate: Rate, steps: list[tuple[str, int, float, float, float]], needed: float
) -> None:
    clock = Clock()
    buckets = Buckets(clock, lapse_s=LAPSE_S)
    for number, (_, _, wait_s, share, more) in enumerate(steps):
        clock.now_s += wait_s
        buckets.lease("a", rate, str(number), share * rate.burst, more * rate.burst)
    wait_s = buckets.take("a", rate, needed * rate.burst)
    if wait_s:
        clock.now_s += wait_s / 2
        assert buckets.take("a", rate, needed * rate.burst) == pytest.approx(wait_s / 2)
        clock.now_s += wait_s / 2
        assert buckets.take("a", rate, needed * rate.burst) <= ROUNDING


def test_what_was_not_spent_comes_back_or_lapses() -> None:
    clock, rate = Clock(), Rate(1.0, 100.0)
    buckets = Buckets(clock, lapse_s=LAPSE_S)
    assert buckets.lease("a", rate, "1", 60.0, 60.0).tokens == 60.0
    assert buckets.lease("a", rate, "1", 60.0, 60.0).tokens == 60.0, "the same call again"
    assert buckets.take("a", rate, 60.0) == LAPSE_S + 20.0, "nothing comes in beside what is leased until that lapses"
    buckets.give_back("a", "1", 50.0)
    assert buckets.take("a", rate, 60.0) == 0.0
    buckets.give_back("a", "1", 50.0)
    assert buckets.take("a", rate, 60.0) == 30.0, "it came back once"
    clock.now_s += 60.0
    assert buckets.lease("a", rate, "2", 90.0, 90.0).tokens == 90.0
    clock.now_s += LAPSE_S
    buckets.give_back("a", "2", 90.0)
    assert buckets.take("a", rate, 2.0) == 0.0
    assert buckets.take("a", rate, 2.0) == 2.0, "what is late brings nothing"


def test_a_lease_leaves_something_for_others() -> None:
    clock, rate = Clock(), Rate(1.0, 100.0)
    buckets = Buckets(clock)
    assert [buckets.lease("a", rate, str(n), 1.0, 90.0).tokens for n in range(3)] == [25.0, 18.75, 14.0625]


def test_full_buckets_go_and_where_all_are_in_use_a_new_key_waits() -> None:
    clock, rate = Clock(), Rate(1.0, 10.0)
    buckets = Buckets(clock, most=2)
    assert buckets.take("a", rate, 4.0) == 0.0
    assert buckets.take("b", rate, 8.0) == 0.0
    assert buckets.take("c", rate, 1.0) == 4.0
    clock.now_s += 1.0
    assert buckets.take("a", rate, 5.0) == 0.0
    clock.now_s += 3.0
    assert buckets.take("c", rate, 1.0) == 4.0, "b is full before a is"
    clock.now_s += 4.0
    assert buckets.take("c", rate, 1.0) == 0.0
    assert len(buckets) == 2, "a, and what came in the place of b"
    clock.now_s += 1.0
    assert buckets.lease("b", rate, "1", 1.0, 1.0).tokens == 1.0
    assert len(buckets) == 1, "both were full"
    clock.now_s += 1.0
    assert buckets.take("d", rate, 1.0) == 0.0
    assert len(buckets) == 2, "b is leased of"
    clock.now_s += 100.0
    assert buckets.take("e", rate, 1.0) == 0.0
    assert len(buckets) == 1


def test_a_million_keys_take_no_more_room_than_was_given() -> None:
    clock, rate = Clock(), Rate(100.0, 10.0)
    buckets = Buckets(clock, most=100)
    let_through = 0
    for number in range(20_000):
        clock.now_s += 0.0005
        let_through += buckets.take(f"caller {number}", rate, 1.0) == 0.0
        assert len(buckets) <= 100
    assert let_through == 20_000, "each is full again after 0.01 s, which is 20 keys"


def test_another_rate_holds_from_the_next_call_on() -> None:
    clock = Clock()
    buckets = Buckets(clock)
    assert buckets.take("a", Rate(1.0, 10.0), 2.0) == 0.0
    assert buckets.take("a", Rate(2.0, 4.0), 4.0) == 0.0
    assert buckets.take("a", Rate(2.0, 4.0), 4.0) == 2.0
    assert buckets.take("a", Rate(4.0, 400.0), 4.0) == 1.0


def test_what_no_bucket_ever_holds_is_refused_for_good() -> None:
    buckets = Buckets(Clock())
    with pytest.raises(OutOfRange):
        buckets.take("a", Rate(1.0, 4.0), 5.0)
    with pytest.raises(OutOfRange):
        buckets.lease("a", Rate(1.0, 4.0), "1", -1.0, 1.0)
    with pytest.raises(NotFinite):
        buckets.take("a", Rate(1.0, 4.0), float("nan"))
