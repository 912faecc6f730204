"""Small random models of transformers, saved as real ones are, with tokenizers that are trained here."""
# ruff: noqa: S106  (a token of a tokenizer is no password)

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

CORPUS = [
    "I am so happy today, this is the best day of my life!",
    "He was angry at the rain and said nothing.",
    "What a surprise, the letter came after all.",
    "They walked along the river until the light was gone.",
]
EKMAN = ("anger", "disgust", "fear", "joy", "sadness", "surprise")
FACES = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")
POSITIONS = 40


def bpe_tokenizer() -> Any:
    """Bytes in pairs, as RoBERTa's."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(models.BPE(unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(CORPUS, trainer)
    made.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    fast: Any = PreTrainedTokenizerFast  # without annotations
    return fast(
        tokenizer_object=made,
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
        cls_token="<s>",
        sep_token="</s>",
        mask_token="<mask>",
    )


def unigram_tokenizer() -> Any:
    """Pieces of sentences, as DeBERTa-v3's."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(models.Unigram())
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    made.decoder = decoders.Metaspace()
    special = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"]
    trainer = trainers.UnigramTrainer(vocab_size=120, special_tokens=special, unk_token="[UNK]", show_progress=False)
    made.train_from_iterator(CORPUS, trainer)
    made.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", None, [("[CLS]", 1), ("[SEP]", 2)])
    fast: Any = PreTrainedTokenizerFast  # without annotations
    return fast(
        tokenizer_object=made,
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        unk_token="[UNK]",
        mask_token="[MASK]",
    )


def classifier(folder: Path, family: str, labels: Sequence[str] = EKMAN, seed: int = 0, **config: Any) -> Path:
    """A random classifier of two layers; ``family`` is roberta, deberta, bert or gpt2."""
    import transformers

    tokenizer = unigram_tokenizer() if family == "deberta" else bpe_tokenizer()
    tokenizer.save_pretrained(folder)
    shape: dict[str, Any] = {
        "vocab_size": len(tokenizer),
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "max_position_embeddings": POSITIONS,
        "initializer_range": 0.5,
        "pad_token_id": tokenizer.pad_token_id,
        "id2label": dict(enumerate(labels)),
        "label2id": {label: index for index, label in enumerate(labels)},
    }
    if family == "deberta":
        shape |= {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "position_biased_input": False}
        shape |= {"position_buckets": 8, "norm_rel_ebd": "layer_norm", "share_att_key": True}
    if family == "gpt2":
        shape |= {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": POSITIONS}
        for name in ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size"):
            del shape[name]
        del shape["max_position_embeddings"], shape["pad_token_id"]
    prefix = {"deberta": "DebertaV2", "roberta": "Roberta", "bert": "Bert", "gpt2": "GPT2"}[family]
    torch.manual_seed(seed)
    settings = getattr(transformers, f"{prefix}Config")(**shape, **config)
    model = getattr(transformers, f"{prefix}ForSequenceClassification")(settings)
    model.save_pretrained(folder)
    return folder


def vit(folder: Path, labels: Sequence[str] | None = FACES, seed: int = 0) -> Path:
    """A random vision transformer for images of 32 by 32; without labels one without a head."""
    from transformers import ViTConfig, ViTForImageClassification, ViTImageProcessorPil, ViTModel

    named: dict[str, Any] = {}
    if labels is not None:
        named = {"id2label": dict(enumerate(labels)), "label2id": {label: at for at, label in enumerate(labels)}}
    torch.manual_seed(seed)
    config = ViTConfig(
        hidden_size=24,
        num_hidden_layers=2,
        num_attention_heads=3,
        intermediate_size=32,
        image_size=32,
        patch_size=8,
        initializer_range=0.5,
        **named,
    )
    model: Any = ViTModel(config) if labels is None else ViTForImageClassification(config)
    model.save_pretrained(folder)
    ViTImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(folder)
    return folder


def picture(seed: int = 0, size: tuple[int, int] = (40, 30), form: str = "PNG", **options: Any) -> bytes:
    """A file of an image of coarse random squares, wide and high as told."""
    squares = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(squares).resize(size, Image.Resampling.NEAREST).save(file, form, **options)
    return file.getvalue()
