"""Where a model runs and how exact, as somebody wishes and as the machine can. Loads nothing.

``device`` is the same three words for every model: "cpu", "cuda", and "auto", which is cuda where there is one.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal

from quantum_memory.errors import InvalidValue, MissingDependency

if TYPE_CHECKING:
    import torch

DTYPES = ("auto", "float32", "float16", "bfloat16")
QUANTIZATIONS = ("none", "8bit", "4bit")
DEVICES = ("auto", "cpu", "cuda")
Dtype = Literal["auto", "float32", "float16", "bfloat16"]
Quantization = Literal["none", "8bit", "4bit"]


@dataclass(frozen=True)
class Placement:
    """Where a model runs, and how exact.

    Attributes:
        device: "cpu", "cuda", or "auto", which is cuda where there is one.
        dtype: "auto" is float16 on CUDA and float32 on a CPU.
        quantization: weights of 8 or 4 bits through bitsandbytes, on CUDA only.

    Raises: InvalidValue, MissingDependency.
    """

    device: str = "auto"
    dtype: Dtype = "auto"
    quantization: Quantization = "none"

    def __post_init__(self) -> None:
        for name, value, known in (
            ("device", self.device, DEVICES),
            ("dtype", self.dtype, DTYPES),
            ("quantization", self.quantization, QUANTIZATIONS),
        ):
            if value not in known:
                raise InvalidValue(name, repr(value), f"one of {', '.join(known)}")

    def checked(self, cuda: bool) -> str:
        """The device, "cpu" or "cuda", on a machine that has CUDA or not. Raises: InvalidValue, MissingDependency."""
        if self.device == "cuda" and not cuda:
            raise InvalidValue("device", "'cuda'", "a device of this machine, where torch finds no CUDA")
        device = "cpu" if self.device == "cpu" or not cuda else "cuda"
        if self.quantization != "none":
            if device != "cuda":
                raise InvalidValue("quantization", repr(self.quantization), f"'none' on {device}: it needs CUDA")
            if find_spec("bitsandbytes") is None:
                advice = "pip install 'quantum-memory[quantized]'"
                raise MissingDependency("bitsandbytes", f"quantization {self.quantization}", advice)
        return device

    def dtype_on(self, device: str) -> str:
        """The name of the type of number there."""
        if self.dtype != "auto":
            return self.dtype
        return "float16" if device == "cuda" else "float32"

    def arguments(self, cuda: bool) -> dict[str, Any]:
        """What ``from_pretrained`` is to be told. Raises: InvalidValue, MissingDependency."""
        import torch

        device = self.checked(cuda)
        dtype = getattr(torch, self.dtype_on(device))
        # Accelerate spreads a model over all GPUs that this process sees, and over the CPU where they are too small.
        told: dict[str, Any] = {"dtype": dtype, "device_map": "auto" if device == "cuda" else {"": "cpu"}}
        if self.quantization != "none":
            told["quantization_config"] = quantized(self.quantization, dtype)
        return told


def quantized(quantization: Quantization, dtype: torch.dtype) -> Any:
    """The configuration for bitsandbytes: 4 bits as normal floats, their scales quantised once more, or 8 bits."""
    from transformers import BitsAndBytesConfig

    told: dict[str, Any] = {"load_in_8bit": True}
    if quantization == "4bit":
        told = {
            "load_in_4bit": True,
            "bnb_4bit_quant_type": "nf4",
            "bnb_4bit_use_double_quant": True,
            "bnb_4bit_compute_dtype": dtype,
        }
    return BitsAndBytesConfig(**told)  # type: ignore[no-untyped-call]  # transformers leaves it without annotations
