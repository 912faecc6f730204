"""Sequence classifiers of transformers as readers of feelings: real loading code on small random models."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.errors import (
    CorruptRecord,
    DeviceMemoryExceeded,
    InvalidValue,
    MissingDependency,
    MissingModel,
    OutOfRange,
    UnknownLabels,
)
from quantum_memory.memory.affect.classifier import TextClassifier
from quantum_memory.memory.affect.emotions import EMOTIONS
from quantum_memory.memory.affect.feeling import Feeling
from quantum_memory.memory.affect.loading import Source, in_memory
from quantum_memory.memory.affect.placement import Placement, quantized
from quantum_memory.memory.affect.readout import Reading
from quantum_memory.types import Floats
from tests.unit import tiny_models
from tests.unit.tiny_models import EKMAN, POSITIONS

FAMILIES = ("roberta", "deberta", "bert", "gpt2")
ODD = [
    "",
    " \n",
    "a",
    "😀😀",
    "cut emoji \ud83d",
    "\x00\x01\x7f",
    "我很伤心",
    "<s> </s> [CLS] <pad>",
    "I am so happy today",
    "What a surprise, the letter came after all. " * 20,
]
ANY = st.text(st.characters(codec=None) | st.sampled_from("the rain "), max_size=60)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a model by its family, made once."""
    folder = tmp_path_factory.mktemp("models")

    def make(family: str) -> Path:
        path = folder / family
        return path if path.is_dir() else tiny_models.classifier(path, family)

    return make


@pytest.fixture(scope="module")
def roberta(made: Callable[[str], Path]) -> TextClassifier:
    return TextClassifier(Source(str(made("roberta"))))


def numbers(feelings: list[Feeling]) -> Floats:
    return np.array([[*np.asarray(one.pad), *one.spread, one.confidence] for one in feelings])


@pytest.mark.parametrize("family", FAMILIES)
def test_a_text_gets_the_same_feeling_in_any_batch(made: Callable[[str], Path], family: str) -> None:
    reader = TextClassifier(Source(str(made(family))), batch_size=3)
    together = numbers(reader.read(ODD))
    alone = np.vstack([numbers(reader.read([text])) for text in ODD])
    assert np.abs(together - alone).max() <= 1e-5
    assert np.abs(numbers(reader.read(ODD[::-1]))[::-1] - alone).max() <= 1e-5
    assert np.ptp(together[:, 0]) > 1e-3, "a model that says one thing of all texts would prove nothing"
    assert reader.read([]) == []


@settings(max_examples=25, deadline=None)
@given(st.lists(ANY, max_size=5))
def test_any_texts_get_the_same_feelings_alone(roberta: TextClassifier, texts: list[str]) -> None:
    together = roberta.read(texts)
    assert len(together) == len(texts)
    for text, feeling in zip(texts, together, strict=True):
        assert np.abs(numbers([feeling]) - numbers(roberta.read([text]))).max() <= 1e-5


@pytest.mark.parametrize("family", ["roberta", "deberta", "bert"])
def test_the_probabilities_are_those_of_transformers(made: Callable[[str], Path], family: str) -> None:
    """The slow twin: transformers' own classes, one text at a time, and the mixture by hand."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    folder = made(family)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    texts = ["I am so happy today", "He was angry", "rain"]
    points = np.array([np.asarray(EMOTIONS[label]) for label in EKMAN])
    for text, feeling in zip(texts, TextClassifier(Source(str(folder))).read(texts), strict=True):
        with torch.no_grad():
            shares = model(**tokenizer(text, return_tensors="pt")).logits.softmax(-1)[0].numpy()
        assert np.asarray(feeling.pad) == pytest.approx(shares @ points, abs=1e-5)


def test_roberta_reads_no_more_tokens_than_it_has_positions_for(roberta: TextClassifier) -> None:
    """Its first token has the position after the padding's number, so two of its positions are never used."""
    assert roberta.window == POSITIONS - 2
    assert len(roberta.read(["rain " * 1000])) == 1


def test_a_long_text_is_the_mixture_of_its_windows(made: Callable[[str], Path]) -> None:
    reader = TextClassifier(Source(str(made("bert"))), window=12)
    assert reader.window == 12
    text = "I am so happy today, he was angry at the rain and said nothing"
    ids = reader._tokenizer(text, add_special_tokens=False)["input_ids"]
    parts = [reader._tokenizer.decode(ids[start : start + 10]) for start in range(0, len(ids), 10)]
    assert len(parts) > 1
    tokens = np.array([len(ids[start : start + 10]) + 2 for start in range(0, len(ids), 10)])
    # Each part as a text of its own gives the same tokens, or this test would compare other things.
    for part, start in zip(parts, range(0, len(ids), 10), strict=True):
        assert reader._tokenizer(part, add_special_tokens=False)["input_ids"] == ids[start : start + 10]
    each = reader.read(parts)
    (whole,) = reader.read([text])
    first = np.average([np.asarray(one.pad) for one in each], axis=0, weights=tokens)
    second = np.average([np.asarray(one.pad) ** 2 + np.square(one.spread) for one in each], axis=0, weights=tokens)
    assert np.asarray(whole.pad) == pytest.approx(first, abs=1e-5)
    assert whole.spread == pytest.approx(np.sqrt(second - first**2), abs=1e-5)


def test_a_tokenizer_in_python_is_cut_alike(made: Callable[[str], Path]) -> None:
    """Some models have no fast tokenizer; both ways must give the same windows."""
    reader = TextClassifier(Source(str(made("roberta"))), window=12)
    texts = ["rain " * 30, "", "I am so happy today"]
    fast = list(reader._cut(texts))
    tokenizer = reader._tokenizer

    class Slow:
        is_fast = False

        def num_special_tokens_to_add(self) -> int:
            return 2

        def __call__(self, text: str, **_: Any) -> dict[str, list[int]]:
            return {"input_ids": tokenizer(text, add_special_tokens=False)["input_ids"]}

        def build_inputs_with_special_tokens(self, ids: list[int]) -> list[int]:
            return [tokenizer.cls_token_id, *ids, tokenizer.sep_token_id]

    reader._tokenizer = Slow()
    assert list(reader._cut(texts)) == fast


def test_several_labels_may_hold_at_once(tmp_path: Path) -> None:
    labels = ("admiration", "grief", "neutral")
    folder = tiny_models.classifier(tmp_path / "m", "roberta", labels, problem_type="multi_label_classification")
    reader = TextClassifier(Source(str(folder)))
    assert (reader.kind, reader.labels) == ("multi", ("admiration", "grief", "neutral"))
    single = TextClassifier(Source(str(folder)), reading=Reading(kind="single"))
    texts = ["I am so happy today", "rain"]
    assert np.abs(numbers(reader.read(texts)) - numbers(single.read(texts))).max() > 1e-3


def test_a_regression_head_names_the_point(tmp_path: Path) -> None:
    folder = tiny_models.classifier(tmp_path / "m", "deberta", ("V", "A", "D"), problem_type="regression")
    reader = TextClassifier(Source(str(folder)), reading=Reading(scale=(-40.0, 40.0)))
    assert reader.kind == "regression"
    wide = numbers(reader.read(["I am so happy today", "rain"]))
    narrow = numbers(
        TextClassifier(Source(str(folder)), reading=Reading(scale=(-80.0, 80.0))).read(["I am so happy today", "rain"])
    )
    assert 2 * narrow[:, :3] == pytest.approx(wide[:, :3], abs=1e-5)
    assert np.abs(wide[0, :3] - wide[1, :3]).max() > 1e-3


def test_weights_in_several_files_are_the_same_model(made: Callable[[str], Path], tmp_path: Path) -> None:
    from transformers import AutoModelForSequenceClassification

    whole, parts = made("bert"), tmp_path / "parts"
    shutil.copytree(whole, parts, ignore=shutil.ignore_patterns("model.safetensors"))
    AutoModelForSequenceClassification.from_pretrained(whole).save_pretrained(parts, max_shard_size="20KB")
    assert len(list(parts.glob("model-*.safetensors"))) > 1
    texts = ["I am so happy today", "rain"]
    same = numbers(TextClassifier(Source(str(parts))).read(texts))
    assert np.array_equal(same, numbers(TextClassifier(Source(str(whole))).read(texts)))
    next(parts.glob("model-00001*")).unlink()
    with pytest.raises(CorruptRecord, match="cannot be loaded"):
        TextClassifier(Source(str(parts)))


def test_bfloat16_is_near_and_finite(made: Callable[[str], Path]) -> None:
    exact = numbers(TextClassifier(Source(str(made("roberta")))).read(ODD))
    short = numbers(TextClassifier(Source(str(made("roberta"))), Placement(dtype="bfloat16")).read(ODD))
    assert 0.0 < np.abs(exact - short).max() < 0.2


def copied(source: Path, target: Path, without: str = "") -> Path:
    shutil.copytree(source, target, ignore=shutil.ignore_patterns(without) if without else None)
    return target


def test_a_model_that_is_not_there_is_missed_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(MissingModel, match=r"no such folder; save the model there"):
        TextClassifier(Source(str(tmp_path / "nowhere")))
    with pytest.raises(MissingModel, match=r"hf download nobody/nothing.*download: true"):
        TextClassifier(Source("nobody/nothing"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidValue, match=r"no config\.json in it"):
        TextClassifier(Source(str(tmp_path / "empty")))


def test_pickled_weights_are_refused(made: Callable[[str], Path], tmp_path: Path) -> None:
    folder = copied(made("roberta"), tmp_path / "m", "*.safetensors")
    with pytest.raises(InvalidValue, match=r"no \*\.safetensors in it"):
        TextClassifier(Source(str(folder)))
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04cos\nsystem\n")
    with pytest.raises(InvalidValue, match=r"unpickling runs what a file says.* got .*which holds pytorch_model\.bin"):
        TextClassifier(Source(str(folder)))


def test_broken_files_are_named(made: Callable[[str], Path], tmp_path: Path) -> None:
    torn = copied(made("roberta"), tmp_path / "torn")
    weights = torn / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    garbled = copied(made("roberta"), tmp_path / "garbled")
    (garbled / "config.json").write_text("{ not json")
    mute = copied(made("roberta"), tmp_path / "mute", "tokenizer*")
    alien = copied(made("roberta"), tmp_path / "alien")
    config = json.loads((alien / "config.json").read_text())
    (alien / "config.json").write_text(json.dumps(config | {"model_type": "nobodys"}))
    other = copied(made("roberta"), tmp_path / "other")
    (other / "config.json").write_text(json.dumps(config | {"hidden_size": 32}))
    for folder in (torn, garbled, mute, alien, other):
        with pytest.raises(CorruptRecord, match=f"{folder.name}: cannot be loaded: ."):
            TextClassifier(Source(str(folder)))


def test_a_tokenizer_of_another_model_is_refused(tmp_path: Path) -> None:
    """A word without a row in the model would end the process on CUDA."""
    folder = tiny_models.classifier(tmp_path / "m", "deberta")
    tiny_models.bpe_tokenizer().save_pretrained(folder)
    with pytest.raises(CorruptRecord, match=r"its tokenizer has \d+ words, the model \d+"):
        TextClassifier(Source(str(folder)))


def test_a_head_that_was_never_trained_is_refused(tmp_path: Path) -> None:
    """Transformers would make one of random numbers, and say so in a log."""
    from transformers import RobertaConfig, RobertaModel

    folder = tiny_models.classifier(tmp_path / "m", "roberta")
    RobertaModel(RobertaConfig.from_pretrained(folder), add_pooling_layer=False).save_pretrained(folder)
    config = json.loads((folder / "config.json").read_text())
    names = {str(index): label for index, label in enumerate(EKMAN)}
    (folder / "config.json").write_text(json.dumps(config | {"id2label": names}))
    with pytest.raises(CorruptRecord, match=r"lacks 4 weights, the first is classifier\.dense\.bias"):
        TextClassifier(Source(str(folder)))


def test_code_that_lies_beside_a_model_is_not_run(made: Callable[[str], Path], tmp_path: Path) -> None:
    folder = copied(made("roberta"), tmp_path / "m")
    config = json.loads((folder / "config.json").read_text())
    code = {"model_type": "own", "auto_map": {"AutoConfig": "own.Own", "AutoModelForSequenceClassification": "own.Own"}}
    (folder / "config.json").write_text(json.dumps(config | code))
    (folder / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    with pytest.raises(InvalidValue, match="code that lies beside a model is never run"):
        TextClassifier(Source(str(folder)))
    assert not (tmp_path / "ran").exists()


def test_labels_that_nobody_knows_are_refused_before_weights_are_loaded(tmp_path: Path) -> None:
    folder = tiny_models.classifier(tmp_path / "m", "bert", ("LABEL_0", "LABEL_1"))
    (folder / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(UnknownLabels, match=r"'LABEL_0', 'LABEL_1'.*perception\.classifier\.labels"):
        TextClassifier(Source(str(folder)))


def test_told_labels_are_read(tmp_path: Path) -> None:
    folder = tiny_models.classifier(tmp_path / "m", "bert", ("LABEL_0", "LABEL_1"))
    told = Reading(labels={"LABEL_0": "grief", "LABEL_1": (0.5, 0.0, -0.5)})
    (feeling,) = TextClassifier(Source(str(folder)), reading=told).read(["rain"])
    assert feeling.pad.pleasure < 0.5


def test_weights_that_are_no_numbers_are_found_out(made: Callable[[str], Path], tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = copied(made("roberta"), tmp_path / "m")
    weights = load_file(folder / "model.safetensors")
    weights["classifier.out_proj.bias"][0] = float("nan")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(CorruptRecord, match="no finite number"):
        TextClassifier(Source(str(folder))).read(["rain"])


def test_where_and_how_it_runs_is_checked() -> None:
    assert Placement().checked(cuda=False) == "cpu"
    assert Placement().checked(cuda=True) == "cuda"
    assert Placement("cpu").checked(cuda=True) == "cpu"
    assert Placement().arguments(cuda=False) == {"dtype": torch.float32, "device_map": {"": "cpu"}}
    assert Placement().arguments(cuda=True) == {"dtype": torch.float16, "device_map": "auto"}
    assert Placement("cpu", "bfloat16").arguments(cuda=True)["dtype"] is torch.bfloat16
    with pytest.raises(InvalidValue, match="torch finds no CUDA"):
        Placement("cuda").checked(cuda=False)
    with pytest.raises(InvalidValue, match=r"quantization: expected 'none' on cpu: it needs CUDA, got '4bit'"):
        Placement(quantization="4bit").checked(cuda=False)
    strange: dict[str, Any] = {"device": "tpu", "dtype": "int8", "quantization": 4}
    for name, bad in strange.items():
        with pytest.raises(InvalidValue, match=name):
            Placement(**{name: bad})


@pytest.mark.skipif(find_spec("bitsandbytes") is not None, reason="bitsandbytes is installed")
def test_quantization_needs_its_library() -> None:
    with pytest.raises(MissingDependency, match=r"4bit needs bitsandbytes.*quantum-memory\[quantized\]"):
        Placement(quantization="4bit").checked(cuda=True)


def test_quantization_is_told_to_bitsandbytes() -> None:
    four, eight = quantized("4bit", torch.float16), quantized("8bit", torch.float16)
    assert (four.load_in_4bit, four.bnb_4bit_quant_type, four.bnb_4bit_compute_dtype) == (True, "nf4", torch.float16)
    assert (eight.load_in_8bit, eight.load_in_4bit) == (True, False)


def test_a_gpu_that_is_too_small_is_named() -> None:
    with pytest.raises(DeviceMemoryExceeded, match=r"org/m: over .* tried to allocate 2 GiB$"), in_memory("org/m"):
        raise torch.OutOfMemoryError("CUDA tried to allocate 2 GiB\nand more")


def test_batches_and_windows_have_bounds(made: Callable[[str], Path]) -> None:
    source = Source(str(made("bert")))
    with pytest.raises(OutOfRange, match="batch_size"):
        TextClassifier(source, batch_size=0)
    with pytest.raises(OutOfRange, match="window"):
        TextClassifier(source, window=2)


@pytest.mark.slow
def test_a_model_of_the_hub_is_read_from_its_cache_alone(made: Callable[[str], Path], tmp_path: Path) -> None:
    """In a process of its own, because the hub's client reads where its cache is when it is imported."""
    commit = "0" * 40
    cached = tmp_path / "hub" / "models--house--tiny"
    shutil.copytree(made("roberta"), cached / "snapshots" / commit)
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text(commit)
    program = """
import sys
from quantum_memory.errors import MissingModel
from quantum_memory.memory.affect.classifier import TextClassifier
from quantum_memory.memory.affect.loading import Source, whereabouts
print(whereabouts(Source("house/tiny")))
pad = TextClassifier(Source("house/tiny", revision=sys.argv[1])).read(["rain"])[0].pad
print(pad.pleasure, pad.arousal, pad.dominance)
try:
    TextClassifier(Source("house/tiny", revision="1" * 40))
except MissingModel as error:
    print(error)
"""
    environment = os.environ | {"HF_HUB_CACHE": str(tmp_path / "hub"), "HF_ENDPOINT": "http://127.0.0.1:1"}
    done = subprocess.run(
        [sys.executable, "-c", program, commit],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    where, pad, missing = done.stdout.strip().splitlines()
    (expected,) = TextClassifier(Source(str(made("roberta")))).read(["rain"])
    assert where.endswith(commit)
    # Another process may run on another number of threads, and adds up in another order.
    assert list(map(float, pad.split())) == pytest.approx(list(np.array(expected.pad)), abs=1e-5)
    assert "the model 'house/tiny' is not here" in missing
