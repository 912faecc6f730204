"""The neural field: the same by the same seed, better than a guess, written and read back."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from quantum_memory.errors import CorruptRecord, InvalidValue, MissingDependency, OutOfRange
from quantum_memory.memory.affect.dynamics import Steps, steps
from quantum_memory.memory.affect.dynamics.ode import NeuralDynamics, trained
from quantum_memory.types import PAD
from tests.unit.couples import system, talk

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def past() -> Steps:
    series = talk(system(), 80, 1)
    return steps(series, series.of_whom(["alice"]))


@pytest.fixture(scope="module")
def model(past: Steps) -> NeuralDynamics:
    return trained(past.part(0, 60), rounds=15, hidden=8)


def test_the_same_seed_gives_the_same_field(past: Steps, model: NeuralDynamics) -> None:
    again, other = (trained(past.part(0, 60), seed=seed, rounds=15, hidden=8) for seed in (0, 1))
    assert again.predicted(past) == pytest.approx(model.predicted(past), abs=1e-6)
    assert np.abs(other.predicted(past) - model.predicted(past)).max() > 1e-4


def test_it_foresees_better_than_the_mean_and_than_no_change(past: Steps, model: NeuralDynamics) -> None:
    held, known = past.part(60, len(past)), past.part(0, 60)
    away = [
        np.square(held.after - guess).mean() for guess in (model.predicted(held), known.after.mean(axis=0), held.before)
    ]
    assert away[0] < min(away[1:])


def test_it_is_surer_of_what_is_near(model: NeuralDynamics) -> None:
    now = PAD(0.1, 0.2, 0.3)
    near, far = (model.forecast(now, after_s) for after_s in (60.0, 1e5))
    assert all(one < two for one, two in zip(near.spread, far.spread, strict=True))
    assert np.asarray(near.pad) == pytest.approx(np.asarray(now), abs=0.1)
    assert model.forecast(now, 0.0).pad == now
    pushed = model.forecast(now, 600.0, [(300.0, PAD(1.0, 0.0, 0.0))])
    assert pushed.pad.pleasure > model.forecast(now, 600.0).pad.pleasure
    with pytest.raises(OutOfRange, match="heard"):
        model.forecast(now, 1.0, [(2.0, now)])


def test_what_is_written_reads_back(tmp_path: Path, past: Steps, model: NeuralDynamics) -> None:
    path = tmp_path / "field.safetensors"
    model.save(path)
    again = NeuralDynamics.load(path)
    assert again.predicted(past) == pytest.approx(model.predicted(past), abs=1e-7)
    assert again.log_likelihood(past) == pytest.approx(model.log_likelihood(past))
    whole = path.read_bytes()
    for spoilt in (b"", whole[:40], whole.replace(b"unit_s", b"unit_x")):
        path.write_bytes(spoilt)
        with pytest.raises(CorruptRecord, match=r"field\.safetensors"):
            NeuralDynamics.load(path)


def test_too_little_and_no_solver_are_named(past: Steps, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidValue, match="at least 32"):
        trained(past.part(0, 20))
    with pytest.raises(OutOfRange, match="rounds"):
        trained(past, rounds=0)
    monkeypatch.setitem(sys.modules, "torchdiffeq", None)
    with pytest.raises(MissingDependency, match=r"quantum-memory\[dynamics\]"):
        trained(past)
