"""The engine without padding: a BERT on a CPU, its windows laid end to end. Knows no device but the CPU.

All that treats tokens one by one, which is nearly all of the work, runs over the tokens of a whole batch as one matrix;
only the attention takes windows apart, those of one length together. So nothing is computed for padding, and a batch
may be large. The matrices are multiplied by oneDNN, which torch uses by itself for convolutions but not for matrices in
single precision: there it calls MKL, whose kernels for CPUs that are not Intel's do half as much or less. Where torch
was built without oneDNN, its own product does the same.

In bfloat16 a number has 8 bits of mantissa, and sums are still made in single precision. What a model reads from a
window moves by less than 1e-3 in cosine; the engine is refused where the CPU has no instructions for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from quantum_memory.memory.affect.windows import Window

if TYPE_CHECKING:
    import torch
    from torch import Tensor

_ROWS = 128
"""Rows of a product for which oneDNN lays weights out; others are multiplied with the same layout."""
_PROBES = (1, 2, 5, 9, 17, 33, 64, 96)


class Packed:
    """An ``Engine`` for a model of which ``obstacle`` found nothing to say.

    Args:
        model: a BERT of transformers. Its weights are copied into another layout; the model is not needed afterwards.
        half: whether to compute in bfloat16.
    """

    most_windows = 64
    most_tokens = 2048

    def __init__(self, model: Any, *, half: bool = False) -> None:
        import torch

        self._type = torch.bfloat16 if half else torch.float32
        words, config = model.embeddings, model.config
        self._heads, self._width = int(config.num_attention_heads), int(config.hidden_size)
        self._words = words.word_embeddings.weight.detach()
        # There is one text to a window, so its tokens are all of the first type.
        self._places = (words.position_embeddings.weight + words.token_type_embeddings.weight[0]).detach()
        self._first = _Norm.of(words.LayerNorm, torch.float32)
        self._blocks = [_Block.of(layer, self._type) for layer in model.encoder.layer]

    def sums(self, windows: Sequence[Window]) -> Tensor:
        """See ``Engine``."""
        import torch

        lengths = torch.tensor([len(window.ids) for window in windows])
        ids = torch.tensor(list(chain.from_iterable(window.ids for window in windows)))
        starts = lengths.cumsum(0) - lengths
        owners = torch.repeat_interleave(torch.arange(len(windows)), lengths)
        counted = owners.clone()
        for start, window in zip(starts.tolist(), windows, strict=True):
            # What is out goes to a sum after those of the windows, which nobody reads.
            counted[[start + place for place in window.out]] = len(windows)
        sums = torch.zeros(len(self._blocks) + 2, len(windows) + 1, self._width)
        hidden = self._first(self._words[ids] + self._places[torch.arange(len(ids)) - starts[owners]])
        sums[0].index_add_(0, counted, hidden)
        hidden = hidden.to(self._type)
        runs = [(length, len(list(run))) for length, run in groupby(lengths.tolist())]
        for number, block in enumerate(self._blocks, start=1):
            hidden = block(hidden, runs, self._heads)
            sums[number].index_add_(0, counted, hidden.float())
        sums[-1].index_add_(0, owners, hidden.float())
        return sums[:, :-1].transpose(0, 1)


class _Norm(NamedTuple):
    """A layer normalisation."""

    weight: Tensor
    bias: Tensor
    epsilon: float

    @classmethod
    def of(cls, module: Any, dtype: torch.dtype) -> _Norm:
        return cls(module.weight.detach().to(dtype), module.bias.detach().to(dtype), float(module.eps))

    def __call__(self, rows: Tensor) -> Tensor:
        from torch.nn.functional import layer_norm

        return layer_norm(rows, (rows.shape[-1],), self.weight, self.bias, self.epsilon)


class _Linear:
    """Rows times a matrix, plus a bias, by oneDNN where it can."""

    def __init__(self, weight: Tensor, bias: Tensor, *, gelu: bool = False) -> None:
        import torch

        self._bias, self._gelu = bias.detach(), gelu
        self._weight, self._packed = weight.detach(), _onednn()
        if self._packed:
            self._weight = torch.ops.mkldnn._reorder_linear_weight(self._weight, _ROWS)  # noqa: SLF001 - see _onednn

    def __call__(self, rows: Tensor) -> Tensor:
        import torch
        from torch.nn.functional import gelu, linear

        if self._packed:
            after, exact = ("gelu", "none") if self._gelu else ("none", "")
            product: Tensor = torch.ops.mkldnn._linear_pointwise(rows, self._weight, self._bias, after, [], exact)  # noqa: SLF001 - see _onednn
            return product
        product = linear(rows, self._weight, self._bias)
        return gelu(product) if self._gelu else product


class _Block(NamedTuple):
    """One layer of a BERT: attention, then two products, each added to what it was made from and normalised."""

    asked: _Linear
    joined: _Linear
    joined_norm: _Norm
    widened: _Linear
    narrowed: _Linear
    narrowed_norm: _Norm

    @classmethod
    def of(cls, layer: Any, dtype: torch.dtype) -> _Block:
        import torch

        def linear(*modules: Any, gelu: bool = False) -> _Linear:
            weight = torch.cat([module.weight for module in modules]).to(dtype)
            return _Linear(weight, torch.cat([module.bias for module in modules]).to(dtype), gelu=gelu)

        inside, joined = layer.attention.self, layer.attention.output
        return cls(
            linear(inside.query, inside.key, inside.value),
            linear(joined.dense),
            _Norm.of(joined.LayerNorm, dtype),
            linear(layer.intermediate.dense, gelu=True),
            linear(layer.output.dense),
            _Norm.of(layer.output.LayerNorm, dtype),
        )

    def __call__(self, hidden: Tensor, runs: Sequence[tuple[int, int]], heads: int) -> Tensor:
        """The next hidden states, (tokens, width), of windows that come in runs of equal (length, count)."""
        hidden = self.joined_norm(self.joined(self._attended(self.asked(hidden), runs, heads)) + hidden)
        return self.narrowed_norm(self.narrowed(self.widened(hidden)) + hidden)

    @staticmethod
    def _attended(asked: Tensor, runs: Sequence[tuple[int, int]], heads: int) -> Tensor:
        """What each token takes from the others of its window, for queries, keys and values (tokens, 3 * width)."""
        from torch.nn.functional import scaled_dot_product_attention

        tokens, width = asked.shape[0], asked.shape[1] // 3
        found = asked.new_empty(tokens, width)
        start = 0
        for length, count in runs:
            end = start + length * count
            parts = asked[start:end].view(count, length, 3, heads, width // heads).permute(2, 0, 3, 1, 4)
            mixed = scaled_dot_product_attention(parts[0], parts[1], parts[2])
            found[start:end] = mixed.transpose(1, 2).reshape(end - start, width)
            start = end
        return found


def _onednn() -> bool:
    """Whether this torch multiplies matrices by oneDNN: through the operations that its own compiler emits."""
    import torch

    names = ("_reorder_linear_weight", "_linear_pointwise")
    available: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]  # torch leaves it so
    return available and all(hasattr(torch.ops.mkldnn, name) for name in names)


def obstacle(model: Any, device: torch.device, *, half: bool) -> str | None:
    """Why a model cannot be read so on this machine; nothing if it can."""
    config = model.config
    if device.type != "cpu":
        return f"the device is {device.type}"
    # Configurations of other models lack some of these, and newer ones of BERT the last.
    found = config.model_type, getattr(config, "is_decoder", False), getattr(config, "hidden_act", None)
    places = getattr(config, "position_embedding_type", "absolute")
    if (*found, places) != ("bert", False, "gelu", "absolute"):
        return f"the model is no BERT encoder with GELU but {found[0]}, {found[2]}, positions {places}"
    return _no_bfloat16() if half else None


def _no_bfloat16() -> str | None:
    """Why bfloat16 should not be used here: there are no instructions, or rows of a product depend on one another.

    In bfloat16 a sum made in another order may round to a number that differs by 1/256, so that the law of batches
    needs the same order for any number of rows; oneDNN promises none, and what it does is tried here.
    """
    import torch

    if not (_onednn() and torch.ops.mkldnn._is_mkldnn_bf16_supported()):  # noqa: SLF001 - there is no public name
        return "this CPU has no instructions for bfloat16"
    chance = torch.Generator().manual_seed(0)  # sums of smooth numbers come out alike in any order
    rows = torch.randn(300, 1536, generator=chance).bfloat16()
    weight = torch.randn(384, 1536, generator=chance).mul_(0.05).bfloat16()
    product = _Linear(weight, rows[0, :384])
    with torch.inference_mode():
        together = product(rows)
        if all(torch.equal(product(rows[:count]), together[:count]) for count in _PROBES):
            return None
    return "bfloat16 on this CPU gives a row another value in another batch"
