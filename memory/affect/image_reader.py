"""Feelings of images: by a classifier of images, or by a backbone and a PAD head. Owns the model and its batches."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from quantum_memory.checks import whole
from quantum_memory.errors import MissingModel
from quantum_memory.memory.affect import head as heads
from quantum_memory.memory.affect.feeling import Feeling
from quantum_memory.memory.affect.images import MAX_BYTES, MAX_PIXELS, decode
from quantum_memory.memory.affect.loading import (
    POOLER,
    Source,
    fingerprint,
    in_memory,
    load_config,
    load_image_processor,
    load_model,
)
from quantum_memory.memory.affect.placement import Placement
from quantum_memory.memory.affect.readout import Reading, Readout

if TYPE_CHECKING:
    from torch import Tensor

MAX_BATCH = 4096
SETTING = "perception.image.labels"
TRAINER = "training/train_image_head.py"


class _Eye:
    """Images to the tensors that a model takes."""

    def __init__(self, source: Source, placement: Placement, max_bytes: int, max_pixels: int) -> None:
        self._processor = load_image_processor(source)
        self._limits = (max_bytes, max_pixels)
        self.source, self.placement = source, placement

    def pixels(self, images: Sequence[bytes]) -> Tensor:
        """(n, channels, height, width), all of the processor's size. Raises: InvalidValue, TooLong."""
        import torch

        # One after the other: a photo of 40 million pixels takes 120 MB before it is scaled down.
        return torch.cat([self._scaled(image) for image in images])

    def _scaled(self, image: bytes) -> Tensor:
        tensor: Tensor = self._processor(images=[decode(image, *self._limits)], return_tensors="pt")["pixel_values"]
        return tensor


class ImageClassifier:
    """An ``ImageReader`` by a classifier of images whose labels name feelings, as those trained on faces do.

    Args:
        source: the model, with its ``preprocessor_config.json``.
        placement: where it runs, and how exact.
        reading: what its outputs mean.
        batch_size: images in one forward pass.
        max_bytes, max_pixels: of an image.

    Raises: MissingModel, MissingDependency, CorruptRecord, InvalidValue, UnknownLabels, OutOfRange. One owner calls it;
        it is not thread-safe.
    """

    def __init__(
        self,
        source: Source,
        placement: Placement | None = None,
        reading: Reading | None = None,
        *,
        batch_size: int = 16,
        max_bytes: int = MAX_BYTES,
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        from transformers import AutoModelForImageClassification

        self._batch_size = whole("batch_size", batch_size, 1, MAX_BATCH)
        config = load_config(source)
        self._readout = Readout.of(config, reading or Reading(), source.model, SETTING)
        self._eye = _Eye(source, placement or Placement(), max_bytes, max_pixels)
        self._model = load_model(AutoModelForImageClassification, source, self._eye.placement, config)

    @property
    def kind(self) -> str:
        """What its outputs are: single, multi or regression."""
        return self._readout.kind

    @property
    def labels(self) -> tuple[str, ...]:
        """The model's names for its outputs."""
        return self._readout.labels

    def read(self, images: Sequence[bytes]) -> list[Feeling]:
        """A feeling for each image. Raises: InvalidValue, TooLong; CorruptRecord for an output that is no number."""
        import torch

        if not images:
            return []
        outputs = np.empty((len(images), len(self._readout.labels)), dtype=np.float64)
        with torch.inference_mode(), in_memory(self._eye.source.model):
            for start in range(0, len(images), self._batch_size):
                pixels = self._eye.pixels(images[start : start + self._batch_size])
                logits = self._model(pixel_values=_on(self._model, pixels)).logits
                outputs[start : start + len(pixels)] = logits.float().cpu().numpy()
        return self._readout.feelings(self._readout.moments(outputs))


class Backbone:
    """Pooled features of images by a model without a head: what a ``PadHead`` for images is trained on and asked with.

    A model that gives tokens (a ViT) has two parts, the first token and the mean of all; one that gives maps (a
    convolutional network) has the mean over places.

    Raises: as ``ImageClassifier``.
    """

    def __init__(
        self,
        source: Source,
        placement: Placement | None = None,
        *,
        batch_size: int = 16,
        max_bytes: int = MAX_BYTES,
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        from transformers import AutoModel

        self._batch_size = whole("batch_size", batch_size, 1, MAX_BATCH)
        config = load_config(source)
        self._eye = _Eye(source, placement or Placement(), max_bytes, max_pixels)
        self._model = load_model(AutoModel, source, self._eye.placement, config, unused=POOLER)

    @property
    def device(self) -> str:
        """Where it runs."""
        return str(self._model.device)

    @property
    def fingerprint(self) -> str:
        """A name for these very weights; see ``loading.fingerprint``."""
        return fingerprint(self._model)

    def features(self, images: Sequence[bytes]) -> Tensor:
        """(n, f) float32, n of 1 or more. Raises: InvalidValue, TooLong."""
        import torch

        parts = []
        with torch.inference_mode(), in_memory(self._eye.source.model):
            for start in range(0, len(images), self._batch_size):
                pixels = self._eye.pixels(images[start : start + self._batch_size])
                parts.append(_pooled(self._model(pixel_values=_on(self._model, pixels)).last_hidden_state.float()))
        # Out of inference mode, in which they were made, or no gradient could be taken over them.
        return torch.cat(parts).clone()


def load_head(path: Path, device: str = "cpu") -> heads.PadHead:
    """A head that the script for images wrote. Raises: MissingModel if there is none, CorruptRecord."""
    if not path.is_file():
        raise MissingModel(str(path), "there is no such file", f"{TRAINER} makes one")
    return heads.load(path, device)


class ImageHeadReader:
    """An ``ImageReader`` by a backbone and a PAD head that was trained on its features.

    Args:
        backbone: the model.
        head: the weights that ``training/train_image_head.py`` wrote.

    Raises: MissingModel, CorruptRecord; InvalidValue if the head was trained on another model.
    """

    def __init__(self, backbone: Backbone, head: Path) -> None:
        self._backbone = backbone
        self._head = load_head(head, backbone.device)
        self._head.check_trained_on(backbone.fingerprint, TRAINER)

    def read(self, images: Sequence[bytes]) -> list[Feeling]:
        """A feeling for each image. Raises: InvalidValue, TooLong."""
        return self._head.feelings(self._backbone.features(images)[:, None]) if images else []


def _on(model: Any, pixels: Tensor) -> Tensor:
    """The pixels where the model is, as numbers of its kind."""
    return pixels.to(model.device, model.dtype)


def _pooled(hidden: Tensor) -> Tensor:
    """Features (n, f) of tokens (n, t, w), maps (n, w, y, x) or what is pooled already (n, w)."""
    import torch

    if hidden.ndim == 3:
        return torch.cat([hidden[:, 0], hidden.mean(1)], dim=1)
    return hidden.mean((2, 3)) if hidden.ndim == 4 else hidden
