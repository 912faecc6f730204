"""Engines: each reads a window as the model of transformers alone does, whatever else is in the batch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.errors import InvalidValue
from quantum_memory.memory.affect.encoder import Encoder, packaged_model
from quantum_memory.memory.affect.engines import packed
from quantum_memory.memory.affect.engines.engine import EngineName
from quantum_memory.memory.affect.engines.packed import Packed
from quantum_memory.memory.affect.engines.padded import Padded
from quantum_memory.memory.affect.head import load, packaged_head
from quantum_memory.memory.affect.windows import Window
from tests.unit.test_perceiver import LONG, ODD, PLAIN, write_tiny_bert

TEXTS = [*PLAIN, *ODD, LONG, "rain " * 254, "rain " * 255, *(f"{word} day" for word in ["one", "two", "three", "four"])]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_bert(tmp_path_factory.mktemp("engines") / "model", positions=12)


@pytest.fixture(scope="module")
def plain() -> Encoder:
    """MiniLM as transformers runs it."""
    return Encoder(packaged_model(), engine="transformers")


@pytest.fixture(scope="module")
def fast() -> Encoder:
    return Encoder(packaged_model(), engine="packed")


@pytest.fixture(scope="module")
def half() -> Encoder:
    try:
        return Encoder(packaged_model(), engine="packed-bf16")
    except InvalidValue as error:
        pytest.skip(str(error))


def test_the_packed_engine_reads_minilm_as_transformers_does(plain: Encoder, fast: Encoder) -> None:
    wanted, got = plain.read(TEXTS), fast.read(TEXTS)
    assert (got.whole - wanted.whole).abs().max() < 1e-5
    assert (got.layers - wanted.layers).abs().max() < 3e-5  # some are as large as 10
    assert isinstance(plain._engine, Padded)
    assert isinstance(fast._engine, Packed)
    assert plain.fingerprint == fast.fingerprint


@pytest.fixture(scope="module")
def encoders(folder: Path) -> list[Encoder]:
    """As transformers runs it, then packed in batches of one, two and five windows."""
    return [Encoder(folder, engine="transformers"), *(Encoder(folder, batch_size=size) for size in (1, 2, 5))]


@given(st.lists(st.text("ab good", max_size=30), min_size=1, max_size=9))
@settings(deadline=None, max_examples=60)
def test_engines_agree_on_another_model_in_any_batch(encoders: list[Encoder], texts: list[str]) -> None:
    wanted = torch.cat([encoders[0].read([text]).layers for text in texts])
    for encoder in encoders:
        assert (encoder.read(texts).layers - wanted).abs().max() < 1e-5


def test_without_onednn_the_packed_engine_reads_the_same(fast: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = fast.read(TEXTS)
    monkeypatch.setattr(packed, "_onednn", lambda: False)
    got = Encoder(packaged_model(), engine="packed").read(TEXTS)
    assert (got.whole - wanted.whole).abs().max() < 1e-5
    with pytest.raises(InvalidValue, match="no instructions for bfloat16, got 'packed-bf16'"):
        Encoder(packaged_model(), engine="packed-bf16")


def test_bfloat16_stays_near_and_moves_no_feeling_far(plain: Encoder, half: Encoder) -> None:
    wanted, got = plain.read(TEXTS), half.read(TEXTS)
    assert torch.cosine_similarity(got.whole, wanted.whole, dim=-1).min() > 0.999
    assert (got.whole - wanted.whole).abs().max() > 1e-4  # else it was not bfloat16
    head = load(packaged_head())
    with torch.inference_mode():
        felt = [[one.pad for one in head.feelings(reading.layers)] for reading in (got, wanted)]
    assert np.abs(np.array(felt[0]) - np.array(felt[1])).max() < 0.02


def test_in_bfloat16_too_a_text_is_read_the_same_in_any_batch(half: Encoder) -> None:
    together = half.read(TEXTS)
    for row, text in enumerate(TEXTS):
        alone = half.read([text])
        assert (alone.whole[0] - together.whole[row]).abs().max() < 1e-5
        assert (alone.layers[0] - together.layers[row]).abs().max() < 1e-5


def write_roberta(folder: Path) -> Path:
    """A random RoBERTa with the tokens of the tiny BERT."""
    from transformers import AutoTokenizer, RobertaConfig, RobertaModel

    write_tiny_bert(folder)
    tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
    config = RobertaConfig(
        vocab_size=len(tokenizer),
        hidden_size=8,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=32,
        pad_token_id=0,
        type_vocab_size=1,
    )
    RobertaModel(config).save_pretrained(folder)
    return folder


def test_another_architecture_is_left_to_transformers(tmp_path: Path) -> None:
    folder = write_roberta(tmp_path / "roberta")
    assert isinstance(Encoder(folder)._engine, Padded)
    with pytest.raises(InvalidValue, match="no BERT encoder with GELU but roberta, gelu, positions"):
        Encoder(folder, engine="packed")


def test_engines_that_do_not_exist_or_cannot_run_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong: EngineName = "quick"  # type: ignore[assignment]  # that it is refused is the point
    with pytest.raises(InvalidValue, match="engine: expected one of auto, transformers, packed, packed-bf16"):
        Encoder(folder, engine=wrong)
    monkeypatch.setattr(packed, "_PROBES", (1,))
    monkeypatch.setattr(packed._Linear, "__call__", lambda _, rows: rows * len(rows))
    assert "in another batch" in str(packed._no_bfloat16())


def test_a_batch_has_as_many_tokens_as_the_engine_takes(fast: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = fast.read(TEXTS).whole
    sizes: list[list[int]] = []
    inner = fast._engine.sums

    def noting(windows: Sequence[Window]) -> torch.Tensor:
        sizes.append([len(window.ids) for window in windows])
        return inner(windows)

    monkeypatch.setattr(Packed, "most_tokens", 300)
    monkeypatch.setattr(fast._engine, "sums", noting)
    assert (fast.read(TEXTS).whole - wanted).abs().max() < 1e-5
    assert len(sizes) > 5
    assert all(sum(lengths) <= 300 for lengths in sizes)
    flat = [length for lengths in sizes for length in lengths]
    assert flat == sorted(flat)
