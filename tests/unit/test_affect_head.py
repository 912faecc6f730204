"""The PAD head: what its weights compute, how they are kept, and the script that trains them."""

from __future__ import annotations

import importlib
import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.errors import CorruptRecord, InvalidValue, ShapeMismatch
from quantum_memory.memory.affect.calibration import Calibration
from quantum_memory.memory.affect.head import LOG_VARIANCE, PadHead, load, packaged_head, save
from quantum_memory.memory.affect.second import packaged_second
from quantum_memory.types import Floats

SCRIPT = Path(__file__).parents[2] / "training" / "train_pad_head.py"


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Small products on several threads of a busy machine take many times longer."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def training() -> Iterator[ModuleType]:
    """The script, which finds its siblings as it does when it is run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(SCRIPT.parent))
        yield importlib.import_module("train_pad_head")


def random_head(seed: int = 0, layers: int = 2, width: int = 3, networks: int = 4, units: int = 5) -> PadHead:
    made = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=made)

    return PadHead(
        layers=layers,
        width=width,
        encoder="e" * 64,
        shift=normal(layers * width),
        scale=normal(layers * width).exp(),
        hidden=normal(layers * width, networks * units),
        hidden_bias=normal(networks * units),
        out=normal(networks, units, 6),
        out_bias=normal(networks, 6),
        calibration=Calibration(
            label_mean=normal(3) / 10,
            label_scale=normal(3).exp() / 5,
            center=normal(3) / 10,
            stretch=normal(3).exp(),
            sigma_scale=normal(3).exp(),
            interval=normal(3).exp(),
        ),
    )


def slow_expectations(head: PadHead, row: Floats) -> tuple[list[float], list[float]]:
    """One row, network by network, in plain double precision."""
    get = {name: np.asarray(value, dtype=np.float64) for name, value in vars(head).items() if torch.is_tensor(value)}
    networks, units, _ = get["out"].shape
    x = (row - get["shift"]) / get["scale"]
    means, variances = [], []
    for k in range(networks):
        part = slice(k * units, (k + 1) * units)
        z = x @ get["hidden"][:, part] + get["hidden_bias"][part]
        on = np.array([0.5 * v * (1.0 + math.erf(v / math.sqrt(2.0))) for v in z])
        named = on @ get["out"][k] + get["out_bias"][k]
        means.append(named[:3])
        variances.append(np.exp(np.clip(named[3:], *LOG_VARIANCE)))
    variance = np.mean(variances, axis=0) + np.var(means, axis=0)
    return np.mean(means, axis=0).tolist(), variance.tolist()


@given(st.integers(0, 1000))
@settings(deadline=None, max_examples=30)
def test_the_batched_ensemble_is_its_networks_one_by_one(seed: int) -> None:
    head = random_head(seed)
    features = torch.randn(3, 2, 3, generator=torch.Generator().manual_seed(seed + 1))
    mean, variance = head.expectations(features)
    for row in range(3):
        slow_mean, slow_variance = slow_expectations(head, features[row].flatten().double().numpy())
        assert mean[row].tolist() == pytest.approx(slow_mean, rel=1e-4, abs=1e-4)
        assert variance[row].tolist() == pytest.approx(slow_variance, rel=1e-4)


@given(st.integers(0, 1000), st.floats(-1e4, 1e4))
@settings(deadline=None, max_examples=30)
def test_any_finite_features_give_a_feeling(seed: int, size: float) -> None:
    head = random_head(seed)
    features = torch.randn(4, 2, 3, generator=torch.Generator().manual_seed(seed)) * size
    # Whatever is out of bounds is refused by Feeling and PAD.
    assert len(head.feelings(features)) == 4


def test_features_of_another_shape_are_refused() -> None:
    with pytest.raises(ShapeMismatch, match="features"):
        random_head().expectations(torch.zeros(1, 3, 2))


def test_a_head_comes_back_as_it_was_saved_to_half_precision(tmp_path: Path) -> None:
    head = random_head()
    save(head, tmp_path / "head.safetensors")
    back = load(tmp_path / "head.safetensors")
    assert (back.layers, back.width, back.encoder) == (head.layers, head.width, head.encoder)
    for name, value in vars(head).items():
        if torch.is_tensor(value):
            assert torch.allclose(getattr(back, name), value, rtol=1e-3, atol=1e-6), name
    for name in Calibration.NAMES:
        assert torch.equal(getattr(back.calibration, name), getattr(head.calibration, name)), name
    save(back, tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == (tmp_path / "head.safetensors").read_bytes()


def test_files_that_hold_no_head_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match="nowhere"):
        load(tmp_path / "nowhere")
    noise = tmp_path / "noise"
    noise.write_bytes(b"\xff" * 100)
    with pytest.raises(CorruptRecord, match="noise"):
        load(noise)
    from safetensors.torch import save_file

    other = tmp_path / "other"
    save_file({"weight": torch.zeros(2)}, other)
    with pytest.raises(CorruptRecord, match="quantum-memory-pad-head-2"):
        load(other)
    lost = tmp_path / "lost"
    save(random_head(), lost)
    lost.write_bytes(lost.read_bytes().replace(b"width", b"wodth"))
    with pytest.raises(CorruptRecord, match="wodth"):
        load(lost)
    bent = tmp_path / "bent"
    save(replace(random_head(), hidden=torch.zeros(6, 7)), bent)
    with pytest.raises(CorruptRecord, match=r"hidden has the shape \(6, 7\), expected \(6, 20\)"):
        load(bent)
    crooked = replace(random_head().calibration, stretch=torch.ones(2))
    save(replace(random_head(), calibration=crooked), bent)
    with pytest.raises(CorruptRecord, match=r"stretch has the shape \(2,\), expected \(3,\)"):
        load(bent)


def test_a_head_fits_only_the_encoder_it_was_trained_on() -> None:
    head = random_head()
    head.check_fits(2, 3, "e" * 64)
    with pytest.raises(InvalidValue, match="2 layers of width 4"):
        head.check_fits(2, 4, "e" * 64)
    with pytest.raises(InvalidValue, match="ffff"):
        head.check_fits(2, 3, "f" * 64)


def test_the_packaged_weights_are_small_and_were_measured() -> None:
    assert packaged_head().stat().st_size < 10_000_000
    assert packaged_second().stat().st_size < 60_000_000
    head = load(packaged_head())
    assert (head.layers, head.width) == (7, 384)
    metrics = json.loads((packaged_head().parent / "metrics.json").read_text(encoding="utf-8"))
    card = (packaged_head().parent / "MODEL_CARD.md").read_text(encoding="utf-8")
    bounds = {"dev": (0.70, 0.55, 0.38), "dev_said": (0.68, 0.54, 0.38), "dev_accurate": (0.73, 0.56, 0.40)}
    for form, least in bounds.items():
        found = metrics[form]["pearson_r"]
        assert all(value > bound for value, bound in zip(found.values(), least, strict=True)), form
        for axis, value in found.items():
            assert f"{value:.3f}" in card
            assert abs(metrics[form]["concordance"][axis] - value) < 0.01, (form, axis)
            assert 0.76 <= metrics[form]["in_interval_of_80_percent"][axis] <= 0.84, (form, axis)
    assert "CC BY-SA 4.0" in card


def test_training_learns_what_the_features_tell_and_knows_its_error(training: ModuleType) -> None:
    made = torch.Generator().manual_seed(0)
    features = torch.randn(1500, 2, 4, generator=made)
    truth = 0.2 * torch.tanh(features[:, 0, :3] + features[:, 1, :3])
    ratings = truth + torch.tensor([0.02, 0.1, 0.05]) * torch.randn(1500, 3, generator=made)
    recipe = training.Recipe(networks=2, units=32, input_dropout=0.0, hidden_dropout=0.0, learning_rate=1e-2, epochs=20)
    labels = training.Labels.of(ratings[:1000])
    wanted = labels.standard(ratings[:1000])
    lesson = training.Lesson([features[:1000]], wanted, wanted)
    mean, variance = training.in_folds(lesson, training.folds(1000, 4, 0), recipe, 0)
    calibration = Calibration.fitted(mean, variance, ratings[:1000], labels.mean, labels.scale)
    mean, variance = training.ensemble(lesson, "f" * 64, recipe, 0).expectations(features[1000:])
    report = training.measure(mean, variance, calibration, ratings[1000:])
    assert report["pearson_r"]["pleasure"] > 0.9
    assert all(0.75 < held < 0.85 for held in report["in_interval_of_80_percent"].values())
    assert variance[:, 1].mean() > 2.0 * variance[:, 0].mean()


def test_training_twice_gives_the_same_weights(training: ModuleType) -> None:
    made = torch.Generator().manual_seed(0)
    features, ratings = torch.randn(60, 2, 3, generator=made), torch.randn(60, 3, generator=made)
    lesson = training.Lesson([features], ratings, ratings)
    recipe = training.Recipe(networks=2, units=4, epochs=2)
    first, second = (training.ensemble(lesson, "f" * 64, recipe, 0) for _ in range(2))
    for name, value in vars(first).items():
        if torch.is_tensor(value):
            assert torch.equal(value, getattr(second, name)), name


def test_a_fold_is_judged_by_networks_that_have_not_learned_it_in_any_form(training: ModuleType) -> None:
    """Features that name their text and nothing else: what is learned tells nothing of the others."""
    count = 60
    own = torch.eye(count).reshape(count, 1, count)
    ratings = torch.randn(count, 3, generator=torch.Generator().manual_seed(0))
    recipe = training.Recipe(
        networks=1, units=64, input_dropout=0.0, hidden_dropout=0.0, learning_rate=1e-2, epochs=60, batch=12
    )
    lesson = training.Lesson([own, own], ratings, ratings)
    learned, _ = training.ensemble(lesson, "f" * 64, recipe, 0).expectations(own)
    judged, _ = training.in_folds(lesson, training.folds(count, 5, 0), recipe, 0)
    assert training.correlation(learned, ratings).min() > 0.95
    assert training.correlation(judged, ratings).max() < 0.5


@given(st.integers(10, 400), st.integers(2, 7), st.integers(0, 99))
@settings(deadline=None, max_examples=30)
def test_folds_are_of_equal_size(training: ModuleType, count: int, number: int, seed: int) -> None:
    sizes = training.folds(count, number, seed).bincount(minlength=number)
    assert sizes.sum() == count
    assert sizes.max() - sizes.min() <= 1


def test_names_to_learn_with_and_names_to_measure_with_differ(training: ModuleType) -> None:
    assert len(set(training.SPEAKERS)) == len(training.SPEAKERS) == 40
    assert not {name.lower() for name in training.SPEAKERS} & {name.lower() for name in training.STRANGERS}
