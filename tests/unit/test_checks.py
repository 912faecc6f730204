"""Checks that many modules share: what passes, and what is refused by name."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantum_memory.checks import distinct, whole
from quantum_memory.errors import InvalidValue, OutOfRange, QuantumMemoryError


@given(st.integers(), st.integers(), st.integers())
def test_a_whole_number_passes_within_its_limits_alone(value: int, low: int, high: int) -> None:
    if low <= value <= high:
        assert whole("n", value, low, high) == value
    else:
        with pytest.raises(OutOfRange):
            whole("n", value, low, high)


@pytest.mark.parametrize("value", [True, 1.0, "1", None, math.nan, [1], np.float64(1)])
def test_nothing_else_is_a_whole_number(value: object) -> None:
    with pytest.raises(InvalidValue, match="a whole number"):
        whole("n", value, 0, 2)


def test_whole_numbers_of_numpy_come_back_as_pythons() -> None:
    assert type(whole("n", np.uint8(3), 0, 3)) is int
    assert distinct("sites", np.array([2, 0]), 3) == (2, 0)


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ([], InvalidValue),
        ([1, 1], InvalidValue),
        ([0, 3], OutOfRange),
        ([-1], OutOfRange),
        (1, InvalidValue),
        (None, InvalidValue),
        ("01", InvalidValue),
        ({0, 1}, InvalidValue),
        (np.array(1), InvalidValue),
        (np.array([[0, 1]]), InvalidValue),
        (np.array([0.0, 1.0]), InvalidValue),
    ],
)
def test_sites_are_a_sequence_of_different_ones_that_are_there(values: object, error: type[QuantumMemoryError]) -> None:
    with pytest.raises(error, match="sites"):
        distinct("sites", values, 3)
