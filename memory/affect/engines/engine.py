"""What an engine is, and which one reads a model. Runs nothing itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args

from quantum_memory.errors import InvalidValue
from quantum_memory.memory.affect.engines.packed import Packed, obstacle
from quantum_memory.memory.affect.engines.padded import Padded
from quantum_memory.memory.affect.windows import Window

if TYPE_CHECKING:
    import torch
    from torch import Tensor

EngineName = Literal["auto", "transformers", "packed", "packed-bf16"]
"""``transformers`` runs any model on any device. ``packed`` runs a BERT on a CPU without padding and gives the same
numbers but for rounding, ``packed-bf16`` in half of single precision where the CPU multiplies that. ``auto`` is
``packed`` where that can run, else ``transformers``."""


class Engine(Protocol):
    """A model that is ready to run.

    Law: the sums of a window depend on nothing else in its batch, so that a text's means are the same in any batch, to
        1e-5 in each number.

    Attributes:
        most_windows: how many windows one pass should have at most, if the caller has no wish.
        most_tokens: how many tokens they should have together at most; a single window may have more.
    """

    most_windows: int
    most_tokens: int

    def sums(self, windows: Sequence[Window]) -> Tensor:
        """Sums over each window, (b, layers + 1, width) float32: every layer without ``out``, then the last over all.

        It is fastest where windows of equal length stand together.
        """
        ...


def engine_for(name: EngineName, model: Any, device: torch.device, padding: int) -> Engine:
    """The engine of that name for a model of transformers.

    Raises: InvalidValue if there is none of that name, or if it cannot run this model on this machine.
    """
    if name not in get_args(EngineName):
        raise InvalidValue("engine", repr(name), "one of " + ", ".join(get_args(EngineName)))
    if name == "transformers":
        return Padded(model, device, padding)
    half = name == "packed-bf16"
    against = obstacle(model, device, half=half)
    if against is None:
        return Packed(model, half=half)
    if name == "auto":
        return Padded(model, device, padding)
    raise InvalidValue("engine", repr(name), f"auto or transformers, because {against}")
