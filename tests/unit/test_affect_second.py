"""The second encoder: changes in 8 bits on the packaged weights, and a blend with the head."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.errors import CorruptRecord, InvalidValue
from quantum_memory.memory.affect.calibration import Calibration
from quantum_memory.memory.affect.encoder import Encoder, packaged_model
from quantum_memory.memory.affect.second import Second, load, packaged_second, save
from tests.unit.test_perceiver import write_tiny_bert

TRAINING = Path(__file__).parents[2] / "training"
TEXTS = ["good day", "a bad day", "bad", "g o o d", "x y z good day bad day"]


@pytest.fixture(scope="module")
def training() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(TRAINING))
        yield importlib.import_module("train_pad_head")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_bert(tmp_path_factory.mktemp("second") / "model")


def random_second(seed: int = 0) -> Second:
    dice = torch.Generator().manual_seed(seed)
    changes = {
        "layer.0.weight": torch.randn(5, 7, generator=dice) * 0.01,
        "layer.0.bias": torch.randn(5, generator=dice) * 0.01,
        "layer.1.weight": torch.zeros(2, 3),
    }
    readout = torch.randn(12, 3, generator=dice)
    return Second("e" * 64, changes, readout, torch.randn(3, generator=dice), torch.rand(3), Calibration.none())


@given(st.integers(0, 500))
@settings(deadline=None, max_examples=20)
def test_changes_come_back_to_half_a_step_of_their_row(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    path = tmp_path_factory.mktemp("changes") / "second.safetensors"
    second = random_second(seed)
    save(second, path)
    back = load(path)
    assert (back.encoder, set(back.changes)) == (second.encoder, set(second.changes))
    for name, change in second.changes.items():
        step = change.abs().amax(dim=-1, keepdim=True) / 127.0
        assert ((back.changes[name] - change).abs() <= 0.51 * step + 1e-9).all(), name
    for name in ("readout", "readout_bias", "blend"):
        assert torch.equal(getattr(back, name), getattr(second, name))
    again = path.with_name("again")
    save(back, again)
    assert again.read_bytes() == path.read_bytes()


def test_what_the_training_tuned_is_what_the_encoder_reads(training: ModuleType, tiny: Path, tmp_path: Path) -> None:
    """The network that was trained, and the same as it is shipped: in 8 bits, through the encoder's windows."""
    fine_tuning = importlib.import_module("fine_tuning")
    tuner = fine_tuning.Tuner(tiny, fine_tuning.Schedule(epochs=6, learning_rate=0.01, tokens=32))
    wanted = torch.tensor([[1.0, 0.0, 0.5], [-1.0, 0.0, 0.0], [-1.5, 0.5, 0.0], [1.2, 0.0, 0.0], [0.0, 0.2, -0.5]])
    reader = tuner.tune(TEXTS, wanted, 100, "reader")
    tensors = training.second_tensors([reader.state_dict()], tiny)
    base = Encoder(tiny)
    second = Second(
        base.fingerprint,
        {name: change for name, change in tensors.items() if not name.startswith("out.")},
        tensors["out.weight"].T.contiguous(),
        tensors["out.bias"],
        torch.ones(3),
        Calibration.none(),
    )
    save(second, tmp_path / "second")
    shipped = load(tmp_path / "second")
    read = shipped.expected(Encoder(tiny, second=shipped).read(TEXTS).whole)
    untouched = shipped.expected(base.read(TEXTS).whole)
    said = tuner.say(reader, TEXTS)
    # bfloat16 in training, 8 bits in the file.
    assert (read - said).abs().max() < 0.05
    assert (untouched - said).abs().max() > 0.2


def test_changes_to_other_weights_are_refused(tiny: Path) -> None:
    with pytest.raises(InvalidValue, match="which the second encoder changes"):
        Encoder(tiny, second=random_second())
    with pytest.raises(CorruptRecord, match=r"layer\.0\.weight"):
        Encoder(tiny, second=replace(random_second(), encoder=Encoder(tiny).fingerprint))


def test_a_blend_goes_from_one_to_the_other_axis_by_axis() -> None:
    second = replace(random_second(), blend=torch.tensor([0.0, 0.25, 1.0]))
    both = second.blended(torch.tensor([[1.0, 2.0, 3.0]]), torch.tensor([[5.0, 6.0, 7.0]]))
    assert both.tolist() == [[1.0, 3.0, 7.0]]


def test_files_that_hold_no_second_encoder_are_refused(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    with pytest.raises(InvalidValue, match="nowhere"):
        load(tmp_path / "nowhere")
    noise = tmp_path / "noise"
    noise.write_bytes(b"\xff" * 100)
    with pytest.raises(CorruptRecord, match="noise"):
        load(noise)
    save_file({"weight": torch.zeros(2)}, noise)
    with pytest.raises(CorruptRecord, match="quantum-memory-second-encoder-1"):
        load(noise)
    save(replace(random_second(), blend=torch.zeros(2)), noise)
    with pytest.raises(CorruptRecord, match=r"blend has the shape \(2,\), expected \(3,\)"):
        load(noise)
    save(random_second(), noise)
    noise.write_bytes(noise.read_bytes().replace(b"row_scale", b"raw_scale"))
    with pytest.raises(CorruptRecord, match="does not hold what it says"):
        load(noise)


def test_the_packaged_second_encoder_is_for_the_packaged_model() -> None:
    second = load(packaged_second())
    assert second.encoder == Encoder(packaged_model()).fingerprint
    assert ((second.blend >= 0.0) & (second.blend <= 1.0)).all()
