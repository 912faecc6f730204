"""The PAD head: means of an encoder's hidden layers to a feeling and how far to trust it. Never sees a text.

An ensemble of small networks, each of which names a mean and a variance for every axis. The feeling is the average of
the means. Its variance is that of the mixture, the average of the named variances plus the variance of the means
(Lakshminarayanan, Pritzel and Blundell, 2017), scaled per axis so that it fits errors on texts kept out of training.

The confidence says how much better the feeling is than none. Let d be its distance from neutral in standard
deviations, and P = Phi(d / 2) the probability, under that Gaussian, that a reader's rating lies nearer to the feeling
than to neutral, in the same units. P runs from 1/2, a guess, to 1, and the confidence is 2 P - 1: 0 for a text in which
nothing is felt, near 1 for a strong feeling that is read with little doubt. So it can be checked by counting: of the
texts with confidence 0.6, eight in ten should be rated nearer to what was read than to neutral. (The deviations alone
would not do: they are smallest for texts without any feeling, and largest for the strongest.)
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from quantum_memory.errors import CorruptRecord, InvalidValue, ShapeMismatch
from quantum_memory.memory.affect.feeling import LEAST_SPREAD, MOST_SPREAD, Feeling
from quantum_memory.types import PAD

if TYPE_CHECKING:
    from torch import Tensor

AXES = 3
LOG_VARIANCE = (-6.0, 4.0)
"""Bounds of a network's log variance, in units of the labels' variance; the same in training."""

FORMAT = "quantum-memory-pad-head-1"


def packaged_head() -> Path:
    """The weights that come with this package, for all-MiniLM-L6-v2."""
    return Path(str(resources.files("quantum_memory.memory.affect") / "weights" / "pad_head.safetensors"))


@dataclass(frozen=True)
class PadHead:
    """The weights of the ensemble, and what they were made for.

    Shapes: for m networks of h hidden units over f = layers * width features: ``shift`` and ``scale`` (f,), which bring
        features to mean 0 and deviation 1; ``hidden`` (f, m * h), ``hidden_bias`` (m * h,); ``out`` (m, h, 6) and
        ``out_bias`` (m, 6) for three means and three log variances; ``label_mean``, ``label_scale`` and
        ``sigma_scale`` (3,).

    Attributes:
        encoder: fingerprint of the encoder whose features it was trained on.
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
    label_mean: Tensor
    label_scale: Tensor
    sigma_scale: Tensor

    def __call__(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Feelings (n, 3) in [-1, 1] and confidences (n,) in [0, 1] for features (n, layers, width)."""
        mean, sigma = self.gaussian(features)
        return mean.clamp(-1.0, 1.0), self.confidence(mean, sigma)

    def feelings(self, features: Tensor) -> list[Feeling]:
        """A feeling for each of (n, layers, width) features."""
        mean, sigma = self.gaussian(features)
        rows = zip(
            mean.clamp(-1.0, 1.0).tolist(),
            sigma.clamp(LEAST_SPREAD, MOST_SPREAD).tolist(),
            self.confidence(mean, sigma).tolist(),
            strict=True,
        )
        return [Feeling(PAD(*pad), (spread[0], spread[1], spread[2]), sure) for pad, spread, sure in rows]

    def gaussian(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of the rating on each axis, (n, 3) each, in units of PAD."""
        from torch.nn.functional import gelu

        if features.ndim != 3 or tuple(features.shape[1:]) != (self.layers, self.width):
            raise ShapeMismatch("features", ("n", self.layers, self.width), tuple(features.shape))
        networks, units, _ = self.out.shape
        flat = (features.flatten(1) - self.shift) / self.scale
        units_on = gelu(flat @ self.hidden + self.hidden_bias).view(-1, networks, units).transpose(0, 1)
        named = units_on @ self.out + self.out_bias[:, None, :]
        means, variances = named[..., :AXES], named[..., AXES:].clamp(*LOG_VARIANCE).exp()
        variance = variances.mean(0) + means.var(0, correction=0)
        sigma = variance.sqrt() * self.sigma_scale * self.label_scale
        return means.mean(0) * self.label_scale + self.label_mean, sigma

    @staticmethod
    def confidence(mean: Tensor, sigma: Tensor) -> Tensor:
        """2 Phi(d / 2) - 1, (n,), for means and standard deviations (n, 3)."""
        import torch

        distance = (mean / sigma).norm(dim=-1)
        return torch.erf(distance / (2.0 * math.sqrt(2.0))).clamp(0.0, 1.0)

    def check_fits(self, layers: int, width: int, encoder: str) -> None:
        """Raises: InvalidValue if this head was not trained on such an encoder."""
        if (layers, width) != (self.layers, self.width):
            raise InvalidValue(
                "model",
                f"{layers} layers of width {width}",
                f"{self.layers} layers of width {self.width}, which the PAD head was trained on "
                "(training/train_pad_head.py trains one for another model)",
            )
        if encoder != self.encoder:
            raise InvalidValue(
                "model",
                f"weights {encoder[:16]}",
                f"weights {self.encoder[:16]}, which the PAD head was trained on "
                "(training/train_pad_head.py trains one for another model)",
            )


_HALF = ("hidden", "out")
_WHOLE = ("shift", "scale", "hidden_bias", "out_bias", "label_mean", "label_scale", "sigma_scale")


def save(head: PadHead, path: Path) -> None:
    """Write a head as safetensors: the matrices in half precision, all else in single."""
    import torch
    from safetensors.torch import save as to_bytes

    tensors = {name: getattr(head, name).to("cpu", torch.float16).contiguous() for name in _HALF}
    tensors |= {name: getattr(head, name).to("cpu", torch.float32).contiguous() for name in _WHOLE}
    made_for = {"layers": head.layers, "width": head.width, "encoder": head.encoder}
    # One entry, because safetensors writes several in any order, and equal heads should make equal files.
    metadata = {FORMAT: json.dumps(made_for, sort_keys=True)}
    path.write_bytes(to_bytes(tensors, metadata=metadata))


def load(path: Path, device: str = "cpu") -> PadHead:
    """Read a head that ``save`` wrote. Raises: InvalidValue if there is no file, CorruptRecord if it is another."""
    import torch
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise InvalidValue("head", repr(str(path)), "a file of weights")
    try:
        with safe_open(path, framework="pt", device=device) as file:
            metadata: Mapping[str, str] = file.metadata() or {}
            tensors = {name: file.get_tensor(name).to(torch.float32) for name in file.keys()}  # noqa: SIM118 - no dict
    except SafetensorError as error:
        raise CorruptRecord(str(path), f"is not a safetensors file: {error}") from error
    if FORMAT not in metadata or set(tensors) != {*_HALF, *_WHOLE}:
        raise CorruptRecord(str(path), f"is not a PAD head of the format {FORMAT}")
    try:
        head = PadHead(**json.loads(metadata[FORMAT]), **tensors)
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
        "label_mean": (AXES,),
        "label_scale": (AXES,),
        "sigma_scale": (AXES,),
    }
    for name, shape in wanted.items():
        found = tuple(getattr(head, name).shape)
        if found != shape:
            raise CorruptRecord(str(path), f"{name} has the shape {found}, expected {shape}")
