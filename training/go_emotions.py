"""A first fine-tuning on GoEmotions: 28 labels on Reddit comments (Demszky et al., 2020, CC BY 4.0), one epoch.

What is kept is the encoder, as a beginning for the fine-tuning on ratings; no text and no label of the corpus.
"""

from __future__ import annotations

import math
import random
from pathlib import Path
from typing import NamedTuple

import torch
from fine_tuning import Reader, Schedule, Tuner
from torch import Tensor, nn

LABELS = 28
MASKED = {"[NAME]": "Alex", "[RELIGION]": "religion"}
"""What the corpus writes for names, and a word of the language instead."""


class Labelled(NamedTuple):
    """Comments and which labels each has, (n, 28) of 0 and 1."""

    texts: list[str]
    labels: Tensor


def read(path: Path) -> Labelled:
    """The comments of a TSV with text, numbers of labels by comma, and id."""
    texts: list[str] = []
    labels_of: list[list[int]] = []
    for line in path.read_text(encoding="utf-8").split("\n"):
        if not line:
            continue
        text, numbers, *_ = line.split("\t")
        for mask, word in MASKED.items():
            text = text.replace(mask, word)
        texts.append(text)
        labels_of.append([int(number) for number in numbers.split(",")])
    labels = torch.zeros(len(texts), LABELS)
    for row, found in enumerate(labels_of):
        labels[row, found] = 1.0
    return Labelled(texts, labels)


def begin(base: Path, labelled: Labelled, seed: int, batch: int = 48, tokens: int = 64) -> dict[str, Tensor]:
    """The weights of the encoder after one epoch, by their names in a ``Reader``."""
    torch.manual_seed(seed)
    tuner = Tuner(
        base, Schedule(epochs=1, learning_rate=1e-4, layer_decay=1.0, dropout=0.1, batch=batch, tokens=tokens)
    )
    reader = Reader(base, dropout=0.1, outputs=LABELS)
    nn.init.constant_(reader.out.bias, -3.0)  # most comments lack most labels
    ids = tuner.ids(labelled.texts)
    optimizer = torch.optim.AdamW(tuner.groups(reader))
    steps, warm = math.ceil(len(ids) / batch), 100
    rates = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / warm, max(0.05, (steps - step) / steps))
    )
    reader.train()
    total = 0.0
    for number, rows in enumerate(tuner.batches(ids, random.Random(seed)), start=1):  # noqa: S311 - not for secrets
        loss = nn.functional.binary_cross_entropy_with_logits(
            tuner.run(reader, [ids[row] for row in rows]), labelled.labels[rows]
        )
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it without annotations
        nn.utils.clip_grad_norm_(reader.parameters(), 1.0)
        optimizer.step()
        rates.step()
        total += loss.item()
        if number % 100 == 0:
            print(f"beginning, batch {number} of {steps}: loss {total / 100:.3f}", flush=True)
            total = 0.0
    return {name: weights for name, weights in reader.state_dict().items() if name.startswith("encoder.")}
