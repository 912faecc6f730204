"""The PAD head: what its weights compute, how they are kept, and the script that trains them."""

from __future__ import annotations

import importlib.util
import json
import math
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.errors import CorruptRecord, InvalidValue, ShapeMismatch
from quantum_memory.memory.affect.head import LOG_VARIANCE, PadHead, load, packaged_head, save
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
def training() -> ModuleType:
    spec = importlib.util.spec_from_file_location("train_pad_head", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["train_pad_head"] = module  # where a dataclass looks its module up by name
    spec.loader.exec_module(module)
    return module


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
        label_mean=normal(3) / 10,
        label_scale=normal(3).exp() / 5,
        sigma_scale=normal(3).exp(),
    )


def slow_gaussian(head: PadHead, row: Floats) -> tuple[list[float], list[float]]:
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
    mean = np.mean(means, axis=0) * get["label_scale"] + get["label_mean"]
    return mean.tolist(), (np.sqrt(variance) * get["sigma_scale"] * get["label_scale"]).tolist()


@given(st.integers(0, 1000))
@settings(deadline=None, max_examples=30)
def test_the_batched_ensemble_is_its_networks_one_by_one(seed: int) -> None:
    head = random_head(seed)
    features = torch.randn(3, 2, 3, generator=torch.Generator().manual_seed(seed + 1))
    mean, sigma = head.gaussian(features)
    for row in range(3):
        slow_mean, slow_sigma = slow_gaussian(head, features[row].flatten().double().numpy())
        assert mean[row].tolist() == pytest.approx(slow_mean, rel=1e-4, abs=1e-4)
        assert sigma[row].tolist() == pytest.approx(slow_sigma, rel=1e-4)


@given(st.integers(0, 1000), st.floats(-1e4, 1e4))
@settings(deadline=None, max_examples=30)
def test_any_finite_features_give_a_pad_and_a_confidence(seed: int, size: float) -> None:
    head = random_head(seed)
    pad, confidence = head(torch.randn(4, 2, 3, generator=torch.Generator().manual_seed(seed)) * size)
    assert (pad.abs() <= 1.0).all()
    assert ((confidence >= 0.0) & (confidence <= 1.0)).all()


def test_confidence_is_none_for_neutral_and_rises_with_feeling_and_with_certainty() -> None:
    sigma = torch.full((5, 3), 0.2)
    mean = torch.zeros(5, 3)
    mean[:, 0] = torch.tensor([0.0, 0.1, 0.2, 0.4, 0.8])
    rising = PadHead.confidence(mean, sigma)
    assert rising[0] == 0.0
    assert (rising.diff() > 0).all()
    assert (PadHead.confidence(mean, sigma / 2)[1:] > rising[1:]).all()


def test_confidence_counts_ratings_nearer_to_the_feeling_than_to_neutral() -> None:
    mean, sigma = torch.tensor([[0.3, -0.1, 0.05]]), torch.tensor([[0.2, 0.1, 0.3]])
    ratings = mean + sigma * torch.randn(200_000, 3, generator=torch.Generator().manual_seed(0))
    nearer = ((ratings - mean) / sigma).norm(dim=1) < (ratings / sigma).norm(dim=1)
    assert float(nearer.float().mean()) == pytest.approx((1 + float(PadHead.confidence(mean, sigma)[0])) / 2, abs=0.005)


def test_features_of_another_shape_are_refused() -> None:
    with pytest.raises(ShapeMismatch, match="features"):
        random_head().gaussian(torch.zeros(1, 3, 2))


def test_a_head_comes_back_as_it_was_saved_to_half_precision(tmp_path: Path) -> None:
    head = random_head()
    save(head, tmp_path / "head.safetensors")
    back = load(tmp_path / "head.safetensors")
    assert (back.layers, back.width, back.encoder) == (head.layers, head.width, head.encoder)
    for name, value in vars(head).items():
        if torch.is_tensor(value):
            assert torch.allclose(getattr(back, name), value, rtol=1e-3, atol=1e-6), name
    assert torch.equal(back.label_mean, head.label_mean)
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
    with pytest.raises(CorruptRecord, match="quantum-memory-pad-head-1"):
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


def test_a_head_fits_only_the_encoder_it_was_trained_on() -> None:
    head = random_head()
    head.check_fits(2, 3, "e" * 64)
    with pytest.raises(InvalidValue, match="2 layers of width 4"):
        head.check_fits(2, 4, "e" * 64)
    with pytest.raises(InvalidValue, match="ffff"):
        head.check_fits(2, 3, "f" * 64)


def test_the_packaged_head_is_small_and_was_measured() -> None:
    assert packaged_head().stat().st_size < 5_000_000
    head = load(packaged_head())
    assert (head.layers, head.width) == (7, 384)
    metrics = json.loads((packaged_head().parent / "metrics.json").read_text(encoding="utf-8"))
    card = (packaged_head().parent / "MODEL_CARD.md").read_text(encoding="utf-8")
    for form, least in (("dev", (0.70, 0.55, 0.38)), ("dev_said", (0.68, 0.54, 0.38))):
        found = metrics[form]["pearson_r"]
        assert all(value > bound for value, bound in zip(found.values(), least, strict=True)), form
        for value in found.values():
            assert f"{value:.3f}" in card
    assert "CC BY-SA 4.0" in card


def test_training_learns_what_the_features_tell_and_knows_its_error(training: ModuleType) -> None:
    made = torch.Generator().manual_seed(0)
    features = torch.randn(1500, 2, 4, generator=made)
    truth = 0.2 * torch.tanh(features[:, 0, :3] + features[:, 1, :3])
    noise = torch.tensor([0.02, 0.1, 0.05])
    ratings = truth + noise * torch.randn(1500, 3, generator=made)
    recipe = training.Recipe(networks=2, units=32, input_dropout=0.0, hidden_dropout=0.0, learning_rate=1e-2, epochs=20)
    head = training.ensemble([training.Sample(features[:1000], ratings[:1000])], "f" * 64, recipe)
    report = training.measure(head, training.Sample(features[1000:], ratings[1000:]))
    assert report["pearson_r"]["pleasure"] > 0.9
    assert 0.7 < report["mean_squared_z"]["pleasure"] < 1.4
    assert 0.7 < report["mean_squared_z"]["arousal"] < 1.4
    _, sigma = head.gaussian(features[1000:])
    assert sigma[:, 1].mean() > sigma[:, 0].mean()


def test_training_twice_gives_the_same_weights(training: ModuleType) -> None:
    made = torch.Generator().manual_seed(0)
    sample = training.Sample(torch.randn(60, 2, 3, generator=made), torch.rand(60, 3, generator=made))
    recipe = training.Recipe(networks=2, units=4, epochs=2)
    first, second = (training.ensemble([sample], "f" * 64, recipe) for _ in range(2))
    for name, value in vars(first).items():
        if torch.is_tensor(value):
            assert torch.equal(value, getattr(second, name)), name


def test_a_text_kept_aside_is_kept_aside_in_all_its_forms(
    training: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    ratings = torch.rand(60, 3, generator=torch.Generator().manual_seed(0))
    plain = torch.arange(60.0)[:, None, None].expand(60, 2, 3)
    seen: list[tuple[Any, Any]] = []

    def note(train: Any, aside: Any, recipe: Any, seed: int) -> Any:
        seen.append((train, aside))
        return fit(train, aside, recipe, seed)

    fit = training.fit
    monkeypatch.setattr(training, "fit", note)
    recipe = training.Recipe(networks=1, units=4, epochs=1, kept_aside=0.2)
    training.ensemble([training.Sample(plain, ratings), training.Sample(plain, ratings)], "f" * 64, recipe)
    train, aside = (part.ratings for part in seen[0])
    assert (len(train), len(aside)) == (96, 24)
    texts, others = ({tuple(row) for row in part.tolist()} for part in (train, aside))
    assert (len(texts), len(others), len(texts & others)) == (48, 12, 0)


def test_names_to_learn_with_and_names_to_measure_with_differ(training: ModuleType) -> None:
    assert len(set(training.SPEAKERS)) == len(training.SPEAKERS) == 40
    assert not {name.lower() for name in training.SPEAKERS} & {name.lower() for name in training.STRANGERS}
