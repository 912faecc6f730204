"""The PAD head: features of a text or an image to a feeling and how far to trust it. Never sees either.

Of a text the features are the means of an encoder's hidden layers, of an image what a backbone pools, as one layer.

An ensemble of small networks, each of which names a mean and a variance for every axis, in units of the ratings'
deviation. What is expected is the average of the means. Its variance is that of the mixture, the average of the named
variances plus the variance of the means (Lakshminarayanan, Pritzel and Blundell, 2017). ``calibration`` makes a feeling
of them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quantum_memory.errors import CorruptRecord, InvalidValue, ShapeMismatch
from quantum_memory.memory.affect.calibration import Calibration
from quantum_memory.memory.affect.weight_files import check_numbers, opened, packaged

if TYPE_CHECKING:
    from torch import Tensor

    from quantum_memory.memory.affect.feeling import Feeling

AXES = 3
LOG_VARIANCE = (-6.0, 4.0)
"""Bounds of a network's log variance, in units of the labels' variance; the same in training."""

FORMAT = "quantum-memory-pad-head-2"


def packaged_head() -> Path:
    """The weights that come with this package, for all-MiniLM-L6-v2."""
    return packaged("pad_head.safetensors")


@dataclass(frozen=True)
class PadHead:
    """The weights of the ensemble, and what they were made for.

    Shapes: for m networks of h hidden units over f = layers * width features: ``shift`` and ``scale`` (f,), which bring
        features to mean 0 and deviation 1; ``hidden`` (f, m * h), ``hidden_bias`` (m * h,); ``out`` (m, h, 6) and
        ``out_bias`` (m, 6) for three means and three log variances.

    Attributes:
        encoder: fingerprint of the encoder or backbone whose features it was trained on.
        calibration: of this head alone.
    """

    layers: int
    width: int
    encoder: str
    shift: Tensor
    scale: Tensor
    hidden: Tensor
    hidden_bias: Tensor
    out: Tensor
    out_bias: Tensor
    calibration: Calibration

    def feelings(self, features: Tensor) -> list[Feeling]:
        """A feeling for each of (n, layers, width) features. Raises: ShapeMismatch."""
        return self.calibration.feelings(*self.expectations(features))

    def expectations(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance of the standardised rating on each axis, (n, 3) each. Raises: ShapeMismatch."""
        from torch.nn.functional import gelu

        if features.ndim != 3 or tuple(features.shape[1:]) != (self.layers, self.width):
            raise ShapeMismatch("features", ("n", self.layers, self.width), tuple(features.shape))
        networks, units, _ = self.out.shape
        flat = (features.flatten(1) - self.shift) / self.scale
        units_on = gelu(flat @ self.hidden + self.hidden_bias).view(-1, networks, units).transpose(0, 1)
        named = units_on @ self.out + self.out_bias[:, None, :]
        means, variances = named[..., :AXES], named[..., AXES:].clamp(*LOG_VARIANCE).exp()
        return means.mean(0), variances.mean(0) + means.var(0, correction=0)

    def check_fits(self, layers: int, width: int, encoder: str) -> None:
        """Raises: InvalidValue if this head was not trained on such an encoder."""
        if (layers, width) != (self.layers, self.width):
            raise InvalidValue(
                "model",
                f"{layers} layers of width {width}",
                f"{self.layers} layers of width {self.width}, which the PAD head was trained on "
                "(training/train_pad_head.py trains one for another model)",
            )
        self.check_trained_on(encoder)

    def check_trained_on(self, encoder: str, script: str = "training/train_pad_head.py") -> None:
        """Raises: InvalidValue if this head was not trained on the weights with this fingerprint."""
        if encoder != self.encoder:
            raise InvalidValue(
                "model",
                f"weights {encoder[:16]}",
                f"weights {self.encoder[:16]}, which the PAD head was trained on "
                f"({script} trains one for another model)",
            )


_HALF = ("hidden", "out")
_WHOLE = ("shift", "scale", "hidden_bias", "out_bias")


def save(head: PadHead, path: Path) -> None:
    """Write a head as safetensors: the matrices in half precision, all else in single."""
    import torch
    from safetensors.torch import save as to_bytes

    tensors = {name: getattr(head, name).to("cpu", torch.float16).contiguous() for name in _HALF}
    tensors |= {name: getattr(head, name).to("cpu", torch.float32).contiguous() for name in _WHOLE}
    tensors |= head.calibration.tensors()
    made_for = {"layers": head.layers, "width": head.width, "encoder": head.encoder}
    # One entry, because safetensors writes several in any order, and equal heads should make equal files.
    metadata = {FORMAT: json.dumps(made_for, sort_keys=True)}
    path.write_bytes(to_bytes(tensors, metadata=metadata))


def load(path: Path, device: str = "cpu") -> PadHead:
    """Read a head that ``save`` wrote. Raises: InvalidValue if there is no file, CorruptRecord if it is another."""
    import torch

    metadata, found = opened(path, "head", device)
    tensors = {name: tensor.to(torch.float32) for name, tensor in found.items()}
    if FORMAT not in metadata or set(tensors) != {*_HALF, *_WHOLE, *Calibration.NAMES}:
        raise CorruptRecord(str(path), f"is not a PAD head of the format {FORMAT}")
    try:
        weights: dict[str, Any] = {name: tensors[name] for name in (*_HALF, *_WHOLE)}
        head = PadHead(**json.loads(metadata[FORMAT]), **weights, calibration=Calibration.of(tensors, path))
    except (ValueError, TypeError) as error:
        raise CorruptRecord(str(path), f"does not say what it was made for: {error}") from error
    _check_shapes(head, path)
    return head


def _check_shapes(head: PadHead, path: Path) -> None:
    features = head.layers * head.width
    networks, units = head.out_bias.shape[0], head.out.shape[1] if head.out.ndim == 3 else 0
    wanted = {
        "shift": (features,),
        "scale": (features,),
        "hidden": (features, networks * units),
        "hidden_bias": (networks * units,),
        "out": (networks, units, 2 * AXES),
        "out_bias": (networks, 2 * AXES),
    }
    for name, shape in wanted.items():
        check_numbers(name, getattr(head, name), shape, path)
