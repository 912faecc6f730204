"""A model's outputs as feelings: mixtures row by row, regression on its scale, and what is refused."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from quantum_memory.errors import CorruptRecord, InvalidValue, NotFinite, OutOfRange, UnknownLabels
from quantum_memory.memory.affect.emotions import EMOTIONS, WIDTH
from quantum_memory.memory.affect.readout import Kind, Reading, Readout
from quantum_memory.types import NEUTRAL, PAD, Floats

NAMES = ("anger", "joy", "sadness", "fear")
POINTS = np.array([np.asarray(EMOTIONS[name]) for name in NAMES])
LOGITS = arrays(np.float64, (3, len(NAMES)), elements=st.floats(-30, 30))


def readout(kind: Kind = "single", labels: tuple[str, ...] = NAMES, **reading: Any) -> Readout:
    return Readout(labels, None, Reading(kind=kind, **reading), "m")


@settings(deadline=None)
@given(LOGITS)
def test_a_softmax_is_a_mixture(logits: Floats) -> None:
    """The slow twin: one row, one label at a time."""
    made = readout()
    for row, feeling in zip(logits, made.feelings(made.moments(logits)), strict=True):
        odds = [np.exp(value - row.max()) for value in row]
        shares = [one / sum(odds) for one in odds]
        mean = sum(share * point for share, point in zip(shares, POINTS, strict=True))
        between = sum(share * (point - mean) ** 2 for share, point in zip(shares, POINTS, strict=True))
        assert np.asarray(feeling.pad) == pytest.approx(mean, abs=1e-12)
        assert feeling.spread == pytest.approx(np.sqrt(between + WIDTH**2), abs=1e-9)


@settings(deadline=None)
@given(LOGITS)
def test_sigmoids_leave_a_share_to_none_of_the_labels(logits: Floats) -> None:
    made = readout("multi")
    for row, feeling in zip(logits, made.feelings(made.moments(logits)), strict=True):
        likely = [1.0 / (1.0 + np.exp(-value)) for value in row]
        none = float(np.prod([1.0 - one for one in likely]))
        total = sum(likely) + none
        mean = sum(one / total * point for one, point in zip(likely, POINTS, strict=True))
        square = sum(one / total * (point**2 + WIDTH**2) for one, point in zip(likely, POINTS, strict=True))
        assert np.asarray(feeling.pad) == pytest.approx(mean, abs=1e-9)
        assert feeling.spread == pytest.approx(np.sqrt(square + none / total * WIDTH**2 - mean**2), abs=1e-6)


def test_where_no_label_holds_nothing_is_felt_and_where_one_does_it_alone() -> None:
    made = readout("multi")
    none, joy = made.feelings(made.moments(np.array([[-40.0] * 4, [-40.0, 40.0, -40.0, -40.0]])))
    assert np.asarray(none.pad) == pytest.approx(np.asarray(NEUTRAL), abs=1e-12)
    assert none.confidence < 1e-9
    assert np.asarray(joy.pad) == pytest.approx(np.asarray(EMOTIONS["joy"]), abs=1e-12)


def test_doubt_between_far_labels_widens_the_spread_and_spread_scales_it() -> None:
    sure, torn = readout().feelings(readout().moments(np.array([[0.0, 50.0, 0.0, 0.0], [50.0, 50.0, 0.0, 0.0]])))
    assert torn.spread[0] > 3 * sure.spread[0]
    wide = readout(spread=2.0)
    (again,) = wide.feelings(wide.moments(np.array([[0.0, 50.0, 0.0, 0.0]])))
    assert again.spread == pytest.approx([2 * one for one in sure.spread])


@settings(deadline=None)
@given(arrays(np.float64, (2, 3), elements=st.floats(-100, 100)))
def test_a_regression_head_names_the_point_on_its_scale(outputs: Floats) -> None:
    made = Readout(("LABEL_0", "LABEL_1", "LABEL_2"), "regression", Reading(scale=(1.0, 5.0)), "m")
    for row, feeling in zip(outputs, made.feelings(made.moments(outputs)), strict=True):
        assert np.asarray(feeling.pad) == pytest.approx(np.clip((row - 3.0) / 2.0, -1.0, 1.0), abs=1e-9)
        assert feeling.spread == pytest.approx([WIDTH] * 3, abs=1e-6)


def test_axes_are_found_by_their_names_and_one_that_is_not_read_is_wide() -> None:
    made = Readout(("Arousal", "valence"), None, Reading(), "m")
    assert made.kind == "regression"
    (feeling,) = made.feelings(made.moments(np.array([[0.25, -0.5]])))
    assert (feeling.pad.pleasure, feeling.pad.arousal, feeling.pad.dominance) == (-0.5, 0.25, 0.0)
    assert feeling.spread[2] > feeling.spread[0] == pytest.approx(WIDTH)


@pytest.mark.parametrize(
    ("problem", "labels", "kind"),
    [
        ("multi_label_classification", NAMES, "multi"),
        ("single_label_classification", NAMES, "single"),
        (None, NAMES, "single"),
        (None, ("V", "A", "D"), "regression"),
        (None, ("negative", "neutral", "positive"), "single"),
        ("regression", ("LABEL_0", "LABEL_1", "LABEL_2"), "regression"),
    ],
)
def test_what_the_outputs_are_is_told_by_the_configuration(
    problem: str | None, labels: tuple[str, ...], kind: str
) -> None:
    config = SimpleNamespace(num_labels=len(labels), id2label=dict(enumerate(labels)), problem_type=problem)
    assert Readout.of(config, Reading(), "m").kind == kind


def test_what_cannot_be_read_is_refused() -> None:
    with pytest.raises(UnknownLabels, match="LABEL_0"):
        readout(labels=("LABEL_0", "LABEL_1"))
    with pytest.raises(UnknownLabels, match="LABEL_0"):
        readout("regression", labels=("LABEL_0", "LABEL_1"))
    with pytest.raises(UnknownLabels, match="'joy'"):
        readout("regression", labels=("valence", "arousal", "joy"))
    with pytest.raises(UnknownLabels, match="'v', 'valence'"):
        readout("regression", labels=("v", "valence"))
    with pytest.raises(CorruptRecord, match=r"no finite number.*float32"):
        readout().moments(np.array([[0.0, np.nan, 0.0, 0.0]]))
    with pytest.raises(CorruptRecord, match="for 4 labels"):
        readout().moments(np.zeros((1, 3)))
    with pytest.raises(InvalidValue, match="kind"):
        Reading(kind="some")  # type: ignore[arg-type]  # what settings would refuse
    with pytest.raises(InvalidValue, match="scale"):
        Reading(scale=(1.0, 1.0))
    with pytest.raises(NotFinite, match="scale"):
        Reading(scale=(float("nan"), 1.0))
    with pytest.raises(OutOfRange, match="spread"):
        Reading(spread=0.0)


def test_the_outputs_of_a_regression_head_can_be_told_by_their_axis() -> None:
    told = {"LABEL_1": "Valence", "LABEL_0": "dominance"}
    turned = Readout(["LABEL_0", "LABEL_1"], "regression", Reading(labels=told), "m")
    (one,) = turned.feelings(turned.moments(np.array([[0.25, -0.5]])))
    assert one.pad == PAD(-0.5, 0.0, 0.25)
    assert one.spread[1] > one.spread[0] == pytest.approx(WIDTH) == pytest.approx(one.spread[2])
    for wrong, message in (({"LABEL_0": "joy"}, "dominance"), ({"LABEL_7": "valence"}, "labels of m")):
        with pytest.raises(InvalidValue, match=message):
            Readout(["LABEL_0"], "regression", Reading(labels=wrong), "m")


def test_a_configuration_that_names_no_label_for_an_output_is_refused() -> None:
    config = SimpleNamespace(num_labels=2, id2label={1: "joy", 2: "anger"}, problem_type=None)
    with pytest.raises(CorruptRecord, match="output 0"):
        Readout.of(config, Reading(), "m")
