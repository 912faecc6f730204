"""Feelings of texts by any sequence classifier of transformers. Owns its model and how texts are cut and batched.

A text over the window is read in windows that follow one another; what is felt in it is the mixture of what is felt in
them, weighed by their tokens. So a long text with one angry part is partly angry, and its spread says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from quantum_memory.checks import whole
from quantum_memory.memory.affect.feeling import Feeling
from quantum_memory.memory.affect.loading import (
    Source,
    check_fits,
    in_memory,
    load_config,
    load_model,
    load_tokenizer,
    token_limit,
)
from quantum_memory.memory.affect.placement import Placement
from quantum_memory.memory.affect.readout import Moments, Reading, Readout
from quantum_memory.types import Floats

MAX_BATCH = 4096
MAX_WINDOW = 8192
SETTING = "perception.classifier.labels"


class _Window(NamedTuple):
    """Tokens of one window, with the marks that the model wants about them, and the number of the text."""

    ids: list[int]
    text: int


class TextClassifier:
    """A ``FeelingReader`` by a sequence classifier: DeBERTa-v3, RoBERTa, BERT, whatever transformers loads.

    The law of a reader (the same feeling in any batch, to 1e-5) holds in float32. In float16 and bfloat16 the same
    texts in the same batch give the same, and other batches move it by what these types round off.

    Args:
        source: the model.
        placement: where it runs, and how exact.
        reading: what its outputs mean.
        batch_size: windows in one forward pass, sorted by length.
        window: tokens in one of them, the marks included; fewer where the model takes fewer.

    Raises: MissingModel, MissingDependency, CorruptRecord, InvalidValue, UnknownLabels, OutOfRange; before any weight
        is loaded where the configuration tells enough. One owner calls it; it is not thread-safe.
    """

    def __init__(
        self,
        source: Source,
        placement: Placement | None = None,
        reading: Reading | None = None,
        *,
        batch_size: int = 16,
        window: int = 512,
    ) -> None:
        from transformers import AutoModelForSequenceClassification

        self._batch_size = whole("batch_size", batch_size, 1, MAX_BATCH)
        whole("window", window, 8, MAX_WINDOW)
        config = load_config(source)
        self._name = source.model
        self._readout = Readout.of(config, reading or Reading(), source.model, SETTING)
        self._tokenizer = load_tokenizer(source)
        if getattr(config, "pad_token_id", None) is None:
            config.pad_token_id = self._tokenizer.pad_token_id  # decoders find the last word of a row by it
        self._model = load_model(AutoModelForSequenceClassification, source, placement or Placement(), config)
        check_fits(self._model, self._tokenizer, source)
        self._window = min(window, token_limit(self._model, self._tokenizer) or window)

    @property
    def kind(self) -> str:
        """What its outputs are: single, multi or regression."""
        return self._readout.kind

    @property
    def labels(self) -> tuple[str, ...]:
        """The model's names for its outputs."""
        return self._readout.labels

    @property
    def window(self) -> int:
        """Tokens that it reads at once, marks included."""
        return self._window

    def read(self, texts: Sequence[str]) -> list[Feeling]:
        """A feeling for each text.

        Raises: CorruptRecord if the model puts out what is no number; DeviceMemoryExceeded.
        """
        if not texts:
            return []
        windows = self._windows(texts)
        outputs = self._outputs([window.ids for window in windows])
        first, second = self._readout.moments(outputs)
        owners = np.array([window.text for window in windows])
        tokens = np.array([len(window.ids) for window in windows], dtype=np.float64)
        return self._readout.feelings(
            Moments(*(_averaged(each, owners, tokens, len(texts)) for each in (first, second)))
        )

    def _windows(self, texts: Sequence[str]) -> list[_Window]:
        """The windows of all texts, in their order; each text has one at least."""
        # Tokenizers refuse halves of surrogate pairs, which a text cut in the middle of an emoji can end with.
        clean = [text.encode(errors="replace").decode() for text in texts]
        # A tokenizer without marks makes nothing of an empty text, and a model reads one token at least.
        return [_Window(ids or [int(self._tokenizer.pad_token_id)], text) for ids, text in self._cut(clean)]

    def _cut(self, texts: list[str]) -> Iterator[tuple[list[int], int]]:
        """Tokens of windows, marks included, each with the number of its text."""
        if self._tokenizer.is_fast:
            encoded = self._tokenizer(
                texts,
                truncation=True,
                max_length=self._window,
                return_overflowing_tokens=True,
                return_attention_mask=False,
                return_token_type_ids=False,
            )
            yield from zip(encoded["input_ids"], encoded["overflow_to_sample_mapping"], strict=True)
            return
        room = max(1, self._window - int(self._tokenizer.num_special_tokens_to_add()))
        for number, text in enumerate(texts):
            ids = self._tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
            for start in range(0, max(1, len(ids)), room):
                yield self._tokenizer.build_inputs_with_special_tokens(ids[start : start + room]), number

    def _outputs(self, rows: list[list[int]]) -> Floats:
        """What the model puts out for rows of tokens, (n, k)."""
        import torch

        order = sorted(range(len(rows)), key=lambda row: len(rows[row]))
        outputs = np.empty((len(rows), len(self._readout.labels)), dtype=np.float64)
        with torch.inference_mode(), in_memory(self._name):
            for start in range(0, len(order), self._batch_size):
                batch = order[start : start + self._batch_size]
                outputs[batch] = self._forward([rows[row] for row in batch])
        return outputs

    def _forward(self, rows: list[list[int]]) -> Any:
        filled = self._tokenizer.pad({"input_ids": rows}, return_tensors="pt", return_attention_mask=True)
        where = self._model.device
        logits = self._model(
            input_ids=filled["input_ids"].to(where), attention_mask=filled["attention_mask"].to(where)
        ).logits
        return logits.float().cpu().numpy()


def _averaged(values: Floats, owners: Any, weights: Floats, count: int) -> Floats:
    """The means (count, 3) of values (n, 3) that belong together, by their owners (n,) and weights (n,)."""
    sums = np.zeros((count, values.shape[1]))
    np.add.at(sums, owners, values * weights[:, None])
    total = np.bincount(owners, weights=weights, minlength=count)
    means: Floats = sums / total[:, None]
    return means
