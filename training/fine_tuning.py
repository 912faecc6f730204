"""Fine-tuning the sentence encoder itself: the network, its schedule, and what it says of other texts.

The readout is linear on the mean of the last hidden layer, brought to mean 0 and deviation 1 within itself. (On the
means of all layers, as the PAD head reads them, it learned more slowly and ended lower.) Lower layers learn more slowly
(Howard and Ruder, 2018), the word embeddings not at all, so that what is shipped is small. Products run in bfloat16,
which takes half the time where the processor has it, and changes no figure beyond noise.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, AutoTokenizer

POOLED = 50
"""Batches' worth of texts that are sorted by length together, so that little is padded and the order stays random."""


@dataclass(frozen=True)
class Schedule:
    """What can be chosen about fine-tuning. The defaults made the weights in the package."""

    epochs: int = 4
    learning_rate: float = 1.5e-4
    layer_decay: float = 0.9
    readout_rate: float = 10.0
    weight_decay: float = 0.01
    dropout: float = 0.3
    batch: int = 32
    warm: float = 0.1
    tokens: int = 96


class Reader(nn.Module):
    """The encoder with a linear readout. ``forward``: ids and mask (b, t) to (b, outputs)."""

    def __init__(self, folder: Path, dropout: float, outputs: int = 3) -> None:
        super().__init__()
        # Eager attention: on a CPU it takes no longer at these lengths.
        self.encoder = AutoModel.from_pretrained(str(folder), local_files_only=True, attn_implementation="eager")
        self.encoder.pooler = None
        config = self.encoder.config
        self.layers = int(config.num_hidden_layers)
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Linear(int(config.hidden_size), outputs)
        nn.init.normal_(self.out.weight, std=0.003)
        nn.init.zeros_(self.out.bias)
        self.encoder.embeddings.word_embeddings.weight.requires_grad = False

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        hidden = self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        mean = (mask.float().unsqueeze(1) @ hidden.float()).squeeze(1) / mask.sum(1, keepdim=True)
        out: Tensor = self.out(self.dropout(nn.functional.layer_norm(mean, mean.shape[-1:])))
        return out


class Tuner:
    """Fine-tunes readers of one encoder, one after the other.

    Args:
        folder: the encoder.
        schedule: how.
        begin: a file of weights of the encoder to begin with, by their names in a ``Reader``; its own if not given.
    """

    def __init__(self, folder: Path, schedule: Schedule, begin: Path | None = None) -> None:
        self._folder, self._schedule, self._begin = folder, schedule, begin
        self._tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
        config = AutoConfig.from_pretrained(str(folder), local_files_only=True)
        self._tokens = min(schedule.tokens, int(config.max_position_embeddings))

    def tune(self, texts: Sequence[str], wanted: Tensor, seed: int, label: str) -> Reader:
        """A reader after its last epoch on texts and (n, 3) standardised ratings."""
        torch.manual_seed(seed)
        order = random.Random(seed)  # noqa: S311 - nothing secret hangs on it
        how, ids = self._schedule, self.ids(texts)
        reader = Reader(self._folder, how.dropout)
        if self._begin is not None:
            reader.load_state_dict(reader.state_dict() | load_file(self._begin))
        optimizer = torch.optim.AdamW(self.groups(reader))
        steps = how.epochs * math.ceil(len(ids) / how.batch)
        warm = max(1, round(how.warm * steps))
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: min((step + 1) / warm, max(0.0, (steps - step) / max(1, steps - warm)))
        )
        for epoch in range(how.epochs):
            reader.train()
            began, total = time.monotonic(), 0.0
            for rows in self.batches(ids, order):
                loss = ((self.run(reader, [ids[row] for row in rows]) - wanted[rows]) ** 2).mean()
                optimizer.zero_grad(set_to_none=True)
                loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it without annotations
                nn.utils.clip_grad_norm_(reader.parameters(), 1.0)
                optimizer.step()
                schedule.step()
                total += loss.item() * len(rows)
            took = time.monotonic() - began
            print(f"{label}, epoch {epoch + 1} of {how.epochs}: loss {total / len(ids):.3f}, {took:.0f} s", flush=True)
        return reader.eval()

    def say(self, reader: Reader, texts: Sequence[str]) -> Tensor:
        """(n, 3) what a reader says of texts, in standardised ratings."""
        ids = self.ids(texts)
        said = torch.empty(len(ids), 3)
        order = sorted(range(len(ids)), key=lambda row: len(ids[row]))
        with torch.inference_mode():
            for start in range(0, len(order), self._schedule.batch):
                rows = order[start : start + self._schedule.batch]
                said[rows] = self.run(reader, [ids[row] for row in rows])
        # Out of inference mode, or no gradient could be taken over it.
        return said.clone()

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """The tokens of each text, as many as are read."""
        encoded = self._tokenizer(list(texts), truncation=True, max_length=self._tokens)
        found: list[list[int]] = encoded["input_ids"]
        return found

    def run(self, reader: Reader, ids: Sequence[Sequence[int]]) -> Tensor:
        """What a reader puts out for one batch of tokens."""
        longest = max(len(one) for one in ids)
        padded = torch.tensor([[*one, *[0] * (longest - len(one))] for one in ids])
        mask = (torch.arange(longest) < torch.tensor([len(one) for one in ids])[:, None]).long()
        with torch.autocast("cpu", torch.bfloat16):
            said: Tensor = reader(padded, mask)
        return said.float()

    def batches(self, ids: Sequence[Sequence[int]], order: random.Random) -> Iterator[list[int]]:
        """Every row once: shuffled, sorted by length within stretches, and the batches shuffled again."""
        size = self._schedule.batch
        rows = list(range(len(ids)))
        order.shuffle(rows)
        batches = []
        for start in range(0, len(rows), size * POOLED):
            stretch = sorted(rows[start : start + size * POOLED], key=lambda row: len(ids[row]))
            batches += [stretch[begin : begin + size] for begin in range(0, len(stretch), size)]
        order.shuffle(batches)
        yield from batches

    def groups(self, reader: Reader) -> list[dict[str, Any]]:
        """Every parameter with its rate: the readout fastest, each layer below slower than the one above."""
        how, top = self._schedule, reader.layers - 1
        groups = []
        for name, parameter in reader.named_parameters():
            if not parameter.requires_grad:
                continue
            if name.startswith("out."):
                rate = how.learning_rate * how.readout_rate
            else:
                steps = name.split(".")
                below = top - int(steps[3]) if steps[2] == "layer" else top + 1
                rate = how.learning_rate * how.layer_decay**below
            decay = 0.0 if parameter.ndim < 2 else how.weight_decay
            groups.append({"params": [parameter], "lr": rate, "weight_decay": decay})
        return groups
