"""The encoder: what is read of a text and of who says it, by every engine, beside a slow twin of one window."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from quantum_memory.errors import CorruptRecord, InvalidValue
from quantum_memory.memory.affect.encoder import Encoder, packaged_model
from quantum_memory.memory.affect.windows import spoken
from tests.unit.test_perceiver import write_tiny_bert

LONG = "He wrote: " + "rain and wind on the river, " * 60 + "and I believed him."


class Slow(NamedTuple):
    """The same model as transformers runs it, one window at a time."""

    model: Any
    tokenizer: Any
    limit: int

    def layers(self, text: str, speaker: str | None = None) -> torch.Tensor:
        """The means of all layers, (layers, width): each token is asked whether it begins within the name."""
        whole = spoken(text, speaker)
        before = len(whole) - len(text)
        tokens = self.tokenizer(
            whole, add_special_tokens=False, return_offsets_mapping=True, truncation=False, verbose=False
        )
        places = tokens["offset_mapping"]
        total, count = torch.zeros(1), 0
        for start in range(0, max(1, len(places)), self.limit - 2):
            numbers = range(start, min(len(places), start + self.limit - 2))
            ids = [tokens["input_ids"][at] for at in numbers]
            kept = [at - start + 1 for at in numbers if places[at][0] >= before]
            rows = [0, *kept, len(ids) + 1]
            total = total + torch.stack([hidden[0][rows].sum(0) for hidden in self.hidden(ids)])
            count += len(rows)
        return total / count

    def hidden(self, ids: list[int]) -> tuple[torch.Tensor, ...]:
        window = torch.tensor([[self.tokenizer.cls_token_id, *ids, self.tokenizer.sep_token_id]])
        with torch.inference_mode():
            found: tuple[torch.Tensor, ...] = self.model(input_ids=window, output_hidden_states=True).hidden_states
        return found


def slow(folder: Path, limit: int) -> Slow:
    from transformers import AutoModel, AutoTokenizer

    model = AutoModel.from_pretrained(str(folder), local_files_only=True).eval()
    return Slow(model, AutoTokenizer.from_pretrained(str(folder), local_files_only=True), limit)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_bert(tmp_path_factory.mktemp("encoder") / "model", positions=12)


@pytest.fixture(scope="module")
def tiny(folder: Path) -> tuple[Slow, list[Encoder]]:
    """A model that reads twelve tokens at once, as the slow twin and by two engines."""
    return slow(folder, 12), [Encoder(folder, engine="transformers"), Encoder(folder, engine="packed")]


@pytest.fixture(scope="module")
def minilm() -> tuple[Slow, Encoder]:
    return slow(packaged_model(), 256), Encoder(packaged_model())


SAID = st.tuples(st.text("ab good,bad day", max_size=40), st.none() | st.text("ab c", max_size=30))


@given(st.lists(SAID, min_size=1, max_size=6))
@settings(deadline=None, max_examples=60)
def test_the_name_counts_in_the_whole_and_is_left_out_of_the_layers(
    tiny: tuple[Slow, list[Encoder]], cases: list[tuple[str, str | None]]
) -> None:
    """Names may be longer than a window."""
    twin, encoders = tiny
    texts, speakers = zip(*cases, strict=True)
    layers = torch.stack([twin.layers(*case) for case in cases])
    whole = torch.stack([twin.layers(spoken(*case))[-1] for case in cases])
    for encoder in encoders:
        reading = encoder.read(texts, speakers)
        assert (reading.whole - whole).abs().max() < 1e-5
        assert (reading.layers - layers).abs().max() < 1e-5


def test_the_name_stands_in_the_first_window_alone(minilm: tuple[Slow, Encoder]) -> None:
    twin, encoder = minilm
    reading = encoder.read(["No.", LONG, "cut \ud83d > no"], [None, "Ilka", "Bob"])
    assert reading.windows == (1, 2, 1)
    assert (reading.layers[1] - twin.layers(LONG, "Ilka")).abs().max() < 1e-4
    assert (reading.layers[2] - twin.layers("cut ? > no", "Bob")).abs().max() < 1e-4
    assert torch.equal(reading.layers[0, -1], reading.whole[0])
    assert (reading.layers[1:, -1] - reading.whole[1:]).norm(dim=-1).min() > 0.01


def test_what_is_no_model_or_no_device_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match="device: expected one of auto, cpu, cuda, got 'tpu'"):
        Encoder(folder, "tpu")
    if not torch.cuda.is_available():
        with pytest.raises(InvalidValue, match="torch finds no CUDA"):
            Encoder(folder, "cuda")
    assert Encoder(folder, "auto").device.type == ("cuda" if torch.cuda.is_available() else "cpu")
    part = tmp_path / "part"
    shutil.copytree(folder, part)
    weights = load_file(part / "model.safetensors")
    lost = next(name for name in weights if not name.startswith("pooler."))
    save_file({name: value for name, value in weights.items() if name != lost}, part / "model.safetensors")
    with pytest.raises(CorruptRecord, match=f"lacks 1 weights, the first is {lost}"):
        Encoder(part)
    save_file(
        {name: value for name, value in weights.items() if not name.startswith("pooler.")}, part / "model.safetensors"
    )
    assert Encoder(part).fingerprint == Encoder(folder).fingerprint
