"""Files of weights: where the packaged ones lie, and how one is opened. Knows nothing of what is in them."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from quantum_memory.errors import CorruptRecord, InvalidValue

if TYPE_CHECKING:
    from torch import Tensor


def packaged(name: str) -> Path:
    """The file of that name that comes with this package."""
    return Path(str(resources.files("quantum_memory.memory.affect") / "weights" / name))


def opened(path: Path, what: str, device: str) -> tuple[Mapping[str, str], dict[str, Tensor]]:
    """Metadata and tensors of a safetensors file, as they were written.

    Raises: InvalidValue, which says ``what`` was wanted, if there is no file; CorruptRecord if it is another.
    """
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise InvalidValue(what, repr(str(path)), "a file of weights")
    try:
        with safe_open(path, framework="pt", device=device) as file:
            return file.metadata() or {}, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no dict
    except SafetensorError as error:
        raise CorruptRecord(str(path), f"is not a safetensors file: {error}") from error


def check_numbers(name: str, tensor: Tensor, shape: tuple[int, ...], path: Path) -> None:
    """Let through a tensor of a file that has this shape and holds finite numbers. Raises: CorruptRecord."""
    if tuple(tensor.shape) != shape:
        raise CorruptRecord(str(path), f"{name} has the shape {tuple(tensor.shape)}, expected {shape}")
    if not bool(tensor.isfinite().all()):
        raise CorruptRecord(str(path), f"{name} holds what is no finite number")
