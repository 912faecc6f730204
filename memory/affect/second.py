"""The second encoder of the accurate reading: MiniLM fine-tuned on ratings, held as changes to the packaged weights.

It shares the word embeddings of the packaged model, which fine-tuning left alone, and differs by a small change to each
other weight. A change is held in 8 bits with a scale for each row (the largest change of the row is 127), so the file
has a byte for each of some ten million weights; vectors are held in half precision. What it reads of a text is blended
with what the PAD head reads of the first pass, axis by axis. The embedding of a text is the first encoder's alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quantum_memory.errors import CorruptRecord, InvalidValue
from quantum_memory.memory.affect.calibration import Calibration
from quantum_memory.memory.affect.weight_files import check_numbers, opened, packaged

if TYPE_CHECKING:
    from torch import Tensor

    from quantum_memory.memory.affect.encoder import Encoder
    from quantum_memory.memory.affect.feeling import Feeling

AXES = 3
FORMAT = "quantum-memory-second-encoder-1"
_CHANGE, _ROW_SCALE, _VECTOR = "change.", "row_scale.", "vector."
_READOUT = ("readout", "readout_bias", "blend")


def packaged_second() -> Path:
    """The weights that come with this package, for all-MiniLM-L6-v2."""
    return packaged("second_encoder.safetensors")


@dataclass(frozen=True)
class Second:
    """The weights and what they were made for.

    Shapes: ``changes`` has a matrix or a vector for each weight of the encoder that was tuned, by its name there;
        ``readout`` (width, 3) and ``readout_bias`` (3,) act on the mean of the last layer, brought to mean 0 and
        deviation 1 within itself, and give standardised ratings; ``blend`` (3,) is its share on each axis.

    Attributes:
        encoder: fingerprint of the encoder that is changed.
        calibration: of the blend with the PAD head.
    """

    encoder: str
    changes: Mapping[str, Tensor]
    readout: Tensor
    readout_bias: Tensor
    blend: Tensor
    calibration: Calibration

    def check_fits(self, encoder: str) -> None:
        """Raises: InvalidValue if these are changes to other weights than those of that fingerprint."""
        if encoder != self.encoder:
            raise InvalidValue(
                "model",
                f"weights {encoder[:16]}",
                f"weights {self.encoder[:16]}, which the second encoder changes "
                "(training/train_pad_head.py trains one for another model)",
            )

    def change(self, model: Any) -> None:
        """Add the changes to a model's weights. Raises: CorruptRecord for a weight it lacks or has in another shape."""
        import torch

        weights = dict(model.named_parameters())
        for name, change in self.changes.items():
            if name not in weights or weights[name].shape != change.shape:
                raise CorruptRecord(FORMAT, f"changes {name} of the shape {tuple(change.shape)}, which is not there")
            with torch.no_grad():
                weights[name] += change.to(weights[name].device)

    def expected(self, whole: Tensor) -> Tensor:
        """Standardised ratings (n, 3) for means of its own encoder's last layer (n, width)."""
        from torch.nn.functional import layer_norm

        return layer_norm(whole, whole.shape[-1:]) @ self.readout + self.readout_bias

    def blended(self, mean: Tensor, second: Tensor) -> Tensor:
        """What the head and the second encoder expect together, (n, 3)."""
        return mean + self.blend * (second - mean)


def save(second: Second, path: Path) -> None:
    """Write the weights as safetensors."""
    import torch
    from safetensors.torch import save as to_bytes

    tensors: dict[str, Tensor] = {}
    for name, change in second.changes.items():
        if change.ndim == 2:
            scale = change.abs().amax(dim=1).clamp_min(1e-12) / 127.0
            tensors[_CHANGE + name] = (change / scale[:, None]).round().to(torch.int8).contiguous()
            tensors[_ROW_SCALE + name] = scale.to(torch.float32).contiguous()
        else:
            tensors[_VECTOR + name] = change.to(torch.float16).contiguous()
    tensors |= {name: getattr(second, name).to("cpu", torch.float32).contiguous() for name in _READOUT}
    tensors |= second.calibration.tensors()
    path.write_bytes(to_bytes(tensors, metadata={FORMAT: json.dumps({"encoder": second.encoder})}))


def load(path: Path, device: str = "cpu") -> Second:
    """Read what ``save`` wrote. Raises: InvalidValue if there is no file, CorruptRecord if it is another."""
    import torch

    metadata, tensors = opened(path, "second encoder", device)
    missing = {*_READOUT, *Calibration.NAMES} - set(tensors)
    if FORMAT not in metadata or missing:
        raise CorruptRecord(str(path), f"is not a second encoder of the format {FORMAT}")
    whole = {name: tensors[name].to(torch.float32) for name in (*_READOUT, *Calibration.NAMES)}
    try:
        encoder = str(json.loads(metadata[FORMAT])["encoder"])
        changes = _changes(tensors)
    except (ValueError, TypeError, KeyError, RuntimeError) as error:
        raise CorruptRecord(str(path), f"does not hold what it says: {error}") from error
    check_numbers("readout", whole["readout"], (*whole["readout"].shape[:1], AXES), path)
    for name in ("readout_bias", "blend"):
        check_numbers(name, whole[name], (AXES,), path)
    readout = {name: whole[name] for name in _READOUT}
    return Second(encoder, changes, **readout, calibration=Calibration.of(whole, path))


def _changes(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    import torch

    changes = {}
    for name, tensor in tensors.items():
        if name.startswith(_CHANGE):
            scale = tensors[_ROW_SCALE + name.removeprefix(_CHANGE)]
            changes[name.removeprefix(_CHANGE)] = tensor.to(torch.float32) * scale[:, None]
        elif name.startswith(_VECTOR):
            changes[name.removeprefix(_VECTOR)] = tensor.to(torch.float32)
    return changes


class SecondReader:
    """Blends what the PAD head expects with what the fine-tuned encoder reads of the same texts.

    Args:
        second: the weights.
        encoder: an ``Encoder`` that carries their changes.
    """

    def __init__(self, second: Second, encoder: Encoder) -> None:
        self._second, self._encoder = second, encoder

    def feelings(self, mean: Tensor, variance: Tensor, texts: Sequence[str]) -> list[Feeling]:
        """A feeling for each text by both, where the head alone expects ``mean`` and ``variance``, (n, 3) each."""
        second = self._second.expected(self._encoder.read(texts).whole)
        return self._second.calibration.feelings(self._second.blended(mean, second), variance)
