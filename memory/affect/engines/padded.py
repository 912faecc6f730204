"""The engine of transformers: windows padded to the longest of their batch. Runs any model on any device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from quantum_memory.memory.affect.windows import Window

if TYPE_CHECKING:
    import torch
    from torch import Tensor

_MOST_WINDOWS = {"cpu": 8, "cuda": 64}
"""On a CPU more padding costs more than larger products spare."""


class Padded:
    """An ``Engine`` that calls the model as transformers made it.

    Args:
        model: a model of transformers on ``device`` that gives its hidden states.
        padding: the token that fills up.
    """

    most_tokens = 1 << 30  # only the number of windows counts

    def __init__(self, model: Any, device: torch.device, padding: int) -> None:
        self._model, self._device, self._padding = model, device, padding
        self.most_windows = _MOST_WINDOWS[device.type]

    def sums(self, windows: Sequence[Window]) -> Tensor:
        """See ``Engine``."""
        import torch

        longest = max(len(window.ids) for window in windows)
        ids = torch.tensor([window.ids + [self._padding] * (longest - len(window.ids)) for window in windows])
        lengths = torch.tensor([len(window.ids) for window in windows])
        mask = torch.arange(longest) < lengths[:, None]
        counted = mask.clone()
        for row, window in enumerate(windows):
            counted[row, list(window.out)] = False
        mask, counted = mask.to(self._device), counted.to(self._device)
        read = self._model(input_ids=ids.to(self._device), attention_mask=mask.long(), output_hidden_states=True)
        weights = counted.float().unsqueeze(1)
        sums = [weights @ hidden for hidden in read.hidden_states]
        some_out = any(window.out for window in windows)
        sums.append(mask.float().unsqueeze(1) @ read.hidden_states[-1] if some_out else sums[-1])
        return torch.cat(sums, dim=1)
